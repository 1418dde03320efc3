//! The command line. Every report in libchrony's list is a command, so none is named here.

mod generate;

use crate::args::Chronyds;
use crate::commands::check::{self, Check};
use crate::commands::explain::{self, Explain};
use crate::commands::list::{self, List};
use crate::commands::plot::{self, Plot};
use crate::commands::reports::{self, Get, Options, of_report};
use crate::commands::schema::{self, Schema};
use crate::commands::status;
use crate::commands::wait::{self, Wait};
use crate::commands::watch::{self, Watch};
use crate::error::{Code, Failure};
use crate::sheet::report::{about, find, name};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use libchrony::REPORTS;
use std::env;
use std::path::PathBuf;

/// Print the reports of chronyd, the NTP daemon, and check the clock
///
/// Without a command it says on one screen whether the clock is right, and what to do if it is not.
#[derive(Debug, Parser)]
#[command(name = NAME, version, max_term_width = 100, subcommand_value_name = "COMMAND")]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}\n\n{FILES}"))]
struct Cli {
    #[command(flatten)]
    chronyds: Chronyds,
    #[command(subcommand)]
    command: Option<Command>,
}

const NAME: &str = "chrony-report";

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

const FILES: &str = "\
Files:
  /etc/chrony-health.toml  the limits of the site, for chrony-report alone, check and wait
                           CHRONY_HEALTH_CONFIG_FILE in the environment names another file";

#[derive(Debug, Subcommand)]
enum Command {
    /// All reports, one after the other
    ///
    /// A report that chronyd is not configured to have, such as that of a real-time clock, is no failure here.
    #[command(after_help = "Examples:\n  $ chrony-report all\n  $ chrony-report all --format jsonl > reports.jsonl")]
    All(Options),
    /// Check the clock, as a monitoring plugin
    Check(Check),
    /// Explain a measure or a cause of the judgement
    Explain(Explain),
    /// Any reports that the loaded libchrony knows, by their names
    ///
    /// Several reports are read in one run. One that is newer than this program is shown as libchrony describes it.
    #[command(after_help = "Examples:\n  $ chrony-report get sources sourcestats\n  \
                            $ chrony-report get sources sourcestats selectdata --format jsonl")]
    Get(Get),
    /// The reports that there are
    List(List),
    Plot(Plot),
    /// The JSON Schema of a report's rows, or of a verdict
    Schema(Schema),
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

/// Runs the command line, and returns the exit code.
pub(crate) fn run() -> Code {
    let matches = report().unwrap_or_else(|| command().try_get_matches().unwrap_or_else(|error| refuse(&error)));
    let done = dispatch(&matches).unwrap_or_else(|error| error.exit());
    done.unwrap_or_else(|failure| failure.report())
}

/// Parses the command of a report. `None` for any other command, or after a usage error.
///
/// The other commands are left out, since building them takes as long as reading a report.
fn report() -> Option<ArgMatches> {
    let table = env::args_os().find_map(|arg| find(arg.to_str()?))?;
    let report = Options::augment_args(clap::Command::new(name(table)).disable_help_flag(true));
    let command = clap::Command::new(NAME).disable_help_flag(true).subcommand(report);
    Chronyds::augment_args(command).try_get_matches().ok().filter(|matches| matches.subcommand().is_some())
}

/// Returns the whole command line, with a command for each report.
fn command() -> clap::Command {
    let others = Cli::command().mut_subcommands(|command| command.display_order(REPORTS.len()));
    REPORTS.iter().enumerate().fold(others, |command, (place, table)| {
        // Reports come before the other commands. Their options are built on demand, since that takes time.
        let report = clap::Command::new(name(table)).about(about(table)).display_order(place);
        command.subcommand(report.defer(of_report))
    })
}

fn dispatch(matches: &ArgMatches) -> Result<Result<Code, Failure>, clap::Error> {
    let before = Chronyds::from_arg_matches(matches)?;
    let with = |after: &Chronyds| before.with(after);
    if let Some((name, options)) = matches.subcommand()
        && let Some(table) = find(name)
    {
        let options = Options::from_arg_matches(options)?;
        return Ok(reports::run(&with(&options.chronyds), table, &options));
    }
    Ok(match Cli::from_arg_matches(matches)?.command {
        Some(Command::All(options)) => reports::all(&with(&options.chronyds), &options),
        Some(Command::Check(options)) => Ok(check::run(&with(&options.chronyds), &options)),
        Some(Command::Get(get)) => reports::get(&with(&get.options.chronyds), &get),
        Some(Command::Explain(options)) => explain::run(&options),
        Some(Command::List(options)) => list::run(&with(&options.chronyds), &options),
        Some(Command::Schema(options)) => schema::run(&options),
        Some(Command::Generate { folder }) => generate::run(&command(), &folder),
        Some(Command::Plot(options)) => plot::run(&with(&options.chronyds), &options),
        Some(Command::Wait(options)) => wait::run(&with(&options.chronyds), &options),
        Some(Command::Watch(options)) => watch::run(&with(&options.chronyds), &options),
        None => Ok(status::run(&before)),
    })
}

/// Exits for a usage error: in `check` as a monitoring plugin, in any other command as clap does.
fn refuse(error: &clap::Error) -> ! {
    let command = command();
    let asked = command.clone().ignore_errors(true).try_get_matches();
    let known = asked.ok().and_then(|matches| Some(matches.subcommand_name()?.to_owned()));
    // The error may stand before the command.
    let mut words = env::args_os().skip(1).filter_map(|word| word.into_string().ok());
    let named = known.or_else(|| words.find(|word| command.get_subcommands().any(|one| one.get_name() == word)));
    if error.use_stderr() && named.as_deref() == Some("check") {
        check::refuse(error);
    }
    error.exit()
}
