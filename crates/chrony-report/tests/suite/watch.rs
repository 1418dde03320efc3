//! Tests of the live view, as a person sees it in a terminal.

use crate::clocks::{clock, right};
use crate::recording::{Folder, SYNCHRONISED, header, snapshot, text};
use crate::support::{program, run, scripted};
use crate::tty::{Setup, Tty, USUAL, rows};
use rustix::process::Signal;
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use testbed::{Chronyd, Fault, Scripted};

/// The arguments that play a recording to its end at once.
pub(crate) const PLAYED: [&str; 5] = ["watch", "--replay", "clock.jsonl", "--speed", "1e9"];
pub(crate) const END: &str = "00:09:59 UTC";

pub(crate) fn replayed(setup: &Setup, folder: &Folder) -> Tty {
    let tty = setup.start(folder.path("").as_path(), PLAYED);
    tty.shows(END);
    tty
}

fn args(chronyd: &Scripted, more: &str) -> Vec<OsString> {
    let first = ["-H".into(), chronyd.socket().as_os_str().to_owned(), "watch".into()];
    first.into_iter().chain(more.split_whitespace().map(OsString::from)).collect()
}

/// Starts a view of a scripted chronyd.
pub(crate) fn live(chronyd: &Scripted, more: &str) -> Tty {
    USUAL.start(chronyd.folder(), args(chronyd, more))
}

#[test]
fn screens_of_each_size_are_as_drawn() {
    let folder = Folder::new();
    for (name, size, locale, text) in [
        ("overview-80x24", (80, 24), "C.UTF-8", END),
        ("overview-120x40", (120, 40), "C.UTF-8", END),
        ("overview-40x10", (40, 10), "C.UTF-8", "sources"),
        ("overview-ascii-80x24", (80, 24), "C", END),
        ("overview-ascii-40x10", (40, 10), "POSIX", "sources"),
        ("too-small-20x5", (20, 5), "C.UTF-8", "too small"),
    ] {
        let tty = Setup { size, locale, ..USUAL }.start(&folder.path(""), PLAYED);
        tty.is_screen(name, text);
    }
}

#[test]
fn each_view_is_as_drawn() {
    let folder = Folder::new();
    let tty = replayed(&USUAL, &folder);
    for (keys, name, text) in [
        ("2", "offset-80x24", "offset of the clock"),
        ("b+", "offset-alone-80x24", "15 min ago"),
        ("3", "frequency-80x24", "skew, the error bound"),
        ("4", "sources-80x24", "6 sources"),
        ("5", "error-bars-80x24", "1.45 ms fast"),
        ("?", "help-80x24", "Ctrl-Z"),
    ] {
        tty.press(keys);
        tty.is_screen(name, text);
    }
}

