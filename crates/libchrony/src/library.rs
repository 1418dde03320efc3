//! The search for libchrony, and its loading.
//!
//! A [`Library`] is a loaded libchrony, with its path and its list of reports. If none can be loaded, the error lists
//! every place that was tried, with the dynamic loader's message for each. This module does not talk to chronyd.

use crate::address::visible;
use crate::raw::load::{is_set_user_id, load, report_names};
use crate::raw::per_process::PerProcess;
use libchrony_sys::{LoadError, Symbols};
use std::env;
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::iter;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The file name of the system's libchrony, for the dynamic loader's search.
const SYSTEM: &str = "libchrony.so.0";
/// The environment variable with the path of the file to load instead.
const VARIABLE: &str = "LIBCHRONY_PATH";

/// A loaded libchrony. Clones share the library, which is unloaded when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Library(Arc<Symbols>);

impl Library {
    /// Finds and loads libchrony.
    ///
    /// If the environment variable `LIBCHRONY_PATH` is set, only the file that it names is tried. Set-user-id programs,
    /// which have more rights than their user, ignore the variable. Otherwise the dynamic loader searches for the
    /// system's `libchrony.so.0` by its own rules.
    ///
    /// # Errors
    ///
    /// Returns [`LibraryError`] with every place that was tried.
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

    /// Finds and loads libchrony as [`Library::load`] does, and tries `fallback` last: a copy that comes with the
    /// program. The fallback is not tried if `LIBCHRONY_PATH` is set.
    ///
    /// # Errors
    ///
    /// Returns [`LibraryError`] with every place that was tried.
    pub fn load_or(fallback: Option<&Path>) -> Result<Self, LibraryError> {
        let chosen = env::var_os(VARIABLE).filter(|value| !value.is_empty() && !is_set_user_id());
        Self::first_of(match chosen {
            Some(chosen) => vec![Place::Variable(absolute(&chosen))],
            None => iter::once(Place::System).chain(fallback.map(|file| Place::Fallback(file.into()))).collect(),
        })
    }

    /// Loads libchrony from one file and nowhere else.
    ///
    /// # Errors
    ///
    /// Returns [`LibraryError`] if the file is missing, is not a library, or lacks one of libchrony's functions.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, LibraryError> {
        Self::first_of(vec![Place::File(absolute(file.as_ref().as_os_str()))])
    }

    fn first_of(places: Vec<Place>) -> Result<Self, LibraryError> {
        let mut attempts = Vec::new();
        for place in places {
            let error = match load(place.file()) {
                Ok(symbols) => return Ok(Self(Arc::new(symbols))),
                // The loader's message repeats the name, which may come from the environment.
                Err(LoadError::Open { reason }) => LoadError::Open { reason: visible(reason) },
                Err(error) => error,
            };
            attempts.push((place, error));
        }
        Err(LibraryError { attempts })
    }

    /// Returns the path of the loaded file, as the dynamic loader found it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the names of the reports that this libchrony knows, in its order. A newer libchrony may know more
    /// reports than this crate has types for. [`Connection::report`](crate::Connection::report) reads those, too.
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

    /// Returns libchrony's name of a report, for requests.
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

/// Returns a copy of a report's name that outlives the library: libchrony keeps pointers to names, and errors contain
/// them. Each name is copied once, so the leak is bounded by the names that the loaded libraries know.
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

/// The error when the loaded libchrony does not know a report of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "libchrony ({}) knows no report {name:?}. It knows {}. A newer libchrony may know more", visible(file), known.join(", ")
)]
#[non_exhaustive]
pub struct UnknownReport {
    /// The requested name.
    pub name: String,
    /// The names of the reports that the library knows, in its order.
    pub known: Vec<String>,
    /// The file of the library.
    pub file: PathBuf,
}

/// Returns a path with a slash in it, which the loader opens without a search.
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

/// The error when no libchrony could be loaded. The message lists each place that was tried, with the loader's message.
#[derive(Debug)]
pub struct LibraryError {
    attempts: Vec<(Place, LoadError)>,
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried: Vec<_> = self.attempts.iter().map(|(place, error)| format!("{place} ({error})")).collect();
        write!(
            f,
            "libchrony bindings not available. Tried: {}. Install libchrony (on Fedora, and with EPEL on RHEL and its \
             kin: dnf install libchrony), use a pychrony wheel that carries it, or set {VARIABLE} to the file",
            tried.join("; ")
        )
    }
}

impl std::error::Error for LibraryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.attempts.last().map(|(_, error)| error as _)
    }
}
