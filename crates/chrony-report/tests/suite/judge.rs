//! Tests of the judgement: each rule by itself, and unknown values.

use crate::clocks::{LONG, clock, local, right, started, unsynchronised, updated, values};
use crate::support::{ask, on_time, scripted};
use serde_json::{Value, json};
use testbed::{Fault, Scripted};

/// Returns this number of copies of a source.
fn sources(count: usize, source: &Value) -> Value {
    json!({"sources": vec![source.clone(); count]})
}

/// Returns `count` sources in order, and `others` copies of another source.
fn sources_and(count: usize, others: usize, other: &Value) -> Value {
    let sources = [vec![json!({}); count], vec![other.clone(); others]].concat();
    json!({"sources": sources})
}

/// Judges, and compares the exit code and a part of the output.
fn expect(chronyd: &Scripted, code: i32, words: &str) {
    let ran = ask(chronyd.socket(), "check");
    assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{words}: {}", ran.out);
    assert!(ran.out.contains(words), "{words}: {}", ran.out);
}

#[test]
fn a_clock_in_order_is_ok() {
    expect(&right(), 0, "CHRONY OK: error bound 4.01 ms, synchronised to 127.0.0.1 (stratum 1)");
}

/// Each case has one thing that is out of order.
#[test]
fn each_rule_of_the_tracking_report_has_its_levels() {
    for (tracking, code, words) in [
        (json!({"leap status": 1}), 1, "a leap second will be inserted at the end of this day (UTC)"),
        (json!({"leap status": 2}), 1, "the last second of this day (UTC) will be deleted"),
        (json!({"leap status": 3}), 2, "a leap second is being inserted or deleted [leap-second]"),
        (unsynchronised(), 2, "usable sources say that this clock is 17 us slow"),
        (local(), 2, "the clock follows only itself (local mode)"),
        (json!({"stratum": 9}), 0, ""),
        (
            json!({"stratum": 10}),
            1,
            "the last server in the chain probably follows only its own clock; error bound 4.01 ms against 127.0.0.1 (stratum 9)",
        ),
        (json!({"stratum": 16}), 2, "not synchronised, since 127.0.0.1 is at stratum 15 [stratum-16]"),
        (json!({"root dispersion": 0.09}), 0, ""),
        (json!({"root dispersion": 0.11}), 1, "the clock can be 111 ms wrong"),
        (json!({"root dispersion": 1.1}), 2, "the clock can be 1.1 s wrong, 1.1 s of it because of the uncertainty"),
        (
            json!({"root delay": 2.2}),
            2,
            "of it because of the delay to the reference clock (root delay / 2) [far-servers]",
        ),
        (json!({"current correction": 0.009}), 0, ""),
        (json!({"current correction": 0.011}), 1, "the clock is 11 ms slow"),
        (json!({"current correction": -0.011}), 1, "the clock is 11 ms fast"),
        (json!({"current correction": -0.051}), 2, "the clock is 51 ms fast"),
        (updated(2000), 0, ""),
        (updated(2100), 1, "the last sample was 12 s ago, but the last update 35 min ago: chronyd ignores the samples"),
        (updated(4200), 2, "but the last update 1 h 10 min ago"),
        (updated(6 * 3600), 2, "but the last update 6 h ago"),
        (updated(-7), 1, "s in the future: the clock was set back"),
        (updated(-3600), 2, "min in the future: the clock was set back"),
    ] {
        expect(&clock(&tracking, &json!({})), code, words);
    }
}

