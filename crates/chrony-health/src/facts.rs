//! The facts that are judged: reports of one chronyd at one moment.

use crate::quantity::seconds;
use libchrony::{
    Activity, Address, AuthData, Connection, Error, ErrorKind, SelectData, Source, SourceMode, SourceState, Tracking,
};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// The number of polls that the reachability remembers.
const POLLS: f64 = 8.0;
/// No update is expected sooner, in seconds: to miss a few polls of a sixteenth is nothing.
const SHORTEST: f64 = 1.0;
/// The longest time until an update, in seconds: eight of the longest polls of an NTP source, of 2^24 s each. A longer
/// one, as a reference clock can have, would call any age in order.
const LONGEST: f64 = POLLS * 16_777_216.0;
/// The longest polling interval of a source that is configured as usual, in seconds.
const USUAL: f64 = 1024.0;

/// A report, or the error with which it could not be read.
pub type Fact<T> = Result<T, Arc<Error>>;

/// The answers of one address of a fleet, as `fleet.read::<(Tracking, Vec<Source>, Vec<SelectData>, Activity)>()` returns
/// them.
pub type Answers =
    (Result<Tracking, Error>, Result<Vec<Source>, Error>, Result<Vec<SelectData>, Error>, Result<Activity, Error>);

/// Reports of one chronyd, read one after the other.
///
/// A report that could not be read is an error here; no value stands in its place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// The time of reading, by the clock of this machine.
    pub time: SystemTime,
    /// The address at which chronyd answered. `None` if it answered at none.
    pub address: Option<Address>,
    /// The start of chronyd, which is the modification time of its Unix socket. `None` over UDP.
    pub started: Option<SystemTime>,
    /// The report tracking. Nothing else is judged without it.
    pub tracking: Fact<Tracking>,
    /// The report sources.
    pub sources: Fact<Vec<Source>>,
    /// The report selectdata, in the order of the sources. chrony has it since version 4.0.
    pub select_data: Fact<Vec<SelectData>>,
    /// The report activity.
    pub activity: Fact<Activity>,
    /// The report authdata, in the order of the sources. `None` unless it was asked for.
    pub auth_data: Option<Fact<Vec<Option<AuthData>>>>,
}

impl Facts {
    /// Reads the reports that the default [`Policy`](crate::Policy) needs.
    ///
    /// Once chronyd has not answered, it is not asked for the rest: a silent one costs one timeout.
    #[must_use]
    pub fn read(connection: &Connection) -> Self {
        Self::read_reports(connection, false)
    }

    /// Reads the same reports, and authdata, which the measure `nts` needs. chronyd answers authdata only over its Unix
    /// socket, unless `opencommands` in chrony.conf allows it.
    #[must_use]
    pub fn read_with_auth_data(connection: &Connection) -> Self {
        Self::read_reports(connection, true)
    }

    /// Takes the answers of one address of a [fleet](libchrony::fleet), as they are now.
    #[must_use]
    pub fn of_answers(address: &Address, (tracking, sources, select_data, activity): Answers) -> Self {
        Self {
            time: SystemTime::now(),
            address: tracking.is_ok().then(|| address.clone()),
            started: started(Some(address)),
            tracking: tracking.map_err(Arc::new),
            sources: sources.map_err(Arc::new),
            select_data: select_data.map_err(Arc::new),
            activity: activity.map_err(Arc::new),
            auth_data: None,
        }
    }

    /// Returns the facts about a chronyd that could not be asked at all, as when libchrony is missing.
    #[must_use]
    pub fn unavailable(error: Error) -> Self {
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

    fn read_reports(connection: &Connection, with_auth_data: bool) -> Self {
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
        let started = started(address.as_ref());
        Self { time, address, started, tracking, sources, select_data, activity, auth_data }
    }

    /// Returns the time since chronyd was started. `None` if it is unknown, or in the future, as after a step of the
    /// clock.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        self.time.duration_since(self.started?).ok()
    }

