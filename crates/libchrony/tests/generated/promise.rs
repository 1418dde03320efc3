//! The promises to a caller about every record and every error, whatever chronyd sends.
//!
//! The property tests and the fuzzer check each result with this. The bounds come from the reports' own tables. The
//! rules for constants, times and text are not in the tables. They are written here independently, from the
//! documentation of the fields.

use libchrony::{AnyRecord, Content, Error, ErrorKind, Field, Row, Shape, SourceMode, Table, Type, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

/// Panics unless every value of the record is in its documented range, and a record is missing only where it may.
pub(crate) fn check_record(table: &Table, record: Option<&dyn Row>) {
    let Some(record) = record else {
        return assert_eq!(table.shape, Shape::PerNtpSource);
    };
    let values = record.values();
    assert_eq!(values.len(), table.fields.len());
    let mode = table.fields.iter().position(|field| field.name == "mode").map(|index| values[index]);
    let is_clock = mode == Some(Value::Constant(SourceMode::ReferenceClock.number().into()));
    for (field, value) in table.fields.iter().zip(values) {
        assert!(is_in_range(field, value, is_clock), "{table:?}: {} is {value:?}", field.name);
    }
}

/// Panics unless every value of a record that was read by name has its type and fits its content.
pub(crate) fn check_any(table: &Table, record: Option<&AnyRecord>) {
    let Some(record) = record else {
        return assert_eq!(table.shape, Shape::PerNtpSource);
    };
    assert!(!record.fields().is_empty());
    for (name, field) in record.fields() {
        let (value, kind) = (field.value(), field.kind.unwrap());
        let is_right = match value {
            Value::Float(number) => {
                let is_measure = matches!(field.content, Content::MeasureSeconds | Content::MeasurePpm);
                kind == Type::Float && number.is_finite() && (number >= 0.0 || !is_measure)
            }
            Value::Signed(number) => matches!(kind, Type::Signed(_)) && i16::try_from(number).is_ok(),
            Value::Time(time) => kind == Type::Time && time >= SystemTime::UNIX_EPOCH,
            Value::Text(text) => kind == Type::Text && text.is_none_or(is_address),
            Value::Missing => false,
            _ => matches!(kind, Type::Unsigned(_)),
        };
        assert!(is_right, "{table:?}: {name} is {field:?}");
        let most = match value {
            Value::Constant(_) => 1,
            Value::Flags(bits) => bits.count_ones(),
            _ => 0,
        };
        assert!(field.words.len() <= most as usize, "{table:?}: {name} is {field:?}");
    }
}

fn is_in_range(field: &Field, value: Value<'_>, is_clock: bool) -> bool {
    let range = field.min..=field.max;
    match value {
        Value::Unsigned(number) => is_of_width(number, field) && range.contains(&as_float(number)),
        Value::Signed(number) => i32::try_from(number).is_ok_and(|number| range.contains(&f64::from(number))),
        Value::Float(number) => number.is_finite() && range.contains(&number),
        Value::Constant(number) => {
            let constants = field.constants.unwrap();
            constants.name(number).is_some() || constants.is_open && is_of_width(number, field)
        }
        Value::Time(time) => time >= SystemTime::UNIX_EPOCH,
        Value::Text(None) => field.kind == Type::Text && field.or.is_none(),
        Value::Text(Some(name)) if field.or.is_some() && (is_clock || !is_address(name)) => is_reference_clock(name),
        // A source whose address is unspecified.
        Value::Text(Some("")) => field.or.is_some(),
        Value::Text(Some(address)) => is_address(address),
        Value::Boolean(_) => true,
        Value::Flags(number) => field.constants.is_some() && is_of_width(number, field),
        Value::Missing => field.since.is_some(),
        _ => false,
    }
}

/// Returns true if an unsigned number fits the width of the field.
fn is_of_width(number: u64, field: &Field) -> bool {
    matches!(field.kind, Type::Unsigned(bits) if bits == 64 || number < 1 << bits)
}

/// Converts a number. The bounds of numbers are far below the integers that a float does not represent exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// Returns true for an IP address, or the number of an unresolved name. An IPv4 address must have its canonical form.
fn is_address(text: &str) -> bool {
    match text.strip_prefix("ID#") {
        Some(number) => number.len() == 10 && number.parse::<u32>().is_ok(),
        None => text.parse::<IpAddr>().is_ok_and(|address| address.to_string() == text || text.contains(':')),
    }
}

/// Returns true for up to four printable characters, or a dotted quad.
fn is_reference_clock(name: &str) -> bool {
    let is_name = name.len() <= 4 && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    is_name || name.parse::<Ipv4Addr>().is_ok_and(|address| address.to_string() == name)
}

/// Panics unless a chronyd can cause the error, and all its messages are printable.
pub(crate) fn check_error(error: &Error) {
    let kind = error.kind();
    assert!(
        matches!(
            kind,
            ErrorKind::Connection
                | ErrorKind::Timeout
                | ErrorKind::Permission
                | ErrorKind::Invalid
                | ErrorKind::NotAvailable
        ),
        "{kind:?}: {error}"
    );
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        assert!(!words.is_empty() && !words.contains(char::is_control), "{words:?}");
        next = error.source();
    }
}
