//! A request of a list in flight. The decisions to send it and to send it again are made by the list.

use crate::engine::lane::Lane;
use std::time::Instant;

/// A request in flight.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) lane: Lane,
    pub(crate) position: usize,
    /// The number of earlier requests for the record.
    pub(crate) before: u32,
    pub(crate) sent: Instant,
    /// The time at which the request counts as lost; `None` if it already does, or if nothing can be lost.
    pub(crate) resend: Option<Instant>,
    pub(crate) is_late: bool,
}

impl Flight {
    /// Returns true if the request no longer counts as in flight. A late response is still used.
    pub(crate) fn is_lost(&self, is_lossless: bool) -> bool {
        !is_lossless && self.resend.is_none()
    }
}
