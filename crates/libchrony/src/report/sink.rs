//! Where the records of a call go.

use crate::report::record::{FieldError, Record};

/// The place that records go to. They do not come in order.
pub(crate) trait Sink {
    /// Begins with a list of so many records.
    fn begin(&mut self, count: usize);

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError>;
}
