//! The errors of each kind of failure: kind, message and source.

use crate::common::*;
use libchrony::{Address, Connection, Error, ErrorKind, Library};
use testbed::Fault;

fn assert_starts(error: &Error, start: &str, kind: ErrorKind) {
    assert!(error.to_string().starts_with(start), "not {start:?}: {error}");
    assert_eq!(error.kind(), kind, "{error}");
}

#[test]
fn what_an_error_is_about_is_told_without_reading() {
    let chronyd = scripted("{\"tracking\": {\"stratum\": 17}}");
    let about = |error: &Error| {
        let words = |text: Option<&str>| text.map(str::to_owned);
        (error.address().cloned(), words(error.report()), words(error.field()), error.timeout())
    };
    for address in both(&chronyd) {
        let connection = to(&address).timeout(ms(200)).build().unwrap();
        let at = || Some(address.clone());
        let named = |text: &str| Some(text.to_owned());
        assert_eq!(about(&connection.tracking().unwrap_err()), (at(), named("tracking"), named("stratum"), None));
        assert_eq!(about(&connection.rtc_data().unwrap_err()), (at(), named("rtcdata"), None, None));
        assert_eq!(about(&connection.report("nonsense").unwrap_err()), (None, named("nonsense"), None, None));
        chronyd.set(Fault::Silence);
        let error = connection.sources().unwrap_err();
        assert_eq!(about(&error), (at(), named("sources"), None, Some(ms(200))));
        // Of several addresses, the one that tells most counts.
        let nowhere = Address::parse("/nonexistent/chronyd.sock").unwrap();
        let several = Connection::builder().addresses(vec![nowhere, address.clone()]).timeout(ms(200)).build().unwrap();
        let error = several.tracking().unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_timeout(), "{error:?}");
        assert_eq!((error.address(), error.report()), (Some(&address), Some("tracking")));
        chronyd.clear();
    }
    assert_eq!(about(&Address::parse("").unwrap_err().into()), (None, None, None, None));
}

#[test]
fn a_malformed_address() {
    let error = Error::from("127.0.0.1:99999".parse::<Address>().unwrap_err());
    assert_starts(&error, "Failed to connect to chronyd at 127.0.0.1:99999: \"99999\" is not", ErrorKind::Connection);
    let error = Error::from(Address::parse("").unwrap_err());
    assert_starts(&error, "Failed to connect to chronyd at : the address is empty", ErrorKind::Connection);
}

#[test]
fn a_library_that_is_missing() {
    let error = Error::from(Library::open("/nonexistent/libchrony.so.0").unwrap_err());
    assert_starts(&error, "libchrony bindings not available", ErrorKind::Library);
    assert_eq!(chain(&error).len(), 2, "{:?}", chain(&error));
}

#[test]
fn a_session_that_cannot_be_created() {
    for (script, code, behind, advice) in [
        ("/init=1", 1, "stub's error 1", "may not use more memory"),
        ("/init=2;errno=13", 2, "stub's error 2: Permission denied (os error 13)", "a container needs one, too"),
        ("/init=2;errno=24", 2, "stub's error 2: Too many open files (os error 24)", "raise the limit on open files"),
    ] {
        let error = stub(script).tracking().unwrap_err();
        assert!(matches!(&error, Error::Session { source, .. } if source.code() == code), "{error:?}");
        assert_starts(&error, "Failed to initialize chrony session with /init=", ErrorKind::Connection);
        assert_eq!(chain(&error)[1], behind);
        assert!(error.to_string().ends_with(advice), "{error}");
    }
}

