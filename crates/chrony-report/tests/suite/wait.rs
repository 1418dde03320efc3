//! Tests of `wait`: the conditions, the progress, and the end.

use crate::clocks::{local, right, unsynchronised, updated, values};
use crate::support::{PATIENCE, Terminal, ask, program, run, unprivileged};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Stdio};
use std::thread;
use std::time::Duration;
use testbed::{Chronyd, Fault, Pair, Scripted};

const TRACKING: u16 = 33;

/// A program that waits for a scripted chronyd.
struct Waiting {
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Waiting {
    fn start(chronyd: &Scripted, args: &str) -> Self {
        let mut command = program(["-H".as_ref(), chronyd.socket().as_os_str(), "wait".as_ref()]);
        command.args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, err }
    }

    /// Returns the next line on standard error.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        line
    }

    /// Waits until chronyd was asked this many times more.
    fn looks(&mut self, chronyd: &Scripted, times: u64) {
        let asked = || chronyd.requests().get(&TRACKING).copied().unwrap_or(0);
        let before = asked();
        while asked() < before + times {
            assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns the exit code, and the rest of the output.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.err.read_to_string(&mut err).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

impl Drop for Waiting {
    /// A test that fails must not leave a process behind.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn change(chronyd: &Scripted, tracking: &Value) {
    chronyd.change(values(tracking, &json!({}))).unwrap();
}

#[test]
fn a_clock_that_is_right_is_not_waited_for() {
    let pair = Pair::start(Chronyd::builder()).unwrap();
    let ran = ask(pair.client.socket(), "wait");
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 1), "{} {}", ran.out, ran.err);
    assert!(ran.out.starts_with("error bound ") && ran.out.contains("synchronised to 127.0.0.1"), "{}", ran.out);
}

#[test]
fn a_clock_that_is_not_right_is_given_up_after_a_time() {
    let cases = [
        (unsynchronised(), "usable sources say that this clock is 17 us slow"),
        (local(), "(local mode)"),
        (json!({"leap status": 3}), "a leap second is being inserted or deleted"),
        (json!({"stratum": 16}), "not synchronised, since 127.0.0.1 is at stratum 15"),
        (json!({"stratum": 10}), "the clock is at stratum 10"),
        (json!({"root dispersion": 1.1}), "the clock can be 1.1 s wrong"),
        // chronyc waitsync would let this clock pass.
        (updated(3 * 3600), "but the last update 3 h ago: chronyd ignores the samples"),
    ];
    for (tracking, words) in cases {
        let chronyd = right();
        change(&chronyd, &tracking);
        let ran = ask(chronyd.socket(), "wait --timeout 0.5s");
        assert_eq!((ran.code, &*ran.out), (Some(1), ""), "{words}: {}", ran.err);
        assert!(ran.err.contains("the clock is not right after") && ran.err.contains(words), "{words}: {}", ran.err);
    }
}

/// The stratum shows that the chain ends in a server that follows only itself.
#[test]
fn a_chain_that_ends_in_a_local_clock_is_waited_for() {
    let top = Chronyd::builder().server().line("local stratum 10").start().unwrap();
    let port = top.ntp_port().unwrap();
    let below = Chronyd::builder().line(format!("server 127.0.0.1 port {port} iburst minpoll 0 maxpoll 0"));
    let below = below.start().unwrap();
    let is_synchronised = |tracking: &str| tracking.split(',').nth(2) == Some("11");
    below.wait_until(&["tracking"], PATIENCE, is_synchronised).unwrap();
    let ran = ask(below.socket(), "wait --timeout 1s");
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.err.contains("127.0.0.1 follows only its own clock (local mode)"), "{}", ran.err);
    assert_eq!(ask(below.socket(), "wait --stratum 15 --timeout 30s").code, Some(0));
}

#[test]
fn the_stratum_is_that_which_is_given() {
    for (stratum, options, code) in [
        (9, "", 0),
        (10, "", 1),
        (10, "--stratum 10", 0),
        (2, "--stratum 1", 1),
        (2, "--stratum 1:2", 0),
        (2, "--stratum 3:", 1),
        (12, "--stratum ~:", 0),
    ] {
        let chronyd = right();
        change(&chronyd, &json!({"stratum": stratum}));
        let ran = ask(chronyd.socket(), &format!("wait --timeout 0.2s {options}"));
        assert_eq!(ran.code, Some(code), "{stratum} {options}: {}", ran.err);
    }
    for stratum in ["x", "3:1", "1,3", "2s", ""] {
        ask(right().socket(), &format!("wait --stratum={stratum}")).failed_usage(&["--stratum"]);
    }
}

