//! The sources report: which time sources chronyd has, and what it thinks of them.

use super::macros::{constants, report};
use crate::report::record::FieldError;
use std::ops::RangeInclusive;

/// The polling intervals of NTP sources (`MIN_POLL` and `MAX_POLL` in chronyd's ntp_core.c).
const NTP_POLLS: RangeInclusive<i16> = -7..=24;
/// chronyd's age of a sample that was never taken.
const NEVER: u64 = 0xFFFF_FFFF;

constants! {
    /// What the selection made of a source (chronyc manual, `sources`, column S).
    SourceState: u8 {
        /// chronyd follows this source (`*`).
        Selected = 0, "selected";
        /// The source cannot be selected: it is unreachable or fails a check (`?`).
        Nonselectable = 1, "nonselectable";
        /// The source disagrees with the majority (`x`).
        Falseticker = 2, "falseticker";
        /// The source's time is too variable (`~`).
        Jittery = 3, "jittery";
        /// The source is acceptable and combined with the selected one (`+`).
        Unselected = 4, "unselected";
        /// The source is acceptable, and left out of the combination (`-`).
        Selectable = 5, "selectable";
    }
}

constants! {
    /// What kind of source it is (chronyc manual, `sources`, column M).
    SourceMode: u8 {
        /// chronyd is a client of this NTP server (`^`).
        Client = 0, "client";
        /// An NTP peer (`=`).
        Peer = 1, "peer";
        /// A reference clock on this machine (`#`).
        ReferenceClock = 2, "reference clock";
    }
}

report! {
    /// A time source, and what chronyd makes of it (libchrony report "sources", chronyc manual `sources`).
    Source = c"sources", PerSource, checked_by check_poll {
        /// The IP address, `ID#` and ten digits while a name is not resolved, or the reference ID of a reference
        /// clock, such as `GPS`.
        address: String = Address(c"address").or(c"reference ID");
        /// Polling interval as a power of two, in seconds (6 is 64 s, -4 is 1/16 s): -7 to 24, or -32 to 32 for a
        /// reference clock.
        poll: i16 = IntervalLog2Seconds(c"poll").between(-32, 32);
        /// NTP stratum of the source, 0 to 15. 0 for a reference clock, and for a source that has not answered yet.
        stratum: u8 = Count(c"stratum").up_to(15);
        /// What the selection made of the source.
        state: SourceState = Enum(c"state");
        /// What kind of source it is.
        mode: SourceMode = Enum(c"mode");
        /// Bits without a documented meaning; current versions of chronyd send 0.
        flags: u16 = Plain(c"flags");
        /// The last eight polls, one bit each, the latest in the lowest: 255 when all were answered.
        reachability: u8 = Bits(c"reachability");
        /// Seconds since the last good sample. 4294967295 when there was none.
        last_sample_ago: u32 = IntervalSeconds(c"last sample ago");
        /// Offset of the last sample as it was measured, in seconds. Positive: the local clock is ahead of the source.
        orig_latest_meas: f64 =
            OffsetSeconds(c"original last sample offset").positive_is_fast().unless("last_sample_ago", &[NEVER]);
        /// Offset of the last sample, adjusted for what was corrected since, in seconds. Positive: the local clock is
        /// ahead of the source.
        latest_meas: f64 =
            OffsetSeconds(c"adjusted last sample offset").positive_is_fast().unless("last_sample_ago", &[NEVER]);
        /// Error bound of the last sample, in seconds, 0 or more.
        latest_meas_err: f64 = MeasureSeconds(c"last sample error").unless("last_sample_ago", &[NEVER]);
    }
}

impl Source {
    /// Refuses an interval that only a reference clock can have.
    fn check_poll(&self) -> Result<(), FieldError> {
        if self.mode == SourceMode::ReferenceClock || NTP_POLLS.contains(&self.poll) {
            return Ok(());
        }
        Err(FieldError::invalid("poll", self.poll))
    }

    /// Whether any of the last eight polls was answered.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reachability > 0
    }

    /// Whether chronyd follows this source.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.state == SourceState::Selected
    }

    /// Whether there was a good sample of the source (chronyc manual, `sources`, "LastRx").
    #[must_use]
    pub fn has_sample(&self) -> bool {
        self.last_sample_ago != u32::MAX
    }

    /// The polling interval in seconds: 2 to the power of `poll` (chronyc manual, `sources`, "Poll").
    #[must_use]
    pub fn poll_interval(&self) -> f64 {
        f64::from(self.poll).exp2()
    }
}
