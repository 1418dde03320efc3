//! Whether /dev/urandom is what libchrony takes it for.
//!
//! libchrony draws the name of a client's socket from it, byte by byte, until it has enough letters and digits. Where
//! there are none, it never ends. If it cannot open the file, its error is as if chronyd's socket were missing.

use crate::raw::open_lock::Opening;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

const DEVICE: &str = "/dev/urandom";
/// How many bytes are looked at. A true device always has a letter or a digit among so many.
const SAMPLE: usize = 256;

/// Why it is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("libchrony needs {DEVICE}: {0}")]
    Unreadable(#[source] io::Error),
    #[error("libchrony needs {DEVICE}, and this one gives no random bytes")]
    NotRandom,
}

/// Looks at it, unless it was fit for use before, since looking costs time.
pub(crate) fn check(opening: &Opening) -> io::Result<()> {
    static IS_USABLE: AtomicBool = AtomicBool::new(false);
    if !IS_USABLE.load(Ordering::Relaxed) {
        look(opening)?;
        IS_USABLE.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Looks at it, without waiting. If it cannot be opened for want of descriptors, that is the error. A thread that opens a
/// session meanwhile would take the descriptor for that of the session.
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

/// Whether an error says that it is of no use.
pub(crate) fn is_blamed(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Unusable>()).is_some()
}
