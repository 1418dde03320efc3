//! Records in the form of the schemas.

use crate::common::*;
use libchrony::{Datum, Report, Row, Tracking};
use serde_json::{Value, json, to_value};

#[test]
fn constants_are_words_and_flags_are_lists_of_words() {
    let chronyd = scripted(r#"{"selectdata": [{"state": 120, "configured options": 67, "effective options": 0}]}"#);
    let data = to_value(&connect_to(&chronyd).select_data().unwrap()[0]).unwrap();
    assert_eq!(data["state"], "falseticker");
    assert_eq!(data["configured_options"], json!(["noselect", "prefer", 64]));
    assert_eq!(data["effective_options"], json!([]));
    let chronyd = scripted(r#"{"authdata": [{"mode": 9}]}"#);
    assert_eq!(to_value(connect_to(&chronyd).auth_data().unwrap()).unwrap()[0]["mode"], 9);
}

#[test]
fn what_is_not_known_is_null() {
    let chronyd = scripted(r#"{"sources": [{"last sample ago": 4294967295}], "layouts": {"serverstats": 1}}"#);
    let connection = connect_to(&chronyd);
    let source = to_value(&connection.sources().unwrap()[0]).unwrap();
    for name in ["last_sample_ago", "orig_latest_meas", "latest_meas", "latest_meas_err"] {
        assert_eq!(source[name], Value::Null, "{name}");
    }
    assert_eq!(source["reachability"], 255);
    assert_eq!(to_value(connection.server_stats().unwrap()).unwrap()["held_ntp_timestamps"], Value::Null);
    let chronyd = scripted(r#"{"tracking": {"reference time": 0, "reference ID": 0}}"#);
    let tracking = connect_to(&chronyd).tracking().unwrap();
    let serialized = to_value(&tracking).unwrap();
    assert_eq!((&serialized["ref_time"], &serialized["skew"]), (&Value::Null, &Value::Null));
    let names: Vec<_> = serialized.as_object().unwrap().keys().map(String::as_str).collect();
    let mut fields: Vec<_> = Tracking::FIELDS.iter().map(|field| field.name).collect();
    fields.sort_unstable();
    assert_eq!(names, fields);
    let data = Tracking::TABLE.data(&tracking.values());
    let skew = Tracking::FIELDS.iter().position(|field| field.name == "skew").unwrap();
    assert_eq!(data[skew], Datum::None);
}

#[test]
fn times_are_seconds_since_the_epoch() {
    let chronyd = scripted(r#"{"tracking": {"reference time": {"sec": 1700000000, "nsec": 500000000}}}"#);
    assert_eq!(to_value(connect_to(&chronyd).tracking().unwrap()).unwrap()["ref_time"], 1_700_000_000.5);
}
