//! Any report by its name, through a libchrony that knows more than this crate: the stub library.

use crate::common::*;
use libchrony::{AnyRecord, Connection, Content, Error, ErrorKind, FieldError, Library, Type, Value};
use std::time::{Duration, SystemTime};
use testbed::stub_library;

fn record(script: &str) -> Result<AnyRecord, Error> {
    let records = stub(script).report("future")?;
    let [Some(record)] = &records[..] else { panic!("{records:?}") };
    Ok(record.clone())
}

/// Name, type, content, value, unit and words.
type Expected = (&'static str, Option<Type>, Content, Value<'static>, &'static str, &'static [&'static str]);

#[test]
fn a_library_tells_its_reports() {
    let known: Vec<_> = Library::load().unwrap().reports().map(str::to_owned).collect();
    assert_eq!(known.len(), libchrony::REPORTS.len());
    assert!(libchrony::REPORTS.iter().all(|table| known.iter().any(|name| table.name.to_str() == Ok(name.as_str()))));
    let stub = Library::open(stub_library().unwrap()).unwrap();
    assert!(stub.reports().eq(known.iter().map(String::as_str).chain(["future", "future list"])));
}

#[test]
fn a_report_that_this_crate_does_not_know_is_read() {
    let record = record("/").unwrap();
    let (unsigned, signed) = (Some(Type::Unsigned(64)), Some(Type::Signed(64)));
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
    let expected: [Expected; 15] = [
        ("ratio", Some(Type::Float), Content::Ratio, Value::Float(1.5), "", &[]),
        ("count", unsigned, Content::Count, Value::Unsigned(u64::MAX), "", &[]),
        ("time", Some(Type::Time), Content::Time, Value::Time(time), "s", &[]),
        ("poll", signed, Content::IntervalLog2Seconds, Value::Signed(-6), "log2 s", &[]),
        ("offset", Some(Type::Float), Content::OffsetSeconds, Value::Float(-0.25), "s", &[]),
        ("delay", Some(Type::Float), Content::MeasureSeconds, Value::Float(0.5), "s", &[]),
        ("skew", Some(Type::Float), Content::MeasurePpm, Value::Float(0.125), "ppm", &[]),
        ("ID", unsigned, Content::ReferenceId, Value::Unsigned(0x7F00_0001), "", &[]),
        ("state", unsigned, Content::Enum, Value::Constant(2), "", &["bright"]),
        ("flags", unsigned, Content::Flags, Value::Flags(0x8000_0045), "", &["one", "sixty-four", "last"]),
        ("address", Some(Type::Text), Content::Address, Value::Text(Some("127.0.0.1")), "", &[]),
        ("bias", signed, Content::Plain, Value::Signed(-2), "", &[]),
        ("answer", unsigned, Content::Boolean, Value::Boolean(true), "", &[]),
        ("length", unsigned, Content::LengthBits, Value::Unsigned(128), "bits", &[]),
        ("riddle", unsigned, Content::Other(99), Value::Unsigned(9), "", &[]),
    ];
    assert_eq!(record.fields().len(), expected.len());
    for ((name, field), (of, kind, content, value, unit, words)) in record.fields().iter().zip(expected) {
        assert_eq!(*name, format!("future {of}"));
        assert_eq!((field.kind, field.content, field.value(), field.unit().name()), (kind, content, value, unit));
        assert_eq!(field.words, words, "{name}");
    }
    assert_eq!(record.get("future skew").unwrap().value(), Value::Float(0.125));
    assert_eq!(record.get("skew"), None);
}

#[test]
fn an_older_layout_has_the_fields_that_it_has() {
    let (old, new) = (record("/layout=1").unwrap(), record("/layout=2").unwrap());
    assert_eq!(old.get("future ratio"), None);
    assert_eq!(new.fields()[1..], *old.fields());
    let known = stub("/layout=1").report("serverstats").unwrap()[0].clone().unwrap();
    assert!(known.get("dropped NTP requests").is_some() && known.get("held NTP timestamps").is_none());
}

#[test]
fn checks_follow_from_the_contents() {
    for (script, words) in [
        ("future offset=nan", "Invalid future offset: NaN "),
        ("future offset=inf", "Invalid future offset: inf "),
        ("future delay=-0.5", "Invalid future delay: -0.5 "),
        ("future skew=-1", "Invalid future skew: -1 "),
        ("future time=-1.0", "Invalid future time: -1 s and 0 ns "),
        ("future time=1.1000000000", "Invalid future time: 1 s and 1000000000 ns "),
    ] {
        let error = record(&format!("/{script}")).unwrap_err();
        assert!(matches!(error, Error::Field { source: FieldError::Invalid { .. }, .. }), "{script}: {error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(error.to_string().contains(" (in the future report of chronyd at /"), "{error}");
    }
}

#[test]
fn what_has_no_name_or_value_is_kept() {
    let field = |script: &str, name: &str| record(script).unwrap().get(name).unwrap().clone();
    let state = field("/future state=77", "future state");
    assert!(state.value() == Value::Constant(77) && state.words.is_empty());
    let flags = field("/future flags=24", "future flags");
    assert!(flags.value() == Value::Flags(24) && flags.words.is_empty());
    assert_eq!(field("/future answer=0", "future answer").value(), Value::Boolean(false));
    assert_eq!(field("/future address=null", "future address").value(), Value::Text(None));
    assert_eq!(field("/future address=?", "future address").value(), Value::Text(None));
    for (sent, read) in [(32767, 32767), (32768, -32768), (65535, -1), (65536, 65536), (-3, -3)] {
        assert_eq!(field(&format!("/future bias={sent}"), "future bias").value(), Value::Signed(read));
    }
    let untyped = field("/future skew:none", "future skew");
    assert!(untyped.kind.is_none() && untyped.value() == Value::Missing);
}

#[test]
fn a_list_that_is_not_one_of_sources_is_read() {
    for (records, expected) in [(0, 2), (1, 3), (9, 11)] {
        let records = stub(&format!("/records={records}")).report("future list").unwrap();
        assert_eq!(records.len(), expected);
        for record in records {
            assert_eq!(record.unwrap().fields().len(), 1);
        }
    }
    assert!(matches!(stub("/records=2147483647").report("future list"), Err(Error::Count { .. })));
    assert!(matches!(stub("/count-process=9").report("future list"), Err(Error::Unauthorized { .. })));
}

/// Errors have the names of reports, and libchrony keeps pointers to them.
#[test]
fn a_name_outlives_its_library() {
    let error = {
        let library = Library::open(stub_library().unwrap()).unwrap();
        let address = "/process=10".parse().unwrap();
        let connection = Connection::builder().address(address).library(library).build().unwrap();
        connection.report("future").unwrap_err()
    };
    assert!(error.to_string().starts_with("Failed to process future response from /"), "{error}");
}

/// libchrony takes the address of a source from the last record, if that was a record of sourcestats.
#[test]
fn no_address_of_an_earlier_call_is_used() {
    for count in 2..10 {
        let values = |hosts: &mut dyn Iterator<Item = u8>| {
            let sources: Vec<_> = hosts.map(|host| format!(r#"{{"address": "127.2.0.{host}"}}"#)).collect();
            format!(r#"{{"sources": [{}]}}"#, sources.join(", "))
        };
        let chronyd = scripted(&values(&mut (0..count)));
        let connection = to(&unix(chronyd.socket())).lanes(8, 1).build().unwrap();
        connection.report("sourcestats").unwrap();
        chronyd.change(values(&mut (0..count).rev()).parse().unwrap()).unwrap();
        for (host, record) in (0..count).rev().zip(connection.report("ntpdata").unwrap()) {
            let address = format!("127.2.0.{host}");
            assert_eq!(record.unwrap().get("remote address").unwrap().value(), Value::Text(Some(&address)), "{count}");
        }
    }
}
