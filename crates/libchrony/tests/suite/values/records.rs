//! Records that no chronyd sends, from the stub library: fields that are missing, of another type, or out of bounds.

use crate::common::*;
use libchrony::{Error, ErrorKind, Field, FieldError, REPORTS, Report, RtcData, Source, SourceStats, Table, Tracking};

/// Reads one report through the stub library.
fn read<R: Report>(script: &str) -> Result<(), Error> {
    stub(script).rows(R::TABLE).map(drop)
}

fn field_error(result: Result<(), Error>) -> FieldError {
    match result {
        Err(Error::Field { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

/// Checks that each field of a report is refused if it is missing, or of any other type.
fn each_field_is_checked(table: &'static Table) {
    let read = |script: &str| stub(script).rows(table).map(drop);
    read("/").unwrap();
    for field in table.fields {
        let name = field.libchrony.to_str().unwrap();
        for script in [format!("/{name}=absent"), format!("/{name}>{}", name.to_uppercase() + "?")] {
            match read(&script) {
                Ok(()) => assert!(field.since.is_some(), "{name}"),
                error => assert_eq!(field_error(error), FieldError::Missing { field: name.to_owned() }),
            }
        }
        let untyped = field_error(read(&format!("/{name}:none")));
        assert_eq!(untyped, FieldError::Type { field: name.to_owned(), found: 0 });
        let mut accepted = 0;
        for (number, other) in [(1, "uint:1"), (2, "int:1"), (3, "float:1"), (4, "time:1.0"), (5, "string:x")] {
            match read(&format!("/{name}={other}")) {
                Ok(()) | Err(Error::Field { source: FieldError::Invalid { .. }, .. }) => accepted += 1,
                refused => {
                    let expected = FieldError::Type { field: name.to_owned(), found: number };
                    assert_eq!(field_error(refused), expected);
                }
            }
        }
        assert_eq!(accepted, 1, "{name} is read as {accepted} types");
    }
}

#[test]
fn a_field_that_is_missing_or_of_another_type_is_an_error_and_never_zero() {
    REPORTS.iter().copied().for_each(each_field_is_checked);
}

#[test]
fn field_errors_name_report_field_and_remedy() {
    let error = stub("/stratum:float").tracking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incomplete);
    let start = "field \"stratum\" has another type (libchrony's type 3) (in the tracking report of chronyd at /";
    assert!(error.to_string().starts_with(start), "{error}");
    let error = stub("/RMS offset=absent").tracking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incomplete);
    let start = "field \"RMS offset\" is missing (in the tracking report of chronyd at /";
    assert!(error.to_string().starts_with(start), "{error}");
    assert!(error.to_string().ends_with("libchrony may be of a version that is not known here"), "{error}");
    let error = stub("/fields=0").tracking().unwrap_err();
    assert!(error.to_string().starts_with("field \"reference ID\" is missing"), "{error}");
}

#[test]
fn values_out_of_their_bounds_are_refused_with_field_and_value() {
    fn refused<R: Report>(script: &str, words: &str) {
        let error = read::<R>(script).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{script}");
        assert!(error.to_string().starts_with(&format!("Invalid {words} (in the ")), "{script}: {error}");
        assert!(error.to_string().ends_with("nothing of the record was used"), "{error}");
    }
    refused::<Tracking>("/reference ID=4294967296", "reference_id: 4294967296");
    refused::<Tracking>("/stratum=17", "stratum: 17");
    refused::<Tracking>("/stratum=18446744073709551615", "stratum: 18446744073709551615");
    refused::<Tracking>("/leap status=4", "leap_status: 4");
    refused::<Tracking>("/reference time=1.1000000000", "ref_time: 1 s and 1000000000 ns");
    refused::<Tracking>("/reference time=1.-1", "ref_time: 1 s and -1 ns");
    refused::<Tracking>("/skew=nan", "skew: NaN");
    refused::<Source>("/reachability=256", "reachability: 256");
    refused::<Source>("/state=6", "state: 6");
    refused::<Source>("/mode=3", "mode: 3");
    refused::<Source>("/flags=65536", "flags: 65536");
    refused::<Source>("/last sample ago=4294967296", "last_sample_ago: 4294967296");
    refused::<Source>("/poll=-32769", "poll: -32769");
    refused::<SourceStats>("/samples=4294967296", "samples: 4294967296");
    refused::<RtcData>("/samples=65536", "samples: 65536");
    refused::<RtcData>("/offset=inf", "offset: inf");
}

/// Returns true if the table limits the field to finite numbers, rather than to a range of integers.
fn is_finite_float(field: &Field) -> bool {
    field.min.is_finite() && field.max.is_finite() && field.max > 1e300
}

#[test]
fn floats_are_finite_and_measures_not_negative() {
    for table in REPORTS {
        let read = |script: &str| stub(script).rows(table).map(drop);
        for field in table.fields.iter().filter(|field| is_finite_float(field)) {
            let name = field.libchrony.to_str().unwrap();
            for (value, words) in [("nan", "NaN"), ("inf", "inf"), ("-inf", "-inf")] {
                let error = read(&format!("/{name}={value}")).unwrap_err();
                assert!(error.to_string().starts_with(&format!("Invalid {}: {words} ", field.name)), "{error}");
            }
            let below = read(&format!("/{name}=-0.5"));
            assert_eq!(below.is_err(), field.min == 0.0, "{name}: {below:?}");
            read(&format!("/{name}=0")).unwrap();
        }
    }
    let measures = |fields: &[Field]| {
        fields
            .iter()
            .filter(|field| field.min == 0.0 && is_finite_float(field))
            .map(|field| field.name)
            .collect::<Vec<_>>()
    };
    let of_tracking = ["rms_offset", "skew", "root_delay", "root_dispersion", "update_interval"];
    assert_eq!(measures(Tracking::FIELDS), of_tracking);
    assert_eq!(measures(Source::FIELDS), ["latest_meas_err"]);
    assert_eq!(measures(SourceStats::FIELDS), ["std_dev", "skew", "offset_err"]);
}

#[test]
fn text_that_is_not_utf_8_is_no_crash() {
    assert_eq!(stub("/address=a%ff").sources().unwrap()[0].address, "a\u{fffd}");
    assert_eq!(stub("/address=?").tracking().unwrap().reference_ip, None);
    assert_eq!(stub("/address=null").sources().unwrap()[0].address, "");
}
