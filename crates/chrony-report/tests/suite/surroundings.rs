//! Tests of the surroundings: pipes, disks, locales, permissions, no chronyd, no libchrony. Each message says what to
//! do next.

use crate::support::{
    Ran, args, ask, binary, copy, on_time, program, root, run, scripted, signal, udp, unprivileged, wait_until,
};
use libchrony::REPORTS;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testbed::Fault;

#[test]
fn a_reader_that_goes_away_causes_no_message() {
    let chronyd = scripted(r#"{"sources": 900}"#);
    for format in ["text", "json", "jsonl", "csv"] {
        let mut command = program(args(chronyd.socket(), &format!("sources --format {format}")));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]), "{format}");
        assert_eq!(fs::read_dir(chronyd.folder()).unwrap().count(), 1, "what it had opened is closed");
    }
}

#[test]
fn a_closed_stream_is_not_replaced_by_what_is_opened_next() {
    let chronyd = scripted("{}");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$@\" {closed}"), "sh"]).arg(binary());
        command.args(args(chronyd.socket(), "tracking --every 1h"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let opened = |number: u32| fs::read_link(format!("/proc/{}/fd/{number}", child.id())).unwrap_or_default();
        let is_socket = |number| opened(number).to_str().unwrap().starts_with("socket:");
        wait_until(closed, || (3..9).any(is_socket));
        assert_eq!([opened(0), opened(1), opened(2)], ["/dev/null"; 3].map(PathBuf::from), "{closed}");
        signal(&child, Signal::TERM);
        child.wait().unwrap();
    }
}

#[test]
fn a_full_disk_is_reported() {
    let chronyd = scripted("{}");
    for command in ["tracking", "tracking --format json", "tracking --format csv", "list", "schema tracking"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = program(args(chronyd.socket(), command)).stdout(full).output().unwrap();
        Ran::of(output).failed(1, &["cannot write to standard output", "No space left", "Free some space"]);
    }
}

#[test]
fn a_locale_changes_nothing() {
    let chronyd = scripted("{}");
    let expected = ask(chronyd.socket(), "tracking").fine();
    for locale in ["C", "POSIX", "de_DE.ISO-8859-1", "nonsense"] {
        let output = program(args(chronyd.socket(), "tracking")).env("LC_ALL", locale).env("LANG", locale).output();
        assert_eq!(Ran::of(output.unwrap()).fine(), expected);
    }
}

#[test]
fn a_chronyd_that_is_not_there() {
    for table in REPORTS {
        let ran = ask("/nonexistent/chronyd.sock", table.name.to_str().unwrap());
        assert_eq!((ran.code, &*ran.err), (Some(1), ""), "{ran:?}");
        assert!(ran.out.contains("/nonexistent/chronyd.sock") && ran.out.contains("Is chronyd running"), "{}", ran.out);
    }
    let gone = scripted("{}");
    gone.die();
    let ran = ask(udp(&gone), "tracking --format json");
    assert_eq!((ran.code, ran.rows()[0]["host"].as_str()), (Some(1), Some(&*udp(&gone))));
    assert!(ran.rows()[0]["error"].as_str().unwrap().contains("Connection refused"), "{ran:?}");
}

#[test]
fn words_that_are_not_utf_8_are_reported() {
    let path = [OsStr::new("-H"), OsStr::from_bytes(b"/tmp/\xff.sock"), OsStr::new("--help")];
    assert_eq!(program(path).output().unwrap().status.code(), Some(0));
    let word = OsStr::from_bytes(b"\xff");
    for (before, code) in
        [(&["check", "--help"][..], 3), (&["tracking", "--help"], 2), (&[], 2), (&["trakcing"], 2), (&["check"], 3)]
    {
        let output = program([word].into_iter().chain(before.iter().map(OsStr::new))).output().unwrap();
        let ran = Ran { code: output.status.code(), out: String::new(), err: String::new() };
        let said = [output.stdout, output.stderr].concat();
        assert!(ran.code == Some(code) && !said.is_empty(), "{before:?}: {ran:?}");
    }
}

#[test]
fn a_time_without_end_is_refused() {
    for args in ["tracking --every 1e19", "plot --for 1e19 -o a.svg", "tracking --timeout 101y"] {
        let ran = ask("/", args);
        assert!(ran.code == Some(2) && ran.err.contains("century"), "{ran:?}");
    }
}

