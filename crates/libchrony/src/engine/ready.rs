//! What a machine that never waits is told, and what it says: which sockets are ready, and which it waits for.

use crate::address::Address;
use crate::engine::lane::Lane;
use crate::raw::socket::Socket;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// Which sockets a machine may receive from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready<'a> {
    /// All of them: a receive without a datagram returns at once.
    Any,
    /// The one whose answer is due first: a receive waits for what comes soon, and no receive from that socket has done
    /// so in vain.
    First,
    /// Those that have a datagram.
    These(&'a [RawFd]),
}

impl Ready<'_> {
    /// Whether a lane may receive. It may have waited before.
    pub(crate) fn allows(&self, lane: &Lane, is_late: bool) -> bool {
        match self {
            Self::Any => true,
            Self::First => !is_late,
            Self::These(ready) => ready.contains(&lane.as_fd().as_raw_fd()),
        }
    }

    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Self::First)
    }

    /// The same after a datagram was received, or a request sent: now another answer may come soon.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::First | Self::These(_) => Self::First,
        }
    }
}

/// A step of something that never waits: what it waits for, or its end.
#[derive(Debug)]
pub enum Step<T> {
    /// It waits for one of its sockets, or for its turn, until this moment at the latest.
    Wait(Instant),
    /// It needs the addresses of this [host](Address::host). Meanwhile it may be advanced as before: other addresses may
    /// answer, and it ends by its deadline.
    Resolve(Address),
    /// It is over.
    Done(T),
}

impl<T> Step<T> {
    /// Converts the end.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Wait(until) => Step::Wait(until),
            Self::Resolve(host) => Step::Resolve(host),
            Self::Done(result) => Step::Done(convert(result)),
        }
    }
}

/// A socket that a call waits for.
#[derive(Clone, Copy, Debug)]
pub struct Interest<'a> {
    lane: &'a Lane,
    writable: bool,
}

impl<'a> Interest<'a> {
    pub(crate) fn new(lane: &'a Lane, writable: bool) -> Self {
        Self { lane, writable }
    }

    pub(crate) fn socket(&self) -> &'a Arc<Socket> {
        self.lane.socket()
    }

    /// Whether it waits until the socket can be written to, and not for a datagram.
    #[must_use]
    pub fn is_to_write(&self) -> bool {
        self.writable
    }
}

impl AsFd for Interest<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lane.as_fd()
    }
}
