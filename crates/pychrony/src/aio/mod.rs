//! What `pychrony.aio` calls: connections whose calls never wait.
//!
//! Event loops are not known here. Python's side takes a call on, and is told what it waits for, so that no Python code
//! runs below a function of this module. A daemon thread that is in the middle of such code when the interpreter ends
//! would crash it (before Python 3.14).

pub(crate) mod fleet;

use crate::connection::{is_command_port, shown};
use crate::convert::errors;
use crate::convert::wanted::{Records, Wanted};
use crate::interpreter::at_exit::{self, Close};
use crate::interpreter::lock::Lock;
use crate::settings::{self, builder};
use libchrony::nonblocking::{Call, Connection, Epoll, Reply, Step};
use libchrony::{Address, Builder, Error};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;
use std::{io, mem};

/// The arguments of a connection.
#[pyclass(frozen, name = "AsyncSettings", module = "pychrony._core")]
pub(crate) struct Settings(settings::Settings);

#[pymethods]
impl Settings {
    #[new]
    fn new(
        address: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
        parallel: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        settings::Settings::parse(address, timeout, parallel).map(Self)
    }

    fn reader(&self, py: Python<'_>) -> PyResult<Reader> {
        Reader::new(py, self.0.builder(py)?)
    }
}

/// A connection whose calls never wait.
#[pyclass(frozen, name = "AsyncReader", module = "pychrony._core")]
pub(crate) struct Reader(Arc<Shared>);

/// What a connection and its calls share.
struct Shared {
    connection: Connection,
    /// What the event loop watches; `None` at the end.
    epoll: Lock<Option<Epoll>>,
    /// The number of the next call.
    next: AtomicU64,
    /// The numbers of the calls whose turn has come.
    woken: Arc<Lock<Vec<u64>>>,
}

impl Close for Shared {
    fn close(&self) {
        self.connection.close();
    }
}

impl Reader {
    fn new(py: Python<'_>, builder: Builder) -> PyResult<Self> {
        let connection = builder.build_nonblocking().map_err(|error| errors::to_python(py, &error))?;
        let epoll = Lock::new(Some(connection.epoll().map_err(|error| errors::to_python(py, &error))?));
        let shared =
            Arc::new(Shared { connection, epoll, next: AtomicU64::new(0), woken: Arc::new(Lock::new(Vec::new())) });
        at_exit::add(&shared);
        Ok(Self(shared))
    }

    fn begin(&self, py: Python<'_>, wanted: Option<Wanted>) -> PyResult<Reading> {
        at_exit::register_with_multiprocessing(py)?;
        let connection = &self.0.connection;
        let call: Box<dyn AnyCall> = match &wanted {
            None => Box::new(connection.connect()),
            Some(Wanted::Records(class)) => Box::new(connection.rows(class.table)),
            Some(Wanted::Report(name, _)) => {
                Box::new(connection.report(name).map_err(|error| errors::to_python(py, &error))?)
            }
        };
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let waker = Waker::from(Arc::new(Turn { number, woken: Arc::clone(&self.0.woken) }));
        Ok(Reading { number, waker, wanted, shared: Arc::clone(&self.0), state: Lock::new(State::Reads(call, None)) })
    }
}

#[pymethods]
impl Reader {
    /// A connection of one call.
    #[staticmethod]
    fn once(py: Python<'_>, socket_path: Option<&Bound<'_, PyAny>>, timeout: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::new(py, builder(py, socket_path, timeout)?)
    }

    /// Reads a report.
    fn read(&self, record: &Bound<'_, PyAny>) -> PyResult<Reading> {
        self.begin(record.py(), Some(Wanted::of(record)?))
    }

    /// Finds a chronyd.
    fn connect(&self, py: Python<'_>) -> PyResult<Reading> {
        self.begin(py, None)
    }

    /// The descriptor that is readable when a call can go on; -1 at the end.
    fn fileno(&self) -> RawFd {
        let epoll = self.0.epoll.get();
        epoll.as_deref().and_then(Option::as_ref).map_or(-1, |epoll| epoll.as_fd().as_raw_fd())
    }

    /// The numbers of the calls whose turn has come since this was last asked.
    fn woken(&self) -> Vec<u64> {
        self.0.woken.get().map(|mut woken| mem::take(&mut *woken)).unwrap_or_default()
    }

    /// Watches no more what is there to be read, when the descriptor is readable without a call.
    fn forget_ready(&self, py: Python<'_>) {
        py.detach(|| {
            if let Some(mut epoll) = self.0.epoll.get()
                && let Some(epoll) = &mut *epoll
            {
                epoll.forget_ready();
            }
        });
    }

    /// Closes what is kept for the next call. A call that is under way ends first.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// Closes the descriptor, which the event loop has forgotten. There is no call any more.
    fn end(&self) {
        let ended = self.0.epoll.get().and_then(|mut epoll| epoll.take());
        drop(ended);
    }

    /// The address that answered last.
    #[getter]
    fn address(&self) -> Option<OsString> {
        self.0.connection.address().as_ref().map(shown)
    }

    /// Whether that is a command port.
    #[getter]
    fn is_command_port(&self) -> Option<bool> {
        self.0.connection.address().as_ref().map(is_command_port)
    }
}

/// Notes that the turn of a call has come.
struct Turn {
    number: u64,
    woken: Arc<Lock<Vec<u64>>>,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        if let Some(mut woken) = self.woken.get() {
            woken.push(self.number);
        }
    }
}

/// What was read, which becomes Python's in the task that awaits it.
type Outcome = Result<Records, Error>;

/// A call of any kind.
trait AnyCall: Send {
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
    number: u64,
    waker: Waker,
    /// What the result becomes; `None` if chronyd is only to answer.
    wanted: Option<Wanted>,
    shared: Arc<Shared>,
    state: Lock<State>,
}

enum State {
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
                Step::Done(_) => *state = State::Over,
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
        py.detach(|| drop(ended));
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
