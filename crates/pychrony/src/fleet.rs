//! The rounds of `pychrony.Fleet` and `pychrony.aio.Fleet` over many chronyds, which never wait.

use crate::arguments::{address_text, parse_number, parse_seconds};
use crate::convert::errors;
use crate::convert::wanted::{Records, Wanted};
use crate::interpreter::at_exit::{self, Close};
use crate::interpreter::lock::Lock;
use crate::library::library;
use libchrony::fleet::{self, Progress, Reports, Round};
use libchrony::{Address, AnyRecord, DEFAULT_RECORDS_PER_LANE, Error, Table};
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
pub(crate) struct FleetSettings {
    builder: fleet::Builder,
    places: Arc<Places>,
}

/// The places of the addresses in the list that was given.
#[derive(Default)]
struct Places {
    /// The place of each address of the crate's fleet.
    good: Vec<usize>,
    /// The places of what is no address. The error is the result.
    bad: Vec<(usize, Error)>,
}

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
        let (mut good, mut places) = (Vec::new(), Places::default());
        for (place, address) in addresses.try_iter()?.enumerate() {
            match Address::parse(address_text("each address", "a str or an os.PathLike[str]", &address?)?) {
                Ok(address) => {
                    good.push(address);
                    places.good.push(place);
                }
                Err(error) => places.bad.push((place, error.into())),
            }
        }
        let mut builder = fleet::Fleet::builder(good).timeout(parse_seconds("timeout", timeout)?);
        if let Some(deadline) = deadline {
            builder = builder.deadline(parse_seconds("deadline", deadline)?);
        }
        builder = builder
            .in_flight(parse_number("in_flight", in_flight)?)
            .lanes(parse_number("parallel", parallel)?, DEFAULT_RECORDS_PER_LANE);
        let builder = if raise_limit { builder.raise_descriptor_limit() } else { builder };
        Ok(Self { builder, places: Arc::new(places) })
    }
}

/// Many chronyds.
#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct Fleet {
    state: Arc<Lock<FleetState>>,
    places: Arc<Places>,
    /// The numbers of descriptors that it needs, and that it may have.
    #[pyo3(get)]
    descriptors: (usize, usize),
}

enum FleetState {
    Idle(fleet::Fleet),
    Reads {
        round: Box<Reads>,
        wanted: Arc<[Wanted]>,
        /// True until the results of what is no address were returned.
        is_new: bool,
    },
    Closed,
}

/// A round of reports with dataclasses, or by name.
enum Reads {
    Chosen(Round<fleet::Fleet, Vec<&'static Table>>),
    Any(Round<fleet::Fleet, Vec<AnyRecord>>),
}

impl Reads {
    fn begin(fleet: fleet::Fleet, wanted: &[Wanted]) -> Result<Self, Box<(fleet::Fleet, Error)>> {
        let names: Vec<_> = wanted.iter().filter_map(Wanted::name).collect();
        if names.is_empty() {
            Ok(Self::Chosen(fleet.into_round(wanted.iter().filter_map(Wanted::table).collect())))
        } else {
            fleet.into_any_round(&names).map(Self::Any)
        }
    }

    fn descriptor(&self) -> RawFd {
        match self {
            Self::Chosen(round) => round.as_fd().as_raw_fd(),
            Self::Any(round) => round.as_fd().as_raw_fd(),
        }
    }

    fn advance(&mut self) -> Progress<Vec<Result<Records, Error>>> {
        match self {
            Self::Chosen(round) => advance(round, Records::Typed),
            Self::Any(round) => advance(round, Records::Any),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Chosen(round) => round.close(),
            Self::Any(round) => round.close(),
        }
    }

    fn into_fleet(self) -> fleet::Fleet {
        match self {
            Self::Chosen(round) => round.into_fleet(),
            Self::Any(round) => round.into_fleet(),
        }
    }
}

fn advance<T, R: Reports<Results = Vec<Result<T, Error>>>>(
    round: &mut Round<fleet::Fleet, R>,
    records: fn(T) -> Records,
) -> Progress<Vec<Result<Records, Error>>> {
    match round.advance() {
        Progress::Result(index, results) => {
            Progress::Result(index, results.into_iter().map(|result| result.map(records)).collect())
        }
        Progress::Wait(until) => Progress::Wait(until),
        Progress::Over => Progress::Over,
    }
}

impl FleetState {
    /// Ends a round, if there is one.
    fn end_round(&mut self) {
        *self = match mem::replace(self, Self::Closed) {
            Self::Reads { round, .. } => Self::Idle(round.into_fleet()),
            other => other,
        };
    }

