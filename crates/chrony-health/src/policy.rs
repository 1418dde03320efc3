//! The measures to judge, with their limits.

use crate::measure::Measure;
use crate::range::{Range, RangeError};
use std::time::Duration;

/// Limits that replace the limits of a [`Measure`]. `None` keeps the measure's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The values that raise no warning, in the unit of the measure.
    pub warning: Option<Range>,
    /// The values that are not critical, in the unit of the measure.
    pub critical: Option<Range>,
}

/// The error for a text that is not `WARN,CRIT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// There is no comma.
    #[error("give both ranges, WARN,CRIT; an empty one keeps its default")]
    One,
    /// One of the two is not a range.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Limits {
    /// Parses `WARN,CRIT`, two [ranges](Range) in the unit of the measure. An empty one is `None`.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] if there is no comma, or one of the two is not a range.
    pub fn parse(text: &str, measure: &Measure) -> Result<Self, LimitsError> {
        let range = |text: &str| (!text.is_empty()).then(|| Range::parse(text, measure.unit)).transpose();
        let (warning, critical) = text.split_once(',').ok_or(LimitsError::One)?;
        Ok(Self { warning: range(warning)?, critical: range(critical)? })
    }

    /// Takes the ranges that are missing here from others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self { warning: self.warning.or(others.warning), critical: self.critical.or(others.critical) }
    }
}

/// The measures to judge, with their limits, and the grace period after chronyd's start.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) measures: Vec<(&'static Measure, Limits)>,
    pub(crate) grace: Duration,
}

impl Default for Policy {
    /// Returns the policy of all measures that are on by default, with their own limits and [`Policy::GRACE`].
    fn default() -> Self {
        let measures = Measure::ALL.iter().filter(|measure| !measure.is_opt_in);
        Self { measures: measures.map(|measure| (measure, Limits::default())).collect(), grace: Self::GRACE }
    }
}

impl Policy {
    /// The default grace period: eight polls at the usual interval of 64 s, in which chronyd finds its sources.
    pub const GRACE: Duration = Duration::from_secs(512);

    /// Returns the policy that judges only whether chronyd answers, without a grace period.
    #[must_use]
    pub fn answering() -> Self {
        let measure = Measure::named(Measure::CHRONYD).map(|measure| (measure, Limits::default()));
        Self { measures: measure.into_iter().collect(), grace: Duration::ZERO }
    }

    /// Adds a measure with these limits, or replaces the limits of a measure. A limit of `None` is not replaced.
    #[must_use]
    pub fn with(mut self, asked: &'static Measure, limits: Limits) -> Self {
        match self.measures.iter_mut().find(|(measure, _)| measure.name == asked.name) {
            Some((_, before)) => *before = limits.or(*before),
            None => self.measures.push((asked, limits)),
        }
        self
    }

    /// Returns the limits that replace the limits of the measure with this name.
    #[must_use]
    pub fn limits(&self, name: &str) -> Limits {
        let found = self.measures.iter().find(|(measure, _)| measure.name == name);
        found.map_or_else(Limits::default, |(_, limits)| *limits)
    }

    /// Sets the grace period after chronyd's start, in which a measure that [takes time](Measure::takes_time) raises no
    /// alarm.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Returns true if the policy has the measure with this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.measures.iter().any(|(measure, _)| measure.name == name)
    }
}
