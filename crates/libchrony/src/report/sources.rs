//! The sources report: chronyd's time sources, with their state and last sample.

use super::macros::{constants, report};
use super::views::views;
use crate::report::record::FieldError;
use std::ops::RangeInclusive;

/// The range of polling intervals for NTP sources (`MIN_POLL` and `MAX_POLL` in chronyd's ntp_core.c).
const NTP_POLLS: RangeInclusive<i16> = -7..=24;
/// The age that chronyd sends for a source without a sample.
const NEVER: u64 = 0xFFFF_FFFF;

constants! {
    /// The state of a source in the selection (chronyc manual, `sources`, column S).
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
        /// The source is acceptable, but left out of the combination (`-`).
        Selectable = 5, "selectable";
    }
}

constants! {
    /// The kind of a source (chronyc manual, `sources`, column M).
    SourceMode: u8 {
        /// An NTP server, with chronyd as its client (`^`).
        Client = 0, "client";
        /// An NTP peer (`=`).
        Peer = 1, "peer";
        /// A reference clock on this machine (`#`).
        ReferenceClock = 2, "reference clock";
    }
}

report! {
    /// A time source, with its state and last sample (libchrony report "sources", chronyc manual `sources`).
    Source = c"sources", PerSource, checked_by check_poll {
        /// The IP address, `ID#` and ten digits while the name is not resolved, or the reference ID of a reference
        /// clock, such as `GPS`.
        address: String = Address(c"address").or(c"reference ID");
        /// The polling interval as a power of two, in seconds: 6 is 64 s, -4 is 1/16 s. The range is -7 to 24, or -32
        /// to 32 for a reference clock.
        poll: i16 = IntervalLog2Seconds(c"poll").between(-32, 32);
        /// The NTP stratum of the source, 0 to 15. 0 for a reference clock, and for a source that has not responded
        /// yet.
        stratum: u8 = Count(c"stratum").up_to(15);
        /// The state of the source in the selection.
        state: SourceState = Enum(c"state");
        /// The kind of the source.
        mode: SourceMode = Enum(c"mode");
        /// The flags of the source, which have no documented meaning. Current versions of chronyd send 0.
        flags: u16 = Plain(c"flags");
        /// The results of the last eight polls, one bit each, the latest in the lowest. 255 if all were answered.
        reachability: u8 = Bits(c"reachability");
        /// The time since the last good sample, in seconds. 4294967295 if there was none.
        last_sample_ago: u32 = IntervalSeconds(c"last sample ago");
        /// The offset of the last sample as measured, in seconds. Positive: the local clock is ahead of the source.
        orig_latest_meas: f64 =
            OffsetSeconds(c"original last sample offset").positive_is_fast().unless("last_sample_ago", &[NEVER]);
        /// The offset of the last sample, adjusted for later corrections of the clock, in seconds. Positive: the local
        /// clock is ahead of the source.
        latest_meas: f64 =
            OffsetSeconds(c"adjusted last sample offset").positive_is_fast().unless("last_sample_ago", &[NEVER]);
        /// The error bound of the last sample, in seconds, 0 or more.
        latest_meas_err: f64 = MeasureSeconds(c"last sample error").unless("last_sample_ago", &[NEVER]);
    }
}

views! {
    Source {
        address: Option<std::net::IpAddr>;
        last_sample_ago: Option<std::time::Duration>;
        orig_latest_meas: Option<f64>;
        latest_meas: Option<f64>;
        latest_meas_err: Option<f64>;
    }
}

impl Source {
    /// Rejects a polling interval that only a reference clock can have.
    fn check_poll(&self) -> Result<(), FieldError> {
        if self.mode == SourceMode::ReferenceClock || NTP_POLLS.contains(&self.poll) {
            return Ok(());
        }
        Err(FieldError::invalid("poll", self.poll))
    }

    /// Returns true if any of the last eight polls was answered.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reachability > 0
    }

    /// Returns true if chronyd follows this source.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.state == SourceState::Selected
    }

    /// Returns true if the source has had a good sample (chronyc manual, `sources`, "LastRx").
    #[must_use]
    pub fn has_sample(&self) -> bool {
        self.last_sample_ago != u32::MAX
    }

    /// Returns the polling interval in seconds: 2 to the power of `poll` (chronyc manual, `sources`, "Poll").
    #[must_use]
    pub fn poll_interval(&self) -> f64 {
        f64::from(self.poll).exp2()
    }
}
