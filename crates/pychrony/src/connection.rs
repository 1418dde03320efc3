//! The class behind `pychrony.ChronyConnection`.

use crate::convert::ToRecord;
use crate::errors::{self, interrupted};
use crate::read::{get_or_make, library, parse_address, parse_timeout, records};
use libchrony::{Address, DEFAULT_RECORDS_PER_LANE, Error, Transport};
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::ffi::OsString;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct Connection {
    addresses: Vec<Address>,
    timeout: Duration,
    lanes: usize,
    /// Made on first entering, when libchrony is needed.
    inner: OnceLock<libchrony::Connection>,
    /// In how many `with` blocks the connection is.
    entered: AtomicUsize,
}

impl Connection {
    fn get(&self, py: Python<'_>) -> PyResult<&libchrony::Connection> {
        get_or_make(&self.inner, || {
            libchrony::Connection::builder()
                .addresses(self.addresses.clone())
                .timeout(self.timeout)
                .lanes(self.lanes, DEFAULT_RECORDS_PER_LANE)
                .library(library(py)?)
                .interrupt(interrupted)
                .build()
                .map_err(|error| errors::to_python(py, &error))
        })
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
        let connection = self.get(py)?;
        let result = py.detach(|| {
            let result = report(connection);
            if self.entered.load(Ordering::Acquire) == 0 {
                // Another thread left before this one had its turn.
                connection.close();
            }
            result
        });
        result.map_err(|error| errors::to_python(py, &error))
    }

    fn answered(&self) -> Option<Address> {
        self.inner.get().and_then(libchrony::Connection::address)
    }
}

fn parse_lanes(lanes: &Bound<'_, PyAny>) -> PyResult<usize> {
    match lanes.extract() {
        Ok(number) if number > 0 => Ok(number),
        Err(error) if !error.is_instance_of::<PyOverflowError>(lanes.py()) => Err(error),
        _ => Err(PyValueError::new_err(format!("lanes must be at least 1 and at most {}, not {lanes}", usize::MAX))),
    }
}

#[pymethods]
impl Connection {
    #[new]
    fn new(address: Option<&Bound<'_, PyAny>>, timeout: f64, lanes: &Bound<'_, PyAny>) -> PyResult<Self> {
        let addresses = match address {
            Some(address) => vec![parse_address("address", address)?],
            None => Address::defaults(),
        };
        let lanes = parse_lanes(lanes)?;
        let timeout = parse_timeout(timeout)?;
        Ok(Self { addresses, timeout, lanes, inner: OnceLock::new(), entered: AtomicUsize::new(0) })
    }

    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        self.entered.fetch_add(1, Ordering::AcqRel);
        let connected = self.read(py, libchrony::Connection::connect);
        // What the handler of a signal that has come meanwhile raises ends the entering. Raised once it is done, it
        // would leave the connection open: Python calls `__exit__` only after an `__enter__` that succeeds.
        let entered = connected.and_then(|_| py.check_signals());
        if entered.is_err() {
            self.leave(py);
        }
        entered
    }

    fn leave(&self, py: Python<'_>) {
        if self.entered.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)) == Ok(1)
            && let Some(connection) = self.inner.get()
        {
            py.detach(|| connection.close());
        }
    }

    fn get_tracking<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.read(py, libchrony::Connection::tracking)?.to_record(py)
    }

    fn get_sources<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        records(py, &self.read(py, libchrony::Connection::sources)?)
    }

    fn get_source_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        records(py, &self.read(py, libchrony::Connection::source_stats)?)
    }

    fn get_rtc_data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.read(py, libchrony::Connection::rtc_data)?.to_record(py)
    }

    /// The address that answered last.
    #[getter]
    fn address(&self) -> Option<OsString> {
        self.answered().map(|address| address.path().map_or_else(|| address.to_string().into(), Into::into))
    }

    /// Whether that is a command port.
    #[getter]
    fn is_command_port(&self) -> Option<bool> {
        self.answered().map(|address| address.transport() == Transport::CommandPort)
    }
}
