//! The causes that concern the clock itself.

use super::{Cause, Explains, Found, Need};
use crate::advice::{Advice, Alternative, chrony_conf, chronyc, shell, step};
use crate::case::Case;
use crate::facts::{LOCAL, LOCAL_STRATUM, follows_source};
use crate::quantity::{YEAR, digits, offset, seconds};
use crate::range::Range;
use libchrony::{LeapStatus, Tracking};

/// The greatest frequency error of a working clock, in ppm. The kernel corrects no more than that.
const MAX_FREQUENCY: f64 = 500.0;
/// The skew of a clock whose frequency was not measured, in ppm.
const NO_SKEW: f64 = 1e6;
/// The shortest time in which chronyd slews, in seconds per second of offset: the default of `maxslewrate`.
const SLEWING_RATE: f64 = 12.0;
/// The time that one may wait for a slew, in seconds.
const PATIENCE: f64 = 3600.0;

pub(super) const OTHER_MACHINE: Cause = Cause {
    name: "other-machine",
    about: "The last update is in the future: the clock was set back, or chronyd runs on another machine",
    method: "tracking: the reference time is later than the time of reading + current correction",
    needs: &[Need::Tracking],
    explains: Explains::these(&["age"]),
    not_told_from: &[Alternative::of("the clock was set during the reading")],
    holds: |case| case.facts.age().filter(|age| *age < 0.0).map(|age| Found::number(-age)),
    says: |case, found| match (case.facts.started, seconds(found.number)) {
        (Some(_), ahead) => format!("chronyd's last update is {ahead} in the future: the clock was set back"),
        (None, ahead) => format!("the clock of chronyd's machine is {ahead} ahead of this machine's clock"),
    },
    advice: |case, _| match case.facts.started {
        Some(_) => Advice::of([step("Wait for the next update"), step("Find out what set the clock back")]),
        None => Advice::of([chronyc("Check each clock on its own machine", "tracking")]),
    },
};

pub(super) const CHANGE_IGNORED: Cause = Cause {
    name: "change-ignored",
    about: "chronyd gets samples, but does not update the clock",
    method: "tracking and sources: the last sample of a usable source is less than half as old as the last update, or there \
             was no update at all",
    needs: &[Need::Tracking, Need::Sources],
    explains: Explains::these(&["age", "reference", "leap", "agreement"]),
    not_told_from: &[
        Alternative::of("maxchange ignores an offset that is too large"),
        Alternative::of("the option filter waits for more samples"),
    ],
    holds: |case| {
        let newest = case.usable().map(|view| f64::from(view.source.last_sample_ago)).reduce(f64::min)?;
        // Both are blurred by up to a second.
        let is_older = |age: f64| newest + 1.0 < (age - 1.0) / 2.0;
        let is_ignored = case.followed().is_none_or(|_| case.facts.age().is_some_and(is_older));
        (is_ignored && !case.facts.tracking.as_ref().is_ok_and(Tracking::is_local)).then(|| Found::number(newest))
    },
    says: |case, found| {
        if case.followed().is_none() {
            let off = case
                .usable()
                .map(|view| view.source.latest_meas)
                .reduce(|most, one| if one.abs() > most.abs() { one } else { most });
            let off = offset(off.unwrap_or_default());
            return format!("usable sources say that this clock is {off}, and chronyd does not correct it");
        }
        let (sample, age) = (seconds(found.number), seconds(case.facts.age().unwrap_or_default()));
        format!("the last sample was {sample} ago, but the last update {age} ago: chronyd ignores the samples")
    },
    advice: |_, _| {
        Advice::of([
            step("Look for \"exceeds the allowed maximum\" in chronyd's log"),
            chrony_conf("If the sources are right, raise the limit", "maxchange"),
        ])
    },
};

