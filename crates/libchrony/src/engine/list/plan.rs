//! The order in which the records of a list are asked for, and what tells that the list has changed.

use crate::engine::lane::Request;
use crate::report::query::Query;
use crate::report::{Report, SourceStats};
use libchrony_sys::types::Int;

/// What is asked for at each position.
///
/// A list of one is read once. In a longer one the position before the first record is the last one, and so is the
/// position after all others. If the report is asked for by address, these two are read as the sources' own report has
/// them, which tells one from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) query: Query,
    count: usize,
    pub(crate) positions: usize,
}

impl Plan {
    pub(crate) fn new(query: Query, count: usize) -> Self {
        let checks = if count > 1 { 1 + usize::from(query.is_by_address()) } else { 0 };
        Self { query, count, positions: count + checks }
    }

    /// Whether a position is there to tell whether the list has changed.
    pub(crate) fn is_check(&self, position: usize) -> bool {
        self.count > 1 && (position == 0 || position == self.positions - 1)
    }

    /// The index of the record at a position.
    pub(crate) fn index(&self, position: usize) -> usize {
        if position == 0 || position == self.positions - 1 { self.count - 1 } else { position - 1 }
    }

    /// The request that a position needs.
    pub(crate) fn request(&self, position: usize) -> Request {
        let index = Int::try_from(self.index(position)).unwrap_or(Int::MAX);
        match self.query.is_by_address() {
            // A lane that has read these remembers an address.
            true if self.is_check(position) || self.query.name == SourceStats::NAME => {
                Request::Record(SourceStats::NAME, index)
            }
            true => Request::ByAddress(self.query.name, index),
            false => Request::Record(self.query.name, index),
        }
    }

    /// How many records have been read when so many positions are left, and how many there are. Of a report by address,
    /// the first position is only to tell whether the list has changed.
    pub(crate) fn records_read(&self, left: usize, is_first_done: bool) -> (usize, usize) {
        let is_no_record = self.query.is_by_address() && self.is_check(0) && is_first_done;
        ((self.positions - left - usize::from(is_no_record)).min(self.count), self.count)
    }
}
