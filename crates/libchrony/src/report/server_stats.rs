//! The serverstats report: what chronyd has served since it was started.

use super::macros::report;

report! {
    /// What chronyd has served since it was started (libchrony report "serverstats", chronyc manual `serverstats`).
    /// Until chrony 4.4, numbers begin at 0 again after 4294967295.
    ServerStats = c"serverstats", Single, since("2.3") {
        /// NTP requests received.
        received_ntp_requests: u64 = Count(c"received NTP requests");
        /// Connections accepted for NTS key establishment. From chrony 4.0 on; `None` before.
        accepted_nts_ke_connections: Option<u64> = Count(c"accepted NTS-KE connections").since("4.0");
        /// Command requests received, with those of this program.
        received_command_requests: u64 = Count(c"received command requests");
        /// NTP requests dropped by the limit on their rate.
        dropped_ntp_requests: u64 = Count(c"dropped NTP requests");
        /// NTS-KE connections dropped by the limit on their rate. From chrony 4.0 on; `None` before.
        dropped_nts_ke_connections: Option<u64> = Count(c"dropped NTS-KE connections").since("4.0");
        /// Command requests dropped by the limit on their rate.
        dropped_command_requests: u64 = Count(c"dropped command requests");
        /// Records of clients dropped by the limit on memory.
        dropped_client_log_records: u64 = Count(c"dropped client log records");
        /// NTP requests that were authenticated by a key or NTS. From chrony 4.0 on; `None` before.
        received_authenticated_ntp_requests: Option<u64> = Count(c"received authenticated NTP requests").since("4.0");
        /// NTP requests in interleaved mode. From chrony 4.2 on; `None` before.
        received_interleaved_ntp_requests: Option<u64> = Count(c"received interleaved NTP requests").since("4.2");
        /// Pairs of timestamps held for interleaved clients. From chrony 4.2 on; `None` before.
        held_ntp_timestamps: Option<u64> = Count(c"held NTP timestamps").since("4.2");
        /// Seconds that the held timestamps cover. From chrony 4.2 on; `None` before.
        ntp_timestamp_span: Option<u64> = IntervalSeconds(c"NTP timestamp span").since("4.2");
        /// Answers with a receive timestamp of the daemon. From chrony 4.4 on; `None` before.
        served_daemon_rx_timestamps: Option<u64> = Count(c"served daemon RX timestamps").since("4.4");
        /// Answers with a transmit timestamp of the daemon. From chrony 4.4 on; `None` before.
        served_daemon_tx_timestamps: Option<u64> = Count(c"served daemon TX timestamps").since("4.4");
        /// Answers with a receive timestamp of the kernel. From chrony 4.4 on; `None` before.
        served_kernel_rx_timestamps: Option<u64> = Count(c"served kernel RX timestamps").since("4.4");
        /// Answers with a transmit timestamp of the kernel. From chrony 4.4 on; `None` before.
        served_kernel_tx_timestamps: Option<u64> = Count(c"served kernel TX timestamps").since("4.4");
        /// Answers with a receive timestamp of the network card. From chrony 4.4 on; `None` before.
        served_hardware_rx_timestamps: Option<u64> = Count(c"served hardware RX timestamps").since("4.4");
        /// Answers with a transmit timestamp of the network card. From chrony 4.4 on; `None` before.
        served_hardware_tx_timestamps: Option<u64> = Count(c"served hardware TX timestamps").since("4.4");
    }
}
