//! The verdict, and the function that judges.

use crate::advice::{Advice, Alternative};
use crate::case::Case;
use crate::cause::{Cause, Found};
use crate::diagnosis::Diagnosis;
use crate::facts::{Details, Fact, Facts, Uptime};
use crate::level::Level;
use crate::measure::Measure;
use crate::policy::{Limits, Policy};
use crate::quantity::seconds;
use crate::range::Range;
use libchrony::{Error, Tracking};
use serde::{Serialize, Serializer};
use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

/// The number of faults that a headline names.
const IN_HEADLINE: usize = 3;
/// The time after chronyd's start in which it has added the sources of its configuration.
const ADDING: Duration = Duration::from_secs(60);

/// The result of one measure.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// The measure.
    #[serde(rename = "name")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::measure"))]
    pub measure: &'static Measure,
    /// The level of the value, regardless of the grace period.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::level"))]
    pub level: Level,
    /// The value, in the unit of the measure. `None` if it is unknown.
    pub value: Option<f64>,
    /// The values that would raise no warning.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::range"))]
    pub warning: Range,
    /// The values that would not be critical.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::range"))]
    pub critical: Range,
    /// The value in words, or the reason why it is unknown.
    pub words: String,
    /// The name of the first cause that explains the alarm. `None` without an alarm, or if none explains it.
    pub cause: Option<&'static str>,
    /// The advice, if no cause explains the alarm. Empty if the words already contain it.
    pub advice: &'static str,
}

/// A cause that holds, with its words.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NamedCause {
    /// The cause.
    #[serde(rename = "name")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::cause"))]
    pub cause: &'static Cause,
    /// The worst level of the measures that it explains, regardless of the grace period.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::level"))]
    pub level: Level,
    /// A sentence, without a full stop.
    pub words: String,
    /// The sources concerned. Empty if it concerns the clock.
    pub sources: Vec<String>,
    /// The names of the measures whose alarms it explains.
    pub explains: Vec<&'static str>,
    /// The next steps.
    pub advice: Advice,
    /// Other causes with the same signs.
    pub alternatives: &'static [Alternative],
}

/// The verdict on a clock.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Verdict {
    /// The level, without the findings that the grace period excuses.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::level"))]
    pub level: Level,
    /// The level of the worst finding, regardless of the grace period.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::level"))]
    pub worst: Level,
    /// A summary in one line.
    pub headline: String,
    /// The accuracy of the clock in words, and whose time it has. `None` unless the clock follows a source.
    pub accuracy: Option<String>,
    /// The greatest error that the clock can have, in seconds. `None` unless the clock follows a source.
    pub bound: Option<f64>,
    /// The time of reading. In seconds since the epoch, where it is serialised.
    #[serde(serialize_with = "since_epoch")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub time: SystemTime,
    /// The address that answered. `None` if none did.
    pub address: Option<String>,
    /// The time until alarms begin, at least. In seconds, where it is serialised. `None` unless the grace period excuses a finding.
    #[serde(serialize_with = "in_seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub grace: Option<Duration>,
    /// The causes of the alarms, the worst first, and of those the first in the table first.
    pub causes: Vec<NamedCause>,
    /// The findings, the worst first. A measure that does not apply has no finding, such as the offset of a clock
    /// without a source.
    #[serde(rename = "measures")]
    pub findings: Vec<Finding>,
    /// The diagnoses of the sources, in the order of the sources report.
    pub sources: Vec<Diagnosis>,
    /// The names of the reports that chronyd refused to give.
    pub refused: Vec<&'static str>,
    #[serde(skip)]
    wants: Details,
}

impl Verdict {
    /// Returns the findings above [`Level::Ok`], the worst first.
    pub fn alarms(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level > Level::Ok)
    }

    /// Returns the alarms that no cause explains, the worst first.
    pub fn unexplained(&self) -> impl Iterator<Item = &Finding> {
        self.alarms().filter(|finding| finding.cause.is_none())
    }

    /// Returns the reports that are to be read in addition, so that the causes of the alarms are known.
    #[must_use]
    pub fn wants(&self) -> Details {
        self.wants
    }
}

