//! The sourcestats report: chronyd's regression over the samples of each source.

use super::macros::report;
use super::views::views;
use crate::report::reference_id::ReferenceId;

report! {
    /// The statistics of one time source (libchrony report "sourcestats", chronyc manual `sourcestats`).
    ///
    /// A source without samples has a standard deviation of 4 s and a skew of 2000 ppm.
    SourceStats = c"sourcestats", PerSource {
        /// The reference ID of the source: an IPv4 address, a hash of an IPv6 address, or a reference clock's name.
        reference_id: ReferenceId = ReferenceId(c"reference ID");
        /// The IP address of the source, or `ID#` and ten digits while its name is not resolved. `None` for a reference
        /// clock.
        address: Option<String> = Address(c"address");
        /// The number of samples in use.
        samples: u32 = Count(c"samples");
        /// The number of runs of residuals that have the same sign.
        runs: u32 = Count(c"runs");
        /// The time between the oldest and the newest sample, in seconds.
        span: u32 = IntervalSeconds(c"span");
        /// The estimated standard deviation of the samples, in seconds, 0 or more.
        std_dev: f64 = MeasureSeconds(c"standard deviation").unless("samples", &[0]);
        /// The estimated frequency of the source against the local clock, in ppm.
        resid_freq: f64 = OffsetPpm(c"residual frequency").unless("samples", &[0]);
        /// The estimated error bound of the residual frequency, in ppm, 0 or more.
        skew: f64 = MeasurePpm(c"skew").unless("samples", &[0]);
        /// The estimated offset of the source, in seconds. Positive: the local clock is ahead of the source.
        offset: f64 = OffsetSeconds(c"offset").positive_is_fast().unless("samples", &[0]);
        /// The estimated error bound of the offset, in seconds, 0 or more.
        offset_err: f64 = MeasureSeconds(c"offset error").unless("samples", &[0]);
    }
}

views! {
    SourceStats {
        address: Option<std::net::IpAddr>;
        std_dev: Option<f64>;
        resid_freq: Option<f64>;
        skew: Option<f64>;
        offset: Option<f64>;
        offset_err: Option<f64>;
    } durations { span }
}

impl SourceStats {
    /// Returns true if there are at least `minimum` samples. Four are enough for a useful estimate.
    #[must_use]
    pub fn has_sufficient_samples(&self, minimum: u32) -> bool {
        self.samples >= minimum
    }
}
