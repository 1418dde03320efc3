//! What a call asks for, as far as it need know the report.

use std::ffi::CStr;

/// What a call asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) name: &'static CStr,
    /// `None` if libchrony is to tell.
    pub(crate) shape: Option<Shape>,
    pub(crate) unavailable: Option<&'static Unavailable>,
    /// Whether the call is over once a Unix socket is connected, before anything is sent.
    pub(crate) is_contact: bool,
}

impl Asked {
    /// Whether the records of a list may be asked for by address. libchrony does not tell, and what is right for these is
    /// right for all.
    pub(crate) fn is_by_address(&self) -> bool {
        matches!(self.shape, Some(Shape::ByAddress) | None)
    }

    /// The report's name, for messages.
    pub(crate) fn report(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }
}

/// How many records a report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One.
    One,
    /// One for each source.
    All,
    /// One for each source, which is asked for by its address; a reference clock has none.
    ByAddress,
}

/// The words that tell that a chronyd is not configured to have a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// What is not available.
    pub what: &'static str,
    /// What chronyd does not do.
    pub why: &'static str,
    /// How it would.
    pub remedy: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::REPORTS;

    #[test]
    fn only_the_records_of_ntp_sources_are_asked_for_by_address() {
        for table in REPORTS {
            assert_eq!(table.asked().is_by_address(), table.shape == Shape::ByAddress, "{table:?}");
        }
    }
}
