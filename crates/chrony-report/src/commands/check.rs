//! `check`: the judgement as a monitoring plugin. It prints one line with performance data, and exits with 0 to 3.
//!
//! The options are generated from the table of the measures. Each option has both ranges of a measure.

use crate::args::Chronyds;
use crate::error::{Code, Failure, code};
use crate::print::advice::{alternatives, refused, steps};
use crate::read::facts::assessed;
use chrony_health::quantity::parse_duration;
use chrony_health::{Finding, Level, Limits, Measure, Policy, Range, Site, Unit, Verdict};
use clap::{Arg, ArgMatches, Args, FromArgMatches, ValueEnum};
use std::cmp::Reverse;
use std::io::{self, Write};
use std::process;
use std::time::Duration;

const AFTER_HELP: &str = "\
WARN and CRIT are ranges as monitoring plugins have them. A value outside of its range raises the alarm: 10 is 0 to 10, \
10: is 10 or more, ~:10 is 10 or less, ~: is any value, and @10:20 raises it inside. An empty one keeps the limit of \
/etc/chrony-health.toml, or else its default. Times may have units:

  $ chrony-report check --bound 10ms,100ms --sources 3:, --age 20m,1h --leap 0:2,
  $ chrony-report check --format json

Exits with 0 (OK), 1 (warning), 2 (critical; chronyd does not answer, too) or 3 (unknown; a wrong command line, too).";

#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {
    #[command(flatten)]
    limits: Chosen,
    #[arg(long, value_name = "TIME", value_parser = grace, help = format!(
        "How long after its start, which its Unix socket tells, a chronyd raises no alarm; 0 for not at all \
         [default: {}s]", Policy::GRACE.as_secs()
    ))]
    grace: Option<Duration>,
    /// A line for monitoring systems (text), or the whole verdict, as `chrony-report schema verdict` describes it (json)
    #[arg(short, long, value_enum, default_value_t)]
    format: Form,
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    #[default]
    Text,
    Json,
}

