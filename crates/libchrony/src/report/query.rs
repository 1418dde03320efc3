//! What a call asks for, as far as it need know the report.

use std::ffi::CStr;

/// What a call asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) name: &'static CStr,
    /// `None` if libchrony is to tell.
    pub(crate) shape: Option<Shape>,
    /// Whether a chronyd may be configured without the report.
    pub(crate) is_optional: bool,
    /// Whether the call is over once a Unix socket is connected, before anything is sent.
    pub(crate) is_contact: bool,
}

impl Query {
    /// Whether the records of a list may be asked for by address. libchrony does not tell, and what is right for these is
    /// right for all.
    pub(crate) fn is_by_address(&self) -> bool {
        matches!(self.shape, Some(Shape::PerNtpSource) | None)
    }

    /// The report's name, for messages.
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
    /// A record for each NTP source, which libchrony requests by address. A reference clock has none.
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
