//! The requests of a list that are on their way, and over how many lanes.

use crate::engine::lane::Lane;
use crate::error::{AT_LEAST_1, Error};
use std::time::Instant;

/// Over how many sessions a list is read, and from what length on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(crate) most: usize,
    /// The number of records for each of which a further lane is opened.
    pub(crate) records_each: usize,
}

impl Lanes {
    pub(crate) fn for_records(self, count: usize) -> usize {
        (count / self.records_each).clamp(1, self.most)
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        Error::check(self.most > 0, "the number of lanes", AT_LEAST_1)?;
        Error::check(self.records_each > 0, "the number of records for each lane", AT_LEAST_1)
    }
}

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
