//! The verdict: levels, limits, and the one function that judges.

use crate::facts::Facts;
use crate::measure::Measure;
use crate::quantity::interval;
use crate::range::Range;
use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

/// The number of findings in a headline.
const IN_HEADLINE: usize = 3;

/// The severity of a finding, in ascending order. A known fault is worse than a value that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The value is in order.
    Ok,
    /// The value is not known.
    Unknown,
    /// The value is outside of the range for warnings.
    Warning,
    /// The value is outside of the range for critical values.
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

/// Limits in place of those of a [`Measure`]. `None` keeps the measure's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The values that are no warning, in the unit of the measure.
    pub warning: Option<Range>,
    /// The values that are not critical, in the unit of the measure.
    pub critical: Option<Range>,
}

/// The measures that are judged, with their limits.
#[derive(Clone, Debug)]
pub struct Policy {
    measures: Vec<(&'static Measure, Limits)>,
    grace: Duration,
}

impl Default for Policy {
    /// Returns the policy of all measures that need not be asked for, with their own limits and [`Policy::GRACE`].
    fn default() -> Self {
        let measures = Measure::ALL.iter().filter(|measure| !measure.is_opt_in);
        Self { measures: measures.map(|measure| (measure, Limits::default())).collect(), grace: Self::GRACE }
    }
}

impl Policy {
    /// The time that a chronyd has after its start to find its sources: eight polls of the usual 64 s.
    pub const GRACE: Duration = Duration::from_secs(512);

    /// Returns the policy that asks only whether chronyd answers, without a grace.
    #[must_use]
    pub fn answering() -> Self {
        let measure = Measure::named(Measure::CHRONYD).map(|measure| (measure, Limits::default()));
        Self { measures: measure.into_iter().collect(), grace: Duration::ZERO }
    }

    /// Judges a measure, with these limits.
    #[must_use]
    pub fn with(mut self, asked: &'static Measure, limits: Limits) -> Self {
        self.measures.retain(|(measure, _)| measure.name != asked.name);
        self.measures.push((asked, limits));
        self
    }

    /// Sets the time after its start during which a chronyd raises no alarm for a measure that [takes
    /// time](Measure::takes_time).
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Returns true if the measure of this name is judged.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.measures.iter().any(|(measure, _)| measure.name == name)
    }
}

/// The outcome of one measure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The measure.
    pub measure: &'static Measure,
    /// The level of its value, with no regard to the grace.
    pub level: Level,
    /// The value, in the unit of the measure. `None` when it is not known.
    pub value: Option<f64>,
    /// The values that would be no warning.
    pub warning: Range,
    /// The values that would not be critical.
    pub critical: Range,
    /// The value in words, or the reason that it is not known.
    pub words: String,
    /// The advice; empty where the words have it.
    pub advice: &'static str,
}

/// The judgement of a clock.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// The level, without the measures that the grace after a start excuses.
    pub level: Level,
    /// The level of the worst finding, with no regard to the grace.
    pub worst: Level,
    /// The findings, the worst first. A measure without a value, as the offset of a clock that follows no source, has none.
    pub findings: Vec<Finding>,
    /// A summary in one line.
    pub headline: String,
    /// The time until alarms begin. `None` unless the grace excuses one.
    pub grace: Option<Duration>,
}

impl Verdict {
    /// Returns the findings that are not in order, the worst first.
    pub fn alarms(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level > Level::Ok)
    }
}

/// Judges a clock.
///
/// A pure function: it reads nothing and prints nothing, so that a command, a page and an exporter say the same.
#[must_use]
pub fn judge(facts: &Facts, policy: &Policy) -> Verdict {
    // Without its tracking report nothing else is worth a word.
    let is_judged = |measure: &Measure| facts.tracking.is_ok() || measure.name == Measure::CHRONYD;
    let judged = policy.measures.iter().filter(|(measure, _)| is_judged(measure));
    let mut findings: Vec<_> = judged.filter_map(|(measure, limits)| find(facts, measure, *limits)).collect();
    // The order of the table stays among those that are equally bad.
    let place = |finding: &Finding| Measure::ALL.iter().position(|measure| measure.name == finding.measure.name);
    findings.sort_by_key(|finding| (Reverse(finding.level), place(finding)));
    let worst = findings.first().map_or(Level::Ok, |finding| finding.level);
    // A connection that is kept knows where a chronyd was that does not answer any more.
    let is_young = |left: &Duration| !left.is_zero() && facts.tracking.is_ok();
    let left = facts.uptime().map(|uptime| policy.grace.saturating_sub(uptime)).filter(is_young);
    let counts = |finding: &&Finding| left.is_none() || !finding.measure.takes_time;
    let level = findings.iter().filter(counts).map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let grace = left.filter(|_| level < worst);
    let headline = headline(facts, &findings, worst, grace);
    Verdict { level, worst, findings, headline, grace }
}

/// The finding of a measure; `None` where it has no value.
fn find(facts: &Facts, measure: &'static Measure, limits: Limits) -> Option<Finding> {
    let measured = (measure.read)(facts).transpose()?;
    let scale = measured.as_ref().map_or(1.0, |value| value.scale);
    let warning = limits.warning.unwrap_or_else(|| measure.warning.scaled(scale));
    let critical = limits.critical.unwrap_or_else(|| measure.critical.scaled(scale));
    let (level, value, words) = match measured {
        Ok(value) => {
            let level = if critical.alerts(value.number) {
                Level::Critical
            } else if warning.alerts(value.number) {
                Level::Warning
            } else {
                Level::Ok
            };
            (level, Some(value.number), (measure.words)(facts, value.number))
        }
        Err(why) if measure.name == Measure::CHRONYD => (Level::Unknown, None, why),
        Err(why) => (Level::Unknown, None, format!("{} is not known: {why}", measure.name)),
    };
    // The message of an error says itself what to do.
    let advice = if facts.tracking.is_err() { "" } else { measure.advice };
    Some(Finding { measure, level, value, warning, critical, words, advice })
}

fn headline(facts: &Facts, findings: &[Finding], worst: Level, grace: Option<Duration>) -> String {
    let alarms: Vec<_> = findings.iter().filter(|finding| finding.level > Level::Ok).collect();
    let more = alarms.len().saturating_sub(IN_HEADLINE);
    let said = alarms.iter().take(IN_HEADLINE).map(|finding| &*finding.words).collect::<Vec<_>>().join("; ");
    let said = if more > 0 { format!("{said}; and {more} more") } else { said };
    let said = match facts.accuracy() {
        Some(right) if worst < Level::Critical && alarms.is_empty() => right,
        Some(right) if worst < Level::Critical => format!("{right}, but {said}"),
        _ if alarms.is_empty() => "nothing is wrong".to_owned(),
        _ => said,
    };
    match (grace, facts.uptime()) {
        (Some(left), Some(uptime)) => {
            let (uptime, left) = (interval(uptime.as_secs_f64().round()), interval(left.as_secs_f64().round()));
            format!("chronyd was started {uptime} ago, and alarms begin in {left}: {said}")
        }
        _ => said,
    }
}
