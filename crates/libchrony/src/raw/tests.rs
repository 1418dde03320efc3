//! Tests of libchrony's own behaviour, as far as the guards and the lock rely on it. They include pitfalls that no
//! report of this crate can reach, and the engine's handling of them.

use super::failure::{Failure, error_string};
use super::session::{RawSession, string_lock};
use super::socket::{Socket, Waits};
use crate::Library;
use crate::engine::policy::SHORT_WAIT;
use crate::raw::open_lock::Opening;
use crate::report::{REPORTS, Report, Row, Shape, Source, SourceStats, Table, Tracking};
use crate::{Connection, Error, Rows, Value};
use libchrony_sys::types as c;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::io::Errno;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{iter, thread};
use testbed::scripted::layout;
use testbed::{Fault, Scripted, Values};

assert_impl_all!(RawSession: Send);
assert_not_impl_any!(RawSession: Sync, Clone);

/// Opens a session on a socket of its own.
pub(crate) fn open(library: &Library, chronyd: &Scripted) -> RawSession {
    let address = CString::new(chronyd.socket().as_os_str().as_bytes()).unwrap();
    let opening = Opening::begin(Instant::now() + Duration::from_secs(20)).unwrap();
    let socket = Socket::open(library.symbols(), &address, Waits::UpTo(SHORT_WAIT), &opening).unwrap();
    RawSession::new(&Arc::new(socket), &opening).unwrap()
}

pub(crate) fn receive(session: &mut RawSession, report: &'static CStr, index: c::Int) {
    session.request_record(report, index).unwrap();
    respond(session).unwrap();
}

fn respond(session: &mut RawSession) -> Result<(), Failure> {
    let end = Instant::now() + Duration::from_secs(20);
    while session.needs_response() {
        session.process_response().or_else(|failure| {
            let waits = failure.is_transient() && Instant::now() < end;
            if waits { Ok(()) } else { Err(failure) }
        })?;
    }
    Ok(())
}

fn scripted(values: &str) -> Scripted {
    Scripted::start(Values::new(&values.parse().unwrap())).unwrap()
}

/// Reads received records, without the network. Without the lock, their strings would mix.
#[test]
fn strings_of_sessions_in_other_threads_do_not_mix() {
    let chronyd = scripted("{\"sources\": 8}");
    let library = Library::load().unwrap();
    thread::scope(|scope| {
        for index in 0..8 {
            let mut session = open(&library, &chronyd);
            receive(&mut session, Source::NAME, index);
            let expected = format!("127.1.0.{}", index + 1);
            scope.spawn(move || {
                for _ in 0..20_000 {
                    assert_eq!(session.field_string(0).as_deref(), Some(&*expected));
                }
            });
        }
    });
}

/// libchrony keeps the pointer, and reads the name again when the response to the first stage of a report arrives.
#[test]
fn names_of_reports_outlive_every_session() {
    let library = Library::load().unwrap();
    let chronyd = Scripted::start(Values::default()).unwrap();
    for table in REPORTS {
        open(&library, &chronyd).request_record(table.name, 0).unwrap();
    }
    let mut session = open(&library, &chronyd);
    let _lock = string_lock();
    receive(&mut session, c"ntpdata", 0);
    assert_eq!(session.field_index(c"remote address"), Some(0));
}

#[test]
fn a_failure_has_an_errno_only_from_a_system_call() {
    let library = Library::load().unwrap();
    let chronyd = Scripted::start(Values::default()).unwrap();
    let mut session = open(&library, &chronyd);
    let failure = session.process_response().unwrap_err();
    assert_eq!((failure.code, failure.errno), (c::CHRONY_UNEXPECTED_CALL, None));
    let failure = session.request_record(c"no such report", 0).unwrap_err();
    assert_eq!((failure.code, failure.errno), (c::CHRONY_UNKNOWN_REPORT, None));
    chronyd.die();
    // Another test's forked child may hold a copy of chronyd's socket for a moment.
    let mut requests = iter::repeat_with(|| session.request_record(Tracking::NAME, 0).err());
    let failure = requests.find_map(|failure| failure.filter(|failure| !failure.is_transient())).unwrap();
    assert_eq!((failure.code, failure.errno), (c::CHRONY_SEND_FAILED, Some(Errno::CONNREFUSED)));
    assert!(!failure.is_transient());
    assert_eq!(error_string(library.symbols(), failure.code), "Failed to send request");
    assert_eq!(error_string(library.symbols(), 999), "Unknown error");
}

