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

    /// The words of the two reports that the products name constants in.
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

/// The type, in a script's words, that libchrony gives a field.
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
    /// A text as a value of the type; None if the text is not one.
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

    /// Some value of the type, the default's number where there is one.
    pub(crate) fn of_type(type_name: &str, default: &str) -> Option<Self> {
        Self::parse(type_name, default).or_else(|| Self::parse(type_name, "1"))
    }
}

/// `%XX` is a byte.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    Some(bytes)
}
