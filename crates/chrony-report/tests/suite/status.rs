//! Tests of the screen that answers whether the clock is right.

use crate::clocks::{clock, local, right, started, unsynchronised, updated};
use crate::support::{Ran, SITE, Terminal, ask, on_time, program, run, udp, unprivileged, wait_until};
use serde_json::{Value, json};
use std::fs::File;
use std::process::Stdio;
use testbed::{Chronyd, Fault, Pair};

/// Runs the command, and checks that the screen fits a terminal.
fn screen(tracking: &Value, others: &Value) -> (Option<i32>, String) {
    let ran = ask(clock(tracking, others).socket(), "");
    assert_eq!(ran.err, "");
    assert_fits(&ran.out);
    (ran.code, ran.out)
}

fn assert_fits(screen: &str) {
    assert!(screen.lines().count() < 24, "{} lines:\n{screen}", screen.lines().count());
    for line in screen.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_clock_that_is_right_has_its_answer_first() {
    let sources = json!({"sources": [
        {"address": "192.0.2.1"},
        {"address": "2001:db8::1", "state": 4, "adjusted last sample offset": 0.0015},
        {"reference ID": 0x5050_5300, "state": 5},
        {"address": "198.51.100.1", "state": 2, "reachability": 127},
    ], "selectdata": [{}, {"state": 43}, {"state": 87}, {"state": 120}]});
    let (code, text) = screen(&json!({}), &sources);
    assert_eq!(code, Some(1), "{text}");
    let expected = "\
Is the clock right? Yes, with a warning: error bound 4.01 ms, synchronised to
127.0.0.1 (stratum 1)

warning   198.51.100.1 contradicts the other sources by 17 us
          - Report 198.51.100.1 to its operator, or remove it from chrony.conf
          - See whether the offset stays: chronyc sourcestats

follows   127.0.0.1 (stratum 1)
bound     4.01 ms (12 us slow + dispersion 3.4 ms + half of delay 1.2 ms)
";
    assert!(text.starts_with(expected), "{text}");
    let expected = "\
sources   2 of 4 usable
  192.0.2.1     8 of 8 polls    clock 17 us slow +/- 430 us   selected
  PPS           8 of 8 samples  clock 17 us slow +/- 430 us   selectable, waits
  198.51.100.1  7 of 8 polls    clock 17 us slow +/- 430 us   falseticker
  2001:db8::1   8 of 8 polls    clock 1.5 ms fast +/- 430 us  combined
";
    assert!(text.ends_with(expected), "{text}");
    assert!(text.contains("s ago, at 20") && text.contains(" UTC; before that, every 64.2 s"), "{text}");
    assert!(text.contains("/chronyd.sock\n"), "{text}");
}

#[test]
fn an_offset_of_zero_is_neither_fast_nor_slow_and_a_large_one_is_in_hours() {
    let source = |offset: f64| json!({"sources": [{"adjusted last sample offset": offset}]});
    for (correction, offset, bound, sample) in [
        (0.0, 0.0, "bound     4 ms (0 s + dispersion 3.4 ms", "  clock 0 s +/- 430 us  "),
        (7495.37, -7495.37, "bound     2 h 5 min (2 h 5 min slow + dispersion", "  clock 2 h 5 min slow +/- 430 us  "),
    ] {
        let (_, text) = screen(&json!({"current correction": correction}), &source(offset));
        assert!(text.contains(bound) && text.contains(sample), "{text}");
    }
}

#[test]
fn the_answer_and_the_exit_code_go_together() {
    for (tracking, code, answer) in [
        (json!({}), 0, "Is the clock right? Yes: error bound 4.01 ms, synchronised"),
        (json!({"current correction": 0.02}), 1, "Is the clock right? Yes, with a warning: error bound 24 ms"),
        (
            updated(7200),
            2,
            "Is the clock right? No, do not rely on it\n\ncritical  the last sample was 12 s ago, but the last update 2 h ago: chronyd",
        ),
        (
            local(),
            2,
            "Is the clock right? No, do not rely on it\n\ncritical  the clock follows only itself (local mode)\n",
        ),
        (
            unsynchronised(),
            2,
            "Is the clock right? No, do not rely on it\n\ncritical  usable sources say that this clock",
        ),
    ] {
        let (found, text) = screen(&tracking, &json!({}));
        assert_eq!(found, Some(code), "{text}");
        assert!(text.starts_with(answer), "{text}");
    }
}

#[test]
fn after_a_start_the_answer_is_not_yet_and_the_exit_code_tells_it() {
    let chronyd = clock(&unsynchronised(), &json!({}));
    started(chronyd.socket(), 30);
    let host = ["-H".as_ref(), chronyd.socket().as_os_str()];
    let ran = Ran::of(program(host).env(SITE, "/dev/null").output().unwrap());
    assert_eq!(ran.code, Some(2));
    assert!(ran.out.starts_with("Is the clock right? Not yet: chronyd was started 3"), "{}", ran.out);
}

#[test]
fn what_is_long_fits_all_the_same() {
    let long = "2001:db8:1111:2222:3333:4444:5555:6666";
    let bad = json!({"address": long, "state": 2, "reachability": 0, "adjusted last sample offset": -1234.5});
    let (_, text) = screen(&json!({"stratum": 15, "current correction": 2}), &json!({"sources": vec![bad; 30]}));
    assert!(text.contains("more      chrony-report check -v"), "{text}");
    assert!(text.contains("  and 2"), "{text}");
    assert!(text.contains("  2001:db8:1111:2222:3333:4444.."), "{text}");
}

#[test]
fn sources_that_are_not_usable_come_before_those_that_are_in_order() {
    let wrong = json!({"address": "192.0.2.9", "state": 2});
    let sources = [vec![json!({})], vec![json!({"state": 4}); 29], vec![wrong]].concat();
    let states = [vec![json!({})], vec![json!({"state": 43}); 29], vec![json!({"state": 120})]].concat();
    let others = json!({"sources": sources, "selectdata": states});
    let (_, text) = screen(&json!({}), &others);
    let (_, list) = text.split_once("usable\n").unwrap();
    let states: Vec<_> = list.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert!(list.contains("  192.0.2.9") && states[1] == "falseticker", "{text}");
    assert!(list.contains("\n  and "), "{text}");
}

#[test]
fn the_time_of_the_update_is_by_the_clock_of_this_machine() {
    let today = || {
        let output = std::process::Command::new("date").args(["-u", "+at %Y-%m-%d "]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    };
    let years = 20 * 365 * 86_400;
    let slow = json!({"current correction": years, "reference time": updated(-years)["reference time"]});
    let (before, (_, text), after) = (today(), screen(&slow, &json!({})), today());
    assert!(text.contains(&before) || text.contains(&after), "{before}: {text}");
}

#[test]
fn refused_reports_are_named_where_they_would_tell_more() {
    let page = |others: &Value| ask(udp(&clock(&json!({}), others)), "").out;
    let refused = "chronyd refused selectdata, authdata and ntpdata here";
    assert!(!page(&json!({"sources": 1})).contains("refused"), "{}", page(&json!({"sources": 1})));
    let silent = json!({"sources": [{}, {"state": 1, "reachability": 0}]});
    assert!(page(&silent).contains(refused), "{}", page(&silent));
}

#[test]
fn a_narrow_terminal_has_shorter_lines() {
    let chronyd = clock(&local(), &json!({"sources": 3}));
    let terminal = Terminal::open(50);
    let mut command = program(["-H".as_ref(), chronyd.socket().as_os_str()]);
    command.env("NO_COLOR", "1").stdout(terminal.end()).status().unwrap();
    drop(command);
    let text = terminal.read();
    let widths: Vec<_> = text.lines().map(|line| line.trim_end().chars().count()).collect();
    assert!(widths.iter().all(|width| *width <= 50) && widths.contains(&50), "{text}");
}

#[test]
fn sources_that_were_never_measured_have_no_offset() {
    let never = json!({"state": 1, "reachability": 0, "last sample ago": u32::MAX});
    let (code, text) = screen(&unsynchronised(), &json!({"sources": [never], "selectdata": [{"state": 77}]}));
    assert_eq!(code, Some(2));
    assert!(text.contains("  127.0.0.1  0 of 8 polls  no sample  lost"), "{text}");
    assert!(text.contains("follows   no source") && !text.contains("bound "), "{text}");
}

#[test]
fn real_chronyds_have_their_answers() {
    let pair = Pair::of_all_kinds(Chronyd::builder()).unwrap();
    // While a preferred source waits for a measurement, no source is selected.
    let mut ran = ask(pair.client.socket(), "");
    wait_until("a clock that is right", || {
        let is_right = ran.out.starts_with("Is the clock right? Yes");
        if !is_right {
            ran = ask(pair.client.socket(), "");
        }
        is_right
    });
    assert_fits(&ran.out);
    assert!(ran.out.contains("\nfollows   127.0.0."), "{}", ran.out);
    let none = Chronyd::builder().start().unwrap();
    let ran = ask(none.socket(), "");
    assert_fits(&ran.out);
    assert!(ran.code == Some(2) && ran.out.contains("chronyd has no sources"), "{}", ran.out);
}

#[test]
fn without_an_answer_of_chronyd_it_is_unknown_and_the_next_step_is_shown() {
    let chronyd = right();
    chronyd.set(Fault::Silence);
    let long = format!("/nonexistent/{}", "x".repeat(90));
    let cases = [
        (ask("/nonexistent/chronyd.sock", ""), 2, "Is chronyd running"),
        (ask(long, ""), 2, "Is chronyd running"),
        (on_time(|ran| ran, || ask(chronyd.socket(), "--timeout 0.2s")), 2, "It may be stopped or overloaded"),
        (unprivileged(&right(), &[]), 3, "Run as root or as chronyd's user"),
    ];
    for (ran, code, next) in cases {
        assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{}", ran.out);
        assert_fits(&ran.out);
        assert!(ran.out.starts_with("Is the clock right? Unknown: no report could be read\n"), "{}", ran.out);
        let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(next), "{words}");
    }
    let output = program([""; 0]).env("LIBCHRONY_PATH", "/nonexistent/libchrony.so.0").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_fits(&text);
    assert!(text.contains("Unknown: ") && text.contains("Install libchrony"), "{text}");
}

#[test]
fn whatever_else_goes_wrong_is_unknown() {
    let ran = run(["-H", "/a.sock", "-H", "/b.sock"]);
    assert_eq!((ran.code, &*ran.out), (Some(3), ""));
    assert!(ran.err.contains("give one address"), "{}", ran.err);
    let chronyd = right();
    let mut full = program(["-H".as_ref(), chronyd.socket().as_os_str()]);
    let output = full.stdout(File::options().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped()).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Free some space"));
    let mut closed = program(["-H".as_ref(), chronyd.socket().as_os_str()]);
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    let output = closed.stdout(write).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(3), &b""[..]));
}

#[test]
fn it_has_colours_on_a_terminal_only() {
    let chronyd = right();
    assert!(!ask(chronyd.socket(), "").out.contains('\x1b'));
    let colours = |name: &str, value: &str| {
        let terminal = Terminal::open(80);
        let mut command = program(["-H".as_ref(), chronyd.socket().as_os_str()]);
        let status = command.env("TERM", "xterm").env(name, value).stdout(terminal.end()).status().unwrap();
        drop(command);
        assert_eq!(status.code(), Some(0));
        terminal.read()
    };
    assert!(colours("LANG", "C").contains("\x1b[1m\x1b[32mIs the clock right? Yes"), "{:?}", colours("LANG", "C"));
    assert!(!colours("NO_COLOR", "1").contains('\x1b'));
}
