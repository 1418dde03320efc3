//! The facts that are judged: the reports of one chronyd at one moment.

use crate::quantity::seconds;
use libchrony::{
    Activity, Address, AuthData, Connection, Error, ErrorKind, SelectData, Source, SourceMode, SourceState, Tracking,
};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// The number of polls in the reachability register.
const POLLS: f64 = 8.0;
/// The shortest expected update interval, in seconds. A few missed polls 1/16 s apart are harmless.
const SHORTEST: f64 = 1.0;
/// The longest expected update interval, in seconds: eight polls at the longest NTP polling interval, 2^24 s. A
/// reference clock can have a longer interval. Without this limit, no age would raise an alarm.
const LONGEST: f64 = POLLS * 16_777_216.0;
/// The longest default polling interval (`maxpoll 10`), in seconds.
const USUAL: f64 = 1024.0;

/// A report, or the error that prevented reading it.
pub type Fact<T> = Result<T, Arc<Error>>;

/// The answers of one address of a fleet, as returned by `fleet.read::<(Tracking, Vec<Source>, Vec<SelectData>,
/// Activity)>()`.
pub type Answers =
    (Result<Tracking, Error>, Result<Vec<Source>, Error>, Result<Vec<SelectData>, Error>, Result<Activity, Error>);

/// The reports of one chronyd, read one after another.
///
/// A report that could not be read is an error. No default takes its place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// The time of reading, by this machine's clock.
    pub time: SystemTime,
    /// The address that answered. `None` if none did.
    pub address: Option<Address>,
    /// The start time of chronyd: the modification time of its Unix socket. `None` over UDP.
    pub started: Option<SystemTime>,
    /// The tracking report. Without it, only the measure `chronyd` is judged.
    pub tracking: Fact<Tracking>,
    /// The sources report.
    pub sources: Fact<Vec<Source>>,
    /// The selectdata report, in the order of the sources. chrony 4.0 and later provide it.
    pub select_data: Fact<Vec<SelectData>>,
    /// The activity report.
    pub activity: Fact<Activity>,
    /// The authdata report, in the order of the sources. `None` unless requested.
    pub auth_data: Option<Fact<Vec<Option<AuthData>>>>,
}

impl Facts {
    /// Reads the reports that the default [`Policy`](crate::Policy) needs.
    ///
    /// If chronyd does not answer, the remaining reports are not requested: a silent chronyd costs one timeout.
    #[must_use]
    pub fn read(connection: &Connection) -> Self {
        Self::read_reports(connection, false)
    }

    /// Reads the reports of [`read`](Self::read), and authdata for the measure `nts`. chronyd answers authdata only
    /// over its Unix socket, unless `opencommands` in chrony.conf allows it over UDP.
    #[must_use]
    pub fn read_with_auth_data(connection: &Connection) -> Self {
        Self::read_reports(connection, true)
    }

    /// Builds the facts from the answers of one address of a [fleet](libchrony::fleet). Their time is the time of this
    /// call.
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

    /// Returns the facts about a chronyd that could not be asked, for example because libchrony is missing.
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
            // authdata has no addresses. If the sources changed meanwhile, its records cannot be matched to them.
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

    /// Returns the time since chronyd was started. `None` if the start is unknown or in the future, for example after a
    /// step of the clock.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        self.time.duration_since(self.started?).ok()
    }

    /// Returns the distance between the last update of the clock and the time of reading, in seconds. `None` without
    /// the tracking report.
    #[must_use]
    pub fn age(&self) -> Option<f64> {
        let updated = self.tracking.as_ref().ok()?.ref_time;
        // A reference time in the future means that a clock was set, or that chronyd runs on another machine. The clock
        // is not fresher for it.
        let age = self.time.duration_since(updated).unwrap_or_else(|before| before.duration());
        Some(age.as_secs_f64())
    }

    /// Returns true if the last update is in the future: this clock was set, or chronyd runs on another machine.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.tracking.as_ref().is_ok_and(|tracking| tracking.ref_time > self.time)
    }

    /// Returns the [`expected_update_interval`], in seconds. `None` without the tracking report.
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

/// Returns the start time of the chronyd at this address. It creates its socket when it starts, and not later.
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

/// A source, as [`expected_update_interval`] needs it.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// The state of the source.
    pub state: SourceState,
    /// The polling interval, in seconds.
    pub interval: f64,
    /// True if the source answered at least one of the last eight polls.
    pub answers: bool,
}

/// Returns the time within which an update of the clock is expected, in seconds: from 1 s to eight polls of 2^24 s.
///
/// The source that counts is the selected one, or else the usable source with the longest polling interval, or else any
/// source with the longest. While it is usable and answers, an update is expected within eight of its polling
/// intervals, since chronyd may skip most of its measurements. Otherwise, an update is expected within one. Without
/// sources, the result is `last`, the interval between the last two updates in seconds, or 1024 s if that is longer.
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

/// Returns true if the clock follows a source other than itself.
#[must_use]
pub fn follows_source(tracking: &Tracking) -> bool {
    tracking.is_synchronized() && !tracking.is_local()
}

/// Returns true if chronyd may follow a source in this state: selected, combined or selectable.
#[must_use]
pub fn is_usable(state: SourceState) -> bool {
    matches!(state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
}

/// Returns true if the source is a reference clock of chronyd's machine.
pub(crate) fn is_clock(source: &Source) -> bool {
    source.mode == SourceMode::ReferenceClock
}

/// Returns true if the name of the source was resolved to an address.
pub(crate) fn is_resolved(source: &Source) -> bool {
    !source.address.starts_with("ID#")
}

/// Returns true if chronyd is not there or does not answer. Any other error means that this program could not ask.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        // If no address answers, chronyd is away, even if this user may not access its socket.
        Error::Unreachable { best, .. } => best.kind() == ErrorKind::Permission || is_away(best),
        Error::Connect { source, .. } if is_shortage(source) => false,
        Error::Session { .. } | Error::Crowded { .. } | Error::EventQueue { .. } => false,
        _ => matches!(error.kind(), ErrorKind::Connection | ErrorKind::NotFound),
    }
}

/// Returns true if this process or machine has run out of file descriptors or memory for a socket.
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
