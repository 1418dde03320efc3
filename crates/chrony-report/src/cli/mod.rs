//! The command line. A report is a command because it is in the list of reports; none is named here.

use crate::sheet::column as columns;
pub(crate) mod generate;

use crate::commands::check::Check;
use crate::commands::list::List;
use crate::commands::plot::Plot;
use crate::commands::wait::Wait;
use crate::commands::watch::Watch;
use crate::error::Failure;
use crate::print::Output;
use crate::print::text::time;
use clap::{Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use libchrony::{Address, DEFAULT_TIMEOUT, REPORTS, Table};
use std::env;
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::time::Duration;

/// What chronyd, the NTP daemon, reports, and whether the clock is right.
///
/// Without a command it says on one screen whether the clock is right, and what to do if it is not.
#[derive(Debug, Parser)]
#[command(name = NAME, version, max_term_width = 100, subcommand_value_name = "COMMAND")]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const NAME: &str = "chrony-report";

/// The option of addresses among the arguments.
const HOSTS: &str = "hosts";

/// No time is longer; moments in a further future could not be told.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

const EXAMPLES: &str = "\
Examples:
  $ chrony-report
  $ chrony-report sources
  $ chrony-report tracking --host 192.0.2.1
  $ chrony-report all --format json";

const EXIT_STATUS: &str = "\
Exit status of the commands that print reports:
  0    everything was read
  1    something could not be read; the others were, and are printed
  2    the command line makes no sense
  141  whoever read the output has gone away
  129, 130, 143 in a shell, after SIGHUP, SIGINT and SIGTERM: what was opened is closed first";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All reports, one after the other
    ///
    /// A report that chronyd is not configured to have, such as that of a real-time clock, is no failure here.
    #[command(after_help = "Examples:\n  $ chrony-report all\n  $ chrony-report all --format jsonl > reports.jsonl")]
    All(Output),
    /// Whether the clock is right, as a monitoring plugin says it
    Check(Check),
    /// Any reports that the loaded libchrony knows, by their names
    ///
    /// Several reports are read in one run. One that is newer than this program is shown as libchrony describes it.
    #[command(after_help = "Examples:\n  $ chrony-report get sources sourcestats\n  \
                            $ chrony-report get sources sourcestats selectdata --format jsonl")]
    Get(Get),
    /// The rules of the judgement, as a table in Markdown
    #[command(hide = true)]
    Judgement,
    /// The reports that there are
    List(List),
    Plot(Plot),
    /// The JSON Schema of a report's rows
    #[command(after_help = "Examples:\n  $ chrony-report schema tracking > tracking.schema.json")]
    Schema {
        /// The name of the report
        report: String,
    },
    /// Write man pages, completions and the schemas of all reports into a folder
    #[command(hide = true)]
    Generate {
        /// The folder; it is made
        folder: PathBuf,
    },
    /// Wait until the clock is right
    Wait(Wait),
    Watch(Watch),
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The names of reports, as `chrony-report list` has them
    #[arg(required = true, value_name = "REPORT")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which chronyds are asked, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Chronyds {
    /// Ask the chronyd at ADDRESS: the path of its Unix socket, or a host with or without a port. Repeatable. By
    /// default, the usual sockets are tried, then the command port on this machine; CHRONY_REPORT_HOST in the
    /// environment is another default
    // Not global: clap would have those before the command forgotten where there are others after it.
    #[arg(short = 'H', long = "host", value_name = "ADDRESS", value_parser = address_parser())]
    pub(crate) hosts: Vec<Address>,
    /// Ask the chronyds whose addresses are in FILE, one a line; `#` begins a comment, `-` is the standard input
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) hosts_file: Option<PathBuf>,
    #[arg(long, value_name = "TIME", global = true, value_parser = duration, help = format!(
        "How long one chronyd may take for a report, and each of many chronyds for all of them. One that is silent is \
         asked for no more [default: {DEFAULT_TIMEOUT:?}]"
    ))]
    pub(crate) timeout: Option<Duration>,
    /// Say on standard error which libchrony was loaded, what was asked, and how long that took
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

