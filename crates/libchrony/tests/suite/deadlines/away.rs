//! A chronyd that dies, restarts or is not there at all, seen from connections that are kept.

use crate::common::system::{has_pending_error, send_on};
use crate::common::*;
use libchrony::{Error, ErrorKind, Transport};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Chronyd, Fault};

#[test]
fn a_dead_port_is_an_error_at_once_each_time() {
    let chronyd = scripted("{}");
    chronyd.die();
    let connection = connect(&udp(chronyd.command_port()), Duration::from_secs(20));
    for _ in 0..3 {
        let start = Instant::now();
        let error = connection.tracking().unwrap_err();
        assert!(matches!(error, Error::Connect { .. }) && error.kind() == ErrorKind::Connection, "{error:?}");
        assert!(error.to_string().starts_with("Failed to connect to chronyd at 127.0.0.1:"), "{error}");
        assert!(error.to_string().contains("No chronyd listens on this port"), "{error}");
        assert!(connection.sources().is_err() && connection.connect().is_err() && connection.address().is_none());
        // While another test starts a program, a forked copy may keep the port alive, and the request is sent again.
        assert!(start.elapsed() < Duration::from_secs(20), "all of the timeout");
    }
    chronyd.come_back().unwrap();
    connection.tracking().unwrap();
}

#[test]
fn a_refusal_that_is_pending_on_a_kept_port_is_no_error() {
    let chronyd = scripted("{}");
    let connection = connect(&udp(chronyd.command_port()), Duration::from_secs(5));
    connection.tracking().unwrap();
    let fd = open::udp_client_of(chronyd.command_port());

    chronyd.die();
    wait_until("refused", || {
        has_pending_error(fd) || {
            send_on(fd, b"refused").ok();
            false
        }
    });
    chronyd.come_back().unwrap();
    connection.tracking().unwrap();
}

#[test]
fn a_restart_between_calls_goes_unnoticed() {
    let mut chronyd = Chronyd::builder().command_port().start().unwrap();
    let connections = [unix(chronyd.socket()), udp(chronyd.command_port().unwrap())]
        .map(|address| connect(&address, Duration::from_secs(20)));
    for killed in [true, false] {
        for connection in &connections {
            connection.tracking().unwrap();
        }
        if killed {
            chronyd.kill();
        }
        chronyd.restart().unwrap();
        for connection in &connections {
            connection.sources().unwrap();
            connection.tracking().unwrap();
        }
    }
}

#[test]
fn a_chronyd_that_ends_is_an_error_and_found_again() {
    let mut chronyd = Chronyd::builder().command_port().start().unwrap();
    let socket = unix(chronyd.socket());
    let port = udp(chronyd.command_port().unwrap());
    let connections = [&socket, &port].map(|address| connect(address, Duration::from_secs(20)));
    let errors = || connections.each_ref().map(|connection| connection.tracking().unwrap_err());
    let all_answer = || connections.iter().all(|connection| connection.tracking().is_ok());
    assert!(all_answer());

    chronyd.kill();
    let [at_socket, at_port] = errors();
    assert!(at_socket.to_string().contains("The path exists, but no chronyd listens there"), "{at_socket}");
    assert!(at_port.to_string().contains("No chronyd listens on this port"), "{at_port}");

    chronyd.restart().unwrap();
    assert!(all_answer());
    chronyd.terminate().unwrap();
    let [at_socket, at_port] = errors();
    assert_eq!(at_socket.kind(), ErrorKind::NotFound, "{at_socket:?}");
    assert!(at_socket.to_string().starts_with(&format!("Failed to connect to chronyd at {socket}: ")), "{at_socket}");
    assert_eq!(at_port.kind(), ErrorKind::Connection, "{at_port:?}");

    chronyd.restart().unwrap();
    for (connection, transport) in connections.iter().zip([Transport::UnixSocket, Transport::CommandPort]) {
        connection.tracking().unwrap();
        assert_eq!(connection.address().unwrap().transport(), transport);
    }
}

#[test]
fn kills_and_restarts_during_calls_give_errors_or_values_and_no_hang() {
    let mut chronyd = Chronyd::builder().command_port().start().unwrap();
    let addresses = [unix(chronyd.socket()), udp(chronyd.command_port().unwrap())];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for address in &addresses {
            scope.spawn(|| {
                let connection = connect(address, Duration::from_secs(2));
                while !done.load(Ordering::Relaxed) {
                    if let Err(error) = connection.tracking() {
                        let known =
                            matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::NotFound);
                        assert!(known, "{error:?}");
                    }
                }
                connection.tracking().unwrap();
            });
        }
        for _ in 0..5 {
            chronyd.kill();
            chronyd.restart().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_suspended_chronyd_is_an_error_at_the_deadline_and_works_again() {
    let chronyd = Chronyd::builder().command_port().start().unwrap();
    chronyd.suspend().unwrap();
    for address in [unix(chronyd.socket()), udp(chronyd.command_port().unwrap())] {
        let error = fails_on_time(ms(300), move || connect(&address, ms(300)).tracking());
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    }
    chronyd.resume().unwrap();
    for address in [unix(chronyd.socket()), udp(chronyd.command_port().unwrap())] {
        connect(&address, Duration::from_secs(20)).tracking().unwrap();
    }
}

#[test]
fn a_chronyd_that_goes_away_in_the_middle_of_a_list_is_an_error() {
    let chronyd = scripted("{\"sources\": 1000}");
    chronyd.set(Fault::Delay(ms(20)));
    for address in both(&chronyd) {
        let connection = connect(&address, Duration::from_secs(3));
        let before = chronyd.requests().get(&code::SOURCES).copied().unwrap_or_default();
        let error = thread::scope(|scope| {
            let reader = scope.spawn(|| connection.sources().unwrap_err());
            wait_until("half read", || chronyd.requests().get(&code::SOURCES).is_some_and(|&now| now > before + 3));
            chronyd.die();
            reader.join().unwrap()
        });
        assert!(matches!(error, Error::Exchange { .. } | Error::TimedOut { .. }), "{error:?}");
        assert!(matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout));
        chronyd.come_back().unwrap();
        connection.tracking().unwrap();
    }
}
