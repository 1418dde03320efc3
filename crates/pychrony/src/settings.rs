//! The settings of a connection, blocking or not.

use crate::arguments::{OPTIONAL, parse_address, parse_number, parse_timeout};
use crate::library::library;
use libchrony::{Address, Builder, Connection, DEFAULT_RECORDS_PER_LANE};
use pyo3::prelude::*;
use std::time::Duration;

/// The arguments of a connection, blocking or not.
pub(crate) struct Settings {
    addresses: Vec<Address>,
    timeout: Duration,
    parallel: usize,
}

impl Settings {
    pub(crate) fn parse(
        address: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
        parallel: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let addresses = match address {
            Some(address) => vec![parse_address("address", OPTIONAL, address)?],
            None => Address::defaults(),
        };
        let parallel = parse_number("parallel", parallel)?;
        Ok(Self { addresses, timeout: parse_timeout(timeout)?, parallel })
    }

    pub(crate) fn builder(&self, py: Python<'_>) -> PyResult<Builder> {
        let builder = Connection::builder().addresses(self.addresses.clone()).timeout(self.timeout);
        Ok(builder.lanes(self.parallel, DEFAULT_RECORDS_PER_LANE).library(library(py)?))
    }
}

/// A connection of one call, with the caller's arguments.
pub(crate) fn builder(
    py: Python<'_>,
    socket_path: Option<&Bound<'_, PyAny>>,
    timeout: &Bound<'_, PyAny>,
) -> PyResult<Builder> {
    let addresses = match socket_path {
        Some(socket_path) => vec![parse_address("socket_path", OPTIONAL, socket_path)?],
        None => Address::default_sockets(),
    };
    let builder = Connection::builder().addresses(addresses).timeout(parse_timeout(timeout)?);
    Ok(builder.library(library(py)?))
}
