//! The measures to judge, with their limits.

use crate::measure::Measure;
use crate::range::Range;
use std::time::Duration;

/// Limits that replace the limits of a [`Measure`]. `None` keeps the measure's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The values that raise no warning, in the unit of the measure.
    pub warning: Option<Range>,
    /// The values that are not critical, in the unit of the measure.
    pub critical: Option<Range>,
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

    /// Adds a measure with these limits, or replaces the limits of a measure.
    #[must_use]
    pub fn with(mut self, asked: &'static Measure, limits: Limits) -> Self {
        self.measures.retain(|(measure, _)| measure.name != asked.name);
        self.measures.push((asked, limits));
        self
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
