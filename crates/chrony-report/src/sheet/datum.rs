//! The forms of values in CSV, in JSON and for people.

use jiff::Timestamp;
use libchrony::Datum;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Formats a value for CSV. Null is empty.
pub(crate) fn plain(datum: &Datum) -> String {
    match datum {
        Datum::Unsigned(number) | Datum::Number(number) => number.to_string(),
        Datum::Signed(number) => number.to_string(),
        Datum::Float(number) => number.to_string(),
        Datum::Boolean(value) => value.to_string(),
        Datum::Time(time) => seconds(*time),
        Datum::Text(text) => text.clone(),
        Datum::Word(word) => word.clone().into_owned(),
        Datum::Flags(words, 0) => words.join(" "),
        Datum::Flags(words, rest) => {
            words.iter().cloned().chain([format!("{rest:#x}").into()]).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// A value in JSON, with all digits of a time, which a float cannot hold.
pub(crate) struct Json<'a>(pub(crate) &'a Datum);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Datum::Time(time) => exact(*time).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

/// Returns a time for JSON: seconds since the epoch with all their digits.
pub(crate) fn exact(time: SystemTime) -> Option<Box<RawValue>> {
    RawValue::from_string(seconds(time)).ok()
}

/// Formats a time as seconds since the epoch.
fn seconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

/// Formats a time for people, in UTC.
pub(crate) fn date(time: SystemTime) -> String {
    // chronyd can send years up to 2554, and jiff supports years up to 9999.
    Timestamp::try_from(time).map_or_else(|_| seconds(time), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
