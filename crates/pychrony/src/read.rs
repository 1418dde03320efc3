//! The functions that read one report: open, read, close.

use crate::convert::ToRecord;
use crate::errors::{self, interrupted};
use libchrony::{Address, Connection, Error, Library, RtcData, Source, SourceStats, Tracking};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// The copy of libchrony inside the package, below the folder of `pychrony/__init__.py`.
const BUNDLED: &str = "_libs/libchrony.so.0";

/// The libchrony of this process: loaded on first use, and looked for again as long as it is missing.
fn library(py: Python<'_>) -> PyResult<Library> {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    if let Some(library) = LIBRARY.get() {
        return Ok(library.clone());
    }
    let package: PathBuf = py.import("pychrony")?.getattr("__path__")?.get_item(0)?.extract()?;
    let library = py.detach(|| Library::load_or(Some(&package.join(BUNDLED))));
    let library = library.map_err(|error| errors::to_python(py, &error.into()))?;
    Ok(LIBRARY.get_or_init(|| library).clone())
}

/// The address of the caller's `socket_path`.
fn parse_address(socket_path: &Bound<'_, PyAny>) -> PyResult<Address> {
    let py = socket_path.py();
    let Ok(text) = socket_path.cast::<PyString>() else {
        let found = socket_path.get_type().name()?;
        return Err(PyTypeError::new_err(format!("socket_path must be a str or None, not {found}")));
    };
    // A lone surrogate cannot be part of a path; it becomes a character that no address has.
    let address = text.extract::<OsString>().unwrap_or_else(|_| text.to_string_lossy().into_owned().into());
    Address::parse(address).map_err(|error| errors::to_python(py, &error.into()))
}

fn parse_timeout(timeout: f64) -> PyResult<Duration> {
    let parsed = Duration::try_from_secs_f64(timeout).ok().filter(|timeout| !timeout.is_zero());
    parsed.ok_or_else(|| {
        PyValueError::new_err(format!("timeout must be a finite number of seconds greater than 0, not {timeout}"))
    })
}

/// Reads one report on a connection of its own, without the GIL.
fn read<T: Send>(
    py: Python<'_>,
    socket_path: Option<&Bound<'_, PyAny>>,
    timeout: f64,
    report: impl FnOnce(&Connection) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let mut builder = Connection::builder().timeout(parse_timeout(timeout)?).interrupt(interrupted);
    if let Some(socket_path) = socket_path {
        builder = builder.address(parse_address(socket_path)?);
    }
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

fn records<'py>(py: Python<'py>, records: &[impl ToRecord]) -> PyResult<Bound<'py, PyList>> {
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

// The four records, so that a report without a conversion does not compile.
const _: () = {
    const fn convertible<T: ToRecord>() {}
    convertible::<Tracking>();
    convertible::<Source>();
    convertible::<SourceStats>();
    convertible::<RtcData>();
};
