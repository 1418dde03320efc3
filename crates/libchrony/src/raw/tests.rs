//! What libchrony itself does, as far as the guards and the lock rely on it.

use super::*;
use crate::report::{Report, RtcData, Source, SourceStats, Tracking};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::os::unix::ffi::OsStrExt;
use std::{ffi::CString, iter};
use testbed::{Scripted, Values};

assert_impl_all!(RawSession: Send);
assert_not_impl_any!(RawSession: Sync, Clone);

/// A session on a socket of its own.
pub(crate) fn open(library: &Library, chronyd: &Scripted) -> RawSession {
    let address = CString::new(chronyd.socket().as_os_str().as_bytes()).unwrap();
    RawSession::new(&Arc::new(Socket::open(library, &address, SLICE).unwrap())).unwrap()
}

pub(crate) fn receive(session: &mut RawSession, report: &'static CStr, index: c::Int) {
    session.request_record(report, index).unwrap();
    while session.needs_response() {
        session.process_response().unwrap();
    }
}

/// No network here, only reads of records that are there: what a missing lock would make of them.
#[test]
fn strings_of_sessions_in_other_threads_do_not_mix() {
    let chronyd = Scripted::start(Values::new(&"{\"sources\": 8}".parse().unwrap())).unwrap();
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

/// libchrony keeps the pointer and reads the name again when the first stage of a report has come.
#[test]
fn names_of_reports_outlive_every_session() {
    let names: [&'static CStr; 4] = [Tracking::NAME, Source::NAME, SourceStats::NAME, RtcData::NAME];
    let library = Library::load().unwrap();
    let chronyd = Scripted::start(Values::default()).unwrap();
    for name in names {
        open(&library, &chronyd).request_record(name, 0).unwrap();
    }
    let mut session = open(&library, &chronyd);
    // Asking for a record by address writes the string buffer; no report of this crate does so.
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
    assert_eq!(error_string(&library, failure.code), "Failed to send request");
    assert_eq!(error_string(&library, 999), "Unknown error");
}

#[test]
fn indexes_without_a_field_are_harmless() {
    let library = Library::load().unwrap();
    let chronyd = Scripted::start(Values::default()).unwrap();
    let mut session = open(&library, &chronyd);
    receive(&mut session, Tracking::NAME, 0);
    for index in [-1, 14, c::Int::MIN, c::Int::MAX] {
        assert_eq!(session.field_type(index), c::CHRONY_TYPE_NONE);
        assert!(!session.field_is(index, c"stratum"));
        assert_eq!(session.field_string(index), None);
    }
    assert_eq!(session.field_index(c"no such field"), None);
}
