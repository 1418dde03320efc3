//! The function table and its loader.

use crate::types::{ChronyErr, ChronyFieldContent, ChronyFieldType, ChronySession, Int, Timespec};
use libc::{Dl_info, c_char, c_void};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The reason why a file cannot be used as libchrony.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The dynamic loader could not open the file.
    #[error("{reason}")]
    Open {
        /// The dynamic loader's message.
        reason: String,
    },
    /// The file is a library, but not libchrony, or not a supported version of it.
    #[error("it has no symbol {symbol}")]
    MissingSymbol {
        /// The first missing function, in the order of [`Symbols::NAMES`].
        symbol: &'static str,
    },
}

macro_rules! symbols {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of libchrony: one pointer for each, named as in C. The pointers are valid as long as this
        /// table lives.
        ///
        /// Calling a function is as unsafe as in C. Pointers must be valid, and only one thread at a time may use a
        /// session. The string that `chrony_get_field_string` returns is overwritten by the next call in any thread of
        /// the process.
        #[derive(Debug)]
        pub struct Symbols {
            $($(#[$doc])* pub $name: unsafe extern "C" fn($($arg: $type),*) $(-> $result)?,)*
            path: PathBuf,
            _library: Library,
        }

        impl Symbols {
            /// Opens the library `file` and looks up every function.
            ///
            /// `file` is a path, or a bare name such as `libchrony.so.0`, for which the dynamic loader searches by its
            /// own rules. The library stays open until the table is dropped.
            ///
            /// # Safety
            ///
            /// The file's initialisers run, and its functions with libchrony's names must have libchrony's types.
            ///
            /// # Errors
            ///
            /// Returns [`LoadError`] if the file cannot be opened or lacks a function.
            pub unsafe fn load(file: &OsStr) -> Result<Self, LoadError> {
                // SAFETY: the caller vouches for the file's initialisers.
                let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
                let library = library.map_err(|error| open_error(&error))?;
                $(
                    // SAFETY: the caller vouches that a function of this name has the type in `chrony.h`. The pointer
                    // stays valid, because the struct keeps the library open.
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

            /// The names of all functions in the table, in the order of lookup.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];
        }
    };
}

symbols! {
    /// Opens a client socket that is connected to chronyd. Returns a negative number on failure, with the reason in
    /// `errno`.
    fn chrony_open_socket(address: *const c_char) -> Int;
    /// Closes the socket, after removing its path and the two directories above the path.
    fn chrony_close_socket(fd: Int);
    /// Returns the description of an error code.
    fn chrony_get_error_string(e: ChronyErr) -> *const c_char;
    /// Creates a session on a socket.
    fn chrony_init_session(s: *mut *mut ChronySession, fd: Int) -> ChronyErr;
    /// Destroys a session. Its socket stays open.
    fn chrony_deinit_session(s: *mut ChronySession);
    /// Returns the socket of a session.
    fn chrony_get_fd(s: *mut ChronySession) -> Int;
    /// Returns true while the session waits for a response.
    fn chrony_needs_response(s: *mut ChronySession) -> bool;
    /// Receives and processes one datagram, and may send a further request.
    fn chrony_process_response(s: *mut ChronySession) -> ChronyErr;
    /// Returns the number of reports that the library knows.
    fn chrony_get_number_supported_reports() -> Int;
    /// Returns the name of a report, or null if there is no such index.
    fn chrony_get_report_name(report: Int) -> *const c_char;
    /// Requests the number of records of a report.
    fn chrony_request_report_number_records(s: *mut ChronySession, report_name: *const c_char) -> ChronyErr;
    /// Returns the number of records, as chronyd sent it last.
    fn chrony_get_report_number_records(s: *mut ChronySession) -> Int;
    /// Requests one record. libchrony keeps the pointer to the report's name.
    fn chrony_request_record(s: *mut ChronySession, report_name: *const c_char, record: Int) -> ChronyErr;
    /// Returns the number of fields in the record.
    fn chrony_get_record_number_fields(s: *mut ChronySession) -> Int;
    /// Returns the name of a field, or null if there is no such index.
    fn chrony_get_field_name(s: *mut ChronySession, field: Int) -> *const c_char;
    /// Returns the index of a field, or a negative number if no field has this name.
    fn chrony_get_field_index(s: *mut ChronySession, name: *const c_char) -> Int;
    /// Returns the type of a field.
    fn chrony_get_field_type(s: *mut ChronySession, field: Int) -> ChronyFieldType;
    /// Returns the content of a field. Overwrites the static string buffer.
    fn chrony_get_field_content(s: *mut ChronySession, field: Int) -> ChronyFieldContent;
    /// Returns the value of an unsigned field, or 0 for a field of another type.
    fn chrony_get_field_uinteger(s: *mut ChronySession, field: Int) -> u64;
    /// Returns the value of a signed field, or 0 for a field of another type.
    fn chrony_get_field_integer(s: *mut ChronySession, field: Int) -> i64;
    /// Returns the value of a float field, or 0 for a field of another type.
    fn chrony_get_field_float(s: *mut ChronySession, field: Int) -> f64;
    /// Returns the value of a time field, or 0 for a field of another type.
    fn chrony_get_field_timespec(s: *mut ChronySession, field: Int) -> Timespec;
    /// Returns the value of a string field, in the static buffer. Returns null for a field of another type or without a
    /// value.
    fn chrony_get_field_string(s: *mut ChronySession, field: Int) -> *const c_char;
    /// Returns the name of a field's constant, or null if the library has no name for it.
    fn chrony_get_field_constant_name(s: *mut ChronySession, field: Int, value: u64) -> *const c_char;
}

impl Symbols {
    /// Returns the path of the loaded file, as the dynamic loader found it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the loader's message, which libloading keeps in the error's source.
fn open_error(error: &libloading::Error) -> LoadError {
    let reason = match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        libloading::Error::InteriorZeroElements => "the file name contains a NUL byte".to_owned(),
        other => other.to_string(),
    };
    LoadError::Open { reason }
}

/// Returns the file that a function was loaded from.
fn file_of(function: *const c_void) -> Option<PathBuf> {
    let mut info = MaybeUninit::<Dl_info>::zeroed();
    // SAFETY: dladdr only looks the address up; `info` is writable and is all plain data.
    let found = unsafe { libc::dladdr(function, info.as_mut_ptr()) };
    // SAFETY: zeroed plain data is initialised, whatever dladdr wrote over it.
    let name = unsafe { info.assume_init() }.dli_fname;
    if found == 0 || name.is_null() {
        return None;
    }
    // SAFETY: after success, the name is NUL-terminated and lives as long as the library. It is copied here.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}
