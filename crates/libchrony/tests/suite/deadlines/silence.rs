//! A chronyd that does not answer, does not read, or answers nonsense. Every call ends at its deadline, asks again in
//! between, and never returns an old value.

use crate::common::alone::{Alone, alone};
use crate::common::system::{own_empty_run, own_folder};
use crate::common::*;
use libchrony::{Connection, Error, ErrorKind, SecurityModule};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use testbed::Fault;

const TIMEOUT: Duration = Duration::from_millis(300);

/// Runs a test over both transports at the same time, each with its own connection.
fn on_both(scripted: &testbed::Scripted, timeout: Duration, test: impl Fn(Arc<Connection>) + Sync) {
    thread::scope(|scope| {
        for address in both(scripted) {
            let test = &test;
            scope.spawn(move || test(Arc::new(connect(&address, timeout))));
        }
    });
}

#[test]
fn silence_ends_at_the_deadline_and_then_all_is_well() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    on_both(&chronyd, TIMEOUT, |connection| {
        for _ in 0..2 {
            let shared = Arc::clone(&connection);
            let error = fails_on_time(TIMEOUT, move || shared.tracking());
            assert!(matches!(error, Error::TimedOut { requests: 1, waited: TIMEOUT, .. }), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Timeout);
            let message = error.to_string();
            assert!(message.starts_with("Failed to process tracking response: chronyd at "), "{message}");
            assert!(message.contains("did not answer within 300ms (1 request sent)"), "{message}");
            assert!(message.contains("another protocol version"), "{message}");
        }
    });
    chronyd.clear();
    on_both(&chronyd, Duration::from_secs(20), |connection| assert_eq!(connection.tracking().unwrap().stratum, 2));
}

#[test]
fn a_socket_that_never_answered_names_the_security_module() {
    let test = "deadlines::silence::a_socket_that_never_answered_names_the_security_module";
    Alone::new(test, "only").prepared(own_empty_run).run(|| {
        own_folder(c"/sys");
        let chronyd = scripted("{}");
        let [socket, port] = both(&chronyd).map(|address| connect(&address, ms(1000)));
        let names_it = |connection: &Connection| {
            chronyd.set(Fault::Silence);
            let error = connection.tracking().unwrap_err();
            let is_named = error.to_string().contains("Or SELinux keeps it from answering");
            let Error::TimedOut { silence, .. } = error else { panic!("{error:?}") };
            assert_eq!(silence.security_module, is_named.then_some(SecurityModule::SeLinux));
            is_named
        };
        assert!(!names_it(&socket), "no module is active");
        std::fs::create_dir_all("/sys/fs/selinux").unwrap();
        assert!(names_it(&socket) && !names_it(&port));
        // Over a Unix socket, this does not send a request.
        socket.connect().unwrap();
        // The first call uses the kept session, and the second one its address.
        assert!(names_it(&socket) && names_it(&socket));
        chronyd.clear();
        socket.tracking().unwrap();
        assert!(!names_it(&socket) && !names_it(&socket));
    });
}

#[test]
fn a_connection_recovers_from_each_timeout() {
    let chronyd = scripted("{}");
    for address in both(&chronyd) {
        let connection = connect(&address, ms(1000));
        for _ in 0..2 {
            chronyd.set(Fault::Silence);
            connection.tracking().unwrap_err();
            chronyd.clear();
            connection.tracking().unwrap();
            connection.sources().unwrap();
        }
    }
}

#[test]
fn a_full_queue_ends_at_the_deadline() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Unread);
    fill(chronyd.socket());
    let connection = Arc::new(connect(&unix(chronyd.socket()), TIMEOUT));
    let error = fails_on_time(TIMEOUT, move || connection.tracking());
    let message = error.to_string();
    assert!(message.starts_with("Failed to request tracking report: chronyd at "), "{message}");
    assert!(message.contains("did not read the request within 300ms (0 requests sent)"), "{message}");
}

#[test]
fn a_queue_that_empties_in_time_lets_the_request_through() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Unread);
    fill(chronyd.socket());
    thread::scope(|scope| {
        let reader = scope.spawn(|| connect(&unix(chronyd.socket()), Duration::from_secs(20)).tracking());
        wait_until("waiting", || !open::clients_in(chronyd.folder()).is_empty());
        chronyd.clear();
        reader.join().unwrap().unwrap();
    });
}

#[test]
fn an_unread_port_ends_at_the_deadline() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Unread);
    let connection = Arc::new(connect(&udp(chronyd.command_port()), TIMEOUT));
    let error = fails_on_time(TIMEOUT, move || connection.sources());
    assert!(error.to_string().starts_with("Failed to process sources response"), "{error}");
}

#[test]
fn endless_junk_ends_at_the_deadline() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::JunkForever);
    on_both(&chronyd, TIMEOUT, |connection| {
        let error = fails_on_time(TIMEOUT, move || connection.tracking());
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    });
}

