//! The table of the measures.

use super::words::{leap, names, reference, sources};
use super::{Measure, Measured, Value};
use crate::facts::{Fact, Facts, follows_source, is_away, is_clock, is_resolved, is_usable};
use crate::quantity::{interval, seconds};
use crate::range::{Range, Unit};
use libchrony::{AuthMode, Open, Source, SourceState, Tracking};

pub(super) const MEASURES: &[Measure] = &[
    Measure {
        name: Measure::CHRONYD,
        about: "Whether chronyd answers: 1, or 0 where it does not",
        unit: Unit::Number,
        warning: Range::ANY,
        critical: Range::at_least(1.0),
        limits_in: None,
        method: "The tracking report comes. Without a right to ask, or without libchrony, it is unknown",
        is_opt_in: false,
        takes_time: false,
        read: chronyd,
        words: |facts, _| match &facts.tracking {
            Ok(_) => "chronyd answers".to_owned(),
            Err(error) => error.to_string(),
        },
        advice: "What the message says",
    },
    Measure {
        name: "reference",
        about: "Whether the clock follows a source: 1, or 0 where it follows none, or only itself",
        unit: Unit::Number,
        warning: Range::ANY,
        critical: Range::at_least(1.0),
        limits_in: None,
        method: "tracking: the reference ID is not 0 and not 7F7F0101 (the local clock), and the stratum is below 16",
        is_opt_in: false,
        takes_time: true,
        read: |facts| of(&facts.tracking, |tracking| Some(f64::from(u8::from(follows_source(tracking))))),
        words: |facts, _| facts.tracking.as_ref().map_or_else(|_| String::new(), reference),
        advice: "See which sources answer (chrony-report sources); give chrony.conf servers or a pool, and let UDP port \
                 123 through to them",
    },
    Measure {
        name: "leap",
        about: "Leap status: 0 normal, 1 a second is inserted today, 2 one is left out, 3 not synchronised",
        unit: Unit::Number,
        warning: Range::up_to(0.0),
        critical: Range::up_to(2.0),
        limits_in: None,
        method: "tracking: leap status",
        is_opt_in: false,
        takes_time: true,
        read: |facts| of(&facts.tracking, |tracking| Some(tracking.leap_status.number().into())),
        words: |facts, _| facts.tracking.as_ref().map_or_else(|_| String::new(), |tracking| leap(tracking.leap_status)),
        advice: "Compare a coming leap second with IERS Bulletin C; not synchronised: see which sources answer \
                 (chrony-report sources)",
    },
    Measure {
        name: "bound",
        about: "How wrong the clock can be",
        unit: Unit::Seconds,
        warning: Range::up_to(0.1),
        critical: Range::up_to(1.0),
        limits_in: None,
        method: "tracking: |current correction| + root dispersion + root delay / 2, while the clock follows a source",
        is_opt_in: false,
        takes_time: true,
        read: |facts| of(&facts.tracking, Tracking::clock_error_bound),
        words: |_, value| format!("the clock can be {} wrong", seconds(value)),
        advice: "Use nearer sources: root delay and dispersion (chrony-report tracking) tell which part is large",
    },
    Measure {
        name: "offset",
        about: "How far the clock is from what chronyd takes for right",
        unit: Unit::Seconds,
        warning: Range::up_to(0.01),
        critical: Range::up_to(0.05),
        limits_in: None,
        method: "tracking: |current correction|, while the clock follows a source",
        is_opt_in: false,
        takes_time: false,
        read: |facts| followed(facts, |tracking| tracking.offset.abs()),
        words: |facts, value| {
            let is_slow = facts.tracking.as_ref().is_ok_and(|tracking| tracking.offset > 0.0);
            format!("the clock is {} {}", seconds(value), if is_slow { "slow" } else { "fast" })
        },
        advice: "chronyd is correcting it; makestep in chrony.conf, or chronyc makestep, steps it at once",
    },
    Measure {
        name: "stratum",
        about: "How many hops away the reference clock is",
        unit: Unit::Number,
        warning: Range::between(1.0, 9.0),
        critical: Range::between(1.0, 15.0),
        limits_in: None,
        method: "tracking: stratum, unless it is 0, which says that there is no source",
        is_opt_in: false,
        takes_time: false,
        read: |facts| of(&facts.tracking, |tracking| Some(tracking.stratum.into()).filter(|stratum| *stratum > 0.0)),
        words: |_, value| format!("the clock is at stratum {value}"),
        advice: "Use sources of a lower stratum; at 10 or more, a server in the chain probably follows only its own clock",
    },
    Measure {
        name: "age",
        about: "How long ago the clock was last updated",
        unit: Unit::Seconds,
        warning: Range::up_to(4.0),
        critical: Range::up_to(8.0),
        limits_in: Some("times the expected interval"),
        method: "tracking: the time of reading less the reference time. sources: an update is expected within eight polling \
              intervals of the selected source while it answers, within one while it does not, and not within less \
              than 1 s; one in the future counts in seconds",
        is_opt_in: false,
        takes_time: false,
        read: age,
        words: |facts, value| {
            let (age, expected) = (interval(value), interval(facts.expected_update_interval().unwrap_or_default()));
            if facts.is_ahead() {
                format!("the last update is {age} in the future by this machine's clock")
            } else {
                format!("the last update was {age} ago (expected within {expected})")
            }
        },
        advice: "The sources were lost: see which still answer (chrony-report sources), and whether the network does; in the \
                 future: compare this machine's clock with that of chronyd's",
    },
    Measure {
        name: "sources",
        about: "How many sources are usable",
        unit: Unit::Number,
        warning: Range::at_least(4.0),
        critical: Range::at_least(1.0),
        limits_in: Some("NTP sources; one reference clock is enough"),
        method: "sources: how many are selected, combined or selectable. With a usable reference clock, limits are a quarter",
        is_opt_in: false,
        takes_time: true,
        read: |facts| {
            let sources = known(&facts.sources)?;
            let scale =
                if sources.iter().any(|source| is_usable(source.state) && is_clock(source)) { 0.25 } else { 1.0 };
            Ok(Some(Value { number: count(sources.iter().filter(|source| is_usable(source.state))), scale }))
        },
        words: sources,
        advice: "Have four NTP servers or more, or a pool, in chrony.conf; chrony-report selectdata tells why one is not \
                 used",
    },
    Measure {
        name: "reach",
        about: "How many of the last eight polls were answered",
        unit: Unit::Percent,
        warning: Range::at_least(75.0),
        critical: Range::at_least(50.0),
        limits_in: None,
        method: "sources: the share of set bits in the reachability of the usable sources, counted from the highest set \
              bit; without a usable source, of all sources that have an address",
        is_opt_in: false,
        takes_time: true,
        read: |facts| {
            let polled: Vec<_> = known(&facts.sources)?.iter().filter(|source| is_resolved(source)).collect();
            let usable: Vec<_> = polled.iter().copied().filter(|source| is_usable(source.state)).collect();
            let polled = if usable.is_empty() { polled } else { usable };
            let answered = polled.iter().map(|source| source.reachability.count_ones()).sum::<u32>();
            // chronyd resets the reachability when a source is added or comes online. Earlier polls do not count.
            let polls = polled.iter().map(|source| match source.reachability {
                0 => u8::BITS,
                some => u8::BITS - some.leading_zeros(),
            });
            let polls = polls.sum::<u32>();
            Ok((polls > 0).then(|| (100.0 * f64::from(answered) / f64::from(polls)).into()))
        },
        words: |facts, value| {
            let usable = facts.sources.iter().flatten().any(|source| is_resolved(source) && is_usable(source.state));
            let is_counted = |source: &Source| is_resolved(source) && (is_usable(source.state) || !usable);
            let lost = |source: &&Source| is_counted(source) && !source.is_reachable();
            let lost = names(facts.sources.iter().flatten().filter(lost));
            let lost = if lost.is_empty() { lost } else { format!(", and none by {lost}") };
            format!("{value:.0} % of the last polls were answered{lost}")
        },
        advice: "See which sources do not answer (chrony-report sources): replace them, and let UDP port 123 through",
    },
    Measure {
        name: "falsetickers",
        about: "How many sources disagree with the majority",
        unit: Unit::Number,
        warning: Range::up_to(0.0),
        critical: Range::ANY,
        limits_in: None,
        method: "sources: how many have the state falseticker",
        is_opt_in: false,
        takes_time: false,
        read: |facts| Ok(Some(count(known(&facts.sources)?.iter().filter(|source| is_falseticker(source))).into())),
        words: |facts, _| match names(facts.sources.iter().flatten().filter(|source| is_falseticker(source))) {
            none if none.is_empty() => "no source disagrees with the majority".to_owned(),
            some => format!("falsetickers, which the majority does not agree with: {some}"),
        },
        advice: "Remove falsetickers from chrony.conf, or tell their operators; with two sources none can tell which is \
                 right",
    },
    Measure {
        name: "skew",
        about: "How uncertain the frequency of the clock is",
        unit: Unit::Ppm,
        warning: Range::ANY,
        critical: Range::ANY,
        limits_in: None,
        method: "tracking: skew, while the clock follows a source",
        is_opt_in: true,
        takes_time: false,
        read: |facts| followed(facts, |tracking| tracking.skew),
        words: |_, value| format!("the frequency is known only within {value:.3} ppm"),
        advice: "It shrinks with time; where it does not, the sources jitter or the clock's temperature changes",
    },
    Measure {
        name: "nts",
        about: "How many of the usable NTP sources are authenticated by NTS",
        unit: Unit::Percent,
        warning: Range::at_least(100.0),
        critical: Range::at_least(1.0),
        limits_in: None,
        method: "sources and authdata: the usable NTP sources with mode NTS for which keys were established",
        is_opt_in: true,
        takes_time: false,
        read: nts,
        words: |_, value| format!("only {value:.0} % of the usable sources are authenticated by NTS"),
        advice: "Add `nts` to the servers in chrony.conf, and let TCP port 4460 through; see chrony-report authdata",
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
fn followed(facts: &Facts, value: impl Fn(&Tracking) -> f64) -> Measured {
    of(&facts.tracking, |tracking| follows_source(tracking).then(|| value(tracking)))
}

fn chronyd(facts: &Facts) -> Measured {
    match &facts.tracking {
        Ok(_) => Ok(Some(1.0.into())),
        Err(error) if is_away(error) => Ok(Some(0.0.into())),
        Err(error) => Err(error.to_string()),
    }
}

fn age(facts: &Facts) -> Measured {
    let tracking = known(&facts.tracking)?;
    let expected = facts.expected_update_interval().filter(|_| !facts.is_ahead());
    let value = facts.age().map(|number| Value { number, scale: expected.unwrap_or(1.0) });
    Ok(value.filter(|_| follows_source(tracking)))
}

fn nts(facts: &Facts) -> Measured {
    let Some(auth_data) = &facts.auth_data else { return Err("authdata was not read".to_owned()) };
    let (sources, auth_data) = (known(&facts.sources)?, known(auth_data)?);
    if sources.len() != auth_data.len() {
        return Err("the sources changed while they were read".to_owned());
    }
    let usable = || sources.iter().zip(auth_data).filter(|(source, _)| is_usable(source.state) && !is_clock(source));
    let is_authenticated = |auth: &libchrony::AuthData| auth.mode == Open::Known(AuthMode::Nts) && auth.key_id > 0;
    let authenticated = usable().filter(|(_, auth)| auth.as_ref().is_some_and(is_authenticated));
    let all = count(usable());
    Ok((all > 0.0).then(|| (100.0 * count(authenticated) / all).into()))
}

#[expect(clippy::cast_precision_loss, reason = "chronyd has far fewer sources than a float counts")]
fn count<T>(things: impl Iterator<Item = T>) -> f64 {
    things.count() as f64
}

fn is_falseticker(source: &Source) -> bool {
    source.state == SourceState::Falseticker
}