#[test]
fn error_bars_need_no_unicode() {
    let folder = Folder::new();
    let tty = replayed(&Setup { locale: "C", ..USUAL }, &folder);
    tty.press("5");
    tty.is_screen("error-bars-ascii-80x24", "never sampled");
    let text = tty.wait("there", |_| true);
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn keys_switch_sort_zoom_pause_and_quit() {
    let folder = Folder::new();
    let mut tty = replayed(&USUAL, &folder);
    tty.press("4");
    for order in ["by state", "by offset", "by error", "by last sample", "by name", "in chronyd's order"] {
        tty.press("s");
        tty.shows(order);
    }
    tty.press("\t");
    tty.shows("slow");
    tty.press("1");
    tty.shows("5 min ago");
    tty.press("+");
    tty.shows("15 min ago");
    tty.press("--");
    tty.shows("60 s ago");
    tty.press("p");
    tty.shows("PAUSED");
    tty.press(" ");
    tty.shows_no("PAUSED");
    tty.press("?");
    tty.shows("the next view");
    // The first Esc closes the help.
    tty.press("\x1b");
    tty.shows_no("the next view");
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
}

#[test]
fn sources_that_do_not_fit_are_scrolled_to() {
    let folder = Folder::new();
    let tty = replayed(&Setup { size: (80, 8), ..USUAL }, &folder);
    tty.press("4");
    tty.shows("sources 1-2 of 6");
    tty.press("\x1b[B");
    tty.shows("sources 2-3 of 6");
    tty.press("\x1b[F");
    tty.shows_all(&["sources 5-6 of 6", "^? 198.51.100.77", "never"]);
    tty.press("\x1b[H");
    tty.shows("sources 1-2 of 6");
}

#[test]
fn a_resized_terminal_is_drawn_anew() {
    let folder = Folder::new();
    let tty = replayed(&Setup { size: (120, 40), ..USUAL }, &folder);
    tty.resize(40, 10);
    tty.is_screen("overview-40x10", "sources");
    for (columns, rows) in [(20, 5), (1, 1), (3, 40), (200, 2)] {
        tty.resize(columns, rows);
    }
    tty.resize(80, 24);
    tty.is_screen("overview-80x24", END);
}

#[test]
fn colours_are_used_unless_they_are_not_wanted() {
    let folder = Folder::new();
    for (env, is_coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let tty = replayed(&Setup { env, ..USUAL }, &folder);
        tty.wait("coloured or not", |screen| {
            let (rows, columns) = screen.size();
            let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
            let mut colours = cells.filter_map(|(row, column)| screen.cell(row, column)).map(vt100::Cell::fgcolor);
            colours.any(|colour| colour != vt100::Color::Default) == is_coloured
        });
    }
}

#[test]
fn restarts_of_chronyd_are_survived_and_its_history_is_kept() {
    let chronyd = clock(&json!({"current correction": -1.5e-6}), &json!({}));
    let mut tty = live(&chronyd, "--every 20ms");
    tty.shows("clock 1.5 us fast");
    // An axis is drawn once there is a value.
    tty.shows("┤");
    chronyd.die();
    tty.shows_all(&["is away since", &chronyd.socket().to_string_lossy(), "as they were", "┤"]);
    chronyd.change("{\"tracking\": {\"current correction\": 2.5e-6}}".parse().unwrap()).unwrap();
    chronyd.come_back().unwrap();
    tty.shows("clock 2.5 us slow");
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
}

#[test]
fn a_chronyd_that_does_not_tell_its_sources_is_not_away() {
    let chronyd = right();
    chronyd.set(Fault::Only(vec![14]));
    // chronyd refuses in this way a report that `opencommands` does not name.
    chronyd.set(Fault::Status(2));
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("refused.jsonl");
    let mut tty = live(&chronyd, &format!("--every 20ms --record {}", recording.display()));
    for view in ["1", "4", "5"] {
        tty.press(view);
        tty.shows_all(&["synchronised to 127.0.0.1", "sources unknown: ", "refuses this report here"]);
    }
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
    let picture = folder.path().join("refused.svg");
    run(["plot".as_ref(), recording.as_os_str(), "-o".as_ref(), picture.as_os_str()]).fine();
    let svg = fs::read_to_string(picture).unwrap();
    assert!(svg.contains("synchronised to 127.0.0.1") && svg.contains("chronyd does not tell its sources"), "{svg}");
}

#[test]
fn a_real_chronyd_is_watched_through_its_restart() {
    let mut chronyd = Chronyd::builder().line("local stratum 5").start().unwrap();
    let args = ["-H".as_ref(), chronyd.socket().as_os_str(), "watch".as_ref(), "--every".as_ref(), "50ms".as_ref()];
    let tty = USUAL.start(chronyd.folder(), args);
    tty.shows("; /");
    chronyd.kill();
    tty.shows("is away since");
    chronyd.restart().unwrap();
    tty.shows_no("is away since");
}

#[test]
fn a_chronyd_that_is_away_at_first_is_waited_for() {
    let chronyd = right();
    chronyd.die();
    let tty = live(&chronyd, "--every 20ms");
    tty.shows("is away since");
    chronyd.come_back().unwrap();
    tty.shows("synchronised to 127.0.0.1");
}

#[test]
fn a_silent_chronyd_keeps_no_key_waiting() {
    let chronyd = clock(&json!({}), &json!({"sources": 1}));
    let mut tty = live(&chronyd, "--every 20ms --timeout 1h");
    tty.shows("synchronised to");
    chronyd.set(Fault::Silence);
    tty.shows("no answer for");
    tty.press("4");
    tty.shows("1 source,");
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
}

#[test]
fn what_is_not_known_is_no_number() {
    let chronyd = scripted(
        r#"{"tracking": {"reference ID": 0, "address": null, "stratum": 0, "leap status": 3, "reference time": 0},
            "sources": [{"last sample ago": 4294967295, "reachability": 0, "state": 1}]}"#,
    );
    let tty = live(&chronyd, "--every 20ms");
    tty.shows("not synchronised");
    tty.press("4");
    let text = tty.wait("a row without a number", |screen| {
        let is_row = |row: &str| row.starts_with("^? 127.0.0.1") && row.ends_with("never       -      -");
        rows(screen).lines().any(is_row)
    });
    assert!(!text.contains("updated"), "{text}");
    chronyd
        .change(r#"{"tracking": {"reference ID": 2139029761, "address": null, "stratum": 5}}"#.parse().unwrap())
        .unwrap();
    tty.shows("follows only its own clock");
}

#[test]
fn a_pause_shows_what_was_and_goes_on_reading() {
    let chronyd = clock(&json!({"current correction": -1.5e-6}), &json!({}));
    let tty = live(&chronyd, "--every 20ms");
    tty.shows("clock 1.5 us fast");
    tty.press("p");
    tty.shows("PAUSED");
    chronyd.change("{\"tracking\": {\"current correction\": 2.5e-6}}".parse().unwrap()).unwrap();
    let asked = || chronyd.requests().values().sum::<u64>();
    let before = asked();
    while asked() < before + 20 {
        std::thread::yield_now();
    }
    tty.shows("clock 1.5 us fast");
    tty.press("p");
    tty.shows("clock 2.5 us slow");
}

#[test]
fn the_terminal_is_given_back_however_the_view_ends() {
    let chronyd = right();
    for keys in ["q", "\x1b", "\x03"] {
        let mut tty = live(&chronyd, "");
        tty.shows("synchronised to");
        assert!(!tty.is_given_back());
        tty.press(keys);
        assert_eq!(tty.end().code(), Some(0));
        tty.wait_given_back();
    }
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut tty = live(&chronyd, "");
        tty.shows("synchronised to");
        tty.signal(signal);
        assert_eq!(tty.end().into_raw() >> 8, 128 + signal.as_raw());
        tty.wait_given_back();
    }
}

