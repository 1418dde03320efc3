//! The causes for which sources are not usable.

use super::{Cause, Explains, Found, Need};
use crate::advice::{Advice, Alternative, chrony_conf, step};
use crate::case::Case;
use crate::diagnosis::{ANSWER_WITH_KEY, CLOCK, LOST_OVER_THE_PORT, NO_ANSWER, NTS_KEYS, NTS_NTP, Reason, UNUSABLE};
use crate::quantity::seconds;
use crate::range::Range;
use libchrony::{SelectOptions, Source, SourceState, Tracking};

/// Defines a cause that holds for each source with a reason. For one source, it has the words of the reason.
macro_rules! of_reason {
    ($constant:ident, $name:literal, $about:literal, $method:literal, [$($need:ident),*], $explains:expr, $others:expr, $reason:pat, $many:literal) => {
        pub(super) const $constant: Cause = Cause {
            name: $name,
            about: $about,
            method: $method,
            needs: &[Need::Sources, $(Need::$need),*],
            explains: $explains,
            not_told_from: $others,
            holds: |case| Found::sources(case.places(|view, reason| !view.is_usable && matches!(reason, $reason))),
            says: |case, found| case.say(&found.sources, $many),
            advice: |case, found| case.advice(&found.sources),
        };
    };
}

pub(super) const LOCAL_ONLY: Cause = Cause {
    name: "local-only",
    about: "The clock follows only itself: chronyd is in local mode, and has lost no source",
    method: "tracking: the reference ID is 7F7F0101 without an address. sources: no source has a sample, or one is usable",
    needs: &[Need::Tracking, Need::Sources],
    explains: Explains::these(&["reference", "sources", "stratum", "reach"]),
    not_told_from: &[],
    holds: |case| {
        let is_local = case.facts.tracking.as_ref().is_ok_and(Tracking::is_local);
        let has_samples = case.views.iter().any(|view| view.source.has_sample());
        let lost_sources = has_samples && case.has_no_usable();
        (is_local && !lost_sources).then(|| Found { sources: case.places(|view, _| !view.is_usable), number: 0.0 })
    },
    says: |case, found| match case.names(&found.sources) {
        _ if !case.views.is_empty() && found.sources.is_empty() => {
            "the clock follows only itself (local mode)".to_owned()
        }
        none if none.is_empty() => "the clock follows only itself (local mode): chronyd has no sources".to_owned(),
        some => format!("the clock follows only itself (local mode): no answer has come from {some}"),
    },
    advice: |_, _| {
        Advice::of([chrony_conf("Give chronyd servers or a pool that it can reach", "pool pool.ntp.org iburst")])
            .or_accept("reference", Range::ANY, Range::at_least(0.0))
            .or_accept("sources", Range::at_least(0.0), Range::at_least(0.0))
            .or_accept("stratum", Range::between(1.0, 15.0), Range::between(1.0, 15.0))
            .or_accept("reach", Range::ANY, Range::ANY)
    },
};

pub(super) const NO_SOURCES: Cause = Cause {
    name: "no-sources",
    about: "chronyd has no sources",
    method: "sources: the list is empty",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| case.views.is_empty().then(Found::default),
    says: |_, _| "chronyd has no sources".to_owned(),
    advice: |_, _| {
        Advice::of([
            chrony_conf("Add servers, or a pool", "pool pool.ntp.org iburst"),
            step("See in chronyd's log whether it read the file that you expect"),
        ])
    },
};

