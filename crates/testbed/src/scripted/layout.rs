//! The reports as tables: request code, reply codes, and the fields of each reply in wire order.
//!
//! Field names are libchrony's. Wire types and order come from chrony's command protocol, version 6. Each default is
//! plausible for a healthy chronyd. This file does not depend on other files, because the stub library uses it, too.

/// The form of a value on the wire, always in network byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Two 32-bit words, high first.
    U64,
    /// 32 bits.
    U32,
    /// 16 bits.
    U16,
    /// 8 bits.
    U8,
    /// 16 bits, two's complement.
    I16,
    /// 8 bits, two's complement.
    I8,
    /// chrony's own 32-bit floating point: 7 bits of exponent, 25 of coefficient.
    Float,
    /// 16 bytes, a 16-bit family, 16 bits of padding.
    Address,
    /// An address, or for a reference clock its reference ID where an IPv4 address would be.
    Source,
    /// Seconds in two 32-bit words, nanoseconds in a third.
    Time,
}

impl Wire {
    /// Returns its length in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::Float => 4,
            Self::U64 => 8,
            Self::Time => 12,
            Self::Address | Self::Source => 20,
        }
    }
}

/// The name, type and default of a field. The default is text; "" is an unspecified address.
pub type Field = (&'static str, Wire, &'static str);

/// The key by which a request names its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// There is one record.
    Single,
    /// An index among the sources.
    Index,
    /// The address of a source.
    Address,
}

/// One layout of a reply.
#[derive(Debug)]
pub struct Layout {
    /// The reply code.
    pub reply: u16,
    /// The fields in order, in groups that layouts share.
    pub fields: &'static [&'static [Field]],
}

impl Layout {
    /// Returns all fields in order.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().copied().flatten()
    }
}

/// A report, as libchrony describes it.
#[derive(Debug)]
pub struct Report {
    /// libchrony's name.
    pub name: &'static str,
    /// The code of the request for one record.
    pub request: u16,
    /// The key that the request carries.
    pub key: Key,
    /// The layouts of its reply, oldest first.
    pub layouts: &'static [Layout],
}

use Key::{Address as ByAddress, Index, Single};
use Wire::{Address, Float, I8, I16, Source, Time, U8, U16, U32, U64};

/// The code of the request for the number of sources, and the code of its reply.
pub const NUMBER_OF_SOURCES: (u16, u16) = (14, 2);

/// Every report, in libchrony's order.
pub const REPORTS: &[Report] = &[
    Report { name: "tracking", request: 33, key: Single, layouts: &[Layout { reply: 5, fields: &[TRACKING] }] },
    Report { name: "sources", request: 15, key: Index, layouts: &[Layout { reply: 3, fields: &[SOURCES] }] },
    Report { name: "sourcestats", request: 34, key: Index, layouts: &[Layout { reply: 6, fields: &[SOURCESTATS] }] },
    Report { name: "selectdata", request: 69, key: Index, layouts: &[Layout { reply: 23, fields: &[SELECTDATA] }] },
    Report { name: "activity", request: 44, key: Single, layouts: &[Layout { reply: 12, fields: &[ACTIVITY] }] },
    Report { name: "authdata", request: 67, key: ByAddress, layouts: &[Layout { reply: 20, fields: &[AUTHDATA] }] },
    Report {
        name: "ntpdata",
        request: 57,
        key: ByAddress,
        layouts: &[
            Layout { reply: 16, fields: &[NTPDATA, NTPDATA_RESERVED] },
            Layout { reply: 26, fields: &[NTPDATA, NTPDATA_TIMESTAMPS, NTPDATA_RESERVED, NTPDATA_RESERVED_2] },
        ],
    },
    Report {
        name: "serverstats",
        request: 54,
        key: Single,
        layouts: &[
            Layout { reply: 14, fields: &[SERVERSTATS_1] },
            Layout { reply: 22, fields: &[SERVERSTATS_2] },
            Layout { reply: 24, fields: &[SERVERSTATS_2, SERVERSTATS_3] },
            Layout { reply: 25, fields: &[SERVERSTATS_4] },
        ],
    },
    Report { name: "rtcdata", request: 35, key: Single, layouts: &[Layout { reply: 7, fields: &[RTCDATA] }] },
    Report { name: "smoothing", request: 51, key: Single, layouts: &[Layout { reply: 13, fields: &[SMOOTHING] }] },
];

