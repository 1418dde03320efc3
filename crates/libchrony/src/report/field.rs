//! What a report's table says of a field: where it comes from, what its values mean, and which it may have.

use crate::report::content::{Content, Type, Unit};
use crate::report::record::{FieldError, Record};
use libchrony_sys::types::Int;
use std::ffi::CStr;
use std::time::SystemTime;

/// The named numbers of a field: the values that it can have, or its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Constants {
    /// Each number with libchrony's own words for it.
    pub names: &'static [(u64, &'static str)],
    /// Whether a number without a name is kept, and not refused.
    pub is_open: bool,
}

impl Constants {
    pub(crate) const fn new(names: &'static [(u64, &'static str)], is_open: bool) -> Self {
        Self { names, is_open }
    }

    /// libchrony's words for a number.
    #[must_use]
    pub fn name(&self, number: u64) -> Option<&'static str> {
        self.names.iter().find(|(known, _)| *known == number).map(|(_, words)| *words)
    }
}

/// How a clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sense {
    /// Ahead of true time, or gaining.
    Fast,
    /// Behind it, or losing.
    Slow,
}

impl Sense {
    /// It in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Slow => "slow",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Fast => Self::Slow,
            Self::Slow => Self::Fast,
        }
    }
}

/// One line of a report's table.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The name here and in Python.
    pub name: &'static str,
    /// Its type here.
    pub rust_type: &'static str,
    /// What it means, as its documentation has it.
    pub doc: &'static str,
    /// libchrony's name.
    pub libchrony: &'static CStr,
    /// libchrony's name of the field that tells a source without the first one: a reference clock.
    pub or: Option<&'static CStr>,
    /// What its values mean.
    pub content: Content,
    /// Its type. libchrony may have a wider one.
    pub kind: Type,
    /// The names of its numbers.
    pub constants: Option<&'static Constants>,
    /// How the clock that it is about is when the value is positive, if the sign tells that.
    pub positive: Option<Sense>,
    /// Another field of the report, by its name here, and the numbers of it with which this one says nothing: a source
    /// without a sample has no offset, whatever number chronyd sends.
    pub unless: Option<(&'static str, &'static [u64])>,
    /// The version of chrony from which on it exists, if there are responses without it.
    pub since: Option<&'static str>,
    /// The least value that is accepted.
    pub min: f64,
    /// The greatest value that is accepted.
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

    /// Numbers up to `most`.
    pub(crate) const fn up_to(self, most: i8) -> Self {
        self.between(0, most)
    }

    /// Numbers from `least` to `most`.
    pub(crate) const fn between(mut self, least: i8, most: i8) -> Self {
        (self.min, self.max) = (least as f64, most as f64);
        self
    }

    /// Numbers that are not negative, although the content may be.
    pub(crate) const fn not_negative(mut self) -> Self {
        self.min = 0.0;
        self
    }

    /// The name of a source: of one without this field, that of another.
    pub(crate) const fn or(mut self, other: &'static CStr) -> Self {
        self.or = Some(other);
        self
    }

    /// A number that is positive when the clock that it is about is fast.
    pub(crate) const fn positive_is_fast(mut self) -> Self {
        self.positive = Some(Sense::Fast);
        self
    }

    /// A number that is positive when the clock that it is about is slow.
    pub(crate) const fn positive_is_slow(mut self) -> Self {
        self.positive = Some(Sense::Slow);
        self
    }

    /// A field that says nothing while another one has one of these numbers.
    pub(crate) const fn unless(mut self, field: &'static str, numbers: &'static [u64]) -> Self {
        self.unless = Some((field, numbers));
        self
    }

    /// A field that older versions of chrony do not have.
    pub(crate) const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    /// The unit of its values.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.content.unit()
    }

    pub(crate) fn allows(&self, value: f64) -> bool {
        // NaN is in no range.
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
    /// Yes or no.
    Boolean(bool),
    /// A point in time.
    Time(SystemTime),
    /// Text; `None` when chronyd has none, as for the address of a reference clock.
    Text(Option<&'a str>),
    /// A field that this version of chronyd does not have.
    Missing,
}

/// A type that a field is decoded into.
pub(crate) trait FieldValue: Sized {
    const TYPE: Type;
    const CONSTANTS: Option<&'static Constants> = None;

    /// Decodes `field`, which libchrony is likely to have at `index`.
    fn decode(record: Record<'_>, index: Int, field: &Field) -> Result<Self, FieldError>;

    fn value(&self) -> Value<'_>;
}
