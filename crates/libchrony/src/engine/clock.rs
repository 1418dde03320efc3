//! The time of one call: when it ends, and how much of it this process did not run.

use std::time::{Duration, Instant};

/// How often the caller of a blocking call is asked whether to go on.
pub(crate) const SLICE: Duration = Duration::from_millis(50);
/// How long a blocking send or receive waits for what comes soon. Most answers come that soon. `poll` waits for the
/// others, since it knows all sockets and the exact moment.
pub(crate) const SOON: Duration = Duration::from_millis(10);
/// The most by which a process is late that was neither stopped nor starved.
const LATE: Duration = Duration::from_millis(250);
/// The bounds of durations, in words.
pub(crate) const LONGER_THAN_0: &str = "be longer than 0";
/// A year: longer than anything is waited for, and short enough to add to any time.
pub(crate) const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// When a call began and ends.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    /// The last look at the clock.
    pub(crate) last: Instant,
    /// The latest moment for the next one.
    until: Instant,
    /// For how long this process did not run when it should have.
    asleep: Duration,
    /// Whether a signal has cut a wait short.
    pub(crate) is_signalled: bool,
}

impl Clock {
    pub(crate) fn new(timeout: Duration) -> Self {
        let start = Instant::now();
        Self::at(start, start, start + timeout.min(FOREVER))
    }

    /// For a part of a call that has begun before.
    pub(crate) fn between(start: Instant, end: Instant) -> Self {
        Self::at(Instant::now(), start, end)
    }

    fn at(now: Instant, start: Instant, end: Instant) -> Self {
        Self { start, end, last: now, until: now, asleep: Duration::ZERO, is_signalled: false }
    }

    /// The time now.
    pub(crate) fn now(&mut self) -> Instant {
        let now = Instant::now();
        let due = self.until.max(self.last) + SOON;
        if now > due + LATE {
            self.asleep += now - due;
        }
        self.last = now;
        now
    }

    /// Whether the end has come, a moment after the last look: a look would tell nothing while it is far off.
    pub(crate) fn is_over(&mut self) -> bool {
        self.last + SOON + SOON >= self.end && self.now() >= self.end
    }

    /// Promises to look at the clock again by then.
    pub(crate) fn waits_until(&mut self, until: Instant) {
        self.until = until.min(self.end);
    }

    /// When one of so many parts of the time left is over, and a limit at most.
    pub(crate) fn share(&self, parts: usize, limit: Duration) -> Instant {
        let left = self.end.saturating_duration_since(self.last);
        self.last + (left / u32::try_from(parts).unwrap_or(u32::MAX)).min(limit)
    }

    /// How long this process did not run since the call began.
    pub(crate) fn asleep(&self) -> Duration {
        self.asleep
    }
}