/// Judges a clock.
///
/// This is a pure function, so all programs that use it give the same verdict.
#[must_use]
pub fn judge(facts: &Facts, policy: &Policy) -> Verdict {
    let case = Case::new(facts);
    // Without the tracking report, nothing else can be judged.
    let is_judged = |measure: &Measure| facts.tracking.is_ok() || measure.name == Measure::CHRONYD;
    let judged = policy.measures.iter().filter(|(measure, _)| is_judged(measure));
    let mut findings: Vec<_> = judged.filter_map(|(measure, limits)| find(&case, measure, *limits)).collect();
    // Equally bad findings stay in the order of the table.
    let place = |finding: &Finding| Measure::ALL.iter().position(|measure| measure.name == finding.measure.name);
    findings.sort_by_key(|finding| (Reverse(finding.level), place(finding)));
    let worst = findings.first().map_or(Level::Ok, |finding| finding.level);
    let causes = causes(&case, &mut findings);
    let uptime = facts.uptime();
    let left = uptime.and_then(|uptime| grace(facts, policy, uptime));
    let counts = |finding: &&Finding| left.is_none() || !finding.measure.takes_time;
    let level = findings.iter().filter(counts).map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let grace = left.filter(|_| level < worst);
    let mut verdict = Verdict {
        level,
        worst,
        headline: String::new(),
        accuracy: facts.accuracy(),
        bound: facts.tracking.as_ref().ok().and_then(Tracking::clock_error_bound),
        time: facts.time,
        address: facts.address.as_ref().map(ToString::to_string),
        grace,
        causes,
        findings,
        sources: case
            .views
            .iter()
            .zip(&case.reasons)
            .map(|(view, reason)| Diagnosis::new(view, reason.clone()))
            .collect(),
        refused: refused(facts),
        wants: wants(facts, policy, worst),
    };
    verdict.headline = headline(&verdict, uptime);
    verdict
}

/// Returns the finding of a measure, or `None` if the measure does not apply.
fn find(case: &Case<'_>, measure: &'static Measure, limits: Limits) -> Option<Finding> {
    let measured = (measure.read)(case).transpose()?;
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
            (level, Some(value.number), (measure.words)(case, value.number))
        }
        Err(why) if measure.name == Measure::CHRONYD => (Level::Unknown, None, why),
        Err(why) => (Level::Unknown, None, format!("{} is not known: {why}", measure.name)),
    };
    Some(Finding { measure, level, value, warning, critical, words, cause: None, advice: measure.advice })
}

/// Returns the causes that explain alarms, and notes in each alarm the first that does.
///
/// A source is named by its first cause only. A cause that names none is left out if others explain the same alarms.
fn causes(case: &Case<'_>, findings: &mut [Finding]) -> Vec<NamedCause> {
    let mut named = Vec::new();
    let mut told = vec![false; case.views.len()];
    for cause in Cause::ALL {
        let explains = |finding: &Finding| finding.level > Level::Ok && cause.explains.has(finding.measure.name, case);
        if !findings.iter().any(explains) {
            continue;
        }
        let Some(mut found) = cause.find(case) else { continue };
        if found.sources.is_empty() {
            if findings.iter().filter(|finding| explains(finding)).all(|finding| finding.cause.is_some()) {
                continue;
            }
        } else {
            found.sources.retain(|place| !std::mem::replace(&mut told[*place], true));
            if found.sources.is_empty() {
                continue;
            }
        }
        let explained: Vec<_> = findings.iter_mut().filter(|finding| explains(finding)).collect();
        named.push(name(cause, case, &found, &explained));
        for finding in explained {
            finding.cause.get_or_insert(cause.name);
            finding.advice = "";
        }
    }
    named.sort_by_key(|cause: &NamedCause| Reverse(cause.level));
    named
}

fn name(row: &'static Cause, case: &Case<'_>, found: &Found, explained: &[&mut Finding]) -> NamedCause {
    NamedCause {
        cause: row,
        level: explained.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok),
        words: (row.says)(case, found),
        sources: found.sources.iter().map(|place| case.views[*place].source.address.clone()).collect(),
        explains: explained.iter().map(|finding| finding.measure.name).collect(),
        advice: (row.advice)(case, found),
        alternatives: alternatives(row, case, found),
    }
}

