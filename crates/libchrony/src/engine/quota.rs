//! The limit on sessions that are open at once.
//!
//! Each session takes two descriptors: a socket, and libchrony's /dev/urandom. The connections of a fleet share a
//! quota. A single connection does not have one.

use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of sessions that may still be opened, or no limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quota(Option<Arc<AtomicUsize>>);

/// The permit for one session, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Quota);

/// The quotas of required sessions and of sessions that only make a call faster.
#[derive(Clone, Debug)]
pub(crate) struct Quotas {
    /// The quota of first sessions to an address.
    pub(crate) first: Quota,
    /// The quota of sessions for retries and of additional lanes for lists.
    pub(crate) further: Quota,
    /// The largest number of sessions on which a call waits for one response from an address. Further retries use the
    /// oldest of these sessions again.
    pub(crate) tries: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { first: Quota::default(), further: Quota::default(), tries: usize::MAX }
    }
}

impl Quota {
    /// Creates a quota for a number of sessions. The default quota is unlimited.
    pub(crate) fn of(sessions: usize) -> Self {
        Self(Some(Arc::new(AtomicUsize::new(sessions))))
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0.as_ref().is_some_and(|left| left.load(Ordering::Relaxed) == 0)
    }

    /// Takes a permit if one is left.
    pub(crate) fn take(&self) -> io::Result<Permit> {
        let take = |left: &Arc<AtomicUsize>| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        if self.0.as_ref().is_none_or(take) { Ok(Permit(self.clone())) } else { Err(Errno::MFILE.into()) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(left) = &self.0.0 {
            left.fetch_add(1, Ordering::Relaxed);
        }
    }
}
