//! One call of a connection that never waits.

use super::connection::Shared;
use crate::convert::errors;
use crate::convert::wanted::{Records, Wanted};
use crate::interpreter::at_exit;
use crate::interpreter::lock::Lock;
use libchrony::nonblocking::{Call, Epoll, Reply, Step};
use libchrony::{Address, Error};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;
use std::{io, mem};

/// What was read, which becomes Python's in the task that awaits it.
pub(super) type Outcome = Result<Records, Error>;

/// A call of any kind.
pub(super) trait AnyCall: Send {
    fn advance(&mut self, epoll: &mut Epoll, waker: &Waker) -> Step<Outcome>;

    fn is_forked(&self) -> bool;

    fn waits_for_turn(&self) -> bool;

    fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>);
}

impl<T: Reply<Record: Send> + Into<Records>> AnyCall for Call<T> {
    fn advance(&mut self, epoll: &mut Epoll, waker: &Waker) -> Step<Outcome> {
        epoll.advance(self, waker).map(|end| end.map(Into::into))
    }

    fn is_forked(&self) -> bool {
        self.is_forked()
    }

    fn waits_for_turn(&self) -> bool {
        self.waits_for_turn()
    }

    fn resolved(&mut self, host: Address, addresses: io::Result<Vec<SocketAddr>>) {
        self.resolved(host, addresses);
    }
}

/// One call.
#[pyclass(frozen, name = "AsyncReading", module = "pychrony._core")]
pub(crate) struct Reading {
    /// Its number among the calls of the connection.
    #[pyo3(get)]
    pub(super) number: u64,
    pub(super) waker: Waker,
    /// What the result becomes; `None` if chronyd is only to answer.
    pub(super) wanted: Option<Wanted>,
    pub(super) shared: Arc<Shared>,
    pub(super) state: Lock<State>,
}

pub(super) enum State {
    /// With the host whose addresses are looked up.
    Reads(Box<dyn AnyCall>, Option<Address>),
    Done(Outcome),
    Over,
}

#[pymethods]
impl Reading {
    /// Goes on as far as it can. Tells after how many seconds it is to go on at the latest, or the name and the port of
    /// a host to be looked up while it goes on, or nothing when it is over.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let step = py.detach(|| {
            let (Some(mut state), Some(mut epoll)) = (self.state.get(), self.shared.epoll.get()) else {
                return Some(Err(()));
            };
            let (State::Reads(call, host), Some(epoll)) = (&mut *state, epoll.as_mut()) else { return None };
            if call.is_forked() {
                return Some(Err(()));
            }
            let step = call.advance(epoll, &self.waker);
            match step {
                Step::Wait(_) => {}
                Step::Resolve(ref asked) => *host = Some(asked.clone()),
                Step::Done(_) => {
                    *state = State::Over;
                    epoll.sweep();
                }
            }
            Some(Ok(step))
        });
        match step {
            None => Ok(None),
            Some(Err(())) => Err(PyRuntimeError::new_err(
                "this process was forked in the middle of a call of pychrony; call in an event loop of its own",
            )),
            Some(Ok(Step::Wait(until))) => {
                let left = until.saturating_duration_since(Instant::now());
                left.as_secs_f64().into_pyobject(py).map(|left| Some(left.into_any())).map_err(Into::into)
            }
            Some(Ok(Step::Resolve(host))) => {
                let (name, port) = host.host().unwrap_or_default();
                (name.as_bytes(), port).into_pyobject(py).map(|host| Some(host.into_any()))
            }
            Some(Ok(Step::Done(outcome))) => {
                if at_exit::is_ending() {
                    py.detach(|| self.shared.connection.close());
                }
                if let Some(mut state) = self.state.get() {
                    *state = State::Done(outcome);
                }
                Ok(None)
            }
        }
    }

    /// Whether it waits for its turn.
    fn waits_for_turn(&self) -> bool {
        self.state.get().is_some_and(|state| matches!(&*state, State::Reads(call, _) if call.waits_for_turn()))
    }

    /// Takes the addresses of the host that was asked for, with port and scope.
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

    /// Takes the error of the look-up: the system's number, or the resolver's words.
    #[pyo3(signature = (number, words))]
    fn unresolved(&self, number: Option<i32>, words: &str) {
        // The words of the standard library's look-up.
        let other = || io::Error::other(format!("failed to lookup address information: {words}"));
        self.look_up_is_over(Err(number.map_or_else(other, io::Error::from_raw_os_error)));
    }

    /// What was read, or an exception; once.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let done = self.state.get().map_or(State::Over, |mut state| mem::replace(&mut *state, State::Over));
        match done {
            State::Done(Ok(records)) => match &self.wanted {
                Some(wanted) => wanted.convert(py, records).map(Bound::unbind),
                None => Ok(py.None()),
            },
            State::Done(Err(error)) => Err(errors::to_python(py, &error)),
            State::Reads(..) | State::Over => Err(PyRuntimeError::new_err("there is no result")),
        }
    }

    /// Ends the call. The next one has its turn, and what is not left to it is closed.
    fn close(&self, py: Python<'_>) {
        let Some(mut state) = self.state.get() else { return };
        let ended = matches!(*state, State::Reads(..)).then(|| mem::replace(&mut *state, State::Over));
        drop(state);
        py.detach(|| {
            drop(ended);
            self.shared.sweep();
        });
    }
}

impl Reading {
    fn look_up_is_over(&self, found: io::Result<Vec<SocketAddr>>) {
        if let Some(mut state) = self.state.get()
            && let State::Reads(call, host) = &mut *state
            && let Some(host) = host.take()
        {
            call.resolved(host, found);
        }
    }
}
