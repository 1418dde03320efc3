//! Tests of many chronyds at once: rows have their hosts, and failures are rows that do not end the command.

use crate::support::{Ran, ask, on_time, program, run, scripted, signal, udp};
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use testbed::{Fault, Scripted};

fn hosts(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["host"].as_str().unwrap()).collect()
}

/// Returns an address on which nothing listens.
fn nothing() -> (Scripted, String) {
    let gone = scripted("{}");
    gone.die();
    let address = udp(&gone);
    (gone, address)
}

#[test]
fn each_row_has_its_host_in_the_order_that_was_asked() {
    let (a, b) = (scripted(r#"{"tracking": {"stratum": 3}}"#), scripted(r#"{"tracking": {"stratum": 5}}"#));
    let asked = ["-H", &udp(&b), "-H", a.socket().to_str().unwrap(), "tracking"];
    let rows = run(asked.into_iter().chain(["--format", "json"])).rows();
    assert_eq!(hosts(&rows), [&*udp(&b), a.socket().to_str().unwrap()]);
    assert_eq!((&rows[0]["stratum"], &rows[1]["stratum"]), (&5.into(), &3.into()));
    let text = run(asked).fine();
    let lines: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    // The header has two lines.
    assert!(lines[0].is_empty() || lines[0] == "host", "{text}");
    assert_eq!(lines[lines.len() - 2..], [&*udp(&b), a.socket().to_str().unwrap()], "{text}");
}

#[test]
fn a_host_may_have_the_name_of_a_report() {
    let ran = run(["-H", "tracking", "sources", "--hosts-file", "/nonexistent"]);
    ran.failed(1, &["cannot read the hosts in /nonexistent"]);
}

#[test]
fn hosts_may_stand_before_and_after_the_command_and_keep_their_names() {
    let (a, b) = (scripted("{}"), scripted("{}"));
    let name = format!("localhost:{}", b.command_port());
    for command in ["tracking", "get", "all"] {
        let more = if command == "get" { vec!["tracking"] } else { vec![] };
        let asked = ["-H", &udp(&a), command, "-H", &name, "--format", "jsonl"];
        let rows = run(asked.into_iter().chain(more)).out;
        for (place, host) in [&udp(&a), &name].into_iter().enumerate() {
            let row = rows.lines().nth(place).unwrap();
            assert!(row.contains(&format!(r#""host":"{host}""#)), "{command}: {rows}");
        }
    }
    assert_eq!(hosts(&run(["-H", &name, "tracking", "--format", "json"]).rows()), [&name]);
}

#[test]
fn people_see_the_address_next_to_a_name() {
    let (a, b) = (scripted("{}"), scripted("{}"));
    let name = format!("localhost:{}", a.command_port());
    let shown = format!("{name} (127.0.0.1)");
    for command in ["tracking", "activity"] {
        let text = run(["-H", &name, "-H", &udp(&b), command]).fine();
        assert!(
            text.contains(&shown) && text.contains(&udp(&b)) && !text.contains(&format!("{} (", udp(&b))),
            "{text}"
        );
    }
    let refused = run(["-H", &name, "-H", &udp(&b), "selectdata"]);
    assert!(refused.out.contains(&format!("{shown}: ")), "{}", refused.out);
    let page = run(["-H", &name]).out;
    assert!(page.contains(&format!("chronyd   {shown}")), "{page}");
    a.die();
    let failed = run(["-H", &name, "-H", &udp(&b), "tracking"]).out;
    assert!(failed.contains(&format!("{name}: ")) && !failed.contains(&shown), "{failed}");
}

#[test]
fn options_behind_the_command_count_before_those_in_front() {
    let silent = scripted("{}");
    silent.set(Fault::Silence);
    let address = udp(&silent);
    let asked = ["--timeout", "20s", "--verbose", "tracking", "--timeout", "0.2s", "-H", &address];
    let ran = on_time(|ran| ran, || run(asked));
    assert!(ran.out.contains("did not answer within 200ms"), "{ran:?}");
    assert!(ran.err.contains("libchrony: "), "{ran:?}");
}

#[test]
fn failures_are_rows_and_the_others_are_read() {
    let chronyd = scripted("{}");
    let (_gone, gone) = nothing();
    let silent = scripted("{}");
    silent.set(Fault::Silence);
    let asked = ["-H", &gone, "-H", &udp(&chronyd), "-H", &udp(&silent), "--timeout", "1s", "sources"];
    let ran = on_time(|ran| ran, || run(asked.into_iter().chain(["--format", "json"])));
    let rows = ran.rows();
    assert_eq!((ran.code, &*ran.err), (Some(1), ""));
    assert_eq!(hosts(&rows), [&*gone, &udp(&chronyd), &udp(&silent)]);
    assert!(rows[0]["error"].as_str().unwrap().contains("Connection refused"), "{rows:?}");
    assert_eq!(rows[1]["source"], "127.0.0.1");
    assert!(rows[2]["error"].as_str().unwrap().contains("did not answer"), "{rows:?}");
    // Each row has the time of its own answer, not the time at which the round ended.
    let apart = rows[2]["time"].as_f64().unwrap() - rows[1]["time"].as_f64().unwrap();
    assert!(apart > 0.1, "{apart}");
    let text = run(asked);
    assert_eq!((text.code, &*text.err), (Some(1), ""));
    assert!(text.out.lines().any(|line| line.starts_with(&format!("{gone}: Failed to "))), "{}", text.out);
    assert!(text.out.lines().any(|line| line.starts_with(&format!("{}  127.0.0.1", udp(&chronyd)))), "{}", text.out);
    let csv = run(asked.into_iter().chain(["--format", "csv"])).out;
    let records: Vec<_> = csv::Reader::from_reader(csv.as_bytes()).into_records().map(Result::unwrap).collect();
    assert_eq!(records.iter().map(|row| !row[row.len() - 1].is_empty()).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn a_file_and_standard_input_have_an_address_a_line_with_comments() {
    let (a, b) = (scripted("{}"), scripted("{}"));
    let text = format!("# clocks\n\n  {}  # first\n{}\n", udp(&a), b.socket().display());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    fs::write(&file, &text).unwrap();
    let expected = [udp(&a), b.socket().display().to_string()];
    let asked = ["--hosts-file", file.to_str().unwrap(), "activity", "--format", "json"];
    assert_eq!(hosts(&run(asked).rows()), expected);

    let mut child = program(["--hosts-file", "-", "activity", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert_eq!(hosts(&Ran::of(child.wait_with_output().unwrap()).rows()), expected);
}

#[test]
fn a_file_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let file = folder.path().join("hosts");
        fs::write(&file, text).unwrap();
        run(["--hosts-file", file.to_str().unwrap(), "tracking"])
    };
    file("127.0.0.1\n[::1\n").failed(2, &["line 2 of ", "hosts: "]);
    file("# none\n").failed(2, &["there is no address in "]);
    let ran = run(["--hosts-file", "/nonexistent", "tracking"]);
    ran.failed(1, &["cannot read the hosts in /nonexistent", "No such file", "Give a file"]);
    run(["-H", "[::1", "tracking"]).failed_usage(&["[::1"]);
}

#[test]
fn the_environment_has_another_default_and_the_command_line_goes_first() {
    let (a, b) = (scripted("{}"), scripted("{}"));
    let ask = |asked: &[&str]| {
        let mut command = program(asked);
        command.env("CHRONY_REPORT_HOST", udp(&a));
        Ran::of(command.output().unwrap())
    };
    assert_eq!(hosts(&ask(&["tracking", "-f", "json"]).rows()), [udp(&a)]);
    assert_eq!(hosts(&ask(&["tracking", "-f", "json", "-H", &udp(&b)]).rows()), [udp(&b)]);
    let mut command = program(["tracking"]);
    command.env("CHRONY_REPORT_HOST", "[::1");
    Ran::of(command.output().unwrap()).failed(2, &["CHRONY_REPORT_HOST", "[::1"]);
}

#[test]
fn a_path_need_not_be_text() {
    let chronyd = scripted("{}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsString::from_vec(b"chrony\xff".to_vec()));
    std::os::unix::fs::symlink(chronyd.folder(), &path).unwrap();
    let path = path.join("chronyd.sock");
    // chronyd answers to the client's socket next to its own, and does not see the symbolic link.
    let rows = ask(&path, "tracking --format json").rows();
    assert!(hosts(&rows)[0].contains('\u{fffd}'), "{rows:?}");
    assert_eq!(rows[0]["stratum"], 2);
}

/// A round that fails is followed by others.
#[test]
fn rounds_go_on_through_a_restart_and_end_with_a_signal() {
    let chronyd = scripted("{}");
    for (number, end) in [(2, Signal::INT), (15, Signal::TERM)] {
        let asked = ["-H", chronyd.socket().to_str().unwrap(), "tracking", "--every", "20ms", "--format", "jsonl"];
        let mut child = program(asked).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut find = |words: &str| lines.find(|line| line.contains(words)).unwrap();
        find("\"stratum\":2");
        find("\"stratum\":2");
        chronyd.die();
        find("\"error\":");
        chronyd.come_back().unwrap();
        find("\"stratum\":2");
        signal(&child, end);
        while lines.next().is_some() {}
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.signal(), output.stderr.as_slice()), (Some(number), &b""[..]));
        // The client's socket in chronyd's directory is gone.
        let left: Vec<_> = fs::read_dir(chronyd.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["chronyd.sock"]);
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_silent_chronyd() {
    for asked in ["tracking", "check", "", "-H 127.0.0.1:9 tracking"] {
        let chronyd = scripted("{}");
        chronyd.set(Fault::Silence);
        let asked =
            ["-H", chronyd.socket().to_str().unwrap(), "--timeout", "1h"].into_iter().chain(asked.split_whitespace());
        let child = program(asked).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        crate::support::wait_until("asked", || !chronyd.requests().is_empty());
        signal(&child, Signal::INT);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.signal(), output.stderr.as_slice()), (Some(2), &b""[..]));
        assert_eq!(fs::read_dir(chronyd.folder()).unwrap().count(), 1);
    }
}

/// nohup starts programs with SIGHUP ignored, so that they survive their terminal.
#[test]
fn a_signal_that_is_to_be_ignored_ends_nothing() {
    let chronyd = scripted("{}");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(crate::support::binary());
    command.args(["-H", chronyd.socket().to_str().unwrap(), "tracking", "--every", "20ms", "--format", "jsonl"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.next().unwrap();
    signal(&child, Signal::HUP);
    let before = chronyd.requests().values().sum::<u64>();
    crate::support::wait_until("it goes on", || chronyd.requests().values().sum::<u64>() > before + 3);
    signal(&child, Signal::TERM);
    while lines.next().is_some() {}
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}
