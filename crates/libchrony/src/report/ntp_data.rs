//! The ntpdata report: the last valid response of a source, and message counts.

use super::macros::{constants, flags, report};
use super::views::views;
use super::tracking::LeapStatus;
use crate::report::reference_id::ReferenceId;
use crate::report::value::Open;
use std::time::SystemTime;

constants! {
    /// The NTP mode of a response (chronyc manual, `ntpdata`, "Mode").
    NtpMode: u8 {
        /// A configured peer.
        ActiveSymmetric = 1, "active symmetric";
        /// A peer that is not configured.
        PassiveSymmetric = 2, "passive symmetric";
        /// A server.
        Server = 4, "server";
    }
}

constants! {
    /// The origin of a packet's timestamp (chronyc manual, `ntpdata`, "TX timestamping").
    Timestamping: u8 {
        /// chronyd itself.
        Daemon = 68, "daemon";
        /// The kernel.
        Kernel = 75, "kernel";
        /// The network card.
        Hardware = 72, "hardware";
    }
}

flags! {
    /// The tests that a response has passed, and its mode (chronyc manual, `ntpdata`, "NTP tests").
    NtpFlags: u16 {
        /// Test D: there is no synchronisation loop.
        TEST_D = 0x1, "testD";
        /// Test C: the ratio of the delay's increase to the deviation is acceptable.
        TEST_C = 0x2, "testC";
        /// Test B: the ratio of the delay to the smallest one is acceptable.
        TEST_B = 0x4, "testB";
        /// Test A: the delay is acceptable, among other things.
        TEST_A = 0x8, "testA";
        /// Test 7: the root delay and dispersion are acceptable.
        TEST_7 = 0x10, "test7";
        /// Test 6: the source is synchronised.
        TEST_6 = 0x20, "test6";
        /// Test 5: the authentication is valid.
        TEST_5 = 0x40, "test5";
        /// Test 3: the timestamps are valid.
        TEST_3 = 0x80, "test3";
        /// Test 2: the response belongs to the request.
        TEST_2 = 0x100, "test2";
        /// Test 1: the response is not a duplicate.
        TEST_1 = 0x200, "test1";
        /// The response was in interleaved mode.
        INTERLEAVED = 0x4000, "interleaved";
        /// The response was authenticated.
        AUTHENTICATED = 0x8000, "authenticated";
    }
}

