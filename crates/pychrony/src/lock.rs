//! Locks that are held while the GIL is not, so that another thread may fork meanwhile.

use libchrony::nonblocking::process_id;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A lock whose copy in a child is not waited for: it may be held by a thread that the child does not have.
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    process: u32,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), process: process_id() }
    }

    /// The value; `None` in a child that was forked while another thread used it.
    pub(crate) fn get(&self) -> Option<MutexGuard<'_, T>> {
        if process_id() == self.process {
            return Some(self.value.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(value)) => Some(value.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A number that this process does not share with those that it was forked from, as a process id can.
#[pyfunction]
#[pyo3(name = "process_id")]
pub(crate) fn number_of_process() -> u32 {
    process_id()
}
