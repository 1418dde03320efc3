//! The errors of C functions: their codes, and `errno`.

use libchrony_sys::Symbols;
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::ffi::CStr;
use std::{fmt, io};

/// A failed call into libchrony: its code, and `errno` if the code means that a system call failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) code: c::ChronyErr,
    pub(crate) errno: Option<Errno>,
}

impl Failure {
    /// Converts an error code to a result. Must be called right after the C function, before anything else can change
    /// `errno`.
    pub(super) fn check(code: c::ChronyErr) -> Result<(), Self> {
        match code {
            c::CHRONY_OK => Ok(()),
            c::CHRONY_SEND_FAILED | c::CHRONY_RECV_FAILED | c::CHRONY_NO_RANDOM => {
                Err(Self { code, errno: Some(last_errno()) })
            }
            _ => Err(Self { code, errno: None }),
        }
    }

    /// Returns true if a signal interrupted the call. The session is unharmed.
    pub(crate) fn is_signal(self) -> bool {
        self.errno == Some(Errno::INTR)
    }

    /// Returns true if the call only ran out of its time slice, or was interrupted by a signal. The session is
    /// unharmed.
    pub(crate) fn is_transient(self) -> bool {
        matches!(self.errno, Some(Errno::AGAIN | Errno::INTR))
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Returns libchrony's description of an error code, or the code if it has no description.
pub(super) fn error_string(symbols: &Symbols, code: c::ChronyErr) -> String {
    // SAFETY: takes any code.
    let words = unsafe { (symbols.chrony_get_error_string)(code) };
    if words.is_null() {
        return format!("libchrony's error {code}");
    }
    // SAFETY: the pointer is not null, so it is a string literal of the library, which the table keeps loaded.
    unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
}

/// An error code of libchrony, with the system's error behind it, if there is one.
#[derive(Debug)]
pub struct LibchronyError {
    code: u32,
    words: String,
    os: Option<io::Error>,
}

impl LibchronyError {
    pub(crate) fn new(symbols: &Symbols, failure: Failure) -> Self {
        let words = error_string(symbols, failure.code);
        Self { code: failure.code, words, os: failure.errno.map(io::Error::from) }
    }

    /// Returns libchrony's error code, one of the `CHRONY_*` constants of the crate `libchrony-sys`.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.code
    }

    pub(crate) fn errno(&self) -> Option<Errno> {
        self.os.as_ref().and_then(Errno::from_io_error)
    }

    /// Returns libchrony's description, without the system's error.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Display for LibchronyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.os {
            Some(os) => write!(f, "{}: {os}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl std::error::Error for LibchronyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.os.as_ref().map(|os| os as _)
    }
}