#[test]
fn a_send_or_a_receive_that_fails() {
    for (script, start) in [
        ("/request=5;errno=90", "Failed to request tracking report from /"),
        ("/process=6;errno=104", "Failed to process tracking response from /"),
    ] {
        let error = stub(script).tracking().unwrap_err();
        assert!(matches!(error, Error::Exchange { .. }), "{error:?}");
        assert_starts(&error, start, ErrorKind::Connection);
        assert!(error.to_string().ends_with("chronyd may have been stopped or restarted; try again"), "{error}");
        let [_, libchrony, system] = &chain(&error)[..] else { panic!("{:?}", chain(&error)) };
        assert!(libchrony.starts_with("stub's error ") && libchrony.contains(system), "{libchrony}, {system}");
        assert!(system.contains("os error"), "{system}");
    }
    for (script, report) in [
        ("/count-request=5;errno=90", "request sources report"),
        ("/count-process=6;errno=104", "process sources response"),
    ] {
        assert_starts(
            &stub(script).sources().unwrap_err(),
            &format!("Failed to {report} from /"),
            ErrorKind::Connection,
        );
    }
}

#[test]
fn no_chronyd_there_after_all() {
    for errno in [111, 113, 101] {
        let error = stub(&format!("/process=6;errno={errno}")).tracking().unwrap_err();
        // The path of the socket does not exist, and the error says so instead.
        assert_starts(&error, "Failed to connect to chronyd at /process=6;", ErrorKind::NotFound);
    }
}

#[test]
fn a_transient_failure_lasts_until_the_deadline_at_most() {
    for errno in [4, 11] {
        let error = hasty_stub(&format!("/process=6;errno={errno}"), ms(100)).tracking().unwrap_err();
        assert_starts(&error, "Failed to process tracking response: ", ErrorKind::Timeout);
        let error = hasty_stub(&format!("/request=5;errno={errno}"), ms(100)).tracking().unwrap_err();
        assert_starts(&error, "Failed to request tracking report: ", ErrorKind::Timeout);
    }
    assert!(matches!(hasty_stub("/silent", ms(100)).tracking(), Err(Error::TimedOut { .. })));
}

#[test]
fn a_command_that_chronyd_refuses() {
    let chronyd = scripted("{\"rtcdata\": {}}");
    chronyd.set(Fault::Status(2));
    for address in both(&chronyd) {
        let error = to(&address).build().unwrap().rtc_data().unwrap_err();
        assert!(
            matches!(&error, Error::Unauthorized { source, .. } if source.words() == "Not authorized"),
            "{error:?}"
        );
        assert_starts(&error, "Failed to process rtcdata response: chronyd at ", ErrorKind::Permission);
        assert!(error.to_string().contains("or name rtcdata in `opencommands`"), "{error}");
        assert!(error.to_string().ends_with("replaces the list of reports that are open by default"), "{error}");
        assert_eq!(chain(&error)[1..], ["Not authorized"]);
        let error = to(&address).build().unwrap().ntp_data().unwrap_err();
        assert!(
            error.to_string().contains("or name ntpdata, and sourcestats, which libchrony asks for first, in"),
            "{error}"
        );
    }
}

/// libchrony has one error for several statuses, so the message names no single reason.
#[test]
fn an_error_of_a_status_that_libchrony_hides_says_no_more_than_is_known() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for (fault, code, words) in [
        (Fault::Status(3), 12, "does not know the report, or rejects the request as invalid"),
        (Fault::Status(1), 11, "chronyd could not serve the request"),
        (Fault::Status(6), 10, "not enabled in chronyd"),
        (Fault::Status(18), 13, "not of a layout that this libchrony knows"),
        (Fault::Status(19), 13, "not of a layout that this libchrony knows"),
        (Fault::ReplyCode(99), 13, "not of a layout that this libchrony knows"),
        (Fault::Truncate(60), 14, "not of a layout that this libchrony knows"),
    ] {
        chronyd.set(fault.clone());
        let error = connection.tracking().unwrap_err();
        assert!(matches!(&error, Error::Rejected { source, .. } if source.code() == code), "{fault:?}: {error:?}");
        assert_starts(&error, "Failed to process tracking response from /", ErrorKind::Invalid);
        assert!(error.to_string().contains(words), "{fault:?}: {error}");
        chronyd.clear();
    }
}

