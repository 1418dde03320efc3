//! The rtcdata report: how the real-time clock runs against the system clock.

use super::macros::report;
use std::time::SystemTime;

report! {
    /// The tracking of the real-time clock (libchrony report "rtcdata", chronyc manual `rtcdata`).
    RtcData = c"rtcdata", Single, unavailable(
        "RTC tracking",
        "does not track a real-time clock",
        "It does so with `rtcfile` in chrony.conf, on a machine with an RTC"
    ) {
        /// When the RTC was last measured.
        ref_time: SystemTime = Time(c"reference time");
        /// Number of measurements in use.
        samples: u16 = Count(c"samples");
        /// Number of runs of residuals of the same sign.
        runs: u16 = Count(c"runs");
        /// Time between the oldest and the newest measurement, in seconds.
        span: u32 = IntervalSeconds(c"span");
        /// By how much the RTC is fast of the system clock, in seconds.
        offset: f64 = OffsetSeconds(c"offset").positive_is_fast().unless("samples", &[0]);
        /// By how much the RTC gains against the system clock, in ppm.
        freq_offset: f64 = OffsetPpm(c"frequency offset").positive_is_fast().unless("samples", &[0]);
    }
}

impl RtcData {
    /// Whether there is any measurement to calibrate by.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.samples > 0
    }
}