pub(super) const NO_ADDRESSES: Cause = Cause {
    name: "no-addresses",
    about: "The names of the sources are not resolved",
    method: "sources: addresses of the form ID#, and no NTP source with an address",
    needs: &[Need::Sources],
    explains: Explains::loss_and(&["sources", "reach", "nts"]),
    not_told_from: &[Alternative::of("a wrong name in chrony.conf")],
    holds: |case| {
        let has_address = case.views.iter().any(|view| view.is_resolved() && !view.is_clock());
        let unresolved = case.places(|_, reason| *reason == Reason::NoAddress);
        Found::sources(unresolved).filter(|_| !has_address)
    },
    says: |_, found| match found.sources.len() {
        1 => "the name of the only NTP source has no address (DNS)".to_owned(),
        some => format!("the names of {some} sources have no address (DNS)"),
    },
    advice: |case, found| case.advice(&found.sources),
};

pub(super) const OFFLINE: Cause = Cause {
    name: "offline",
    about: "chronyd was told that the network is down, and does not poll",
    method: "activity: as many sources are offline as NTP sources have reachability 0, or more than are online",
    needs: &[Need::Sources, Need::Activity],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let offline = case.places(|view, reason| !view.is_usable && *reason == Reason::Offline);
        let activity = case.facts.activity.as_ref().ok()?;
        let is_most = case.has_no_usable() && activity.offline_sources > activity.online_sources;
        Found::sources(offline).or_else(|| is_most.then(|| Found::number(activity.offline_sources.into())))
    },
    says: |case, found| match found.sources.len() {
        0 => format!("{} sources are offline: chronyd does not poll them", found.number),
        _ => case.say(&found.sources, "are offline: chronyd does not poll them"),
    },
    advice: |_, _| Reason::Offline.advice(""),
};

pub(super) const ALL_NOSELECT: Cause = Cause {
    name: "all-noselect",
    about: "All sources are only watched",
    method: "selectdata: the option noselect is configured for all sources that have an address",
    needs: &[Need::Sources, Need::SelectData],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let watched = case.places(|_, reason| *reason == Reason::Noselect);
        let resolved = case.places(|view, _| view.is_resolved());
        Found::sources(watched).filter(|found| found.sources == resolved)
    },
    says: |case, found| case.say(&found.sources, "are only watched (noselect)"),
    advice: |_, _| Reason::Noselect.advice(""),
};

pub(super) const NTS_ONLY: Cause = Cause {
    name: "nts-only",
    about: "authselectmode ignores sources without authentication, and no authenticated source is usable",
    method: "selectdata: noselect is in force for sources and not configured for them",
    needs: &[Need::Sources, Need::SelectData],
    explains: Explains::loss(),
    not_told_from: &[Alternative::of("authselectmode is require"), Alternative::of("authselectmode is prefer")],
    holds: |case| {
        let ignored = case.places(|_, reason| *reason == Reason::IgnoredByAuthselectmode);
        let others = case.places(|view, reason| {
            view.is_resolved() && !view.is_clock() && *reason != Reason::IgnoredByAuthselectmode
        });
        let sources = if others.is_empty() { ignored.clone() } else { others };
        Found::sources(sources).filter(|_| !ignored.is_empty() && case.has_no_usable())
    },
    says: |case, found| {
        let ignored = "are ignored, since they are not authenticated (authselectmode)";
        if case.reasons[found.sources[0]] == Reason::IgnoredByAuthselectmode {
            return case.say(&found.sources, ignored);
        }
        let ignored = case.places(|_, reason| *reason == Reason::IgnoredByAuthselectmode).len();
        let others = if ignored == 1 { "1 other is".to_owned() } else { format!("{ignored} others are") };
        let waited = case.say(&found.sources, "are not usable");
        format!("{waited}, and the {others} ignored, since chronyd wants authentication (authselectmode)")
    },
    advice: |case, found| case.advice(&found.sources).and(Reason::IgnoredByAuthselectmode.advice("")),
};

