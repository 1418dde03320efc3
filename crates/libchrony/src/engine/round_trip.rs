//! The measured round trip to an address, and the time after which a request counts as lost.
//!
//! The rules are TCP's (RFC 6298): the smoothed round trip, plus four times its smoothed deviation. TCP does not
//! measure a retransmitted segment, because the response may belong to either transmission (Karn's rule). A lane
//! accepts only the response to its last request, so a search measures every response. A list does not measure
//! retransmitted records, because their responses say little about its window. The number of retries is not limited
//! here.

use super::policy::{MAX_PATIENCE, MIN_PATIENCE};
use std::time::Duration;

/// The measurements of the round trip to one address.
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

    /// Returns true if the address has answered a request.
    pub(crate) const fn is_measured(&self) -> bool {
        self.smoothed.is_some()
    }

    /// Returns the time after which a request counts as lost. `before` is the number of earlier requests for the
    /// record.
    pub(crate) fn patience(&self, before: u32) -> Duration {
        let first = self
            .smoothed
            .map_or(MAX_PATIENCE, |smoothed| (smoothed + self.deviation * 4).clamp(MIN_PATIENCE, MAX_PATIENCE));
        first.saturating_mul(1 << before.min(16))
    }

    /// Returns the time for which a response was probably queued. A delay of up to half of the shortest round trip is
    /// attributed to the network.
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