#[test]
fn a_suspended_view_gives_the_terminal_back_and_goes_on() {
    let chronyd = right();
    let mut tty = live(&chronyd, "");
    let is_view = |screen: &vt100::Screen| screen.alternate_screen() && rows(screen).contains("synchronised to");
    tty.wait("the view", is_view);
    for is_key in [true, false] {
        if is_key {
            tty.press("\x1a");
        } else {
            tty.signal(Signal::TSTP);
        }
        tty.wait_stopped(true);
        tty.wait_given_back();
        tty.signal(Signal::CONT);
        tty.wait("the view again", is_view);
    }
    tty.press("q");
    assert_eq!(tty.end().code(), Some(0));
    tty.wait_given_back();
}

/// The view must agree with the judgement.
#[test]
fn a_clock_whose_sources_were_lost_hours_ago_is_not_called_synchronised() {
    let mut stale = snapshot(SYNCHRONISED);
    stale["reading"]["tracking"]["ref_time"] = json!(stale["time"].as_f64().unwrap() - 6.0 * 3600.0);
    let folder = Folder::of(&text([header(), stale]));
    let mut tty = USUAL.start(&folder.path(""), PLAYED);
    let screen = tty.shows("no update for 6 h; last followed 192.0.2.1");
    assert!(!screen.contains("synchronised"), "{screen}");
    tty.press("q");
    assert!(tty.end().success());
    let drawn = program(["plot", "clock.jsonl", "-o", "clock.svg"]).current_dir(folder.path("")).status().unwrap();
    let svg = std::fs::read_to_string(folder.path("clock.svg")).unwrap();
    assert!(drawn.success() && svg.contains("no update for 6 h; last followed 192.0.2.1"), "{svg}");
}

#[test]
fn without_a_terminal_the_next_step_is_said() {
    let ran = run(["watch"]);
    assert_eq!((ran.code, &*ran.out), (Some(2), ""));
    assert!(ran.err.contains("terminal") && ran.err.contains("--every") && ran.err.contains("plot"), "{}", ran.err);
}