pub(super) const STRATUM_16: Cause = Cause {
    name: "stratum-16",
    about: "The source is at stratum 15, so this clock does not count as synchronised",
    method: "tracking: a reference ID, and stratum 16",
    needs: &[Need::Tracking],
    explains: Explains::these(&["reference", "stratum", "bound", "leap"]),
    not_told_from: &[],
    holds: |case| {
        let tracking = case.facts.tracking.as_ref().ok()?;
        (tracking.reference_id.0 != 0 && tracking.stratum >= 16).then(Found::default)
    },
    says: |case, _| {
        let name = case.facts.tracking.as_ref().map_or("", |tracking| &tracking.reference_id_name);
        format!("the clock is not synchronised, since {name} is at stratum 15")
    },
    advice: |_, _| Advice::of([step("Use servers at a lower stratum")]),
};

pub(super) const SERVER_LOCAL: Cause = Cause {
    name: "server-local",
    about: "The source follows only its own clock",
    method: "tracking: stratum 10 to 15. ntpdata: the reference ID of the selected source is 7F7F0101",
    needs: &[Need::Tracking, Need::Sources, Need::NtpData],
    explains: Explains::these(&["stratum"]),
    not_told_from: &[],
    holds: |case| local_server(case).and_then(|_| high_stratum(case)),
    says: |case, _| format!("{} follows only its own clock (local mode)", local_server(case).unwrap_or_default()),
    advice: |case, found| accepted(&format!("Give {} a source", local_server(case).unwrap_or_default()), found),
};

pub(super) const CHAIN_LOCAL: Cause = Cause {
    name: "chain-local",
    about: "The chain of servers probably ends in one that follows only its own clock",
    method: "tracking: stratum 10 to 15",
    needs: &[Need::Tracking],
    explains: Explains::these(&["stratum"]),
    not_told_from: &[Alternative::of("the chain is long, but ends in a reference clock")],
    holds: high_stratum,
    says: |_, found| {
        format!(
            "the clock is at stratum {}: the last server in the chain probably follows only its own clock",
            found.number
        )
    },
    advice: |_, found| accepted("Find the last server in the chain, and give it a source", found),
};

/// Returns the stratum, if it is one that chains have that end in a local clock.
fn high_stratum(case: &Case<'_>) -> Option<Found> {
    let stratum = case.followed()?.stratum;
    (LOCAL_STRATUM..16).contains(&stratum).then(|| Found::number(stratum.into()))
}

/// Returns the advice to take this step, or other servers, or to accept the stratum.
fn accepted(words: &str, found: &Found) -> Advice {
    Advice::of([step(words), step("Or use other servers")]).or_accept(
        "stratum",
        Range::between(1.0, found.number),
        Range::between(1.0, 15.0),
    )
}

/// Returns the selected source if it follows only its own clock.
fn local_server<'a>(case: &Case<'a>) -> Option<&'a str> {
    let selected = case.views.iter().find(|view| view.source.is_selected())?;
    (selected.ntp_data?.reference_id == LOCAL).then_some(&*selected.source.address)
}

pub(super) const YEARS_OFF: Cause = Cause {
    name: "years-off",
    about: "The clock and its sources differ by years",
    method: "tracking: |current correction| is over 365 days",
    needs: &[Need::Tracking],
    explains: Explains::these(&["offset", "bound"]),
    not_told_from: &[Alternative::of("this clock is wrong"), Alternative::of("the sources are wrong")],
    holds: |case| case.correction().filter(|offset| offset.abs() > 365.0 * 86400.0).map(Found::number),
    says: |_, found| {
        let (years, sense) =
            (digits(found.number.abs() / YEAR), if found.number > 0.0 { "behind" } else { "ahead of" });
        format!("this clock is {years} years {sense} its sources: either it or they are wrong")
    },
    advice: |_, _| {
        Advice::of([
            step("Compare both with a third clock first"),
            chronyc(
                "If the sources are right, step the clock. Stop programs first that a jump in time harms",
                "makestep",
            ),
        ])
    },
};