    /// Returns the distance in seconds between the last update of the clock and the time of reading. `None` without the
    /// report tracking.
    #[must_use]
    pub fn age(&self) -> Option<f64> {
        let updated = self.tracking.as_ref().ok()?.ref_time;
        // A time in the future is that of a clock which was set, or of another machine; it is no sign of freshness.
        let age = self.time.duration_since(updated).unwrap_or_else(|before| before.duration());
        Some(age.as_secs_f64())
    }

    /// Returns true if the last update is in the future: this clock was set, or it is another machine's.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.tracking.as_ref().is_ok_and(|tracking| tracking.ref_time > self.time)
    }

    /// Returns the time in seconds within which an update of the clock is expected. `None` without the report tracking.
    #[must_use]
    pub fn expected_update_interval(&self) -> Option<f64> {
        let polled = |source: &Source| Polled {
            state: source.state,
            interval: source.poll_interval(),
            answers: source.is_reachable(),
        };
        let last = self.tracking.as_ref().ok()?.update_interval;
        Some(expected_update_interval(last, self.sources.iter().flatten().map(polled)))
    }

    /// Returns the accuracy of the clock in words, such as `within 4.01 ms of true time, following 192.0.2.1 (stratum
    /// 2)`. `None` unless the clock follows a source.
    #[must_use]
    pub fn accuracy(&self) -> Option<String> {
        let tracking = self.tracking.as_ref().ok().filter(|tracking| follows_source(tracking))?;
        let bound = tracking.clock_error_bound().map(|bound| format!("within {} of true time, ", seconds(bound)));
        let (name, stratum) = (&tracking.reference_id_name, tracking.stratum);
        Some(format!("{}following {name} (stratum {stratum})", bound.unwrap_or_default()))
    }
}

/// The start of the chronyd at this address: it makes its socket when it starts, and never again.
fn started(address: Option<&Address>) -> Option<SystemTime> {
    fs::metadata(address?.path()?).ok()?.modified().ok()
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

/// A source and its polls.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// Its state.
    pub state: SourceState,
    /// The polling interval, in seconds.
    pub interval: f64,
    /// True if it answered one of the last eight polls.
    pub answers: bool,
}

/// Returns the time in seconds within which an update of the clock is expected, from 1 to eight polls of 2^24 s.
///
/// It is one polling interval of the selected source, or eight while that source answers, since chronyd may use few of its
/// measurements. Without a source, it is `last`, the interval between the last two updates in seconds, or 1024 if that
/// is longer.
#[must_use]
pub fn expected_update_interval(last: f64, sources: impl Iterator<Item = Polled> + Clone) -> f64 {
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

/// Returns true if the clock follows a source, and not only itself.
#[must_use]
pub fn follows_source(tracking: &Tracking) -> bool {
    tracking.is_synchronized() && !tracking.is_local()
}

/// Returns true if chronyd may follow a source in this state: it is selected, combined or selectable.
#[must_use]
pub fn is_usable(state: SourceState) -> bool {
    matches!(state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
}

/// Returns true if the source is a clock on that machine.
pub(crate) fn is_clock(source: &Source) -> bool {
    source.mode == SourceMode::ReferenceClock
}

/// Returns true if the name of the source has an address.
pub(crate) fn is_resolved(source: &Source) -> bool {
    !source.address.starts_with("ID#")
}

/// Returns true if no chronyd is there, or none that answers. With any other error, it is this program that cannot ask.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        // It answers at no address, be it that it does not let this user near its socket.
        Error::Unreachable { best, .. } => best.kind() == ErrorKind::Permission || is_away(best),
        Error::Connect { source, .. } if is_shortage(source) => false,
        Error::Session { .. } | Error::Crowded { .. } | Error::EventQueue { .. } => false,
        _ => matches!(error.kind(), ErrorKind::Connection | ErrorKind::NotFound),
    }
}

/// Returns true if this process or this machine has run out of what a socket takes.
fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, Policy, judge};
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
        let level = || judge(&Facts::read(&connection), &Policy::default()).level;
        assert_eq!(level(), Level::Ok);
        chronyd.set(Fault::Silence);
        assert_eq!(level(), Level::Critical);
        chronyd.clear();
        assert_eq!(level(), Level::Ok);
    }
}
