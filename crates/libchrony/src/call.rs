//! One call: on which session, at which address, and whether to try again.
//!
//! A kept session is used first. If chronyd, or only our socket, went away since the last call, or there is no session
//! yet, each address is tried until chronyd answers on one. An answer, even a refusal, settles the address.

use crate::Library;
use crate::address::Address;
use crate::error::{Error, LibchronyError, Step};
use crate::per_process::PerProcess;
use crate::raw::SLICE;
use crate::report::{Report, RtcData};
use crate::seat::{Seat, Turn};
use crate::session::{Deadline, OpenFailure, Session, SessionError, Stop};
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::cell::Cell;
use std::time::Duration;

/// How often a list of records is read when it changes during the read.
const LIST_TRIES: u32 = 4;

/// One call of a method of a connection.
pub(crate) struct Call<'a> {
    pub(crate) library: &'a Library,
    pub(crate) addresses: &'a [Address],
    pub(crate) report: &'static str,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Deadline<'a>,
    /// How many requests were sent in vain on a kept session.
    pub(crate) sent: Cell<u32>,
}

/// Why a call has no value.
pub(crate) enum Ended {
    Error(Error),
    /// The list changed during the read.
    Changed(Error),
    /// This is a child of the process that made the call.
    Forked,
}

/// What reads the report from a session.
type Read<'a, T> = &'a dyn Fn(&mut Session, &Deadline<'_>) -> Result<T, SessionError>;

impl Call<'_> {
    /// Waits for its turn and reads the report.
    pub(crate) fn run<T>(&self, seats: &PerProcess<Seat>, read: Read<'_, T>) -> Result<T, Ended> {
        let mut turn = Seat::take(seats, &self.deadline).map_err(|stop| match stop {
            Stop::TimedOut => Ended::Error(Error::Busy { report: self.report, waited: self.timeout }),
            Stop::Interrupted => Ended::Error(Error::Interrupted),
            Stop::Forked => Ended::Forked,
        })?;
        let mut tries = 1;
        loop {
            let result = match turn.session.take().filter(Session::is_in_place) {
                Some(session) => self.read_again(session, &mut turn, read),
                None => self.read_anew(&mut turn, read),
            };
            match result {
                Err(Ended::Changed(_)) if tries < LIST_TRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// Reads from the session of the last call, or from a new one if that is of no use any more.
    fn read_again<T>(&self, mut session: Session, turn: &mut Turn<'_>, read: Read<'_, T>) -> Result<T, Ended> {
        session.answered = false;
        session.first_answer_by = Some(self.deadline.share(2));
        match read(&mut session, &self.deadline) {
            Ok(value) => {
                turn.session = Some(session);
                Ok(value)
            }
            Err(error) if error.is_loss(&session) && !self.deadline.is_over() => {
                self.sent.set(session.requests());
                drop(session);
                self.read_anew(turn, read)
            }
            Err(error) => Err(self.explain(&session, error)),
        }
    }

    /// Tries one address after the other until chronyd answers.
    fn read_anew<T>(&self, turn: &mut Turn<'_>, read: Read<'_, T>) -> Result<T, Ended> {
        let mut failures = Vec::new();
        let addresses = self.resolve(&mut failures)?;
        let slice = self.timeout.clamp(Duration::from_millis(1), SLICE);
        for (index, address) in addresses.iter().enumerate() {
            let mut session = match Session::open(self.library, address, slice, self.deadline.end) {
                Ok(session) => session,
                Err(failure) => {
                    failures.push(self.explain_open(address, failure));
                    continue;
                }
            };
            let parts = addresses.len() - index;
            session.first_answer_by = (parts > 1).then(|| self.deadline.share(parts));
            match read(&mut session, &self.deadline) {
                Ok(value) => {
                    turn.session = Some(session);
                    return Ok(value);
                }
                Err(error) => {
                    let lost = error.is_loss(&session);
                    if session.answered {
                        turn.answered = Some(session.address.clone());
                    }
                    match self.explain(&session, error) {
                        Ended::Error(error) if lost => failures.push(error),
                        ended => return Err(ended),
                    }
                }
            }
        }
        Err(Ended::Error(Error::from_failures(failures)))
    }

    /// The addresses to try, with those of host names.
    fn resolve(&self, failures: &mut Vec<Error>) -> Result<Vec<Address>, Ended> {
        let mut addresses = Vec::new();
        for address in self.addresses {
            match address.resolve(|| self.deadline.left()) {
                Ok(Ok(found)) => addresses.extend(found),
                Ok(Err(source)) => failures.push(Error::Resolve { address: address.clone(), source }),
                Err(Stop::Interrupted) => return Err(Ended::Error(Error::Interrupted)),
                Err(Stop::Forked) => return Err(Ended::Forked),
                Err(Stop::TimedOut) => {
                    let source = Errno::TIMEDOUT.into();
                    failures.push(Error::Resolve { address: address.clone(), source });
                }
            }
        }
        Ok(addresses)
    }

    fn explain_open(&self, address: &Address, failure: OpenFailure) -> Error {
        match failure {
            OpenFailure::Socket(error) => Error::connect(address, error),
            OpenFailure::Session(failure) => {
                let source = LibchronyError::new(self.library, failure);
                Error::Session { address: address.clone(), source }
            }
        }
    }

    /// Puts an error of a session into words.
    fn explain(&self, session: &Session, error: SessionError) -> Ended {
        let report = self.report;
        let address = session.address.clone();
        let (stage, failure) = match error {
            SessionError::Stopped(_, Stop::Forked) => return Ended::Forked,
            SessionError::Stopped(_, Stop::Interrupted) => return Ended::Error(Error::Interrupted),
            SessionError::Stopped(stage, Stop::TimedOut) => {
                let (stage, waited) = (Step { stage, report }, self.deadline.waited(self.timeout));
                let requests = self.sent.get() + session.requests();
                return Ended::Error(Error::TimedOut { stage, address, waited, requests });
            }
            SessionError::Count(count) => return Ended::Error(Error::Count { report, address, count }),
            SessionError::Field(source) => return Ended::Error(Error::Field { report, address, source }),
            SessionError::Changed(failure) => {
                let source = LibchronyError::new(self.library, failure);
                return Ended::Changed(Error::ListChanged { report, address, source });
            }
            SessionError::Libchrony(stage, failure) => (Step { stage, report }, failure),
        };
        let source = LibchronyError::new(self.library, failure);
        Ended::Error(match (failure.code, failure.errno) {
            (_, Some(errno)) if !session.answered && is_unreachable(errno) => Error::connect(&address, errno.into()),
            (_, Some(_)) => Error::Exchange { stage, address, source },
            (c::CHRONY_UNAUTHORIZED, _) => Error::Unauthorized { report, address, source },
            (c::CHRONY_DISABLED, _) if report.as_bytes() == RtcData::NAME.to_bytes() => {
                Error::RtcNotTracked { address, source }
            }
            _ => Error::Rejected { stage, address, source },
        })
    }
}

impl SessionError {
    /// Whether nobody was there, or nobody answered.
    fn is_loss(&self, session: &Session) -> bool {
        match self {
            Self::Libchrony(_, failure) => !session.answered && failure.errno.is_some(),
            Self::Stopped(_, stop) => !session.answered && *stop == Stop::TimedOut,
            Self::Changed(_) | Self::Count(_) | Self::Field(_) => false,
        }
    }
}

/// Whether nobody is there at all.
fn is_unreachable(errno: Errno) -> bool {
    use Errno as E;
    matches!(errno, E::CONNREFUSED | E::HOSTUNREACH | E::NETUNREACH | E::HOSTDOWN | E::NETDOWN | E::ACCESS | E::PERM)
}
