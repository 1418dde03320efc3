//! A connection whose calls never wait, and the settings that it is opened with.

use super::call::{AnyCall, Reading, State};
use crate::connection::{is_command_port, shown};
use crate::convert::errors;
use crate::convert::wanted::Wanted;
use crate::interpreter::at_exit::{self, Close};
use crate::interpreter::lock::Lock;
use crate::settings::{self, builder};
use libchrony::Builder;
use libchrony::nonblocking::{Connection, Epoll};
use pyo3::prelude::*;
use std::ffi::OsString;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};

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
pub(super) struct Shared {
    pub(super) connection: Connection,
    /// What the event loop watches; `None` at the end.
    pub(super) epoll: Lock<Option<Epoll>>,
    /// The number of the next call.
    next: AtomicU64,
    /// The numbers of the calls whose turn has come.
    woken: Arc<Lock<Vec<u64>>>,
}

impl Shared {
    /// Closes what no call and no next one uses.
    pub(super) fn sweep(&self) {
        if let Some(mut epoll) = self.epoll.get()
            && let Some(epoll) = &mut *epoll
        {
            epoll.sweep();
        }
    }
}

impl Close for Shared {
    fn close(&self) {
        self.connection.close();
        self.sweep();
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
