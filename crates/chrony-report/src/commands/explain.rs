//! `explain`: the measures, with the limits in force, and the causes.

use crate::error::{Code, FINE, Failure};
use crate::print::layout::broken;
use chrony_health::{Cause, Measure, Policy, Range, Site};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Args, Command};
use std::ffi::OsStr;
use std::io::Write;

const WIDTH: usize = 80;

const AFTER_HELP: &str = "\
Examples:
  $ chrony-report explain
  $ chrony-report explain bound
  $ chrony-report explain nts-no-keys";

#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Explain {
    /// A measure, such as bound, or a cause, such as nts-no-keys [default: list all]
    #[arg(value_parser = Names, hide_possible_values = true)]
    name: Option<String>,
}

fn names() -> impl Iterator<Item = &'static str> {
    let measures = Measure::ALL.iter().map(|measure| measure.name);
    measures.chain(Cause::ALL.iter().map(|cause| cause.name))
}

/// Parses a name. The error suggests a similar name, and does not list all.
#[derive(Clone)]
struct Names;

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        PossibleValuesParser::new(names()).parse_ref(command, arg, value).map_err(|mut error| {
            error.remove(ContextKind::ValidValue);
            let list = "chrony-report explain lists all names".into();
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![list]));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names().map(PossibleValue::new)))
    }
}

/// Prints what is known of a measure or a cause, or a list of all.
pub(crate) fn run(options: &Explain) -> Result<Code, Failure> {
    let policy = Site::load()?.policy();
    let name = options.name.as_deref().unwrap_or_default();
    // A measure and a cause may have the same name.
    let texts = [Measure::named(name).map(|measure| of_measure(measure, &policy)), Cause::named(name).map(of_cause)];
    let texts: Vec<_> = texts.into_iter().flatten().collect();
    let text = if texts.is_empty() { all(&policy) } else { texts.join("\n") };
    write!(anstream::stdout(), "{text}").map_err(Failure::output)?;
    Ok(FINE)
}

fn all(policy: &Policy) -> String {
    let measures =
        Measure::ALL.iter().map(|measure| (measure.name, format!("{}. {}", measure.about, limits(measure, policy))));
    let causes = Cause::ALL.iter().map(|cause| (cause.name, cause.about.to_owned()));
    format!(
        "Measures decide the level:\n{}\nCauses explain it, the first in this list first:\n{}",
        table(measures),
        table(causes)
    )
}

fn of_measure(measure: &Measure, policy: &Policy) -> String {
    let causes = Cause::ALL.iter().filter(|cause| explained(cause).any(|name| name == measure.name));
    let causes = causes.map(|cause| cause.name).collect::<Vec<_>>().join(", ");
    table([
        ("measure", measure.name.to_owned()),
        ("value", measure.about.to_owned()),
        ("limits", limits(measure, policy)),
        ("derived from", measure.method.to_owned()),
        ("causes", causes),
        ("otherwise", measure.advice.to_owned()),
    ])
}

fn of_cause(cause: &Cause) -> String {
    let needs = cause.needs.iter().map(|need| need.name()).collect::<Vec<_>>().join(", ");
    let others = cause.not_told_from.iter().map(|other| match other.chronyc {
        Some(command) => format!("{} (see chronyc {command})", other.words),
        None => other.words.to_owned(),
    });
    table([
        ("cause", cause.name.to_owned()),
        ("meaning", cause.about.to_owned()),
        ("evidence", cause.method.to_owned()),
        ("needs", needs),
        ("explains", explained(cause).collect::<Vec<_>>().join(", ")),
        ("could be", others.collect::<Vec<_>>().join("; ")),
    ])
}

fn explained(cause: &Cause) -> impl Iterator<Item = &'static str> {
    cause.explains.always.iter().chain(cause.explains.without_usable).copied()
}

/// Returns the limits in force in words.
fn limits(measure: &Measure, policy: &Policy) -> String {
    let given = policy.limits(measure.name);
    let is_judged = policy.has(measure.name);
    let words = |name: &str, given: Option<Range>, default: Range| {
        let range = given.unwrap_or(default);
        let unit = if given.is_some() { measure.unit.name() } else { measure.limits_in.unwrap_or(measure.unit.name()) };
        let range = if range == Range::ANY { "any".to_owned() } else { format!("{range} {unit}") };
        format!("{name}: {}", range.trim_end())
    };
    let asked = if is_judged { "" } else { " Judged only when asked for." };
    let (warning, critical) =
        (words("No warning", given.warning, measure.warning), words("not critical", given.critical, measure.critical));
    format!("{warning}; {critical}.{asked}")
}

/// Formats named texts in 80 columns. Empty ones are left out.
fn table(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let rows: Vec<_> = rows.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let indent = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 4;
    let row = |(name, text): &(&str, String)| {
        let text = broken(text, WIDTH - indent).replace('\n', &format!("\n{:indent$}", ""));
        format!("{:indent$}{text}\n", format!("  {name}"))
    };
    rows.iter().map(row).collect()
}
