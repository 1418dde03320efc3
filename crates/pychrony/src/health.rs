//! `pychrony.health`: the limits that Python hands in, and the verdict as JSON. The judgement is in `chrony-health`.

use crate::aio::call::{AnyCall, any};
use crate::aio::connection::AsyncConnection;
use crate::arguments::printed;
use crate::convert::errors::{self, interrupted};
use crate::convert::wanted::Records;
use crate::interpreter::greenlets;
use crate::library::load;
use crate::settings::ConnectionSettings;
use chrony_health::{Answer, Assessment, Facts, Limits, Measure, Need, Verdict, assess, judge};
use libchrony::nonblocking::{Connection, Epoll, Step};
use libchrony::{Address, Error};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// The measures to judge, with their limits.
#[pyclass(frozen, module = "pychrony._core")]
#[derive(Clone)]
pub(crate) struct Policy(Arc<chrony_health::Policy>);

#[pymethods]
impl Policy {
    /// Takes the limits of measures by name, each as `WARN,CRIT`.
    #[new]
    fn new(limits: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let mut policy = chrony_health::Policy::default();
        if let Some(limits) = limits {
            let Ok(limits) = limits.cast::<PyMapping>() else {
                let found = limits.get_type().name()?;
                return Err(PyTypeError::new_err(format!("limits must be a mapping of str to str, not {found}")));
            };
            for item in limits.items()?.iter() {
                let (name, limits) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
                let measure = measure(&name)?;
                policy = policy.with(measure, limits_of(measure, &limits)?);
            }
        }
        Ok(Self(Arc::new(policy)))
    }

    /// Reads and judges one chronyd without the GIL. Returns the verdict as JSON.
    fn check(&self, py: Python<'_>, settings: &ConnectionSettings) -> PyResult<String> {
        greenlets::refuse_another(py)?;
        let library = load(py)?;
        let is_interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_interrupted);
        let interrupt = move || interrupted() && !flag.swap(true, Ordering::Relaxed);
        let verdict = py.detach(|| {
            let builder = library.map(|library| settings.clone().once_by_its_timeout(library).interrupt(interrupt));
            match builder.and_then(libchrony::Builder::build) {
                Ok(connection) => self.read(&connection),
                Err(error) => self.unavailable(error),
            }
        });
        if is_interrupted.load(Ordering::Relaxed) {
            return Err(errors::to_python(py, &Error::Interrupted));
        }
        to_json(&verdict)
    }

    /// Opens a connection, which reads a verdict by this policy. Returns the verdict if that is not possible.
    fn open<'py>(&self, py: Python<'py>, settings: &ConnectionSettings) -> PyResult<Bound<'py, PyAny>> {
        let opened = load(py)?.and_then(|library| AsyncConnection::open(settings.clone().once_by_its_timeout(library)));
        match opened {
            Ok(connection) => Ok(Bound::new(py, connection)?.into_any()),
            Err(error) => Ok(to_json(&self.unavailable(error))?.into_pyobject(py)?.into_any()),
        }
    }
}

impl Policy {
    /// Reads and judges over a connection.
    pub(crate) fn read(&self, connection: &libchrony::Connection) -> Verdict {
        assess(connection, &self.0).1
    }

    fn unavailable(&self, error: Error) -> Verdict {
        judge(&Facts::unavailable(error), &self.0)
    }

    /// Starts to read and judge.
    pub(crate) fn start(&self, connection: &Connection) -> Box<dyn AnyCall<Result<Records, Error>>> {
        let assessment = Assessment::new((*self.0).clone());
        let call = start(connection, Need::Tracking);
        Box::new(Assessing { connection: connection.clone(), assessment, call })
    }
}

/// Returns the measure with this name. The measure `chronyd` has no limits to set.
fn measure(name: &Bound<'_, PyAny>) -> PyResult<&'static Measure> {
    let Ok(text) = name.cast::<PyString>() else {
        let found = name.get_type().name()?;
        return Err(PyTypeError::new_err(format!("each key of limits must be a str, not {found}")));
    };
    let known = || Measure::ALL.iter().filter(|measure| measure.name != Measure::CHRONYD);
    known().find(|measure| text == measure.name).ok_or_else(|| {
        let names = known().map(|measure| measure.name).collect::<Vec<_>>().join(", ");
        PyValueError::new_err(format!("limits: there is no measure {}; there are {names}", printed(name)))
    })
}

fn limits_of(measure: &Measure, limits: &Bound<'_, PyAny>) -> PyResult<Limits> {
    let Ok(text) = limits.cast::<PyString>() else {
        let (name, found) = (measure.name, limits.get_type().name()?);
        let error = format!("limits[{name:?}] must be a str such as \"10ms,100ms\", not {found}");
        return Err(PyTypeError::new_err(error));
    };
    Limits::parse(&text.to_string_lossy(), measure)
        .map_err(|error| PyValueError::new_err(format!("limits[{:?}]: {error}", measure.name)))
}

/// Returns the verdict as `chrony-report check --format json` prints it.
pub(crate) fn to_json(verdict: &Verdict) -> PyResult<String> {
    serde_json::to_string(verdict).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// An assessment in an event loop: one call after another.
struct Assessing {
    connection: Connection,
    assessment: Assessment,
    call: Box<dyn AnyCall<Answer>>,
}

impl AnyCall<Result<Records, Error>> for Assessing {
    fn advance(&mut self, epoll: &mut Epoll, waker: &Waker) -> Step<Result<Records, Error>> {
        loop {
            match self.call.advance(epoll, waker) {
                Step::Wait(until) => return Step::Wait(until),
                Step::Resolve(host) => return Step::Resolve(host),
                Step::Done(answer) => self.assessment.take(answer, self.connection.address()),
            }
            let Some(report) = self.assessment.next_report() else {
                return Step::Done(Ok(Records::Verdict(Box::new(self.assessment.verdict().clone()))));
            };
            self.call = start(&self.connection, report);
        }
    }

    fn is_forked(&self) -> bool {
        self.call.is_forked()
    }

    fn waits_for_turn(&self) -> bool {
        self.call.waits_for_turn()
    }

    fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>) {
        self.call.resolved(host, addresses);
    }
}

/// Starts the call that reads a report.
fn start(connection: &Connection, report: Need) -> Box<dyn AnyCall<Answer>> {
    match report {
        Need::Tracking => any(connection.tracking(), Answer::Tracking),
        Need::Sources => any(connection.sources(), Answer::Sources),
        Need::SelectData => any(connection.select_data(), Answer::SelectData),
        Need::Activity => any(connection.activity(), Answer::Activity),
        Need::AuthData => any(connection.auth_data(), Answer::AuthData),
        Need::SourceStats => any(connection.source_stats(), Answer::SourceStats),
        Need::NtpData => any(connection.ntp_data(), Answer::NtpData),
        other => unreachable!("no verdict needs {}", other.name()),
    }
}
