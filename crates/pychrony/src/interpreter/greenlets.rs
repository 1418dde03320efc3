//! Greenlets, which are several programs in one thread, and signals' handlers, which may switch between them.
//!
//! A handler runs in the middle of a call. If it switches, the call is left half done on the thread, and PyO3's record
//! of whether the thread holds the GIL is that call's. Another call could leave it wrong; so there is none until the
//! first one goes on.

use crate::interpreter::imported;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// The greenlets whose calls are running handlers in this thread, the innermost last: where they are, not
    /// references, since a greenlet that is not referred to any more is ended where it was left.
    static HANDLING: RefCell<Vec<Option<usize>>> = const { RefCell::new(Vec::new()) };
}

/// Runs the handlers of signals that have come.
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

/// Where the greenlet that is running is, in a program that has any.
fn current(py: Python<'_>) -> Option<usize> {
    let greenlet = imported::module(py, intern!(py, "greenlet"))?.call_method0(intern!(py, "getcurrent")).ok()?;
    Some(greenlet.as_ptr() as usize)
}
