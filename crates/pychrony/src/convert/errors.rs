//! The one place that maps errors of the crate `libchrony` to exceptions of `pychrony.exceptions`.

use crate::interpreter::greenlets;
use libchrony::{Error, ErrorKind, LibchronyError};
use pyo3::IntoPyObjectExt;
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::cell::RefCell;
use std::error::Error as _;
use std::io;

thread_local! {
    /// The exception that a signal handler raised while this thread waited for chronyd.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Runs the handlers of pending signals, and returns true if one of them raised. An interpreter that is shutting down
/// does not run handlers, and the calls of its last objects continue.
pub(crate) fn interrupted() -> bool {
    let handled = Python::try_attach(|py| match greenlets::run_handlers(py) {
        Ok(()) => false,
        Err(error) => {
            RAISED.set(Some(error));
            true
        }
    });
    handled.unwrap_or(false)
}

/// Returns the exception for an error, to be raised. Python itself raises it, so that its context is set.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    match to_value(py, error) {
        Ok(exception) => PyErr::from_type(exception.get_type(), exception.unbind()),
        Err(failure) => failure,
    }
}

/// Returns the exception for an error, with the errors of libchrony and of the system as its causes.
pub(crate) fn to_value<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let (class, code) = match error.kind() {
        ErrorKind::Library => ("ChronyLibraryError", None),
        ErrorKind::Connection if matches!(error, Error::Address(_)) => ("ChronyAddressError", Some(-1)),
        ErrorKind::Connection => ("ChronyConnectionError", Some(-1)),
        ErrorKind::Timeout => ("ChronyTimeoutError", Some(-1)),
        ErrorKind::NotFound => ("ChronyConnectionError", Some(-2)),
        ErrorKind::Permission => ("ChronyPermissionError", Some(-3)),
        ErrorKind::Invalid => ("ChronyDataError", Some(-4)),
        ErrorKind::NotAvailable => ("ChronyNotAvailableError", Some(-4)),
        ErrorKind::Incomplete => ("ChronyDataError", Some(-5)),
        ErrorKind::Interrupted => {
            let raised = RAISED.take();
            return Err(raised.unwrap_or_else(|| PyRuntimeError::new_err("the call was interrupted")));
        }
        _ => ("ChronyError", None),
    };
    let class = py.import("pychrony.exceptions")?.getattr(class)?;
    // The assignments replace `__init__`, which is Python code. `convert` describes why no Python code is called.
    let exception = class.getattr("__new__")?.call1((&class,))?;
    let address = match error {
        Error::Address(address) => Some(address.address().to_owned()),
        _ => error.address().map(ToString::to_string),
    };
    let values = [
        ("message", error.to_string().into_bound_py_any(py)?),
        ("error_code", code.into_bound_py_any(py)?),
        ("address", address.into_bound_py_any(py)?),
        ("report", error.report().into_bound_py_any(py)?),
        ("field", error.field().into_bound_py_any(py)?),
        ("timeout", error.timeout().map(|timeout| timeout.as_secs_f64()).into_bound_py_any(py)?),
    ];
    // Those without a value at the end are left out.
    let count = values.iter().rposition(|(_, value)| !value.is_none()).map_or(0, |last| last + 1);
    let args = PyTuple::new(py, values[..count].iter().map(|(_, value)| value))?;
    exception.setattr("args", args)?;
    for (name, value) in values {
        exception.setattr(name, value)?;
    }
    let source = if let Error::Unreachable { best, .. } = error { best.source() } else { error.source() };
    if let Some(source) = source {
        exception.setattr("__cause__", cause(py, source)?.into_value(py))?;
    }
    Ok(exception)
}

/// Returns an `OSError` for an error of the system, a `RuntimeError` for any other; each with its own cause.
fn cause(py: Python<'_>, error: &(dyn std::error::Error + 'static)) -> PyResult<PyErr> {
    let os = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    let exception = if let Some(number) = os {
        let words = py.import("os")?.getattr("strerror")?.call1((number,))?;
        PyErr::from_value(PyOSError::type_object(py).call1((number, words))?)
    } else if let Some(libchrony) = error.downcast_ref::<LibchronyError>() {
        PyRuntimeError::new_err(format!("libchrony: {} ({})", libchrony.words(), libchrony.code()))
    } else {
        PyRuntimeError::new_err(error.to_string())
    };
    exception.set_cause(py, error.source().map(|source| cause(py, source)).transpose()?);
    Ok(exception)
}
