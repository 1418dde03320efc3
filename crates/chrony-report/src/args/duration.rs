//! A time on the command line.

use chrony_health::quantity::parse_duration;
use std::time::Duration;

/// Parses a time with units, such as `5s`, `1m30s` or `200ms`. A number without a unit is in seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| "not a time longer than 0 and of a century at most, such as 5s, 1m30s, 2d or 200ms".to_owned())
}
