//! The extension module `pychrony._core`: what the Python package calls.
//!
//! Each function checks and converts its arguments, lets the crate `libchrony` do the work without the GIL, and
//! converts the result or raises the error. No decision about chronyd is taken here.

mod aio;
mod at_exit;
mod connection;
mod convert;
mod errors;
mod fleet;
mod greenlets;
mod imported;
mod read;

use libchrony::{LeapStatus, SourceMode, SourceState};
use pyo3::exceptions::{PyImportError, PyOverflowError};
use pyo3::prelude::*;

/// libchrony's words for a number, or a placeholder for a number that has none.
fn constant_name(number: &Bound<'_, PyAny>, name: fn(u64) -> Option<&'static str>) -> PyResult<String> {
    match number.extract().map(name) {
        Ok(Some(words)) => Ok(words.to_owned()),
        Err(error) if !error.is_instance_of::<PyOverflowError>(number.py()) => Err(error),
        _ => Ok(format!("unknown ({number})")),
    }
}

#[pyfunction]
fn leap_status_name(number: &Bound<'_, PyAny>) -> PyResult<String> {
    constant_name(number, |number| LeapStatus::from_number(number).map(LeapStatus::name))
}

#[pyfunction]
fn source_state_name(number: &Bound<'_, PyAny>) -> PyResult<String> {
    constant_name(number, |number| SourceState::from_number(number).map(SourceState::name))
}

#[pyfunction]
fn source_mode_name(number: &Bound<'_, PyAny>) -> PyResult<String> {
    constant_name(number, |number| SourceMode::from_number(number).map(SourceMode::name))
}

/// Refuses subinterpreters. The records' classes are looked up once in a process; in another interpreter they would be
/// strangers, and useless once their own has ended.
fn refuse_subinterpreters(py: Python<'_>) -> PyResult<()> {
    let name = if py.version_info() >= (3, 13) { "_interpreters" } else { "_xxsubinterpreters" };
    // A Python without the module has no way to make any.
    let Ok(interpreters) = py.import(name) else { return Ok(()) };
    if interpreters.call_method0("get_current")?.eq(interpreters.call_method0("get_main")?)? {
        return Ok(());
    }
    Err(PyImportError::new_err("pychrony does not support subinterpreters; import it in the main interpreter"))
}

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Before any class is made.
    refuse_subinterpreters(module.py())?;
    imported::initialize(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<aio::Settings>()?;
    module.add_class::<aio::Reader>()?;
    module.add_class::<aio::Reading>()?;
    module.add_class::<fleet::Settings>()?;
    module.add_class::<fleet::Fleet>()?;
    for function in [
        wrap_pyfunction!(read::get_tracking, module)?,
        wrap_pyfunction!(read::get_sources, module)?,
        wrap_pyfunction!(read::get_source_stats, module)?,
        wrap_pyfunction!(read::get_rtc_data, module)?,
        wrap_pyfunction!(read::libchrony_path, module)?,
        wrap_pyfunction!(at_exit::close_kept, module)?,
        wrap_pyfunction!(leap_status_name, module)?,
        wrap_pyfunction!(source_state_name, module)?,
        wrap_pyfunction!(source_mode_name, module)?,
    ] {
        module.add_function(function)?;
    }
    at_exit::register(module)
}
