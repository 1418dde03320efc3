//! The settings that all calls of a connection share. Their defaults are in `policy`.

use crate::address::Address;
use crate::engine::quota::Quotas;
use crate::error::{AT_LEAST_1, Error};
use crate::library::Library;
use crate::raw::socket::Waits;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The settings of a connection.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) library: Library,
    pub(crate) addresses: Arc<[Address]>,
    pub(crate) timeout: Duration,
    /// The moment at which calls end at the latest, whatever their timeout.
    pub(crate) deadline: Option<Instant>,
    pub(crate) lanes: Lanes,
    pub(crate) waits: Waits,
    pub(crate) quotas: Quotas,
}

/// The number of lanes for a list, which grows with the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(crate) most: usize,
    /// The number of records for each lane.
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
