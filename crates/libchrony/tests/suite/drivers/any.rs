//! Any report by its name: the values are those of the typed records, whatever the driver.

use super::{Driver, promises};
use crate::common::*;
use libchrony::{AnyRecord, Connection, Error, NtpData, REPORTS, Report, Row, Source, Table, Tracking, Value};

promises!(
    any_report_has_the_values_of_its_records,
    an_unknown_report_is_an_error_that_names_the_known_ones,
    every_kind_of_read_has_the_same_records,
);

/// Compares each field of a typed record with the record that was read by name.
fn is_same(table: &Table, typed: &dyn Row, any: &AnyRecord) {
    for (field, value) in table.fields.iter().zip(typed.values()) {
        let found = any.get(field.libchrony.to_str().unwrap());
        // The name of a source is made of two fields.
        if let Some(or) = field.or
            && found.is_none_or(|found| found.value() == Value::Text(None))
        {
            let other = any.get(or.to_str().unwrap()).unwrap();
            assert!(
                matches!((value, other.value()), (Value::Text(Some(_)), Value::Unsigned(_))),
                "{table:?} {field:?}"
            );
            continue;
        }
        let Some(found) = found else {
            assert_eq!(value, Value::Missing, "{table:?} {field:?}");
            continue;
        };
        assert_eq!(found.value(), value, "{table:?} {field:?}");
        assert_eq!(found.kind.map(libchrony::Type::number), Some(field.kind.number()), "{table:?} {field:?}");
        if value != Value::Text(None) {
            assert_eq!((found.content, found.unit()), (field.content, field.unit()), "{table:?} {field:?}");
        }
        let words = field.constants.map_or(0, |constants| match value {
            Value::Flags(bits) => constants.names.iter().filter(|(bit, _)| bits & bit != 0).count(),
            Value::Constant(number) => usize::from(constants.name(number).is_some()),
            _ => 0,
        });
        assert_eq!(found.words.len(), words, "{table:?} {field:?} {found:?}");
    }
}

fn any_report_has_the_values_of_its_records<D: Driver>() {
    let sources =
        r#"{"rtcdata": {}, "sources": [{}, {"reference ID": 1346458368}, {"address": "2001:db8::1", "poll": -3}]}"#;
    for values in [r#"{"rtcdata": {}, "sources": 0}"#, r#"{"rtcdata": {}, "sources": 1}"#, sources] {
        let chronyd = scripted(values);
        for address in both(&chronyd) {
            let (typed, any): (Connection, _) = (to(&address).build().unwrap(), D::new(to(&address)));
            // One session reads all reports.
            for table in REPORTS {
                let name = table.name.to_str().unwrap();
                let (typed, any) = (typed.rows(table), any.report(name));
                // Some reports are refused over the command port.
                let (typed, any) = match (typed, any) {
                    (Ok(typed), Ok(any)) => (typed, any),
                    (typed, Err(Error::Unauthorized { report, .. })) if address.path().is_none() => {
                        assert!(matches!(typed, Err(Error::Unauthorized { .. })) && report == name, "{name}");
                        continue;
                    }
                    (_, any) => panic!("{name}: {any:?}"),
                };
                assert_eq!(any.len(), typed.len(), "{name}");
                for (typed, any) in typed.iter().zip(&any) {
                    match (typed, any) {
                        (Some(typed), Some(any)) => is_same(table, &**typed, any),
                        (typed, any) => assert!(typed.is_none() && any.is_none(), "{name}: {typed:?} {any:?}"),
                    }
                }
            }
        }
    }
    let chronyd = scripted(sources);
    let records = D::new(to(&unix(chronyd.socket()))).report("ntpdata").unwrap();
    assert_eq!(records.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
}

fn an_unknown_report_is_an_error_that_names_the_known_ones<D: Driver>() {
    let chronyd = scripted("{}");
    for name in ["nonsense", "", "Tracking", "tracking\0"] {
        let error = D::new(to(&unix(chronyd.socket()))).report(name).unwrap_err();
        let Error::UnknownReport(unknown) = &error else { panic!("{error:?}") };
        assert_eq!(unknown.name, name);
        assert!(unknown.known.iter().map(String::as_str).eq(libchrony::Library::load().unwrap().reports()));
        let words = error.to_string();
        assert!(words.contains(&format!("knows no report {name:?}. It knows tracking, sources, ")), "{words}");
    }
    assert!(chronyd.requests().is_empty());
}

fn every_kind_of_read_has_the_same_records<D: Driver>() {
    let chronyd = scripted(r#"{"sources": [{}, {"reference ID": 1346458368}]}"#);
    let driver = D::new(to(&unix(chronyd.socket())));
    assert_eq!(driver.read::<Tracking>().unwrap(), driver.tracking().unwrap());
    assert_eq!(driver.read::<Vec<Source>>().unwrap(), driver.sources().unwrap());
    let typed: Vec<Option<NtpData>> = driver.read().unwrap();
    assert_eq!(typed, driver.ntp_data().unwrap());
    let rows = driver.rows(NtpData::TABLE).unwrap();
    assert_eq!(rows.len(), typed.len());
    for (row, typed) in rows.iter().zip(&typed) {
        assert_eq!(row.as_ref().map(|row| row.values()), typed.as_ref().map(Row::values));
    }
}
