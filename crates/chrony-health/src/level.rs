//! The severity of a finding.

use serde::{Serialize, Serializer};
use std::fmt;

/// The severity of a finding, in ascending order. A known fault is worse than an unknown value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The value is in order.
    Ok,
    /// The value is unknown.
    Unknown,
    /// The value is outside the range of values that raise no warning.
    Warning,
    /// The value is outside the range of values that are not critical.
    Critical,
}

impl Level {
    /// Returns the name that monitoring plugins use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
