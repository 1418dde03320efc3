//! Replies with one thing wrong: never a record, and an error that says no more than is known.

use crate::common::*;
use libchrony::{Connection, Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use testbed::{Fault, Scripted};

type Read = fn(&Connection) -> Result<(), Error>;

/// The error of each report of a chronyd with sources and an RTC, if any.
fn errors(connection: &Connection) -> [(&'static str, Option<Error>); 4] {
    [
        ("tracking", connection.tracking().err()),
        ("sources", connection.sources().err()),
        ("sourcestats", connection.source_stats().err()),
        ("rtcdata", connection.rtc_data().err()),
    ]
}

fn healthy() -> Scripted {
    scripted("{\"rtcdata\": {}}")
}

#[test]
fn answers_for_others_or_in_another_version_are_no_answers() {
    for fault in [
        Fault::Version(5),
        Fault::Version(7),
        Fault::SequenceOff,
        Fault::PacketType(1),
        Fault::PacketType(3),
        Fault::RequestCode(99),
        Fault::RequestCode(u16::MAX),
        Fault::Truncate(0),
        Fault::Truncate(27),
    ] {
        let chronyd = healthy();
        chronyd.set(fault.clone());
        for address in both(&chronyd) {
            let reports: [Read; 4] = [
                |connection| connection.tracking().map(drop),
                |connection| connection.sources().map(drop),
                |connection| connection.source_stats().map(drop),
                |connection| connection.rtc_data().map(drop),
            ];
            let connection = Arc::new(connect(&address, ms(60)));
            for report in reports {
                let connection = Arc::clone(&connection);
                let error = fails_on_time(ms(60), move || report(&connection));
                // Other tests may be opening sockets at the time.
                let is_crowded = matches!(error, Error::Crowded { .. });
                assert!(is_crowded || matches!(error, Error::TimedOut { .. }), "{fault:?}: {error:?}");
                assert!(is_crowded || error.to_string().contains("speak another protocol version"), "{error}");
            }
        }
    }
}

#[test]
fn each_status_but_success_is_a_refusal() {
    let chronyd = healthy();
    for address in both(&chronyd) {
        let connection = connect(&address, Duration::from_secs(20));
        for status in (1..=64).chain([255, 256, u16::MAX]) {
            chronyd.set(Fault::Status(status));
            for (report, error) in errors(&connection) {
                let error = error.unwrap_or_else(|| panic!("{status}: {report}"));
                let no_rtc = report == "rtcdata" && matches!(status, 6 | 13);
                let kind = match status {
                    2 => ErrorKind::Permission,
                    _ if no_rtc => ErrorKind::NotAvailable,
                    _ => ErrorKind::Invalid,
                };
                assert_eq!(error.kind(), kind, "{status}: {error:?}");
                let start =
                    if no_rtc { "RTC tracking is not".into() } else { format!("Failed to process {report} response") };
                assert!(error.to_string().starts_with(&start), "{status}: {error}");
            }
        }
        chronyd.clear();
        assert!(errors(&connection).iter().all(|(_, error)| error.is_none()));
    }
}

#[test]
fn an_answer_that_is_cut_anywhere_is_no_record() {
    const HEADER: usize = 28;
    let chronyd = healthy();
    let connection = connect(&unix(chronyd.socket()), Duration::from_secs(20));
    for (code, length) in [(code::COUNT, 4), (code::TRACKING, 76), (code::SOURCES, 48), (34, 56), (35, 28)] {
        chronyd.set(Fault::Only(vec![code]));
        for length in HEADER..HEADER + length {
            chronyd.set(Fault::Truncate(length));
            for (report, error) in errors(&connection) {
                let is_hit = match report {
                    "tracking" => code == code::TRACKING,
                    "sources" => matches!(code, code::COUNT | code::SOURCES),
                    "sourcestats" => matches!(code, code::COUNT | 34),
                    _ => code == 35,
                };
                assert_eq!(error.is_some(), is_hit, "{code} {length} {report}: {error:?}");
                assert!(error.is_none_or(|error| matches!(error, Error::Rejected { .. })));
            }
        }
        chronyd.set(Fault::Truncate(HEADER + length));
        assert!(errors(&connection).iter().all(|(_, error)| error.is_none()), "{code}");
        chronyd.clear();
    }
    // A datagram that is shorter than a header does not count as an answer.
    let connection = connect(&unix(chronyd.socket()), ms(10));
    for length in 0..HEADER {
        chronyd.set(Fault::Truncate(length));
        // Other tests may be opening sockets at the time.
        let result = connection.tracking();
        assert!(matches!(result, Err(Error::TimedOut { .. } | Error::Crowded { .. })), "{length}: {result:?}");
    }
}

#[test]
fn an_older_answer_never_stands_in_for_the_right_one() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Older);
    chronyd.set(Fault::Duplicate);
    for address in both(&chronyd) {
        let connection = connect(&address, Duration::from_secs(20));
        for stratum in 1..=15 {
            chronyd.change(format!(r#"{{"tracking": {{"stratum": {stratum}}}}}"#).parse().unwrap()).unwrap();
            assert_eq!(connection.tracking().unwrap().stratum, stratum);
        }
    }
}

#[test]
fn noise_in_an_answer_is_an_error_or_a_record_that_keeps_its_promises() {
    let chronyd = healthy();
    chronyd.set(Fault::Random(7));
    let connection = connect(&unix(chronyd.socket()), Duration::from_secs(20));
    let mut refused = 0;
    for _ in 0..500 {
        match connection.tracking() {
            Ok(tracking) => {
                assert!(tracking.stratum <= 15 && tracking.skew >= 0.0 && tracking.root_delay >= 0.0, "{tracking:?}");
            }
            Err(error) => {
                assert!(matches!(error, Error::Field { .. }) && error.kind() == ErrorKind::Invalid, "{error:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 400, "{refused} of 500");
}

#[test]
fn a_chronyd_that_leaves_at_any_request_of_a_list_is_an_error_and_found_again() {
    let chronyd = scripted("{\"sources\": 20}");
    for address in both(&chronyd) {
        let connection = connect(&address, ms(700));
        for answered in [0, 1, 2, 9, 20] {
            chronyd.set(Fault::After(answered));
            chronyd.set(Fault::Leave);
            let error = connection.sources().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout), "{answered}: {error:?}");
            chronyd.clear();
            chronyd.come_back().unwrap();
            wait_until("found again", || connection.sources().is_ok_and(|sources| sources.len() == 20));
        }
    }
}
