//! The serverstats report: the requests that chronyd has served since it started.

use super::macros::report;
use super::views::views;

report! {
    /// The requests that chronyd has served since it started (libchrony report "serverstats", chronyc manual
    /// `serverstats`). Available since chrony 2.3. Before chrony 4.4, numbers begin at 0 again after 4294967295.
    ServerStats = c"serverstats", Single, since("2.3") {
        /// The number of NTP requests received.
        received_ntp_requests: u64 = Count(c"received NTP requests");
        /// The number of connections accepted for NTS key establishment. `None` before chrony 4.0.
        accepted_nts_ke_connections: Option<u64> = Count(c"accepted NTS-KE connections").since("4.0");
        /// The number of command requests received, including this program's.
        received_command_requests: u64 = Count(c"received command requests");
        /// The number of NTP requests dropped by the rate limit.
        dropped_ntp_requests: u64 = Count(c"dropped NTP requests");
        /// The number of NTS-KE connections dropped by the rate limit. `None` before chrony 4.0.
        dropped_nts_ke_connections: Option<u64> = Count(c"dropped NTS-KE connections").since("4.0");
        /// The number of command requests dropped by the rate limit.
        dropped_command_requests: u64 = Count(c"dropped command requests");
        /// The number of client records dropped by the memory limit.
        dropped_client_log_records: u64 = Count(c"dropped client log records");
        /// The number of NTP requests authenticated by a key or NTS. `None` before chrony 4.0.
        received_authenticated_ntp_requests: Option<u64> = Count(c"received authenticated NTP requests").since("4.0");
        /// The number of NTP requests in interleaved mode. `None` before chrony 4.2.
        received_interleaved_ntp_requests: Option<u64> = Count(c"received interleaved NTP requests").since("4.2");
        /// The number of pairs of timestamps held for interleaved clients. `None` before chrony 4.2.
        held_ntp_timestamps: Option<u64> = Count(c"held NTP timestamps").since("4.2");
        /// The time that the held timestamps cover, in seconds. `None` before chrony 4.2.
        ntp_timestamp_span: Option<u64> = IntervalSeconds(c"NTP timestamp span").since("4.2");
        /// The number of responses with a receive timestamp from the daemon. `None` before chrony 4.4.
        served_daemon_rx_timestamps: Option<u64> = Count(c"served daemon RX timestamps").since("4.4");
        /// The number of responses with a transmit timestamp from the daemon. `None` before chrony 4.4.
        served_daemon_tx_timestamps: Option<u64> = Count(c"served daemon TX timestamps").since("4.4");
        /// The number of responses with a receive timestamp from the kernel. `None` before chrony 4.4.
        served_kernel_rx_timestamps: Option<u64> = Count(c"served kernel RX timestamps").since("4.4");
        /// The number of responses with a transmit timestamp from the kernel. `None` before chrony 4.4.
        served_kernel_tx_timestamps: Option<u64> = Count(c"served kernel TX timestamps").since("4.4");
        /// The number of responses with a receive timestamp from the network card. `None` before chrony 4.4.
        served_hardware_rx_timestamps: Option<u64> = Count(c"served hardware RX timestamps").since("4.4");
        /// The number of responses with a transmit timestamp from the network card. `None` before chrony 4.4.
        served_hardware_tx_timestamps: Option<u64> = Count(c"served hardware TX timestamps").since("4.4");
    }
}

views! {
    ServerStats {
        ntp_timestamp_span: Option<std::time::Duration>;
    }
}