#[test]
fn each_rule_of_the_sources_has_its_levels() {
    let state =
        |states: &[u8]| json!({"sources": states.iter().map(|state| json!({"state": state})).collect::<Vec<_>>()});
    let reach =
        |bits: &[u8]| json!({"sources": bits.iter().map(|bits| json!({"reachability": bits})).collect::<Vec<_>>()});
    let never = json!({"state": 1, "reachability": 0, "last sample ago": u32::MAX});
    let gps = json!({"reference ID": 0x4750_5300});
    let unresolved = json!({"address": {"id": 7}, "state": 1, "reachability": 0});
    for (others, code, words) in [
        // Selected, combined and selectable sources are usable.
        (state(&[0, 4, 4, 5]), 0, ""),
        (state(&[0, 4, 5]), 1, "only 3 sources are usable"),
        (state(&[0, 4, 5, 1, 3]), 1, "127.0.0.1 varies by 9 us, more than maxjitter allows"),
        (state(&[0]), 1, "there is only one source, which no other source can confirm"),
        (state(&[0, 1]), 1, "127.0.0.1 is not used (chronyd gives the reason over its Unix socket)"),
        (state(&[1, 1]), 2, "both sources are not used (chronyd gives the reason over its Unix socket)"),
        (state(&[1]), 2, "127.0.0.1 is not used"),
        (json!({"sources": []}), 2, "chronyd has no sources"),
        (sources(4, &never), 2, "none of the 4 sources gave a valid answer to the last 8 polls [sources-lost]"),
        // One reference clock is enough, if it is usable.
        (json!({"sources": [{"reference ID": 0x4750_5300}]}), 0, ""),
        (
            json!({"sources": [{"reference ID": 0x4750_5300, "state": 1}, {"address": "192.0.2.1"}]}),
            1,
            "GPS is not used",
        ),
        (state(&[0, 4, 4, 4, 2]), 1, "127.0.0.1 contradicts the other sources by 17 us"),
        (state(&[0, 4, 4, 4, 3]), 0, ""),
        (reach(&[255, 255, 255, 0]), 0, ""),
        (reach(&[255, 255, 240, 0]), 1, "answers from 2 sources are lost; 127.0.0.1"),
        (reach(&[255, 255, 0, 0]), 1, "answers"),
        (reach(&[254, 255, 0, 0]), 1, "answers"),
        // chronyd starts to count when a source is added or comes online.
        (reach(&[1, 1, 3, 7]), 0, ""),
        (reach(&[5, 5, 9, 9]), 1, "answers from 4 sources are lost; 127.0.0.1 answered 2 of the last 8 polls"),
        // Unused sources do not count, such as servers that a firewall blocks while a reference clock is in use.
        (json!({"sources": [gps, never, never, never, never]}), 0, ""),
        (sources_and(4, 5, &never), 0, ""),
        (sources_and(2, 5, &never), 1, "gave no valid answer to the last 8 polls"),
        // Names without an address are not polled.
        (json!({"sources": [{}, {}, {}, {}, unresolved, unresolved]}), 0, ""),
    ] {
        expect(&by_sources(&json!({}), &others), code, words);
    }
}

/// Starts a chronyd without selectdata, so that the states in the sources report decide.
fn by_sources(tracking: &Value, others: &Value) -> Scripted {
    let chronyd = clock(tracking, others);
    chronyd.set(Fault::Status(3));
    chronyd.set(Fault::Only(vec![69]));
    chronyd
}

#[test]
fn an_update_is_expected_by_how_often_the_source_is_polled() {
    let source = |state: u8, poll: i8, reachability: u8| {
        let last = if reachability > 0 { 12 } else { 10_000 };
        json!({"state": state, "poll": poll, "reachability": reachability, "last sample ago": last})
    };
    let four = |first: Value, other: Value| json!({"sources": [first, other, other, other]});
    let alarms = |seconds: i64, others: &Value, code: i32, words: &str| {
        expect(&by_sources(&updated(seconds), others), code, words);
    };
    // While the selected source answers, chronyd may leave out many of its measurements on purpose.
    alarms(30_000, &four(source(0, 10, 1), source(4, 6, 255)), 0, "");
    alarms(4200, &four(source(0, 6, 1), source(4, 10, 255)), 2, "but the last update 1 h 10 min ago");
    // A source that does not answer does not extend the interval.
    let silent = four(source(0, 6, 0), source(1, 10, 0));
    alarms(200, &silent, 2, "none of the 4 sources gave a valid answer to the last 8 polls");
    alarms(600, &silent, 2, "s;256;512;0 'sources'");
    // A long interval before the last update does not extend it, either.
    let mut after_an_outage = updated(2 * 86_400);
    after_an_outage["last update interval"] = json!(36_000);
    expect(&by_sources(&after_an_outage, &silent), 2, "s;256;512;0 'sources'");
    // Without a selected source, the longest polling interval counts.
    alarms(30_000, &four(source(4, 6, 255), source(5, 10, 255)), 0, "");
    alarms(600, &four(source(2, 6, 255), source(2, 4, 255)), 2, "s;256;512;0 'sources'");
    // A few lost polls 1/16 s apart are no alarm.
    alarms(1, &sources(4, &source(0, -4, 255)), 0, "");
    // No interval is so long that an update 50 years ago is in order.
    let half_a_century = 50 * 365 * 86_400;
    for poll in [-7, 17, 24] {
        alarms(half_a_century, &sources(4, &source(0, poll, 255)), 2, "'age'=1576800");
    }
    let clock_of = |poll: i8| json!({"mode": 2, "poll": poll});
    for poll in [-32, 17, 25, 32] {
        alarms(half_a_century, &sources(1, &clock_of(poll)), 2, "'age'=1576800");
    }
    // This is also true without sources, and with a long interval before the last update.
    let mut long_ago = updated(half_a_century);
    long_ago["last update interval"] = json!(1e20);
    expect(&clock(&long_ago, &sources(0, &json!({}))), 2, "'age'=1576800");
    // If the sources are unknown, so are their polling intervals.
    for (seconds, code) in [(4000, 3), (8300, 2)] {
        let chronyd = clock(&updated(seconds), &json!({}));
        chronyd.set(Fault::Status(2));
        chronyd.set(Fault::Only(vec![14, 15]));
        expect(&chronyd, code, "");
    }
}

