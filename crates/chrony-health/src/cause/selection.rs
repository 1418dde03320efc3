//! The causes that concern the usable sources: sources that contradict each other, and too few of them.

use super::clock::CHANGE_IGNORED;
use super::{Cause, Explains, Found, Need};
use crate::advice::{Advice, Alternative, chrony_conf, chronyc, step};
use crate::case::Case;
use crate::diagnosis::Reason;
use crate::quantity::{digits, seconds};
use crate::range::Range;
use libchrony::{SelectOptions, Tracking};

pub(super) const TRUSTED_WRONG: Cause = Cause {
    name: "trusted-wrong",
    about: "The clock follows a source because it is trusted, but most sources contradict it",
    method: "sources: more falsetickers than usable sources. selectdata: trust is in force for a usable source",
    needs: &[Need::Sources],
    // chronyd corrects the clock towards the trusted source.
    explains: Explains::these(&["falsetickers", "agreement", "sources", "offset", "bound"]),
    not_told_from: &[],
    holds: |case| {
        let trusted = case.places(|view, _| {
            // Without selectdata, the counts tell: only the option trust beats a majority.
            view.is_usable && (view.select_data.is_none() || view.has_option(SelectOptions::TRUST))
        });
        let contradicting = falsetickers(case, |_| true);
        let is_minority = case.usable().count() < contradicting.len() && !trusted.is_empty();
        let number = median(contradicting.iter().map(|place| case.views[*place].source.latest_meas));
        is_minority.then(|| Found { sources: [trusted, contradicting].concat(), number })
    },
    says: |case, found| {
        let (trusted, others): (Vec<_>, Vec<_>) = found.sources.iter().partition(|place| case.views[**place].is_usable);
        let (name, off, others) = (case.names(&trusted), seconds(found.number.abs()), others.len());
        format!("the clock follows {name} because it is trusted, but {others} sources contradict it by {off}")
    },
    advice: |case, found| {
        let trusted: Vec<_> = found.sources.iter().copied().filter(|place| case.views[*place].is_usable).collect();
        let name = case.names(&trusted);
        let correct = trusted.first().filter(|place| case.views[**place].is_clock()).map(|_| {
            chrony_conf(
                format!(
                    "If the others are right, correct the constant error of {name} in its refclock line; add this to an \
                     offset that is there"
                ),
                format!("offset {}", digits(-found.number)),
            )
        });
        let mut advice = Advice::of([step(format!("Compare {name} and the others with further servers"))]);
        advice.steps.extend(correct);
        advice.steps.push(chrony_conf(format!("If {name} is wrong, remove the option"), "trust"));
        advice
    },
};

pub(super) const CLOCK_FALSETICKER: Cause = Cause {
    name: "clock-falseticker",
    about: "A reference clock of this machine contradicts the usable sources",
    method: "sources: a reference clock has the state falseticker, and other sources are usable",
    needs: &[Need::Sources],
    explains: Explains::these(&["falsetickers", "agreement", "sources"]),
    not_told_from: &[
        Alternative::of("the option offset is wrong"),
        Alternative::of("the option delay is too small"),
        Alternative::of("the clock or its feed is wrong"),
    ],
    holds: |case| Found::sources(falsetickers(case, |clock| clock)).filter(|_| !case.has_no_usable()),
    says: |case, found| {
        let source = case.views[found.sources[0]].source;
        let off = seconds(source.latest_meas.abs());
        match found.sources.len() {
            1 => format!("{} is {off} off the other sources", source.address),
            _ => format!("{} are off the other sources, the first by {off}", case.names(&found.sources)),
        }
    },
    advice: |case, found| {
        let source = case.views[found.sources[0]].source;
        Advice::of([
            chrony_conf(
                format!(
                    "If the error is constant, correct it in the refclock line of {}; add this to an offset that is there",
                    source.address
                ),
                format!("offset {}", digits(source.latest_meas)),
            ),
            step("Or allow for the error: set its option delay to more than twice the error"),
            chrony_conf("Or only monitor it", "noselect"),
        ])
    },
};

