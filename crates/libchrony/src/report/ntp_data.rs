//! The ntpdata report: the last valid answer of a source, and how many messages there were.

use super::macros::{constants, flags, report};
use super::tracking::LeapStatus;
use crate::report::reference_id::ReferenceId;
use crate::report::value::Open;
use std::time::SystemTime;

constants! {
    /// NTP mode of an answer (chronyc manual, `ntpdata`, "Mode").
    NtpMode: u8 {
        /// A peer that is configured.
        ActiveSymmetric = 1, "active symmetric";
        /// A peer that is not.
        PassiveSymmetric = 2, "passive symmetric";
        /// A server.
        Server = 4, "server";
    }
}

constants! {
    /// What stamps a packet (chronyc manual, `ntpdata`, "TX timestamping").
    Timestamping: u8 {
        /// chronyd.
        Daemon = 68, "daemon";
        /// The kernel.
        Kernel = 75, "kernel";
        /// The network card.
        Hardware = 72, "hardware";
    }
}

flags! {
    /// Tests that an answer has passed, and its mode (chronyc manual, `ntpdata`, "NTP tests").
    NtpFlags: u16 {
        /// Test D: no loop of synchronisation.
        TEST_D = 0x1, "testD";
        /// Test C: the ratio of delay and deviation.
        TEST_C = 0x2, "testC";
        /// Test B: the ratio of delays.
        TEST_B = 0x4, "testB";
        /// Test A: the delay, and others.
        TEST_A = 0x8, "testA";
        /// Test 7: root delay and dispersion.
        TEST_7 = 0x10, "test7";
        /// Test 6: the source is synchronised.
        TEST_6 = 0x20, "test6";
        /// Test 5: authentication.
        TEST_5 = 0x40, "test5";
        /// Test 3: timestamps are valid.
        TEST_3 = 0x80, "test3";
        /// Test 2: it answers the request.
        TEST_2 = 0x100, "test2";
        /// Test 1: it is no duplicate.
        TEST_1 = 0x200, "test1";
        /// The answer was in interleaved mode.
        INTERLEAVED = 0x4000, "interleaved";
        /// The answer was authenticated.
        AUTHENTICATED = 0x8000, "authenticated";
    }
}

report! {
    /// The last valid answer of a source, and how many messages there were (libchrony report "ntpdata", chronyc manual
    /// `ntpdata`). A source that has never answered has 0 as `received_valid_messages`, no local address, and zeros
    /// elsewhere.
    NtpData = c"ntpdata", PerNtpSource, since("3.0") {
        /// IP address of the source, or `ID#` and ten digits while its name is not resolved.
        remote_address: Option<String> = Address(c"remote address");
        /// Local IP address that received the answer. `None` before the first.
        local_address: Option<String> = Address(c"local address");
        /// UDP port that is asked.
        remote_port: u16 = Port(c"remote port");
        /// What the source says of a leap second.
        leap_status: Open<LeapStatus> = Enum(c"leap status").unless("received_valid_messages", &[0]);
        /// NTP version of the answer. 0 before the first.
        version: u8 = Count(c"version").unless("received_valid_messages", &[0]);
        /// NTP mode of the answer. 0, which has no name, before the first.
        mode: Open<NtpMode> = Enum(c"mode").unless("received_valid_messages", &[0]);
        /// Stratum as the answer has it, 0 to 255. 0 in a kiss-o'-death, and before the first.
        stratum: u8 = Count(c"stratum").unless("received_valid_messages", &[0]);
        /// Polling interval as the answer has it, as a power of two, in seconds. chronyd does not check it.
        poll: i8 = IntervalLog2Seconds(c"poll").unless("received_valid_messages", &[0]);
        /// Precision of the source's clock as a power of two, in seconds.
        precision: i8 = IntervalLog2Seconds(c"precision").unless("received_valid_messages", &[0]);
        /// Delay of the path from the source to its stratum-1 server, in seconds, 0 or more.
        root_delay: f64 = MeasureSeconds(c"root delay").unless("received_valid_messages", &[0]);
        /// Dispersion accumulated over that path, in seconds, 0 or more.
        root_dispersion: f64 = MeasureSeconds(c"root dispersion").unless("received_valid_messages", &[0]);
        /// What the source follows. A name when its stratum is 1, a kiss code when it is 0.
        reference_id: ReferenceId = ReferenceId(c"reference ID").unless("received_valid_messages", &[0]);
        /// When the source's clock was last set. The epoch when that is not known.
        ref_time: SystemTime = Time(c"reference time").unless("received_valid_messages", &[0]);
        /// Offset of the sample, in seconds. Positive: the local clock is behind the source, other than in `sources`.
        offset: f64 = OffsetSeconds(c"offset").positive_is_slow().unless("received_valid_messages", &[0]);
        /// Delay to the source and back, in seconds, 0 or more.
        peer_delay: f64 = MeasureSeconds(c"peer delay").unless("received_valid_messages", &[0]);
        /// Dispersion of the sample, in seconds, 0 or more.
        peer_dispersion: f64 = MeasureSeconds(c"peer dispersion").unless("received_valid_messages", &[0]);
        /// How long the source took to answer, in seconds, 0 or more.
        response_time: f64 = MeasureSeconds(c"response time").unless("received_valid_messages", &[0]);
        /// How the jitter differs between the two ways, -0.5 to 0.5. Negative: the way to the source varies more.
        jitter_asymmetry: f64 = Ratio(c"jitter asymmetry").unless("received_valid_messages", &[0]);
        /// Which tests the answer has passed, and in which mode it came.
        flags: NtpFlags = Flags(c"flags").unless("received_valid_messages", &[0]);
        /// What stamped the request as it was sent. 0, which has no name, before the first answer.
        transmit_timestamping: Open<Timestamping> =
            Enum(c"transmit timestamping").unless("received_valid_messages", &[0]);
        /// What stamped the answer as it was received. 0, which has no name, before the first.
        receive_timestamping: Open<Timestamping> =
            Enum(c"receive timestamping").unless("received_valid_messages", &[0]);
        /// Messages sent to the source.
        transmitted_messages: u32 = Count(c"transmitted messages");
        /// Messages received from it.
        received_messages: u32 = Count(c"received messages");
        /// Messages that passed the tests 1 to 5.
        received_valid_messages: u32 = Count(c"received valid messages");
        /// Messages that passed all tests, so that they gave a sample.
        received_good_messages: u32 = Count(c"received good messages");
        /// Requests that the kernel stamped. From chrony 4.6 on; `None` before.
        kernel_transmit_timestamps: Option<u32> = Count(c"kernel transmit timestamps").since("4.6");
        /// Answers that the kernel stamped. From chrony 4.6 on; `None` before.
        kernel_receive_timestamps: Option<u32> = Count(c"kernel receive timestamps").since("4.6");
        /// Requests that the network card stamped. From chrony 4.6 on; `None` before.
        hardware_transmit_timestamps: Option<u32> = Count(c"hardware transmit timestamps").since("4.6");
        /// Answers that the network card stamped. From chrony 4.6 on; `None` before.
        hardware_receive_timestamps: Option<u32> = Count(c"hardware receive timestamps").since("4.6");
    }
}
