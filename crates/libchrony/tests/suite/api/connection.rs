//! One connection: the sessions that it keeps and drops, and the threads that share it.

use crate::common::open::{clients_in, folders_in};
use crate::common::*;
use libchrony::fleet::{self, Fleet};
use libchrony::{Builder, Connection, Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::Duration;
use testbed::Fault;

#[test]
fn a_connection_opens_at_its_first_call_and_keeps_its_socket() {
    let chronyd = scripted("{\"rtcdata\": {}}");
    let connection = connect_to(&chronyd);
    assert!(connection.address().is_none() && folders_in(chronyd.folder()).is_empty());
    connection.tracking().unwrap();
    let socket = clients_in(chronyd.folder());
    assert_eq!((socket.len(), folders_in(chronyd.folder()).len()), (1, 1));
    for _ in 0..3 {
        connection.sources().unwrap();
        connection.source_stats().unwrap();
        connection.rtc_data().unwrap();
    }
    assert_eq!(clients_in(chronyd.folder()), socket);
    assert_eq!(connection.address(), Some(unix(chronyd.socket())));
}

#[test]
fn a_setting_that_is_out_of_bounds_is_refused_when_the_connection_is_built() {
    type Set<B> = fn(B) -> B;
    let settings: [(Set<Builder>, &str); 4] = [
        (|builder| builder.addresses(vec![]), "the list of addresses must not be empty. Without a list, the default"),
        (|builder| builder.timeout(Duration::ZERO), "the timeout must be longer than 0"),
        (|builder| builder.lanes(0, 1), "the number of lanes must be at least 1"),
        (|builder| builder.lanes(1, 0), "the number of records for each lane must be at least 1"),
    ];
    for (set, words) in settings {
        let builder = || set(Connection::builder());
        let errors = [builder().build().err(), builder().build_nonblocking().err(), builder().build_async().err()];
        for error in errors {
            let error = error.expect("a setting that is refused");
            assert!(error.to_string().starts_with(words), "{error}");
            assert!(error.kind() == ErrorKind::Invalid && !error.is_answer());
        }
    }
    let settings: [(Set<fleet::Builder>, &str); 4] = [
        (|builder| builder.timeout(Duration::ZERO), "the timeout must be longer than 0"),
        (|builder| builder.deadline(Duration::ZERO), "the deadline must be longer than 0"),
        (|builder| builder.in_flight(0), "the number of addresses that are asked at once must be at least 1"),
        (|builder| builder.lanes(0, 0), "the number of lanes must be at least 1"),
    ];
    for (set, words) in settings {
        assert_eq!(set(Fleet::builder(vec![udp(323)])).build().unwrap_err().to_string(), words);
    }
}

#[test]
fn closing_leaves_nothing_and_the_next_call_opens_again() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    connection.close();
    for _ in 0..2 {
        connection.tracking().unwrap();
        connection.close();
        assert!(connection.address().is_none());
        assert!(clients_in(chronyd.folder()).is_empty() && folders_in(chronyd.folder()).is_empty());
    }
}