#[test]
fn indexes_without_a_field_are_harmless() {
    let library = Library::load().unwrap();
    let chronyd = Scripted::start(Values::default()).unwrap();
    let mut session = open(&library, &chronyd);
    receive(&mut session, Tracking::NAME, 0);
    for index in [-1, 14, c::Int::MIN, c::Int::MAX] {
        assert_eq!(session.field_type(index), c::CHRONY_TYPE_NONE);
        assert_ne!(session.field_name(index), Some(c"stratum"));
        assert_eq!(session.field_string(index), None);
    }
    assert_eq!(session.field_index(c"no such field"), None);
}

// --- Reports by address, for which libchrony writes to its string buffer: hence the lock ----------------------------

/// The codes of requests in chronyd's protocol.
const SOURCESTATS: u16 = 34;
const NTPDATA: u16 = 57;

#[derive(Debug)]
struct Stratum(u64);

impl Row for Stratum {
    fn values(&self) -> Vec<Value<'_>> {
        vec![Value::Unsigned(self.0)]
    }
}

/// libchrony requests the source's address first, with sourcestats.
const NTP_DATA: &Table = &Table {
    doc: "",
    name: c"ntpdata",
    shape: Shape::PerNtpSource,
    since: None,
    fields: &[],
    unavailable: None,
    decode: |record| Ok(Box::new(Stratum(record.unsigned(6, c"stratum")?))),
};

fn ntp_data(connection: &Connection) -> Result<Rows, Error> {
    connection.rows(NTP_DATA)
}

fn connect(chronyd: &Scripted) -> Connection {
    Connection::builder().lanes(4, 1).address(chronyd.socket().to_str().unwrap().parse().unwrap()).build().unwrap()
}

/// Returns true if a request with the code was ever received.
fn was_asked(chronyd: &Scripted, code: u16) -> bool {
    chronyd.requests().contains_key(&code)
}

#[test]
fn tables_say_which_reports_are_asked_for_by_address() {
    let library = Library::load().unwrap();
    for table in REPORTS.iter().chain([&NTP_DATA]) {
        let chronyd = scripted("{\"rtcdata\": {}}");
        let _lock = string_lock();
        receive(&mut open(&library, &chronyd), table.name, 0);
        let requests = if table.shape == Shape::PerNtpSource { 2 } else { 1 };
        assert_eq!(chronyd.requests().values().sum::<u64>(), requests, "{table:?}");
    }
}

#[test]
fn a_failed_first_stage_does_not_send_the_second_later() {
    let (library, chronyd) = (Library::load().unwrap(), scripted("{\"sources\": 4}"));
    chronyd.set(Fault::Only(vec![SOURCESTATS]));
    chronyd.set(Fault::Status(2));
    let connection = connect(&chronyd);
    assert!(matches!(ntp_data(&connection), Err(Error::Unauthorized { .. })));
    let mut session = open(&library, &chronyd);
    session.request_record(NTP_DATA.name, 0).unwrap();
    assert_eq!(respond(&mut session).unwrap_err().code, c::CHRONY_UNAUTHORIZED);

    assert_eq!(connection.sources().unwrap().len(), 4);
    assert!(!was_asked(&chronyd, NTPDATA));
    // A session that was kept would send the second stage now.
    chronyd.clear();
    session.request_count(Source::NAME).unwrap();
    let _lock = string_lock();
    let _ = respond(&mut session);
    assert!(was_asked(&chronyd, NTPDATA));
}

#[test]
fn a_reference_clock_has_no_record_and_never_zeros() {
    let chronyd = scripted(r#"{"sources": [{"address": "192.0.2.1"}, {"reference ID": 1196446464}]}"#);
    let rows = ntp_data(&connect(&chronyd)).unwrap();
    let values: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.values())).collect();
    assert_eq!(values, [Some(vec![Value::Unsigned(1)]), None]);
}