pub(super) const NTS_INSISTED: Cause = Cause {
    name: "nts-insisted",
    about: "chronyd uses no source without authentication until the authenticated ones are usable",
    method: "selectdata: require and trust are in force for sources that are not usable, and not configured for them \
             (authselectmode mix, the default)",
    needs: &[Need::Sources, Need::SelectData],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let insisted = SelectOptions::REQUIRE | SelectOptions::TRUST;
        let missing = case.places(|view, reason| {
            !view.is_usable
                && *reason != Reason::Waits
                && view.is_given(SelectOptions::REQUIRE)
                && view.has_option(insisted)
        });
        Found::sources(missing).filter(|_| case.has_no_usable())
    },
    says: |case, found| {
        let names = case.names(&found.sources);
        let which = case.which(&found.sources);
        format!("chronyd waits for {names}, {which}, and uses no source without authentication until then")
    },
    advice: |case, found| {
        let ignore = chrony_conf("Or let chronyd use the sources without authentication, too", "authselectmode ignore");
        case.advice(&found.sources).and(Advice::of([ignore]))
    },
};

pub(super) const REQUIRED_MISSING: Cause = Cause {
    name: "required-missing",
    about: "chronyd uses no source until a required one is selectable",
    method: "selectdata: sources wait (W), and none of those with the option require does",
    needs: &[Need::Sources, Need::SelectData],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let required = case.places(|view, _| view.has_option(SelectOptions::REQUIRE));
        let waits = |place: &usize| case.reasons[*place] == Reason::Waits;
        let is_missing = waiting(case).next().is_some() && !required.iter().any(waits);
        Found::sources(required).filter(|_| is_missing)
    },
    says: |case, found| {
        let (names, which) = (case.names(&found.sources), case.which(&found.sources));
        format!("chronyd uses no source until {names} (require) is selectable, {which}")
    },
    advice: |case, found| {
        let other = chrony_conf("Or remove the option, if other sources are good enough", "require");
        case.advice(&found.sources).and(Advice::of([other]))
    },
};

pub(super) const MINSOURCES: Cause = Cause {
    name: "minsources",
    about: "Fewer sources are selectable than minsources asks for",
    method: "selectdata: sources wait (W), and no source with the option require is missing",
    needs: &[Need::Sources, Need::SelectData],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let required = case.places(|view, _| view.has_option(SelectOptions::REQUIRE));
        let is_met = required.is_empty() || required.iter().any(|place| case.reasons[*place] == Reason::Waits);
        Found::sources(waiting(case).collect()).filter(|_| is_met)
    },
    says: |_, found| match found.sources.len() {
        1 => "chronyd waits for more sources: 1 is selectable, and minsources asks for more".to_owned(),
        some => format!("chronyd waits for more sources: {some} are selectable, and minsources asks for more"),
    },
    advice: |_, found| {
        Advice::of([
            step("Add sources, or see below why the others are not selectable"),
            chrony_conf("Or ask for no more than there are", format!("minsources {}", found.sources.len())),
        ])
    },
};

pub(super) const CLOCKS_WAIT: Cause = Cause {
    name: "clocks-wait",
    about: "A reference clock gives pulses and waits for one that numbers the seconds, which is not usable",
    method: "sources: a reference clock without a sample, and one with samples that is not usable",
    needs: &[Need::Sources],
    explains: Explains::loss_and(&["sources", "reach", "falsetickers"]),
    not_told_from: &[
        Alternative::of("the device gives no pulse"),
        Alternative::of("chronyd has no permission to open the device"),
    ],
    holds: |case| {
        let silent = case.places(|_, reason| *reason == Reason::ClockSilent);
        let sampled = numbering(case);
        if silent.is_empty() || sampled.is_empty() {
            return None;
        }
        Found::sources([silent, sampled].concat())
    },
    says: |case, found| {
        let sampled = numbering(case);
        let silent: Vec<_> = found.sources.iter().copied().filter(|place| !sampled.contains(place)).collect();
        let source = case.views[sampled[0]].source;
        let off = match case.reasons[sampled[0]] {
            Reason::Falseticker { .. } => format!("is {} off", seconds(source.latest_meas.abs())),
            ref reason => reason.words(),
        };
        format!("{} waits for a clock that numbers its seconds, and {} {off}", case.names(&silent), source.address)
    },
    advice: |case, _| {
        let name = &case.views[numbering(case)[0]].source.address;
        let source = case.views[numbering(case)[0]].source;
        Advice::of([
            chrony_conf(
                format!(
                    "Correct the constant error of {name} in its refclock line; add this to an offset that is there"
                ),
                format!("offset {}", crate::quantity::digits(source.latest_meas)),
            ),
            step(format!("Or allow for it, with a delay of more than twice the error of {name}")),
        ])
    },
};