pub(super) const FALSETICKERS: Cause = Cause {
    name: "falsetickers",
    about: "A source contradicts the usable sources",
    method: "sources: an NTP source with the state falseticker",
    needs: &[Need::Sources],
    explains: Explains::these(&["falsetickers", "agreement", "sources"]),
    not_told_from: &[],
    holds: |case| Found::sources(falsetickers(case, |clock| !clock)),
    says: |case, found| match found.sources[..] {
        [place] => {
            let source = case.views[place].source;
            format!("{} contradicts the other sources by {}", source.address, seconds(source.latest_meas.abs()))
        }
        _ => format!("{} contradict the other sources", case.names(&found.sources)),
    },
    advice: |case, found| {
        let name = case.names(&found.sources);
        let report = match found.sources.len() {
            1 => format!("Report {name} to its operator, or remove it from chrony.conf"),
            _ => format!("Report {name} to their operators, or remove them from chrony.conf"),
        };
        Advice::of([step(report), chronyc("See whether the offset stays", "sourcestats")])
    },
};

pub(super) const DISAGREE: Cause = Cause {
    name: "disagree",
    about: "Sources contradict the clock, but chronyd does not reject them as falsetickers. If all sources do, another \
            program sets the clock, or chronyd does not control it (-x)",
    method: "sources: the last offset +/- error lies outside of 0 +/- the error bound",
    needs: &[Need::Tracking, Need::Sources],
    explains: Explains::these(&["agreement"]),
    not_told_from: &[],
    holds: |case| {
        let bound = case.facts.tracking.as_ref().ok().and_then(Tracking::clock_error_bound)?;
        let is_told = CHANGE_IGNORED.find(case).is_some();
        Found::sources(case.contradicting(bound)).filter(|_| !is_told)
    },
    says: |case, found| {
        let off = distance(case, found);
        let names = case.say_of(&found.sources, "contradicts", "contradict");
        let followed = case.facts.tracking.as_ref().map_or("", |tracking| &tracking.reference_id_name);
        let said = format!("{names} the clock, which follows {followed},");
        if is_all(case, off) {
            return format!("{said} by {}: another program sets it, or chronyd does not control it (-x)", seconds(off));
        }
        let most = found.sources.iter().map(|place| case.views[*place].source.latest_meas.abs()).fold(0.0, f64::max);
        format!("{said} by {}{}", if found.sources.len() > 1 { "up to " } else { "" }, seconds(most))
    },
    advice: |case, found| {
        if !is_all(case, distance(case, found)) {
            return Advice::of([step("Compare the clock with further servers")]);
        }
        Advice::of([
            step(
                "Check that no other program sets the clock, such as a second NTP client or the tools of a hypervisor",
            ),
            step("If chronyd runs with -x, correct the clock on the host, or with the program that controls it"),
        ])
    },
};

pub(super) const LOST_ANSWERS: Cause = Cause {
    name: "lost-answers",
    about: "Sources do not answer all polls",
    method: "sources: the reachability of usable NTP sources has zeros. Or ntpdata: 8 messages were sent to a source \
             that still has too few samples",
    needs: &[Need::Sources],
    explains: Explains::these(&["reach", "sources"]),
    not_told_from: &[
        Alternative::of("the network loses packets"),
        Alternative::of("the server drops some requests to limit their rate"),
    ],
    holds: |case| {
        // chronyd resets the reachability when a source is added or comes online.
        let is_lossy = |bits: u8| bits == 0 || bits.count_ones() + bits.leading_zeros() < u8::BITS;
        Found::sources(case.places(|view, reason| {
            let is_lossy = view.is_usable && is_lossy(view.source.reachability);
            !view.is_clock() && (is_lossy || reason.loses_answers())
        }))
    },
    says: |case, found| {
        let source = |place: &usize| case.views[*place].source;
        let Some(worst) = found.sources.iter().map(source).min_by_key(|source| source.reachability.count_ones()) else {
            return String::new();
        };
        let (answered, every) = (worst.reachability.count_ones(), seconds(worst.poll_interval()));
        let missed = match worst.reachability.trailing_zeros() {
            1 => ", but not the last".to_owned(),
            missed @ 2..8 => format!(", but none of the last {missed}"),
            _ => String::new(),
        };
        let said = format!("{} answered {answered} of the last 8 polls, {every} apart{missed}", worst.address);
        match found.sources.len() {
            1 => said,
            some => format!("answers from {some} sources are lost; {said}"),
        }
    },
    advice: |_, _| {
        Advice::of([
            step("Wait, as long as the error bound and the age are in order"),
            step("If it continues, look for packet loss, or poll less often"),
        ])
    },
};

