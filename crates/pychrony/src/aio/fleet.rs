//! What `pychrony.aio.Fleet` calls: rounds over many chronyds that never wait. Event loops are not known here, as in
//! `aio`.

use crate::arguments::{parse_address, parse_number, parse_seconds};
use crate::convert::Dataclass;
use crate::convert::errors;
use crate::interpreter::at_exit::{self, Close};
use crate::interpreter::lock::Lock;
use crate::library::library;
use libchrony::fleet::{self, Round, Step};
use libchrony::{Address, Error, Rows, Table};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many results are handed over at once. The event loop has other tasks go on between two batches.
const MOST: usize = 64;

/// The arguments of a fleet.
#[pyclass(frozen, name = "FleetSettings", module = "pychrony._core")]
pub(crate) struct Settings {
    addresses: Vec<Address>,
    timeout: Duration,
    deadline: Option<Duration>,
    in_flight: usize,
    parallel: usize,
    raise_limit: bool,
}

#[pymethods]
impl Settings {
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
        Ok(Self {
            addresses: addresses.try_iter()?.map(address).collect::<PyResult<_>>()?,
            timeout: parse_seconds("timeout", timeout)?,
            deadline: deadline.map(|deadline| parse_seconds("deadline", deadline)).transpose()?,
            in_flight: parse_number("in_flight", in_flight)?,
            parallel: parse_number("parallel", parallel)?,
            raise_limit,
        })
    }

    fn open(&self, py: Python<'_>) -> PyResult<Fleet> {
        let mut builder = fleet::Fleet::builder(self.addresses.clone())
            .library(library(py)?)
            .timeout(self.timeout)
            .in_flight(self.in_flight)
            .lanes(self.parallel, libchrony::DEFAULT_RECORDS_PER_LANE);
        if let Some(deadline) = self.deadline {
            builder = builder.deadline(deadline);
        }
        if self.raise_limit {
            builder = builder.raise_descriptor_limit();
        }
        let fleet = builder.build().map_err(|error| errors::to_python(py, &error))?;
        let descriptors = fleet.descriptors();
        let shared = Arc::new(Shared(Lock::new(State::Idle(fleet))));
        at_exit::add(&shared);
        Ok(Fleet { shared, descriptors: (descriptors.needed, descriptors.available) })
    }
}

/// Many chronyds.
#[pyclass(frozen, name = "Fleet", module = "pychrony._core")]
pub(crate) struct Fleet {
    shared: Arc<Shared>,
    /// How many descriptors it needs, and how many there are.
    #[pyo3(get)]
    descriptors: (usize, usize),
}

struct Shared(Lock<State>);

enum State {
    Idle(fleet::Fleet),
    Reads(Box<Round<fleet::Fleet, Vec<&'static Table>>>, Arc<[Arc<Dataclass>]>),
    Closed,
}

impl State {
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

impl Close for Shared {
    fn close(&self) {
        if let Some(mut state) = self.0.get() {
            state.close_kept();
        }
    }
}

fn not_to_be_had() -> PyErr {
    PyRuntimeError::new_err("the fleet is closed, or was in use when this process was forked")
}

/// Results, each with the number of its address, and for how many seconds to wait if there are none; `None` when each
/// address has had its own.
type Results = (Vec<(usize, Py<PyAny>)>, Option<f64>);

#[pymethods]
impl Fleet {
    /// Begins a round, in place of one that is under way, and tells the descriptor that is readable when it can go on.
    fn begin(&self, py: Python<'_>, records: &Bound<'_, PyList>) -> PyResult<RawFd> {
        at_exit::register_with_multiprocessing(py)?;
        let classes: Arc<[_]> = records.iter().map(|record| Dataclass::of(record.cast()?)).collect::<PyResult<_>>()?;
        let begun = py.detach(|| {
            let mut state = self.shared.0.get()?;
            state.end_round();
            let State::Idle(fleet) = mem::replace(&mut *state, State::Closed) else { return None };
            let round = fleet.into_round(classes.iter().map(|class| class.table).collect());
            let descriptor = round.as_fd().as_raw_fd();
            *state = State::Reads(Box::new(round), classes);
            Some(descriptor)
        });
        begun.ok_or_else(not_to_be_had)
    }

    /// Goes on as far as it can.
    fn advance(&self, py: Python<'_>) -> PyResult<Results> {
        let mut read = Vec::new();
        let mut classes: Arc<[_]> = Arc::new([]);
        let until = py.detach(|| {
            let mut state = self.shared.0.get()?;
            let State::Reads(round, of) = &mut *state else { return None };
            classes = Arc::clone(of);
            let mut until = Some(Instant::now());
            while read.len() < MOST {
                match round.advance() {
                    Step::Result(number, results) => read.push((number, results)),
                    Step::Wait(moment) => {
                        until = Some(moment);
                        break;
                    }
                    Step::Over => {
                        until = None;
                        state.end_round();
                        break;
                    }
                }
            }
            if at_exit::is_ending() {
                state.close_kept();
            }
            Some(until)
        });
        let until = until.ok_or_else(not_to_be_had)?;
        let results = read.into_iter().map(|(number, results)| Ok((number, to_python(py, &classes, results)?)));
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        Ok((results.collect::<PyResult<_>>()?, wait))
    }

    /// Closes all that is open. No event loop watches the descriptor any more.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let closed = self.shared.0.get().map(|mut state| mem::replace(&mut *state, State::Closed));
            drop(closed);
        });
    }
}

/// The result of one report, or a tuple of those of several. A result is what was read, or an exception.
fn to_python(py: Python<'_>, classes: &[Arc<Dataclass>], results: Vec<Result<Rows, Error>>) -> PyResult<Py<PyAny>> {
    let value = |(class, result): (&Arc<Dataclass>, Result<Rows, Error>)| match result {
        Ok(records) => class.convert(py, records),
        Err(error) => errors::to_value(py, &error),
    };
    let mut values = classes.iter().zip(results).map(value).collect::<PyResult<Vec<_>>>()?;
    match values.len() {
        1 => Ok(values.remove(0).unbind()),
        _ => Ok(PyTuple::new(py, values)?.into_any().unbind()),
    }
}
