//! The smoothing report: the difference between the time that chronyd serves and its own.

use super::macros::{flags, report};
use super::views::views;

flags! {
    /// The state of the smoothing (chronyc manual, `smoothing`).
    SmoothingFlags: u32 {
        /// Smoothing is active.
        ACTIVE = 0x1, "active";
        /// Only leap seconds are smoothed.
        LEAPONLY = 0x2, "leaponly";
    }
}

report! {
    /// The smoothing of the time that chronyd serves (libchrony report "smoothing", chronyc manual `smoothing`).
    /// Available since chrony 2.1. All numbers are 0 while smoothing is not active.
    Smoothing = c"smoothing", Single, since("2.1"), unavailable(
        "Time smoothing",
        "does not smooth the time that it serves",
        "It does so with `smoothtime` in chrony.conf"
    ) {
        /// The state of the smoothing: active or not, and for leap seconds only or not.
        flags: SmoothingFlags = Flags(c"flags");
        /// The offset of the served time, in seconds. Positive: the served time is ahead of true time.
        offset: f64 = OffsetSeconds(c"offset").positive_is_fast();
        /// The frequency offset of the served time, in ppm. Negative: the served time runs slower than true time.
        freq_offset: f64 = OffsetPpm(c"frequency offset").positive_is_fast();
        /// The rate at which the frequency offset changes, in ppm per second. Negative: the served time slows down.
        wander: f64 = OffsetPpmPerSecond(c"wander");
        /// The time since the last update of the smoothing process, in seconds, 0 or more.
        last_update_ago: f64 = IntervalSeconds(c"last update ago").not_negative();
        /// The time until the offset and frequency are 0 without further updates, in seconds, 0 or more.
        remaining_time: f64 = IntervalSeconds(c"remaining time").not_negative();
    }
}

views! {
    Smoothing {
    } durations { last_update_ago, remaining_time }
}
