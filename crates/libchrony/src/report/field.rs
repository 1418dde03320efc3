//! A field in a report's table: its name in libchrony, the meaning of its values, and their range.

use crate::report::content::{Content, Type, Unit};
use crate::report::record::{FieldError, Record};
use libchrony_sys::types::Int;
use std::ffi::CStr;
use std::time::SystemTime;

/// The named numbers of a field: its constants, or its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Constants {
    /// Each number with libchrony's name.
    pub names: &'static [(u64, &'static str)],
    /// True if a number without a name is kept, false if it is an error.
    pub is_open: bool,
}

impl Constants {
    pub(crate) const fn new(names: &'static [(u64, &'static str)], is_open: bool) -> Self {
        Self { names, is_open }
    }

    /// Returns libchrony's name of a number.
    #[must_use]
    pub fn name(&self, number: u64) -> Option<&'static str> {
        self.names.iter().find(|(known, _)| *known == number).map(|(_, words)| *words)
    }
}

/// The direction in which a clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sense {
    /// Ahead of true time, or gaining.
    Fast,
    /// Behind true time, or losing.
    Slow,
}

impl Sense {
    /// Returns `fast` or `slow`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Slow => "slow",
        }
    }
}

/// One line of a report's table.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The name of the field in this crate and in Python.
    pub name: &'static str,
    /// The type of the field in this crate.
    pub rust_type: &'static str,
    /// The documentation of the field.
    pub doc: &'static str,
    /// libchrony's name of the field.
    pub libchrony: &'static CStr,
    /// libchrony's name of the field to use if the first one is empty, as for a reference clock.
    pub or: Option<&'static CStr>,
    /// The meaning of the values.
    pub content: Content,
    /// The type of the values. libchrony's own may be wider.
    pub kind: Type,
    /// The named numbers, if the field has any.
    pub constants: Option<&'static Constants>,
    /// The direction in which the clock is off if the value is positive. `None` if the sign does not indicate a
    /// direction.
    pub positive: Option<Sense>,
    /// The name of another field of the report in this crate, and its values that make this field meaningless. For
    /// example, a source without a sample has no offset, whatever number chronyd sends.
    pub unless: Option<(&'static str, &'static [u64])>,
    /// The first version of chrony that has the field, if there are responses without it.
    pub since: Option<&'static str>,
    /// The least valid value.
    pub min: f64,
    /// The greatest valid value.
    pub max: f64,
}

impl Field {
    pub(crate) const fn new<T: FieldValue>(
        name: &'static str,
        rust_type: &'static str,
        doc: &'static str,
        libchrony: &'static CStr,
        content: Content,
    ) -> Self {
        let (min, max) = match T::TYPE {
            Type::Float => (content.least(), f64::MAX),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        Self {
            name,
            rust_type,
            doc,
            libchrony,
            or: None,
            content,
            kind: T::TYPE,
            constants: T::CONSTANTS,
            positive: None,
            unless: None,
            since: None,
            min,
            max,
        }
    }

    /// Accepts numbers from 0 to `most`.
    pub(crate) const fn up_to(self, most: i8) -> Self {
        self.between(0, most)
    }

    /// Accepts numbers from `least` to `most`.
    pub(crate) const fn between(mut self, least: i8, most: i8) -> Self {
        (self.min, self.max) = (least as f64, most as f64);
        self
    }

    /// Rejects negative numbers, which the content allows.
    pub(crate) const fn not_negative(mut self) -> Self {
        self.min = 0.0;
        self
    }

    /// Names the libchrony field to use if the first one is empty.
    pub(crate) const fn or(mut self, other: &'static CStr) -> Self {
        self.or = Some(other);
        self
    }

    /// Declares that the clock is fast if the value is positive.
    pub(crate) const fn positive_is_fast(mut self) -> Self {
        self.positive = Some(Sense::Fast);
        self
    }

    /// Declares that the clock is slow if the value is positive.
    pub(crate) const fn positive_is_slow(mut self) -> Self {
        self.positive = Some(Sense::Slow);
        self
    }

    /// Declares the values of another field that make this one meaningless.
    pub(crate) const fn unless(mut self, field: &'static str, numbers: &'static [u64]) -> Self {
        self.unless = Some((field, numbers));
        self
    }

    /// Declares the first version of chrony that has the field.
    pub(crate) const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    /// Returns the unit of the values.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.content.unit()
    }

    pub(crate) fn allows(&self, value: f64) -> bool {
        // No range contains NaN.
        (self.min..=self.max).contains(&value)
    }
}

/// A value of any field, for code that treats all reports alike.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// An unsigned number, an identifier, or bits without names.
    Unsigned(u64),
    /// The number of one of the field's constants, such as a source's state.
    Constant(u64),
    /// Bits that have names.
    Flags(u64),
    /// A signed number.
    Signed(i64),
    /// A finite number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
    /// A point in time.
    Time(SystemTime),
    /// A text. `None` if chronyd sends none, as for the address of a reference clock.
    Text(Option<&'a str>),
    /// The value of a field that this version of chronyd does not have.
    Missing,
}

/// A type that a field is decoded into.
pub(crate) trait FieldValue: Sized {
    const TYPE: Type;
    const CONSTANTS: Option<&'static Constants> = None;

    /// Decodes `field`, which is probably at `index` of the record.
    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError>;

    fn value(&self) -> Value<'_>;
}
