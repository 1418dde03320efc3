//! What is known of a chronyd and its clock at one moment: the facts that are judged.
//!
//! A report that could not be read is unknown; nothing stands in its place.

use libchrony::{
    Activity, Address, AuthData, Connection, Error, ErrorKind, SelectData, Source, SourceMode, SourceState, Tracking,
};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// How many of the last polls a source tells of.
const POLLS: f64 = 8.0;
/// No update is expected sooner, in seconds: to miss a few polls of a sixteenth is nothing.
const SHORTEST: f64 = 1.0;
/// The longest time until an update, in seconds: eight of the longest polls of an NTP source, of 2^24 s each. A longer
/// one, as a reference clock can have, would call any age in order.
const LONGEST: f64 = POLLS * 16_777_216.0;
/// The longest polling interval of a source that is configured as usual, in seconds.
const USUAL: f64 = 1024.0;

/// A report, or why it is not known.
pub type Fact<T> = Result<T, Arc<Error>>;

/// Reports of one chronyd, read one after the other.
#[derive(Debug)]
pub struct Facts {
    /// When they were read, by the clock of this machine.
    pub time: SystemTime,
    /// Where chronyd answered.
    pub address: Option<Address>,
    /// When chronyd was started, which its Unix socket tells. Over UDP it is unknown.
    pub started: Option<SystemTime>,
    pub tracking: Fact<Tracking>,
    pub sources: Fact<Vec<Source>>,
    /// In the order of the sources. chrony has it from version 4.0 on.
    pub select_data: Fact<Vec<SelectData>>,
    pub activity: Fact<Activity>,
    /// In the order of the sources; only read when it is asked for.
    pub auth_data: Option<Fact<Vec<Option<AuthData>>>>,
}

impl Facts {
    /// Reads them. A chronyd that does not answer is not asked again, so that a silent one costs one timeout.
    pub fn read(connection: &Connection, with_auth_data: bool) -> Self {
        let mut silence = None;
        let tracking = unless(&mut silence, || connection.tracking());
        let time = SystemTime::now();
        let sources = unless(&mut silence, || connection.sources());
        let select_data = unless(&mut silence, || connection.select_data());
        let activity = unless(&mut silence, || connection.activity());
        let auth_data = with_auth_data.then(|| {
            let auth_data = unless(&mut silence, || connection.auth_data())?;
            // It has no addresses. Where the sources are others by now, it is of none of them.
            let again = unless(&mut silence, || connection.sources())?;
            let addresses =
                |sources: &[Source]| sources.iter().map(|source| source.address.clone()).collect::<Vec<_>>();
            let is_same = sources.as_ref().is_ok_and(|sources| addresses(sources) == addresses(&again));
            Ok(if is_same { auth_data } else { Vec::new() })
        });
        let address = connection.address();
        // chronyd makes its socket when it starts, and never again.
        let socket = address.as_ref().and_then(Address::path).and_then(|path| fs::metadata(path).ok());
        let started = socket.and_then(|socket| socket.modified().ok());
        Self { time, address, started, tracking, sources, select_data, activity, auth_data }
    }

    /// Those of a chronyd that cannot be asked at all.
    pub fn none(error: Error) -> Self {
        let error = Arc::new(error);
        Self {
            time: SystemTime::now(),
            address: None,
            started: None,
            tracking: Err(error.clone()),
            sources: Err(error.clone()),
            select_data: Err(error.clone()),
            activity: Err(error),
            auth_data: None,
        }
    }

    /// How long ago chronyd was started. A start in the future, as after a step of the clock, tells nothing.
    pub fn uptime(&self) -> Option<Duration> {
        self.time.duration_since(self.started?).ok()
    }

    /// How long ago the clock was last updated, in seconds.
    pub fn age(&self, tracking: &Tracking) -> f64 {
        // A time in the future is that of a clock which was set, or of another machine; it is no sign of freshness.
        let age = self.time.duration_since(tracking.ref_time).unwrap_or_else(|before| before.duration());
        age.as_secs_f64()
    }

    /// Whether the last update was in the future: this clock was set, or it is another machine's.
    pub fn is_ahead(&self, tracking: &Tracking) -> bool {
        tracking.ref_time > self.time
    }

    /// Within which time an update of the clock is expected, in seconds.
    pub fn update_interval(&self, tracking: &Tracking) -> f64 {
        let polled = |source: &Source| Polled {
            state: source.state,
            interval: source.poll_interval(),
            answers: source.is_reachable(),
        };
        update_interval(tracking.update_interval, self.sources.iter().flatten().map(polled))
    }
}

