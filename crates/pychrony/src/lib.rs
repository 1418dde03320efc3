//! The extension module `pychrony._core`, which the Python package calls.
//!
//! Each function checks and converts its arguments, calls the crate `libchrony` without the GIL, and converts the
//! result or raises the error. It makes no decision about chronyd.

mod aio;
mod arguments;
mod connection;
mod convert;
mod fleet;
mod functions;
mod health;
mod interpreter;
mod library;
mod settings;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Refuses subinterpreters. The records' classes are looked up once in a process; they must not be used in another
/// interpreter, or after their own has ended.
fn refuse_subinterpreters(py: Python<'_>) -> PyResult<()> {
    let name = if py.version_info() >= (3, 13) { "_interpreters" } else { "_xxsubinterpreters" };
    // A Python without the module cannot make subinterpreters.
    let Ok(interpreters) = py.import(name) else { return Ok(()) };
    if interpreters.call_method0("get_current")?.eq(interpreters.call_method0("get_main")?)? {
        return Ok(());
    }
    Err(PyImportError::new_err("pychrony does not support subinterpreters; import it in the main interpreter"))
}

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // This comes before any class is made.
    refuse_subinterpreters(module.py())?;
    interpreter::imported::initialize(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<settings::ConnectionSettings>()?;
    module.add_class::<aio::connection::AsyncConnection>()?;
    module.add_class::<aio::call::AsyncCall>()?;
    module.add_class::<fleet::FleetSettings>()?;
    module.add_class::<fleet::Fleet>()?;
    module.add_class::<health::Policy>()?;
    for function in [
        wrap_pyfunction!(convert::describe::describe, module)?,
        wrap_pyfunction!(convert::describe::to_dict, module)?,
        wrap_pyfunction!(convert::reference_id_name, module)?,
        wrap_pyfunction!(functions::read, module)?,
        wrap_pyfunction!(functions::libchrony_path, module)?,
        wrap_pyfunction!(functions::list_reports, module)?,
        wrap_pyfunction!(interpreter::at_exit::close_kept, module)?,
    ] {
        module.add_function(function)?;
    }
    interpreter::at_exit::register(module)
}
