//! The arguments that connections, fleets and functions share: addresses, seconds and numbers.

use crate::convert::errors;
use libchrony::Address;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::ffi::OsString;
use std::time::Duration;

/// Parses an address, which is text or a path object. The error names the argument and the types that it may have.
pub(crate) fn parse_address(name: &str, expected: &str, address: &Bound<'_, PyAny>) -> PyResult<Address> {
    let text = address_text(name, expected, address)?;
    Address::parse(text).map_err(|error| errors::to_python(address.py(), &error.into()))
}

/// Returns the text of an address. The error names the argument and the types that it may have.
pub(crate) fn address_text(name: &str, expected: &str, address: &Bound<'_, PyAny>) -> PyResult<OsString> {
    let py = address.py();
    // Looking up a method that str does not have would cost more than the rest of this function.
    let is_path = !address.is_exact_instance_of::<PyString>() && address.get_type().hasattr("__fspath__")?;
    let text = if is_path { py.import("os")?.call_method1("fspath", (address,))? } else { address.clone() };
    let Ok(text) = text.cast::<PyString>() else {
        let found = address.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} must be {expected}, not {found}")));
    };
    // A lone surrogate cannot be part of a path; it becomes a character that no address has.
    Ok(text.extract().unwrap_or_else(|_| text.to_string_lossy().into_owned().into()))
}

/// Parses a number of seconds, or a `timedelta`. The error names the argument.
pub(crate) fn parse_seconds(name: &str, seconds: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let py = seconds.py();
    let number = match seconds.extract::<f64>() {
        Err(error) if error.is_instance_of::<PyTypeError>(py) && seconds.get_type().hasattr("total_seconds")? => {
            seconds.call_method0("total_seconds")?.extract()
        }
        number => number,
    };
    match number {
        Ok(number) if number > 0.0 && number.is_finite() => {
            // A timeout that is too long for a `Duration` counts as the longest one.
            Ok(Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX).max(Duration::from_nanos(1)))
        }
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            let found = seconds.get_type().name()?;
            Err(PyTypeError::new_err(format!("{name} must be a number of seconds or a timedelta, not {found}")))
        }
        Err(error) if !error.is_instance_of::<PyValueError>(py) && !error.is_instance_of::<PyOverflowError>(py) => {
            Err(error)
        }
        _ => Err(PyValueError::new_err(format!(
            "{name} must be a finite number of seconds greater than 0, not {}",
            printed(seconds)
        ))),
    }
}

/// Returns the beginning of the value's `repr`, or its type if `repr` fails.
pub(crate) fn printed(value: &Bound<'_, PyAny>) -> String {
    let Ok(text) = value.repr() else { return value.get_type().to_string() };
    let text = text.to_string_lossy();
    let end = text.char_indices().nth(80);
    end.map_or_else(|| text.to_string(), |(end, _)| format!("{}…", &text[..end]))
}

/// Parses a number that is at least 1.
pub(crate) fn parse_number(name: &str, number: &Bound<'_, PyAny>) -> PyResult<usize> {
    let py = number.py();
    match number.extract() {
        Ok(found) if found > 0 => Ok(found),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            Err(PyTypeError::new_err(format!("{name} must be an int, not {}", number.get_type().name()?)))
        }
        Err(error) if !error.is_instance_of::<PyOverflowError>(py) => Err(error),
        Err(_) if number.gt(0)? => Err(PyValueError::new_err(format!("{name} is too large: {}", printed(number)))),
        _ => Err(PyValueError::new_err(format!("{name} must be at least 1, not {}", printed(number)))),
    }
}
