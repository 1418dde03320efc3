//! The greenlets of a thread, and signal handlers, which may switch between them.
//!
//! A handler runs in the middle of a call. If it switches greenlets, the call is left half done on the thread, and
//! PyO3's record of the GIL belongs to the call. A second call could corrupt the record, so it is refused until the
//! first one continues.

use crate::interpreter::imported;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// The greenlets whose calls are running handlers in this thread, the innermost last. They are addresses, since a
    /// reference would keep an abandoned greenlet from being ended.
    static HANDLING: RefCell<Vec<Option<usize>>> = const { RefCell::new(Vec::new()) };
}

/// Runs the handlers of pending signals.
pub(crate) fn run_handlers(py: Python<'_>) -> PyResult<()> {
    let greenlet = current(py);
    HANDLING.with_borrow_mut(|handling| handling.push(greenlet));
    let handled = py.check_signals();
    HANDLING.with_borrow_mut(Vec::pop);
    handled
}

/// Refuses a call while another greenlet is in one.
pub(crate) fn refuse_another(py: Python<'_>) -> PyResult<()> {
    match HANDLING.with_borrow(|handling| handling.last().copied().flatten()) {
        Some(handling) if current(py) != Some(handling) => Err(PyRuntimeError::new_err(
            "a signal's handler switched greenlets in the middle of a call of pychrony, which is not supported: no \
             other greenlet of the thread can call until that one goes on. Have the handler only set a flag, or run \
             outside of calls (gevent.signal_handler), or call pychrony in a thread of its own",
        )),
        _ => Ok(()),
    }
}

/// Returns the address of the running greenlet, in a program that uses greenlets.
fn current(py: Python<'_>) -> Option<usize> {
    let greenlet = imported::module(py, intern!(py, "greenlet"))?.call_method0(intern!(py, "getcurrent")).ok()?;
    Some(greenlet.as_ptr() as usize)
}
