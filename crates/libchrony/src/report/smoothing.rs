//! The smoothing report: how the time that chronyd serves differs from its own.

use super::macros::{flags, report};

flags! {
    /// State of the smoothing (chronyc manual, `smoothing`).
    SmoothingFlags: u32 {
        /// Smoothing is active.
        ACTIVE = 0x1, "active";
        /// Only leap seconds are smoothed.
        LEAPONLY = 0x2, "leaponly";
    }
}

report! {
    /// How the time that chronyd serves is smoothed (libchrony report "smoothing", chronyc manual `smoothing`). All
    /// numbers are 0 while smoothing is not active.
    Smoothing = c"smoothing", Single, since("2.1"), unavailable(
        "Time smoothing",
        "does not smooth the time that it serves",
        "It does so with `smoothtime` in chrony.conf"
    ) {
        /// Whether smoothing is active, and whether it is for leap seconds only.
        flags: SmoothingFlags = Flags(c"flags");
        /// Offset of the time that is served, in seconds. Positive: it is ahead of the true time.
        offset: f64 = OffsetSeconds(c"offset").positive_is_fast();
        /// Frequency offset of the time that is served, in ppm. Negative: it runs slower.
        freq_offset: f64 = OffsetPpm(c"frequency offset").positive_is_fast();
        /// How fast that frequency changes, in ppm per second. Negative: it slows down.
        wander: f64 = OffsetPpmPerSecond(c"wander");
        /// Seconds since the smoothing process was last updated, 0 or more.
        last_update_ago: f64 = IntervalSeconds(c"last update ago").not_negative();
        /// Seconds until offset and frequency are 0 without further updates, 0 or more.
        remaining_time: f64 = IntervalSeconds(c"remaining time").not_negative();
    }
}