const TRACKING: &[Field] = &[
    ("reference ID", U32, "2130706433"),
    ("address", Address, "127.0.0.1"),
    ("stratum", U16, "2"),
    ("leap status", U16, "0"),
    ("reference time", Time, "1700000000.123456789"),
    ("current correction", Float, "0.000012"),
    ("last offset", Float, "-0.000034"),
    ("RMS offset", Float, "0.000056"),
    ("frequency offset", Float, "-1.5"),
    ("residual frequency", Float, "0.003"),
    ("skew", Float, "0.05"),
    ("root delay", Float, "0.0012"),
    ("root dispersion", Float, "0.0034"),
    ("last update interval", Float, "64.25"),
];

const SOURCES: &[Field] = &[
    ("address", Source, "127.0.0.1"),
    ("poll", I16, "6"),
    ("stratum", U16, "1"),
    ("state", U16, "0"),
    ("mode", U16, "0"),
    ("flags", U16, "0"),
    ("reachability", U16, "255"),
    ("last sample ago", U32, "12"),
    ("original last sample offset", Float, "0.000021"),
    ("adjusted last sample offset", Float, "-0.000017"),
    ("last sample error", Float, "0.00043"),
];

const SOURCESTATS: &[Field] = &[
    ("reference ID", U32, "2130706433"),
    ("address", Address, "127.0.0.1"),
    ("samples", U32, "8"),
    ("runs", U32, "4"),
    ("span", U32, "448"),
    ("standard deviation", Float, "0.000009"),
    ("residual frequency", Float, "0.002"),
    ("skew", Float, "0.07"),
    ("offset", Float, "-0.000011"),
    ("offset error", Float, "0.000013"),
];

const SELECTDATA: &[Field] = &[
    ("reference ID", U32, "2130706433"),
    ("address", Address, "127.0.0.1"),
    ("state", U8, "42"),
    ("authentication", U8, "0"),
    ("leap status", U8, "0"),
    ("reserved #1", U8, "0"),
    ("configured options", U16, "0"),
    ("effective options", U16, "0"),
    ("last sample ago", U32, "12"),
    ("score", Float, "1"),
    ("low limit", Float, "-0.0002"),
    ("high limit", Float, "0.0002"),
];

const ACTIVITY: &[Field] = &[
    ("online sources", U32, "1"),
    ("offline sources", U32, "0"),
    ("burst online-return sources", U32, "0"),
    ("burst offline-return sources", U32, "0"),
    ("unresolved sources", U32, "0"),
];

const AUTHDATA: &[Field] = &[
    ("mode", U16, "0"),
    ("key type", U16, "0"),
    ("key ID", U32, "0"),
    ("key length", U16, "0"),
    ("key establishment attempts", U16, "0"),
    ("last key establishment ago", U32, "4294967295"),
    ("cookies", U16, "0"),
    ("cookie length", U16, "0"),
    ("NAK", U16, "0"),
    ("reserved #1", U16, "0"),
];

const NTPDATA: &[Field] = &[
    ("remote address", Address, "127.0.0.1"),
    ("local address", Address, "127.0.0.1"),
    ("remote port", U16, "123"),
    ("leap status", U8, "0"),
    ("version", U8, "4"),
    ("mode", U8, "4"),
    ("stratum", U8, "1"),
    ("poll", I8, "6"),
    ("precision", I8, "-24"),
    ("root delay", Float, "0"),
    ("root dispersion", Float, "0.00001"),
    ("reference ID", U32, "1196446464"),
    ("reference time", Time, "1700000000.123456789"),
    ("offset", Float, "-0.000011"),
    ("peer delay", Float, "0.00021"),
    ("peer dispersion", Float, "0.00000012"),
    ("response time", Float, "0.000045"),
    ("jitter asymmetry", Float, "0"),
    ("flags", U16, "1023"),
    ("transmit timestamping", U8, "75"),
    ("receive timestamping", U8, "75"),
    ("transmitted messages", U32, "9"),
    ("received messages", U32, "8"),
    ("received valid messages", U32, "8"),
    ("received good messages", U32, "8"),
];

