//! The words for values that take more than a format.

use crate::case::{Case, names};
use crate::facts::{View, follows_source};
use crate::quantity::interval;
use libchrony::{LeapStatus, Tracking};

/// Returns what the clock follows, in words. The page and the measure `reference` say the same.
#[must_use]
pub fn reference(tracking: &Tracking) -> String {
    if follows_source(tracking) {
        tracking.reference_id_name.clone()
    } else if tracking.is_local() {
        "only itself (local mode)".to_owned()
    } else if tracking.reference_id.0 == 0 {
        "no source".to_owned()
    } else {
        format!("no source: {} is at stratum 15", tracking.reference_id_name)
    }
}

pub(super) fn leap(status: LeapStatus) -> String {
    match status {
        LeapStatus::Normal => "no leap second is coming",
        LeapStatus::InsertSecond => "a leap second will be inserted at the end of this day (UTC)",
        LeapStatus::DeleteSecond => "the last second of this day (UTC) will be deleted",
        LeapStatus::NotSynchronized => "the leap status is \"not synchronised\"",
        _ => status.name(),
    }
    .to_owned()
}

pub(super) fn age_words(case: &Case<'_>, value: f64) -> String {
    if case.facts.age().is_some_and(|age| age < 0.0) {
        return format!("the last update is {} in the future by this machine's clock", interval(value));
    }
    let expected = interval(case.facts.expected_update_interval().unwrap_or_default());
    format!("the last update was {} ago (expected within {expected})", interval(value))
}

pub(super) fn sources(case: &Case<'_>, value: f64) -> String {
    match (case.views.len(), value) {
        (0, _) => "chronyd has no sources".to_owned(),
        (1, 0.0) => "the only source is not usable".to_owned(),
        (1, _) => "there is only one source, which no other source can confirm".to_owned(),
        (all, 0.0) => format!("none of {all} sources is usable"),
        (all, 1.0) => format!("only 1 of {all} sources is usable"),
        (all, _) if case.views.iter().all(|view| view.is_usable) => format!("only {all} sources are usable"),
        (all, _) => format!("only {value} of {all} sources are usable"),
    }
}

pub(super) fn reach_words(polled: &[&View<'_>], value: f64) -> String {
    let lost = names(polled.iter().map(|view| view.source).filter(|source| !source.is_reachable()));
    let lost = if lost.is_empty() { lost } else { format!(", and none by {lost}") };
    format!("{value:.0} % of the last polls were answered{lost}")
}

pub(super) fn agreement_words(case: &Case<'_>, _: f64) -> String {
    let bound = case.facts.tracking.as_ref().ok().and_then(Tracking::clock_error_bound);
    match case.names(&bound.map_or_else(Vec::new, |bound| case.contradicting(bound))) {
        none if none.is_empty() => "no source contradicts the clock".to_owned(),
        some => format!("the clock is contradicted by {some}"),
    }
}
