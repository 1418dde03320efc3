//! `wait`: blocks until the error bound, the leap status and the age of the last update say that the clock is right.
//!
//! `chronyc waitsync` checks only the correction and the skew, so a chronyd that lost its sources hours ago passes.
//! This command accepts the arguments of `chronyc waitsync`, as additional conditions.

use crate::args::{Chronyds, duration};
use crate::error::{Code, FAILED, FINE, Failure};
use crate::read::open::builder;
use crate::read::signals::Signals;
use chrony_health::quantity::interval;
use chrony_health::{Facts, Limits, Measure, Policy, Range, Verdict, judge};
use clap::Args;
use libchrony::{Error, ErrorKind};
use sd_notify::NotifyState;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use terminal_size::terminal_size_of;

/// The default time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// The default time between two looks with the arguments of chronyc, as in chronyc.
const CHRONYC_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time between two looks that chronyc accepts.
const SHORTEST_INTERVAL: f64 = 0.1;

const AFTER_HELP: &str = "\
The clock is right when chronyd follows a source, and not only the local clock, when its leap status is not \"not \
synchronised\", its error bound is within BOUND, and its last update is not older than 8 update intervals. The arguments \
are those of chronyc waitsync, and add to this.

Exits with 0 when the clock is right, and with 1 when it is not in time, or when chronyd may not be asked. Under systemd \
it tells the service manager when it is ready, and what is missing till then.

Examples:
  $ chrony-report wait --within 50ms --timeout 3m
  $ chrony-report wait 18 0.1";

#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
// The timeout is for the whole wait, not for one request.
#[command(mut_arg("timeout", |arg| arg.help(
    "Give up after TIME; a chronyd that is silent is asked again meanwhile [default: never]"
)))]
pub(crate) struct Wait {
    #[arg(long, value_name = "BOUND", value_parser = duration, help = format!(
        "How wrong the clock may be at most [default: {} s, which is not critical for `check`]",
        Measure::named("bound").map_or(Range::ANY, |bound| bound.critical)
    ))]
    within: Option<Duration>,
    /// Give up after TRIES looks; 0 for no limit [default: 0]
    tries: Option<u32>,
    /// The largest correction in seconds; 0 for any [default: 0]
    #[arg(value_parser = measure)]
    max_correction: Option<f64>,
    /// The largest skew in ppm; 0 for any [default: 0]
    #[arg(value_parser = measure)]
    max_skew: Option<f64>,
    /// The seconds between two looks [default: 10 with TRIES, or else 1]
    #[arg(value_parser = measure)]
    interval: Option<f64>,
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
}

fn measure(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "not a number of 0 or more".to_owned())
}

impl Wait {
    fn policy(&self) -> Policy {
        let up_to = |end: f64| Limits { warning: Some(Range::ANY), critical: Some(Range::up_to(end)) };
        let table = Limits { warning: Some(Range::ANY), critical: None };
        let limit = |limit: Option<f64>| limit.filter(|limit| *limit > 0.0).map(up_to);
        let within = self.within.map_or(table, |within| up_to(within.as_secs_f64()));
        let asked = [
            ("reference", Some(table)),
            ("leap", Some(table)),
            ("bound", Some(within)),
            ("age", Some(table)),
            ("offset", limit(self.max_correction)),
            ("skew", limit(self.max_skew)),
        ];
        let asked = asked.into_iter().filter_map(|(name, limits)| Some((Measure::named(name)?, limits?)));
        asked.fold(Policy::answering(), |policy, (measure, limits)| policy.with(measure, limits))
    }

    fn interval(&self) -> Duration {
        match (self.interval, self.tries) {
            (Some(interval), _) => {
                Duration::try_from_secs_f64(interval.max(SHORTEST_INTERVAL)).unwrap_or(Duration::MAX)
            }
            (None, Some(_)) => CHRONYC_INTERVAL,
            (None, None) => INTERVAL,
        }
    }
}

