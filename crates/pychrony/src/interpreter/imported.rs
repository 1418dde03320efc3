//! The modules that the program has imported. Nothing here imports one.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::OnceLock;

static MODULES: OnceLock<Py<PyDict>> = OnceLock::new();

/// Keeps a reference to `sys.modules`.
pub(crate) fn initialize(py: Python<'_>) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    MODULES.get_or_init(|| modules.unbind());
    Ok(())
}

/// Returns the module of this name, if it has been imported.
pub(crate) fn module<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    MODULES.get()?.bind(py).get_item(name).ok()?
}
