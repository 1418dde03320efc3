//! The rtcdata report: the real-time clock (RTC) against the system clock.

use super::macros::report;
use super::views::views;
use std::time::SystemTime;

report! {
    /// The tracking of the real-time clock (libchrony report "rtcdata", chronyc manual `rtcdata`).
    RtcData = c"rtcdata", Single, unavailable(
        "RTC tracking",
        "does not track a real-time clock",
        "It does so with `rtcfile` in chrony.conf, on a machine with an RTC"
    ) {
        /// The time of the last measurement of the RTC.
        ref_time: SystemTime = Time(c"reference time");
        /// The number of measurements in use.
        samples: u16 = Count(c"samples");
        /// The number of runs of residuals that have the same sign.
        runs: u16 = Count(c"runs");
        /// The time between the oldest and the newest measurement, in seconds.
        span: u32 = IntervalSeconds(c"span");
        /// The offset of the RTC from the system clock, in seconds. Positive: the RTC is ahead.
        offset: f64 = OffsetSeconds(c"offset").positive_is_fast().unless("samples", &[0]);
        /// The rate at which the RTC gains time against the system clock, in ppm. Negative: the RTC loses time.
        freq_offset: f64 = OffsetPpm(c"frequency offset").positive_is_fast().unless("samples", &[0]);
    }
}

views! {
    RtcData {
        ref_time: Option<SystemTime>;
        offset: Option<f64>;
        freq_offset: Option<f64>;
    } durations { span }
}

impl RtcData {
    /// Returns true if there is any measurement to calibrate by.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.samples > 0
    }
}