/// Waits, and prints the headline of the verdict when the clock is right.
pub(crate) fn run(chronyds: &Chronyds, options: &Wait) -> Result<Code, Failure> {
    let mut signals = Signals::take()?;
    let start = Instant::now();
    let end = chronyds.timeout.and_then(|time| start.checked_add(time));
    let is_over = move || end.is_some_and(|end| Instant::now() >= end);
    let has_signal = signals.interrupt();
    // The end of the wait cancels a request in flight.
    let interrupt = move || has_signal() || is_over();
    let connection = builder(&Chronyds { timeout: None, ..chronyds.clone() })?.interrupt(interrupt).build()?;
    let (policy, interval) = (options.policy(), options.interval());
    let mut progress = Progress::new(start);
    let mut tries = 0;
    loop {
        let facts = Facts::read(&connection);
        let verdict = judge(&facts, &policy);
        if verdict.alarms().next().is_none() {
            progress.end();
            tell(&[NotifyState::Ready, NotifyState::Status(&verdict.headline)]);
            writeln!(anstream::stdout(), "{}", verdict.headline).map_err(Failure::output)?;
            return Ok(FINE);
        }
        let is_interrupted = facts.tracking.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted);
        if !is_interrupted {
            progress.show(&verdict);
        }
        tries += 1;
        // Waiting does not grant a permission. If there are several addresses, another one may begin to answer.
        let is_refused = |error: &Error| matches!(error, Error::Permission { .. } | Error::Unauthorized { .. });
        let is_hopeless = facts.tracking.as_ref().is_err_and(|error| is_refused(error));
        let is_last = options.tries.is_some_and(|all| all > 0 && tries >= all) || is_over();
        if !is_last && !is_hopeless || is_interrupted && !is_over() {
            let left = end.map_or(interval, |end| interval.min(end.saturating_duration_since(Instant::now())));
            if let Err(ended) = signals.wait(left) {
                progress.end();
                return Err(ended);
            }
            continue;
        }
        progress.end();
        progress.give_up();
        return Ok(FAILED);
    }
}

/// Notifies the service manager, if there is one. If it does not listen, that is not a failure.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// The progress on standard error. On a terminal, it is one line that is overwritten. Elsewhere, a line is added when
/// the measures that are out of order change.
struct Progress {
    start: Instant,
    is_terminal: bool,
    /// The measures that were out of order at the last look.
    missing: Vec<&'static str>,
    words: String,
}

impl Progress {
    fn new(start: Instant) -> Self {
        Self { start, is_terminal: io::stderr().is_terminal(), missing: Vec::new(), words: String::new() }
    }

    fn show(&mut self, verdict: &Verdict) {
        let missing: Vec<_> = verdict.alarms().map(|finding| finding.measure.name).collect();
        let has_changed = self.missing != missing;
        self.missing = missing;
        self.words = verdict.alarms().map(|finding| &*finding.words).collect::<Vec<_>>().join("; ");
        if has_changed {
            tell(&[NotifyState::Status(&format!("waiting: {}", self.words))]);
        }
        // A failed write does not matter, since the exit code has the result.
        if self.is_terminal {
            let line = format!("{} so far: {}", interval(self.start.elapsed().as_secs_f64().round()), self.words);
            let width = terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0)).saturating_sub(1);
            let line: String = line.chars().take(width).collect();
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
        } else if has_changed {
            let _ = writeln!(io::stderr(), "chrony-report: waiting: {}", self.words);
        }
    }

    /// Erases the line.
    fn end(&self) {
        if self.is_terminal && !self.missing.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn give_up(&self) {
        let waited = interval(self.start.elapsed().as_secs_f64());
        let words = if self.words.is_empty() { "chronyd has not answered in time" } else { &self.words };
        let words = format!("the clock is not right after {waited}: {words}");
        tell(&[NotifyState::Status(&words)]);
        anstream::eprintln!("chrony-report: {words}");
    }
}
