//! The base class of `pychrony.ChronyConnection`.

use crate::convert::answered_at;
use crate::convert::errors::{self, interrupted};
use crate::convert::wanted::{Records, Wanted};
use crate::interpreter::at_exit;
use crate::interpreter::greenlets;
use crate::interpreter::lock::get_or_make;
use crate::settings::ConnectionSettings;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A connection, which opens on its first call. The Python class adds the documented methods. Entering and leaving a
/// `with` block stay here, so that no signal handler can run and raise between them and the block. (Since Python 3.14,
/// one can run before the block, in the `with` statement itself.)
#[pyclass(frozen, subclass, module = "pychrony._core")]
#[derive(Default)]
pub(crate) struct Connection {
    settings: OnceLock<ConnectionSettings>,
    /// The connection of the crate. It is made by the first call, since libchrony is not needed before.
    inner: OnceLock<Arc<libchrony::Connection>>,
    /// The number of `with` blocks that the connection is in.
    entered: AtomicUsize,
    /// True from the end of a block, or `close`, until it is opened again.
    is_closed: AtomicBool,
}

impl Connection {
    fn get(&self, py: Python<'_>) -> PyResult<&libchrony::Connection> {
        let inner = get_or_make(&self.inner, || {
            let Some(settings) = self.settings.get() else {
                return Err(PyRuntimeError::new_err("ChronyConnection.__init__ was not called"));
            };
            let connection = settings.clone().builder(py)?.interrupt(interrupted).build();
            let connection = Arc::new(connection.map_err(|error| errors::to_python(py, &error))?);
            at_exit::add(&connection);
            Ok(connection)
        });
        inner.map(AsRef::as_ref)
    }

    /// Reads without the GIL, unless the connection is closed.
    fn read(&self, py: Python<'_>, wanted: &Wanted) -> PyResult<Records> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(PyRuntimeError::new_err(
                "the ChronyConnection is closed; open it again with its method open(), or use it in a with block",
            ));
        }
        greenlets::refuse_another(py)?;
        at_exit::register_with_multiprocessing(py)?;
        let connection = self.get(py)?;
        let result = py.detach(|| {
            let result = wanted.read(connection);
            // Another thread may have closed it before this one had its turn.
            if self.is_closed.load(Ordering::Acquire) || at_exit::is_ending() {
                connection.close();
            }
            result
        });
        result.map_err(|error| errors::to_python(py, &error))
    }

    fn leave(&self, py: Python<'_>) {
        if self.entered.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)) == Ok(1) {
            self.close(py);
        }
    }
}

#[pymethods]
impl Connection {
    /// Ignores the arguments, which are for `__init__`. A subclass may have others.
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
        let settings = ConnectionSettings::new(address, timeout, parallel)?;
        self.settings.set(settings).map_err(|_| PyRuntimeError::new_err("ChronyConnection.__init__ was called twice"))
    }

    /// Connect to chronyd. Over UDP, make sure that it answers.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let (py, connection) = (slf.py(), slf.get());
        connection.entered.fetch_add(1, Ordering::AcqRel);
        let connected = connection.open(py);
        // The handlers of signals that came meanwhile run now. If one raised later, the connection would stay open,
        // since Python calls `__exit__` only after a successful `__enter__`.
        match connected.and_then(|()| greenlets::run_handlers(py)) {
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

    /// Connects to chronyd, even if the connection was closed before.
    #[pyo3(name = "_open")]
    fn open(&self, py: Python<'_>) -> PyResult<()> {
        self.is_closed.store(false, Ordering::Release);
        self.read(py, &Wanted::Answer).map(drop)
    }

    /// Closes the connection.
    #[pyo3(name = "_close")]
    fn close(&self, py: Python<'_>) {
        self.is_closed.store(true, Ordering::Release);
        if let Some(connection) = self.inner.get() {
            py.detach(|| connection.close());
        }
    }

    /// True if the connection was closed, and not opened again.
    #[getter]
    fn _is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Reads a report.
    #[pyo3(name = "_read")]
    fn read_report<'py>(&self, record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, wanted) = (record.py(), Wanted::of(record)?);
        wanted.convert(py, self.read(py, &wanted)?)
    }

    /// The address that answered last, or to which the connection was opened since, and true if it is a command port.
    #[getter]
    fn _answered_at(&self) -> (Option<OsString>, Option<bool>) {
        answered_at(self.inner.get().and_then(|connection| connection.address()))
    }
}
