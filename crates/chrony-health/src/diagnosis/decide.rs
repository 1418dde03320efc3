//! The decision for one reason.
//!
//! The order of the questions matters. Up to chrony 4.5 the states of the selection are not updated while no source can
//! be selected, so the reachability is asked before them.

use super::Reason;
use crate::facts::{Facts, View};
use libchrony::{AuthMode, NtpData, NtpFlags, Open, ReferenceId, SelectOptions, SelectState, Source, SourceState};

/// The code of a server that limits the rate of requests, in the reference ID of its answer.
const RATE: ReferenceId = ReferenceId(u32::from_be_bytes(*b"RATE"));
/// The number of samples that chronyd needs for a regression.
const FEWEST: u32 = 3;
/// The default limit of the root distance, in seconds: chronyd's directive `maxdistance`.
const MAX_DISTANCE: f64 = 3.0;

/// The facts about all sources that decide the reasons of each.
struct All {
    are_offline: bool,
    has_selected: bool,
    /// The time since chronyd was started, in seconds. Infinite if it is not known.
    uptime: f64,
}

/// Returns the reason for the state of each source.
pub(crate) fn reasons(facts: &Facts, views: &[View<'_>]) -> Vec<Reason> {
    let polled = || views.iter().filter(|view| view.is_resolved() && !view.is_clock());
    let unreachable = polled().filter(|view| !view.source.is_reachable()).count();
    let offline = facts.activity.as_ref().map_or(0, |activity| activity.offline_sources);
    let all = All {
        // activity has no names. They are known if as many sources are offline as do not answer.
        are_offline: offline > 0 && usize::try_from(offline) == Ok(unreachable),
        has_selected: views.iter().any(|view| view.source.is_selected()),
        uptime: facts.uptime().map_or(f64::INFINITY, |uptime| uptime.at_most.as_secs_f64()),
    };
    views.iter().map(|view| reason(view, &all)).collect()
}

fn reason(view: &View<'_>, all: &All) -> Reason {
    if !view.is_resolved() {
        return Reason::NoAddress;
    }
    if view.is_given(SelectOptions::NOSELECT) {
        return Reason::IgnoredByAuthselectmode;
    }
    if view.has_option(SelectOptions::NOSELECT) {
        return Reason::Noselect;
    }
    if view.is_usable {
        return by_state(view, all);
    }
    let source = view.source;
    let last_sample_ago = source.last_sample_ago;
    if view.is_clock() {
        if !source.has_sample() {
            return Reason::ClockSilent;
        }
        return if view.is_recent() { sampled(view, all) } else { Reason::ClockLost { last_sample_ago } };
    }
    if !source.is_reachable() {
        if all.are_offline {
            return Reason::Offline;
        }
        return unauthenticated(view).unwrap_or_else(|| unreachable(view, all));
    }
    answered(view).unwrap_or_else(|| sampled(view, all))
}

/// Returns the reason for which the authentication of a source fails.
fn unauthenticated(view: &View<'_>) -> Option<Reason> {
    let auth = view.auth_data?;
    let sent =
        view.ntp_data.map(|data| (data.transmitted_messages, data.received_messages, data.received_valid_messages));
    match auth.mode {
        Open::Known(AuthMode::Nts) if auth.nak => Some(Reason::NtsRefused),
        // chronyd asks for keys less and less often while requests are not answered, so that keys of late may have no
        // cookies left.
        Open::Known(AuthMode::Nts)
            if auth.cookies == 0
                && auth.key_establishment_attempts > 0
                && (auth.key_length == 0 || auth.last_key_establishment_ago >= view.source.last_sample_ago) =>
        {
            let attempts = auth.key_establishment_attempts;
            Some(Reason::NtsNoKeys { attempts, had_keys: auth.key_length > 0 })
        }
        Open::Known(AuthMode::Nts) if auth.key_length > 0 => {
            sent.filter(|sent| sent.0 > 0 && sent.1 == 0).map(|sent| Reason::NtsSilent { transmitted: sent.0 })
        }
        Open::Known(AuthMode::SymmetricKey) => match sent? {
            (0, ..) if auth.key_length == 0 => Some(Reason::KeyMissing { key: auth.key_id }),
            (_, received @ 1.., 0) => Some(Reason::KeyRejected { key: auth.key_id, received }),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the reason for which none of the last eight polls had a valid answer.
fn unreachable(view: &View<'_>, all: &All) -> Reason {
    let last_sample_ago = view.source.last_sample_ago;
    let Some(data) = view.ntp_data else {
        return if view.source.has_sample() {
            Reason::Lost { last_sample_ago, is_silent: false }
        } else {
            Reason::NoUsableAnswer
        };
    };
    let has_key = view.auth_data.is_some_and(|auth| auth.mode == Open::Known(AuthMode::SymmetricKey));
    match (data.transmitted_messages, data.received_messages, data.received_valid_messages) {
        (0, ..) if all.uptime < view.source.poll_interval() => Reason::NotAsked,
        (0, ..) => Reason::NotSent,
        (transmitted, 0, _) => Reason::NeverAnswered { transmitted, has_key },
        (_, received, 0) => Reason::Invalid { received },
        _ => failed(data).unwrap_or(Reason::Lost { last_sample_ago, is_silent: true }),
    }
}

/// Returns the reason for which a source that answers has no recent sample.
fn answered(view: &View<'_>) -> Option<Reason> {
    let polls = 8.0 * view.source.poll_interval().max(1.0);
    let has_recent_sample = view.source.has_sample() && f64::from(view.source.last_sample_ago) <= polls;
    let data = view.ntp_data.filter(|data| !has_recent_sample && data.received_valid_messages > 0)?;
    failed(data).or_else(|| {
        // One that fails is normal beside recent samples.
        let tests = [(NtpFlags::TEST_A, "A"), (NtpFlags::TEST_B, "B"), (NtpFlags::TEST_C, "C")];
        if !data.flags.contains(NtpFlags::TEST_D) {
            return Some(Reason::Loop);
        }
        let failed = tests.into_iter().find(|(test, _)| !data.flags.contains(*test));
        failed.map(|(_, tests)| Reason::Rejected { tests })
    })
}

/// Returns the reason for which the last valid message does not make the server a usable one: tests 6 and 7.
fn failed(data: &NtpData) -> Option<Reason> {
    if !data.flags.contains(NtpFlags::TEST_6) {
        let is_kiss = data.stratum == 0 && data.reference_id == RATE;
        return Some(if is_kiss { Reason::RateLimited } else { Reason::Unsynchronised });
    }
    let distance = data.root_delay / 2.0 + data.root_dispersion;
    (!data.flags.contains(NtpFlags::TEST_7)).then_some(Reason::TooFar { distance })
}

/// Returns the reason for which a source with samples is not used.
fn sampled(view: &View<'_>, all: &All) -> Reason {
    let samples = view.source_stats.map(|stats| stats.samples);
    let is_new = matches!(view.select_state(), Some(SelectState::MissingSamples | SelectState::NotSynchronized));
    if is_new || samples.is_some_and(|samples| samples < FEWEST) {
        let polls = view.ntp_data.map(|data| data.transmitted_messages.min(8));
        if polls.is_none() && view.source.reachability == u8::MAX {
            return Reason::Unusable;
        }
        return Reason::FewSamples { samples, answered: view.source.reachability.count_ones(), polls };
    }
    by_state(view, all)
}

/// Returns the reason that chronyd itself gives.
fn by_state(view: &View<'_>, all: &All) -> Reason {
    let &View { source, select_data, source_stats, .. } = view;
    let &Source { latest_meas: offset, latest_meas_err: error, last_sample_ago, .. } = source;
    let jittery = || Reason::Jittery { std_dev: source_stats.map(|stats| stats.std_dev) };
    match view.select_state() {
        Some(SelectState::WaitingForOthers) => Reason::WaitingForSamples,
        Some(SelectState::UnacceptableDistance) => Reason::TooFar {
            distance: select_data.map_or(error, |data| (data.high_limit - data.low_limit).abs() / 2.0),
        },
        Some(SelectState::Jittery) => jittery(),
        Some(SelectState::StratumOutOfRange) => Reason::StratumOutOfRange { stratum: source.stratum },
        Some(SelectState::Stale) => Reason::Stale { last_sample_ago },
        Some(SelectState::Orphan) => Reason::Orphan,
        Some(SelectState::NotTrusted) => Reason::NotTrusted,
        Some(SelectState::Falseticker) => Reason::Falseticker { offset, error },
        Some(SelectState::MissingSelectableSources) => Reason::Waits,
        Some(SelectState::WaitingForUpdate) => Reason::WaitsForUpdate,
        Some(SelectState::NotPreferred) => Reason::NotPreferred,
        Some(SelectState::LargeDistance | SelectState::Outlier) => Reason::NotCombined,
        Some(SelectState::Combined) => Reason::Combined,
        Some(SelectState::Best) => Reason::Selected,
        // The reports of a chronyd that refuses selectdata, or of one whose state has no name here.
        _ => match source.state {
            SourceState::Selected => Reason::Selected,
            SourceState::Unselected => Reason::Combined,
            SourceState::Selectable if all.has_selected => Reason::NotCombined,
            SourceState::Selectable => Reason::Waits,
            SourceState::Falseticker => Reason::Falseticker { offset, error },
            SourceState::Jittery => jittery(),
            _ if source_stats.is_some() && error > MAX_DISTANCE => Reason::TooFar { distance: error },
            _ => Reason::Unusable,
        },
    }
}
