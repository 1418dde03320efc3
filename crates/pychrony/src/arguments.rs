//! The arguments that connections, fleets and functions share: addresses, seconds and numbers.

use crate::convert::errors;
use libchrony::Address;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::ffi::OsString;
use std::time::Duration;

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

/// The number of something in the caller's argument `name`.
pub(crate) fn parse_number(name: &str, number: &Bound<'_, PyAny>) -> PyResult<usize> {
    match number.extract() {
        Ok(found) if found > 0 => Ok(found),
        Err(error) if !error.is_instance_of::<PyOverflowError>(number.py()) => Err(error),
        _ => Err(PyValueError::new_err(format!(
            "{name} must be at least 1 and at most {}, not {}",
            usize::MAX,
            shown(number)
        ))),
    }
}
