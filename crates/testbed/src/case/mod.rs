//! Stored cases: the facts of a chronyd in a state that administrators know, and the expected judgement.
//!
//! A case is a JSON file, `crates/chrony-health/tests/facts/NAME.json`. NAME is the expected cause, or begins with it.
//! Its keys:
//!
//! - `case`: the state, in a sentence of the administrator;
//! - `cause`: the first cause that is expected over the Unix socket, null if nothing is wrong;
//! - `over the port`: the first cause that is expected over the command port, which refuses selectdata, authdata and
//!   ntpdata; null if nothing is wrong, or if it cannot show the cause;
//! - `level`: the expected level over the Unix socket: OK, WARNING, CRITICAL or UNKNOWN;
//! - `not`: words that must not be said over the Unix socket;
//! - `limits` by measure, `grace` in seconds (0 unless given) and `nts`, if the policy is not the default one;
//! - `started`: the time since chronyd's start in seconds, as its socket shows it (an hour unless given);
//! - `faults`: the faults in effect, as [`Fault`](crate::Fault) parses them, or `gone` for a chronyd that does not run;
//! - `library`: a path to load libchrony from;
//! - `tracking`, `sources`, `activity`, `values`: the facts, see `facts`.

mod facts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use crate::{Error, Scripted, Values};

/// A stored case.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are the keys of the file")]
pub struct Case {
    /// The name of its file.
    pub name: String,
    pub case: String,
    pub cause: Option<String>,
    pub over_the_port: Option<String>,
    pub level: String,
    pub not: Vec<String>,
    /// Limits as text, by measure.
    pub limits: BTreeMap<String, String>,
    pub grace: Duration,
    pub nts: bool,
    /// The time since chronyd's start, in seconds: negative if the time of its socket is in the future.
    pub started: f64,
    pub faults: Vec<String>,
    pub library: Option<PathBuf>,
    pub values: Values,
}

impl Case {
    /// Loads all cases of the repository, by name.
    pub fn all() -> Result<Vec<Self>, Error> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chrony-health/tests/facts");
        let entries = fs::read_dir(&folder).map_err(Error::system(format!("could not read {}", folder.display())))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// Loads the case of a file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::system(format!("could not read {}", path.display())))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self::parse(&name, &text).map_err(|error| Error::Script(format!("{}: {error}", path.display())))
    }

    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let value: Value = text.parse().map_err(|error| format!("{error}"))?;
        let mut file = Keys(value.as_object().ok_or("a case is a JSON object")?.clone());
        let limits = file.take("limits").unwrap_or_default();
        let case = Self {
            name: name.to_owned(),
            case: file.text("case")?,
            cause: file.optional("cause")?,
            over_the_port: file.optional("over the port")?,
            level: file.text("level")?,
            not: file.texts("not")?,
            limits: limits.as_object().into_iter().flatten().map(|(name, text)| (name.clone(), plain(text))).collect(),
            grace: Duration::try_from_secs_f64(file.number("grace", 0.0)?).map_err(|error| error.to_string())?,
            nts: file.take("nts") == Some(Value::Bool(true)),
            started: file.number("started", 3600.0)?,
            faults: file.texts("faults")?,
            library: file.take("library").map(|path| plain(&path).into()),
            values: facts::values(&mut file.0)?,
        };
        match file.0.keys().next() {
            Some(key) => Err(format!("no such key: {key}")),
            None => Ok(case),
        }
    }

    /// Starts a chronyd in the state of the case.
    pub fn start(&self) -> Result<Scripted, Error> {
        let chronyd = Scripted::start(self.values.clone())?;
        let ago = Duration::try_from_secs_f64(self.started.abs()).map_err(|error| Error::Script(error.to_string()))?;
        let now = SystemTime::now();
        chronyd.set_started(if self.started < 0.0 { now + ago } else { now - ago })?;
        for fault in &self.faults {
            match fault.as_str() {
                "gone" => chronyd.die(),
                fault => chronyd.set(fault.parse()?),
            }
        }
        Ok(chronyd)
    }
}

/// The keys of a file that were not taken yet.
struct Keys(Map<String, Value>);

impl Keys {
    fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    fn text(&mut self, key: &str) -> Result<String, String> {
        self.take(key).as_ref().and_then(Value::as_str).map(str::to_owned).ok_or(format!("{key} is a text"))
    }

    /// Takes a text that may be null, but must be given.
    fn optional(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.take(key).ok_or(format!("{key} is missing"))? {
            Value::Null => Ok(None),
            text => text.as_str().map(|text| Some(text.to_owned())).ok_or(format!("{key} is a text or null")),
        }
    }

    fn texts(&mut self, key: &str) -> Result<Vec<String>, String> {
        let list = self.take(key).unwrap_or(Value::Array(vec![]));
        let list = list.as_array().ok_or(format!("{key} is a list"))?;
        list.iter().map(|text| text.as_str().map(str::to_owned).ok_or(format!("{key}: not a text: {text}"))).collect()
    }

    fn number(&mut self, key: &str, default: f64) -> Result<f64, String> {
        self.take(key).map_or(Ok(default), |number| number.as_f64().ok_or(format!("{key} is a number")))
    }
}

/// Returns a text without quotes, or the JSON of any other value.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused() {
        let case = |more: &str| {
            Case::parse(
                "name",
                &format!(r#"{{"case": "It is.", "cause": null, "over the port": null, "level": "OK"{more}}}"#),
            )
        };
        assert!(case("").is_ok());
        for more in [
            r#", "notes": 1"#,
            r#", "not": "x""#,
            r#", "grace": -1"#,
            r#", "tracking": {"stratun": 1}"#,
            r#", "sources": [{}]"#,
            r#", "sources": [{"address": "192.0.2.1", "state": "*", "colour": 1}]"#,
            r#", "sources": [{"address": "192.0.2.1", "state": "!"}]"#,
            r#", "sources": [{"address": "192.0.2.1", "state": "*", "ntpdata": {"failed": "9"}}]"#,
        ] {
            assert!(case(more).is_err(), "{more}");
        }
        assert!(Case::parse("name", r#"{"case": "It is.", "cause": null, "level": "OK"}"#).is_err());
    }
}
