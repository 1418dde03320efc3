//! The tracking report: how the system clock follows its reference.

use super::macros::{constants, report};
use crate::refid::ReferenceId;
use std::time::SystemTime;

constants! {
    /// Whether a leap second is coming (chronyc manual, `tracking`, "Leap status").
    LeapStatus: u8 {
        /// No leap second is coming.
        Normal = 0, "normal";
        /// A second will be inserted at the end of the day, 23:59:60 UTC.
        InsertSecond = 1, "insert second";
        /// The last second of the day will be left out, 23:59:59 UTC.
        DeleteSecond = 2, "delete second";
        /// The clock is not synchronised.
        NotSynchronized = 3, "not synchronized";
    }
}

report! {
    /// How the system clock follows its reference (libchrony report "tracking", chronyc manual `tracking`).
    ///
    /// A chronyd that is not synchronised reports reference ID 0, stratum 0, leap status
    /// [`LeapStatus::NotSynchronized`], a root delay and dispersion of 1 s, and the epoch as reference time.
    Tracking = c"tracking", One {
        /// What the clock follows: an IPv4 address, a hash of an IPv6 address, or the name of a reference clock.
        /// 0 when not synchronised, 7F7F0101 for chronyd's own `local` clock.
        reference_id: ReferenceId = ReferenceId(c"reference ID");
        /// The IP address of the source, or `ID#` and ten digits while its name is not resolved. `None` for a
        /// reference clock, the local clock, and when not synchronised.
        reference_ip: Option<String> = Address(c"address");
        /// NTP stratum, 0 to 16: the number of hops to a reference clock. 0 when not synchronised; 16 when the source
        /// is of stratum 15, which is too far away for others.
        stratum: u8 = Count(c"stratum").up_to(16);
        /// Whether a leap second is coming.
        leap_status: LeapStatus = Enum(c"leap status");
        /// When the last measurement from the source was processed. The epoch when there was none.
        ref_time: SystemTime = Time(c"reference time");
        /// Correction still to be made to the system clock, in seconds. Positive: the clock is slow of NTP time.
        offset: f64 = OffsetSeconds(c"current correction");
        /// Estimated offset at the last clock update, in seconds. Positive: the clock was slow.
        last_offset: f64 = OffsetSeconds(c"last offset");
        /// Long-term average of the offset, in seconds, 0 or more.
        rms_offset: f64 = MeasureSeconds(c"RMS offset");
        /// How fast the clock would run without correction, in ppm. Positive: it would gain time.
        frequency: f64 = OffsetPpm(c"frequency offset");
        /// The difference between the frequency of the last measurements and the one in use, in ppm.
        residual_freq: f64 = OffsetPpm(c"residual frequency");
        /// Estimated error bound of the frequency, in ppm, 0 or more.
        skew: f64 = MeasurePpm(c"skew");
        /// Network path delay to the stratum-1 server, in seconds, 0 or more.
        root_delay: f64 = MeasureSeconds(c"root delay");
        /// Dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more.
        root_dispersion: f64 = MeasureSeconds(c"root dispersion");
        /// Interval between the last two clock updates, in seconds, 0 or more.
        update_interval: f64 = IntervalSeconds(c"last update interval").not_negative();
        /// The name of the source: its address when it has one, or else its reference ID read as characters, or as a
        /// dotted quad. Empty when there is no source.
        reference_id_name: String = Address(c"address").or(c"reference ID");
    }
}

impl Tracking {
    /// Whether the clock follows a source: the reference ID is not 0, and the stratum is below 16.
    #[must_use]
    pub fn is_synchronized(&self) -> bool {
        self.reference_id.0 != 0 && self.stratum < 16
    }

    /// Whether a second is to be inserted or left out.
    #[must_use]
    pub fn is_leap_pending(&self) -> bool {
        matches!(self.leap_status, LeapStatus::InsertSecond | LeapStatus::DeleteSecond)
    }
}
