//! The facts that are judged: the reports of one chronyd at one moment.

mod clock;
mod source;

pub use clock::{Polled, expected_update_interval, follows_source};
pub use source::is_usable;
pub(crate) use source::{is_clock, is_resolved};

use libchrony::{Activity, Address, AuthData, Connection, Error, ErrorKind, SelectData, Source, Tracking};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::SystemTime;
use std::{fs, io};

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
    use std::time::Duration;
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
