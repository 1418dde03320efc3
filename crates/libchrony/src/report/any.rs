//! Records as libchrony itself describes them, without the tables of this crate.

use crate::report::content::{Content, Type, Unit};
use crate::report::field::Value;
use crate::report::record::{FieldError, Record};
use libchrony_sys::types as c;

/// A record of any report that the loaded libchrony knows, with its fields in libchrony's order.
///
/// [`Connection::report`](crate::Connection::report) returns these records. Fields that libchrony calls reserved are
/// included.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyRecord(Vec<(String, AnyField)>);

impl AnyRecord {
    pub(crate) fn decode(record: Record<'_>) -> Result<Self, FieldError> {
        let indexes = 0..record.number_fields();
        // A list may be long, and collecting into a `Result` would over-allocate each record.
        let mut fields = Vec::with_capacity(indexes.len());
        for index in indexes {
            fields.push(AnyField::decode(record, index)?);
        }
        Ok(Self(fields))
    }

    /// Returns the fields, each with libchrony's name.
    #[must_use]
    pub fn fields(&self) -> &[(String, AnyField)] {
        &self.0
    }

    /// Returns the field with this libchrony name, such as `"root delay"`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AnyField> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, field)| field)
    }
}

/// A field of an [`AnyRecord`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnyField {
    /// The type, or `None` if this crate does not know it. The value is [`Value::Missing`] then.
    pub kind: Option<Type>,
    /// The meaning of the values.
    pub content: Content,
    /// libchrony's name of the constant, or of each flag that is set, from the lowest bit up. A number or bit without a
    /// name is left out.
    pub words: Vec<String>,
    /// The value, unless it is text.
    value: Value<'static>,
    /// The value, if it is text.
    text: Option<String>,
}

impl AnyField {
    fn decode(record: Record<'_>, index: c::Int) -> Result<(String, Self), FieldError> {
        let name = record.name(index);
        let (content, number) = record.described(index);
        let shown = name.to_string_lossy().into_owned();
        let (mut text, mut words) = (None, Vec::new());
        let (kind, value) = match number {
            c::CHRONY_TYPE_UINTEGER => {
                let number = record.unsigned(index, name)?;
                let mut add = |number| words.extend(record.constant_name(index, number).map(str::to_owned));
                let value = match content {
                    Content::Enum => {
                        add(number);
                        Value::Constant(number)
                    }
                    Content::Flags => {
                        (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| number & bit != 0).for_each(add);
                        Value::Flags(number)
                    }
                    Content::Boolean => Value::Boolean(number != 0),
                    _ => Value::Unsigned(number),
                };
                (Some(Type::Unsigned(u64::BITS)), value)
            }
            c::CHRONY_TYPE_INTEGER => (Some(Type::Signed(i64::BITS)), Value::Signed(record.signed(index, name)?)),
            c::CHRONY_TYPE_FLOAT => {
                let number = record.float(index, name)?;
                // No range contains NaN.
                if !(content.least()..=f64::MAX).contains(&number) {
                    return Err(FieldError::invalid(&shown, number));
                }
                (Some(Type::Float), Value::Float(number))
            }
            c::CHRONY_TYPE_TIMESPEC => {
                let time = record.time(index, name)?.map_err(|time| FieldError::invalid(&shown, time))?;
                (Some(Type::Time), Value::Time(time))
            }
            c::CHRONY_TYPE_STRING => {
                text = record.address(index, name)?;
                (Some(Type::Text), Value::Text(None))
            }
            _ => (None, Value::Missing),
        };
        Ok((shown, Self { kind, content, words, value, text }))
    }

    /// Returns the value. Times, floats and measures have been checked: an invalid one is an error of the call.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self.value {
            Value::Text(_) => Value::Text(self.text.as_deref()),
            other => other,
        }
    }

    /// Returns the unit of the value.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.content.unit()
    }
}
