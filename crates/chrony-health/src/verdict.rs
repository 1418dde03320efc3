//! The verdict, and the function that judges.

use crate::facts::Facts;
use crate::level::Level;
use crate::measure::Measure;
use crate::policy::{Limits, Policy};
use crate::quantity::interval;
use crate::range::Range;
use std::cmp::Reverse;
use std::time::Duration;

/// The number of findings that a headline names.
const IN_HEADLINE: usize = 3;

/// The result of one measure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The measure.
    pub measure: &'static Measure,
    /// The level of the value, regardless of the grace period.
    pub level: Level,
    /// The value, in the unit of the measure. `None` if it is unknown.
    pub value: Option<f64>,
    /// The values that would raise no warning.
    pub warning: Range,
    /// The values that would not be critical.
    pub critical: Range,
    /// The value in words, or the reason why it is unknown.
    pub words: String,
    /// The advice. Empty if the words already contain it.
    pub advice: &'static str,
}

/// The verdict on a clock.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// The level, without the findings that the grace period excuses.
    pub level: Level,
    /// The level of the worst finding, regardless of the grace period.
    pub worst: Level,
    /// The findings, the worst first. A measure that does not apply has no finding, such as the offset of a clock
    /// without a source.
    pub findings: Vec<Finding>,
    /// A summary in one line.
    pub headline: String,
    /// The time until alarms begin. `None` unless the grace period excuses a finding.
    pub grace: Option<Duration>,
}

impl Verdict {
    /// Returns the findings above [`Level::Ok`], the worst first.
    pub fn alarms(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level > Level::Ok)
    }
}

/// Judges a clock.
///
/// This is a pure function, so all programs that use it give the same verdict.
#[must_use]
pub fn judge(facts: &Facts, policy: &Policy) -> Verdict {
    // Without the tracking report, nothing else can be judged.
    let is_judged = |measure: &Measure| facts.tracking.is_ok() || measure.name == Measure::CHRONYD;
    let judged = policy.measures.iter().filter(|(measure, _)| is_judged(measure));
    let mut findings: Vec<_> = judged.filter_map(|(measure, limits)| find(facts, measure, *limits)).collect();
    // Equally bad findings stay in the order of the table.
    let place = |finding: &Finding| Measure::ALL.iter().position(|measure| measure.name == finding.measure.name);
    findings.sort_by_key(|finding| (Reverse(finding.level), place(finding)));
    let worst = findings.first().map_or(Level::Ok, |finding| finding.level);
    // A connection remembers the socket of a chronyd that no longer answers. Such silence is not excused.
    let is_young = |left: &Duration| !left.is_zero() && facts.tracking.is_ok();
    let left = facts.uptime().map(|uptime| policy.grace.saturating_sub(uptime)).filter(is_young);
    let counts = |finding: &&Finding| left.is_none() || !finding.measure.takes_time;
    let level = findings.iter().filter(counts).map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let grace = left.filter(|_| level < worst);
    let headline = headline(facts, &findings, worst, grace);
    Verdict { level, worst, findings, headline, grace }
}

/// Returns the finding of a measure, or `None` if the measure does not apply.
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
    // The error message already says what to do.
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
