//! The time of one call: when it ends, and how much of it this process did not run.

use super::policy::{MAX_TIMEOUT, SHORT_WAIT, STARVED};
use std::time::{Duration, Instant};

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
        Self::at(start, start, start + timeout.min(MAX_TIMEOUT))
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
        let due = self.until.max(self.last) + SHORT_WAIT;
        if now > due + STARVED {
            self.asleep += now - due;
        }
        self.last = now;
        now
    }

    /// Whether the end has come, a moment after the last look: a look would tell nothing while it is far off.
    pub(crate) fn is_over(&mut self) -> bool {
        self.last + SHORT_WAIT + SHORT_WAIT >= self.end && self.now() >= self.end
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