#[test]
fn a_session_that_has_failed_is_not_kept() {
    let chronyd = scripted("{}");
    let connection = connect(&unix(chronyd.socket()), ms(2000));
    let faults = [
        Fault::Silence,
        Fault::JunkForever,
        Fault::Status(2),
        Fault::Status(4),
        Fault::ReplyCode(99),
        Fault::Truncate(30),
        Fault::Count(vec![u32::MAX]),
    ];
    for fault in faults {
        connection.tracking().unwrap();
        assert_eq!(folders_in(chronyd.folder()).len(), 1);
        chronyd.set(fault.clone());
        connection.sources().unwrap_err();
        assert!(clients_in(chronyd.folder()).is_empty(), "{fault:?}: socket kept");
        assert!(folders_in(chronyd.folder()).is_empty(), "{fault:?}: folder left");
        chronyd.clear();
    }
    // A value out of bounds is an error, too.
    connection.tracking().unwrap();
    chronyd.change(r#"{"tracking": {"stratum": 17}}"#.parse().unwrap()).unwrap();
    connection.tracking().unwrap_err();
    assert!(clients_in(chronyd.folder()).is_empty());
}

#[test]
fn a_long_list_is_read_over_one_socket_too_and_is_the_same_over_one_lane() {
    let chronyd = scripted("{\"sources\": 450}");
    let connection = connect(&unix(chronyd.socket()), Duration::from_secs(20));
    for _ in 0..2 {
        for _ in 0..2 {
            assert_eq!(connection.sources().unwrap().len(), 450);
            assert_eq!((clients_in(chronyd.folder()).len(), folders_in(chronyd.folder()).len()), (1, 1));
        }
        connection.close();
        assert!(clients_in(chronyd.folder()).is_empty() && folders_in(chronyd.folder()).is_empty());
    }
    let narrow = to(&unix(chronyd.socket())).lanes(1, 1).build().unwrap();
    assert_eq!(narrow.sources().unwrap(), connection.sources().unwrap());
    assert_eq!(clients_in(chronyd.folder()).len(), 2);
}

#[test]
fn the_first_address_that_answers_is_used() {
    let (silent, chronyd) = (scripted("{}"), scripted("{}"));
    silent.set(Fault::Silence);
    let good = unix(chronyd.socket());
    let addresses = vec!["/nonexistent/chronyd.sock".parse().unwrap(), unix(silent.socket()), good.clone()];
    let connection = Connection::builder().addresses(addresses).timeout(Duration::from_secs(3)).build().unwrap();
    connection.tracking().unwrap();
    assert_eq!(connection.address(), Some(good.clone()));
    chronyd.set(Fault::Status(2));
    assert!(matches!(connection.tracking(), Err(Error::Unauthorized { .. })));
    assert_eq!(connection.address(), Some(good), "a refusal is an answer");
}

#[test]
fn a_host_name_stands_for_its_addresses() {
    let chronyd = scripted("{}");
    let port = chronyd.command_port();
    let connection = connect(&format!("localhost:{port}").parse().unwrap(), Duration::from_secs(5));
    assert_eq!(connection.connect().unwrap(), udp(port));
    let nowhere = format!("no-such-host.invalid:{port}").parse().unwrap();
    let error = connect(&nowhere, Duration::from_secs(1)).tracking().unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }) && error.kind() == ErrorKind::Connection, "{error:?}");
    assert!(error.to_string().starts_with("Failed to connect to chronyd at no-such-host.invalid:"), "{error}");
}

#[test]
fn eight_threads_share_a_connection() {
    let chronyd = scripted("{\"sources\": 10}");
    let connection = connect(&unix(chronyd.socket()), Duration::from_secs(30));
    let together = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                for _ in 0..25 {
                    assert_eq!(connection.tracking().unwrap().stratum, 2);
                    assert_eq!(connection.sources().unwrap()[9].address, "127.1.0.10");
                    assert_eq!(connection.source_stats().unwrap().len(), 10);
                }
            });
        }
    });
    assert_eq!(folders_in(chronyd.folder()).len(), 1);
    let requests = chronyd.requests();
    // The last of ten sources is read twice.
    assert_eq!((requests[&code::TRACKING], requests[&code::COUNT], requests[&code::SOURCES]), (200, 400, 2200));
}

/// Returns a connection, and a function. Until that is called, a call in the thread `holder` keeps the turn.
fn held(chronyd: &testbed::Scripted) -> (Connection, impl Fn()) {
    let state = Arc::new((Mutex::new(false), Condvar::new()));
    let shared = Arc::clone(&state);
    let interrupt = move || {
        if thread::current().name() == Some("holder") {
            let (released, changed) = &*shared;
            drop(changed.wait_while(released.lock().unwrap(), |released| !*released).unwrap());
        }
        false
    };
    let connection = to(&unix(chronyd.socket())).timeout(ms(1000)).interrupt(interrupt).build().unwrap();
    let release = move || {
        *state.0.lock().unwrap() = true;
        state.1.notify_all();
    };
    (connection, release)
}

