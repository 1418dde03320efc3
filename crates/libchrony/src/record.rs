//! Type-checked reads of a record's fields.
//!
//! libchrony answers a read by the wrong name, index or type with a plausible zero. Here a field is found by name,
//! its type is compared with the one expected, and its value with the bounds in the report's table. No default ever
//! takes the place of a value.

use crate::raw::session::RawSession;
use crate::refid::ReferenceId;
use libchrony_sys::types as c;
use std::ffi::CStr;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The unit of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// A number or text without a unit.
    None,
    /// Seconds.
    Seconds,
    /// Parts per million.
    Ppm,
    /// A power of two, in seconds.
    Log2Seconds,
}

/// One line of a report's table: a field of a record, where it comes from, and which values it may have.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The name here and in Python.
    pub name: &'static str,
    /// libchrony's name.
    pub libchrony: &'static CStr,
    /// The unit of its values.
    pub unit: Unit,
    /// The least value that is accepted.
    pub min: f64,
    /// The greatest value that is accepted.
    pub max: f64,
}

impl Field {
    const fn new(name: &'static str, libchrony: &'static CStr, unit: Unit, min: f64, max: f64) -> Self {
        Self { name, libchrony, unit, min, max }
    }

    /// Text, an identifier or a constant: bounded by its type alone.
    pub(crate) const fn plain(name: &'static str, libchrony: &'static CStr) -> Self {
        Self::new(name, libchrony, Unit::None, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// A number with a unit, bounded by its type alone.
    pub(crate) const fn number(name: &'static str, libchrony: &'static CStr, unit: Unit) -> Self {
        Self::new(name, libchrony, unit, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// An integer from 0 to `max`.
    pub(crate) const fn upto(name: &'static str, libchrony: &'static CStr, max: u8) -> Self {
        Self::new(name, libchrony, Unit::None, 0.0, max as f64)
    }

    /// A finite number of either sign.
    pub(crate) const fn offset(name: &'static str, libchrony: &'static CStr, unit: Unit) -> Self {
        Self::new(name, libchrony, unit, f64::MIN, f64::MAX)
    }

    /// A finite number that is not negative.
    pub(crate) const fn measure(name: &'static str, libchrony: &'static CStr, unit: Unit) -> Self {
        Self::new(name, libchrony, unit, 0.0, f64::MAX)
    }

    fn check(&self, value: f64) -> bool {
        // NaN is in no range.
        (self.min..=self.max).contains(&value)
    }

    fn invalid(&self, value: impl fmt::Display) -> FieldError {
        FieldError::Invalid { field: self.name, value: value.to_string() }
    }
}

/// A field that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The record has no field of this name.
    #[error("field {field:?} is missing")]
    Missing {
        /// libchrony's name of the field.
        field: String,
    },
    /// The field has another type than in every known version.
    #[error("field {field:?} has another type (libchrony's type {found})")]
    Type {
        /// libchrony's name of the field.
        field: String,
        /// The type it has, as a number of libchrony's `chrony_field_type`.
        found: u32,
    },
    /// The value is NaN, infinite or out of bounds.
    #[error("Invalid {field}: {value}")]
    Invalid {
        /// The name of the field here.
        field: &'static str,
        /// The value.
        value: String,
    },
}

/// A value of any field, for code that treats all reports alike.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// An unsigned number, an identifier, flags or bits.
    Unsigned(u64),
    /// The number of one of the field's constants, such as a source's state.
    Constant(u8),
    /// A signed number.
    Signed(i64),
    /// A finite number.
    Float(f64),
    /// A point in time.
    Time(SystemTime),
    /// Text; `None` when chronyd has none, as for the address of a reference clock.
    Text(Option<&'a str>),
}

/// A type that fields are read as.
pub(crate) trait FieldValue: Sized {
    /// Reads `field`, which libchrony is likely to have at `index`.
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError>;

    fn value(&self) -> Value<'_>;
}

/// libchrony's names of the fields that tell a source.
const REFERENCE_ID: &CStr = c"reference ID";
const ADDRESS: &CStr = c"address";

/// A record that a session has just received. While it exists, the session cannot send another request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a>(&'a RawSession);

impl<'a> Record<'a> {
    /// The caller has seen the session accept a response.
    pub(crate) fn new(session: &'a RawSession) -> Self {
        Self(session)
    }

    /// The index of the field of this name, looked for at `index` first.
    fn find(self, index: c::Int, name: &CStr) -> Option<c::Int> {
        if self.0.field_is(index, name) { Some(index) } else { self.0.field_index(name) }
    }

    /// The index of the field of this name and type.
    fn typed(self, index: c::Int, name: &CStr, expected: c::ChronyFieldType) -> Result<c::Int, FieldError> {
        let field = || name.to_string_lossy().into_owned();
        let index = self.find(index, name).ok_or_else(|| FieldError::Missing { field: field() })?;
        match self.0.field_type(index) {
            found if found == expected => Ok(index),
            found => Err(FieldError::Type { field: field(), found }),
        }
    }

    fn unsigned(self, index: c::Int, name: &CStr) -> Result<u64, FieldError> {
        self.typed(index, name, c::CHRONY_TYPE_UINTEGER).map(|index| self.0.field_uinteger(index))
    }

    /// A network address; `None` when it is unspecified or of a family that libchrony does not know.
    fn address(self, index: c::Int, name: &CStr) -> Result<Option<String>, FieldError> {
        let index = self.typed(index, name, c::CHRONY_TYPE_STRING)?;
        Ok(self.0.field_string(index).filter(|address| address != "?"))
    }

    /// What tells the source of a record from others: its reference ID and its address, as far as the report has them.
    pub(crate) fn source(self) -> (Option<u64>, Option<String>) {
        let address = self.address(0, ADDRESS).unwrap_or_default();
        (self.unsigned(0, REFERENCE_ID).ok(), address)
    }

    /// The constant whose number an unsigned field has.
    pub(crate) fn constant<T>(
        self,
        index: c::Int,
        field: &Field,
        from_number: impl Fn(u64) -> Option<T>,
    ) -> Result<T, FieldError> {
        let number = self.unsigned(index, field.libchrony)?;
        from_number(number).ok_or_else(|| field.invalid(number))
    }

    /// libchrony's own name of a constant of a field.
    #[cfg(test)]
    pub(crate) fn constant_name(self, field: &Field, value: u64) -> Option<&'a str> {
        self.0.constant_name(self.find(0, field.libchrony)?, value)
    }
}

macro_rules! unsigned_values {
    ($($type:ty),*) => {$(
        impl FieldValue for $type {
            fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
                let value = record.unsigned(index, field.libchrony)?;
                Self::try_from(value).ok().filter(|&value| field.check(f64::from(value))).ok_or_else(|| field.invalid(value))
            }

            fn value(&self) -> Value<'_> {
                Value::Unsigned(u64::from(*self))
            }
        }
    )*};
}

