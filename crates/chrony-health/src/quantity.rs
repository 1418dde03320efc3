//! Words for times and rates: scaled units, about three digits, and `fast` or `slow` for the sign.
//!
//! ```
//! use chrony_health::quantity::{interval, offset, rate, seconds};
//!
//! assert_eq!(seconds(1.234_5e-5), "12.3 us");
//! assert_eq!(interval(1024.0), "17.1 min");
//! assert_eq!(offset(-0.25), "250 ms slow");
//! assert_eq!(rate(12.345), "12.3 ppm fast");
//! ```

use jiff::{Span, SpanRelativeTo};

/// Formats a time in a unit that suits its size: `12.3 us`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    let (factor, unit) = scale(seconds);
    format!("{} {unit}", digits(seconds * factor))
}

/// Returns the number of units in a second, and the unit, for times of this size.
#[must_use]
pub fn scale(seconds: f64) -> (f64, &'static str) {
    match seconds.abs() {
        0.0 => (1.0, "s"),
        ..1e-6 => (1e9, "ns"),
        ..1e-3 => (1e6, "us"),
        ..1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    }
}

/// Formats a longer time: `64 s`, `17 min`, `3.2 h`.
#[must_use]
pub fn interval(interval: f64) -> String {
    let (factor, unit) = match interval.abs() {
        ..1.0 => return seconds(interval),
        ..120.0 => (1.0, "s"),
        ..7200.0 => (60.0, "min"),
        ..172_800.0 => (3600.0, "h"),
        _ => (86400.0, "d"),
    };
    format!("{} {unit}", digits(interval / factor))
}

/// Formats a number with about three significant digits, without trailing zeros.
#[must_use]
pub fn digits(number: f64) -> String {
    let places = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        0.001.. => 5,
        _ => 6,
    };
    let text = format!("{number:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Formats an offset in seconds, positive if the clock is fast: `12.3 us fast`.
#[must_use]
pub fn offset(offset: f64) -> String {
    format!("{}{}", seconds(offset.abs()), sense(offset))
}

/// Formats a frequency in ppm, positive if the clock is fast: `12.3 ppm fast`.
#[must_use]
pub fn rate(ppm: f64) -> String {
    format!("{} ppm{}", digits(ppm.abs()), sense(ppm))
}

fn sense(value: f64) -> &'static str {
    match value {
        0.0 => "",
        0.0.. => " fast",
        _ => " slow",
    }
}

/// Parses a time with units, such as `1m30s` or `-2d`, and returns seconds. A day has 24 hours.
#[must_use]
pub fn parse_time(text: &str) -> Option<f64> {
    let time = text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(time.as_secs_f64())
}
