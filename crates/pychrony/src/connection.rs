//! The base class of `pychrony.ChronyConnection`.

use crate::convert::errors::{self, interrupted};
use crate::convert::wanted::Wanted;
use crate::interpreter::at_exit;
use crate::interpreter::greenlets;
use crate::library::get_or_make;
use crate::settings::Settings;
use libchrony::{Address, Error, Transport};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ffi::OsString;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Python's class adds the documentation to the methods. Entering and leaving are not among those: between the entering
/// and the block, and between the block and the leaving, there is no step of Python's at which a signal's handler could
/// run and raise. (From Python 3.14 on, there is one before the block, in the `with` statement itself.)
#[pyclass(frozen, subclass, module = "pychrony._core")]
#[derive(Default)]
pub(crate) struct Connection {
    settings: OnceLock<Settings>,
    /// The connection of the crate. It is made on first entering, when libchrony is needed.
    inner: OnceLock<Arc<libchrony::Connection>>,
    /// In how many `with` blocks the connection is.
    entered: AtomicUsize,
}

impl Connection {
    fn get(&self, py: Python<'_>) -> PyResult<&libchrony::Connection> {
        let inner = get_or_make(&self.inner, || {
            let Some(settings) = self.settings.get() else {
                return Err(PyRuntimeError::new_err("ChronyConnection.__init__ was not called"));
            };
            let connection = settings.builder(py)?.interrupt(interrupted).build();
            let connection = Arc::new(connection.map_err(|error| errors::to_python(py, &error))?);
            at_exit::add(&connection);
            Ok(connection)
        });
        inner.map(AsRef::as_ref)
    }

    /// Reads a report without the GIL, in a `with` block only.
    fn read<T: Send>(
        &self,
        py: Python<'_>,
        report: impl FnOnce(&libchrony::Connection) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        if self.entered.load(Ordering::Acquire) == 0 {
            return Err(PyRuntimeError::new_err(
                "the ChronyConnection is not open; use it in a with block: with ChronyConnection() as connection: ...",
            ));
        }
        greenlets::refuse_another(py)?;
        at_exit::register_with_multiprocessing(py)?;
        let connection = self.get(py)?;
        let result = py.detach(|| {
            let result = report(connection);
            // Another thread may have left before this one had its turn.
            if self.entered.load(Ordering::Acquire) == 0 || at_exit::is_ending() {
                connection.close();
            }
            result
        });
        result.map_err(|error| errors::to_python(py, &error))
    }

    fn leave(&self, py: Python<'_>) {
        if self.entered.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)) == Ok(1)
            && let Some(connection) = self.inner.get()
        {
            py.detach(|| connection.close());
        }
    }

    fn answered(&self) -> Option<Address> {
        self.inner.get().and_then(|connection| connection.address())
    }
}

/// An address as Python has it.
pub(crate) fn shown(address: &Address) -> OsString {
    address.path().map_or_else(|| address.to_string().into(), Into::into)
}

pub(crate) fn is_command_port(address: &Address) -> bool {
    address.transport() == Transport::CommandPort
}

#[pymethods]
impl Connection {
    /// The arguments are those of `__init__`, or of a subclass's.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    fn __init__(
        &self,
        address: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
        parallel: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let settings = Settings::parse(address, timeout, parallel)?;
        self.settings.set(settings).map_err(|_| PyRuntimeError::new_err("ChronyConnection.__init__ was called twice"))
    }

    /// Connect to chronyd. Over UDP, make sure that it answers.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let (py, connection) = (slf.py(), slf.get());
        connection.entered.fetch_add(1, Ordering::AcqRel);
        let connected = connection.read(py, libchrony::Connection::connect);
        // What the handler of a signal that has come meanwhile raises ends the entering. Raised once it is done, it
        // would leave the connection open: Python calls `__exit__` only after an `__enter__` that succeeds.
        match connected.and_then(|_| greenlets::run_handlers(py)) {
            Ok(()) => Ok(slf),
            Err(error) => {
                connection.leave(py);
                Err(error)
            }
        }
    }

    /// Close the connection. Entering again opens it again.
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) {
        let _ = (exc_type, exc_value, traceback);
        self.leave(py);
    }

    /// Reads a report.
    #[pyo3(name = "_read")]
    fn read_report<'py>(&self, record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, wanted) = (record.py(), Wanted::of(record)?);
        wanted.convert(py, self.read(py, |connection| wanted.read(connection))?)
    }

    /// The address that answered last, or that was connected to since.
    #[getter]
    fn address(&self) -> Option<OsString> {
        self.answered().as_ref().map(shown)
    }

    /// Whether that is a command port.
    #[getter]
    fn _is_command_port(&self) -> Option<bool> {
        self.answered().as_ref().map(is_command_port)
    }
}
