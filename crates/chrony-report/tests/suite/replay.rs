//! Tests of recordings: `watch --record` writes them, and `watch --replay` plays them.

use crate::clocks::{clock, right};
use crate::recording::{AWAY, Folder, LENGTH, header, snapshot, text};
use crate::tty::{Setup, USUAL};
use crate::watch::{END, PLAYED, live, replayed};
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_replay_is_stepped_through_and_made_faster() {
    let folder = Folder::new();
    let mut tty = USUAL.start(&folder.path(""), ["watch", "--replay", "clock.jsonl", "--speed", "0.001"]);
    tty.shows_all(&["00:00:00 UTC", "not synchronised", "no value in this time"]);
    tty.press("n");
    tty.shows("00:00:01 UTC");
    tty.press("n");
    tty.shows("PAUSED");
    tty.shows("00:00:02 UTC");
    tty.press("2>");
    tty.shows("at 0.002 times the speed");
    tty.press("<");
    tty.shows("at 0.001 times the speed");
    tty.press(&"n".repeat(usize::try_from(AWAY - 2).unwrap()));
    tty.shows("chronyd at /run/chrony/chronyd.sock is away since 2026-01-01 00:04:30 UTC");
    tty.press(&">".repeat(40));
    tty.press("p");
    tty.shows(END);
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
}

#[test]
fn a_replay_needs_neither_chronyd_nor_libchrony() {
    let folder = Folder::new();
    let env = &[("LIBCHRONY_PATH", "/nonexistent/libchrony.so.0")];
    replayed(&Setup { env, ..USUAL }, &folder);
}

#[test]
fn what_is_recorded_is_replayed() {
    let chronyd = clock(&json!({"current correction": -1.5e-6}), &json!({"sources": 3}));
    let folder = Folder::new();
    let path = folder.path("new.jsonl");
    let mut tty = live(&chronyd, &format!("--every 20ms --record {}", path.display()));
    tty.shows("clock 1.5 us fast");
    let lines = || fs::read_to_string(&path).unwrap_or_default().lines().count();
    while lines() < 5 {
        std::thread::yield_now();
    }
    chronyd.die();
    tty.shows("is away since");
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
    let text = fs::read_to_string(&path).unwrap();
    let values: Vec<Value> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(values[0]["version"], 1);
    let tracking = &values[1]["reading"]["tracking"];
    // chronyd's floats have 25 bits.
    let offset = tracking["offset"].as_f64().unwrap();
    assert!((offset + 1.5e-6).abs() < 1e-12, "{tracking}");
    let bound =
        offset.abs() + tracking["root_dispersion"].as_f64().unwrap() + tracking["root_delay"].as_f64().unwrap() / 2.0;
    assert!((tracking["clock_error_bound"].as_f64().unwrap() - bound).abs() < 1e-12, "{tracking}");
    assert_eq!(values[1]["reading"]["sources"].as_array().unwrap().len(), 3);
    assert!(values.last().unwrap()["error"].is_string());

    let mut tty = USUAL.start(&folder.path(""), ["watch", "--replay", "new.jsonl", "--speed", "1e9"]);
    tty.shows("is away since");
    tty.press("4");
    tty.shows("3 sources, in chronyd's order, as they were");
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));

    // An existing file is not overwritten.
    let mut tty = live(&chronyd, &format!("--record {}", path.display()));
    assert_eq!(tty.end().code(), Some(1));
    tty.shows("remove the file");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_view() {
    let chronyd = right();
    let mut tty = live(&chronyd, "--every 20ms --record /dev/full");
    tty.shows_all(&["the recording to /dev/full has ended", "No space left on device"]);
    chronyd.change("{\"tracking\": {\"current correction\": 2.5e-6}}".parse().unwrap()).unwrap();
    tty.shows("clock 2.5 us slow");
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
}

#[test]
fn a_last_line_that_is_cut_off_is_left_out() {
    let lines = text([header()].into_iter().chain((0..LENGTH).map(snapshot)));
    let folder = Folder::of(&lines[..lines.len() - 40]);
    let tty = Setup { size: (120, 24), ..USUAL }.start(&folder.path(""), PLAYED);
    tty.press("2");
    tty.shows("the end, whose last line is cut off");
    tty.shows("00:09:58 UTC");
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_its_line() {
    let newer = r#"{"format": "chrony-report recording", "version": 2, "machine": "gauge", "every": 1}"#;
    let good = text([header(), snapshot(0)]);
    let late = text([header(), snapshot(9), snapshot(3)]);
    for (text, said) in [
        (String::new(), "line 1 of clock.jsonl is not that of a recording"),
        ("{}\n".to_owned(), "line 1 of clock.jsonl is not that of a recording"),
        (format!("{newer}\n"), "Use the version of chrony-report that has recorded it, or a newer one"),
        (format!("{good}{{}}\n{good}"), "line 3 of clock.jsonl is no snapshot: missing field"),
        (good.replace("falseticker", "liar"), r#"no state of a source is called "liar""#),
        (late, r#"line 3 of clock.jsonl is no snapshot: its "elapsed" is 3, after 9"#),
    ] {
        let folder = Folder::of(&text);
        let mut tty = Setup { size: (200, 24), ..USUAL }.start(&folder.path(""), PLAYED);
        assert_eq!(tty.end().code(), Some(1));
        tty.shows(said);
        assert!(tty.is_given_back());
    }
}

#[test]
fn a_replay_is_of_a_file_and_of_no_other_chronyd() {
    let folder = Folder::new();
    for (args, code, said) in [
        (&["watch", "--replay", "/dev/null"][..], 1, "/dev/null is no file"),
        (&["watch", "--replay", "clock.jsonl", "-H", "::1"], 2, "a recording has its own chronyd"),
        (&["plot", "clock.jsonl", "-o", "clock.svg", "-H", "::1"], 2, "a recording has its own chronyd"),
    ] {
        let mut tty = Setup { size: (200, 24), ..USUAL }.start(&folder.path(""), args);
        assert_eq!(tty.end().code(), Some(code), "{args:?}");
        tty.shows(said);
    }
}
