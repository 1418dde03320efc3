//! The requests of a list that are in flight.

use crate::engine::lane::Lane;
use std::time::Instant;

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) lane: Lane,
    pub(crate) position: usize,
    /// How often the same record was asked for before.
    pub(crate) before: u32,
    pub(crate) sent: Instant,
    /// When it counts as lost; `None` if it does already, or if nothing can be lost.
    pub(crate) resend: Option<Instant>,
    pub(crate) is_late: bool,
}

impl Flight {
    /// Whether nothing waits for its answer any more. An answer that comes would still be used.
    pub(crate) fn is_lost(&self, is_lossless: bool) -> bool {
        !is_lossless && self.resend.is_none()
    }
}
