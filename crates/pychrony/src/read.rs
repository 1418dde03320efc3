//! The functions that read one report: open, read, close; and the arguments that connections share with them.

use crate::convert::ToRecord;
use crate::errors::{self, interrupted};
use libchrony::{Address, Connection, Error, Library};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

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

/// The address in the caller's argument `name`.
pub(crate) fn parse_address(name: &str, address: &Bound<'_, PyAny>) -> PyResult<Address> {
    let py = address.py();
    let Ok(text) = address.cast::<PyString>() else {
        let found = address.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} must be a str or None, not {found}")));
    };
    // A lone surrogate cannot be part of a path; it becomes a character that no address has.
    let address = text.extract::<OsString>().unwrap_or_else(|_| text.to_string_lossy().into_owned().into());
    Address::parse(address).map_err(|error| errors::to_python(py, &error.into()))
}

pub(crate) fn parse_timeout(timeout: f64) -> PyResult<Duration> {
    if timeout > 0.0 && timeout.is_finite() {
        // Nobody waits for longer than the most that there is.
        return Ok(Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX).max(Duration::from_nanos(1)));
    }
    Err(PyValueError::new_err(format!("timeout must be a finite number of seconds greater than 0, not {timeout}")))
}

/// Reads one report on a connection of its own, without the GIL.
fn read<T: Send>(
    py: Python<'_>,
    socket_path: Option<&Bound<'_, PyAny>>,
    timeout: f64,
    report: impl FnOnce(&Connection) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let addresses = match socket_path {
        Some(socket_path) => vec![parse_address("socket_path", socket_path)?],
        None => Address::default_sockets(),
    };
    let builder = Connection::builder().addresses(addresses).timeout(parse_timeout(timeout)?).interrupt(interrupted);
    let library = library(py)?;
    let result = py.detach(|| report(&builder.library(library).build()?));
    result.map_err(|error| errors::to_python(py, &error))
}

#[pyfunction]
pub(crate) fn get_tracking<'py>(
    py: Python<'py>,
    socket_path: Option<&Bound<'py, PyAny>>,
    timeout: f64,
) -> PyResult<Bound<'py, PyAny>> {
    read(py, socket_path, timeout, Connection::tracking)?.to_record(py)
}

#[pyfunction]
pub(crate) fn get_sources<'py>(
    py: Python<'py>,
    socket_path: Option<&Bound<'py, PyAny>>,
    timeout: f64,
) -> PyResult<Bound<'py, PyList>> {
    records(py, &read(py, socket_path, timeout, Connection::sources)?)
}

#[pyfunction]
pub(crate) fn get_source_stats<'py>(
    py: Python<'py>,
    socket_path: Option<&Bound<'py, PyAny>>,
    timeout: f64,
) -> PyResult<Bound<'py, PyList>> {
    records(py, &read(py, socket_path, timeout, Connection::source_stats)?)
}

#[pyfunction]
pub(crate) fn get_rtc_data<'py>(
    py: Python<'py>,
    socket_path: Option<&Bound<'py, PyAny>>,
    timeout: f64,
) -> PyResult<Bound<'py, PyAny>> {
    read(py, socket_path, timeout, Connection::rtc_data)?.to_record(py)
}

pub(crate) fn records<'py>(py: Python<'py>, records: &[impl ToRecord]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for record in records {
        list.append(record.to_record(py)?)?;
    }
    Ok(list)
}

#[pyfunction]
pub(crate) fn libchrony_path(py: Python<'_>) -> PyResult<OsString> {
    Ok(library(py)?.path().as_os_str().to_owned())
}