    /// Closes the sessions that no call uses. The descriptor stays: an event loop may watch it.
    fn close_kept(&mut self) {
        match self {
            Self::Idle(fleet) => fleet.close(),
            Self::Reads { round, .. } => round.close(),
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
        let fleet =
            settings.builder.clone().library(library(py)?).build().map_err(|error| errors::to_python(py, &error))?;
        let descriptors = fleet.descriptors();
        let state = Arc::new(Lock::new(FleetState::Idle(fleet)));
        at_exit::add(&state);
        Ok(Self {
            state,
            places: Arc::clone(&settings.places),
            descriptors: (descriptors.needed, descriptors.available),
        })
    }

    /// Returns true in a child that was forked since the fleet was opened, and in the child's children.
    fn is_forked(&self) -> bool {
        self.state.is_forked()
    }

    /// Begins a round of dataclasses or of names, and ends one in progress. Returns the descriptor that is readable when
    /// the round can continue.
    fn begin(&self, py: Python<'_>, records: &Bound<'_, PyList>) -> PyResult<RawFd> {
        at_exit::register_with_multiprocessing(py)?;
        let wanted: Arc<[_]> = records.iter().map(|record| Wanted::of(&record)).collect::<PyResult<_>>()?;
        let begun = py.detach(|| {
            let mut state = self.state.get().ok_or_else(unusable)?;
            state.end_round();
            let FleetState::Idle(fleet) = mem::replace(&mut *state, FleetState::Closed) else { return Err(unusable()) };
            Ok(match Reads::begin(fleet, &wanted) {
                Ok(round) => {
                    let descriptor = round.descriptor();
                    *state = FleetState::Reads { round: Box::new(round), wanted, is_new: true };
                    Ok(descriptor)
                }
                Err(failed) => {
                    let (fleet, error) = *failed;
                    *state = FleetState::Idle(fleet);
                    Err(error)
                }
            })
        })?;
        begun.map_err(|error| errors::to_python(py, &error))
    }

    /// Sends and receives as much as possible without waiting. Returns results, each with the number of its address,
    /// and the seconds after which to advance the round at the latest, or `None` once each address has had its result.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut read = Vec::new();
        let (wanted, is_new, until) = py.detach(|| {
            let mut state = self.state.get().ok_or_else(unusable)?;
            let FleetState::Reads { round, wanted, is_new } = &mut *state else { return Err(unusable()) };
            let (wanted, is_new) = (Arc::clone(wanted), mem::take(is_new));
            let mut until = Some(Instant::now());
            while read.len() < BATCH {
                match round.advance() {
                    Progress::Result(index, results) => read.push((self.places.good[index], results)),
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
            Ok((wanted, is_new, until))
        })?;
        let mut results = Vec::with_capacity(read.len());
        for (place, error) in if is_new { &*self.places.bad } else { &[] } {
            let values = wanted.iter().map(|_| errors::to_value(py, error)).collect::<PyResult<_>>()?;
            results.push((*place, one_or_tuple(py, values)?));
        }
        for (place, read) in read {
            let value = |(wanted, result): (&Wanted, Result<_, Error>)| match result {
                Ok(records) => wanted.convert(py, records),
                Err(error) => errors::to_value(py, &error),
            };
            let values = wanted.iter().zip(read).map(value).collect::<PyResult<_>>()?;
            results.push((place, one_or_tuple(py, values)?));
        }
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        (results, wait).into_pyobject(py)
    }

    /// Closes everything, once the event loop does not watch the descriptor.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let closed = self.state.get().map(|mut state| mem::replace(&mut *state, FleetState::Closed));
            drop(closed);
        });
    }
}

/// Returns the only one of the values, or a tuple.
fn one_or_tuple<'py>(py: Python<'py>, mut values: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    match values.len() {
        1 => Ok(values.remove(0)),
        _ => Ok(PyTuple::new(py, values)?.into_any()),
    }
}