#[test]
fn reports_that_cannot_be_read_are_unknown_and_the_others_are_judged() {
    // These are the requests for sources, and chronyd says that it does not know them.
    let chronyd = right();
    chronyd.set(Fault::Status(3));
    chronyd.set(Fault::Only(vec![14, 15]));
    expect(
        &chronyd,
        3,
        "Unsupported server version (too old); error bound 4.01 ms, synchronised to 127.0.0.1 (stratum 1) [sources-unknown]",
    );
    let line = ask(chronyd.socket(), "check").out;
    assert!(line.contains("'reach'=U;75:;;0;100") && line.contains("'stratum'=2;1:9;1:15;0"), "{line}");
    // A known fault is worse.
    chronyd.change(values(&json!({"leap status": 1}), &json!({}))).unwrap();
    expect(&chronyd, 1, "a leap second will be inserted");
    chronyd.change(values(&json!({"root dispersion": 3}), &json!({}))).unwrap();
    expect(&chronyd, 2, "the clock can be 3 s wrong");
}

#[test]
fn an_older_chronyd_without_selectdata_is_judged() {
    let chronyd = right();
    chronyd.set(Fault::Status(3));
    chronyd.set(Fault::Only(vec![69, 44]));
    expect(&chronyd, 0, "error bound 4.01 ms");
}

#[test]
fn an_invalid_tracking_report_is_unknown() {
    let chronyd = clock(&json!({"stratum": 17}), &json!({}));
    expect(&chronyd, 3, "CHRONY UNKNOWN: ");
    assert!(ask(chronyd.socket(), "check").out.contains("'bound'=U"));
}

/// Like [`expect`], but with a grace period of 90 s.
fn expect_in_grace(chronyd: &Scripted, code: i32, words: &str) {
    let ran = ask(chronyd.socket(), "check --grace 90s");
    assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{words}: {}", ran.out);
    assert!(ran.out.contains(words), "{words}: {}", ran.out);
}

#[test]
fn a_chronyd_that_has_just_been_started_raises_no_alarm() {
    let never = json!({"sources": [{"state": 1, "reachability": 0, "last sample ago": u32::MAX}], "selectdata": [{"state": 77}]});
    let chronyd = clock(&unsynchronised(), &never);
    expect_in_grace(&chronyd, 2, "CHRONY CRITICAL: 127.0.0.1 gave no valid answer to the last 8 polls [sources-lost]");
    started(chronyd.socket(), 30);
    expect_in_grace(&chronyd, 0, "CHRONY OK: chronyd was started 3");
    expect_in_grace(&chronyd, 0, " s ago, and alarms begin in ");
    started(chronyd.socket(), 100);
    expect_in_grace(&chronyd, 2, "CHRONY CRITICAL: ");
    // chronyd adds the sources of its configuration at once. It will not have any later.
    let chronyd = clock(&unsynchronised(), &json!({"sources": 0}));
    started(chronyd.socket(), 50);
    expect_in_grace(&chronyd, 0, "CHRONY OK: chronyd was started 5");
    started(chronyd.socket(), 70);
    expect_in_grace(&chronyd, 2, "CHRONY CRITICAL: chronyd has no sources [no-sources]");
    // The grace period does not excuse a known fault.
    let chronyd = clock(&json!({"current correction": 3600}), &json!({"sources": 1}));
    started(chronyd.socket(), 30);
    expect_in_grace(&chronyd, 2, "the clock is 1 h slow");
    // A start in the future, as after a step of the clock, is ignored.
    let chronyd = clock(&unsynchronised(), &json!({"sources": 0}));
    started(chronyd.socket(), -LONG);
    expect_in_grace(&chronyd, 2, "CHRONY CRITICAL: chronyd has no sources");
}

#[test]
fn over_the_command_port_the_start_is_unknown() {
    let chronyd = scripted(&values(&unsynchronised(), &json!({})).to_string());
    assert_eq!(ask(chronyd.socket(), "check --grace 1h").code, Some(0));
    let ran = ask(format!("127.0.0.1:{}", chronyd.command_port()), "check --grace 1h");
    assert_eq!(ran.code, Some(2), "{}", ran.out);
}

#[test]
fn a_silent_chronyd_is_reported_after_a_start_too() {
    let (chronyd, ran) = on_time(
        |(_, ran)| ran,
        || {
            let chronyd = scripted("{}");
            chronyd.set(Fault::Silence);
            let ran = ask(chronyd.socket(), "--timeout 0.2s check");
            (chronyd, ran)
        },
    );
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.out.contains("did not answer within 200ms"), "{}", ran.out);
    // No other report was requested.
    assert_eq!(chronyd.requests().into_iter().collect::<Vec<_>>(), [(33, 1)]);
}
