//! The limits of a site: a file that the programs of a machine share.
//!
//! Programs read the file before they judge. The library `libchrony` does not, and [`judge`](crate::judge) does not
//! either: it gets a [`Policy`].

use crate::measure::Measure;
use crate::policy::{Limits, Policy};
use crate::quantity::parse_duration;
use crate::range::Range;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, str};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The size above which a file is refused, in bytes.
const LARGEST: u64 = 65536;
const GRACE: &str = "grace";
const LIMITS: &str = "limits";
const ONE_SOURCE: &str = "one-source-is-enough";
/// The measure that this key is about.
const SOURCES: &str = "sources";
/// The similarity from which a name is suggested, from 0 to 1.
const SIMILAR: f64 = 0.7;

/// The limits of a site, which replace the limits of the measures for all programs of a machine.
///
/// ```
/// use chrony_health::Site;
///
/// let site = Site::parse("grace = '10m'\n[limits]\nbound = '1ms,10ms'\n")?;
/// assert!(site.policy().has("bound"));
/// let error = Site::parse("[limits]\nbond = '1ms,10ms'\n").unwrap_err();
/// assert_eq!(error.to_string(), "line 2, limits.bond: there is no such measure; did you mean bound?");
/// # Ok::<(), chrony_health::SiteError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Site {
    /// The grace period after chronyd's start. `None` keeps [`Policy::GRACE`].
    pub grace: Option<Duration>,
    /// The limits of measures. A measure that is off by default is judged if it is here.
    pub limits: Vec<(&'static Measure, Limits)>,
}

/// The error for a file that is not a site's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", self.place())]
#[non_exhaustive]
pub struct SiteError {
    /// The file. `None` for a text.
    pub file: Option<PathBuf>,
    /// The line, from 1. `None` if the file cannot be read.
    pub line: Option<usize>,
    /// The key, with the name of its table. `None` if the error is not about a key.
    pub key: Option<String>,
    /// The reason, and what would be right.
    pub why: String,
}

impl SiteError {
    fn place(&self) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let line = self.line.map(|line| format!("line {line}"));
        let key = self.key.as_ref().map(|key| key.escape_debug().to_string());
        let place: Vec<_> = [file, line, key].into_iter().flatten().collect();
        if place.is_empty() { String::new() } else { format!("{}: ", place.join(", ")) }
    }
}

impl Site {
    /// The file.
    pub const FILE: &str = "/etc/chrony-health.toml";

    /// The environment variable that names another file.
    pub const VARIABLE: &str = "CHRONY_HEALTH_CONFIG_FILE";

    /// Reads the file that [`VARIABLE`](Self::VARIABLE) names, or else [`FILE`](Self::FILE) if it exists.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn load() -> Result<Self, SiteError> {
        let named = env::var_os(Self::VARIABLE).filter(|name| !name.is_empty());
        let file = PathBuf::from(named.clone().unwrap_or_else(|| OsString::from(Self::FILE)));
        match contents(&file) {
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            contents => Self::of_contents(&file, contents),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`SiteError`] if the file does not exist, cannot be read, or is wrong.
    pub fn read(file: &Path) -> Result<Self, SiteError> {
        Self::of_contents(file, contents(file))
    }

