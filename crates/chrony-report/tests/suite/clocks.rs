//! Scripted chronyds with clocks of every kind.

use crate::support::scripted;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testbed::Scripted;

/// A day, which is longer than any grace period.
pub(crate) const LONG: i64 = 86400;

/// Returns the time this many seconds from now, in seconds since the epoch.
fn now_and(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// Returns the values of a healthy clock with four sources, updated 10 s ago. `tracking` adds to its tracking report,
/// and `others` replaces its other reports.
pub(crate) fn values(tracking: &Value, others: &Value) -> Value {
    let mut all =
        json!({"tracking": {"reference time": now_and(-10)}, "sources": 4, "activity": {"online sources": 4}});
    let none = Map::new();
    for (name, value) in tracking.as_object().unwrap_or(&none) {
        all["tracking"][name] = value.clone();
    }
    for (name, value) in others.as_object().unwrap_or(&none) {
        all[name] = value.clone();
    }
    all
}

/// Returns tracking values for a clock that was updated this many seconds ago.
pub(crate) fn updated(seconds: i64) -> Value {
    json!({"reference time": now_and(-seconds)})
}

/// Starts a chronyd with this clock. It looks as if it was started a day ago.
pub(crate) fn clock(tracking: &Value, others: &Value) -> Scripted {
    let chronyd = scripted(&values(tracking, others).to_string());
    started(chronyd.socket(), LONG);
    chronyd
}

/// Starts a chronyd whose clock is in order.
pub(crate) fn right() -> Scripted {
    clock(&json!({}), &json!({}))
}

/// Returns the tracking report of a chronyd that follows no source.
pub(crate) fn unsynchronised() -> Value {
    json!({
        "reference ID": 0, "address": null, "stratum": 0, "leap status": 3, "reference time": 0, "skew": 0,
        "residual frequency": 0, "root delay": 1, "root dispersion": 1,
    })
}

/// Returns the tracking report of a chronyd that follows only its local clock.
pub(crate) fn local() -> Value {
    json!({
        "reference ID": 0x7F7F_0101, "address": null, "stratum": 10, "root delay": 0, "root dispersion": 0,
        "current correction": 0,
    })
}

/// Makes the chronyd of this socket look as if it was started this many seconds ago.
pub(crate) fn started(socket: &Path, seconds: i64) {
    let time = Timespec { tv_sec: now_and(-seconds), tv_nsec: 0 };
    utimensat(CWD, socket, &Timestamps { last_access: time, last_modification: time }, AtFlags::empty()).unwrap();
}
