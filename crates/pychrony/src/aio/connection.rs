//! A connection whose calls never wait.

use super::call::{AsyncCall, CallState, start};
use crate::convert::answered_at;
use crate::convert::errors;
use crate::convert::wanted::Wanted;
use crate::interpreter::at_exit::{self, Close};
use crate::interpreter::lock::Lock;
use crate::settings::ConnectionSettings;
use libchrony::nonblocking::{Connection, Epoll};
use libchrony::{Builder, Error};
use pyo3::prelude::*;
use std::ffi::OsString;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};

/// A connection whose calls never wait.
#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct AsyncConnection(Arc<Shared>);

/// The part of a connection that its calls share.
pub(super) struct Shared {
    pub(super) connection: Connection,
    /// The descriptor that the event loop watches; `None` at the end.
    pub(super) epoll: Lock<Option<Epoll>>,
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

#[pymethods]
impl AsyncConnection {
    #[new]
    fn new(py: Python<'_>, settings: &ConnectionSettings) -> PyResult<Self> {
        Self::open(settings.clone().builder(py)?).map_err(|error| errors::to_python(py, &error))
    }

    /// Starts a call that reads a report, or that finds a chronyd if `record` is `None`.
    fn read(&self, record: &Bound<'_, PyAny>) -> PyResult<AsyncCall> {
        let (py, wanted) = (record.py(), Wanted::of(record)?);
        at_exit::register_with_multiprocessing(py)?;
        let call = start(&wanted, &self.0.connection).map_err(|error| errors::to_python(py, &error))?;
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let waker = Waker::from(Arc::new(Turn { number, woken: Arc::clone(&self.0.woken) }));
        let state = Lock::new(CallState::Reads(call, None));
        Ok(AsyncCall { number, waker, wanted, shared: Arc::clone(&self.0), state })
    }

    /// Returns the descriptor that is readable when a call can continue, or -1 after the end.
    fn fileno(&self) -> RawFd {
        let epoll = self.0.epoll.get();
        epoll.as_deref().and_then(Option::as_ref).map_or(-1, |epoll| epoll.as_fd().as_raw_fd())
    }

    /// Returns true in a child that was forked since the connection was opened, and in the child's children.
    fn is_forked(&self) -> bool {
        self.0.epoll.is_forked()
    }

    /// Takes the numbers of the calls whose turn has come.
    fn woken(&self) -> Vec<u64> {
        self.0.woken.get().map(|mut woken| mem::take(&mut *woken)).unwrap_or_default()
    }

    /// Discards the events of sockets, so that the descriptor is no longer readable. Called while no call is in flight.
    fn forget_ready(&self, py: Python<'_>) {
        py.detach(|| {
            if let Some(mut epoll) = self.0.epoll.get() {
                epoll.as_mut().map(Epoll::forget_ready);
            }
        });
    }

    /// Closes the sockets that are kept for the next call. A call in flight ends first.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// Closes the descriptor, once the event loop does not watch it and all calls are over.
    fn end(&self) {
        let ended = self.0.epoll.get().and_then(|mut epoll| epoll.take());
        drop(ended);
    }

    /// The address that answered last, or to which the connection was opened since, and true if it is a command port.
    #[getter]
    fn answered_at(&self) -> (Option<OsString>, Option<bool>) {
        answered_at(self.0.connection.address())
    }
}

impl AsyncConnection {
    /// Opens what event loops watch. No socket is opened yet.
    pub(crate) fn open(builder: Builder) -> Result<Self, Error> {
        let connection = builder.build_nonblocking()?;
        let epoll = connection.epoll()?;
        let shared = Arc::new(Shared {
            connection,
            epoll: Lock::new(Some(epoll)),
            next: AtomicU64::new(0),
            woken: Arc::new(Lock::new(Vec::new())),
        });
        at_exit::add(&shared);
        Ok(Self(shared))
    }
}

/// A waker that notes the number of its call.
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
