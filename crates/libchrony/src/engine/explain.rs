//! The errors of a call, with its address, step and report. Their texts are in `error`.

use crate::address::{Address, Transport};
use crate::engine::context::Context;
use crate::engine::session::Session;
use crate::error::advice::{SecurityModule, Silence};
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

/// The methods that create the errors of a call.
impl Context {
    fn libchrony(&self, failure: Failure) -> LibchronyError {
        LibchronyError::new(self.settings.library.symbols(), failure)
    }

    /// Returns the error for a socket on which libchrony did not create a session.
    pub(crate) fn no_session(&self, address: &Address, failure: Failure) -> Error {
        Error::Session { address: address.clone(), source: self.libchrony(failure) }
    }

    /// Returns the error for a call that could not open a socket in time, because other threads kept opening theirs.
    pub(crate) fn crowded(&self) -> Error {
        Error::Crowded { report: self.query.report(), waited: self.clock.end - self.clock.start }
    }

    /// Returns the error for a failed first exchange. Often no chronyd is there.
    pub(crate) fn lost(&self, address: &Address, stage: Stage, failure: Failure) -> Error {
        match failure.errno {
            Some(errno) if is_unreachable(errno) => not_connected(address, errno.into()),
            _ => self.failed(address, stage, failure),
        }
    }

    /// Returns the error for a failed request or response.
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

    /// Returns the error for a response that did not come in time.
    pub(crate) fn silent(
        &self,
        session: &Session,
        stage: Stage,
        requests: u32,
        records: Option<(usize, usize)>,
    ) -> Error {
        let address = &session.address;
        // A security module denies every answer.
        let is_suspect = !session.round_trip.is_measured() && address.transport() == Transport::UnixSocket;
        let security_module = if is_suspect { security_module(Path::new("/")) } else { None };
        Error::TimedOut {
            stage,
            report: self.query.report(),
            address: address.clone(),
            waited: (self.clock.end - self.clock.start).saturating_sub(self.queued),
            requests,
            silence: Box::new(Silence { records, queued: self.queued, asleep: self.clock.asleep, security_module }),
        }
    }

    /// Returns the error for a list that has changed: chronyd has fewer records than it announced, or another last one.
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

/// Returns the security module that is active, by its folder in /sys. `root` is `/`, or the folder of a test.
fn security_module(root: &Path) -> Option<SecurityModule> {
    let modules =
        [(SecurityModule::AppArmor, "sys/kernel/security/apparmor"), (SecurityModule::SeLinux, "sys/fs/selinux")];
    modules.into_iter().find(|(_, folder)| root.join(folder).exists()).map(|(module, _)| module)
}

/// Returns the error for a socket that cannot be opened or that nothing listens on. libchrony's cleanup may have
/// changed `errno`, so the path and /dev/urandom are checked again.
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

/// Returns true if `errno` means that no chronyd is at the address.
fn is_unreachable(errno: Errno) -> bool {
    use Errno as E;
    matches!(errno, E::CONNREFUSED | E::HOSTUNREACH | E::NETUNREACH | E::HOSTDOWN | E::NETDOWN | E::ACCESS | E::PERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_security_module_is_the_one_whose_folder_is_there() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(security_module(root.path()), None);
        std::fs::create_dir_all(root.path().join("sys/fs/selinux")).unwrap();
        assert_eq!(security_module(root.path()), Some(SecurityModule::SeLinux));
        std::fs::create_dir_all(root.path().join("sys/kernel/security/apparmor")).unwrap();
        assert_eq!(security_module(root.path()), Some(SecurityModule::AppArmor));
    }
}