/// Returns the reference clocks that have samples and are not usable.
fn numbering(case: &Case<'_>) -> Vec<usize> {
    let mut clocks = case.places(|view, reason| {
        let is_silent = matches!(reason, Reason::ClockSilent | Reason::ClockLost { .. } | Reason::Waits);
        view.is_clock() && !view.is_usable && view.source.has_sample() && !is_silent
    });
    clocks.sort_by_key(|place| case.views[*place].source.state != SourceState::Falseticker);
    clocks
}

/// Returns the sources that are selectable and wait for others.
fn waiting<'a>(case: &'a Case<'_>) -> impl Iterator<Item = usize> + 'a {
    let is_waiting = |place: &usize| !case.views[*place].is_usable && case.reasons[*place] == Reason::Waits;
    (0..case.views.len()).filter(is_waiting).filter(|_| case.has_no_usable())
}

pub(super) const WAITS: Cause = Cause {
    name: "waits",
    about: "Sources are selectable, and chronyd waits. selectdata, which tells for what, was not given",
    method: "sources: sources are selectable, and none is selected",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: &[
        Alternative::by("a source with the option require is not selectable", "selectdata"),
        Alternative::by("authselectmode waits for an authenticated source", "selectdata"),
        Alternative::by("minsources asks for more sources", "selectdata"),
        Alternative::of("the next update of the clock comes soon"),
    ],
    holds: |case| Found::sources(waiting(case).collect()).filter(|_| case.facts.select_data.is_err()),
    says: |case, found| case.say(&found.sources, "are selectable, and chronyd waits"),
    advice: |case, found| case.advice(&found.sources),
};

