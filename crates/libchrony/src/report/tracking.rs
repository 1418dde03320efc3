//! The tracking report: the system clock's state and its reference.

use super::macros::{constants, report};
use super::views::views;
use crate::report::reference_id::ReferenceId;
use std::time::SystemTime;

/// The reference ID of chronyd's own `local` clock.
const LOCAL: ReferenceId = ReferenceId(0x7F7F_0101);
/// The frequency error that chronyd assumes for any clock, in ppm: the default of `maxclockerror` in chrony.conf.
const MAX_CLOCK_ERROR: f64 = 1.0;

constants! {
    /// The leap status (chronyc manual, `tracking`, "Leap status").
    LeapStatus: u8 {
        /// No leap second is coming.
        Normal = 0, "normal";
        /// A second will be inserted at the end of the day, 23:59:60 UTC.
        InsertSecond = 1, "insert second";
        /// The last second of the day, 23:59:59 UTC, will be left out.
        DeleteSecond = 2, "delete second";
        /// The clock is not synchronised.
        NotSynchronized = 3, "not synchronized";
    }
}

report! {
    /// The system clock's state and its reference (libchrony report "tracking", chronyc manual `tracking`).
    ///
    /// A chronyd that is not synchronised reports reference ID 0, stratum 0, leap status
    /// [`LeapStatus::NotSynchronized`], a root delay and dispersion of 1 s, and the epoch as reference time.
    Tracking = c"tracking", Single {
        /// The reference of the clock: an IPv4 address, a hash of an IPv6 address, or the name of a reference clock. 0
        /// if not synchronised, 7F7F0101 for chronyd's own `local` clock.
        reference_id: ReferenceId = ReferenceId(c"reference ID");
        /// The IP address of the source, or `ID#` and ten digits while its name is not resolved. `None` for a reference
        /// clock, for the local clock, and if not synchronised.
        reference_ip: Option<String> = Address(c"address");
        /// The NTP stratum, 0 to 16: the number of hops to a reference clock. 0 if not synchronised. 16 if the source
        /// has stratum 15, which is too far away for clients.
        stratum: u8 = Count(c"stratum").up_to(16);
        /// The leap status: normal, a coming leap second, or not synchronised.
        leap_status: LeapStatus = Enum(c"leap status");
        /// The time at which the last measurement from the source was processed. The epoch if there was none.
        ref_time: SystemTime = Time(c"reference time");
        /// The correction still to be made to the system clock, in seconds. Positive: the clock is slow of NTP time.
        offset: f64 = OffsetSeconds(c"current correction").positive_is_slow();
        /// The estimated offset at the last clock update, in seconds. Positive: the clock was fast.
        last_offset: f64 = OffsetSeconds(c"last offset").positive_is_fast();
        /// The long-term average of the offset, in seconds, 0 or more.
        rms_offset: f64 = MeasureSeconds(c"RMS offset");
        /// The rate at which the clock would gain time without correction, in ppm. Negative: the clock would lose time.
        frequency: f64 = OffsetPpm(c"frequency offset").positive_is_fast();
        /// The difference between the frequency of the last measurements and the one in use, in ppm.
        residual_freq: f64 = OffsetPpm(c"residual frequency").unless("reference_id", &[0]);
        /// The estimated error bound of the frequency, in ppm, 0 or more.
        skew: f64 = MeasurePpm(c"skew").unless("reference_id", &[0]);
        /// The network delay to the stratum-1 server, in seconds, 0 or more.
        root_delay: f64 = MeasureSeconds(c"root delay").unless("reference_id", &[0]);
        /// The dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more.
        root_dispersion: f64 = MeasureSeconds(c"root dispersion").unless("reference_id", &[0]);
        /// The interval between the last two clock updates, in seconds, 0 or more.
        update_interval: f64 = IntervalSeconds(c"last update interval").not_negative();
        /// The name of the source: its address, or else its reference ID as characters or as a dotted quad. Empty if
        /// there is no source.
        reference_id_name: String = Address(c"address").or(c"reference ID"), known_from reference_ip;
    }
}

views! {
    Tracking {
        reference_ip: Option<std::net::IpAddr>;
        ref_time: Option<SystemTime>;
        residual_freq: Option<f64>;
        skew: Option<f64>;
        root_delay: Option<f64>;
        root_dispersion: Option<f64>;
    } durations { update_interval }
}

impl Tracking {
    /// Returns true if the clock follows a source: the reference ID is not 0, and the stratum is below 16.
    #[must_use]
    pub fn is_synchronized(&self) -> bool {
        self.reference_id.0 != 0 && self.stratum < 16
    }

    /// Returns true if a leap second is about to be inserted or left out.
    #[must_use]
    pub fn is_leap_pending(&self) -> bool {
        matches!(self.leap_status, LeapStatus::InsertSecond | LeapStatus::DeleteSecond)
    }

    /// Returns true if the clock follows only itself, by chronyd's `local` directive: the reference ID is 7F7F0101, and
    /// there is no address (chronyc manual, `tracking`, "Reference ID").
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.reference_id == LOCAL && self.reference_ip.is_none()
    }

    /// Returns the largest error of the system clock at the time of the report, in seconds, if the stratum-1 server is
    /// right: `|system_time_offset| + root_dispersion + (0.5 * root_delay)` (chronyc manual, `tracking`, "Root
    /// dispersion").
    ///
    /// Returns `None` if the bound is unknown: the clock is not synchronised, a leap second is being made, or the clock
    /// follows only itself.
    #[must_use]
    pub fn clock_error_bound(&self) -> Option<f64> {
        let is_known =
            self.is_synchronized() && self.leap_status != LeapStatus::NotSynchronized && !self.is_local();
        is_known.then(|| self.offset.abs() + self.root_dispersion + 0.5 * self.root_delay)
    }

    /// Returns the largest error of the clock at a later time, in seconds, if chronyd makes no update until then.
    ///
    /// chronyd adds `skew + |residual_freq| + maxclockerror` of the time since `ref_time` to its root dispersion
    /// (`get_root_dispersion` in its reference.c). This method adds that to
    /// [`clock_error_bound`](Self::clock_error_bound). For `maxclockerror`, which chronyd does not report, it takes the
    /// default of 1 ppm. If chrony.conf has a larger value, chronyd's own bound grows faster.
    ///
    /// With the option `-x`, chronyd does not correct the frequency of the clock, and does not report that. The clock
    /// then also drifts by [`frequency`](Self::frequency), which this bound does not include.
    ///
    /// A record does not contain the time at which it was read. So the growth is counted from `ref_time`, which is not
    /// later. The bound is therefore never too small, if `at` is a time of the clock that chronyd controls. It is too large
    /// by the growth of the root dispersion between `ref_time` and the report.
    ///
    /// `ref_time` is in chronyd's estimate of true time, so the growth counts from `ref_time` to `at + offset`. Any `at`
    /// is accepted. If `at + offset` is before `ref_time`, `at` belongs to the clock of another machine, or to a clock
    /// that was set back. The bound then grows with the time between the two, but may be too small, because the record
    /// does not contain the difference between the clocks.
    #[must_use]
    pub fn clock_error_bound_at(&self, at: SystemTime) -> Option<f64> {
        let elapsed = match at.duration_since(self.ref_time) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        let rate = (self.skew + self.residual_freq.abs() + MAX_CLOCK_ERROR) * 1e-6;
        self.clock_error_bound().map(|bound| bound + rate * (elapsed + self.offset).abs())
    }
}
