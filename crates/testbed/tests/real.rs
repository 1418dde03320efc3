//! Real chronyds start, synchronise, suffer and disappear.

use std::path::Path;
use std::time::{Duration, Instant};

use testbed::{Chronyd, Pair};

#[test]
fn a_pair_synchronises() {
    let start = Instant::now();
    let pair = Pair::start(Chronyd::builder()).unwrap();
    println!("synchronised after {:?}", start.elapsed());

    let tracking = pair.client.chronyc(&["tracking"]).unwrap();
    assert!(tracking.starts_with("7F000001,127.0.0.1,2,"), "{tracking}");
}

#[test]
fn commands_are_answered_over_udp() {
    let chronyd = Chronyd::builder().command_port().line("local").start().unwrap();
    let port = chronyd.command_port().unwrap().to_string();
    for address in ["127.0.0.1", "::1"] {
        // The last -h counts.
        let tracking = chronyd.chronyc(&["-h", address, "-p", &port, "tracking"]).unwrap();
        assert!(tracking.starts_with("7F7F0101,"), "{tracking}");
    }
}

#[test]
fn it_comes_back_after_each_end() {
    let mut chronyd = Chronyd::builder().server().start().unwrap();
    let port = chronyd.ntp_port();

    chronyd.kill();
    assert!(chronyd.pid().is_none() && chronyd.socket().exists());
    chronyd.restart().unwrap();
    chronyd.terminate().unwrap();
    assert!(chronyd.pid().is_none() && !chronyd.socket().exists());
    chronyd.restart().unwrap();
    assert_eq!(chronyd.ntp_port(), port);
}

#[test]
fn a_suspended_one_does_not_answer() {
    let chronyd = Chronyd::builder().start().unwrap();
    chronyd.suspend().unwrap();
    let pid = chronyd.pid().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(stat.contains(") T "), "{stat}");
    chronyd.resume().unwrap();
    chronyd.chronyc(&["tracking"]).unwrap();
}

#[test]
fn nothing_is_left_behind() {
    let chronyd = Chronyd::builder().start().unwrap();
    let folder = chronyd.folder().to_owned();
    let process = format!("/proc/{}", chronyd.pid().unwrap());
    chronyd.suspend().unwrap();
    drop(chronyd);
    assert!(!folder.exists() && !Path::new(&process).exists());
}

#[test]
fn a_bad_line_is_reported_with_the_log() {
    let error = Chronyd::builder().line("nonsense").start().unwrap_err().to_string();
    assert!(error.contains("Invalid directive"), "{error}");
}

#[test]
fn one_outlives_the_thread_that_started_it() {
    let start = || (Chronyd::builder().start().unwrap(), std::fs::read_link("/proc/thread-self").unwrap());
    let (chronyd, thread) = std::thread::spawn(start).join().unwrap();
    // The kernel kills the children of a thread before it forgets the thread.
    let thread = Path::new("/proc").join(thread);
    let begin = Instant::now();
    while thread.exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the thread lasts");
    }
    chronyd.chronyc(&["tracking"]).unwrap();
}
