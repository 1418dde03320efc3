//! The measures: quantities that are judged, with their limits.
//!
//! All verdicts, the options of `chrony-report check` and the table in `docs/judgement.md` come from this table. The
//! document gives the reasons for the limits.

mod table;
mod words;

pub use words::reference;

use crate::case::Case;
use crate::range::{Range, Unit};
use serde::{Serialize, Serializer};
use table::MEASURES;

/// A quantity that is judged, with its limits.
#[derive(Debug)]
#[non_exhaustive]
pub struct Measure {
    /// The name: an option of `chrony-report check`, and a label in performance data.
    pub name: &'static str,
    /// The meaning of the value.
    pub about: &'static str,
    /// The unit of the value.
    pub unit: Unit,
    /// The values that raise no warning.
    pub warning: Range,
    /// The values that are not critical.
    pub critical: Range,
    /// The unit of the limits, if it differs from the unit of the value.
    pub limits_in: Option<&'static str>,
    /// The derivation of the value from chronyd's reports.
    pub method: &'static str,
    /// True if the measure is judged only after [`Policy::with`](crate::Policy::with) adds it.
    pub is_opt_in: bool,
    /// True if the value may be out of order for a while after chronyd starts.
    pub takes_time: bool,
    /// The advice if the value is out of order.
    pub advice: &'static str,
    pub(crate) read: fn(&Case<'_>) -> Measured,
    /// The function that puts the value into words.
    pub(crate) words: fn(&Case<'_>, f64) -> String,
}

impl Measure {
    /// The name of the measure that all others depend on: chronyd answers.
    pub const CHRONYD: &str = "chronyd";

    /// All measures, the most important first.
    pub const ALL: &[Self] = MEASURES;

    /// Returns the measure with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        MEASURES.iter().find(|measure| measure.name == name)
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// The value, or the reason why it is unknown. `None` if the measure does not apply, such as the error bound of a clock
/// without a source.
pub(crate) type Measured = Result<Option<Value>, String>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) number: f64,
    /// The factor for the limits in the table.
    pub(crate) scale: f64,
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self { number, scale: 1.0 }
    }
}