pub(super) const FREQUENCY_BROKEN: Cause = Cause {
    name: "frequency-broken",
    about: "The clock runs too fast or too slow for chronyd to correct it",
    method: "tracking: |frequency + residual frequency| is over 500 ppm",
    needs: &[Need::Tracking],
    explains: Explains::these(&["offset", "bound", "skew"]),
    not_told_from: &[
        Alternative::of("the hypervisor"),
        Alternative::of("the kernel's clock source"),
        Alternative::of("the hardware"),
    ],
    holds: |case| {
        let tracking = case.followed()?;
        let frequency = tracking.frequency + tracking.residual_freq;
        (frequency.abs() > MAX_FREQUENCY).then(|| Found::number(frequency))
    },
    says: |case, found| {
        let off = offset(-case.correction().unwrap_or_default());
        let sense = if found.number > 0.0 { "gains" } else { "loses" };
        let percent = digits(found.number.abs() * 1e-4);
        format!("the clock is {off}, and {sense} {percent} %: its hardware, clock source or hypervisor is broken")
    },
    advice: |_, _| {
        Advice::of([
            shell(
                "See which clock source the kernel uses, and which others are available",
                "grep . /sys/devices/system/clocksource/clocksource0/*_clocksource",
            ),
            step("If this is a virtual machine, check the time settings of the host"),
        ])
    },
};

pub(super) const FREQUENCY_UNKNOWN: Cause = Cause {
    name: "frequency-unknown",
    about: "chronyd has only one measurement so far, and does not know the frequency of the clock",
    method: "tracking: the skew is 1000000 ppm or more",
    needs: &[Need::Tracking],
    explains: Explains::these(&["bound", "skew"]),
    not_told_from: &[],
    holds: |case| case.followed().is_some_and(|tracking| tracking.skew >= NO_SKEW).then(Found::default),
    says: |_, _| "the frequency of the clock is not known: there is only one measurement so far".to_owned(),
    advice: |_, _| {
        Advice::of([
            chronyc("Measure now", "burst 4/4"),
            chrony_conf("Synchronise faster after each start", "iburst"),
            chrony_conf("If the polling interval is longer than 1024 s, limit it", "maxpoll 10"),
        ])
    },
};

macro_rules! part {
    ($constant:ident, $name:literal, $about:literal, $method:literal, $part:ident, $words:literal, $advice:expr) => {
        pub(super) const $constant: Cause = Cause {
            name: $name,
            about: $about,
            method: $method,
            needs: &[Need::Tracking],
            explains: Explains::these(&["bound"]),
            not_told_from: &[],
            holds: |case| {
                let parts = Parts::of(case)?;
                let is_largest = parts.all().into_iter().all(|part| part <= parts.$part);
                is_largest.then(|| Found::number(parts.$part))
            },
            says: |case, found| {
                let bound = case.facts.tracking.as_ref().ok().and_then(Tracking::clock_error_bound).unwrap_or_default();
                format!(concat!("the clock can be {} wrong, {} of it ", $words), seconds(bound), seconds(found.number))
            },
            advice: |_, _| $advice,
        };
    };
}

part!(
    LONG_POLLS,
    "long-polls",
    "The error bound grows with the time since the last update",
    "tracking: the largest part of the bound is (skew + |residual frequency| + 1 ppm) * age",
    growth,
    "because of the time since the last update",
    Advice::of([chrony_conf("Poll more often", "maxpoll 6")])
);
part!(
    FAR_SERVERS,
    "far-servers",
    "The delay to the reference clock is long",
    "tracking: the largest part of the bound is root delay / 2",
    delay,
    "because of the delay to the reference clock (root delay / 2)",
    Advice::of([step("Use servers that are nearer on the network")])
);
part!(
    DISPERSION,
    "dispersion",
    "The time of the servers, or the measurements of it, are uncertain",
    "tracking: the largest part of the bound is the root dispersion without its growth since the last update",
    dispersion,
    "because of the uncertainty of servers and measurements (root dispersion)",
    Advice::of([
        chronyc("See the root dispersion of each server", "ntpdata"),
        step("Use servers with less root dispersion or jitter")
    ])
);

