//! The activity report: the number of NTP sources in each state.

use super::macros::report;

report! {
    /// The number of servers and peers in each state (libchrony report "activity", chronyc manual `activity`).
    /// Reference clocks are not counted.
    Activity = c"activity", Single {
        /// The number of sources that are online: chronyd polls them.
        online_sources: u32 = Count(c"online sources");
        /// The number of sources that are offline: chronyd assumes that they are unreachable, and does not poll them.
        offline_sources: u32 = Count(c"offline sources");
        /// The number of sources in a burst of requests that will be online after it.
        burst_online_sources: u32 = Count(c"burst online-return sources");
        /// The number of sources in a burst of requests that will be offline after it.
        burst_offline_sources: u32 = Count(c"burst offline-return sources");
        /// The number of sources whose name has not been resolved to an address.
        unresolved_sources: u32 = Count(c"unresolved sources");
    }
}
