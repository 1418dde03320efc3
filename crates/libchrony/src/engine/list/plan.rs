//! The order in which the records of a list are requested, and the detection of a changed list. Lanes and time do not
//! matter here.

use crate::engine::lane::Request;
use crate::report::query::Query;
use crate::report::{Report, SourceStats};
use libchrony_sys::types::Int;

/// The requests of a list, by position.
///
/// A list of one record is read once. In a longer list, the first and the last position both request the last record.
/// In a report by address, both positions request it from `sourcestats`, which distinguishes the sources.
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

    /// Returns true if a position shows whether the list has changed.
    pub(crate) fn is_check(&self, position: usize) -> bool {
        self.count > 1 && (position == 0 || position == self.positions - 1)
    }

    /// Returns the index of the record at a position.
    pub(crate) fn index(&self, position: usize) -> usize {
        if position == 0 || position == self.positions - 1 { self.count - 1 } else { position - 1 }
    }

    /// Returns the request for a position.
    pub(crate) fn request(&self, position: usize) -> Request {
        let index = Int::try_from(self.index(position)).unwrap_or(Int::MAX);
        match self.query.is_by_address() {
            // A lane that has read `sourcestats` remembers an address.
            true if self.is_check(position) || self.query.name == SourceStats::NAME => {
                Request::Record(SourceStats::NAME, index)
            }
            true => Request::ByAddress(self.query.name, index),
            false => Request::Record(self.query.name, index),
        }
    }

    /// Returns the number of records read while `left` positions are left, and the number of all records. In a report
    /// by address, the first position only detects changes.
    pub(crate) fn records_read(&self, left: usize, is_first_done: bool) -> (usize, usize) {
        let is_no_record = self.query.is_by_address() && self.is_check(0) && is_first_done;
        ((self.positions - left - usize::from(is_no_record)).min(self.count), self.count)
    }
}