#[test]
fn neither_few_sources_nor_a_leap_second_keep_it_waiting() {
    let chronyd = right();
    chronyd.change(values(&json!({"leap status": 1}), &json!({"sources": 1}))).unwrap();
    assert_eq!(ask(chronyd.socket(), "check").code, Some(1));
    assert_eq!(ask(chronyd.socket(), "wait").code, Some(0));
}

#[test]
fn the_bound_is_that_which_is_given() {
    let chronyd = right();
    assert_eq!(ask(chronyd.socket(), "wait --within 4.1ms").code, Some(0));
    let ran = ask(chronyd.socket(), "wait --within 4ms --timeout 0.1s");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    change(&chronyd, &json!({"root dispersion": 2}));
    assert_eq!(ask(chronyd.socket(), "wait --within 3s").code, Some(0));
}

/// The clock has a correction of 12 us and a skew of 0.05 ppm.
#[test]
fn the_arguments_of_chronyc_add_to_what_is_waited_for() {
    for (args, is_right) in [
        ("1", true),
        ("1 0.000013 0.06", true),
        ("1 0.000011", false),
        ("1 0 0.04", false),
        ("1 0 0", true),
        ("1 1 1 10", true),
    ] {
        let chronyd = right();
        let ran = ask(chronyd.socket(), &format!("wait {args}"));
        assert_eq!(ran.code, Some(i32::from(!is_right)), "{args}: {}", ran.err);
    }
    let chronyd = right();
    change(&chronyd, &updated(3 * 3600));
    let ran = ask(chronyd.socket(), "wait 3 1 1 0.1");
    assert_eq!((ran.code, chronyd.requests().get(&TRACKING)), (Some(1), Some(&3)), "{}", ran.err);
    // A line for chronyc waitsync may have alternatives.
    let ran = run(["wait", "-H", "127.0.0.1,::1", "0", "0.1", "0.0", "1"]);
    assert!(ran.err.contains("Leave the option out to try the Unix socket, 127.0.0.1 and ::1 in turn"), "{}", ran.err);
    for args in ["-1", "x", "1.5", "1 -1", "1 nan", "1 1 1 1 1", "--within 0", "--timeout never"] {
        assert_eq!(ask(chronyd.socket(), &format!("wait {args}")).code, Some(2), "{args}");
    }
}

#[test]
fn it_waits_for_a_chronyd_that_is_not_there_yet() {
    let chronyd = right();
    chronyd.die();
    let mut waiting = Waiting::start(&chronyd, "");
    let line = waiting.line();
    assert!(line.contains("No such file or directory"), "{line}");
    chronyd.come_back().unwrap();
    let (code, out, err) = waiting.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("error bound 4.01 ms"), "{out}");
}

