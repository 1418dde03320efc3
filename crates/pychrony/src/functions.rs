//! Functions that open a connection, read one report, and close the connection.

use crate::convert::errors::{self, interrupted};
use crate::convert::wanted::Wanted;
use crate::interpreter::greenlets;
use crate::library::library;
use crate::settings::ConnectionSettings;
use pyo3::prelude::*;
use std::ffi::OsString;

/// Reads a report over a connection of its own, without the GIL.
#[pyfunction]
pub(crate) fn read<'py>(
    record: &Bound<'py, PyAny>,
    socket_path: Option<&Bound<'py, PyAny>>,
    timeout: &Bound<'_, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = record.py();
    greenlets::refuse_another(py)?;
    let builder = ConnectionSettings::once(socket_path, timeout)?.builder(py)?.interrupt(interrupted);
    let wanted = Wanted::of(record)?;
    let result = py.detach(|| wanted.read(&builder.build()?));
    wanted.convert(py, result.map_err(|error| errors::to_python(py, &error))?)
}

/// Returns the path of the libchrony of this process.
#[pyfunction]
pub(crate) fn libchrony_path(py: Python<'_>) -> PyResult<OsString> {
    Ok(library(py)?.path().as_os_str().to_owned())
}

/// Returns the names of the reports that libchrony knows.
#[pyfunction]
pub(crate) fn list_reports(py: Python<'_>) -> PyResult<Vec<String>> {
    Ok(library(py)?.reports().map(str::to_owned).collect())
}
