//! Locks and cells that survive a fork by another thread.

use libchrony::nonblocking::Process;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

/// A lock that is held without the GIL, so that another thread may fork meanwhile. A child does not wait for its copy
/// of the lock, which may be held by a thread that the child does not have.
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    process: Process,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), process: Process::this() }
    }

    /// Returns true in a child that was forked since the lock was made, and in the child's children.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.is_forked()
    }

    /// Locks the value; returns `None` in a child that was forked while another thread used it.
    pub(crate) fn get(&self) -> Option<MutexGuard<'_, T>> {
        if !self.is_forked() {
            return Some(self.value.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(value)) => Some(value.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Returns the value in a cell, and makes it first if the cell is empty. Two threads may both make it. The cell is not
/// locked while Python code may run: a child that is forked meanwhile, or a signal handler that calls again, would
/// deadlock.
pub(crate) fn get_or_make<T>(cell: &OnceLock<T>, make: impl FnOnce() -> PyResult<T>) -> PyResult<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
