//! How many sessions may be open at once. Each costs two descriptors: a socket, and libchrony's /dev/urandom.
//!
//! A single connection needs no such limit. Many that know of each other share one.

use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of sessions that may be open at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quota(Option<Arc<AtomicUsize>>);

/// The permit for one session, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Quota);

/// The quotas of the sessions that a call needs, and of those that only make it quicker.
#[derive(Clone, Debug)]
pub(crate) struct Quotas {
    /// The first session to an address.
    pub(crate) first: Quota,
    /// The sessions for retries, and the further lanes of lists.
    pub(crate) further: Quota,
    /// On how many sessions at once a request waits for its answer at one address. Each time that it is sent again
    /// beyond that, the oldest of them is used anew.
    pub(crate) tries: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { first: Quota::default(), further: Quota::default(), tries: usize::MAX }
    }
}

impl Quota {
    /// A quota of that many sessions. The default has no limit.
    pub(crate) fn of(sessions: usize) -> Self {
        Self(Some(Arc::new(AtomicUsize::new(sessions))))
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0.as_ref().is_some_and(|left| left.load(Ordering::Relaxed) == 0)
    }

    /// Takes a permit, if one is left.
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