report! {
    /// The last valid response of a source, and message counts (libchrony report "ntpdata", chronyc manual `ntpdata`).
    /// Available since chrony 3.0. A source that has never responded has 0 as `received_valid_messages`, no local
    /// address, and zeros elsewhere.
    NtpData = c"ntpdata", PerNtpSource, since("3.0") {
        /// The IP address of the source, or `ID#` and ten digits while its name is not resolved.
        remote_address: Option<String> = Address(c"remote address");
        /// The local IP address that received the response. `None` before the first response.
        local_address: Option<String> = Address(c"local address");
        /// The UDP port of the source.
        remote_port: u16 = Port(c"remote port");
        /// The leap status that the source announces.
        leap_status: Open<LeapStatus> = Enum(c"leap status").unless("received_valid_messages", &[0]);
        /// The NTP version of the response. 0 before the first response.
        version: u8 = Count(c"version").unless("received_valid_messages", &[0]);
        /// The NTP mode of the response. 0, which has no name, before the first response.
        mode: Open<NtpMode> = Enum(c"mode").unless("received_valid_messages", &[0]);
        /// The stratum in the response, 0 to 255. 0 in a kiss-o'-death, and before the first response.
        stratum: u8 = Count(c"stratum").unless("received_valid_messages", &[0]);
        /// The polling interval in the response, as a power of two, in seconds. chronyd does not check it.
        poll: i8 = IntervalLog2Seconds(c"poll").unless("received_valid_messages", &[0]);
        /// The precision of the source's clock, as a power of two, in seconds.
        precision: i8 = IntervalLog2Seconds(c"precision").unless("received_valid_messages", &[0]);
        /// The network delay between the source and its stratum-1 server, in seconds, 0 or more.
        root_delay: f64 = MeasureSeconds(c"root delay").unless("received_valid_messages", &[0]);
        /// The dispersion accumulated over the path to the stratum-1 server, in seconds, 0 or more.
        root_dispersion: f64 = MeasureSeconds(c"root dispersion").unless("received_valid_messages", &[0]);
        /// The reference of the source. A name if the stratum is 1, a kiss code if it is 0.
        reference_id: ReferenceId = ReferenceId(c"reference ID").unless("received_valid_messages", &[0]);
        /// The time at which the source's clock was last set. The epoch if that is unknown.
        ref_time: SystemTime = Time(c"reference time").unless("received_valid_messages", &[0]);
        /// The offset of the sample, in seconds. Positive: the local clock is behind the source. In `sources`, positive
        /// means ahead.
        offset: f64 = OffsetSeconds(c"offset").positive_is_slow().unless("received_valid_messages", &[0]);
        /// The round-trip delay to the source, in seconds, 0 or more.
        peer_delay: f64 = MeasureSeconds(c"peer delay").unless("received_valid_messages", &[0]);
        /// The dispersion of the sample, in seconds, 0 or more.
        peer_dispersion: f64 = MeasureSeconds(c"peer dispersion").unless("received_valid_messages", &[0]);
        /// The time that the source took to respond, in seconds, 0 or more.
        response_time: f64 = MeasureSeconds(c"response time").unless("received_valid_messages", &[0]);
        /// The asymmetry of the jitter between the two directions, -0.5 to 0.5. Negative: the delay to the source
        /// varies more.
        jitter_asymmetry: f64 = Ratio(c"jitter asymmetry").unless("received_valid_messages", &[0]);
        /// The tests that the response has passed, and its mode.
        flags: NtpFlags = Flags(c"flags").unless("received_valid_messages", &[0]);
        /// The origin of the request's transmit timestamp. 0, which has no name, before the first response.
        transmit_timestamping: Open<Timestamping> =
            Enum(c"transmit timestamping").unless("received_valid_messages", &[0]);
        /// The origin of the response's receive timestamp. 0, which has no name, before the first response.
        receive_timestamping: Open<Timestamping> =
            Enum(c"receive timestamping").unless("received_valid_messages", &[0]);
        /// The number of messages sent to the source.
        transmitted_messages: u32 = Count(c"transmitted messages");
        /// The number of messages received from the source.
        received_messages: u32 = Count(c"received messages");
        /// The number of messages that passed tests 1 to 5.
        received_valid_messages: u32 = Count(c"received valid messages");
        /// The number of messages that passed all tests and gave a sample.
        received_good_messages: u32 = Count(c"received good messages");
        /// The number of requests with a timestamp from the kernel. `None` before chrony 4.6.
        kernel_transmit_timestamps: Option<u32> = Count(c"kernel transmit timestamps").since("4.6");
        /// The number of responses with a timestamp from the kernel. `None` before chrony 4.6.
        kernel_receive_timestamps: Option<u32> = Count(c"kernel receive timestamps").since("4.6");
        /// The number of requests with a timestamp from the network card. `None` before chrony 4.6.
        hardware_transmit_timestamps: Option<u32> = Count(c"hardware transmit timestamps").since("4.6");
        /// The number of responses with a timestamp from the network card. `None` before chrony 4.6.
        hardware_receive_timestamps: Option<u32> = Count(c"hardware receive timestamps").since("4.6");
    }
}

views! {
    NtpData {
        remote_address: Option<std::net::IpAddr>;
        local_address: Option<std::net::IpAddr>;
        leap_status: Option<Open<LeapStatus>>;
        version: Option<u8>;
        mode: Option<Open<NtpMode>>;
        stratum: Option<u8>;
        poll: Option<i8>;
        precision: Option<i8>;
        root_delay: Option<f64>;
        root_dispersion: Option<f64>;
        reference_id: Option<ReferenceId>;
        ref_time: Option<SystemTime>;
        offset: Option<f64>;
        peer_delay: Option<f64>;
        peer_dispersion: Option<f64>;
        response_time: Option<f64>;
        jitter_asymmetry: Option<f64>;
        flags: Option<NtpFlags>;
        transmit_timestamping: Option<Open<Timestamping>>;
        receive_timestamping: Option<Open<Timestamping>>;
    }
}