unsigned_values!(u8, u16, u32);

impl FieldValue for ReferenceId {
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
        u32::read(record, index, field).map(Self)
    }

    fn value(&self) -> Value<'_> {
        Value::Unsigned(u64::from(self.0))
    }
}

impl FieldValue for i16 {
    /// libchrony does not extend the sign of 16-bit fields: it reads -2 as 65534.
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
        let index = record.typed(index, field.libchrony, c::CHRONY_TYPE_INTEGER)?;
        let value = record.0.field_integer(index);
        let extended = u16::try_from(value).map(u16::cast_signed).or_else(|_| Self::try_from(value));
        extended.map_err(|_| field.invalid(value))
    }

    fn value(&self) -> Value<'_> {
        Value::Signed(i64::from(*self))
    }
}

impl FieldValue for f64 {
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
        let index = record.typed(index, field.libchrony, c::CHRONY_TYPE_FLOAT)?;
        let value = record.0.field_float(index);
        if field.check(value) { Ok(value) } else { Err(field.invalid(value)) }
    }

    fn value(&self) -> Value<'_> {
        Value::Float(*self)
    }
}

impl FieldValue for SystemTime {
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
        let index = record.typed(index, field.libchrony, c::CHRONY_TYPE_TIMESPEC)?;
        let time = record.0.field_timespec(index);
        since_epoch(time.tv_sec, time.tv_nsec)
            .and_then(|time| Self::UNIX_EPOCH.checked_add(time))
            .ok_or_else(|| field.invalid(format_args!("{} s and {} ns", time.tv_sec, time.tv_nsec)))
    }

    fn value(&self) -> Value<'_> {
        Value::Time(*self)
    }
}

/// A time since the epoch. A chronyd with 32-bit times sends a mark in the upper half of the seconds.
fn since_epoch(seconds: impl Into<i64>, nanoseconds: impl Into<i64>) -> Option<Duration> {
    const NO_HIGH_SECONDS: i64 = 0x7fff_ffff;
    let (seconds, nanoseconds) = (seconds.into(), nanoseconds.into());
    let seconds = if seconds >> 32 == NO_HIGH_SECONDS { seconds & 0xffff_ffff } else { seconds };
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|&nanoseconds| nanoseconds < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
}

impl FieldValue for Option<String> {
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
        record.address(index, field.libchrony)
    }

    fn value(&self) -> Value<'_> {
        Value::Text(self.as_deref())
    }
}

impl FieldValue for String {
    /// libchrony gives a source's record either an address or, for a reference clock, a reference ID. Empty for an
    /// address that is unspecified.
    fn read(record: Record<'_>, index: c::Int, field: &Field) -> Result<Self, FieldError> {
        if record.find(index, REFERENCE_ID).is_some() {
            let id = record.unsigned(index, REFERENCE_ID)?;
            return u32::try_from(id).map(|id| ReferenceId(id).name()).map_err(|_| field.invalid(id));
        }
        record.address(index, field.libchrony).map(Option::unwrap_or_default)
    }

    fn value(&self) -> Value<'_> {
        Value::Text(Some(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_32_bit_servers_lose_their_mark() {
        let marked = 0x7fff_ffff_i64 << 32;
        assert_eq!(since_epoch(marked + 1_700_000_000, 5), Some(Duration::new(1_700_000_000, 5)));
        assert_eq!(since_epoch(marked | 0xffff_ffff, 0), Some(Duration::new(0xffff_ffff, 0)));
        assert_eq!(since_epoch(1_700_000_000, 0), Some(Duration::new(1_700_000_000, 0)));
        assert_eq!(since_epoch(0, 0), Some(Duration::ZERO));
    }

    #[test]
    fn impossible_times_are_refused() {
        assert_eq!(since_epoch(0, 1_000_000_000), None);
        assert_eq!(since_epoch(0, 0xffff_ffff_i64), None);
        assert_eq!(since_epoch(-1, 0), None);
        assert_eq!(since_epoch(i64::MIN, 0), None);
    }
}