pub(super) const NO_MAJORITY: Cause = Cause {
    name: "no-majority",
    about: "The sources contradict each other, and no majority agrees",
    method: "sources: falsetickers, and no source is selected, combined or selectable",
    needs: &[Need::Sources],
    explains: Explains::loss_and(&["sources", "reach", "falsetickers"]),
    not_told_from: &[Alternative::by("trusted sources contradict each other", "selectdata")],
    holds: |case| {
        let falsetickers = case.places(|_, reason| matches!(reason, Reason::Falseticker { .. }));
        let is_good = |source: &Source| {
            matches!(source.state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
        };
        let offsets = || falsetickers.iter().map(|place| case.views[*place].source.latest_meas);
        let spread = offsets().reduce(f64::max)? - offsets().reduce(f64::min)?;
        let has_good = case.views.iter().any(|view| is_good(view.source));
        (!has_good && falsetickers.len() > 1).then_some(Found { sources: falsetickers, number: spread })
    },
    says: |_, found| {
        let spread = seconds(found.number);
        match found.sources.len() {
            2 => format!("the 2 sources disagree by {spread}, and neither can be believed"),
            some => format!("the {some} sources disagree by up to {spread}, and no majority agrees"),
        }
    },
    advice: |_, found| {
        let more = if found.sources.len() < 4 {
            "Add sources: with four, chronyd finds one that is wrong"
        } else {
            "Compare the sources with other servers, and remove those that are wrong"
        };
        Advice::of([step(more)])
    },
};

of_reason!(
    NTS_REFUSED,
    "nts-refused",
    "A server refuses the NTS cookies",
    "authdata: NAK",
    [AuthData],
    Explains::loss_and(&["sources", "reach", "nts"]),
    &[],
    Reason::NtsRefused,
    "refused the NTS cookies (NAK)"
);
of_reason!(
    NTS_NO_KEYS,
    "nts-no-keys",
    "A server gives no NTS keys",
    "authdata: mode NTS, no cookies, and failed attempts of key establishment",
    [AuthData],
    Explains::loss_and(&["sources", "reach", "nts"]),
    NTS_KEYS,
    Reason::NtsNoKeys { .. },
    "have no NTS keys"
);
of_reason!(
    NTS_SILENT,
    "nts-silent",
    "A server gives NTS keys, and answers no request that uses them",
    "authdata: mode NTS with a key. ntpdata: messages were transmitted, and none received",
    [AuthData, NtpData],
    Explains::loss_and(&["sources", "reach", "nts"]),
    NTS_NTP,
    Reason::NtsSilent { .. },
    "gave NTS keys, and answer no NTP request"
);
of_reason!(
    KEY_MISSING,
    "key-missing",
    "The key of a source is not in the key file",
    "authdata: mode symmetric key without a key. ntpdata: nothing was transmitted",
    [AuthData, NtpData],
    Explains::loss(),
    &[],
    Reason::KeyMissing { .. },
    "need keys that are not in the key file"
);
of_reason!(
    KEY_REJECTED,
    "key-rejected",
    "A server answers with a wrong key, or without one",
    "authdata: mode symmetric key. ntpdata: messages were received, and none was valid",
    [AuthData, NtpData],
    Explains::loss(),
    &[],
    Reason::KeyRejected { .. },
    "send no answers that their keys authenticate"
);
of_reason!(
    RATE_LIMITED,
    "rate-limited",
    "A server limits the rate of requests",
    "ntpdata: the reference ID of the last valid message is RATE",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::RateLimited,
    "limit the rate of requests (RATE)"
);
of_reason!(
    UNSYNCHRONISED_SERVERS,
    "unsynchronised-servers",
    "The servers answer, and are not synchronised themselves",
    "ntpdata: test 6 failed for the last valid message, which has no kiss code",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Unsynchronised,
    "answer, and are not synchronised themselves"
);
of_reason!(
    LOOP,
    "loop",
    "A source follows this clock",
    "ntpdata: test D failed",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Loop,
    "follow this clock: they would follow each other"
);
of_reason!(
    STRATUM_OUT_OF_RANGE,
    "stratum-out-of-range",
    "The stratum of a source is not allowed",
    "selectdata: state r",
    [SelectData],
    Explains::loss(),
    &[],
    Reason::StratumOutOfRange { .. },
    "have a stratum that chrony.conf does not allow"
);
of_reason!(
    ORPHANS,
    "orphans",
    "The sources are in local mode, as this server is",
    "selectdata: state O",
    [SelectData],
    Explains::loss(),
    &[],
    Reason::Orphan,
    "are in local mode (orphan), as this server is"
);
of_reason!(
    TOO_FAR,
    "too-far",
    "A source is farther away from a reference clock than maxdistance allows",
    "selectdata: state d. Or ntpdata: test 7 failed. Or sources: not usable, with an error over 3 s",
    [],
    Explains::loss(),
    &[],
    Reason::TooFar { .. },
    "are farther away from a reference clock than maxdistance allows"
);
of_reason!(
    JITTERY,
    "jittery",
    "The measurements of a source vary more than maxjitter allows",
    "sources: state jittery",
    [],
    Explains::loss(),
    &[],
    Reason::Jittery { .. },
    "vary more than maxjitter allows"
);
of_reason!(
    REJECTED,
    "rejected",
    "chronyd rejects the answers of a source by their delay",
    "ntpdata: test A, B or C failed",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Rejected { .. },
    "send answers that chronyd rejects by their delay"
);
of_reason!(
    NOT_TRUSTED,
    "not-trusted",
    "A source does not agree with the trusted ones",
    "selectdata: state T",
    [SelectData],
    Explains::loss(),
    &[],
    Reason::NotTrusted,
    "do not agree with the trusted sources"
);
of_reason!(
    NEVER_ANSWERED,
    "never-answered",
    "A source has never answered",
    "ntpdata: messages were transmitted, and none received",
    [NtpData],
    Explains::loss(),
    ANSWER_WITH_KEY,
    Reason::NeverAnswered { .. },
    "have never answered"
);
of_reason!(
    INVALID,
    "invalid-answers",
    "A source sends only invalid answers",
    "ntpdata: messages were received, and none was valid",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::Invalid { .. },
    "send no valid answers"
);
pub(super) const SOURCES_LOST: Cause = Cause {
    name: "sources-lost",
    about: "A source has been lost: it answered, and does not any more",
    method: "sources: reachability 0, and a sample",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: LOST_OVER_THE_PORT,
    holds: |case| {
        let is_lost = |reason: &Reason| matches!(reason, Reason::Lost { .. } | Reason::Stale { .. });
        Found::sources(case.places(|view, reason| !view.is_usable && is_lost(reason)))
    },
    says: |case, found| {
        let said = case.say(&found.sources, "gave no valid answer to the last 8 polls");
        let last = found.sources.iter().map(|place| case.views[*place].source.last_sample_ago).min();
        match last {
            Some(last) if last < u32::MAX && found.sources.len() > 1 => {
                format!("{said}, and the last sample {} ago", seconds(last.into()))
            }
            _ => said,
        }
    },
    advice: |case, found| case.advice(&found.sources),
};

of_reason!(
    CLOCK_SILENT,
    "clock-silent",
    "A reference clock has never given a sample",
    "sources: a reference clock without a sample",
    [],
    Explains::loss(),
    CLOCK,
    Reason::ClockSilent,
    "have never given a sample"
);
of_reason!(
    CLOCK_LOST,
    "clock-lost",
    "A reference clock gives no samples any more",
    "sources: a reference clock with reachability 0, and an old sample",
    [],
    Explains::loss(),
    CLOCK,
    Reason::ClockLost { .. },
    "give no samples any more"
);
of_reason!(
    NO_USABLE_ANSWER,
    "no-usable-answer",
    "A source has given no usable answer. The reports that tell why were not given",
    "sources: reachability 0, and no sample",
    [],
    Explains::loss(),
    NO_ANSWER,
    Reason::NoUsableAnswer,
    "have given no usable answer"
);
of_reason!(
    UNUSABLE_SOURCES,
    "unusable",
    "chronyd does not use a source. The reports that tell why were not given",
    "sources: a source that answers, with the state nonselectable",
    [],
    Explains::loss(),
    UNUSABLE,
    Reason::Unusable,
    "are not used (chronyd's Unix socket tells why)"
);
of_reason!(
    NOT_SENT,
    "not-sent",
    "No request to a source could be sent",
    "ntpdata: nothing was transmitted",
    [NtpData],
    Explains::loss(),
    &[],
    Reason::NotSent,
    "were not polled: no request could be sent"
);

pub(super) const STARTING: Cause = Cause {
    name: "starting",
    about: "chronyd has too few samples of the sources yet",
    method: "sourcestats: fewer than 3 samples. Or selectdata: state M or w. Or ntpdata: no message was sent yet",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let is_new = |reason: &Reason| {
            let is_young = matches!(reason, Reason::FewSamples { .. } | Reason::WaitingForSamples | Reason::NotAsked);
            is_young && !reason.loses_answers()
        };
        Found::sources(case.places(|view, reason| !view.is_usable && is_new(reason)))
    },
    says: |case, found| case.say(&found.sources, "have too few samples yet"),
    advice: |case, found| case.advice(&found.sources),
};
