//! The libchrony of this process.

use crate::convert::errors;
use crate::interpreter::lock::get_or_make;
use libchrony::Library;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The copy of libchrony inside the package, below the folder of `pychrony/__init__.py`.
const BUNDLED: &str = "_libs/libchrony.so.0";

/// Returns the libchrony of this process. The first call loads it; while it is missing, each call looks for it again.
pub(crate) fn library(py: Python<'_>) -> PyResult<Library> {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = get_or_make(&LIBRARY, || {
        let package: PathBuf = py.import("pychrony")?.getattr("__path__")?.get_item(0)?.extract()?;
        let library = py.detach(|| Library::load_or(Some(&package.join(BUNDLED))));
        library.map_err(|error| errors::to_python(py, &error.into()))
    });
    library.cloned()
}
