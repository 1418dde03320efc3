//! Failures of one call put into words: at which address, at which step, and of which report.

use crate::address::{Address, Transport};
use crate::engine::clock::Clock;
use crate::engine::lane::OpenFailure;
use crate::error::advice::Silence;
use crate::error::{Error, Stage};
use crate::library::Library;
use crate::raw::failure::{Failure, LibchronyError};
use crate::raw::open_lock::Opening;
use crate::raw::urandom;
use crate::report::query::{Query, Shape};
use crate::report::record::FieldError;
use crate::report::{Report, SourceStats};
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// What all messages of a call have in common.
#[derive(Debug)]
pub(crate) struct Explain<'a> {
    pub(crate) library: &'a Library,
    pub(crate) query: Query,
    /// How long the call waited for its turn.
    pub(crate) queued: Duration,
}

impl Explain<'_> {
    fn libchrony(&self, failure: Failure) -> LibchronyError {
        LibchronyError::new(self.library.symbols(), failure)
    }

    /// No session could be opened.
    pub(crate) fn not_opened(&self, address: Address, failure: OpenFailure, clock: &Clock) -> Error {
        match failure {
            OpenFailure::Socket(error) => not_connected(address, error),
            OpenFailure::Crowded => Error::Crowded { report: self.query.report(), waited: clock.end - clock.start },
            OpenFailure::Session(failure) => Error::Session { address, source: self.libchrony(failure) },
        }
    }

    /// chronyd is not there: the first exchange of a call failed.
    pub(crate) fn lost(&self, address: &Address, stage: Stage, failure: Failure) -> Error {
        match failure.errno {
            Some(errno) if is_unreachable(errno) => not_connected(address.clone(), errno.into()),
            _ => self.failed(address, stage, failure),
        }
    }

    /// A request or a response failed.
    pub(crate) fn failed(&self, address: &Address, stage: Stage, failure: Failure) -> Error {
        let (report, address) = (self.query.report(), address.clone());
        let source = self.libchrony(failure);
        match (failure.code, failure.errno) {
            (_, Some(_)) => Error::Exchange { stage, report, address, source },
            (c::CHRONY_UNAUTHORIZED, _) => {
                let is_second = self.query.shape == Some(Shape::PerNtpSource);
                let first = is_second.then(|| SourceStats::NAME.to_str().unwrap_or_default());
                Error::Unauthorized { report, first, address, source }
            }
            (c::CHRONY_DISABLED, _) if self.query.is_optional => Error::NotAvailable { report, address, source },
            _ => Error::Rejected { stage, report, address, source },
        }
    }

    /// No answer came in time.
    pub(crate) fn silent(
        &self,
        address: &Address,
        stage: Stage,
        requests: u32,
        records: Option<(usize, usize)>,
        clock: &Clock,
    ) -> Error {
        Error::TimedOut {
            stage,
            report: self.query.report(),
            address: address.clone(),
            waited: (clock.end - clock.start).saturating_sub(self.queued),
            requests,
            silence: Box::new(Silence { records, queued: self.queued, asleep: clock.asleep() }),
        }
    }

    /// chronyd has fewer records than it said, or others.
    pub(crate) fn changed(&self, address: &Address, failure: Option<Failure>) -> Error {
        let source = failure.map(|failure| self.libchrony(failure));
        Error::ListChanged { report: self.query.report(), address: address.clone(), source }
    }

    pub(crate) fn count(&self, address: &Address, count: c::Int) -> Error {
        Error::Count { report: self.query.report(), address: address.clone(), count }
    }

    pub(crate) fn field(&self, address: &Address, source: FieldError) -> Error {
        Error::Field { report: self.query.report(), address: address.clone(), source }
    }
}

/// Opening a socket failed, or nothing is behind it. libchrony's clean-up may have changed `errno`, so a path is looked at
/// again, and so is /dev/urandom.
fn not_connected(address: Address, error: io::Error) -> Error {
    let source = match address.path().map(Path::metadata) {
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Errno::NOENT.into(),
        Some(Ok(found)) if !found.file_type().is_socket() => Errno::NOTSOCK.into(),
        Some(Ok(_)) => {
            let looked = Opening::begin(Instant::now()).and_then(|opening| urandom::look(&opening).err());
            looked.filter(urandom::is_blamed).unwrap_or(error)
        }
        _ => error,
    };
    match (address.transport(), source.kind()) {
        (Transport::UnixSocket, io::ErrorKind::PermissionDenied) => Error::Permission { address, source },
        _ => Error::Connect { address, source },
    }
}

/// Whether the errno says that no chronyd is there at all.
fn is_unreachable(errno: Errno) -> bool {
    use Errno as E;
    matches!(errno, E::CONNREFUSED | E::HOSTUNREACH | E::NETUNREACH | E::HOSTDOWN | E::NETDOWN | E::ACCESS | E::PERM)
}
