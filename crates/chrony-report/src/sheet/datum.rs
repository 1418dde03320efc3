//! One value of any report. An event that never happened, an unknown value and a value that does not exist differ.

use jiff::Timestamp;
use libchrony::{AnyField, Content, Field, Value};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The number that chronyd sends for the age of an event that never happened.
const NEVER: u64 = 0xFFFF_FFFF;

/// A value. Never, unknown and none are null in JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    /// The event has not happened so far.
    Never,
    /// This version of chronyd does not report the value.
    Unknown,
    /// The value does not exist, such as the address of a reference clock, or the offset of a source without samples.
    None,
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Boolean(bool),
    Time(SystemTime),
    Text(String),
    /// The word for a constant.
    Word(Cow<'static, str>),
    /// A constant without a word, as a newer chronyd may have.
    Number(u64),
    /// The words for the flags that are set, and the bits without a word.
    Flags(Vec<Cow<'static, str>>, u64),
}

impl Datum {
    /// Converts the value of a table's field.
    pub(crate) fn of(field: &Field, value: Value<'_>) -> Self {
        let word = |number| field.constants.and_then(|constants| constants.name(number)).map(Cow::Borrowed);
        Self::new(field.content, value, word)
    }

    /// Converts the value of a field as libchrony describes it.
    pub(crate) fn any(field: &AnyField) -> Self {
        match field.value() {
            // libchrony's words do not say which bits they belong to. If a bit lacks a word, only the number shows it.
            Value::Flags(number) if field.words.len() == number.count_ones() as usize => {
                Self::Flags(field.words.iter().cloned().map(Cow::Owned).collect(), 0)
            }
            Value::Flags(number) => Self::Number(number),
            value => Self::new(field.content, value, |_| field.words.first().cloned().map(Cow::Owned)),
        }
    }

    fn new(content: Content, value: Value<'_>, word: impl Fn(u64) -> Option<Cow<'static, str>>) -> Self {
        match value {
            Value::Unsigned(NEVER) if content == Content::IntervalSeconds => Self::Never,
            Value::Unsigned(number) => Self::Unsigned(number),
            Value::Constant(number) => word(number).map_or(Self::Number(number), Self::Word),
            Value::Flags(number) => {
                let bits = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| number & bit != 0);
                let (mut words, mut rest) = (Vec::new(), 0);
                for bit in bits {
                    match word(bit) {
                        Some(word) => words.push(word),
                        None => rest |= bit,
                    }
                }
                Self::Flags(words, rest)
            }
            Value::Signed(number) => Self::Signed(number),
            Value::Float(number) => Self::Float(number),
            Value::Boolean(value) => Self::Boolean(value),
            Value::Time(UNIX_EPOCH) => Self::Never,
            Value::Time(time) => Self::Time(time),
            Value::Text(text) => text.map_or(Self::None, |text| Self::Text(text.to_owned())),
            _ => Self::Unknown,
        }
    }

    /// Formats the value for CSV. Null is empty.
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Never | Self::Unknown | Self::None => String::new(),
            Self::Unsigned(number) | Self::Number(number) => number.to_string(),
            Self::Signed(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Time(time) => seconds(*time),
            Self::Text(text) => text.clone(),
            Self::Word(word) => word.clone().into_owned(),
            Self::Flags(words, 0) => words.join(" "),
            Self::Flags(words, rest) => {
                words.iter().cloned().chain([format!("{rest:#x}").into()]).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never | Self::Unknown | Self::None => serializer.serialize_none(),
            Self::Unsigned(number) | Self::Number(number) => serializer.serialize_u64(*number),
            Self::Signed(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Time(time) => exact(*time).serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Word(word) => serializer.serialize_str(word),
            Self::Flags(words, rest) => {
                let bits = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| rest & bit != 0);
                let words = words.iter().map(|word| Flag::Word(word));
                serializer.collect_seq(words.chain(bits.map(Flag::Bit)))
            }
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Flag<'a> {
    Word(&'a str),
    Bit(u64),
}

/// Returns a time for JSON: seconds since the epoch with all their digits, which a float cannot hold.
pub(crate) fn exact(time: SystemTime) -> Option<Box<RawValue>> {
    RawValue::from_string(seconds(time)).ok()
}

/// Formats a time as seconds since the epoch.
fn seconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

/// Formats a time for people, in UTC.
pub(crate) fn date(time: SystemTime) -> String {
    // chronyd can send years up to 2554, and jiff supports years up to 9999.
    Timestamp::try_from(time).map_or_else(|_| seconds(time), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