#[test]
fn junk_before_the_answer_is_passed_over() {
    let chronyd = scripted("{\"sources\": 3}");
    chronyd.set(Fault::JunkBefore(20));
    on_both(&chronyd, Duration::from_secs(20), |connection| {
        assert_eq!(connection.tracking().unwrap().stratum, 2);
        assert_eq!(connection.sources().unwrap().len(), 3);
    });
    assert_eq!(stub("/again=20;stratum=9").tracking().unwrap().stratum, 9);
}

#[test]
fn no_old_value_stands_in_for_a_new_one() {
    let chronyd = scripted("{}");
    let connection = connect(&unix(chronyd.socket()), ms(2000));
    for fault in [Fault::Silence, Fault::Status(4), Fault::Truncate(40), Fault::JunkForever, Fault::ReplyCode(99)] {
        connection.tracking().unwrap();
        chronyd.set(fault.clone());
        assert!(connection.tracking().is_err(), "{fault:?}");
        chronyd.clear();
    }
    // Not even when the request cannot be sent.
    connection.tracking().unwrap();
    chronyd.set(Fault::Unread);
    fill(chronyd.socket());
    assert!(connection.tracking().is_err());
    chronyd.clear();
    chronyd.change(r#"{"tracking": {"stratum": 9}}"#.parse().unwrap()).unwrap();
    assert_eq!(connection.tracking().unwrap().stratum, 9);
}

#[test]
fn a_lost_answer_is_asked_for_again_over_udp() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let chronyd = scripted("{}");
            let connection = connect(&udp(chronyd.command_port()), Duration::from_secs(20));
            chronyd.set(Fault::Drop(1));
            let start = Instant::now();
            connection.tracking().unwrap();
            assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
            assert!(chronyd.requests()[&code::TRACKING] >= 2);
        });
        scope.spawn(|| {
            // A connection that has been used knows the round trip.
            let chronyd = scripted("{}");
            let connection = connect(&udp(chronyd.command_port()), Duration::from_secs(20));
            connection.tracking().unwrap();
            chronyd.set(Fault::Drop(1));
            let start = Instant::now();
            connection.tracking().unwrap();
            assert!(start.elapsed() >= ms(50));
            assert!(chronyd.requests()[&code::TRACKING] >= 3);
        });
        scope.spawn(|| {
            // In the middle of a list, only the one record is asked for again.
            let chronyd = scripted("{\"sources\": 5}");
            chronyd.set(Fault::Only(vec![code::SOURCES]));
            chronyd.set(Fault::After(2));
            chronyd.set(Fault::Drop(1));
            let connection = connect(&udp(chronyd.command_port()), Duration::from_secs(20));
            assert_eq!(connection.sources().unwrap().len(), 5);
            // The last record is read twice. On a busy machine, some requests are sent again, but not all.
            assert!((7..12).contains(&chronyd.requests()[&code::SOURCES]), "{:?}", chronyd.requests());
            assert_eq!(chronyd.requests()[&code::COUNT], 1);
        });
    });
}

#[test]
fn a_lost_answer_is_asked_for_again_without_a_further_socket() {
    alone("deadlines::silence::a_lost_answer_is_asked_for_again_without_a_further_socket", || {
        let chronyd = scripted("{\"sources\": 5}");
        let connection = connect(&udp(chronyd.command_port()), Duration::from_secs(20));
        connection.tracking().unwrap();
        let full = Rlimit { current: Some(3), maximum: getrlimit(Resource::Nofile).maximum };
        setrlimit(Resource::Nofile, full).unwrap();
        chronyd.set(Fault::Drop(2));
        connection.tracking().unwrap();
        assert!(chronyd.requests()[&code::TRACKING] >= 4);
        chronyd.set(Fault::Drop(2));
        assert_eq!(connection.sources().unwrap().len(), 5);
        assert!(chronyd.requests()[&code::COUNT] >= 3);
    });
}

#[test]
fn one_deadline_bounds_a_whole_list() {
    let chronyd = scripted("{\"sources\": 100}");
    chronyd.set(Fault::Delay(ms(60)));
    let address = unix(chronyd.socket());
    let error = fails_on_time(TIMEOUT, move || connect(&address, TIMEOUT).sources());
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

#[test]
fn the_shortest_and_the_longest_timeouts_hold() {
    let chronyd = scripted("{}");
    for timeout in [Duration::from_secs(3600), Duration::MAX] {
        connect(&unix(chronyd.socket()), timeout).tracking().unwrap();
    }
    chronyd.set(Fault::Silence);
    on_both(&chronyd, ms(1), |connection| {
        let error = fails_on_time(ms(1), move || connection.tracking());
        // Other tests may be opening sockets at the time.
        assert!(matches!(error, Error::TimedOut { .. } | Error::Crowded { .. }), "{error:?}");
    });
    on_both(&chronyd, Duration::from_nanos(1), |connection| {
        let error = fails_on_time(Duration::from_nanos(1), move || connection.tracking());
        assert!(matches!(error, Error::TimedOut { .. } | Error::Crowded { .. }), "{error:?}");
    });
}
