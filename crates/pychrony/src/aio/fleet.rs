//! The rounds of `pychrony.aio.Fleet` over many chronyds, which never wait.

use crate::arguments::{parse_address, parse_number, parse_seconds};
use crate::convert::Dataclass;
use crate::convert::errors;
use crate::interpreter::at_exit::{self, Close};
use crate::interpreter::lock::Lock;
use crate::library::library;
use libchrony::fleet::{self, Progress, Round};
use libchrony::{DEFAULT_RECORDS_PER_LANE, Error, Rows, Table};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// The largest number of results in a batch. The event loop runs other tasks between two batches.
const BATCH: usize = 64;

/// The settings of a fleet.
#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct FleetSettings(fleet::Builder);

#[pymethods]
impl FleetSettings {
    #[new]
    fn new(
        addresses: &Bound<'_, PyAny>,
        timeout: &Bound<'_, PyAny>,
        deadline: Option<&Bound<'_, PyAny>>,
        in_flight: &Bound<'_, PyAny>,
        parallel: &Bound<'_, PyAny>,
        raise_limit: bool,
    ) -> PyResult<Self> {
        if addresses.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("addresses must be an iterable of addresses, not a single one"));
        }
        let address = |address: PyResult<Bound<'_, PyAny>>| {
            parse_address("each address", "a str or an os.PathLike[str]", &address?)
        };
        let mut builder = fleet::Fleet::builder(addresses.try_iter()?.map(address).collect::<PyResult<Vec<_>>>()?)
            .timeout(parse_seconds("timeout", timeout)?);
        if let Some(deadline) = deadline {
            builder = builder.deadline(parse_seconds("deadline", deadline)?);
        }
        builder = builder
            .in_flight(parse_number("in_flight", in_flight)?)
            .lanes(parse_number("parallel", parallel)?, DEFAULT_RECORDS_PER_LANE);
        Ok(Self(if raise_limit { builder.raise_descriptor_limit() } else { builder }))
    }
}

/// Many chronyds.
#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct Fleet {
    state: Arc<Lock<FleetState>>,
    /// The numbers of descriptors that it needs, and that it may have.
    #[pyo3(get)]
    descriptors: (usize, usize),
}

enum FleetState {
    Idle(fleet::Fleet),
    Reads(Box<Round<fleet::Fleet, Vec<&'static Table>>>, Arc<[&'static Dataclass]>),
    Closed,
}

impl FleetState {
    /// Ends a round, if there is one.
    fn end_round(&mut self) {
        *self = match mem::replace(self, Self::Closed) {
            Self::Reads(round, _) => Self::Idle(round.into_fleet()),
            other => other,
        };
    }

    /// Closes the sessions that no call uses. The descriptor stays: an event loop may watch it.
    fn close_kept(&mut self) {
        match self {
            Self::Idle(fleet) => fleet.close(),
            Self::Reads(round, _) => round.close(),
            Self::Closed => {}
        }
    }
}

impl Close for Lock<FleetState> {
    fn close(&self) {
        if let Some(mut state) = self.get() {
            state.close_kept();
        }
    }
}

fn unusable() -> PyErr {
    PyRuntimeError::new_err("the fleet is closed, or was in use when this process was forked")
}

#[pymethods]
impl Fleet {
    #[new]
    fn new(py: Python<'_>, settings: &FleetSettings) -> PyResult<Self> {
        let fleet = settings.0.clone().library(library(py)?).build().map_err(|error| errors::to_python(py, &error))?;
        let descriptors = fleet.descriptors();
        let state = Arc::new(Lock::new(FleetState::Idle(fleet)));
        at_exit::add(&state);
        Ok(Self { state, descriptors: (descriptors.needed, descriptors.available) })
    }

    /// Returns true in a child that was forked since the fleet was opened, and in the child's children.
    fn is_forked(&self) -> bool {
        self.state.is_forked()
    }

    /// Begins a round, and ends one in progress. Returns the descriptor that is readable when the round can continue.
    fn begin(&self, py: Python<'_>, records: &Bound<'_, PyList>) -> PyResult<RawFd> {
        at_exit::register_with_multiprocessing(py)?;
        let classes: Arc<[_]> = records.iter().map(|record| Dataclass::of(record.cast()?)).collect::<PyResult<_>>()?;
        py.detach(|| {
            let mut state = self.state.get().ok_or_else(unusable)?;
            state.end_round();
            let FleetState::Idle(fleet) = mem::replace(&mut *state, FleetState::Closed) else { return Err(unusable()) };
            let round = fleet.into_round(classes.iter().map(|class| class.table).collect());
            let descriptor = round.as_fd().as_raw_fd();
            *state = FleetState::Reads(Box::new(round), classes);
            Ok(descriptor)
        })
    }

    /// Sends and receives as much as possible without waiting. Returns results, each with the number of its address,
    /// and the seconds after which to advance the round at the latest, or `None` once each address has had its result.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut read = Vec::new();
        let (classes, until) = py.detach(|| {
            let mut state = self.state.get().ok_or_else(unusable)?;
            let FleetState::Reads(round, classes) = &mut *state else { return Err(unusable()) };
            let classes = Arc::clone(classes);
            let mut until = Some(Instant::now());
            while read.len() < BATCH {
                match round.advance() {
                    Progress::Result(number, results) => read.push((number, results)),
                    Progress::Wait(moment) => {
                        until = Some(moment);
                        break;
                    }
                    Progress::Over => {
                        until = None;
                        state.end_round();
                        break;
                    }
                }
            }
            if at_exit::is_ending() {
                state.close_kept();
            }
            Ok((classes, until))
        })?;
        let results = read.into_iter().map(|(number, results)| Ok((number, to_python(py, &classes, results)?)));
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        (results.collect::<PyResult<Vec<_>>>()?, wait).into_pyobject(py)
    }

    /// Closes everything, once the event loop does not watch the descriptor.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let closed = self.state.get().map(|mut state| mem::replace(&mut *state, FleetState::Closed));
            drop(closed);
        });
    }
}

/// Converts the results of an address's reports: the only one, or a tuple. A result is a value or an exception.
fn to_python<'py>(
    py: Python<'py>,
    classes: &[&Dataclass],
    results: Vec<Result<Rows, Error>>,
) -> PyResult<Bound<'py, PyAny>> {
    let value = |(class, result): (&&Dataclass, Result<Rows, Error>)| match result {
        Ok(records) => class.convert(py, records),
        Err(error) => errors::to_value(py, &error),
    };
    let mut values = classes.iter().zip(results).map(value).collect::<PyResult<Vec<_>>>()?;
    match values.len() {
        1 => Ok(values.remove(0)),
        _ => Ok(PyTuple::new(py, values)?.into_any()),
    }
}
