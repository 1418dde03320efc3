//! The functions that read one report: open, read, close; and the arguments that connections share with them.

use crate::convert::errors::{self, interrupted};
use crate::convert::wanted::Wanted;
use crate::interpreter::greenlets;
use libchrony::{Address, Builder, Connection, Library};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
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

/// What an address may be that has a default.
pub(crate) const OPTIONAL: &str = "a str, an os.PathLike[str] or None";

/// The address in the caller's argument `name`: text, or a path as `os.fspath` has it.
/// What it may be is `expected`.
pub(crate) fn parse_address(name: &str, expected: &str, address: &Bound<'_, PyAny>) -> PyResult<Address> {
    let py = address.py();
    // To ask text for a method that it does not have would cost more than all else here.
    let is_path = !address.is_exact_instance_of::<PyString>() && address.get_type().hasattr("__fspath__")?;
    let text = if is_path { py.import("os")?.call_method1("fspath", (address,))? } else { address.clone() };
    let Ok(text) = text.cast::<PyString>() else {
        let found = address.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} must be {expected}, not {found}")));
    };
    // A lone surrogate cannot be part of a path; it becomes a character that no address has.
    let address = text.extract::<OsString>().unwrap_or_else(|_| text.to_string_lossy().into_owned().into());
    Address::parse(address).map_err(|error| errors::to_python(py, &error.into()))
}

pub(crate) fn parse_timeout(timeout: &Bound<'_, PyAny>) -> PyResult<Duration> {
    parse_seconds("timeout", timeout)
}

/// The seconds in the caller's argument `name`. Whatever is wrong with it, the error is of one kind and names it.
pub(crate) fn parse_seconds(name: &str, seconds: &Bound<'_, PyAny>) -> PyResult<Duration> {
    match seconds.extract::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => {
            // A longer timeout than a `Duration` can hold counts as the longest that it can.
            Ok(Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX).max(Duration::from_nanos(1)))
        }
        Err(error) if !is_about_the_value(seconds.py(), &error) => Err(error),
        _ => Err(PyValueError::new_err(format!(
            "{name} must be a finite number of seconds greater than 0, not {}",
            shown(seconds)
        ))),
    }
}

/// Whether this error of Python says that a value is no number, or none that fits.
fn is_about_the_value(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
}

/// The value as Python prints it, the beginning of it if that is long, or its type if it does not print.
pub(crate) fn shown(value: &Bound<'_, PyAny>) -> String {
    let Ok(text) = value.repr() else { return value.get_type().to_string() };
    let text = text.to_string_lossy();
    let end = text.char_indices().nth(80);
    end.map_or_else(|| text.to_string(), |(end, _)| format!("{}…", &text[..end]))
}

/// A connection of one call, with the caller's arguments.
pub(crate) fn builder(
    py: Python<'_>,
    socket_path: Option<&Bound<'_, PyAny>>,
    timeout: &Bound<'_, PyAny>,
) -> PyResult<Builder> {
    let addresses = match socket_path {
        Some(socket_path) => vec![parse_address("socket_path", OPTIONAL, socket_path)?],
        None => Address::default_sockets(),
    };
    let builder = Connection::builder().addresses(addresses).timeout(parse_timeout(timeout)?);
    Ok(builder.library(library(py)?))
}

/// Reads a report on a connection of its own, without the GIL.
#[pyfunction]
pub(crate) fn read<'py>(
    record: &Bound<'py, PyAny>,
    socket_path: Option<&Bound<'py, PyAny>>,
    timeout: &Bound<'_, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = record.py();
    greenlets::refuse_another(py)?;
    let builder = builder(py, socket_path, timeout)?.interrupt(interrupted);
    let wanted = Wanted::of(record)?;
    let result = py.detach(|| wanted.read(&builder.build()?));
    wanted.convert(py, result.map_err(|error| errors::to_python(py, &error))?)
}

#[pyfunction]
pub(crate) fn libchrony_path(py: Python<'_>) -> PyResult<OsString> {
    Ok(library(py)?.path().as_os_str().to_owned())
}

/// The names of the reports that libchrony knows.
#[pyfunction]
pub(crate) fn list_reports(py: Python<'_>) -> PyResult<Vec<String>> {
    Ok(library(py)?.reports().map(str::to_owned).collect())
}
