//! The tracking report: how the system clock follows its reference.

use super::{constants, report};
use crate::record::Unit::{Ppm, Seconds};
use crate::refid::ReferenceId;
use std::time::SystemTime;

constants! {
    /// Whether a leap second is coming (chronyc manual, `tracking`, "Leap status").
    LeapStatus {
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
    Tracking = c"tracking" {
        /// What the clock follows: an IPv4 address, a hash of an IPv6 address, or the name of a reference clock.
        /// 0 when not synchronised, 7F7F0101 for chronyd's own `local` clock.
        reference_id: ReferenceId = plain(c"reference ID");
        /// The IP address of the source, or `ID#` and ten digits while its name is not resolved. `None` for a
        /// reference clock, the local clock, and when not synchronised.
        reference_ip: Option<String> = plain(c"address");
        /// NTP stratum, 0 to 15: the number of hops to a reference clock. 0 when not synchronised.
        stratum: u8 = upto(c"stratum", 15);
        /// Whether a leap second is coming.
        leap_status: LeapStatus = plain(c"leap status");
        /// When the last measurement from the source was processed. The epoch when there was none.
        ref_time: SystemTime = plain(c"reference time");
        /// Correction still to be made to the system clock, in seconds. Positive: the clock is slow of NTP time.
        offset: f64 = offset(c"current correction", Seconds);
        /// Estimated offset at the last clock update, in seconds. Positive: the clock was slow.
        last_offset: f64 = offset(c"last offset", Seconds);
        /// Long-term average of the offset, in seconds, 0 or more.
        rms_offset: f64 = measure(c"RMS offset", Seconds);
        /// How fast the clock would run without correction, in ppm. Positive: it would gain time.
        frequency: f64 = offset(c"frequency offset", Ppm);
        /// The difference between the frequency of the last measurements and the one in use, in ppm.
        residual_freq: f64 = offset(c"residual frequency", Ppm);
        /// Estimated error bound of the frequency, in ppm, 0 or more.
        skew: f64 = measure(c"skew", Ppm);
        /// Network path delay to the stratum-1 server, in seconds, 0 or more.
        root_delay: f64 = measure(c"root delay", Seconds);
        /// Dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more.
        root_dispersion: f64 = measure(c"root dispersion", Seconds);
        /// Interval between the last two clock updates, in seconds, 0 or more.
        update_interval: f64 = measure(c"last update interval", Seconds);
    }
}

impl Tracking {
    /// The name of the source: its address when it has one, or else its reference ID read as characters, or as a
    /// dotted quad. Empty when there is no source.
    #[must_use]
    pub fn reference_id_name(&self) -> String {
        self.reference_ip.clone().unwrap_or_else(|| self.reference_id.name())
    }

    /// Whether the clock follows a source: the reference ID is not 0 (and the stratum is below 16).
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
