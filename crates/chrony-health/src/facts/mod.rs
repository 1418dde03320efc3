//! The facts that are judged: the reports of one chronyd at one moment.

mod clock;
mod source;

pub(crate) use clock::{LOCAL, LOCAL_STRATUM};
pub use clock::{Polled, Uptime, expected_update_interval, followed, follows_source};
pub use source::{View, is_usable};

use crate::assessment::assess;
use crate::policy::Policy;
use libchrony::{
    Activity, Address, AuthData, Connection, Error, ErrorKind, NtpData, SelectData, Source, SourceStats, Tracking,
};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// A report, or the error that prevented reading it.
pub type Fact<T> = Result<T, Arc<Error>>;

/// The answers of one address of a fleet, as returned by `fleet.read::<(Tracking, Vec<Source>, Vec<SelectData>,
/// Activity)>()`.
pub type Answers =
    (Result<Tracking, Error>, Result<Vec<Source>, Error>, Result<Vec<SelectData>, Error>, Result<Activity, Error>);

/// The reports of the first pass.
type FirstFacts = (Fact<Tracking>, Fact<Vec<Source>>, Fact<Vec<SelectData>>, Fact<Activity>);

/// The details of one address of a fleet, as returned by `fleet.read_from::<(Vec<Option<AuthData>>, Vec<SourceStats>,
/// Vec<Option<NtpData>>)>(&indexes)`.
pub type DetailAnswers =
    (Result<Vec<Option<AuthData>>, Error>, Result<Vec<SourceStats>, Error>, Result<Vec<Option<NtpData>>, Error>);

/// The reports that are read in addition, if a verdict [wants](crate::Verdict::wants) them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Details {
    /// None.
    None,
    /// authdata and sourcestats: the authentication of each source.
    Authentication,
    /// authdata, sourcestats and ntpdata: everything that tells why a source is not used.
    All,
}

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
    /// The time since the machine was booted. `None` over UDP.
    pub since_boot: Option<Duration>,
    /// The tracking report. Without it, only the measure `chronyd` is judged.
    pub tracking: Fact<Tracking>,
    /// The sources report.
    pub sources: Fact<Vec<Source>>,
    /// The selectdata report, in the order of the sources. chrony 4.0 and later provide it.
    pub select_data: Fact<Vec<SelectData>>,
    /// The activity report.
    pub activity: Fact<Activity>,
    /// The authdata report, in the order of the sources. `None` if it was not requested.
    pub auth_data: Option<Fact<Vec<Option<AuthData>>>>,
    /// The sourcestats report, in the order of the sources. `None` if it was not requested.
    pub source_stats: Option<Fact<Vec<SourceStats>>>,
    /// The ntpdata report, in the order of the sources. `None` if it was not requested.
    pub ntp_data: Option<Fact<Vec<Option<NtpData>>>>,
}

impl Facts {
    /// Reads the reports that tell whether the clock is right: tracking, sources, selectdata and activity.
    ///
    /// If chronyd does not answer, the remaining reports are not requested: a silent chronyd costs one timeout.
    #[must_use]
    pub fn read(connection: &Connection) -> Self {
        // This policy does not want details.
        assess(connection, &Policy::answering()).0
    }

    /// Builds the facts from the answers of one address of a [fleet](libchrony::fleet). Their time is the time of this
    /// call.
    #[must_use]
    pub fn of_answers(address: &Address, (tracking, sources, select_data, activity): Answers) -> Self {
        let facts = (
            tracking.map_err(Arc::new),
            sources.map_err(Arc::new),
            select_data.map_err(Arc::new),
            activity.map_err(Arc::new),
        );
        Self::of(Some(address.clone()).filter(|_| facts.0.is_ok()), facts)
    }

    /// Adds the details of the same address of a fleet.
    pub fn add_details(&mut self, (auth_data, source_stats, ntp_data): DetailAnswers) {
        self.auth_data = Some(auth_data.map_err(Arc::new));
        self.source_stats = Some(source_stats.map_err(Arc::new));
        self.ntp_data = Some(ntp_data.map_err(Arc::new));
    }

    /// Returns the facts about a chronyd that could not be asked, for example because libchrony is missing.
    #[must_use]
    pub fn unavailable(error: Error) -> Self {
        let error = Arc::new(error);
        Self::of(None, (Err(error.clone()), Err(error.clone()), Err(error.clone()), Err(error)))
    }

    fn of(address: Option<Address>, (tracking, sources, select_data, activity): FirstFacts) -> Self {
        let mut facts = Self {
            time: SystemTime::now(),
            since_boot: None,
            address: None,
            started: None,
            tracking,
            sources,
            select_data,
            activity,
            auth_data: None,
            source_stats: None,
            ntp_data: None,
        };
        facts.locate(address);
        facts
    }

    /// Notes the address that has answered, and the times that it tells.
    pub(crate) fn locate(&mut self, address: Option<Address>) {
        self.started = started(address.as_ref());
        self.since_boot = self.started.and_then(|_| Duration::try_from(clock_gettime(ClockId::Boottime)).ok());
        self.address = address;
    }
}

/// Returns the start time of the chronyd at this address. It creates its socket when it starts, and not later.
fn started(address: Option<&Address>) -> Option<SystemTime> {
    fs::metadata(address?.path()?).ok()?.modified().ok()
}

/// Returns true if chronyd is not there or does not answer. Any other error means that this program could not ask.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        // If no address answers, chronyd is away, even if this user may not access its socket.
        Error::Unreachable { best, .. } => best.kind() == ErrorKind::Permission || is_away(best),
        Error::Connect { source, .. } if is_shortage(source) => false,
        Error::Session { .. } | Error::Crowded { .. } | Error::EventQueue { .. } => false,
        _ => matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::NotFound),
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
    use crate::{Level, judge};
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
