//! The types that fields are decoded into, each with its checks.

use crate::report::content::Type;
use crate::report::field::{Constants, Field, FieldValue, Value};
use crate::report::record::{FieldError, Record};
use crate::report::reference_id::ReferenceId;
use libchrony_sys::types::Int;
use std::fmt;
use std::time::SystemTime;

macro_rules! integers {
    ($kind:ident, $read:ident: $($type:ty),*) => {$(
        impl FieldValue for $type {
            const TYPE: Type = Type::$kind(<$type>::BITS);

            #[expect(clippy::cast_precision_loss, reason = "the bounds are far below what a float has exactly")]
            fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
                let value = record.$read(index, field.libchrony)?;
                let is_allowed = |_: &Self| field.allows(value as f64);
                Self::try_from(value).ok().filter(is_allowed).ok_or_else(|| FieldError::invalid(field.name, value))
            }

            fn value(&self) -> Value<'_> {
                Value::$kind((*self).into())
            }
        }
    )*};
}

integers!(Unsigned, unsigned: u8, u16, u32, u64);
integers!(Signed, signed: i8, i16);

impl FieldValue for bool {
    const TYPE: Type = Type::Unsigned(1);

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        record.unsigned(index, field.libchrony).map(|value| value != 0)
    }

    fn value(&self) -> Value<'_> {
        Value::Boolean(*self)
    }
}

impl FieldValue for ReferenceId {
    const TYPE: Type = u32::TYPE;

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        u32::decode(record, index, field).map(Self)
    }

    fn value(&self) -> Value<'_> {
        Value::Unsigned(u64::from(self.0))
    }
}

impl FieldValue for f64 {
    const TYPE: Type = Type::Float;

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        let value = record.float(index, field.libchrony)?;
        if field.allows(value) { Ok(value) } else { Err(FieldError::invalid(field.name, value)) }
    }

    fn value(&self) -> Value<'_> {
        Value::Float(*self)
    }
}

impl FieldValue for SystemTime {
    const TYPE: Type = Type::Time;

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        let time = record.time(index, field.libchrony)?;
        time.map_err(|time| FieldError::invalid(field.name, time))
    }

    fn value(&self) -> Value<'_> {
        Value::Time(*self)
    }
}

/// The error for a text that is not the name of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not one of {}", names.join(", "))]
pub struct UnknownName {
    name: String,
    names: Vec<&'static str>,
}

impl UnknownName {
    pub(crate) fn new<T: Constant>(name: &str) -> Self {
        Self { name: name.to_owned(), names: T::NAMES.iter().map(|(_, name)| *name).collect() }
    }
}

/// A number that has a name.
pub(crate) trait Constant: Copy {
    const NAMES: &'static [(u64, &'static str)];

    fn from_number(number: u64) -> Option<Self>;

    fn number(self) -> u64;
}

impl<T: Constant> FieldValue for T {
    const TYPE: Type = u8::TYPE;
    const CONSTANTS: Option<&'static Constants> = Some(&Constants { names: T::NAMES, is_open: false });

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        let number = record.unsigned(index, field.libchrony)?;
        T::from_number(number).ok_or_else(|| FieldError::invalid(field.name, number))
    }

    fn value(&self) -> Value<'_> {
        Value::Constant(self.number())
    }
}

/// A constant of a field, or a number without a name. A newer chronyd may send constants that this crate does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Open<T> {
    /// A constant with a name.
    Known(T),
    /// A number without a name.
    Unknown(u64),
}

impl<T: PartialEq> PartialEq<T> for Open<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(known) if known == other)
    }
}

impl<T: fmt::Display> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => known.fmt(f),
            Self::Unknown(number) => f.pad(&format!("unknown({number})")),
        }
    }
}

impl<T: Constant> FieldValue for Open<T> {
    const TYPE: Type = u64::TYPE;
    const CONSTANTS: Option<&'static Constants> = Some(&Constants { names: T::NAMES, is_open: true });

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        let number = record.unsigned(index, field.libchrony)?;
        Ok(T::from_number(number).map_or(Self::Unknown(number), Self::Known))
    }

    fn value(&self) -> Value<'_> {
        Value::Constant(match self {
            Self::Known(known) => known.number(),
            Self::Unknown(number) => *number,
        })
    }
}

/// The address of a source, which a reference clock lacks.
impl FieldValue for Option<String> {
    const TYPE: Type = Type::Text;

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        record.address(index, field.libchrony)
    }

    fn value(&self) -> Value<'_> {
        Value::Text(self.as_deref())
    }
}

/// The name of a source: its address, or else its reference ID read as characters. Empty if it has neither.
impl FieldValue for String {
    const TYPE: Type = Type::Text;

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        let place = record.find(index, field.libchrony);
        if let Some(index) = place
            && let Some(address) = record.address(index, field.libchrony)?
        {
            return Ok(address);
        }
        match field.or {
            Some(other) if record.find(index, other).is_some() => {
                let id = record.unsigned(index, other)?;
                let id = u32::try_from(id).map_err(|_| FieldError::invalid(field.name, id))?;
                Ok(ReferenceId(id).name())
            }
            _ if place.is_some() => Ok(Self::new()),
            _ => Err(FieldError::missing(field.libchrony)),
        }
    }

    fn value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

/// A number that some versions of chronyd do not send.
pub(crate) trait Number: FieldValue {}

impl Number for u32 {}
impl Number for u64 {}

impl<T: Number> FieldValue for Option<T> {
    const TYPE: Type = T::TYPE;

    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError> {
        record.find(index, field.libchrony).map(|index| T::decode(record, index, field)).transpose()
    }

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Missing, T::value)
    }
}
