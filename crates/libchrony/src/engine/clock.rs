//! The clock of one call: its deadline, and the time during which this process did not run. Waiting is left to the
//! drivers.
//!
//! All moments of the engine come from [`now`], so that a test can hold the clock (`Held`) and prove the rules about
//! time without waiting.

use super::policy::{MAX_TIMEOUT, SHORT_WAIT, STARVED};
use std::time::{Duration, Instant};

/// Returns the present moment.
pub(crate) fn now() -> Instant {
    #[cfg(test)]
    if let Some(held) = held::MOMENT.get() {
        return held;
    }
    Instant::now()
}

/// The start and the deadline of a call, and the last reading of the clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    /// The last reading of the clock.
    pub(crate) last: Instant,
    /// The latest moment for the next reading.
    until: Instant,
    /// The time during which this process did not run when it should have.
    pub(crate) asleep: Duration,
    /// Set once a signal has interrupted a wait.
    pub(crate) is_signalled: bool,
}

impl Clock {
    pub(crate) fn new(timeout: Duration) -> Self {
        let start = now();
        Self::at(start, start, start + timeout.min(MAX_TIMEOUT))
    }

    /// Creates the clock for a part of a call that has begun before.
    pub(crate) fn between(start: Instant, end: Instant) -> Self {
        Self::at(now(), start, end)
    }

    fn at(now: Instant, start: Instant, end: Instant) -> Self {
        Self { start, end, last: now, until: now, asleep: Duration::ZERO, is_signalled: false }
    }

    /// Reads the clock.
    pub(crate) fn now(&mut self) -> Instant {
        let now = now();
        let due = self.until.max(self.last) + SHORT_WAIT;
        if now > due + STARVED {
            self.asleep += now - due;
        }
        self.last = now;
        now
    }

    /// Returns true after the deadline. The clock is read only if the deadline is near.
    pub(crate) fn is_over(&mut self) -> bool {
        self.last + SHORT_WAIT + SHORT_WAIT >= self.end && self.now() >= self.end
    }

    /// Sets the moment by which the clock is read again.
    pub(crate) fn waits_until(&mut self, until: Instant) {
        self.until = until.min(self.end);
    }

    /// Returns the end of one of several equal parts of the time left, but at most `limit` after the last reading.
    pub(crate) fn share(&self, parts: usize, limit: Duration) -> Instant {
        let left = self.end.saturating_duration_since(self.last);
        self.last + (left / u32::try_from(parts).unwrap_or(u32::MAX)).min(limit)
    }
}

#[cfg(test)]
pub(crate) mod held {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    thread_local! {
        pub(super) static MOMENT: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    /// A guard that stops the clock for this thread until it is dropped. Only [`pass`](Self::pass) and
    /// [`set`](Self::set) move the clock.
    #[derive(Debug)]
    pub(crate) struct Held(Cell<Instant>);

    impl Held {
        pub(crate) fn new() -> Self {
            let now = Instant::now();
            assert!(MOMENT.replace(Some(now)).is_none(), "held twice");
            Self(Cell::new(now))
        }

        pub(crate) fn set(&self, moment: Instant) {
            assert!(self.0.replace(moment) <= moment, "back in time");
            MOMENT.set(Some(moment));
        }

        pub(crate) fn pass(&self, time: Duration) {
            self.set(self.0.get() + time);
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            MOMENT.set(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::held::Held;
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const ASLEEP: Duration = Duration::from_millis(500);

    #[test]
    fn a_call_ends_at_its_timeout_which_is_a_year_at_most() {
        let held = Held::new();
        let mut clock = Clock::new(100 * MS);
        assert_eq!(clock.end, now() + 100 * MS);
        held.pass(99 * MS);
        assert!(clock.now() < clock.end && !clock.is_over());
        held.pass(MS);
        assert!(clock.is_over());
        assert_eq!(Clock::new(Duration::MAX).end, now() + MAX_TIMEOUT);
    }

    /// A receive waits for `SHORT_WAIT` at most. The clock is not read while two such waits end before the deadline.
    #[test]
    fn the_clock_is_read_only_near_the_deadline() {
        let held = Held::new();
        let mut clock = Clock::new(100 * MS);
        held.pass(200 * MS);
        assert!(!clock.is_over(), "read the clock 100 ms before the deadline");
        clock.now();
        assert!(clock.is_over());
        let mut clock = Clock::new(SHORT_WAIT * 2);
        held.pass(SHORT_WAIT * 2);
        assert!(clock.is_over());
    }

    #[test]
    fn the_time_left_is_shared_up_to_a_limit() {
        let held = Held::new();
        let mut clock = Clock::new(1000 * MS);
        let share = |clock: &Clock, parts, limit| clock.share(parts, limit) - now();
        assert_eq!(share(&clock, 1, 5000 * MS), 1000 * MS);
        assert_eq!(share(&clock, 4, 5000 * MS), 250 * MS);
        assert_eq!(share(&clock, 4, 200 * MS), 200 * MS);
        held.pass(600 * MS);
        clock.now();
        assert_eq!(share(&clock, 4, 5000 * MS), 100 * MS);
        held.pass(600 * MS);
        clock.now();
        assert_eq!(share(&clock, 1, 5000 * MS), Duration::ZERO, "after the end");
    }

    #[test]
    fn a_wake_up_that_is_far_too_late_counts_as_sleep() {
        let late = ASLEEP + SHORT_WAIT;
        let held = Held::new();
        let mut clock = Clock::new(10_000 * MS);
        clock.waits_until(now() + 1000 * MS);
        held.pass(1000 * MS + SHORT_WAIT + STARVED);
        clock.now();
        assert_eq!(clock.asleep, Duration::ZERO, "late, as on any busy machine");
        clock.waits_until(now() + 1000 * MS);
        held.pass(1000 * MS + late);
        clock.now();
        assert_eq!(clock.asleep, ASLEEP);
        // Without a wait, the next reading is due at once. Both times count.
        held.pass(late);
        clock.now();
        assert_eq!(clock.asleep, ASLEEP * 2);
        // A wait ends at the deadline at the latest.
        clock.waits_until(now() + 60_000 * MS);
        held.set(clock.end + late);
        clock.now();
        assert_eq!(clock.asleep, ASLEEP * 3);
    }
}