/// The limits from the command line.
#[derive(Clone, Debug)]
struct Chosen(Vec<(&'static Measure, Limits)>);

impl Args for Chosen {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(options().map(|measure| {
            let value = move |text: &str| Limits::parse(text, measure);
            let arg = Arg::new(measure.name)
                .long(measure.name)
                .value_name("WARN,CRIT")
                .value_parser(value)
                .help_heading("Limits");
            if measure.is_opt_in {
                let help = format!(
                    "{}. Looked at only with this option [with no value: {}]",
                    measure.about,
                    defaults(measure)
                );
                arg.help(help).num_args(0..=1).default_missing_value(",")
            } else {
                arg.help(format!("{} [default: {}]", measure.about, defaults(measure))).allow_hyphen_values(true)
            }
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Chosen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |measure: &'static Measure| Some((measure, *matches.get_one::<Limits>(measure.name)?));
        Ok(Self(options().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the measures that have an option. The measure `chronyd` has no limits to set.
fn options() -> impl Iterator<Item = &'static Measure> {
    Measure::ALL.iter().filter(|measure| measure.name != Measure::CHRONYD)
}

fn defaults(measure: &Measure) -> String {
    let what = measure.limits_in.unwrap_or_else(|| measure.unit.name());
    format!("{},{} {what}", measure.warning, measure.critical).trim_end().to_owned()
}

/// Parses a time that may be 0.
fn grace(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "not a time of 0 to a century, such as 0, 5s, 1m30s or 2d".to_owned())
}

/// Prints the line or the verdict. Any failure of this program is unknown, so that it cannot pass for a warning, and is a
/// line in any format.
pub(crate) fn run(chronyds: &Chronyds, options: &Check) -> Code {
    let level = judged(chronyds, options).and_then(|(level, text)| {
        writeln!(anstream::stdout(), "{text}").map_err(Failure::output)?;
        Ok(level)
    });
    match level {
        Ok(level) => code(level),
        Err(signal @ Failure::Signal(_)) => signal.report(),
        Err(failure) => code(unknown(&failure.to_string())),
    }
}

fn judged(chronyds: &Chronyds, options: &Check) -> Result<(Level, String), Failure> {
    let policy = Site::load()?.policy();
    let policy = options.limits.0.iter().fold(policy, |policy, (measure, limits)| policy.with(measure, *limits));
    let policy = options.grace.into_iter().fold(policy, Policy::with_grace);
    let (_, verdict, _) = assessed(chronyds, &policy)?;
    let level = verdict.level;
    if options.format == Form::Json {
        let json = serde_json::to_string_pretty(&verdict).map_err(|error| Failure::output(io::Error::from(error)))?;
        return Ok((level, json));
    }
    // The name is for `chrony-report explain`.
    let name = verdict.causes.first().map_or_else(String::new, |first| format!(" [{}]", first.cause.name));
    let line = format!("CHRONY {level}: {}{name} | {}", plain(&verdict.headline), data(&verdict, &policy));
    let more = if chronyds.verbose { details(&verdict) } else { Vec::new() };
    Ok((level, more.iter().fold(line, |line, more| line + "\n" + &plain(more))))
}

/// Returns a line for each cause, and for each alarm that no cause explains, with the next steps.
fn details(verdict: &Verdict) -> Vec<String> {
    let causes = verdict.causes.iter().map(|cause| {
        let advice = steps(cause).into_iter().chain(alternatives(cause)).map(|step| format!(" {step}."));
        let words = format!("{}: {} [{}].{}", cause.level, cause.words, cause.cause.name, advice.collect::<String>());
        (cause.level, words)
    });
    let unexplained = verdict.unexplained().map(|Finding { level, words, advice, .. }| {
        let advice = if advice.is_empty() { String::new() } else { format!(". {advice}.") };
        (*level, format!("{level}: {words}{advice}"))
    });
    let mut all: Vec<_> = causes.chain(unexplained).collect();
    all.sort_by_key(|(level, _)| Reverse(*level));
    all.into_iter().map(|(_, words)| words).chain(refused(verdict)).collect()
}

/// Exits for a usage error, which is also unknown.
pub(crate) fn refuse(error: &clap::Error) -> ! {
    // The usage and the pointer to the help would be noise in one line.
    let message = error.to_string();
    let message = message.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    process::exit(code(unknown(message)).into())
}

/// Prints the reason on standard output, where monitoring systems read it.
fn unknown(why: &str) -> Level {
    // If standard output is full or closed, the exit code still reports the failure.
    let _ = writeln!(anstream::stdout(), "CHRONY UNKNOWN: {}", plain(why));
    Level::Unknown
}

/// Replaces the bar, which begins performance data, and line breaks, which begin other output.
fn plain(text: &str) -> String {
    text.replace('|', "/").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Formats performance data: the value of each measure with its limits, or `U` without a value.
fn data(verdict: &Verdict, policy: &Policy) -> String {
    let datum = |measure: &Measure| {
        let finding = verdict.findings.iter().find(|finding| finding.measure.name == measure.name);
        let limit = |range: Option<Range>| {
            let range = range.filter(|range| *range != Range::ANY);
            range.map_or_else(String::new, |range| range.to_string())
        };
        let value = finding.and_then(|finding| finding.value);
        // Plugins have no unit for ppm.
        let unit = if measure.unit == Unit::Ppm { "" } else { measure.unit.name() };
        let value = value.map_or_else(|| "U".to_owned(), |value| format!("{value}{unit}"));
        let (warning, critical) =
            (limit(finding.map(|finding| finding.warning)), limit(finding.map(|finding| finding.critical)));
        let most = if measure.unit == Unit::Percent { ";100" } else { "" };
        format!("'{}'={value};{warning};{critical};0{most}", measure.name)
    };
    options().filter(|measure| policy.has(measure.name)).map(datum).collect::<Vec<_>>().join(" ")
}