impl Chronyds {
    /// Those of a command line. Addresses may stand before and after the command.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut chronyds = Self::from_arg_matches(matches)?;
        let after = matches.subcommand().and_then(|(_, options)| options.try_get_many(HOSTS).ok().flatten());
        chronyds.hosts.extend(after.into_iter().flatten().cloned());
        Ok(chronyds)
    }

    /// Fails where a recording is read, and no chronyd.
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        if self.hosts.is_empty() && self.hosts_file.is_none() {
            return Ok(());
        }
        Err(Failure::Usage("a recording has its own chronyd; give either a recording or an address".to_owned()))
    }

    /// How long a chronyd may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }
}

/// One report is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) table: &'static Table,
    pub(crate) chronyds: Chronyds,
    pub(crate) output: Output,
}

/// The whole command line, with a command for each report.
pub(crate) fn command() -> clap::Command {
    let others = Cli::command().mut_subcommands(|command| command.display_order(REPORTS.len()).args(hosts()));
    REPORTS.iter().enumerate().fold(others, |command, (place, table)| {
        // Before the other commands. The rest is made when it is asked for, since that takes time.
        let report = clap::Command::new(name(table)).about(about(table)).display_order(place);
        command.subcommand(report.defer(of_report))
    })
}

/// The option of addresses, for a command.
fn hosts() -> Option<Arg> {
    let all = Chronyds::augment_args(clap::Command::new(NAME));
    all.get_arguments().find(|arg| arg.get_id() == HOSTS).cloned()
}

/// The command of a report, with what it takes.
fn of_report(command: clap::Command) -> clap::Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let name = command.get_name().to_owned();
    let examples = format!("Examples:\n  $ chrony-report {name}\n  $ chrony-report {name} --format json");
    let fields = REPORTS.iter().find(|table| self::name(table) == name).map(|table| fields(table)).unwrap_or_default();
    Output::augment_args(command)
        .args(hosts())
        .about(about)
        .long_about(None)
        .after_long_help(format!("{examples}\n\n{fields}"))
        .after_help(examples)
}

/// What the fields of a report mean.
fn fields(table: &Table) -> String {
    let line = |column: columns::Column| format!("\n  {}: {}", column.name, column.meaning());
    let columns = columns::of_table(table).into_iter();
    columns.map(line).fold("Fields, by their names in JSON and CSV:".to_owned(), |text, line| text + &line)
}

/// The report that is asked for, if it is one, and nothing is wrong with the command line.
///
/// It is looked for without the other commands: to make these would take as long as to read a report.
pub(crate) fn report() -> Option<Asked> {
    let table = env::args_os().find_map(|arg| REPORTS.iter().find(|table| arg == name(table)))?;
    let report = clap::Command::new(name(table)).disable_help_flag(true);
    let command =
        clap::Command::new(NAME).disable_help_flag(true).subcommand(Output::augment_args(report).args(hosts()));
    // To give back their memory takes time, and is of no use.
    let mut command = ManuallyDrop::new(Chronyds::augment_args(command));
    let matches = ManuallyDrop::new(command.try_get_matches_from_mut(env::args_os()).ok()?);
    let (_, options) = matches.subcommand()?;
    let (chronyds, output) = (Chronyds::of(&matches).ok()?, Output::from_arg_matches(options).ok()?);
    Some(Asked { table, chronyds, output })
}

/// The name of a report.
pub(crate) fn name(table: &Table) -> &'static str {
    table.name.to_str().unwrap_or_default()
}

/// What a report is, without where it comes from.
pub(crate) fn about(table: &Table) -> String {
    let sentence = first_sentence(table.doc);
    sentence.split_once(" (").map_or(sentence.clone(), |(about, _)| about.to_owned())
}

/// The first sentence of a text, without its stop.
pub(crate) fn first_sentence(text: &str) -> String {
    let end = text.find(". ").into_iter().chain(text.find(".\n")).min().unwrap_or(text.len());
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// An address; a path need not be UTF-8.
fn address_parser() -> impl clap::builder::TypedValueParser<Value = Address> {
    use clap::builder::{OsStringValueParser, TypedValueParser};
    OsStringValueParser::new().try_map(|text: OsString| Address::parse(text))
}

/// A time with units, such as `5s`, `1m30s` or `200ms`; a number alone is of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = || text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let friendly = || time(text).and_then(|time| Duration::try_from(time).ok());
    let time = seconds().or_else(friendly).filter(|time| !time.is_zero() && *time <= LONGEST);
    time.ok_or_else(|| "not a time longer than 0 and of a century at most, such as 5s, 1m30s, 2d or 200ms".to_owned())
}
