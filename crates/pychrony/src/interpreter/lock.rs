//! Locks that are held while the GIL is not, so that another thread may fork meanwhile.

use libchrony::nonblocking;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A lock whose copy in a child is not waited for: it may be held by a thread that the child does not have.
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    process: nonblocking::Process,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), process: nonblocking::Process::this() }
    }

    /// The value; `None` in a child that was forked while another thread used it.
    pub(crate) fn get(&self) -> Option<MutexGuard<'_, T>> {
        if !self.process.is_forked() {
            return Some(self.value.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(value)) => Some(value.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// The process that made it.
#[pyclass(frozen, module = "pychrony._core")]
pub(crate) struct Process(nonblocking::Process);

#[pymethods]
impl Process {
    #[new]
    fn this() -> Self {
        Self(nonblocking::Process::this())
    }

    /// Returns true in a child that was forked since, and in the child's children.
    fn is_forked(&self) -> bool {
        self.0.is_forked()
    }
}
