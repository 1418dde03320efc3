//! The rtcdata report: how the real-time clock runs against the system clock.

use super::report;
use crate::record::Unit::{Ppm, Seconds};
use std::time::SystemTime;

report! {
    /// The tracking of the real-time clock (libchrony report "rtcdata", chronyc manual `rtcdata`).
    RtcData = c"rtcdata" {
        /// When the RTC was last measured.
        ref_time: SystemTime = plain(c"reference time");
        /// Number of measurements in use.
        samples: u16 = plain(c"samples");
        /// Number of runs of residuals of the same sign.
        runs: u16 = plain(c"runs");
        /// Time between the oldest and the newest measurement, in seconds.
        span: u32 = number(c"span", Seconds);
        /// By how much the RTC is fast of the system clock, in seconds.
        offset: f64 = offset(c"offset", Seconds);
        /// By how much the RTC gains against the system clock, in ppm.
        freq_offset: f64 = offset(c"frequency offset", Ppm);
    }
}

impl RtcData {
    /// Whether there is any measurement to calibrate by.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.samples > 0
    }
}