    fn of_contents(file: &Path, contents: io::Result<Vec<u8>>) -> Result<Self, SiteError> {
        let wrong = |line, why| SiteError { file: Some(file.to_owned()), line, key: None, why };
        let bytes = contents.map_err(|error| {
            wrong(None, format!("cannot be read: {error}. Correct the path, or let every user read the file"))
        })?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
            return Err(wrong(None, format!("is larger than {LARGEST} bytes, and so is no file of limits")));
        }
        let text = str::from_utf8(&bytes).map_err(|error| {
            let line = number_of_line(&bytes[..error.valid_up_to()]);
            wrong(Some(line), "not UTF-8; save the file as UTF-8".to_owned())
        })?;
        Self::parse(text).map_err(|error| SiteError { file: Some(file.to_owned()), ..error })
    }

    /// Parses the text of a file, in TOML.
    ///
    /// # Errors
    ///
    /// [`SiteError`] with the line and the key that are wrong.
    pub fn parse(text: &str) -> Result<Self, SiteError> {
        let wrong = |start, key: &str, why| wrong(text, start, Some(key.to_owned()), why);
        let table = DeTable::parse(text).map_err(|error| not_toml(text, &error))?;
        let mut site = Self::default();
        let mut one_source = None;
        for (key, value) in table.get_ref() {
            let name = &**key.get_ref();
            let wrong_value = |why| wrong(value.span().start, name, why);
            match (name, value.get_ref()) {
                (ONE_SOURCE, DeValue::Boolean(is_enough)) => one_source = is_enough.then_some(key),
                (ONE_SOURCE, _) => return Err(wrong_value("write true or false, without quotes".to_owned())),
                (GRACE, value) => site.grace = Some(grace(value).map_err(wrong_value)?),
                (LIMITS, DeValue::Table(limits)) => {
                    for (key, value) in limits {
                        let name = format!("{LIMITS}.{}", key.get_ref());
                        let measure = measure(key.get_ref()).map_err(|why| wrong(key.span().start, &name, why))?;
                        let limits = limits_of(value, measure).map_err(|why| wrong(value.span().start, &name, why))?;
                        site.limits.push((measure, limits));
                    }
                }
                (LIMITS, _) => {
                    return Err(wrong_value("write [limits], and the measures in the lines below".to_owned()));
                }
                (unknown, _) => return Err(wrong(key.span().start, unknown, unknown_key(unknown))),
            }
        }
        let Some(key) = one_source else { return Ok(site) };
        if site.limits.iter().any(|(measure, _)| measure.name == SOURCES) {
            let why = format!("{LIMITS}.{SOURCES} sets the same limits; keep one of the two");
            return Err(wrong(key.span().start, ONE_SOURCE, why));
        }
        let one = Some(Range::at_least(1.0));
        let sources = Measure::named(SOURCES);
        site.limits.extend(sources.map(|measure| (measure, Limits { warning: one, critical: one })));
        Ok(site)
    }

    /// Returns the policy of all measures that are on by default, with the limits of this site.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = Policy::default().with_grace(self.grace.unwrap_or(Policy::GRACE));
        self.limits.iter().fold(policy, |policy, (measure, limits)| policy.with(measure, *limits))
    }
}

/// Reads a file, up to a byte more than it may have.
fn contents(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the error for a text that is not TOML.
fn not_toml(text: &str, error: &toml::de::Error) -> SiteError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = &text[before.rfind('\n').map_or(0, |end| end + 1)..];
    let key = line.split(['=', '\n']).next().unwrap_or_default().trim_matches(['[', ']', ' ', '\t', '\r']);
    let is_key = |key: &str| key.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let key = Some(key).filter(|key| !key.is_empty() && is_key(key)).map(str::to_owned);
    let why = match error.message() {
        message @ "duplicate key" => format!("{message}; keep one of the two"),
        message => format!("{}. Times and limits need quotes: bound = \"0.1,1\"", message.replace('\n', " ")),
    };
    wrong(text, start, key, why)
}

fn wrong(text: &str, start: usize, key: Option<String>, why: String) -> SiteError {
    let line = number_of_line(text.as_bytes().get(..start).unwrap_or_default());
    SiteError { file: None, line: Some(line), key, why }
}

/// Returns the number of the line in which these bytes end, from 1.
fn number_of_line(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

fn grace(value: &DeValue) -> Result<Duration, String> {
    let text = match value {
        DeValue::String(text) => text,
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => "",
    };
    parse_duration(text).ok_or_else(|| "write a time such as \"10m\", or a number of seconds".to_owned())
}

/// Returns the measure with this name, which has limits.
fn measure(name: &str) -> Result<&'static Measure, String> {
    if [GRACE, ONE_SOURCE].contains(&name) {
        return Err("this is not a measure; write it above [limits]".to_owned());
    }
    let with_limits = Measure::ALL.iter().filter(|measure| measure.name != Measure::CHRONYD);
    with_limits
        .clone()
        .find(|measure| measure.name == name)
        .ok_or_else(|| format!("there is no such measure; {}", meant(name, with_limits.map(|measure| measure.name))))
}