#[test]
fn a_request_or_a_response_that_libchrony_rejects() {
    for (script, start) in [
        ("/request=4", "Failed to request tracking report from /request=4: stub's error 4. Is /dev/urandom, "),
        ("/request=7", "Failed to request tracking report from /request=7: stub's error 7. Try again"),
        ("/process=14", "Failed to process tracking response from /process=14: stub's error 14. "),
        ("/process=99", "Failed to process tracking response from /process=99: stub's error 15. "),
    ] {
        let error = stub(script).tracking().unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
        assert_starts(&error, start, ErrorKind::Invalid);
        assert_eq!(chain(&error).len(), 2);
    }
}

#[test]
fn an_error_that_libchrony_has_no_words_for() {
    let error = stub("/process=98").tracking().unwrap_err();
    assert_starts(
        &error,
        "Failed to process tracking response from /process=98: libchrony's error 98. ",
        ErrorKind::Invalid,
    );
}

/// Each error of libchrony, and unknown ones, at each call that can return an error, with and without a system error.
#[test]
fn each_error_code_of_each_call_becomes_an_error() {
    type Read = fn(&Connection) -> Result<(), Error>;
    let one: [Read; 2] = [|chronyd| chronyd.tracking().map(drop), |chronyd| chronyd.rtc_data().map(drop)];
    let many: [Read; 2] = [|chronyd| chronyd.sources().map(drop), |chronyd| chronyd.source_stats().map(drop)];
    for code in (1..=14).chain([15, 99, u32::MAX]) {
        // CHRONY_NO_RANDOM, CHRONY_SEND_FAILED and CHRONY_RECV_FAILED: the system's error is the reason.
        let of_system = matches!(code, 2 | 5 | 6);
        for call in ["init", "request", "process", "count-request", "count-process"] {
            let of_lists = call.starts_with("count");
            for errno in [0, 32, 105] {
                let connection = stub(&format!("/{call}={code};errno={errno};records=9"));
                for read in many.iter().chain(one.iter().filter(|_| !of_lists)) {
                    let error = read(&connection).unwrap_err();
                    let right = match &error {
                        Error::Session { source, .. } => call == "init" && source.code() == code,
                        Error::Exchange { source, .. } => of_system && source.code() == code,
                        Error::Unauthorized { source, .. } => code == 9 && source.code() == code,
                        Error::NotAvailable { source, .. } => code == 10 && source.code() == code,
                        Error::ListChanged { source: Some(source), .. } => code == 11 && source.code() == code,
                        Error::Rejected { source, .. } => !of_system && source.code() == code,
                        _ => false,
                    };
                    assert!(right, "{call}={code} {errno}: {error:?}");
                    assert!(chain(&error).len() >= 2 && !error.to_string().contains(char::is_control), "{error}");
                }
            }
        }
    }
    for errno in [1, 2, 13, 24, 90, 111] {
        let error = stub(&format!("/open={errno}")).tracking().unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{errno}: {error:?}");
    }
}

#[test]
fn an_rtc_that_is_not_tracked() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for status in [13, 6] {
        chronyd.set(Fault::Status(status));
        let error = connection.rtc_data().unwrap_err();
        assert!(matches!(error, Error::NotAvailable { .. }), "{error:?}");
        assert_starts(&error, "RTC tracking is not available", ErrorKind::NotAvailable);
        assert_eq!(chain(&error)[1..], ["Disabled"]);
    }
    // A chronyd that is gone is not a missing RTC.
    chronyd.die();
    assert_starts(&connection.rtc_data().unwrap_err(), "Failed to connect to chronyd at /", ErrorKind::NotFound);
}

#[test]
fn one_record_reports_are_not_counted_first() {
    // libchrony would answer without sending, and leave a session that was waiting in that state.
    let connection = stub("/count-request=7;count-process=7");
    connection.tracking().unwrap();
    connection.rtc_data().unwrap();
    connection.sources().unwrap_err();
}

#[test]
fn every_method_passes_libchrony_only_names_and_never_null() {
    // The stub aborts on a NULL name, where libchrony would crash.
    let connection = stub("/records=3");
    connection.tracking().unwrap();
    connection.rtc_data().unwrap();
    assert_eq!((connection.sources().unwrap().len(), connection.source_stats().unwrap().len()), (3, 3));
}
