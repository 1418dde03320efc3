//! Finding and loading libchrony.
//!
//! A [`Library`] is a loaded libchrony that knows which file it came from. When none can be loaded, the error says
//! where it was looked for and what the dynamic loader said of each place. It tells which reports it knows.

use crate::address::visible;
use crate::raw::load::{is_set_user_id, load, report_names};
use crate::raw::per_process::PerProcess;
use libchrony_sys::{LoadError, Symbols};
use std::env;
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The name by which the system's loader finds libchrony.
const SYSTEM: &str = "libchrony.so.0";
/// The environment variable that names a file to use instead.
const VARIABLE: &str = "LIBCHRONY_PATH";

/// A loaded libchrony. Clones share it; it is unloaded with the last of them.
#[derive(Clone, Debug)]
pub struct Library(Arc<Symbols>);

impl Library {
    /// Finds and loads libchrony.
    ///
    /// The environment variable `LIBCHRONY_PATH` names a file that is used alone when set; it is ignored in programs
    /// that run with more rights than their user (set-user-id). Otherwise the system's `libchrony.so.0` is loaded,
    /// by the dynamic loader's own rules.
    ///
    /// # Errors
    ///
    /// [`LibraryError`] with every place that was tried.
    ///
    /// # Examples
    ///
    /// ```
    /// let library = libchrony::Library::load()?;
    /// println!("libchrony is {}", library.path().display());
    /// # Ok::<(), libchrony::LibraryError>(())
    /// ```
    #[doc(alias = "dlopen")]
    pub fn load() -> Result<Self, LibraryError> {
        Self::load_or(None)
    }

    /// As [`Library::load`], and at last `fallback`: a copy that the program brings along.
    ///
    /// # Errors
    ///
    /// [`LibraryError`] with every place that was tried.
    pub fn load_or(fallback: Option<&Path>) -> Result<Self, LibraryError> {
        let chosen = env::var_os(VARIABLE).filter(|value| !value.is_empty() && !is_set_user_id());
        let mut places = Vec::new();
        if let Some(chosen) = &chosen {
            places.push(Place::Variable(absolute(chosen)));
        } else {
            places.push(Place::System);
            places.extend(fallback.map(|file| Place::Fallback(file.to_owned())));
        }
        Self::first_of(places)
    }

    /// Loads libchrony from one file and nowhere else.
    ///
    /// # Errors
    ///
    /// [`LibraryError`] when the file is missing, is not a library, or lacks one of libchrony's functions.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, LibraryError> {
        Self::first_of(vec![Place::File(absolute(file.as_ref().as_os_str()))])
    }

    fn first_of(places: Vec<Place>) -> Result<Self, LibraryError> {
        let mut attempts = Vec::new();
        for place in places {
            match load(place.file()) {
                Ok(symbols) => return Ok(Self(Arc::new(symbols))),
                Err(LoadError::Open { reason }) => {
                    // The loader repeats the name.
                    attempts.push(Attempt { place, error: LoadError::Open { reason: visible(reason) } });
                }
                Err(error) => attempts.push(Attempt { place, error }),
            }
        }
        Err(LibraryError { attempts })
    }

    /// The file that was loaded, as the dynamic loader found it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The names of the reports that this libchrony knows, in its order. A newer one may know more than this crate has
    /// types for: [`Connection::report`](crate::Connection::report) reads them, too.
    ///
    /// # Examples
    ///
    /// ```
    /// let library = libchrony::Library::load()?;
    /// assert!(library.reports().any(|report| report == "tracking"));
    /// # Ok::<(), libchrony::LibraryError>(())
    /// ```
    #[doc(alias = "chrony_get_report_name")]
    pub fn reports(&self) -> impl Iterator<Item = &str> {
        report_names(&self.0).filter_map(|name| name.to_str().ok())
    }

    /// The report of this name, for requests.
    pub(crate) fn report(&self, name: &str) -> Result<&'static CStr, UnknownReport> {
        let found = report_names(&self.0).find(|found| found.to_bytes() == name.as_bytes());
        found.map(for_ever).ok_or_else(|| UnknownReport {
            name: name.to_owned(),
            known: self.reports().map(str::to_owned).collect(),
            file: self.path().to_owned(),
        })
    }

    pub(crate) fn symbols(&self) -> &Arc<Symbols> {
        &self.0
    }
}

/// A copy of a report's name that outlives the library: libchrony keeps pointers to names, and errors have them. There is
/// one copy of each name, so that no more is kept than all libraries know.
fn for_ever(name: &CStr) -> &'static CStr {
    static NAMES: PerProcess<Mutex<Vec<&'static CStr>>> = PerProcess::new();
    let mut names = NAMES.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return known;
    }
    let copy: &'static CStr = Box::leak(name.into());
    names.push(copy);
    copy
}

/// The loaded libchrony knows no report of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "libchrony ({}) knows no report {name:?}. It knows {}. A newer libchrony may know more", visible(file), known.join(", ")
)]
#[non_exhaustive]
pub struct UnknownReport {
    /// The name that was asked for.
    pub name: String,
    /// The names that it knows, in its order.
    pub known: Vec<String>,
    /// The file of the library.
    pub file: PathBuf,
}

/// A path with a slash in it, which the loader takes as it is and does not search for.
fn absolute(file: &OsStr) -> PathBuf {
    path::absolute(file).unwrap_or_else(|_| Path::new(".").join(file))
}

#[derive(Debug)]
enum Place {
    Variable(PathBuf),
    System,
    Fallback(PathBuf),
    File(PathBuf),
}

impl Place {
    fn file(&self) -> &OsStr {
        match self {
            Self::System => OsStr::new(SYSTEM),
            Self::Variable(file) | Self::Fallback(file) | Self::File(file) => file.as_os_str(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(file) => write!(f, "{VARIABLE}={}", visible(file)),
            Self::System => write!(f, "the system's {SYSTEM}"),
            Self::Fallback(file) => write!(f, "the package's own {}", visible(file)),
            Self::File(file) => f.write_str(&visible(file)),
        }
    }
}

#[derive(Debug)]
struct Attempt {
    place: Place,
    error: LoadError,
}

/// No libchrony could be loaded. The message lists each place that was tried with the loader's own words.
#[derive(Debug)]
pub struct LibraryError {
    attempts: Vec<Attempt>,
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("libchrony bindings not available. Tried: ")?;
        for (index, Attempt { place, error }) in self.attempts.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{place} ({error})")?;
        }
        write!(
            f,
            ". Install libchrony (on Fedora, and with EPEL on RHEL and its kin: dnf install libchrony), use a pychrony \
             wheel that carries it, or set {VARIABLE} to the file"
        )
    }
}

impl std::error::Error for LibraryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.attempts.last().map(|attempt| &attempt.error as _)
    }
}