fn limits_of(value: &Spanned<DeValue>, measure: &Measure) -> Result<Limits, String> {
    let DeValue::String(text) = value.get_ref() else {
        return Err(format!("write both ranges in quotes, such as \"{},{}\"", measure.warning, measure.critical));
    };
    Limits::parse(text, measure).map_err(|error| error.to_string())
}

fn unknown_key(name: &str) -> String {
    if measure(name).is_ok() {
        return "this is a measure; write it below [limits]".to_owned();
    }
    format!("there is no such key; {}", meant(name, [GRACE, LIMITS, ONE_SOURCE].into_iter()))
}

/// Suggests the most similar name, or lists all.
fn meant(name: &str, names: impl Iterator<Item = &'static str> + Clone) -> String {
    let similarity = |known: &str| strsim::jaro(name, known);
    let best = names.clone().max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    match best.filter(|known| similarity(known) > SIMILAR) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[track_caller]
    fn said(text: &str) -> String {
        Site::parse(text).unwrap_err().to_string()
    }

    fn parts(site: &Site) -> (Option<Duration>, Vec<(&str, Limits)>) {
        (site.grace, site.limits.iter().map(|(measure, limits)| (measure.name, *limits)).collect())
    }

    #[test]
    fn a_file_has_limits_and_a_grace() {
        let site = Site::parse(
            "# ours\none-source-is-enough = true\ngrace = \"10m\"\n\n[limits]\nbound = \"1ms,10ms\"\nstratum = \",3\"\nnts = \",\"\n",
        );
        let site = site.unwrap();
        assert_eq!(site.grace, Some(Duration::from_secs(600)));
        let policy = site.policy();
        for (name, warning, critical) in
            [("bound", "1ms", "10ms"), ("sources", "1:", "1:"), ("stratum", "", "3"), ("nts", "", ""), ("age", "", "")]
        {
            let measure = Measure::named(name).unwrap();
            let [warning, critical] =
                [warning, critical].map(|text| (!text.is_empty()).then(|| Range::parse(text, measure.unit).unwrap()));
            assert_eq!(policy.limits(name), Limits { warning, critical }, "{name}");
        }
        assert!(policy.has("nts") && !policy.has("skew") && policy.has("age"));
        for text in
            ["", "\u{feff}# nothing\r\n", "[limits]\n", "one-source-is-enough = false\nlimits.sources = \"3:,1:\"\n"]
        {
            assert!(Site::parse(text).is_ok(), "{text}");
        }
        assert_eq!(parts(&Site::parse("").unwrap()), (None, Vec::new()));
        let [one, other] =
            ["limits.sources = \"1:,1:\"", "one-source-is-enough = true"].map(|text| Site::parse(text).unwrap());
        assert_eq!(parts(&one), parts(&other));
    }

    #[test]
    fn a_grace_is_a_time_or_a_number_of_seconds() {
        for (text, seconds) in [
            ("'10m'", 600.0),
            ("'1h30m'", 5400.0),
            ("0", 0.0),
            ("'0s'", 0.0),
            ("'90'", 90.0),
            ("1_000", 1000.0),
            ("2.5", 2.5),
        ] {
            let site = Site::parse(&format!("grace = {text}")).unwrap();
            assert_eq!(site.grace, Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["'-1s'", "-1", "true", "'soon'", "inf", "nan", "0x10", "'1000y'", "[]", "''", "2026-01-01"] {
            assert_eq!(
                said(&format!("\ngrace = {text}")),
                "line 2, grace: write a time such as \"10m\", or a number of seconds"
            );
        }
    }

    #[test]
    fn an_error_names_the_line_and_the_key_and_what_would_be_right() {
        for (text, error) in [
            ("graze = 5", "line 1, graze: there is no such key; did you mean grace?"),
            (
                "\none_source_is_enough = true",
                "line 2, one_source_is_enough: there is no such key; did you mean one-source-is-enough?",
            ),
            ("xyz = 5", "line 1, xyz: there is no such key; there are grace, limits, one-source-is-enough"),
            ("bound = '1,2'", "line 1, bound: this is a measure; write it below [limits]"),
            ("[limit]\nbound = '1,2'", "line 1, limit: there is no such key; did you mean limits?"),
            ("limits = '1,2'", "line 1, limits: write [limits], and the measures in the lines below"),
            ("one-source-is-enough = 'yes'", "line 1, one-source-is-enough: write true or false, without quotes"),
            ("[limits]\n\nbuond = '1,2'", "line 3, limits.buond: there is no such measure; did you mean bound?"),
            ("[limits]\ngrace = 10", "line 2, limits.grace: this is not a measure; write it above [limits]"),
            ("[limits]\nbound = 0.1", "line 2, limits.bound: write both ranges in quotes, such as \"0.1,1\""),
            (
                "[limits]\nbound = '0.1'",
                "line 2, limits.bound: give both ranges, WARN,CRIT; an empty one keeps its default",
            ),
            (
                "[limits]\nage = '2h:1h,'",
                "line 2, limits.age: \"2h:1h\" is no range: it ends before it starts. Write 10, 10:, ~:10, 10:20 or @10:20",
            ),
            (
                "[limits]\nleap = '0,1h'",
                "line 2, limits.leap: \"1h\" is no range: \"1h\" is no number with a unit. Write 10, 10:, ~:10, 10:20 or @10:20",
            ),
            (
                "one-source-is-enough = true\n[limits]\nsources = '3:,1:'",
                "line 1, one-source-is-enough: limits.sources sets the same limits; keep one of the two",
            ),
        ] {
            assert_eq!(said(text), error);
        }
        assert!(
            said("[limits]\nchronyd = '1:,1:'")
                .starts_with("line 2, limits.chronyd: there is no such measure; there are reference, leap")
        );
    }

    #[test]
    fn what_is_not_toml_has_a_line() {
        for (text, error) in [
            ("grace = 1\ngrace = 2", "line 2, grace: duplicate key; keep one of the two"),
            ("[limits]\nbound = '1,2'\nbound = '3,4'", "line 3, bound: duplicate key; keep one of the two"),
            ("[limits]\n[limits]\n", "line 2, limits: duplicate key; keep one of the two"),
            ("[limits]\nbound = 1ms,10ms", "line 2, bound: unexpected key or value, expected newline, `#`. Times and"),
            ("\ngrace = 10m", "line 2, grace: string values must be quoted"),
            ("\ngrace = \"10m", "line 2, grace: "),
            ("\n\nbound", "line 3, bound: key with no value"),
            ("[limits\n", "line 1, limits: unclosed table"),
            ("x = 1\u{0}", "line 1, x: "),
            ("\n= 1", "line 2: "),
            ("ü = '1", "line 1: "),
        ] {
            let said = said(text);
            assert!(said.starts_with(error) && said.lines().count() == 1, "{said}");
        }
        assert!(Site::parse(&format!("x = {}", "[".repeat(60000))).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("site.toml");
        let said = |contents: &[u8]| {
            fs::write(&file, contents).unwrap();
            Site::read(&file).map_err(|error| error.to_string().replace(&*file.to_string_lossy(), "FILE"))
        };
        assert_eq!(said(b"grace = 5").unwrap().grace, Some(Duration::from_secs(5)));
        assert_eq!(said(b"grace = 5\n# \xff\n").unwrap_err(), "FILE, line 2: not UTF-8; save the file as UTF-8");
        assert_eq!(said(b"\ngraze = 5").unwrap_err(), "FILE, line 2, graze: there is no such key; did you mean grace?");
        assert!(said(&vec![b'\n'; 65536]).is_ok());
        assert!(said(&vec![b'\n'; 65537]).unwrap_err().starts_with("FILE: is larger than 65536 bytes"));
        assert!(Site::read(Path::new("/dev/zero")).is_err());
        for path in [folder.path(), Path::new("/nonexistent/site.toml")] {
            let error = Site::read(path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: cannot be read: ", path.display())), "{error}");
        }
        assert!(Site::read(Path::new("/dev/null")).is_ok());
    }
}
