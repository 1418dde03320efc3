//! The libchrony of this process.

use crate::convert::errors;
use libchrony::{Error, Library};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The copy of libchrony inside the package, below the folder of `pychrony/__init__.py`.
const BUNDLED: &str = "_libs/libchrony.so.0";

/// Returns the libchrony of this process, or raises the error. The first call loads it; while it is missing, each call
/// looks for it again.
pub(crate) fn library(py: Python<'_>) -> PyResult<Library> {
    load(py)?.map_err(|error| errors::to_python(py, &error))
}

/// As [`library`], but does not raise the error.
pub(crate) fn load(py: Python<'_>) -> PyResult<Result<Library, Error>> {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    if let Some(library) = LIBRARY.get() {
        return Ok(Ok(library.clone()));
    }
    let package: PathBuf = py.import("pychrony")?.getattr("__path__")?.get_item(0)?.extract()?;
    // The cell is not locked meanwhile, as in `get_or_make`.
    let library = py.detach(|| Library::load_or(Some(&package.join(BUNDLED))));
    Ok(library.map(|library| LIBRARY.get_or_init(|| library).clone()).map_err(Error::from))
}
