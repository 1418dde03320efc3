//! A recording for views and pictures: ten minutes with a start, a restart of chronyd, and sources of each kind.

use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The second at which the clock is synchronised. At the next ones, chronyd is away, back, and synchronised again.
pub(crate) const SYNCHRONISED: u32 = 30;
pub(crate) const AWAY: u32 = 270;
pub(crate) const BACK: u32 = 330;
pub(crate) const AGAIN: u32 = 360;
pub(crate) const LENGTH: u32 = 600;
/// The start: 2026-01-01 00:00:00 UTC.
const START: u32 = 1_767_225_600;
const ERROR: &str = "Failed to request tracking report: chronyd at /run/chrony/chronyd.sock is not running. Start it";

/// A folder with the recording `clock.jsonl`. Programs that run in it print a relative path, which never changes.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let lines = [header()].into_iter().chain((0..LENGTH).map(snapshot));
        Self::of(&text(lines))
    }

    /// Returns a folder with this text in place of the recording.
    pub(crate) fn of(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("clock.jsonl"), text).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Returns the values as lines.
pub(crate) fn text(lines: impl IntoIterator<Item = Value>) -> String {
    lines.into_iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    })
}

pub(crate) fn header() -> Value {
    json!({ "format": "chrony-report recording", "version": 1, "machine": "gauge", "every": 1.0 })
}

/// Returns the snapshot of a second.
pub(crate) fn snapshot(second: u32) -> Value {
    let time = f64::from(START + second) + 0.25;
    if (AWAY..BACK).contains(&second) {
        return json!({ "time": time, "elapsed": second, "error": ERROR });
    }
    let tracking = if second < SYNCHRONISED || (BACK..AGAIN).contains(&second) { lost() } else { followed(second) };
    let reading = json!({ "host": "/run/chrony/chronyd.sock", "tracking": tracking, "sources": sources(second) });
    json!({ "time": time, "elapsed": second, "reading": reading })
}

/// Returns the tracking of a clock that swings by 25 us in about four minutes.
fn followed(second: u32) -> Value {
    let at = f64::from(second);
    let offset = 25e-6 * (at / 40.0).sin();
    let dispersion = 300e-6 + f64::from(second % 64) * 1.2e-6;
    json!({
        "reference_id_name": "192.0.2.1", "stratum": 2, "leap_status": "normal",
        "ref_time": START + second - second % 64, "offset": offset,
        "frequency": -12.34 + 0.02 * (at / 90.0).sin(), "residual_freq": 0.001,
        "skew": 0.03 + 0.02 * (-at / 200.0).exp(), "root_delay": 800e-6, "root_dispersion": dispersion,
        "clock_error_bound": offset.abs() + dispersion + 400e-6, "is_local": false,
    })
}

/// Returns the tracking of a clock that follows nothing, with the values that chronyd reports then.
fn lost() -> Value {
    json!({
        "reference_id_name": "", "stratum": 0, "leap_status": "not synchronized", "ref_time": null, "offset": 0.0,
        "frequency": -12.34, "residual_freq": 0.0, "skew": 0.0, "root_delay": 1.0, "root_dispersion": 1.0,
        "clock_error_bound": null, "is_local": false,
    })
}

/// Returns sources with their state, mode, last eight polls, and the offset and error of the last sample, if any.
fn sources(second: u32) -> Value {
    let offset = -25e-6 * (f64::from(second) / 40.0).sin();
    let source = |address, poll, state, mode, reachability, sample: Option<(f64, f64)>| {
        json!({
            "address": address, "poll": poll, "stratum": 2, "state": state, "mode": mode, "reachability": reachability,
            "last_sample_ago": sample.map(|_| second % 64), "latest_meas": sample.map(|(offset, _)| offset),
            "latest_meas_err": sample.map(|(_, error)| error),
        })
    };
    json!([
        source("192.0.2.1", 6, "selected", "client", 0b1111_1111, Some((offset, 700e-6))),
        source("192.0.2.2", 6, "unselected", "client", 0b1110_1111, Some((180e-6, 1.1e-3))),
        source("2001:db8::17", 7, "selectable", "peer", 0b1111_1111, Some((-420e-6, 900e-6))),
        source("203.0.113.9", 6, "falseticker", "client", 0b0111_1111, Some((0.035, 0.002))),
        source("PPS", 4, "unselected", "reference clock", 0b1111_1111, Some((1.2e-6, 2e-6))),
        source("198.51.100.77", 10, "nonselectable", "client", 0, None),
    ])
}
