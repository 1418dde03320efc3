//! Locks that are held while the GIL is not, so that another thread may fork meanwhile.

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A lock whose copy in a child is not waited for: it may be held by a thread that the child does not have.
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    process: u32,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), process: process::id() }
    }

    /// The value; `None` in a child that was forked while another thread used it.
    pub(crate) fn get(&self) -> Option<MutexGuard<'_, T>> {
        if process::id() == self.process {
            return Some(self.value.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(value)) => Some(value.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
