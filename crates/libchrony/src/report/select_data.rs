//! The selectdata report: why chronyd selects a source, or does not.

use super::macros::{constants, flags, report};
use super::tracking::LeapStatus;
use crate::report::reference_id::ReferenceId;
use crate::report::value::Open;

constants! {
    /// State of a source at a selection (chronyc manual, `selectdata`, column S).
    SelectState: u8 {
        /// The option `noselect` is set (`N`).
        Ignored = 78, "ignored";
        /// The source says that it is not synchronised (`s`).
        NotSynchronized = 115, "not synchronized";
        /// It has too few samples (`M`).
        MissingSamples = 77, "missing samples";
        /// Its root distance is too large (`d`).
        UnacceptableDistance = 100, "unacceptable distance";
        /// Its distance is too large to be combined with others (`D`).
        LargeDistance = 68, "large distance";
        /// Its jitter is too large (`~`).
        Jittery = 126, "jittery";
        /// It waits until others have samples (`w`).
        WaitingForOthers = 119, "waiting for others";
        /// It waits for more sources, or for a required one (`W`).
        MissingSelectableSources = 87, "missing selectable sources";
        /// Its samples are older than those of others (`S`).
        Stale = 83, "stale";
        /// Its stratum is that of an orphan (`O`).
        Orphan = 79, "orphan";
        /// It does not agree with trusted sources (`T`).
        NotTrusted = 84, "not trusted";
        /// Another source is preferred (`P`).
        NotPreferred = 80, "not preferred";
        /// It waits for a new sample (`U`).
        WaitingForUpdate = 85, "waiting for update";
        /// It disagrees with the majority (`x`).
        Falseticker = 120, "falseticker";
        /// It is combined with the best one (`+`).
        Combined = 43, "combined";
        /// chronyd follows it (`*`).
        Best = 42, "best";
    }
}

flags! {
    /// Options of the selection (chronyc manual, `selectdata`, columns Conf and Eff).
    SelectOptions: u16 {
        /// The source is never selected (`N`).
        NOSELECT = 0x1, "noselect";
        /// It is preferred to those without the option (`P`).
        PREFER = 0x2, "prefer";
        /// It is taken to be right (`T`).
        TRUST = 0x4, "trust";
        /// No selection is made without it (`R`).
        REQUIRE = 0x8, "require";
    }
}

/// Sources in these states are not looked at further.
const WITHOUT_LIMITS: &[u64] = &[
    SelectState::Ignored as u64,
    SelectState::NotSynchronized as u64,
    SelectState::MissingSamples as u64,
];

report! {
    /// What the selection makes of a source (libchrony report "selectdata", chronyc manual `selectdata`). chrony has
    /// it from version 4.0 on.
    SelectData = c"selectdata", PerSource, since("4.0") {
        /// Reference ID of the source: an IPv4 address, a hash of an IPv6 address, or a reference clock's name.
        reference_id: ReferenceId = ReferenceId(c"reference ID");
        /// The IP address, or `ID#` and ten digits while a name is not resolved. `None` for a reference clock.
        address: Option<String> = Address(c"address");
        /// State of the source at the last selection.
        state: Open<SelectState> = Enum(c"state");
        /// Whether its packets are to be authenticated.
        authentication: bool = Boolean(c"authentication");
        /// What the source says of a leap second. Not synchronised before its first measurement.
        leap_status: Open<LeapStatus> = Enum(c"leap status");
        /// Options of the selection as they are configured.
        configured_options: SelectOptions = Flags(c"configured options");
        /// The same as they are in use, since authenticated sources may be preferred.
        effective_options: SelectOptions = Flags(c"effective options");
        /// Seconds since the last sample when the selection was made. 0 when there was none.
        last_sample_ago: u32 = IntervalSeconds(c"last sample ago").unless("state", WITHOUT_LIMITS);
        /// Score against the selected source, 0 or more. Above 1 when it was better in recent selections.
        score: f64 = Ratio(c"score").not_negative();
        /// Low end of where the source takes the true offset of the clock to be, in seconds. 0 without a sample.
        low_limit: f64 = IntervalSeconds(c"low limit").unless("state", WITHOUT_LIMITS);
        /// High end of where the source takes the true offset of the clock to be, in seconds. Below the low end
        /// when the distance is not acceptable.
        high_limit: f64 = IntervalSeconds(c"high limit").unless("state", WITHOUT_LIMITS);
    }
}