#[test]
fn waiting_for_another_threads_turn_ends_at_the_deadline() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let (connection, release) = held(&chronyd);
    let connection = Arc::new(connection);
    let shared = Arc::clone(&connection);
    let holder = thread::Builder::new().name("holder".into()).spawn(move || shared.tracking().unwrap_err()).unwrap();
    wait_until("held", || chronyd.requests().contains_key(&code::TRACKING));

    let shared = Arc::clone(&connection);
    let error = fails_on_time(ms(1000), move || shared.sources());
    assert!(matches!(error, Error::Busy { report: "sources", .. }), "{error:?}");
    assert_eq!((error.kind(), error.address(), error.report()), (ErrorKind::Timeout, None, Some("sources")));
    assert!(error.to_string().starts_with("Failed to request sources report: other threads "), "{error}");
    release();
    holder.join().unwrap();
    chronyd.clear();
    connection.tracking().unwrap();
}

#[test]
fn a_call_in_the_interrupt_of_one_that_waits_for_its_turn_does_not_wait_for_itself() {
    let chronyd = scripted("{}");
    let connection = Arc::new(OnceLock::<Connection>::new());
    let (shared, inner) = (Arc::clone(&connection), Arc::new(Mutex::new(None)));
    let (begun, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let is_called = AtomicBool::new(false);
    let (is_begun, is_over, found) = (Arc::clone(&begun), Arc::clone(&end), Arc::clone(&inner));
    let interrupt = move || {
        if thread::current().name() == Some("holder") {
            is_begun.store(true, Ordering::SeqCst);
            wait_until("the end", || is_over.load(Ordering::SeqCst));
        } else if !is_called.swap(true, Ordering::SeqCst) {
            *found.lock().unwrap() = Some(shared.get().unwrap().tracking());
            is_over.store(true, Ordering::SeqCst);
        }
        false
    };
    let built = to(&unix(chronyd.socket())).timeout(Duration::from_secs(20)).interrupt(interrupt).build().unwrap();
    let connection = connection.get_or_init(|| built);
    thread::scope(|scope| {
        chronyd.set(Fault::Hold);
        let holder = thread::Builder::new().name("holder".into());
        let holder = holder.spawn_scoped(scope, || connection.tracking()).unwrap();
        wait_until("held", || begun.load(Ordering::SeqCst));
        chronyd.release();
        connection.sources().unwrap();
        holder.join().unwrap().unwrap();
    });
    assert!(matches!(&*inner.lock().unwrap(), Some(Ok(_))));
}

#[test]
fn a_call_that_panics_in_the_callers_interrupt_does_not_block_the_next() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let interrupt = || assert!(thread::current().name() != Some("panics"), "as the test has it");
    let interrupt = move || {
        interrupt();
        false
    };
    let connection = to(&unix(chronyd.socket())).interrupt(interrupt).build().unwrap();
    thread::scope(|scope| {
        let call = || connection.tracking();
        thread::Builder::new().name("panics".into()).spawn_scoped(scope, call).unwrap().join().unwrap_err();
    });
    chronyd.clear();
    connection.tracking().unwrap();
}

#[test]
fn builder_and_connection_say_what_they_are() {
    let chronyd = scripted("{}");
    let builder = to(&unix(chronyd.socket())).timeout(ms(1234));
    let words = format!("{builder:?}");
    assert!(words.contains("chronyd.sock") && words.contains("1.234s"), "{words}");
    let words = format!("{:?}", builder.build().unwrap());
    assert!(words.contains("chronyd.sock") && words.contains("1.234s") && words.contains("libchrony"), "{words}");
    let words = format!("{:?}", Connection::builder());
    assert!(
        words.contains("/run/chrony/chronyd.sock") && words.contains("127.0.0.1") && words.contains("5s"),
        "{words}"
    );
    assert_eq!(libchrony::DEFAULT_TIMEOUT, Duration::from_secs(5));
}
