//! How long an answer takes, and from when on a request counts as lost.
//!
//! The rules are those of TCP (RFC 6298): the smoothed round trip, and four times its smoothed deviation. A datagram
//! that is asked for again has no round trip, since its answer may be to either request (Karn's rule).

use super::policy::{MAX_PATIENCE, MIN_PATIENCE};
use std::time::Duration;

/// What is known of the round trip to one address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoundTrip {
    smoothed: Option<Duration>,
    deviation: Duration,
    shortest: Duration,
}

impl RoundTrip {
    pub(crate) fn measured(&mut self, sample: Duration) {
        let Some(smoothed) = self.smoothed else {
            *self = Self { smoothed: Some(sample), deviation: sample / 2, shortest: sample };
            return;
        };
        self.deviation = (self.deviation * 3 + smoothed.abs_diff(sample)) / 4;
        self.smoothed = Some((smoothed * 7 + sample) / 8);
        self.shortest = self.shortest.min(sample);
    }

    /// How long a request waits until it counts as lost, when the same was asked so many times before.
    pub(crate) fn patience(&self, before: u32) -> Duration {
        let first = self
            .smoothed
            .map_or(MAX_PATIENCE, |smoothed| (smoothed + self.deviation * 4).clamp(MIN_PATIENCE, MAX_PATIENCE));
        first.saturating_mul(1 << before.min(16))
    }

    /// For how long an answer was probably queued: what it took longer than the quickest and half as much again, which
    /// networks are late by.
    pub(crate) fn queued(&self, sample: Duration) -> Duration {
        sample.saturating_sub(self.shortest * 3 / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn patience_follows_the_round_trip_within_bounds_and_doubles() {
        let mut known = RoundTrip::default();
        assert_eq!(
            [known.patience(0), known.patience(1), known.patience(2)],
            [MAX_PATIENCE, MAX_PATIENCE * 2, MAX_PATIENCE * 4]
        );
        known.measured(MS);
        assert_eq!([known.patience(0), known.patience(1)], [MIN_PATIENCE, MIN_PATIENCE * 2]);
        for _ in 0..50 {
            known.measured(120 * MS);
        }
        assert!((120 * MS..200 * MS).contains(&known.patience(0)), "{known:?}");
        assert_eq!([known.queued(MS), known.queued(3 * MS)], [Duration::ZERO, 3 * MS / 2]);
        for _ in 0..50 {
            known.measured(3000 * MS);
        }
        assert_eq!(known.patience(0), MAX_PATIENCE);
        assert!(known.patience(u32::MAX) > 60_000 * MS);
    }
}
