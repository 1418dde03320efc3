//! Loads libchrony, lists its reports, and checks if the environment may name its file.

use libchrony_sys::{LoadError, Symbols};
use std::ffi::{CStr, OsStr};

/// Opens a library and looks up libchrony's functions in it.
pub(crate) fn load(file: &OsStr) -> Result<Symbols, LoadError> {
    // SAFETY: the user, or the system's loader, names this file as libchrony. libchrony has no initialisers of its
    // own, and its function types are stable under the file name `libchrony.so.0`.
    unsafe { Symbols::load(file) }
}

/// Returns the names of the reports that a libchrony knows, in its order.
pub(crate) fn report_names(symbols: &Symbols) -> impl Iterator<Item = &CStr> {
    // SAFETY: the function takes no argument and only reads a constant.
    let count = unsafe { (symbols.chrony_get_number_supported_reports)() };
    (0..count).filter_map(|index| {
        // SAFETY: any index is allowed, and one without a report gives null.
        let name = unsafe { (symbols.chrony_get_report_name)(index) };
        // SAFETY: the pointer is not null, so it is a string literal of the library, which stays loaded as long as its
        // table of functions.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
    })
}

/// Returns true if the program has more rights than the user who started it, who controls its environment.
pub(crate) fn is_set_user_id() -> bool {
    // SAFETY: getauxval only reads the process's auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
