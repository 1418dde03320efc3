//! A check of /dev/urandom before libchrony relies on it.
//!
//! libchrony draws the name of a client's socket from /dev/urandom, byte by byte, until it has enough letters and
//! digits. On a device without any, it loops forever. If it cannot open the device, its error looks as if chronyd's
//! socket were missing.

use crate::raw::open_lock::Opening;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

const DEVICE: &str = "/dev/urandom";
/// The number of bytes that are checked. A real device practically always gives a letter or a digit in a sample of this
/// size.
const SAMPLE: usize = 256;

/// The reason why /dev/urandom cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("libchrony needs {DEVICE}: {0}")]
    Unreadable(#[source] io::Error),
    #[error("libchrony needs {DEVICE}, and this one gives no random bytes")]
    NotRandom,
}

/// Checks the device, unless it passed before, since the check costs time.
pub(crate) fn check(opening: &Opening) -> io::Result<()> {
    static IS_USABLE: AtomicBool = AtomicBool::new(false);
    if !IS_USABLE.load(Ordering::Relaxed) {
        look(opening)?;
        IS_USABLE.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Checks the device, without blocking. Returns the system's error if no descriptor is free. The lock is needed,
/// because a thread that opens a session meanwhile would take the descriptor for the session's.
pub(crate) fn look(_: &Opening) -> io::Result<()> {
    let mut bytes = [0; SAMPLE];
    let read = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(DEVICE)
        .and_then(|mut device| device.read_exact(&mut bytes));
    match read {
        Ok(()) if bytes.iter().any(u8::is_ascii_alphanumeric) => Ok(()),
        Ok(()) => Err(io::Error::other(Unusable::NotRandom)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => Err(error),
        Err(error) => Err(io::Error::other(Unusable::Unreadable(error))),
    }
}

/// Returns true if an error says that /dev/urandom cannot be used.
pub(crate) fn is_blamed(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Unusable>()).is_some()
}
