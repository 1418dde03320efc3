//! Words for times and rates: scaled to their size, with signs as words.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A time as its size asks for: `12.3 us`.
pub fn seconds(seconds: f64) -> String {
    let (factor, unit) = scale(seconds);
    format!("{} {unit}", digits(seconds * factor))
}

/// The unit for times of this size, and how many of it are a second.
pub fn scale(seconds: f64) -> (f64, &'static str) {
    match seconds.abs() {
        0.0 => (1.0, "s"),
        ..1e-6 => (1e9, "ns"),
        ..1e-3 => (1e6, "us"),
        ..1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    }
}

/// A longer time: `64 s`, `17 min`, `3.2 h`.
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

/// A number with three digits or more before or behind the point, without zeros at its end.
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

/// An offset in words, positive if the clock is fast: `12.3 us fast`.
pub fn offset(offset: f64) -> String {
    format!("{}{}", seconds(offset.abs()), sense(offset))
}

/// A frequency in words, positive if the clock is fast: `12.3 ppm fast`.
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

/// A time with units, such as `1m30s` or `2d`. A day has 24 hours.
pub fn time(text: &str) -> Option<SignedDuration> {
    text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}
