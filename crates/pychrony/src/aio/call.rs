//! One call of a connection that never waits.

use super::connection::Shared;
use crate::convert::errors;
use crate::convert::wanted::{Records, Wanted};
use crate::interpreter::at_exit;
use crate::interpreter::lock::Lock;
use libchrony::nonblocking::{Call, Connection, Epoll, Reply, Step};
use libchrony::{Address, Error};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;
use std::{io, mem};

/// A call that reads what a caller of Python wants.
type AnyRead = dyn AnyCall<Result<Records, Error>>;

/// A call of any type, and its end.
pub(crate) trait AnyCall<End>: Send {
    fn advance(&mut self, epoll: &mut Epoll, waker: &Waker) -> Step<End>;

    fn is_forked(&self) -> bool;

    fn waits_for_turn(&self) -> bool;

    fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>);
}

/// A call, and the constructor for its end.
impl<T: Reply<Record: Send>, End> AnyCall<End> for (Call<T>, fn(Result<T, Error>) -> End) {
    fn advance(&mut self, epoll: &mut Epoll, waker: &Waker) -> Step<End> {
        epoll.advance(&mut self.0, waker).map(self.1)
    }

    fn is_forked(&self) -> bool {
        self.0.is_forked()
    }

    fn waits_for_turn(&self) -> bool {
        self.0.waits_for_turn()
    }

    fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>) {
        self.0.resolved(host, addresses);
    }
}

pub(crate) fn any<T, End>(call: Call<T>, end: fn(Result<T, Error>) -> End) -> Box<dyn AnyCall<End>>
where
    T: Reply<Record: Send> + 'static,
    End: 'static,
{
    Box::new((call, end))
}

/// Starts the call that reads what is wanted.
pub(super) fn start(wanted: &Wanted, connection: &Connection) -> Result<Box<AnyRead>, Error> {
    Ok(match wanted {
        Wanted::Answer => any(connection.connect(), |end| end.map(|()| Records::None)),
        Wanted::Records(class) => any(connection.rows(class.table), |end| end.map(Records::Typed)),
        Wanted::Report(name, _) => any(connection.report(name)?, |end| end.map(Records::Any)),
        Wanted::Verdict(policy) => policy.start(connection),
    })
}

/// One call.
#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct AsyncCall {
    /// The number of the call among the calls of its connection.
    #[pyo3(get)]
    pub(super) number: u64,
    pub(super) waker: Waker,
    pub(super) wanted: Wanted,
    pub(super) shared: Arc<Shared>,
    pub(super) state: Lock<CallState>,
}

pub(super) enum CallState {
    /// With the host whose addresses are looked up.
    Reads(Box<AnyRead>, Option<Address>),
    /// With the result, which the task that awaits it converts.
    Done(Result<Records, Error>),
    Over,
}

fn forked() -> PyErr {
    PyRuntimeError::new_err(
        "this process was forked in the middle of a call of pychrony; call in an event loop of its own",
    )
}

#[pymethods]
impl AsyncCall {
    /// Sends and receives as much as possible without waiting. Returns the seconds after which to advance the call at
    /// the latest, or the name and port of a host to look up meanwhile, or `None` when the call is over.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let step = py.detach(|| {
            let (Some(mut state), Some(mut epoll)) = (self.state.get(), self.shared.epoll.get()) else {
                return Err(forked());
            };
            let (CallState::Reads(call, host), Some(epoll)) = (&mut *state, epoll.as_mut()) else {
                return Ok(Step::Done(()));
            };
            if call.is_forked() {
                return Err(forked());
            }
            Ok(match call.advance(epoll, &self.waker) {
                Step::Wait(until) => Step::Wait(until),
                Step::Resolve(found) => Step::Resolve(host.insert(found).clone()),
                Step::Done(result) => {
                    *state = CallState::Done(result);
                    if at_exit::is_ending() {
                        self.shared.connection.close();
                    }
                    Step::Done(())
                }
            })
        })?;
        Ok(match step {
            Step::Wait(until) => {
                let left = until.saturating_duration_since(Instant::now());
                Some(left.as_secs_f64().into_pyobject(py)?.into_any())
            }
            Step::Resolve(host) => {
                let (name, port) = host.host().unwrap_or_default();
                Some((name.as_bytes(), port).into_pyobject(py)?.into_any())
            }
            Step::Done(()) => None,
        })
    }

    /// Returns true if the call waits for its turn.
    fn waits_for_turn(&self) -> bool {
        self.state.get().is_some_and(|state| matches!(&*state, CallState::Reads(call, _) if call.waits_for_turn()))
    }

    /// Takes the addresses of the host that was looked up, each with its port and scope.
    fn resolved(&self, found: Vec<(String, u16, u32)>) -> PyResult<()> {
        let address = |(host, port, scope): (String, u16, u32)| {
            Ok(match host.parse()? {
                IpAddr::V4(ip) => SocketAddr::from((ip, port)),
                IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
            })
        };
        self.look_up_is_over(Ok(found.into_iter().map(address).collect::<PyResult<_>>()?));
        Ok(())
    }

    /// Takes the error of the look-up: the number of the system's error, or else the resolver's words.
    #[pyo3(signature = (number, words))]
    fn unresolved(&self, number: Option<i32>, words: &str) {
        // The words of the standard library's look-up.
        let other = || io::Error::other(format!("failed to lookup address information: {words}"));
        self.look_up_is_over(Err(number.map_or_else(other, io::Error::from_raw_os_error)));
    }

    /// Takes the result: returns it, or raises the error.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let done = self.state.get().map_or(CallState::Over, |mut state| mem::replace(&mut *state, CallState::Over));
        match done {
            CallState::Done(Ok(records)) => self.wanted.convert(py, records),
            CallState::Done(Err(error)) => Err(errors::to_python(py, &error)),
            CallState::Reads(..) | CallState::Over => Err(PyRuntimeError::new_err("there is no result")),
        }
    }

    /// Ends the call. The next call gets its turn, and sockets that it does not use are closed.
    fn close(&self, py: Python<'_>) {
        let Some(mut state) = self.state.get() else { return };
        let ended = matches!(*state, CallState::Reads(..)).then(|| mem::replace(&mut *state, CallState::Over));
        drop(state);
        py.detach(|| drop(ended));
    }
}

impl AsyncCall {
    fn look_up_is_over(&self, found: io::Result<Vec<SocketAddr>>) {
        if let Some(mut state) = self.state.get()
            && let CallState::Reads(call, host) = &mut *state
            && let Some(host) = host.take()
        {
            call.resolved(host, found);
        }
    }
}
