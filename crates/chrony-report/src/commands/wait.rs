//! `wait`: blocks until the error bound, the leap status, the stratum and the age of the last update say that the clock
//! is right.
//!
//! `chronyc waitsync` checks only the correction and the skew, so a chronyd that lost its sources hours ago passes.
//! This command accepts the arguments of `chronyc waitsync`, as additional conditions.

use crate::args::{Chronyds, duration};
use crate::error::{Code, FAILED, FINE, Failure};
use crate::read::open::builder;
use crate::read::signals::Signals;
use chrony_health::quantity::seconds;
use chrony_health::{Limits, Measure, Policy, Range, RangeError, Site, Unit, Verdict, assess};
use clap::Args;
use libchrony::{Error, ErrorKind};
use sd_notify::NotifyState;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use terminal_size::terminal_size_of;

/// The default polling interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// The default polling interval with the arguments of `chronyc waitsync`, as in chronyc.
const CHRONYC_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest polling interval that chronyc accepts.
const SHORTEST_INTERVAL: f64 = 0.1;

const AFTER_HELP: &str = "\
The clock is right when chronyd follows a source, and not only the local clock, when its leap status is not \"not \
synchronised\", its error bound is within BOUND, its stratum is within RANGE, and its last update is not older than 8 \
update intervals. /etc/chrony-health.toml sets other limits. The arguments are those of chronyc waitsync, and add to this.

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
    #[arg(long, value_name = "RANGE", value_parser = stratum, help = format!(
        "The strata that are right: 3 is up to 3, 2:5 is 2 to 5, ~: is any. The directive `local` has 10, and those who \
         follow it have more [default: {}]", Measure::named("stratum").map_or(Range::ANY, |stratum| stratum.warning)
    ))]
    stratum: Option<Range>,
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

fn stratum(text: &str) -> Result<Range, RangeError> {
    Range::parse(text, Unit::Number)
}

fn measure(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "not a number of 0 or more".to_owned())
}

impl Wait {
    /// Returns the policy of what must be right. Only the stratum must not raise a warning.
    fn policy(&self, site: &Policy) -> Policy {
        let critical = |critical| Limits { warning: Some(Range::ANY), critical };
        let up_to = |end: f64| critical(Some(Range::up_to(end)));
        let given = |limit: Option<f64>| limit.filter(|limit| *limit > 0.0).map(up_to);
        let of_site = |name| critical(site.limits(name).critical);
        // A chain that ends in a server without a source is only a warning, but waiting may help.
        let low = Measure::named("stratum").map(|stratum| stratum.warning);
        let stratum = self.stratum.or(site.limits("stratum").warning).or(low);
        let asked = [
            ("reference", Some(of_site("reference"))),
            ("leap", Some(of_site("leap"))),
            ("bound", Some(self.within.map_or_else(|| of_site("bound"), |within| up_to(within.as_secs_f64())))),
            ("stratum", Some(critical(stratum))),
            ("age", Some(of_site("age"))),
            ("offset", given(self.max_correction)),
            ("skew", given(self.max_skew)),
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
    let site = Site::load()?.policy();
    let mut signals = Signals::take()?;
    let start = Instant::now();
    let end = chronyds.timeout.and_then(|time| start.checked_add(time));
    let is_over = move || end.is_some_and(|end| Instant::now() >= end);
    let has_signal = signals.interrupt();
    // The end of the wait cancels a request in flight.
    let interrupt = move || has_signal() || is_over();
    let connection = builder(&Chronyds { timeout: None, ..chronyds.clone() })?.interrupt(interrupt).build()?;
    let (policy, interval) = (options.policy(&site), options.interval());
    let mut progress = Progress::new(start);
    let mut tries = 0;
    loop {
        let (facts, verdict) = assess(&connection, &policy);
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
/// the causes change.
struct Progress {
    start: Instant,
    is_terminal: bool,
    /// The causes at the last poll, and the measures that no cause explains.
    missing: Vec<&'static str>,
    words: String,
}

impl Progress {
    fn new(start: Instant) -> Self {
        Self { start, is_terminal: io::stderr().is_terminal(), missing: Vec::new(), words: String::new() }
    }

    fn show(&mut self, verdict: &Verdict) {
        let causes = verdict.causes.iter().map(|cause| cause.cause.name);
        let missing: Vec<_> = causes.chain(verdict.unexplained().map(|finding| finding.measure.name)).collect();
        let has_changed = self.missing != missing;
        self.missing = missing;
        self.words.clone_from(&verdict.headline);
        if has_changed {
            tell(&[NotifyState::Status(&format!("waiting: {}", self.words))]);
        }
        // A failed write does not matter, since the exit code has the result.
        if self.is_terminal {
            let line = format!("{} so far: {}", seconds(self.start.elapsed().as_secs_f64().round()), self.words);
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
        let waited = seconds(self.start.elapsed().as_secs_f64());
        let words = if self.words.is_empty() { "chronyd has not answered in time" } else { &self.words };
        let words = format!("the clock is not right after {waited}: {words}");
        tell(&[NotifyState::Status(&words)]);
        anstream::eprintln!("chrony-report: {words}");
    }
}