pub(super) const SLEWING: Cause = Cause {
    name: "slewing",
    about: "chronyd has not corrected the offset of the clock yet: it slews, or waits for a step",
    method: "tracking: current correction",
    needs: &[Need::Tracking],
    explains: Explains::these(&["offset", "bound"]),
    not_told_from: &[Alternative::of("chronyd runs with -x, and another program or the host controls this clock")],
    holds: |case| case.correction().filter(|offset| *offset != 0.0).map(Found::number),
    says: |_, found| format!("the clock is {}, and chronyd corrects it by slewing", offset(-found.number)),
    advice: |case, found| {
        let needed = SLEWING_RATE * found.number.abs();
        let is_overdue = case.facts.age().is_some_and(|age| age > needed);
        let host = "chronyd may run with -x, and then another program or the host has to correct the clock";
        let wait = step(format!("Wait: slewing takes {} or more", seconds(needed)));
        let makestep =
            chronyc("Step the clock now, if a jump in time harms no program (it can harm a database)", "makestep");
        let mut steps = match (is_overdue, needed > PATIENCE) {
            (true, _) => vec![step(format!("It should have been corrected by now: {host}")), makestep],
            (false, true) => vec![makestep, wait, step(format!("If the offset stays, {host}"))],
            (false, false) => vec![wait, makestep, step(format!("If the offset stays, {host}"))],
        };
        // makestep 1 3 steps what is over a second.
        steps.extend(
            (found.number.abs() > 1.0).then(|| chrony_conf("Let chronyd step it after each start", "makestep 1 3")),
        );
        Advice { steps, accept: Vec::new() }
    },
};

pub(super) const LEAP_SECOND: Cause = Cause {
    name: "leap-second",
    about: "A leap second is announced, or is being inserted",
    method: "tracking: leap status 1 or 2; or 3, with a reference ID",
    needs: &[Need::Tracking],
    explains: Explains::these(&["leap"]),
    not_told_from: &[Alternative::of("the announcement is false")],
    holds: |case| {
        let tracking = case.facts.tracking.as_ref().ok()?;
        let is_made = tracking.leap_status == LeapStatus::NotSynchronized && follows_source(tracking);
        (tracking.is_leap_pending() || is_made).then(|| Found::number(tracking.leap_status.number().into()))
    },
    says: |_, found| {
        match found.number {
            1.0 => "a leap second will be inserted at the end of this day (UTC)",
            2.0 => "the last second of this day (UTC) will be deleted",
            _ => "a leap second is being inserted or deleted",
        }
        .to_owned()
    },
    advice: |_, found| {
        let compare = step("Compare the announcement with IERS Bulletin C, since some are false");
        let advice = if found.number < 3.0 {
            Advice::of([compare])
        } else {
            Advice::of([step("Ask again in a few seconds"), compare])
        };
        if found.number < 3.0 { advice.or_accept("leap", Range::up_to(2.0), Range::up_to(2.0)) } else { advice }
    },
};

/// The parts of the error bound, in seconds.
struct Parts {
    correction: f64,
    delay: f64,
    growth: f64,
    dispersion: f64,
}

impl Parts {
    fn of(case: &Case<'_>) -> Option<Self> {
        let tracking = case.followed()?;
        let rate = (tracking.skew + tracking.residual_freq.abs() + 1.0) * 1e-6;
        let growth = (rate * case.facts.age()?.max(0.0)).min(tracking.root_dispersion);
        Some(Self {
            correction: tracking.offset.abs(),
            delay: tracking.root_delay / 2.0,
            growth,
            dispersion: tracking.root_dispersion - growth,
        })
    }

    fn all(&self) -> [f64; 4] {
        [self.correction, self.delay, self.growth, self.dispersion]
    }
}

impl<'a> Case<'a> {
    /// Returns the tracking report, if the clock follows a source.
    fn followed(&self) -> Option<&'a Tracking> {
        self.facts.tracking.as_ref().ok().filter(|tracking| follows_source(tracking))
    }

    /// Returns the correction that chronyd still makes, in seconds. Positive if the clock is slow.
    fn correction(&self) -> Option<f64> {
        self.followed().map(|tracking| tracking.offset)
    }
}
