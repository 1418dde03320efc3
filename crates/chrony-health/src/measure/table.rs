//! The table of the measures.

use super::words::{age_words, agreement_words, leap, reach_words, reference, sources};
use super::{Measure, Measured, Value};
use crate::case::{Case, is_falseticker, names};
use crate::facts::{Fact, View, follows_source, is_away};
use crate::quantity::{offset, seconds};
use crate::range::{Range, Unit};
use libchrony::{AuthMode, Open, Tracking};

pub(super) const MEASURES: &[Measure] = &[
    Measure {
        name: Measure::CHRONYD,
        about: "1 if chronyd answers, 0 if it does not",
        unit: Unit::Number,
        warning: Range::ANY,
        critical: Range::at_least(1.0),
        limits_in: None,
        method: "An answer to the request for the tracking report. Unknown without permission to ask, or without libchrony",
        is_opt_in: false,
        takes_time: false,
        read: chronyd,
        words: |case, _| match &case.facts.tracking {
            Ok(_) => "chronyd answers".to_owned(),
            Err(error) => error.to_string(),
        },
        // The error message says what to do.
        advice: "",
    },
    Measure {
        name: "reference",
        about: "1 if the clock follows a source, 0 if it follows none, or only itself",
        unit: Unit::Number,
        warning: Range::ANY,
        critical: Range::at_least(1.0),
        limits_in: None,
        method: "tracking: the reference ID is not 0 and not 7F7F0101 (the local clock), and the stratum is below 16",
        is_opt_in: false,
        takes_time: true,
        read: |case| of(&case.facts.tracking, |tracking| Some(f64::from(u8::from(follows_source(tracking))))),
        words: |case, _| {
            let follows = case.facts.tracking.as_ref().map_or_else(|_| String::new(), reference);
            format!("the clock follows {follows}")
        },
        advice: "Compare the sources in chrony.conf with the output of chronyc sources",
    },
    Measure {
        name: "leap",
        about: "Leap status: 0 normal, 1 a second is inserted today, 2 a second is deleted today, 3 not synchronised",
        unit: Unit::Number,
        warning: Range::up_to(0.0),
        critical: Range::up_to(2.0),
        limits_in: None,
        method: "tracking: leap status",
        is_opt_in: false,
        takes_time: true,
        read: |case| of(&case.facts.tracking, |tracking| Some(tracking.leap_status.number().into())),
        words: |case, _| {
            case.facts.tracking.as_ref().map_or_else(|_| String::new(), |tracking| leap(tracking.leap_status))
        },
        advice: "Compare the announcement with IERS Bulletin C",
    },
    Measure {
        name: "bound",
        about: "The greatest error that the clock can have, if its reference clock is right",
        unit: Unit::Seconds,
        warning: Range::up_to(0.1),
        critical: Range::up_to(1.0),
        limits_in: None,
        method: "tracking: |current correction| + root dispersion + root delay / 2, while the clock follows a source",
        is_opt_in: false,
        takes_time: true,
        read: |case| of(&case.facts.tracking, Tracking::clock_error_bound),
        words: |_, value| format!("the clock can be {} wrong", seconds(value)),
        advice: "Use nearer sources, or shorter polling intervals",
    },
    Measure {
        name: "offset",
        about: "The distance of the clock from chronyd's estimate of true time",
        unit: Unit::Seconds,
        warning: Range::up_to(0.01),
        critical: Range::up_to(0.05),
        limits_in: None,
        method: "tracking: |current correction|, while the clock follows a source",
        is_opt_in: false,
        takes_time: false,
        read: |case| followed(case, |tracking| tracking.offset.abs()),
        words: |case, _| {
            let fast = case.facts.tracking.as_ref().map_or(0.0, |tracking| -tracking.offset);
            format!("the clock is {}", offset(fast))
        },
        advice: "Wait until chronyd has corrected it. Or step the clock, if no program is harmed by a jump in \
                 time: chronyc makestep",
    },
    Measure {
        name: "stratum",
        about: "The number of servers between the clock and a reference clock, plus one",
        unit: Unit::Number,
        warning: Range::between(1.0, 9.0),
        critical: Range::between(1.0, 15.0),
        limits_in: None,
        method: "tracking: stratum. It is 0 without a source, and the measure does not apply",
        is_opt_in: false,
        takes_time: false,
        read: |case| {
            of(&case.facts.tracking, |tracking| Some(tracking.stratum.into()).filter(|stratum| *stratum > 0.0))
        },
        words: |_, value| format!("the clock is at stratum {value}"),
        advice: "Use sources at a lower stratum",
    },
    Measure {
        name: "age",
        about: "The time since the last update of the clock",
        unit: Unit::Seconds,
        warning: Range::up_to(4.0),
        critical: Range::up_to(8.0),
        limits_in: Some("times the expected interval"),
        method: "tracking: the time of reading + current correction - reference time, while the clock follows a source. \
                 sources: an update is expected within eight polling intervals of the selected source while it answers, \
                 and within one while it does not. The expected interval is at least 1 s. For a time in the future, the \
                 limits are in seconds",
        is_opt_in: false,
        takes_time: false,
        read: age,
        words: age_words,
        advice: "Wait for the next updates, and see whether the age shrinks",
    },
    Measure {
        name: "sources",
        about: "The number of usable sources",
        unit: Unit::Number,
        warning: Range::at_least(4.0),
        critical: Range::at_least(1.0),
        limits_in: Some("NTP sources; one reference clock is enough"),
        method: "selectdata: chronyd can use the source. sources: its last sample is at most eight polls old. With a \
                 usable reference clock, the limits are a quarter",
        is_opt_in: false,
        takes_time: true,
        read: |case| {
            known(&case.facts.sources)?;
            let scale = if case.usable().any(View::is_clock) { 0.25 } else { 1.0 };
            Ok(Some(Value { number: count(case.usable()), scale }))
        },
        words: sources,
        advice: "Configure four servers or more, or a pool, in chrony.conf",
    },
    Measure {
        name: "reach",
        about: "The share of the last eight polls that were answered",
        unit: Unit::Percent,
        warning: Range::at_least(75.0),
        critical: Range::ANY,
        limits_in: None,
        method: "sources: the share of set bits in the reachability of the usable NTP sources, counted from the highest set \
                 bit; without a usable source, of all NTP sources that have an address",
        is_opt_in: false,
        takes_time: true,
        read: |case| {
            known(&case.facts.sources)?;
            let polled = polled(case);
            let answered = polled.iter().map(|view| view.source.reachability.count_ones()).sum::<u32>();
            // chronyd resets the reachability when a source is added or comes online. Earlier polls do not count.
            let polls = polled.iter().map(|view| match view.source.reachability {
                0 => u8::BITS,
                some => u8::BITS - some.leading_zeros(),
            });
            let polls = polls.sum::<u32>();
            Ok((polls > 0).then(|| (100.0 * f64::from(answered) / f64::from(polls)).into()))
        },
        words: |case, value| reach_words(&polled(case), value),
        advice: "Wait for the next polls, and see whether answers are still lost",
    },
    Measure {
        name: "falsetickers",
        about: "The number of sources that chronyd rejects as wrong",
        unit: Unit::Number,
        warning: Range::up_to(0.0),
        critical: Range::ANY,
        limits_in: None,
        method: "sources: the number of sources with the state falseticker",
        is_opt_in: false,
        takes_time: false,
        read: |case| Ok(Some(count(known(&case.facts.sources)?.iter().filter(|source| is_falseticker(source))).into())),
        words: |case, _| match names(case.facts.sources.iter().flatten().filter(|source| is_falseticker(source))) {
            none if none.is_empty() => "no source is a falseticker".to_owned(),
            some => format!("falsetickers: {some}"),
        },
        advice: "Compare the falsetickers with other servers",
    },
    Measure {
        name: "agreement",
        about: "The number of sources that contradict the clock",
        unit: Unit::Number,
        warning: Range::up_to(2.0),
        critical: Range::ANY,
        limits_in: None,
        method: "sources: the number of reachable sources whose last offset +/- error lies outside of 0 +/- the error bound, \
                 while the clock follows a source",
        is_opt_in: false,
        takes_time: false,
        read: |case| {
            known(&case.facts.sources)?;
            of(&case.facts.tracking, |tracking| {
                let bound = tracking.clock_error_bound()?;
                #[expect(clippy::cast_precision_loss, reason = "chronyd has far fewer sources than a float counts")]
                Some(case.contradicting(bound).len() as f64)
            })
        },
        words: agreement_words,
        advice: "Compare the clock with other servers",
    },
    Measure {
        name: "skew",
        about: "The uncertainty of the frequency of the clock",
        unit: Unit::Ppm,
        warning: Range::ANY,
        critical: Range::ANY,
        limits_in: None,
        method: "tracking: skew, while the clock follows a source",
        is_opt_in: true,
        takes_time: false,
        read: |case| followed(case, |tracking| tracking.skew),
        words: |_, value| format!("the frequency is known only within {value:.3} ppm"),
        advice: "Wait until it shrinks. If it does not, the measurements of the sources vary, or the temperature \
                 of the clock changes",
    },
    Measure {
        name: "nts",
        about: "The share of the usable NTP sources that are authenticated by NTS",
        unit: Unit::Percent,
        warning: Range::at_least(100.0),
        critical: Range::at_least(1.0),
        limits_in: None,
        method: "authdata: the mode is NTS, and keys were established. sources: the source is usable",
        is_opt_in: true,
        takes_time: false,
        read: nts,
        words: |_, value| format!("only {value:.0} % of the usable sources are authenticated by NTS"),
        advice: "Add the option nts to the servers in chrony.conf",
    },
];

