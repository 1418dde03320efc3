//! The meaning of a field's values, and the type in which libchrony reads them.

use libchrony_sys::types as c;

/// The unit of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// A number or text without a unit.
    None,
    /// Seconds.
    Seconds,
    /// A power of two, in seconds: 6 is 64 s, -4 is 1/16 s.
    Log2Seconds,
    /// Parts per million.
    Ppm,
    /// Parts per million per second.
    PpmPerSecond,
    /// Bits.
    Bits,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// Returns the unit's symbol, such as `ppm`. Empty for no unit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "s",
            Self::Log2Seconds => "log2 s",
            Self::Ppm => "ppm",
            Self::PpmPerSecond => "ppm/s",
            Self::Bits => "bits",
            Self::Bytes => "bytes",
        }
    }
}

macro_rules! contents {
    ($($(#[$doc:meta])* $name:ident = $number:ident, $words:literal, $unit:ident;)*) => {
        /// The meaning of a field's values (`chrony_field_content` in libchrony).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Content {
            $($(#[$doc])* $name,)*
            /// A content that this crate does not know, with libchrony's number.
            Other(u32),
        }

        impl Content {
            /// Returns the content with libchrony's number.
            #[must_use]
            pub const fn from_number(number: u32) -> Self {
                match number {
                    $(c::$number => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// Returns libchrony's number.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$name => c::$number,)*
                    Self::Other(number) => number,
                }
            }

            /// Returns libchrony's name of the content, in words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                    Self::Other(_) => "unknown",
                }
            }

            /// Returns the unit of the values.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)*
                    Self::Other(_) => Unit::None,
                }
            }
        }
    };
}

contents! {
    /// A value whose meaning libchrony does not specify.
    Plain = CHRONY_CONTENT_NONE, "none", None;
    /// A count.
    Count = CHRONY_CONTENT_COUNT, "count", None;
    /// A time since the epoch.
    Time = CHRONY_CONTENT_TIME, "time", Seconds;
    /// An interval as a power of two.
    IntervalLog2Seconds = CHRONY_CONTENT_INTERVAL_LOG2_SECONDS, "interval", Log2Seconds;
    /// An interval.
    IntervalSeconds = CHRONY_CONTENT_INTERVAL_SECONDS, "interval", Seconds;
    /// A signed offset.
    OffsetSeconds = CHRONY_CONTENT_OFFSET_SECONDS, "offset", Seconds;
    /// A measure, which is not negative.
    MeasureSeconds = CHRONY_CONTENT_MEASURE_SECONDS, "measure", Seconds;
    /// A signed frequency.
    OffsetPpm = CHRONY_CONTENT_OFFSET_PPM, "offset", Ppm;
    /// A measure of a frequency, which is not negative.
    MeasurePpm = CHRONY_CONTENT_MEASURE_PPM, "measure", Ppm;
    /// A signed change of a frequency.
    OffsetPpmPerSecond = CHRONY_CONTENT_OFFSET_PPM_PER_SECOND, "offset", PpmPerSecond;
    /// A ratio.
    Ratio = CHRONY_CONTENT_RATIO, "ratio", None;
    /// An NTP reference ID.
    ReferenceId = CHRONY_CONTENT_REFERENCE_ID, "reference ID", None;
    /// The number of one of the field's constants.
    Enum = CHRONY_CONTENT_ENUM, "enum", None;
    /// Bits without names.
    Bits = CHRONY_CONTENT_BITS, "bits", None;
    /// Bits that have names.
    Flags = CHRONY_CONTENT_FLAGS, "flags", None;
    /// A network address.
    Address = CHRONY_CONTENT_ADDRESS, "address", None;
    /// A port.
    Port = CHRONY_CONTENT_PORT, "port", None;
    /// An index, or a number that identifies one of several.
    Index = CHRONY_CONTENT_INDEX, "index", None;
    /// A length in bits.
    LengthBits = CHRONY_CONTENT_LENGTH_BITS, "length", Bits;
    /// A length in bytes.
    LengthBytes = CHRONY_CONTENT_LENGTH_BYTES, "length", Bytes;
    /// Zero or not zero.
    Boolean = CHRONY_CONTENT_BOOLEAN, "boolean", None;
}

impl Content {
    /// Returns the least valid number of this content.
    pub(crate) const fn least(self) -> f64 {
        match self {
            Self::MeasureSeconds | Self::MeasurePpm => 0.0,
            _ => f64::MIN,
        }
    }
}

/// The type of a field, as libchrony reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Type {
    /// An integer from 0, of this many bits.
    Unsigned(u32),
    /// A signed integer, of this many bits.
    Signed(u32),
    /// A floating-point number.
    Float,
    /// Seconds and nanoseconds.
    Time,
    /// Text.
    Text,
}

impl Type {
    /// Returns the name of the type, in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsigned(_) => "unsigned",
            Self::Signed(_) => "signed",
            Self::Float => "float",
            Self::Time => "time",
            Self::Text => "string",
        }
    }

    /// Returns libchrony's number of the type (`chrony_field_type`).
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Unsigned(_) => c::CHRONY_TYPE_UINTEGER,
            Self::Signed(_) => c::CHRONY_TYPE_INTEGER,
            Self::Float => c::CHRONY_TYPE_FLOAT,
            Self::Time => c::CHRONY_TYPE_TIMESPEC,
            Self::Text => c::CHRONY_TYPE_STRING,
        }
    }
}
