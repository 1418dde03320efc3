//! The causes for which no source is usable, although each by itself might be: what chronyd waits for, and sources that
//! contradict each other.

use super::{Cause, Explains, Found, Need};
use crate::advice::{Advice, Alternative, chrony_conf, step};
use crate::case::Case;
use crate::diagnosis::Reason;
use crate::quantity::seconds;
use crate::range::Range;
use libchrony::{SelectOptions, Source, SourceState, Tracking};

/// The greatest difference between a pulse and the clock that numbers it, in seconds: chronyd's `PPS_LOCK_LIMIT`.
const LOCK_LIMIT: f64 = 0.4;

pub(super) const LOCAL_ONLY: Cause = Cause {
    name: "local-only",
    about: "The clock follows only itself: chronyd is in local mode, and has not lost a source",
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
    advice: |case, found| {
        let mut advice =
            Advice::of([chrony_conf("Use servers or a pool that chronyd can reach", "pool pool.ntp.org iburst")]);
        // ntpd's address of its own clock.
        let is_old = found.sources.iter().any(|place| case.views[*place].source.address.starts_with("127.127."));
        let remove = || step("Remove the server 127.127.x.x: chronyd has the directive local for this purpose");
        advice.steps.extend(is_old.then(remove));
        advice
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
            step("Check that chronyd reads the file that you expect"),
        ])
    },
};

pub(super) const NO_ADDRESSES: Cause = Cause {
    name: "no-addresses",
    about: "The names of the sources are not resolved",
    method: "sources: addresses of the form ID#, and no NTP source with an address",
    needs: &[Need::Sources],
    explains: Explains::loss_and(&["sources", "reach", "nts"]),
    not_told_from: &[Alternative::of("a name in chrony.conf is wrong")],
    holds: |case| {
        let has_address = case.views.iter().any(|view| view.is_resolved() && !view.is_clock());
        let unresolved = case.places(|_, reason| *reason == Reason::NoAddress);
        Found::sources(unresolved).filter(|_| !has_address)
    },
    says: |_, found| match found.sources.len() {
        1 => "the name of the only NTP source was not resolved (DNS)".to_owned(),
        some => format!("the names of {some} sources were not resolved (DNS)"),
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
    about: "All sources are only monitored",
    method: "selectdata: the option noselect is configured for all sources that have an address",
    needs: &[Need::Sources, Need::SelectData],
    explains: Explains::loss(),
    not_told_from: &[],
    holds: |case| {
        let watched = case.places(|_, reason| *reason == Reason::Noselect);
        let resolved = case.places(|view, _| view.is_resolved());
        Found::sources(watched).filter(|found| found.sources == resolved)
    },
    says: |case, found| case.say(&found.sources, "are only monitored (noselect)"),
    advice: |_, _| Reason::Noselect.advice(""),
};

pub(super) const NTS_ONLY: Cause = Cause {
    name: "nts-only",
    about: "chronyd ignores sources without authentication (authselectmode), and no authenticated source is usable",
    method: "selectdata: noselect is in force for sources, but not configured",
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
    method: "selectdata: require and trust are in force for sources that are not usable, but not configured \
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
        let ignore =
            chrony_conf("If you can do without authentication, use the other sources as well", "authselectmode ignore");
        case.advice(&found.sources).and(Advice::of([ignore]))
    },
};

pub(super) const REQUIRED_MISSING: Cause = Cause {
    name: "required-missing",
    about: "chronyd uses no source until a source with the option require is selectable",
    method: "selectdata: sources wait (W), but none of them has the option require",
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
        1 => "chronyd waits for more sources: 1 is selectable, but minsources asks for more".to_owned(),
        some => format!("chronyd waits for more sources: {some} are selectable, but minsources asks for more"),
    },
    advice: |_, found| {
        Advice::of([
            step("Add sources, or mend the sources that are not selectable"),
            chrony_conf("Or lower the limit, and rely on fewer sources", format!("minsources {}", found.sources.len())),
        ])
    },
};

pub(super) const CLOCKS_WAIT: Cause = Cause {
    name: "clocks-wait",
    about: "A reference clock waits for another one to number its pulses, and that one is too far off",
    method: "sources: a reference clock without samples, and another one that is not usable, and is 0.4 s or more off a \
             whole number of seconds",
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
        format!(
            "{0} has no samples: it needs {1} to number its pulses, but {1} is {2} off",
            case.names(&silent),
            source.address,
            seconds(source.latest_meas.abs())
        )
    },
    advice: |case, _| {
        let source = case.views[numbering(case)[0]].source;
        let name = &source.address;
        Advice::of([chrony_conf(
            format!("Correct the constant error of {name} in its refclock line; add this to an offset that is there"),
            format!("offset {}", crate::quantity::digits(source.latest_meas)),
        )])
    },
};

