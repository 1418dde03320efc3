//! The function table and its loader.

use crate::types::{ChronyErr, ChronyFieldContent, ChronyFieldType, ChronySession, Int, Timespec};
use libc::{Dl_info, c_char, c_void};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why a file does not serve as libchrony.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// `dlopen` refused the file; `reason` is in the loader's own words.
    #[error("{reason}")]
    Open {
        /// What the loader said.
        reason: String,
    },
    /// The file is a library, but not (this version of) libchrony.
    #[error("it has no symbol {symbol}")]
    MissingSymbol {
        /// The first function of `chrony.h` that it lacks.
        symbol: &'static str,
    },
}

macro_rules! symbols {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        /// libchrony's functions: one pointer for each, named as in C. All are valid as long as this table lives.
        ///
        /// Calling one is as unsafe as calling the C function: pointers must be valid, a session must be used by one
        /// thread at a time, and strings that `chrony_get_field_string` returns are overwritten by the next call in
        /// any thread of the process.
        #[derive(Debug)]
        pub struct Symbols {
            $($(#[$doc])* pub $name: unsafe extern "C" fn($($arg: $type),*) $(-> $result)?,)*
            path: PathBuf,
            _library: Library,
        }

        impl Symbols {
            /// Opens the library `file` and looks up every function.
            ///
            /// `file` is a path, or a bare name such as `libchrony.so.0` that the dynamic loader searches for by its
            /// own rules. The library stays open until the table is dropped.
            ///
            /// # Safety
            ///
            /// The file's initialisers run, and functions that bear libchrony's names must be libchrony's.
            ///
            /// # Errors
            ///
            /// [`LoadError`] when the file cannot be opened or lacks a function.
            pub unsafe fn load(file: &OsStr) -> Result<Self, LoadError> {
                // SAFETY: the caller vouches for the file's initialisers.
                let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
                let library = library.map_err(|error| open_error(&error))?;
                $(
                    // SAFETY: the caller vouches that a function of this name has the type `chrony.h` gives it. The
                    // pointer stays valid: the library is kept in the same struct.
                    let $name = *unsafe {
                        library.get::<unsafe extern "C" fn($($arg: $type),*) $(-> $result)?>(stringify!($name))
                    }
                    .map_err(|_| LoadError::MissingSymbol { symbol: stringify!($name) })?;
                )*
                let mut symbols = Self { $($name,)* path: PathBuf::from(file), _library: library };
                if let Some(path) = file_of(symbols.chrony_open_socket as *const c_void) {
                    symbols.path = path;
                }
                Ok(symbols)
            }

            /// The names of all functions in the table, in the order in which they are looked up.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];
        }
    };
}

symbols! {
    /// Opens a client socket connected to chronyd; negative on failure, with the reason in `errno`.
    fn chrony_open_socket(address: *const c_char) -> Int;
    /// Closes the socket, after removing the path it is bound to and the two folders above it.
    fn chrony_close_socket(fd: Int);
    /// The description of an error code.
    fn chrony_get_error_string(e: ChronyErr) -> *const c_char;
    /// Creates a session on a socket.
    fn chrony_init_session(s: *mut *mut ChronySession, fd: Int) -> ChronyErr;
    /// Destroys a session; its socket stays open.
    fn chrony_deinit_session(s: *mut ChronySession);
    /// The socket of a session.
    fn chrony_get_fd(s: *mut ChronySession) -> Int;
    /// Whether the session waits for a response.
    fn chrony_needs_response(s: *mut ChronySession) -> bool;
    /// Receives and processes one datagram; may send a further request.
    fn chrony_process_response(s: *mut ChronySession) -> ChronyErr;
    /// The number of reports the library knows.
    fn chrony_get_number_supported_reports() -> Int;
    /// The name of a report; null when there is no such index.
    fn chrony_get_report_name(report: Int) -> *const c_char;
    /// Requests the number of records of a report.
    fn chrony_request_report_number_records(s: *mut ChronySession, report_name: *const c_char) -> ChronyErr;
    /// The number of records that the last such request brought.
    fn chrony_get_report_number_records(s: *mut ChronySession) -> Int;
    /// Requests one record; keeps the pointer to the name.
    fn chrony_request_record(s: *mut ChronySession, report_name: *const c_char, record: Int) -> ChronyErr;
    /// The number of fields of the record.
    fn chrony_get_record_number_fields(s: *mut ChronySession) -> Int;
    /// The name of a field; null when there is no such index.
    fn chrony_get_field_name(s: *mut ChronySession, field: Int) -> *const c_char;
    /// The index of a field; negative when there is none of that name.
    fn chrony_get_field_index(s: *mut ChronySession, name: *const c_char) -> Int;
    /// The type of a field.
    fn chrony_get_field_type(s: *mut ChronySession, field: Int) -> ChronyFieldType;
    /// The content of a field; overwrites the static string buffer.
    fn chrony_get_field_content(s: *mut ChronySession, field: Int) -> ChronyFieldContent;
    /// The value of an unsigned field, 0 for a field of another type.
    fn chrony_get_field_uinteger(s: *mut ChronySession, field: Int) -> u64;
    /// The value of a signed field, 0 for a field of another type.
    fn chrony_get_field_integer(s: *mut ChronySession, field: Int) -> i64;
    /// The value of a float field, 0 for a field of another type.
    fn chrony_get_field_float(s: *mut ChronySession, field: Int) -> f64;
    /// The value of a time field, 0 for a field of another type.
    fn chrony_get_field_timespec(s: *mut ChronySession, field: Int) -> Timespec;
    /// The value of a string field in the static buffer; null for a field of another type or without a value.
    fn chrony_get_field_string(s: *mut ChronySession, field: Int) -> *const c_char;
    /// The name of a field's constant; null when the library has none.
    fn chrony_get_field_constant_name(s: *mut ChronySession, field: Int, value: u64) -> *const c_char;
}

impl Symbols {
    /// The file that was loaded, as the dynamic loader found it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The loader's words, which libloading keeps in the error's source.
fn open_error(error: &libloading::Error) -> LoadError {
    let reason = match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        libloading::Error::InteriorZeroElements => "the file name contains a NUL byte".to_owned(),
        other => other.to_string(),
    };
    LoadError::Open { reason }
}

/// The file that a function was loaded from.
fn file_of(function: *const c_void) -> Option<PathBuf> {
    let mut info = MaybeUninit::<Dl_info>::zeroed();
    // SAFETY: dladdr only looks the address up; `info` is writable and is all plain data.
    let found = unsafe { libc::dladdr(function, info.as_mut_ptr()) };
    // SAFETY: zeroed plain data is initialised, whatever dladdr wrote over it.
    let name = unsafe { info.assume_init() }.dli_fname;
    if found == 0 || name.is_null() {
        return None;
    }
    // SAFETY: a successful dladdr gives a NUL-terminated name that lives as long as the library; it is copied here.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}
