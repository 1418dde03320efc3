//! The judgement: whether a clock is right, and what is wrong with it.
//!
//! [`judge`] is one pure function of [`Facts`]. It reads nothing and prints nothing, so that a command, a page and an
//! exporter say the same. What it looks at is the table in [`rules`].

use super::measure::{CHRONYD, RULES, Rule, rule};
use super::range::Range;
use crate::facts::{Facts, follows_source};
use crate::quantity::{interval, seconds};
use std::time::Duration;

/// How long after its start a chronyd may not have its sources yet: eight polls of the usual 64 s.
pub const GRACE: Duration = Duration::from_secs(512);
/// How many findings a headline has.
const IN_HEADLINE: usize = 3;

/// How bad it is. What is known to be wrong is worse than what is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    Unknown,
    Warning,
    Critical,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Other limits than those of a rule's table. What is `None` stays as it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub warning: Option<Range>,
    pub critical: Option<Range>,
}

/// What is looked at, and with which limits.
#[derive(Clone, Debug)]
pub struct Settings {
    rules: Vec<(&'static Rule, Limits)>,
    /// How long after its start a chronyd raises no alarm.
    grace: Duration,
}

impl Default for Settings {
    /// All rules that need not be asked for, with the limits of the table.
    fn default() -> Self {
        let rules = RULES.iter().filter(|rule| !rule.is_asked_only).map(|rule| (rule, Limits::default()));
        Self { rules: rules.collect(), grace: GRACE }
    }
}

impl Settings {
    /// No rule but that a chronyd answers.
    pub fn nothing() -> Self {
        let rules = rule(CHRONYD).map(|rule| (rule, Limits::default()));
        Self { rules: rules.into_iter().collect(), grace: Duration::ZERO }
    }

    /// Looks at a rule, with these limits.
    pub fn with(mut self, asked: &'static Rule, limits: Limits) -> Self {
        self.rules.retain(|(rule, _)| rule.name != asked.name);
        self.rules.push((asked, limits));
        self
    }

    /// Gives a chronyd so much time after its start.
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Whether a rule is looked at.
    pub fn has(&self, name: &str) -> bool {
        self.rules.iter().any(|(rule, _)| rule.name == name)
    }
}

/// What one rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    pub level: Level,
    /// `None` when it is not known.
    pub value: Option<f64>,
    pub warning: Range,
    pub critical: Range,
    pub words: String,
    /// What to do next; nothing where the words say it.
    pub advice: &'static str,
}

/// What is to be said of a clock.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How bad it is, but for what may be so after a start.
    pub level: Level,
    /// How bad it is, whenever chronyd was started.
    pub worst: Level,
    /// Of each rule that has something to say, the worst first.
    pub findings: Vec<Finding>,
    /// All in one line.
    pub headline: String,
    /// For how long chronyd raises no alarm after its start, if it would raise one.
    pub grace: Option<Duration>,
}

impl Verdict {
    /// What is not in order, the worst first.
    pub fn alarms(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level > Level::Ok)
    }
}

/// Judges a clock.
pub fn judge(facts: &Facts, settings: &Settings) -> Verdict {
    // Without its tracking report nothing else is worth a word.
    let is_asked = |rule: &Rule| facts.tracking.is_ok() || rule.name == CHRONYD;
    let mut findings: Vec<_> = settings
        .rules
        .iter()
        .filter(|(rule, _)| is_asked(rule))
        .filter_map(|(rule, limits)| find(facts, rule, *limits))
        .collect();
    // The order of the table stays among those that are equally bad.
    let place = |finding: &Finding| RULES.iter().position(|rule| rule.name == finding.rule.name);
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.level), place(finding)));
    let worst = findings.first().map_or(Level::Ok, |finding| finding.level);
    // A connection that is kept knows where a chronyd was that does not answer any more.
    let is_young = |left: &Duration| !left.is_zero() && facts.tracking.is_ok();
    let left = facts.uptime().map(|uptime| settings.grace.saturating_sub(uptime)).filter(is_young);
    let judged = |finding: &&Finding| left.is_none() || !finding.rule.takes_time;
    let level = findings.iter().filter(judged).map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let grace = left.filter(|_| level < worst);
    let headline = headline(facts, &findings, worst, grace);
    Verdict { level, worst, findings, headline, grace }
}

/// What a rule finds; nothing where it has nothing to look at.
fn find(facts: &Facts, rule: &'static Rule, limits: Limits) -> Option<Finding> {
    let measured = (rule.measure)(facts).transpose()?;
    let scale = measured.as_ref().map_or(1.0, |value| value.scale);
    let warning = limits.warning.unwrap_or_else(|| rule.warning.scaled(scale));
    let critical = limits.critical.unwrap_or_else(|| rule.critical.scaled(scale));
    let (level, value, words) = match measured {
        Ok(value) => {
            let level = if critical.alerts(value.number) {
                Level::Critical
            } else if warning.alerts(value.number) {
                Level::Warning
            } else {
                Level::Ok
            };
            (level, Some(value.number), (rule.words)(facts, value.number))
        }
        Err(why) if rule.name == CHRONYD => (Level::Unknown, None, why),
        Err(why) => (Level::Unknown, None, format!("{} is not known: {why}", rule.name)),
    };
    // The message of an error says itself what to do.
    let advice = if facts.tracking.is_err() { "" } else { rule.advice };
    Some(Finding { rule, level, value, warning, critical, words, advice })
}

fn headline(facts: &Facts, findings: &[Finding], worst: Level, grace: Option<Duration>) -> String {
    let alarms: Vec<_> = findings.iter().filter(|finding| finding.level > Level::Ok).collect();
    let more = alarms.len().saturating_sub(IN_HEADLINE);
    let said = alarms.iter().take(IN_HEADLINE).map(|finding| &*finding.words).collect::<Vec<_>>().join("; ");
    let said = if more > 0 { format!("{said}; and {more} more") } else { said };
    let said = match right(facts) {
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

/// How right a clock is that follows a source.
pub fn right(facts: &Facts) -> Option<String> {
    let tracking = facts.tracking.as_ref().ok().filter(|tracking| follows_source(tracking))?;
    let bound = tracking.clock_error_bound().map(|bound| format!("within {} of true time, ", seconds(bound)));
    let (name, stratum) = (&tracking.reference_id_name, tracking.stratum);
    Some(format!("{}following {name} (stratum {stratum})", bound.unwrap_or_default()))
}