#[test]
fn a_real_chronyd_that_starts_later_is_waited_for() {
    let mut pair = Pair::start(Chronyd::builder()).unwrap();
    pair.client.terminate().unwrap();
    let mut command = program(["-H".as_ref(), pair.client.socket().as_os_str(), "wait".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("waiting: "), "{line}");
    pair.client.restart().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_silent_chronyd_does_not_outlast_the_wait() {
    let chronyd = right();
    chronyd.set(Fault::Silence);
    for args in ["wait --timeout 0.3s", "--timeout 0.3s wait"] {
        let ran = ask(chronyd.socket(), args);
        assert_eq!(ran.code, Some(1), "{args}: {}", ran.err);
        assert!(ran.err.contains("chronyd has not answered in time"), "{args}: {}", ran.err);
    }
}

#[test]
fn without_a_right_to_ask_it_does_not_wait() {
    let ran = unprivileged(&right(), &["wait"]);
    assert_eq!((ran.code, &*ran.out), (Some(1), ""));
    assert!(ran.err.contains("Permission denied"), "{}", ran.err);
    let chronyd = right();
    chronyd.set(Fault::Status(2));
    let ran = ask(format!("127.0.0.1:{}", chronyd.command_port()), "wait");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
}

#[test]
fn without_libchrony_it_does_not_wait() {
    let output = program(["wait"]).env("LIBCHRONY_PATH", "/nonexistent/libchrony.so.0").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Install libchrony"));
}

#[test]
fn on_no_terminal_there_is_a_line_when_something_else_is_missing() {
    let chronyd = right();
    change(&chronyd, &unsynchronised());
    let mut waiting = Waiting::start(&chronyd, "0 0 0 0.1");
    let line = waiting.line();
    assert!(line.starts_with("chrony-report: waiting: usable sources say"), "{line}");
    waiting.looks(&chronyd, 3);
    // The missing condition does not change, but its words do.
    change(&chronyd, &json!({"root dispersion": 5}));
    assert!(waiting.line().contains("waiting: the clock can be 5 s wrong, 5 s of it"));
    change(&chronyd, &json!({"root dispersion": 4}));
    waiting.looks(&chronyd, 3);
    change(&chronyd, &json!({}));
    let (code, out, err) = waiting.end();
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
}

#[test]
fn on_a_terminal_one_line_says_what_is_still_missing() {
    let chronyd = right();
    change(&chronyd, &unsynchronised());
    let mut command = program(["-H".as_ref(), chronyd.socket().as_os_str(), "wait".as_ref()]);
    let terminal = Terminal::open(40);
    command.args(["2", "0", "0", "0.1"]).stderr(terminal.end());
    let status = command.status().unwrap();
    drop(command);
    let text = terminal.read();
    let (progress, last) = text.rsplit_once("\r\x1b[K").unwrap();
    assert_eq!(status.code(), Some(1), "{text:?}");
    let lines: Vec<_> = progress.split('\r').filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2, "{text:?}");
    for line in lines {
        let line = line.strip_suffix("\x1b[K").unwrap();
        assert!(line.contains(" so far: usable sources") && line.chars().count() < 40, "{line:?}");
    }
    assert!(last.starts_with("chrony-report: the clock is not right after"), "{text:?}");
}

#[test]
fn it_ends_in_order_by_a_signal() {
    for (number, signal) in [(15, Signal::TERM), (2, Signal::INT), (1, Signal::HUP)] {
        for fault in [None, Some(Fault::Silence)] {
            let chronyd = right();
            change(&chronyd, &unsynchronised());
            let mut waiting = Waiting::start(&chronyd, "--timeout 1h 0 0 0 0.2");
            waiting.line();
            if let Some(fault) = fault {
                chronyd.set(fault);
                waiting.looks(&chronyd, 1);
            }
            kill_process(Pid::from_child(&waiting.child), signal).unwrap();
            assert_eq!(waiting.child.wait().unwrap().signal(), Some(number));
            let left: Vec<_> =
                fs::read_dir(chronyd.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, ["chronyd.sock"], "it leaves no socket behind");
        }
    }
}

/// Returns the path of a service manager's socket, and a function that returns its next message.
fn service_manager(folder: &tempfile::TempDir) -> (std::path::PathBuf, impl Fn() -> String + use<>) {
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let next = move || {
        let mut message = [0; 4096];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    (path, next)
}

#[test]
fn the_service_manager_is_told_what_is_missing_and_when_it_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (path, next) = service_manager(&folder);
    let chronyd = right();
    change(&chronyd, &unsynchronised());
    let mut command = program(["-H".as_ref(), chronyd.socket().as_os_str(), "wait".as_ref()]);
    let mut child = command.env("NOTIFY_SOCKET", path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let message = next();
    assert!(message.starts_with("STATUS=waiting: usable sources say"), "{message}");
    change(&chronyd, &json!({}));
    assert_eq!(next(), "READY=1\nSTATUS=error bound 4.01 ms, synchronised to 127.0.0.1 (stratum 1)\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_unit_waits_before_time_sync_target() {
    let unit = include_str!("../../systemd/chrony-report-wait.service");
    for line in ["Type=notify", "Before=time-sync.target", "Wants=time-sync.target", "RemainAfterExit=yes"] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, next) = service_manager(&folder);
    let chronyd = right();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/chrony-report ")).unwrap();
    let port = format!("localhost:{}", chronyd.command_port());
    assert!(line.contains(" localhost "), "{line}");
    let args = line.split(' ').map(|arg| if arg == "localhost" { &*port } else { arg });
    let status = program(args).env("NOTIFY_SOCKET", path).stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(next().starts_with("READY=1\n"));
}
