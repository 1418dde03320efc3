//! The tracking report: how the system clock follows its reference.

use super::macros::{constants, report};
use crate::report::reference_id::ReferenceId;
use std::time::SystemTime;

/// The reference ID of chronyd's own `local` clock.
const LOCAL: ReferenceId = ReferenceId(0x7F7F_0101);
/// How fast chronyd takes any clock to go wrong by itself, in ppm: the default of `maxclockerror` in its configuration.
const MAX_CLOCK_ERROR: f64 = 1.0;

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
    Tracking = c"tracking", Single {
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
        offset: f64 = OffsetSeconds(c"current correction").positive_is_slow();
        /// Estimated offset at the last clock update, in seconds. Positive: the clock was fast.
        last_offset: f64 = OffsetSeconds(c"last offset").positive_is_fast();
        /// Long-term average of the offset, in seconds, 0 or more.
        rms_offset: f64 = MeasureSeconds(c"RMS offset");
        /// How fast the clock would run without correction, in ppm. Positive: it would gain time.
        frequency: f64 = OffsetPpm(c"frequency offset").positive_is_fast();
        /// The difference between the frequency of the last measurements and the one in use, in ppm.
        residual_freq: f64 = OffsetPpm(c"residual frequency").unless("reference_id", &[0]);
        /// Estimated error bound of the frequency, in ppm, 0 or more.
        skew: f64 = MeasurePpm(c"skew").unless("reference_id", &[0]);
        /// Network path delay to the stratum-1 server, in seconds, 0 or more.
        root_delay: f64 = MeasureSeconds(c"root delay").unless("reference_id", &[0]);
        /// Dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more.
        root_dispersion: f64 = MeasureSeconds(c"root dispersion").unless("reference_id", &[0]);
        /// Interval between the last two clock updates, in seconds, 0 or more.
        update_interval: f64 = IntervalSeconds(c"last update interval").not_negative();
        /// The name of the source: its address when it has one, or else its reference ID read as characters, or as a
        /// dotted quad. Empty when there is no source.
        reference_id_name: String = Address(c"address").or(c"reference ID"), known_from reference_ip;
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
    /// Whether the clock follows nothing but itself, by chronyd's `local` directive: the reference ID is 7F7F0101, and
    /// there is no address (chronyc manual, `tracking`, "Reference ID").
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.reference_id == LOCAL && self.reference_ip.is_none()
    }

    /// How wrong the system clock can be at the moment of the report, in seconds, if the stratum-1 server is right:
    /// `|system_time_offset| + root_dispersion + (0.5 * root_delay)` (chronyc manual, `tracking`, "Root dispersion").
    ///
    /// `None` when that is not known: the clock is not synchronised, a leap second is being made, or the clock follows
    /// only itself.
    #[must_use]
    pub fn clock_error_bound(&self) -> Option<f64> {
        let is_known =
            self.is_synchronized() && self.leap_status != LeapStatus::NotSynchronized && !self.is_local();
        is_known.then(|| self.offset.abs() + self.root_dispersion + 0.5 * self.root_delay)
    }

    /// How wrong the clock can be at a later moment, in seconds, if chronyd makes no update until then.
    ///
    /// chronyd adds `skew + |residual_freq| + maxclockerror` of the time since `ref_time` to its root dispersion
    /// (`get_root_dispersion` in its reference.c). Here that is added to
    /// [`clock_error_bound`](Self::clock_error_bound), with 1 ppm, which is the default, as `maxclockerror`: chronyd
    /// does not report it. Where chrony.conf has a larger one, its own bound grows faster.
    ///
    /// A chronyd that runs with `-x` does not correct the frequency of the clock, and does not tell so. Its clock goes
    /// off by [`frequency`](Self::frequency), too, which is not in this bound.
    ///
    /// A record does not say when it was read. So the growth is counted from `ref_time`, which is not later. The bound
    /// is not too small for that. It is too large by what the root dispersion has grown from `ref_time` to the report.
    ///
    /// Any `at` is accepted, however absurd. The bound of a moment before `ref_time` grows by the time between the two,
    /// because a clock that was set back must not look more accurate than it is.
    #[must_use]
    pub fn clock_error_bound_at(&self, at: SystemTime) -> Option<f64> {
        let elapsed = at.duration_since(self.ref_time).unwrap_or_else(|before| before.duration());
        let rate = (self.skew + self.residual_freq.abs() + MAX_CLOCK_ERROR) * 1e-6;
        self.clock_error_bound().map(|bound| bound + rate * elapsed.as_secs_f64())
    }
}
