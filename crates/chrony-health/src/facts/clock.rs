//! The clock, from the tracking report: its age, its accuracy, and the interval within which it is updated.

use super::{Facts, is_usable};
use crate::quantity::seconds;
use libchrony::{Source, SourceState, Tracking};
use std::time::Duration;

/// The number of polls in the reachability register.
const POLLS: f64 = 8.0;
/// The shortest expected update interval, in seconds. A few missed polls 1/16 s apart are harmless.
const SHORTEST: f64 = 1.0;
/// The longest expected update interval, in seconds: eight polls at the longest NTP polling interval, 2^24 s. A
/// reference clock can have a longer interval. Without this limit, no age would raise an alarm.
const LONGEST: f64 = POLLS * 16_777_216.0;
/// The longest default polling interval (`maxpoll 10`), in seconds.
const USUAL: f64 = 1024.0;

impl Facts {
    /// Returns the time since chronyd was started. `None` if the start is unknown or in the future, for example after a
    /// step of the clock.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        self.time.duration_since(self.started?).ok()
    }

    /// Returns the distance between the last update of the clock and the time of reading, in seconds. `None` without
    /// the tracking report.
    #[must_use]
    pub fn age(&self) -> Option<f64> {
        let updated = self.tracking.as_ref().ok()?.ref_time;
        // A reference time in the future means that a clock was set, or that chronyd runs on another machine. The clock
        // is not fresher for it.
        let age = self.time.duration_since(updated).unwrap_or_else(|before| before.duration());
        Some(age.as_secs_f64())
    }

    /// Returns true if the last update is in the future: this clock was set, or chronyd runs on another machine.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.tracking.as_ref().is_ok_and(|tracking| tracking.ref_time > self.time)
    }

    /// Returns the [`expected_update_interval`], in seconds. `None` without the tracking report.
    #[must_use]
    pub fn expected_update_interval(&self) -> Option<f64> {
        let polled = |source: &Source| Polled {
            state: source.state,
            interval: source.poll_interval(),
            answers: source.is_reachable(),
        };
        let last = self.tracking.as_ref().ok()?.update_interval;
        Some(expected_update_interval(last, self.sources.iter().flatten().map(polled)))
    }

    /// Returns the accuracy of the clock in words, such as `within 4.01 ms of true time, following 192.0.2.1 (stratum
    /// 2)`. `None` unless the clock follows a source.
    #[must_use]
    pub fn accuracy(&self) -> Option<String> {
        let tracking = self.tracking.as_ref().ok().filter(|tracking| follows_source(tracking))?;
        let bound = tracking.clock_error_bound().map(|bound| format!("within {} of true time, ", seconds(bound)));
        let (name, stratum) = (&tracking.reference_id_name, tracking.stratum);
        Some(format!("{}following {name} (stratum {stratum})", bound.unwrap_or_default()))
    }
}

/// A source, as [`expected_update_interval`] needs it.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// The state of the source.
    pub state: SourceState,
    /// The polling interval, in seconds.
    pub interval: f64,
    /// True if the source answered at least one of the last eight polls.
    pub answers: bool,
}

/// Returns the time within which an update of the clock is expected, in seconds: from 1 s to eight polls of 2^24 s.
///
/// The source that counts is the selected one, or else the usable source with the longest polling interval, or else any
/// source with the longest. While it is usable and answers, an update is expected within eight of its polling
/// intervals, since chronyd may skip most of its measurements. Otherwise, an update is expected within one. Without
/// sources, the result is `last`, the interval between the last two updates in seconds, or 1024 s if that is longer.
#[must_use]
pub fn expected_update_interval(last: f64, sources: impl Iterator<Item = Polled> + Clone) -> f64 {
    let best = |one: &Polled, other: &Polled| {
        let rank = |polled: &Polled| (is_usable(polled.state), polled.state == SourceState::Selected);
        rank(one).cmp(&rank(other)).then(one.interval.total_cmp(&other.interval))
    };
    let expected = sources.max_by(best).map_or(last.max(USUAL), |polled| {
        let is_followed = polled.answers && is_usable(polled.state);
        polled.interval * if is_followed { POLLS } else { 1.0 }
    });
    expected.clamp(SHORTEST, LONGEST)
}

/// Returns true if the clock follows a source other than itself.
#[must_use]
pub fn follows_source(tracking: &Tracking) -> bool {
    tracking.is_synchronized() && !tracking.is_local()
}
