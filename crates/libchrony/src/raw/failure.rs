//! What a C function's code and `errno` say.

use libchrony_sys::Symbols;
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::ffi::CStr;
use std::{fmt, io};

/// A call into libchrony that failed: its code, and `errno` if the code says that a system call failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) code: c::ChronyErr,
    pub(crate) errno: Option<Errno>,
}

impl Failure {
    /// Call this right after the C function returned, before anything else can change `errno`.
    pub(super) fn check(code: c::ChronyErr) -> Result<(), Self> {
        match code {
            c::CHRONY_OK => Ok(()),
            c::CHRONY_SEND_FAILED | c::CHRONY_RECV_FAILED | c::CHRONY_NO_RANDOM => {
                Err(Self { code, errno: Some(last_errno()) })
            }
            _ => Err(Self { code, errno: None }),
        }
    }

    /// Whether a signal cut the call short; the session is unharmed.
    pub(crate) fn is_signal(self) -> bool {
        self.errno == Some(Errno::INTR)
    }

    /// Whether the call only ran out of its slice of time, or was interrupted by a signal; the session is unharmed.
    pub(crate) fn is_transient(self) -> bool {
        matches!(self.errno, Some(Errno::AGAIN | Errno::INTR))
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// libchrony's own words for an error code, or the code if it has none.
pub(super) fn error_string(symbols: &Symbols, code: c::ChronyErr) -> String {
    // SAFETY: takes any code.
    let words = unsafe { (symbols.chrony_get_error_string)(code) };
    if words.is_null() {
        return format!("libchrony's error {code}");
    }
    // SAFETY: not null, so a string literal of the library, which the table keeps loaded.
    unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
}

/// An error code of libchrony, with the system's error if there is one behind it.
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

    /// libchrony's number of the error, one of the `CHRONY_*` codes of the crate `libchrony-sys`.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.code
    }

    pub(crate) fn errno(&self) -> Option<Errno> {
        self.os.as_ref().and_then(Errno::from_io_error)
    }

    /// libchrony's words alone.
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