/// Returns the reference clocks that are too far off to number pulses.
fn numbering(case: &Case<'_>) -> Vec<usize> {
    case.places(|view, reason| {
        let is_silent = matches!(reason, Reason::ClockSilent | Reason::ClockLost { .. } | Reason::Waits);
        // Without a usable source, the clock itself may be off.
        let is_known = matches!(reason, Reason::Falseticker { .. }) || !case.has_no_usable();
        let &Source { latest_meas: offset, latest_meas_err: error, .. } = view.source;
        let is_off = (offset - offset.round()).abs() + error >= LOCK_LIMIT;
        view.is_clock() && !view.is_usable && !is_silent && is_known && is_off
    })
}

/// Returns the sources that are selectable and wait for others.
fn waiting<'a>(case: &'a Case<'_>) -> impl Iterator<Item = usize> + 'a {
    let is_waiting = |place: &usize| !case.views[*place].is_usable && case.reasons[*place] == Reason::Waits;
    (0..case.views.len()).filter(is_waiting).filter(|_| case.has_no_usable())
}

pub(super) const WAITS: Cause = Cause {
    name: "waits",
    about: "Sources are selectable, but chronyd waits. It did not give selectdata, which shows the reason",
    method: "sources: sources are selectable, but none is selected",
    needs: &[Need::Sources],
    explains: Explains::loss(),
    not_told_from: &[
        Alternative::by("a source with the option require is not selectable", "selectdata"),
        Alternative::by("authselectmode waits for an authenticated source", "selectdata"),
        Alternative::by("minsources asks for more sources", "selectdata"),
        Alternative::of("the clock is about to be updated"),
    ],
    holds: |case| Found::sources(waiting(case).collect()).filter(|_| case.facts.select_data.is_err()),
    says: |case, found| {
        let said = case.say(&found.sources, "are selectable, but chronyd waits");
        let others = case.places(|view, reason| !view.is_usable && *reason != Reason::Waits);
        if others.is_empty() { said } else { format!("{said}, perhaps for {}", case.names(&others)) }
    },
    advice: |case, found| case.advice(&found.sources),
};

pub(super) const NO_MAJORITY: Cause = Cause {
    name: "no-majority",
    about: "The sources contradict each other, and no majority agrees",
    method: "sources: there are falsetickers, and no source is selected, combined or selectable",
    needs: &[Need::Sources],
    explains: Explains::loss_and(&["sources", "reach", "falsetickers"]),
    not_told_from: &[Alternative::by("trusted sources contradict each other", "selectdata")],
    holds: |case| {
        let falsetickers = case.places(|_, reason| matches!(reason, Reason::Falseticker { .. }));
        let is_good = |source: &Source| {
            matches!(source.state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
        };
        let spread = spread(case, &falsetickers);
        let has_good = case.views.iter().any(|view| is_good(view.source));
        (!has_good && falsetickers.len() > 1).then_some(Found { sources: falsetickers, number: spread })
    },
    says: |case, found| {
        let trusted = trusted(case, found);
        if trusted.len() > 1 {
            let (names, spread) = (case.names(&trusted), seconds(spread(case, &trusted)));
            return format!("the trusted sources {names} contradict each other by {spread}");
        }
        let spread = seconds(found.number);
        match found.sources.len() {
            2 => format!("the 2 sources disagree by {spread}, and neither can be believed"),
            some => format!("the {some} sources disagree by up to {spread}, and no majority agrees"),
        }
    },
    advice: |case, found| {
        if trusted(case, found).len() > 1 {
            return Advice::of([chrony_conf("Remove the option from the sources that are wrong", "trust")]);
        }
        let more = if found.sources.len() < 4 {
            "Add sources: with four, chronyd finds one that is wrong"
        } else {
            "Compare the sources with other servers, and remove those that are wrong"
        };
        Advice::of([step(more)])
    },
};

/// Returns the sources that have the option trust.
fn trusted(case: &Case<'_>, found: &Found) -> Vec<usize> {
    let is_trusted = |place: &usize| case.views[*place].has_option(SelectOptions::TRUST);
    found.sources.iter().copied().filter(is_trusted).collect()
}

/// Returns the greatest difference between the offsets of these sources, in seconds.
fn spread(case: &Case<'_>, places: &[usize]) -> f64 {
    let offsets = || places.iter().map(|place| case.views[*place].source.latest_meas);
    offsets().fold(f64::NEG_INFINITY, f64::max) - offsets().fold(f64::INFINITY, f64::min)
}