fn known<T>(fact: &Fact<T>) -> Result<&T, String> {
    fact.as_ref().map_err(ToString::to_string)
}

/// Reads a value from a report.
fn of<T>(fact: &Fact<T>, value: impl Fn(&T) -> Option<f64>) -> Measured {
    Ok(value(known(fact)?).map(Value::from))
}

/// Reads a value from the tracking report. The value means nothing unless the clock follows a source.
fn followed(case: &Case<'_>, value: impl Fn(&Tracking) -> f64) -> Measured {
    of(&case.facts.tracking, |tracking| follows_source(tracking).then(|| value(tracking)))
}

fn chronyd(case: &Case<'_>) -> Measured {
    match &case.facts.tracking {
        Ok(_) => Ok(Some(1.0.into())),
        Err(error) if is_away(error) => Ok(Some(0.0.into())),
        Err(error) => Err(error.to_string()),
    }
}

fn age(case: &Case<'_>) -> Measured {
    let tracking = known(&case.facts.tracking)?;
    let value = case.facts.age().map(|age| match case.facts.expected_update_interval() {
        Some(expected) if age >= 0.0 => Value { number: age, scale: expected },
        _ => age.abs().into(),
    });
    Ok(value.filter(|_| follows_source(tracking)))
}

/// Returns the NTP sources whose polls count: the usable ones, or else all that have an address.
fn polled<'a, 'b>(case: &'b Case<'a>) -> Vec<&'b View<'a>> {
    let polled: Vec<_> = case.views.iter().filter(|view| view.is_resolved() && !view.is_clock()).collect();
    if case.has_no_usable() { polled } else { polled.into_iter().filter(|view| view.is_usable).collect() }
}

fn nts(case: &Case<'_>) -> Measured {
    let Some(auth_data) = &case.facts.auth_data else { return Err("authdata was not read".to_owned()) };
    known(auth_data)?;
    let usable = || case.usable().filter(|view| !view.is_clock());
    if usable().any(|view| view.auth_data.is_none()) {
        return Err("the sources changed while they were read".to_owned());
    }
    let is_authenticated = |auth: &libchrony::AuthData| auth.mode == Open::Known(AuthMode::Nts) && auth.key_id > 0;
    let authenticated = usable().filter(|view| view.auth_data.is_some_and(is_authenticated));
    let all = count(usable());
    Ok((all > 0.0).then(|| (100.0 * count(authenticated) / all).into()))
}

#[expect(clippy::cast_precision_loss, reason = "chronyd has far fewer sources than a float counts")]
fn count<T>(things: impl Iterator<Item = T>) -> f64 {
    things.count() as f64
}
