//! The cleanup on exit: kept sessions are closed when Python ends.
//!
//! The crate `libchrony` removes the paths of a process's sockets on exit. Workers of `multiprocessing` run their own
//! handlers, and end without running those of the exit. A call in flight is left alone.

use crate::interpreter::imported;
use libchrony::Connection;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The priority of a finalizer that runs after the others of a worker, which may use a connection.
const PRIORITY: i32 = -1000;

/// A connection that may keep a session.
pub(crate) trait Close: Send + Sync {
    /// Closes the kept session.
    fn close(&self);
}

impl Close for Connection {
    fn close(&self) {
        Self::close(self);
    }
}

/// The connections that may keep a session. The GIL is held whenever the lock is, so no child is forked meanwhile.
static CONNECTIONS: Mutex<Vec<Weak<dyn Close>>> = Mutex::new(Vec::new());

static ENDING: AtomicBool = AtomicBool::new(false);

/// Returns true once Python is ending. From then on connections keep no session, since nothing would close it.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// Registers a connection, whose kept session is closed at the end.
pub(crate) fn add<C: Close + 'static>(connection: &Arc<C>) {
    let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    connections.retain(|connection| connection.strong_count() > 0);
    let connection: Weak<C> = Arc::downgrade(connection);
    connections.push(connection);
}

/// Closes the sessions that connections keep.
#[pyfunction]
pub(crate) fn close_kept(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    let connections: Vec<_> =
        CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    py.detach(|| connections.iter().for_each(|connection| connection.close()));
}

/// Registers `close_kept` with `atexit`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let close_kept = module.getattr("close_kept")?;
    module.py().import("atexit")?.call_method1("register", (close_kept,))?;
    Ok(())
}

/// Registers `close_kept` with `multiprocessing`, for the end of this process and of each worker that comes from it.
/// Workers do not run the handlers of `atexit`, and forget the finalizers that they have when they start.
pub(crate) fn register_with_multiprocessing(py: Python<'_>) -> PyResult<()> {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if REGISTERED.load(Ordering::Relaxed) || is_ending() {
        return Ok(());
    }
    // A process that has not imported it is not a worker.
    let Some(util) = imported::module(py, intern!(py, "multiprocessing.util")) else { return Ok(()) };
    let priority = PyDict::new(py);
    priority.set_item("exitpriority", PRIORITY)?;
    let finalize = (util.getattr("Finalize")?, py.None());
    let finalize = py.import("functools")?.getattr("partial")?.call(finalize, Some(&priority))?;
    let close_kept = py.import("pychrony._core")?.getattr("close_kept")?;
    finalize.call1((&close_kept,))?;
    // The registry holds the first argument weakly; the module keeps it.
    util.call_method1("register_after_fork", (close_kept, finalize))?;
    REGISTERED.store(true, Ordering::Relaxed);
    Ok(())
}
