//! Failures of one call put into words: at which address, at which step, and of which report.

use crate::address::{Address, Transport};
use crate::engine::context::Context;
use crate::error::advice::Silence;
use crate::error::{Error, Stage};
use crate::raw::failure::{Failure, LibchronyError};
use crate::raw::open_lock::Opening;
use crate::raw::urandom;
use crate::report::query::Shape;
use crate::report::record::FieldError;
use crate::report::{Report, SourceStats};
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Instant;

/// The errors of a call.
impl Context {
    fn libchrony(&self, failure: Failure) -> LibchronyError {
        LibchronyError::new(self.settings.library.symbols(), failure)
    }

    /// libchrony made no session on a socket.
    pub(crate) fn no_session(&self, address: &Address, failure: Failure) -> Error {
        Error::Session { address: address.clone(), source: self.libchrony(failure) }
    }

    /// Other threads opened sockets all the time.
    pub(crate) fn crowded(&self) -> Error {
        Error::Crowded { report: self.query.report(), waited: self.clock.end - self.clock.start }
    }

    /// chronyd is not there: the first exchange of a call failed.
    pub(crate) fn lost(&self, address: &Address, stage: Stage, failure: Failure) -> Error {
        match failure.errno {
            Some(errno) if is_unreachable(errno) => not_connected(address, errno.into()),
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
    ) -> Error {
        Error::TimedOut {
            stage,
            report: self.query.report(),
            address: address.clone(),
            waited: (self.clock.end - self.clock.start).saturating_sub(self.queued),
            requests,
            silence: Box::new(Silence { records, queued: self.queued, asleep: self.clock.asleep() }),
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
pub(crate) fn not_connected(address: &Address, error: io::Error) -> Error {
    let source = match address.path().map(Path::metadata) {
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Errno::NOENT.into(),
        Some(Ok(found)) if !found.file_type().is_socket() => Errno::NOTSOCK.into(),
        Some(Ok(_)) => {
            let looked = Opening::begin(Instant::now()).and_then(|opening| urandom::look(&opening).err());
            looked.filter(urandom::is_blamed).unwrap_or(error)
        }
        _ => error,
    };
    let address = address.clone();
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