pub(super) const ONE_SOURCE: Cause = Cause {
    name: "one-source",
    about: "chronyd has only one source, which no other source can confirm",
    method: "sources: one source, and it is usable",
    needs: &[Need::Sources],
    explains: Explains::these(&["sources"]),
    not_told_from: &[],
    holds: |case| (case.views.len() == 1 && case.usable().count() == 1).then(Found::default),
    says: |_, _| "there is only one source, which no other source can confirm".to_owned(),
    advice: |_, _| enough(1.0),
};

pub(super) const FEW_SOURCES: Cause = Cause {
    name: "few-sources",
    about: "Too few sources are usable to detect one that is wrong",
    method: "sources: fewer sources than the limit are usable, and no other cause explains it",
    needs: &[Need::Sources],
    explains: Explains::these(&["sources"]),
    not_told_from: &[],
    holds: |case| match count(case) {
        0.0 => None,
        usable => Some(Found::number(usable)),
    },
    says: |case, found| match (found.number, case.views.len()) {
        (1.0, all) => format!("only 1 of {all} sources is usable"),
        (usable, _) if case.views.iter().all(|view| view.is_usable) => {
            format!("only {usable} sources are usable")
        }
        (usable, all) => format!("only {usable} of {all} sources are usable"),
    },
    advice: |_, found| enough(found.number),
};

pub(super) const NO_NTS: Cause = Cause {
    name: "no-nts",
    about: "Usable sources are not authenticated by NTS",
    method: "authdata: the mode of a usable NTP source is not NTS, or it has no keys",
    needs: &[Need::Sources, Need::AuthData],
    explains: Explains::these(&["nts"]),
    not_told_from: &[],
    holds: |case| {
        let has_nts = |auth: &libchrony::AuthData| {
            auth.mode == libchrony::Open::Known(libchrony::AuthMode::Nts) && auth.key_id > 0
        };
        let is_plain = |view: &crate::facts::View<'_>| !view.auth_data.is_some_and(has_nts);
        let plain = case.places(|view, _| view.is_usable && !view.is_clock() && is_plain(view));
        // It names none, so that it is left out if a source that has the option explains the alarm.
        (!plain.is_empty()).then(Found::default)
    },
    says: |_, _| "usable sources are not authenticated by NTS".to_owned(),
    advice: |_, _| {
        Advice::of([chrony_conf(
            "Add the option to each server that supports NTS, and replace the other servers",
            "nts",
        )])
    },
};

/// Returns true if all usable sources contradict the clock, and about as much as the others.
fn is_all(case: &Case<'_>, off: f64) -> bool {
    case.usable().all(|view| view.source.latest_meas.abs() > off / 2.0)
}

/// Returns the distance between the clock and the sources that contradict it.
fn distance(case: &Case<'_>, found: &Found) -> f64 {
    median(found.sources.iter().map(|place| case.views[*place].source.latest_meas.abs()))
}

/// Returns the falsetickers that are reference clocks, or that are not.
fn falsetickers(case: &Case<'_>, is_meant: impl Fn(bool) -> bool) -> Vec<usize> {
    case.places(|view, reason| matches!(reason, Reason::Falseticker { .. }) && is_meant(view.is_clock()))
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "chronyd has far fewer sources than a float counts")]
fn count(case: &Case<'_>) -> f64 {
    case.usable().count() as f64
}

/// Returns the advice to add sources, or to accept this number.
fn enough(usable: f64) -> Advice {
    Advice::of([chrony_conf("Use four or more servers, or a pool", "pool pool.ntp.org iburst")]).or_accept(
        "sources",
        Range::at_least(usable),
        Range::at_least(1.0),
    )
}
