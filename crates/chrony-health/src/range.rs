//! Ranges of values, and their units.

use crate::quantity::parse_time;
use serde::{Serialize, Serializer};
use std::fmt;

/// A range of values in the syntax of monitoring plugins: `10`, `10:`, `~:10`, `10:20` or `@10:20`.
///
/// A value outside the range raises the alarm. With `@`, a value inside the range does. The ends belong to the range.
///
/// ```
/// use chrony_health::{Range, Unit};
///
/// let range = Range::parse("10ms", Unit::Seconds)?;
/// assert_eq!(range, Range::up_to(0.01));
/// assert!(range.alerts(0.02) && !range.alerts(0.01));
/// # Ok::<(), chrony_health::RangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    start: f64,
    end: f64,
    /// True if a value inside the range raises the alarm.
    is_inside: bool,
}

/// The error for a text that is not a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no range: {reason}. Write 10, 10:, ~:10, 10:20 or @10:20")]
pub struct RangeError {
    text: String,
    reason: String,
}

/// The unit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Per cent, 0 to 100.
    Percent,
    /// Parts per million, for frequencies.
    Ppm,
    /// A count, or a number that stands for a state.
    Number,
}

impl Unit {
    /// Returns the symbol that follows a number. Empty for [`Unit::Number`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Percent => "%",
            Self::Ppm => "ppm",
            Self::Number => "",
        }
    }

    /// Parses a number of this unit. Times may be written as `10ms`, `1m30s` or `-2h`.
    fn parse(self, text: &str) -> Option<f64> {
        let plain = || text.strip_suffix(self.name()).unwrap_or(text).trim().parse().ok();
        let friendly = || parse_time(text);
        plain().or_else(|| friendly().filter(|_| self == Self::Seconds)).filter(|number: &f64| number.is_finite())
    }
}

impl Range {
    /// The range of all values. No value raises the alarm.
    pub const ANY: Self = Self::between(f64::NEG_INFINITY, f64::INFINITY);

    /// Returns the range from 0 to `end`.
    #[must_use]
    pub const fn up_to(end: f64) -> Self {
        Self::between(0.0, end)
    }

    /// Returns the range of `start` and above.
    #[must_use]
    pub const fn at_least(start: f64) -> Self {
        Self::between(start, f64::INFINITY)
    }

    /// Returns the range from `start` to `end`.
    #[must_use]
    pub const fn between(start: f64, end: f64) -> Self {
        Self { start, end, is_inside: false }
    }

    /// Multiplies both ends by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        // 0 times infinity is NaN.
        let scale = |end: f64| if end == 0.0 { 0.0 } else { end * factor };
        Self { start: scale(self.start), end: scale(self.end), ..self }
    }

    /// Returns true if the value raises the alarm.
    #[must_use]
    pub fn alerts(&self, value: f64) -> bool {
        (self.start..=self.end).contains(&value) == self.is_inside
    }

    /// Parses a range in the syntax of monitoring plugins. Both ends may have the unit. Times may be `10ms`, `1m30s` or
    /// `2h`.
    ///
    /// # Errors
    ///
    /// [`RangeError`] if the text is not a range, or the range ends before it starts.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, RangeError> {
        let wrong = |reason: &str| RangeError { text: text.to_owned(), reason: reason.to_owned() };
        let (is_inside, ends) = text.strip_prefix('@').map_or((false, text), |ends| (true, ends));
        let (start, end) = ends.split_once(':').unwrap_or(("0", ends));
        let number = |text: &str| unit.parse(text).ok_or_else(|| wrong(&format!("{text:?} is no number with a unit")));
        let start = if start == "~" { f64::NEG_INFINITY } else { number(start)? };
        let end = if end.is_empty() && ends.contains(':') { f64::INFINITY } else { number(end)? };
        if start > end {
            return Err(wrong("it ends before it starts"));
        }
        Ok(Self { start, end, is_inside })
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_inside {
            f.write_str("@")?;
        }
        match self.start {
            f64::NEG_INFINITY => f.write_str("~:")?,
            // `10` is short for `0:10`.
            0.0 if self.end.is_finite() => {}
            start => write!(f, "{start}:")?,
        }
        if self.end.is_finite() { write!(f, "{}", self.end) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_raise_alarms_as_in_the_guidelines() {
        for (text, inside, outside) in [
            ("10", &[0.0, 5.0, 10.0][..], &[-0.1, 10.1][..]),
            ("10:", &[10.0, 1e9], &[9.9, -1.0]),
            ("~:10", &[-1e9, 10.0], &[10.1]),
            ("10:20", &[10.0, 20.0], &[9.9, 20.1]),
            ("-5:5", &[-5.0, 5.0], &[-5.1, 5.1]),
            ("~:", &[-1e9, 1e9], &[]),
            ("@10:20", &[9.9, 20.1], &[10.0, 15.0, 20.0]),
            ("@0", &[0.1], &[0.0]),
        ] {
            let range = Range::parse(text, Unit::Number).unwrap();
            assert_eq!(range.to_string(), text);
            assert!(inside.iter().all(|value| !range.alerts(*value)), "{text}");
            assert!(outside.iter().all(|value| range.alerts(*value)), "{text}");
        }
    }

    #[test]
    fn ends_may_have_units() {
        for (text, unit, expected) in [
            ("10ms", Unit::Seconds, "0.01"),
            ("1m30s:2h", Unit::Seconds, "90:7200"),
            ("1d:2w", Unit::Seconds, "86400:1209600"),
            ("-10ms:0.5", Unit::Seconds, "-0.01:0.5"),
            ("@1us:1s", Unit::Seconds, "@0.000001:1"),
            ("75%:", Unit::Percent, "75:"),
            ("~:2.5ppm", Unit::Ppm, "~:2.5"),
        ] {
            assert_eq!(Range::parse(text, unit).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", ":", "@", "x", "20:10", "1:2:3", "10:~", "nan", "inf", "10 20", "~", "@~", ":10"] {
            let error = Range::parse(text, Unit::Seconds).unwrap_err().to_string();
            assert!(error.contains("Write 10, 10:"), "{error}");
        }
        assert!(Range::parse("1h", Unit::Number).is_err());
    }

    #[test]
    fn a_scaled_range_keeps_its_open_ends() {
        assert_eq!(Range::up_to(8.0).scaled(64.0), Range::up_to(512.0));
        assert_eq!(Range::at_least(4.0).scaled(0.25), Range::at_least(1.0));
        assert_eq!(Range::ANY.scaled(3.0), Range::ANY);
    }
}
