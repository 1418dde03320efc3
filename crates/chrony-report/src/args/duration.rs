//! A time on the command line.

use chrony_health::quantity::parse_time;
use std::time::Duration;

/// The longest time. A moment further in the future might not be representable.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// Parses a time with units, such as `5s`, `1m30s` or `200ms`. A number without a unit is in seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().or_else(|| parse_time(text));
    let time = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero() && *time <= LONGEST);
    time.ok_or_else(|| "not a time longer than 0 and of a century at most, such as 5s, 1m30s, 2d or 200ms".to_owned())
}
