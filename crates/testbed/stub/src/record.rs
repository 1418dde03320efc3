//! The fields of a record as the stub's callers read them: libchrony's types, not the wire's.

use std::ffi::{CStr, CString};

use crate::future;
use crate::layout::Wire;

/// A field.
pub(crate) struct Field {
    report: &'static str,
    pub(crate) name: CString,
    pub(crate) value: Value,
}

/// A value of one of libchrony's types.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    None,
    Uint(u64),
    Int(i64),
    Float(f64),
    /// Seconds and nanoseconds, neither bounded.
    Time(i64, i64),
    /// None is the NULL of an unspecified address.
    Text(Option<CString>),
}

impl Field {
    pub(crate) fn new(report: &'static str, name: &str, value: Value) -> Self {
        Self { report, name: CString::new(name).expect("no NUL"), value }
    }

    /// Returns the name of a constant of the leap status, of `sources`, or of a report of `future`.
    pub(crate) fn constant_name(&self, value: u64) -> Option<&'static CStr> {
        let names: &[&CStr] = match (self.report, self.name.to_bytes()) {
            (_, b"leap status") => &[c"normal", c"insert second", c"delete second", c"not synchronized"],
            ("sources", b"state") => {
                &[c"selected", c"nonselectable", c"falseticker", c"jittery", c"unselected", c"selectable"]
            }
            ("sources", b"mode") => &[c"client", c"peer", c"reference clock"],
            _ => &[],
        };
        let known = usize::try_from(value).ok().and_then(|value| names.get(value).copied());
        known.or_else(|| future::constant_name(self.name.to_bytes(), value))
    }
}

/// Returns libchrony's type of a field, in the words of a script.
pub(crate) fn type_name(wire: Wire) -> &'static str {
    match wire {
        Wire::U64 | Wire::U32 | Wire::U16 | Wire::U8 => "uint",
        Wire::I16 | Wire::I8 => "int",
        Wire::Float => "float",
        Wire::Time => "time",
        Wire::Address | Wire::Source => "string",
    }
}

impl Value {
    /// Parses a text as a value of the type.
    pub(crate) fn parse(type_name: &str, text: &str) -> Option<Self> {
        match type_name {
            "none" => Some(Self::None),
            "uint" => text.parse().ok().map(Self::Uint),
            "int" => text.parse().ok().map(Self::Int),
            "float" => text.parse().ok().map(Self::Float),
            "time" => {
                let (seconds, nanoseconds) = text.split_once('.').unwrap_or((text, "0"));
                Some(Self::Time(seconds.parse().ok()?, nanoseconds.parse().ok()?))
            }
            "string" if text == "null" => Some(Self::Text(None)),
            "string" => CString::new(unescape(text)?).ok().map(|text| Self::Text(Some(text))),
            _ => None,
        }
    }

    /// Returns a value of the type: the default, if it has this type, or 1.
    pub(crate) fn of_type(type_name: &str, default: &str) -> Option<Self> {
        Self::parse(type_name, default).or_else(|| Self::parse(type_name, "1"))
    }
}

/// Replaces each `%XX` with a byte.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    Some(bytes)
}