/// Returns what else the cause could be, without what the reason of the source rules out.
fn alternatives(row: &Cause, case: &Case<'_>, found: &Found) -> &'static [Alternative] {
    let of_reason = found.sources.first().map_or(&[][..], |place| case.reasons[*place].alternatives());
    let is_narrower = !of_reason.is_empty() && of_reason.iter().all(|other| row.not_told_from.contains(other));
    if is_narrower { of_reason } else { row.not_told_from }
}

/// Returns the part of the grace period that is left, if it applies.
fn grace(facts: &Facts, policy: &Policy, uptime: Uptime) -> Option<Duration> {
    // A connection remembers the socket of a chronyd that no longer answers. Such silence is not excused.
    let answers = facts.tracking.is_ok();
    let has_no_sources = uptime.at_most >= ADDING && facts.sources.as_ref().is_ok_and(Vec::is_empty);
    let left = policy.grace.saturating_sub(uptime.at_most);
    (answers && !has_no_sources && !left.is_zero()).then_some(left)
}

fn refused(facts: &Facts) -> Vec<&'static str> {
    fn is_refused<T>(fact: &Fact<T>) -> bool {
        fact.as_ref().is_err_and(|error| matches!(**error, Error::Unauthorized { .. }))
    }
    let reports = [
        ("tracking", is_refused(&facts.tracking)),
        ("sources", is_refused(&facts.sources)),
        ("selectdata", is_refused(&facts.select_data)),
        ("activity", is_refused(&facts.activity)),
        ("authdata", facts.auth_data.as_ref().is_some_and(is_refused)),
        ("sourcestats", facts.source_stats.as_ref().is_some_and(is_refused)),
        ("ntpdata", facts.ntp_data.as_ref().is_some_and(is_refused)),
    ];
    reports.into_iter().filter(|(_, is_refused)| *is_refused).map(|(report, _)| report).collect()
}

fn wants(facts: &Facts, policy: &Policy, worst: Level) -> Details {
    // A chronyd that fell silent is not asked for more.
    let is_silent = facts.tracking.is_err()
        || facts.sources.as_ref().is_err_and(|error| !error.is_answer())
        || facts.select_data.as_ref().is_err_and(|error| !error.is_answer())
        || facts.activity.as_ref().is_err_and(|error| !error.is_answer());
    if is_silent {
        Details::None
    } else if worst > Level::Ok && facts.ntp_data.is_none() {
        Details::All
    } else if policy.has("nts") && facts.auth_data.is_none() {
        Details::Authentication
    } else {
        Details::None
    }
}

/// Says the causes, and the alarms that none explains, the worst first.
fn headline(verdict: &Verdict, uptime: Option<Uptime>) -> String {
    let causes = verdict.causes.iter().map(|cause| (cause.level, &*cause.words));
    let unexplained = verdict.unexplained().map(|finding| (finding.level, &*finding.words));
    let mut faults: Vec<_> = causes.chain(unexplained).collect();
    faults.sort_by_key(|(level, _)| Reverse(*level));
    let mut faults: Vec<_> = faults.into_iter().map(|(_, words)| words).collect();
    let more = faults.len().saturating_sub(IN_HEADLINE);
    faults.truncate(IN_HEADLINE);
    let mut said = faults.join("; ");
    if more > 0 {
        said = format!("{said}; and {more} more");
    }
    // The bound is not stated where it is the fault, or where the sources contradict it.
    let is_said = verdict
        .alarms()
        .any(|Finding { measure, level, .. }| matches!(measure.name, "bound" | "agreement") && *level > Level::Unknown);
    let said = match &verdict.accuracy {
        Some(right) if faults.is_empty() => right.clone(),
        Some(right) if verdict.worst < Level::Critical && !is_said => format!("{said}; {right}"),
        _ if faults.is_empty() => "nothing is wrong".to_owned(),
        _ => said,
    };
    let time = |time: Duration| seconds(time.as_secs_f64().round());
    match (verdict.grace, uptime) {
        (Some(left), Some(Uptime { at_most, is_exact: true })) => {
            format!("chronyd was started {} ago, and alarms begin in {}: {said}", time(at_most), time(left))
        }
        (Some(_), _) => format!("chronyd was started not long ago, and alarms have not begun: {said}"),
        _ => said,
    }
}

fn since_epoch<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(serde::ser::Error::custom)?;
    serializer.serialize_f64(since.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn in_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}
