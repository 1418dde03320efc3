//! The libchrony of this process.

use crate::convert::errors;
use libchrony::Library;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The copy of libchrony inside the package, below the folder of `pychrony/__init__.py`.
const BUNDLED: &str = "_libs/libchrony.so.0";

/// The value in a cell, made now if there is none; threads may make it twice. No cell is being filled while Python code
/// may run: a child that is forked meanwhile, or a signal's handler that calls again, would wait for it for ever.
pub(crate) fn get_or_make<T>(cell: &OnceLock<T>, make: impl FnOnce() -> PyResult<T>) -> PyResult<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

/// The libchrony of this process: loaded on first use, and looked for again as long as it is missing.
pub(crate) fn library(py: Python<'_>) -> PyResult<Library> {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = get_or_make(&LIBRARY, || {
        let package: PathBuf = py.import("pychrony")?.getattr("__path__")?.get_item(0)?.extract()?;
        let library = py.detach(|| Library::load_or(Some(&package.join(BUNDLED))));
        library.map_err(|error| errors::to_python(py, &error.into()))
    });
    library.cloned()
}