/// Reads a report, unless chronyd was silent before.
fn unless<T>(silence: &mut Option<Arc<Error>>, read: impl FnOnce() -> Result<T, Error>) -> Fact<T> {
    if let Some(error) = silence {
        return Err(error.clone());
    }
    let result = read().map_err(Arc::new);
    *silence = result.as_ref().err().filter(|error| !error.is_answer()).cloned();
    result
}

/// A source, and how often it is polled.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    pub state: SourceState,
    /// In seconds.
    pub interval: f64,
    /// Whether it has answered one of the last eight polls.
    pub answers: bool,
}

/// Within which time an update of the clock is expected, in seconds: one polling interval, or eight while the source
/// answers, since chronyd may use few of its measurements. Where no source is known, it is the last interval between
/// updates, or the longest that is usual.
pub fn update_interval(last: f64, sources: impl Iterator<Item = Polled> + Clone) -> f64 {
    let best = |one: &Polled, other: &Polled| {
        let rank = |polled: &Polled| (is_usable(polled.state), polled.state == SourceState::Selected);
        rank(one).cmp(&rank(other)).then(one.interval.total_cmp(&other.interval))
    };
    let expected = sources.max_by(best).map_or(last.max(USUAL), |polled| {
        let is_followed = polled.answers && is_usable(polled.state);
        polled.interval * if is_followed { POLLS } else { 1.0 }
    });
    expected.clamp(SHORTEST, LONGEST)
}

/// Whether the clock follows a source, and not only itself.
pub fn follows_source(tracking: &Tracking) -> bool {
    tracking.is_synchronized() && !tracking.is_local()
}

/// Whether chronyd takes a source in this state as right enough to follow it.
pub fn is_usable(state: SourceState) -> bool {
    matches!(state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
}

/// Whether the source is a clock on that machine.
pub(crate) fn is_clock(source: &Source) -> bool {
    source.mode == SourceMode::ReferenceClock
}

/// Whether the name of the source has an address.
pub(crate) fn is_resolved(source: &Source) -> bool {
    !source.address.starts_with("ID#")
}

/// Whether no chronyd is there, or none that answers. Otherwise it is this program that cannot ask.
pub fn is_away(error: &Error) -> bool {
    match error {
        // It answers at no address, be it that it does not let this user near its socket.
        Error::Unreachable { best, .. } => best.kind() == ErrorKind::Permission || is_away(best),
        Error::Connect { source, .. } if is_shortage(source) => false,
        Error::Session { .. } | Error::Crowded { .. } | Error::EventQueue { .. } => false,
        _ => matches!(error.kind(), ErrorKind::Connection | ErrorKind::NotFound),
    }
}

/// Whether this process or this machine has no more of what a socket takes.
fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, Settings, judge};
    use testbed::{Fault, Scripted, Values};

    #[test]
    fn a_chronyd_is_away_that_answers_at_no_address_and_not_what_this_program_lacks() {
        let address = || Address::parse("192.0.2.1").unwrap();
        let connect = |errno: Errno| Error::Connect { address: address(), source: errno.into() };
        let permission = || Error::Permission { address: address(), source: Errno::ACCESS.into() };
        let all = |best| Error::Unreachable { best: Box::new(best), others: String::new() };
        for (error, expected) in [
            (connect(Errno::CONNREFUSED), true),
            (connect(Errno::MFILE), false),
            (permission(), false),
            (all(permission()), true),
            (all(connect(Errno::CONNREFUSED)), true),
            (all(connect(Errno::MFILE)), false),
            (Error::Crowded { report: "tracking", waited: Duration::ZERO }, false),
        ] {
            assert_eq!(is_away(&error), expected, "{error}");
        }
    }

    #[test]
    fn a_chronyd_that_falls_silent_soon_after_its_start_is_critical() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let values = format!(r#"{{"tracking": {{"reference time": {now}}}, "sources": 0}}"#);
        let chronyd = Scripted::start(Values::new(&values.parse().unwrap())).unwrap();
        let address = Address::parse(chronyd.socket()).unwrap();
        let connection = Connection::builder().address(address).timeout(Duration::from_millis(200)).build().unwrap();
        let level = || judge(&Facts::read(&connection, false), &Settings::default()).level;
        assert_eq!(level(), Level::Ok);
        chronyd.set(Fault::Silence);
        assert_eq!(level(), Level::Critical);
        chronyd.clear();
        assert_eq!(level(), Level::Ok);
    }
}
