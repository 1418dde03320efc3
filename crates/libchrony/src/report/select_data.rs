//! The selectdata report: the reasons for which chronyd selects a source, or does not.

use super::macros::{constants, flags, report};
use super::views::views;
use super::tracking::LeapStatus;
use crate::report::reference_id::ReferenceId;
use crate::report::value::Open;

constants! {
    /// The state of a source in the selection (chronyc manual, `selectdata`, column S).
    SelectState: u8 {
        /// The option `noselect` is set (`N`).
        Ignored = 78, "ignored";
        /// The source announces that it is not synchronised (`s`).
        NotSynchronized = 115, "not synchronized";
        /// The source has too few samples (`M`).
        MissingSamples = 77, "missing samples";
        /// The root distance of the source is too large (`d`).
        UnacceptableDistance = 100, "unacceptable distance";
        /// The root distance is too large for a combination with other sources (`D`).
        LargeDistance = 68, "large distance";
        /// The jitter of the source is too large (`~`).
        Jittery = 126, "jittery";
        /// The source waits until other sources have samples (`w`).
        WaitingForOthers = 119, "waiting for others";
        /// The source waits for more selectable sources, or for a required one (`W`).
        MissingSelectableSources = 87, "missing selectable sources";
        /// The samples of the source are older than the other sources' (`S`).
        Stale = 83, "stale";
        /// The source has the stratum of an orphan (`O`).
        Orphan = 79, "orphan";
        /// The source does not agree with trusted sources (`T`).
        NotTrusted = 84, "not trusted";
        /// Another source is preferred (`P`).
        NotPreferred = 80, "not preferred";
        /// The source waits for a new sample (`U`).
        WaitingForUpdate = 85, "waiting for update";
        /// The source disagrees with the majority (`x`).
        Falseticker = 120, "falseticker";
        /// The stratum of the source is outside of `minstratum` and `maxstratum` (`r`, chrony 4.9 and later).
        StratumOutOfRange = 114, "stratum out of range";
        /// The source is an outlier, and not combined (`L`). No chrony up to 4.9 reports it.
        Outlier = 76, "outlier";
        /// The source is combined with the best one (`+`).
        Combined = 43, "combined";
        /// chronyd follows it (`*`).
        Best = 42, "best";
    }
}

flags! {
    /// The options of the selection (chronyc manual, `selectdata`, columns Conf and Eff).
    SelectOptions: u16 {
        /// The source is never selected (`N`).
        NOSELECT = 0x1, "noselect";
        /// The source is preferred to sources without the option (`P`).
        PREFER = 0x2, "prefer";
        /// The source is trusted to be right (`T`).
        TRUST = 0x4, "trust";
        /// No selection is made without a source that has the option (`R`).
        REQUIRE = 0x8, "require";
    }
}

/// The states in which the selection does not compute the source's limits.
const WITHOUT_LIMITS: &[u64] = &[
    SelectState::Ignored as u64,
    SelectState::NotSynchronized as u64,
    SelectState::MissingSamples as u64,
];

report! {
    /// A time source as the selection sees it (libchrony report "selectdata", chronyc manual `selectdata`). Available
    /// since chrony 4.0.
    SelectData = c"selectdata", PerSource, since("4.0") {
        /// The reference ID of the source: an IPv4 address, a hash of an IPv6 address, or a reference clock's name.
        reference_id: ReferenceId = ReferenceId(c"reference ID");
        /// The IP address of the source, or `ID#` and ten digits while its name is not resolved. `None` for a reference
        /// clock.
        address: Option<String> = Address(c"address");
        /// The state of the source at the last selection.
        state: Open<SelectState> = Enum(c"state");
        /// True if authentication is enabled for the source's packets.
        authentication: bool = Boolean(c"authentication");
        /// The leap status that the source announces. Not synchronised before the first measurement.
        leap_status: Open<LeapStatus> = Enum(c"leap status");
        /// The configured options of the selection.
        configured_options: SelectOptions = Flags(c"configured options");
        /// The options of the selection in effect. chronyd may have preferred authenticated sources.
        effective_options: SelectOptions = Flags(c"effective options");
        /// The age of the last sample when the selection was made, in seconds. 0 if there was no sample.
        last_sample_ago: u32 = IntervalSeconds(c"last sample ago").unless("state", WITHOUT_LIMITS);
        /// The score against the selected source, a ratio, 0 or more. Above 1: the source was better in recent
        /// selections.
        score: f64 = Ratio(c"score").not_negative();
        /// The low end of the range in which the source sees the clock's true offset, in seconds. 0 without a sample.
        low_limit: f64 = IntervalSeconds(c"low limit").unless("state", WITHOUT_LIMITS);
        /// The high end of the range in which the source sees the clock's true offset, in seconds. Below the low end if
        /// the root distance is not acceptable.
        high_limit: f64 = IntervalSeconds(c"high limit").unless("state", WITHOUT_LIMITS);
    }
}

views! {
    SelectData {
        address: Option<std::net::IpAddr>;
        last_sample_ago: Option<std::time::Duration>;
        low_limit: Option<f64>;
        high_limit: Option<f64>;
    }
}
