//! The settings of a connection, blocking or not.

use crate::arguments::{parse_address, parse_number, parse_seconds};
use crate::library::library;
use libchrony::{Address, Builder, Connection, DEFAULT_LANES, DEFAULT_RECORDS_PER_LANE, Library};
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// The types of an address that may be left out.
const OPTIONAL: &str = "a str, an os.PathLike[str] or None";

/// The settings of a connection, blocking or not.
#[pyclass(frozen, module = "pychrony._core")]
#[derive(Clone)]
pub(crate) struct ConnectionSettings {
    addresses: Vec<Address>,
    timeout: Duration,
    parallel: usize,
}

#[pymethods]
impl ConnectionSettings {
    #[new]
    pub(crate) fn new(
        address: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
        parallel: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let addresses = match address {
            Some(address) => vec![parse_address("address", OPTIONAL, address)?],
            None => Address::defaults(),
        };
        let parallel = parse_number("parallel", parallel)?;
        Ok(Self { addresses, timeout: parse_seconds("timeout", timeout)?, parallel })
    }

    /// Parses the arguments of a function, which opens a connection for one call.
    #[staticmethod]
    pub(crate) fn once(socket_path: Option<&Bound<'_, PyAny>>, timeout: &Bound<'_, PyAny>) -> PyResult<Self> {
        let addresses = match socket_path {
            Some(socket_path) => vec![parse_address("socket_path", OPTIONAL, socket_path)?],
            None => Address::default_sockets(),
        };
        Ok(Self { addresses, timeout: parse_seconds("timeout", timeout)?, parallel: DEFAULT_LANES })
    }
}

impl ConnectionSettings {
    /// Returns a builder with these settings and the process's libchrony.
    pub(crate) fn builder(self, py: Python<'_>) -> PyResult<Builder> {
        Ok(self.with(library(py)?))
    }

    /// Returns a builder of a connection whose calls all end by the timeout, counted from now.
    pub(crate) fn once_by_its_timeout(self, library: Library) -> Builder {
        let deadline = Instant::now().checked_add(self.timeout);
        let builder = self.with(library);
        deadline.into_iter().fold(builder, Builder::deadline)
    }

    fn with(self, library: Library) -> Builder {
        let builder = Connection::builder().addresses(self.addresses).timeout(self.timeout);
        builder.lanes(self.parallel, DEFAULT_RECORDS_PER_LANE).library(library)
    }
}
