//! The causes of a clock's state, in one table. They aggregate the diagnoses of the sources.

mod asking;
mod clock;
mod reasons;
mod selection;
mod table;
mod unusable;

use crate::advice::{Advice, Alternative};
use crate::case::Case;
use crate::facts::Facts;
use serde::{Serialize, Serializer};
use table::CAUSES;

/// A cause of alarms: what it needs, when it holds, what it explains, and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cause {
    /// The name, such as `nts-no-keys`.
    pub name: &'static str,
    /// The meaning, in a sentence.
    pub about: &'static str,
    /// The derivation from chronyd's reports.
    pub method: &'static str,
    /// The reports without which it is not known.
    pub needs: &'static [Need],
    /// The measures whose alarms it explains.
    pub explains: Explains,
    /// Other causes with the same signs.
    pub not_told_from: &'static [Alternative],
    /// The sources concerned, and a number for the words. `None` if the cause does not hold.
    pub(crate) holds: fn(&Case<'_>) -> Option<Found>,
    pub(crate) says: fn(&Case<'_>, &Found) -> String,
    pub(crate) advice: fn(&Case<'_>, &Found) -> Advice,
}

impl Cause {
    /// All causes, the first to be named first.
    pub const ALL: &[Self] = CAUSES;

    /// Returns the cause with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CAUSES.iter().find(|cause| cause.name == name)
    }

    /// Returns what was found, if the cause is known to hold.
    pub(crate) fn find(&self, case: &Case<'_>) -> Option<Found> {
        if self.needs.iter().all(|need| need.is_met(case.facts)) { (self.holds)(case) } else { None }
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// The measures whose alarms a cause explains.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Explains {
    /// The names of the measures.
    pub always: &'static [&'static str],
    /// The names of further measures, if no source is usable.
    pub without_usable: &'static [&'static str],
}

impl Explains {
    /// Returns the measures that a cause of the clock explains.
    pub(crate) const fn these(always: &'static [&'static str]) -> Self {
        Self { always, without_usable: &[] }
    }

    /// Returns the measures that the loss of a source explains. One lost source does not explain the state of a clock
    /// that has others.
    pub(crate) const fn loss() -> Self {
        Self { always: &["sources", "reach"], without_usable: LOSS_OF_ALL }
    }

    /// As [`loss`](Self::loss), and these measures.
    pub(crate) const fn loss_and(always: &'static [&'static str]) -> Self {
        Self { always, without_usable: LOSS_OF_ALL }
    }

    /// Returns true if the cause explains this measure.
    pub(crate) fn has(&self, measure: &str, case: &Case<'_>) -> bool {
        self.always.contains(&measure) || case.has_no_usable() && self.without_usable.contains(&measure)
    }
}

const LOSS_OF_ALL: &[&str] = &["reference", "leap", "bound", "stratum", "age"];

/// A report that a cause needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// tracking
    Tracking,
    /// sources
    Sources,
    /// selectdata
    SelectData,
    /// activity
    Activity,
    /// sourcestats
    SourceStats,
    /// authdata
    AuthData,
    /// ntpdata
    NtpData,
}

impl Need {
    /// Returns the name of the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracking => "tracking",
            Self::Sources => "sources",
            Self::SelectData => "selectdata",
            Self::Activity => "activity",
            Self::SourceStats => "sourcestats",
            Self::AuthData => "authdata",
            Self::NtpData => "ntpdata",
        }
    }

    fn is_met(self, facts: &Facts) -> bool {
        match self {
            Self::Tracking => facts.tracking.is_ok(),
            Self::Sources => facts.sources.is_ok(),
            Self::SelectData => facts.select_data.is_ok(),
            Self::Activity => facts.activity.is_ok(),
            Self::SourceStats => facts.source_stats.as_ref().is_some_and(Result::is_ok),
            Self::AuthData => facts.auth_data.as_ref().is_some_and(Result::is_ok),
            Self::NtpData => facts.ntp_data.as_ref().is_some_and(Result::is_ok),
        }
    }
}

/// The sources that a cause concerns, by place, and a number for its words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) sources: Vec<usize>,
    pub(crate) number: f64,
}

impl Found {
    /// Returns the cause of the clock, which names no sources.
    pub(crate) const fn number(number: f64) -> Self {
        Self { sources: Vec::new(), number }
    }

    /// Returns the cause of these sources. `None` if there are none.
    pub(crate) fn sources(sources: Vec<usize>) -> Option<Self> {
        if sources.is_empty() { None } else { Some(Self { sources, number: 0.0 }) }
    }
}
