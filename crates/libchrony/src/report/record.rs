//! Type-checked reads of a record's fields.
//!
//! libchrony returns a plausible zero for a field with the wrong index or type. So this module finds a field by name,
//! and compares its type with the expected one.

use crate::raw::session::RawSession;
use crate::report::content::Content;
use libchrony_sys::types as c;
use std::ffi::CStr;
use std::time::{Duration, SystemTime};

/// The error for a field that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The record has no field of this name.
    #[error("field {field:?} is missing")]
    Missing {
        /// libchrony's name of the field.
        field: String,
    },
    /// The type of the field differs from the type in every known version.
    #[error("field {field:?} has another type (libchrony's type {found})")]
    Type {
        /// libchrony's name of the field.
        field: String,
        /// The type of the field, as a number of libchrony's `chrony_field_type`.
        found: u32,
    },
    /// The value is NaN, infinite or out of range.
    #[error("Invalid {field}: {value}")]
    Invalid {
        /// The name of the field in this crate.
        field: String,
        /// The value.
        value: String,
    },
}

impl FieldError {
    pub(crate) fn missing(name: &CStr) -> Self {
        Self::Missing { field: name.to_string_lossy().into_owned() }
    }

    pub(crate) fn invalid(field: &str, value: impl std::fmt::Display) -> Self {
        Self::Invalid { field: field.to_owned(), value: value.to_string() }
    }
}

/// libchrony's names of the fields that identify a source.
const REFERENCE_ID: &CStr = c"reference ID";
const ADDRESS: &CStr = c"address";

/// A record that a session has just received. While it exists, the session cannot send another request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a>(&'a RawSession);

impl<'a> Record<'a> {
    /// Wraps a session's record. The session must have accepted a response.
    pub(crate) fn new(session: &'a RawSession) -> Self {
        Self(session)
    }

    pub(crate) fn number_fields(self) -> c::Int {
        self.0.number_fields()
    }

    /// Returns libchrony's name of the field at an index. Empty if there is no such field.
    pub(crate) fn name(self, index: c::Int) -> &'a CStr {
        self.0.field_name(index).unwrap_or_default()
    }

    /// Returns the content of the field at an index, and libchrony's number of its type.
    pub(crate) fn described(self, index: c::Int) -> (Content, c::ChronyFieldType) {
        (Content::from_number(self.0.field_content(index)), self.0.field_type(index))
    }

    /// Returns true if the record has no fields, like a reference clock's in a report that is requested by address.
    pub(crate) fn is_empty(self) -> bool {
        self.0.number_fields() == 0
    }

    /// Finds the index of a field by name. The index is `index` unless fields were added or removed.
    pub(crate) fn find(self, index: c::Int, name: &CStr) -> Option<c::Int> {
        if self.is_named(index, name) { Some(index) } else { self.find_elsewhere(index, name) }
    }

    fn is_named(self, index: c::Int, name: &CStr) -> bool {
        self.0.field_name(index) == Some(name)
    }

    /// Finds a field that has moved, usually by one place for a new reserved field.
    #[cold]
    fn find_elsewhere(self, index: c::Int, name: &CStr) -> Option<c::Int> {
        let next = index.saturating_add(1);
        if self.is_named(next, name) { Some(next) } else { self.0.field_index(name) }
    }

    /// Finds the index of a field by name, and checks its type.
    fn typed(self, index: c::Int, name: &CStr, expected: c::ChronyFieldType) -> Result<c::Int, FieldError> {
        let index = self.find(index, name).ok_or_else(|| FieldError::missing(name))?;
        match self.0.field_type(index) {
            found if found == expected => Ok(index),
            found => Err(FieldError::Type { field: name.to_string_lossy().into_owned(), found }),
        }
    }

    pub(crate) fn unsigned(self, index: c::Int, name: &CStr) -> Result<u64, FieldError> {
        self.typed(index, name, c::CHRONY_TYPE_UINTEGER).map(|index| self.0.field_uinteger(index))
    }

    /// Returns a signed number. libchrony does not extend the sign of 16-bit fields: it reads -2 as 65534. It does not
    /// have wider signed fields.
    pub(crate) fn signed(self, index: c::Int, name: &CStr) -> Result<i64, FieldError> {
        let number = self.typed(index, name, c::CHRONY_TYPE_INTEGER).map(|index| self.0.field_integer(index))?;
        Ok(u16::try_from(number).map_or(number, |number| number.cast_signed().into()))
    }

    pub(crate) fn float(self, index: c::Int, name: &CStr) -> Result<f64, FieldError> {
        self.typed(index, name, c::CHRONY_TYPE_FLOAT).map(|index| self.0.field_float(index))
    }

    /// Returns a time, or its seconds and nanoseconds if there is no such time.
    pub(crate) fn time(self, index: c::Int, name: &CStr) -> Result<Result<SystemTime, String>, FieldError> {
        let index = self.typed(index, name, c::CHRONY_TYPE_TIMESPEC)?;
        let time = self.0.field_timespec(index);
        let since = since_epoch(time.tv_sec, time.tv_nsec).and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        Ok(since.ok_or_else(|| format!("{} s and {} ns", time.tv_sec, time.tv_nsec)))
    }

    /// Returns a network address. `None` if it is unspecified or of a family that libchrony does not know.
    pub(crate) fn address(self, index: c::Int, name: &CStr) -> Result<Option<String>, FieldError> {
        let index = self.typed(index, name, c::CHRONY_TYPE_STRING)?;
        Ok(self.0.field_string(index).filter(|address| address != "?"))
    }

    /// Returns the reference ID and the address that identify the source of the record, as far as the report has them.
    pub(crate) fn source(self) -> (Option<u64>, Option<String>) {
        let address = self.address(0, ADDRESS).unwrap_or_default();
        (self.unsigned(0, REFERENCE_ID).ok(), address)
    }

    /// Returns libchrony's name of a constant of the field at an index.
    pub(crate) fn constant_name(self, index: c::Int, value: u64) -> Option<&'a str> {
        self.0.constant_name(index, value)
    }
}

/// Returns a time since the epoch. A chronyd with 32-bit times sends a marker in the upper half of the seconds.
fn since_epoch(seconds: impl Into<i64>, nanoseconds: impl Into<i64>) -> Option<Duration> {
    const NO_HIGH_SECONDS: i64 = 0x7fff_ffff;
    let (seconds, nanoseconds) = (seconds.into(), nanoseconds.into());
    let seconds = if seconds >> 32 == NO_HIGH_SECONDS { seconds & 0xffff_ffff } else { seconds };
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|&nanoseconds| nanoseconds < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
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
