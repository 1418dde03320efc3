//! Loading libchrony, and whether the environment may name the file.

use libchrony_sys::{LoadError, Symbols};
use std::ffi::OsStr;

/// Opens a library and looks up libchrony's functions in it.
pub(crate) fn load(file: &OsStr) -> Result<Symbols, LoadError> {
    // SAFETY: the user, or the system's loader, names this file as libchrony. libchrony has no initialisers of its
    // own, and its function types are stable under the file name `libchrony.so.0`.
    unsafe { Symbols::load(file) }
}

/// Whether the program has more rights than the user who started it, so that its environment is not to be trusted.
pub(crate) fn is_set_user_id() -> bool {
    // SAFETY: getauxval only reads the process's auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
