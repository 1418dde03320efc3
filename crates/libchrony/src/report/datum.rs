//! Values as people and other programs need them, without chronyd's numbers for what is not known.

use crate::report::Table;
use crate::report::any::AnyField;
use crate::report::content::Content;
use crate::report::field::{Field, Value};
use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

/// The number that chronyd sends for the age of an event that never happened.
const NEVER: u64 = 0xFFFF_FFFF;

/// A value of a record, without the numbers that chronyd sends for an unknown value.
///
/// [`Table::data`] returns these values. With the feature `serde`, `Never`, `Unknown` and `None` are null.
///
/// ```
/// use libchrony::{Datum, Report, Source, Value};
///
/// // The age of the last sample of a source that has none.
/// let field = Source::FIELDS.iter().find(|field| field.name == "last_sample_ago").unwrap();
/// assert_eq!(Datum::of(field, Value::Unsigned(4_294_967_295)), Datum::Never);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// The event has not happened so far.
    Never,
    /// This version of chronyd does not report the value.
    Unknown,
    /// The value does not exist, such as the address of a reference clock, or the offset of a source without samples.
    None,
    /// An unsigned number.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A finite number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
    /// A point in time.
    Time(SystemTime),
    /// A text.
    Text(String),
    /// libchrony's name of a constant.
    Word(Cow<'static, str>),
    /// A constant without a name, as a newer chronyd may have.
    Number(u64),
    /// libchrony's names of the flags that are set, and the bits without a name.
    Flags(Vec<Cow<'static, str>>, u64),
}

impl Datum {
    /// Converts a value of a table's field. The other fields of the record are not considered.
    #[must_use]
    pub fn of(field: &Field, value: Value<'_>) -> Self {
        let word = |number| field.constants.and_then(|constants| constants.name(number)).map(Cow::Borrowed);
        Self::new(field.content, value, word)
    }

    /// Converts the value of a field as libchrony describes it.
    #[must_use]
    pub fn any(field: &AnyField) -> Self {
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
                let (mut words, mut rest) = (Vec::new(), 0);
                for bit in bits(number) {
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
            Value::Missing => Self::Unknown,
        }
    }
}

impl Table {
    /// Converts the values of a record, which are in the order of the fields. A value that another value makes
    /// meaningless is [`Datum::None`].
    #[must_use]
    pub fn data(&self, values: &[Value<'_>]) -> Vec<Datum> {
        (0..values.len()).map(|place| self.datum(values, place)).collect()
    }

    /// Converts one of the values of a record.
    pub(crate) fn datum(&self, values: &[Value<'_>], place: usize) -> Datum {
        let is_meaningless = |(other, numbers): (&str, &[u64])| {
            let place = self.fields.iter().position(|field| field.name == other);
            match place.and_then(|place| values.get(place)) {
                Some(Value::Unsigned(number) | Value::Constant(number)) => numbers.contains(number),
                _ => false,
            }
        };
        let field = &self.fields[place];
        if field.unless.is_some_and(is_meaningless) { Datum::None } else { Datum::of(field, values[place]) }
    }
}

/// Returns the bits that are set, from the lowest up.
fn bits(number: u64) -> impl Iterator<Item = u64> {
    (0..u64::BITS).map(|bit| 1 << bit).filter(move |bit| number & bit != 0)
}

#[cfg(feature = "serde")]
mod serialize {
    use super::{Datum, Table, Value, bits};
    use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
    use std::time::{Duration, UNIX_EPOCH};

    /// A time is a number of seconds since the epoch.
    impl Serialize for Datum {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Never | Self::Unknown | Self::None => serializer.serialize_none(),
                Self::Unsigned(number) | Self::Number(number) => serializer.serialize_u64(*number),
                Self::Signed(number) => serializer.serialize_i64(*number),
                Self::Float(number) => serializer.serialize_f64(*number),
                Self::Boolean(value) => serializer.serialize_bool(*value),
                Self::Time(time) => {
                    serializer.serialize_f64(time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64())
                }
                Self::Text(text) => serializer.serialize_str(text),
                Self::Word(word) => serializer.serialize_str(word),
                Self::Flags(words, rest) => {
                    let mut list = serializer.serialize_seq(None)?;
                    words.iter().try_for_each(|word| list.serialize_element(word))?;
                    bits(*rest).try_for_each(|bit| list.serialize_element(&bit))?;
                    list.end()
                }
            }
        }
    }

    /// Serialises a record, whose values are in the order of the fields.
    pub(crate) fn record<S: Serializer>(table: &Table, values: &[Value<'_>], serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(table.fields.len()))?;
        for (field, datum) in table.fields.iter().zip(table.data(values)) {
            map.serialize_entry(field.name, &datum)?;
        }
        map.end()
    }
}

#[cfg(feature = "serde")]
pub(crate) use serialize::record as serialize_record;
