//! What is closed when Python ends: the sessions that connections keep.
//!
//! The crate `libchrony` removes the paths of a process's sockets when that exits. Some processes of Python run their
//! handlers and then end without exiting: the workers of `multiprocessing`. A call that is under way is left alone.

use crate::interpreter::imported;
use libchrony::Connection;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Later than the other finalizers of a worker, which may use a connection.
const PRIORITY: i32 = -1000;

/// A connection that may keep a session.
pub(crate) trait Close: Send + Sync {
    /// Closes what it keeps.
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

/// Whether Python ends: from then on connections keep nothing, since nothing would close it.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// Has what the connection keeps closed at the end.
pub(crate) fn add<C: Close + 'static>(connection: &Arc<C>) {
    let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    connections.retain(|connection| connection.strong_count() > 0);
    let connection: Weak<C> = Arc::downgrade(connection);
    connections.push(connection);
}

/// Closes what connections keep.
#[pyfunction]
pub(crate) fn close_kept(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    let connections: Vec<_> =
        CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    py.detach(|| connections.iter().for_each(|connection| connection.close()));
}

/// Has Python call `close_kept` at its end.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let close_kept = module.getattr("close_kept")?;
    module.py().import("atexit")?.call_method1("register", (close_kept,))?;
    Ok(())
}

/// Has multiprocessing call `close_kept` at the end of this process, and of each worker that comes from it. Workers run
/// no handlers of `atexit`, and forget the finalizers that they have when they start.
pub(crate) fn register_with_multiprocessing(py: Python<'_>) -> PyResult<()> {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if REGISTERED.load(Ordering::Relaxed) || is_ending() {
        return Ok(());
    }
    // A process that has not imported it is no worker.
    let Some(util) = imported::module(py, intern!(py, "multiprocessing.util")) else { return Ok(()) };
    let close_kept = py.import("pychrony._core")?.getattr("close_kept")?;
    let finalize = wrap_pyfunction!(finalize, py)?;
    finalize.call1((&close_kept,))?;
    // It keeps the first argument only as long as others do: the module does.
    util.call_method1("register_after_fork", (close_kept, finalize))?;
    REGISTERED.store(true, Ordering::Relaxed);
    Ok(())
}

#[pyfunction]
fn finalize(close_kept: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = close_kept.py();
    let priority = PyDict::new(py);
    priority.set_item("exitpriority", PRIORITY)?;
    let class = py.import("multiprocessing.util")?.getattr("Finalize")?;
    class.call((py.None(), close_kept), Some(&priority))?;
    Ok(())
}