#[test]
fn a_count_in_between_has_the_address_looked_up_anew() {
    let (library, chronyd) = (Library::load().unwrap(), scripted("{\"sources\": 1}"));
    let mut session = open(&library, &chronyd);
    let ntp_data_fails = |session: &mut RawSession| {
        let _lock = string_lock();
        session.request_record(NTP_DATA.name, 0).unwrap();
        respond(session).is_err()
    };
    receive(&mut session, SourceStats::NAME, 0);
    chronyd.change(r#"{"sources": [{"address": "192.0.2.7"}]}"#.parse().unwrap()).unwrap();
    assert!(ntp_data_fails(&mut session), "libchrony has learnt to ask again");

    let mut session = open(&library, &chronyd);
    receive(&mut session, SourceStats::NAME, 0);
    chronyd.change(r#"{"sources": [{"address": "192.0.2.8"}]}"#.parse().unwrap()).unwrap();
    session.request_count(NTP_DATA.name).unwrap();
    respond(&mut session).unwrap();
    assert!(!ntp_data_fails(&mut session));
}

// --- Any report, any calls ------------------------------------------------------------------------------------------

const NAMES: [&CStr; 11] = [
    c"tracking",
    c"sources",
    c"sourcestats",
    c"selectdata",
    c"activity",
    c"authdata",
    c"ntpdata",
    c"serverstats",
    c"rtcdata",
    c"smoothing",
    c"no such report",
];

#[test]
fn the_scripted_chronyd_answers_every_report_in_every_layout() {
    let (library, chronyd) = (Library::load().unwrap(), scripted("{\"rtcdata\": {}}"));
    assert_eq!(layout::REPORTS.len(), NAMES.len() - 1);
    for report in layout::REPORTS {
        let name = NAMES.into_iter().find(|name| name.to_bytes() == report.name.as_bytes()).unwrap();
        for (layout, known) in (1..).zip(report.layouts) {
            chronyd.change(format!(r#"{{"layouts": {{"{}": {layout}}}}}"#, report.name).parse().unwrap()).unwrap();
            let mut session = open(&library, &chronyd);
            let _lock = string_lock();
            receive(&mut session, name, 0);
            let is_field = |index: &c::Int| session.field_type(*index) != c::CHRONY_TYPE_NONE;
            assert_eq!((0..99).filter(is_field).count(), known.fields().count(), "{name:?} {layout}");
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Count(usize),
    Record(usize, c::Int),
    Process,
    Fields,
    Spoil(u16),
    Heal,
}

/// An `assert` in libchrony, or a crash, would end the test program.
#[test]
fn calls_in_any_order_abort_nothing() {
    let library = Library::load().unwrap();
    let chronyd = scripted(r#"{"rtcdata": {}, "sources": [{"address": "192.0.2.1"}, {"reference ID": 1196446464}]}"#);
    let index = prop_oneof![9 => -1..3_i32, 1 => any::<i32>()];
    let act = prop_oneof![
        2 => (0..NAMES.len()).prop_map(Act::Count),
        4 => (0..NAMES.len(), index).prop_map(|(name, index)| Act::Record(name, index)),
        6 => Just(Act::Process),
        1 => Just(Act::Fields),
        1 => (0..25_u16).prop_map(Act::Spoil),
        1 => Just(Act::Heal),
    ];
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let acts = prop::collection::vec(act, 1..40);
    let result = TestRunner::new(config).run(&acts, |acts| {
        chronyd.clear();
        let mut session = open(&library, &chronyd);
        for act in acts {
            let lock = string_lock();
            let outcome = match act {
                Act::Count(name) => session.request_count(NAMES[name]),
                Act::Record(name, index) => session.request_record(NAMES[name], index),
                Act::Process => session.process_response(),
                Act::Spoil(status) => {
                    chronyd.set(Fault::Status(status));
                    Ok(())
                }
                Act::Heal => {
                    chronyd.clear();
                    Ok(())
                }
                Act::Fields => Ok(()),
            };
            drop(lock);
            if let Err(failure) = outcome {
                prop_assert!((1..=14).contains(&failure.code), "{:?}", failure);
            }
            if let Act::Fields = act {
                for index in -1..40 {
                    let _ = (session.field_uinteger(index), session.field_integer(index), session.field_float(index));
                    let _ = (session.field_timespec(index), session.field_string(index), session.field_type(index));
                    prop_assert!(index >= 0 || session.field_type(index) == c::CHRONY_TYPE_NONE);
                }
            }
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