const NTPDATA_TIMESTAMPS: &[Field] = &[
    ("kernel transmit timestamps", U32, "8"),
    ("kernel receive timestamps", U32, "8"),
    ("hardware transmit timestamps", U32, "0"),
    ("hardware receive timestamps", U32, "0"),
];

/// chronyd sets all bits of the reserved fields here and in serverstats.
const NTPDATA_RESERVED: &[Field] =
    &[("reserved #1", U32, "4294967295"), ("reserved #2", U32, "4294967295"), ("reserved #3", U32, "4294967295")];

const NTPDATA_RESERVED_2: &[Field] = &[("reserved #4", U32, "4294967295")];

const SERVERSTATS_1: &[Field] = &[
    ("received NTP requests", U32, "1001"),
    ("received command requests", U32, "1003"),
    ("dropped NTP requests", U32, "1004"),
    ("dropped command requests", U32, "1006"),
    ("dropped client log records", U32, "1007"),
];

const SERVERSTATS_2: &[Field] = &[
    ("received NTP requests", U32, "1001"),
    ("accepted NTS-KE connections", U32, "1002"),
    ("received command requests", U32, "1003"),
    ("dropped NTP requests", U32, "1004"),
    ("dropped NTS-KE connections", U32, "1005"),
    ("dropped command requests", U32, "1006"),
    ("dropped client log records", U32, "1007"),
    ("received authenticated NTP requests", U32, "1008"),
];

const SERVERSTATS_3: &[Field] = &[
    ("received interleaved NTP requests", U32, "1009"),
    ("held NTP timestamps", U32, "1010"),
    ("NTP timestamp span", U32, "1011"),
];

const SERVERSTATS_4: &[Field] = &[
    ("received NTP requests", U64, "1001"),
    ("accepted NTS-KE connections", U64, "1002"),
    ("received command requests", U64, "1003"),
    ("dropped NTP requests", U64, "1004"),
    ("dropped NTS-KE connections", U64, "1005"),
    ("dropped command requests", U64, "1006"),
    ("dropped client log records", U64, "1007"),
    ("received authenticated NTP requests", U64, "1008"),
    ("received interleaved NTP requests", U64, "1009"),
    ("held NTP timestamps", U64, "1010"),
    ("NTP timestamp span", U64, "1011"),
    ("served daemon RX timestamps", U64, "1012"),
    ("served daemon TX timestamps", U64, "1013"),
    ("served kernel RX timestamps", U64, "1014"),
    ("served kernel TX timestamps", U64, "1015"),
    ("served hardware RX timestamps", U64, "1016"),
    ("served hardware TX timestamps", U64, "1017"),
    ("reserved #1", U64, "18446744073709551615"),
    ("reserved #2", U64, "18446744073709551615"),
    ("reserved #3", U64, "18446744073709551615"),
    ("reserved #4", U64, "18446744073709551615"),
];

const RTCDATA: &[Field] = &[
    ("reference time", Time, "1700000000.123456789"),
    ("samples", U16, "10"),
    ("runs", U16, "5"),
    ("span", U32, "600"),
    ("offset", Float, "0.25"),
    ("frequency offset", Float, "-2.5"),
];

const SMOOTHING: &[Field] = &[
    ("flags", U32, "1"),
    ("offset", Float, "0.0001"),
    ("frequency offset", Float, "0.01"),
    ("wander", Float, "0.001"),
    ("last update ago", Float, "8"),
    ("remaining time", Float, "100"),
];
