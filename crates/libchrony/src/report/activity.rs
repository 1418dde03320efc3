//! The activity report: how many NTP sources chronyd polls.

use super::macros::report;

report! {
    /// How many servers and peers are in use (libchrony report "activity", chronyc manual `activity`). Reference clocks
    /// are not counted.
    Activity = c"activity", Single {
        /// Sources that are polled.
        online_sources: u32 = Count(c"online sources");
        /// Sources that are not polled, since chronyd takes them as unreachable.
        offline_sources: u32 = Count(c"offline sources");
        /// Sources that are asked a burst of requests now, and will be online after it.
        burst_online_sources: u32 = Count(c"burst online-return sources");
        /// Sources that are asked a burst of requests now, and will be offline after it.
        burst_offline_sources: u32 = Count(c"burst offline-return sources");
        /// Sources whose name has no address yet.
        unresolved_sources: u32 = Count(c"unresolved sources");
    }
}
