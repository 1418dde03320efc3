//! The words for values that take more than a format.

use crate::facts::{Facts, follows_source, is_usable};
use libchrony::{LeapStatus, Source, Tracking};

/// The number of sources that a sentence names.
const NAMED: usize = 3;

pub(super) fn reference(tracking: &Tracking) -> String {
    if follows_source(tracking) {
        format!("the clock follows {}", tracking.reference_id_name)
    } else if tracking.is_local() {
        "the clock follows no source, only itself (local mode)".to_owned()
    } else if tracking.reference_id.0 == 0 {
        "the clock follows no source".to_owned()
    } else {
        format!("the clock follows {}, which is too far away from a reference clock", tracking.reference_id_name)
    }
}

pub(super) fn leap(status: LeapStatus) -> String {
    match status {
        LeapStatus::Normal => "no leap second is coming",
        LeapStatus::InsertSecond => "a leap second will be inserted at the end of this day (UTC)",
        LeapStatus::DeleteSecond => "the last second of this day (UTC) will be left out",
        LeapStatus::NotSynchronized => "the leap status is \"not synchronised\"",
        _ => status.name(),
    }
    .to_owned()
}

pub(super) fn sources(facts: &Facts, value: f64) -> String {
    let all = facts.sources.iter().flatten().count();
    let usable = match (all, value) {
        (0, _) => "chronyd has no sources".to_owned(),
        (1, 0.0) => "the only source is not usable".to_owned(),
        (1, _) => "there is only one source, which no other can confirm".to_owned(),
        (_, 0.0) => format!("none of {all} sources is usable"),
        (_, 1.0) => format!("only 1 of {all} sources is usable"),
        (all, _) if facts.sources.iter().flatten().all(|source| is_usable(source.state)) => {
            format!("only {all} sources are usable")
        }
        (all, _) => format!("only {value} of {all} sources are usable"),
    };
    let activity = facts.activity.as_ref().ok();
    let offline = activity.map_or(0, |activity| activity.offline_sources);
    let unresolved = activity.map_or(0, |activity| activity.unresolved_sources);
    let more = [(offline, "offline"), (unresolved, "without an address for the name")];
    let more = more.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!(" ({count} {words})"));
    more.fold(usable, |words, more| words + &more)
}

/// Lists the first few names, and counts the others.
pub(super) fn names<'a>(sources: impl Iterator<Item = &'a Source>) -> String {
    let names: Vec<_> = sources.map(|source| &*source.address).collect();
    let more = names.len().saturating_sub(NAMED);
    let some = names[..names.len() - more].join(", ");
    if more > 0 { format!("{some} and {more} more") } else { some }
}
