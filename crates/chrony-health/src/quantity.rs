//! Words for times and rates: scaled units, about three digits, and `fast` or `slow` for the sign.
//!
//! ```
//! use chrony_health::quantity::{offset, rate, seconds};
//!
//! assert_eq!(seconds(1.234_5e-5), "12.3 us");
//! assert_eq!(seconds(1024.0), "17.1 min");
//! assert_eq!(offset(-0.25), "250 ms slow");
//! assert_eq!(rate(12.345), "12.3 ppm fast");
//! ```

use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

/// The longest time to wait for. A moment further in the future might not be representable.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

const HOUR: f64 = 3600.0;
const DAY: f64 = 86400.0;
const TWO_DAYS: f64 = 2.0 * DAY;
/// The length of a mean year, in seconds.
pub(crate) const YEAR: f64 = 31_556_952.0;
const TWO_YEARS: f64 = 2.0 * YEAR;

pub(crate) use seconds as interval;

/// Formats a time in units that suit its size: `12.3 us`, `64 s`, `17.1 min`, `3 h 12 min`, `19.6 years`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if (HOUR..TWO_DAYS).contains(&seconds.abs()) {
        let minutes = (seconds / 60.0).round();
        return match minutes.abs() % 60.0 {
            0.0 => format!("{} h", minutes / 60.0),
            rest => format!("{} h {rest} min", (minutes / 60.0).trunc()),
        };
    }
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
        ..120.0 => (1.0, "s"),
        ..HOUR => (1.0 / 60.0, "min"),
        ..TWO_DAYS => (1.0 / HOUR, "h"),
        ..TWO_YEARS => (1.0 / DAY, "d"),
        _ => (1.0 / YEAR, "years"),
    }
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
    with_sense(seconds(offset.abs()), offset)
}

/// Formats a frequency in ppm, positive if the clock is fast: `12.3 ppm fast`.
#[must_use]
pub fn rate(ppm: f64) -> String {
    with_sense(format!("{} ppm", digits(ppm.abs())), ppm)
}

/// Adds `fast` or `slow`, unless the size is shown as 0.
fn with_sense(size: String, value: f64) -> String {
    match value {
        _ if size.starts_with("0 ") => size,
        0.0.. => size + " fast",
        _ => size + " slow",
    }
}

/// Parses a time with units, such as `1m30s` or `-2d`, and returns seconds. A day has 24 hours.
#[must_use]
pub fn parse_time(text: &str) -> Option<f64> {
    let time = text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(time.as_secs_f64())
}

/// Parses a time from 0 to a century with units, such as `1m30s`. A number without a unit is in seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok().or_else(|| parse_time(text))?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| *time <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_time_have_one_scale() {
        for (size, words) in [
            (0.0, "0 s"),
            (-1.5e-10, "-0.15 ns"),
            (9.876e-4, "988 us"),
            (0.25, "250 ms"),
            (119.0, "119 s"),
            (120.0, "2 min"),
            (1024.0, "17.1 min"),
            (3600.0, "1 h"),
            (-7495.37, "-2 h 5 min"),
            (172_799.0, "48 h"),
            (172_800.0, "2 d"),
            (63_000_000.0, "729 d"),
            (619_315_200.0, "19.6 years"),
        ] {
            assert_eq!(seconds(size), words);
        }
    }

    #[test]
    fn what_is_shown_as_zero_is_neither_fast_nor_slow() {
        for (value, words) in
            [(0.0, "0 s"), (-0.0, "0 s"), (1e-17, "0 ns"), (-0.5, "500 ms slow"), (7200.0, "2 h fast")]
        {
            assert_eq!(offset(value), words);
        }
        for (value, words) in [(-0.0, "0 ppm"), (1e-9, "0 ppm"), (-1e-9, "0 ppm"), (-0.25, "0.25 ppm slow")] {
            assert_eq!(rate(value), words);
        }
    }
}
