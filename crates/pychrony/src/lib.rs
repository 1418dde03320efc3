//! The extension module `pychrony._core`: what the Python package calls.
//!
//! Each function checks and converts its arguments, lets the crate `libchrony` do the work without the GIL, and
//! converts the result or raises the error. No decision about chronyd is taken here.

mod connection;
mod convert;
mod errors;
mod read;

use libchrony::{LeapStatus, SourceMode, SourceState};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// libchrony's words for a number, or a placeholder for a number that has none.
fn constant_name(number: u64, name: Option<&'static str>) -> String {
    name.map_or_else(|| format!("unknown ({number})"), str::to_owned)
}

#[pyfunction]
fn leap_status_name(number: u64) -> String {
    constant_name(number, LeapStatus::from_number(number).map(LeapStatus::name))
}

#[pyfunction]
fn source_state_name(number: u64) -> String {
    constant_name(number, SourceState::from_number(number).map(SourceState::name))
}

#[pyfunction]
fn source_mode_name(number: u64) -> String {
    constant_name(number, SourceMode::from_number(number).map(SourceMode::name))
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
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<connection::Connection>()?;
    for function in [
        wrap_pyfunction!(read::get_tracking, module)?,
        wrap_pyfunction!(read::get_sources, module)?,
        wrap_pyfunction!(read::get_source_stats, module)?,
        wrap_pyfunction!(read::get_rtc_data, module)?,
        wrap_pyfunction!(read::libchrony_path, module)?,
        wrap_pyfunction!(leap_status_name, module)?,
        wrap_pyfunction!(source_state_name, module)?,
        wrap_pyfunction!(source_mode_name, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
