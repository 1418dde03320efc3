//! The query of a call: the part of a report's description that the engine needs.

use std::ffi::CStr;

/// The query of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) name: &'static CStr,
    /// The shape, or `None` if only libchrony knows it.
    pub(crate) shape: Option<Shape>,
    /// True if a chronyd may be configured without the report.
    pub(crate) is_optional: bool,
    /// True if the call ends once a Unix socket is connected, before anything is sent.
    pub(crate) is_contact: bool,
}

impl Query {
    /// Returns true if the records of a list may be requested by address. An unknown shape counts as by address,
    /// because the handling of these lists works for all lists.
    pub(crate) fn is_by_address(&self) -> bool {
        matches!(self.shape, Some(Shape::PerNtpSource) | None)
    }

    /// Returns the report's name, for messages.
    pub(crate) fn report(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }
}

/// The number of records in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// A single record.
    Single,
    /// A record for each source.
    PerSource,
    /// A record for each NTP source, which libchrony requests by address. A reference clock does not have one.
    PerNtpSource,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::REPORTS;

    #[test]
    fn only_the_records_of_ntp_sources_are_asked_for_by_address() {
        for table in REPORTS {
            assert_eq!(table.query().is_by_address(), table.shape == Shape::PerNtpSource, "{table:?}");
        }
    }
}
