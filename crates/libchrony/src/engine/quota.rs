//! How many sessions may be open at once. Each costs two descriptors: a socket, and libchrony's /dev/urandom.
//!
//! A single connection needs no such limit. Many that know of each other share one.

use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room(Option<Arc<AtomicUsize>>);

/// The room of one session, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Room);

/// Room for the sessions that a call needs, and for those that only make it quicker.
#[derive(Clone, Debug)]
pub(crate) struct Rooms {
    /// Room for the first session to an address.
    pub(crate) first: Room,
    /// Room for a session on which a request is sent once more, and for a further lane of a list.
    pub(crate) further: Room,
    /// On how many sessions at once a request waits for its answer at one address. Each time that it is sent again
    /// beyond that, the oldest of them is used anew.
    pub(crate) tries: usize,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { first: Room::default(), further: Room::default(), tries: usize::MAX }
    }
}

impl Room {
    /// For so many sessions. The default has no limit.
    pub(crate) fn of(sessions: usize) -> Self {
        Self(Some(Arc::new(AtomicUsize::new(sessions))))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|left| left.load(Ordering::Relaxed) == 0)
    }

    /// Takes a place, if there is one.
    pub(crate) fn take(&self) -> io::Result<Place> {
        let take = |left: &Arc<AtomicUsize>| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        if self.0.as_ref().is_none_or(take) { Ok(Place(self.clone())) } else { Err(Errno::MFILE.into()) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(left) = &self.0.0 {
            left.fetch_add(1, Ordering::Relaxed);
        }
    }
}
