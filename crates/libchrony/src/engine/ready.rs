//! The exchange between a call and its driver.
//!
//! The driver says which sockets are ready. The call says which sockets it waits for and until when. Polling and timers
//! are left to the driver.

use crate::address::Address;
use crate::engine::lane::Lane;
use crate::raw::socket::Socket;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// The sockets that a call may receive from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready<'a> {
    /// All sockets. A receive without a datagram returns at once.
    Any,
    /// The sockets on which no receive has waited without a result. A receive may block for a short time. A list
    /// receives from one of these sockets only.
    First,
    /// The sockets that have a datagram.
    These(&'a [RawFd]),
}

impl Ready<'_> {
    /// Returns true if a lane may receive. A lane is late if a receive on it has waited without a result.
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

    /// Returns the sockets to receive from after a datagram or a new request, when another response may come soon.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::First | Self::These(_) => Self::First,
        }
    }
}

/// The result of advancing a call: a wait, or the end of the call.
#[derive(Debug)]
pub enum Step<T> {
    /// The call waits for one of its sockets or for its turn, at most until this moment.
    Wait(Instant),
    /// The call needs the addresses of this [host](Address::host). Meanwhile it can be advanced as before. Other
    /// addresses may answer, and the deadline still applies.
    Resolve(Address),
    /// The call is over.
    Done(T),
}

impl<T> Step<T> {
    /// Converts the result of a call that is over.
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

    /// Returns true if the call waits until it can write to the socket, and false if it waits for a datagram.
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