#[test]
fn a_silent_chronyd_takes_no_longer_than_the_timeout() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    for host in [chronyd.socket().to_str().unwrap().to_owned(), udp(&chronyd)] {
        let start = Instant::now();
        let ran = on_time(|ran| ran, || ask(&host, "tracking --timeout 200ms"));
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.out.contains("did not answer") && ran.out.contains(&host) && ran.out.contains("200ms"),
            "{}",
            ran.out
        );
        assert!(start.elapsed() >= Duration::from_millis(200));
        // It is asked only once, for any number of reports.
        let before = chronyd.requests().values().sum::<u64>();
        let ran = ask(&host, "all --timeout 200ms --format json");
        assert_eq!((ran.code, ran.rows().len()), (Some(1), libchrony::REPORTS.len()));
        let asked = chronyd.requests().values().sum::<u64>() - before;
        assert!((1..=2).contains(&asked), "{asked}");
    }
}

#[test]
fn a_report_that_is_refused_over_udp_says_where_it_is_not() {
    let chronyd = scripted("{}");
    let ran = ask(udp(&chronyd), "serverstats");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("refuses this report here") && ran.out.contains("Unix socket"), "{}", ran.out);
}

#[test]
fn times_that_make_no_sense_are_refused() {
    for time in ["0", "-1s", "soon", "nan", "0s"] {
        for option in ["--timeout", "--every"] {
            run(["tracking", &format!("{option}={time}")]).failed_usage(&["such as 5s, 1m30s, 2d or 200ms"]);
        }
    }
}

#[test]
fn no_libchrony_lists_each_place_and_what_to_install() {
    let run = |library: Option<&str>| {
        let mut command = program(["tracking"]);
        match library {
            Some(library) => command.env("LIBCHRONY_PATH", library),
            None => command.env_remove("LIBCHRONY_PATH"),
        };
        Ran::of(command.output().unwrap())
    };
    run(Some("/nonexistent.so")).failed(1, &["/nonexistent.so", "LIBCHRONY_PATH"]);
}

/// Returns the path of the library for packages.
fn published_library() -> PathBuf {
    root().join(".provision/libchrony/libchrony.so.0")
}

/// Runs the program in a folder of this name, next to a folder `lib` with a library. Also returns the library's path.
fn with_a_library_next_to(folder: &str) -> (Ran, String) {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join(folder).join("chrony-report");
    let library = place.path().join("lib/chrony-report/libchrony.so.0");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::create_dir_all(library.parent().unwrap()).unwrap();
    copy(binary(), &program);
    copy(&published_library(), &library);
    let output = Command::new(&program).args(["-v", "list"]).env_remove("LIBCHRONY_PATH").output().unwrap();
    (Ran::of(output), library.display().to_string())
}

#[test]
fn a_program_in_bin_brings_its_own_libchrony_where_the_system_has_none() {
    let (ran, library) = with_a_library_next_to("bin");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (other, _) = with_a_library_next_to("elsewhere");
    // The library of the system, if there is one, comes first.
    assert!(ran.err.contains(&library) || other.code == Some(0), "{ran:?}");
}

#[test]
fn a_program_outside_of_bin_loads_no_library_next_to_it() {
    let (ran, library) = with_a_library_next_to("elsewhere");
    assert!(!ran.err.contains(&library), "{ran:?}");
}

#[test]
fn what_was_done_is_reported_if_asked() {
    let chronyd = scripted("{}");
    let ran = ask(chronyd.socket(), "tracking -v --format json");
    assert_eq!((ran.code, ran.rows().len()), (Some(0), 1));
    let lines: Vec<_> = ran.err.lines().collect();
    assert!(
        lines[0].starts_with("libchrony: /") && lines[1].starts_with("asked: 1 chronyd(s) for tracking, in "),
        "{}",
        ran.err
    );
}

#[test]
fn no_right_says_who_may() {
    let ran = unprivileged(&scripted("{}"), &["tracking"]);
    assert_eq!((ran.code, &*ran.err), (Some(1), ""), "{ran:?}");
    for words in ["Permission denied accessing", "Run as root", "127.0.0.1"] {
        assert!(ran.out.contains(words), "{}", ran.out);
    }
}
