//! Values as chronyd sends them, through the real libchrony: signs, marks, families, bounds.

use crate::common::*;
use libchrony::{Error, ErrorKind, LeapStatus, ReferenceId, Report, Source, SourceMode, SourceState};
use std::time::{Duration, SystemTime};
use testbed::Scripted;

fn change(chronyd: &Scripted, values: &str) {
    chronyd.change(values.parse().unwrap()).unwrap();
}

#[test]
fn polling_intervals_keep_their_sign() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for poll in [-7, -2, -1, 0, 6, 10, 24] {
        change(&chronyd, &format!(r#"{{"sources": [{{"poll": {poll}}}]}}"#));
        assert_eq!(connection.sources().unwrap()[0].poll, poll);
    }
    // A libchrony that extends the sign itself is understood too.
    assert_eq!(stub("/poll=-2").sources().unwrap()[0].poll, -2);
    assert_eq!(stub("/poll=65534").sources().unwrap()[0].poll, -2);
    let error = stub("/poll=65536").sources().unwrap_err();
    assert!(error.to_string().starts_with("Invalid poll: 65536 "), "{error}");
}

/// NTP sources have -7 to 24 in chronyd, and reference clocks -32 to 32.
#[test]
fn polling_intervals_that_chronyd_cannot_have_are_refused() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    let ntp = [-7, 24];
    for (mode, range) in [(0, ntp), (1, ntp), (2, [-32, 32])] {
        for poll in range {
            change(&chronyd, &format!(r#"{{"sources": [{{"mode": {mode}, "poll": {poll}}}]}}"#));
            assert_eq!(connection.sources().unwrap()[0].poll, poll);
        }
        for poll in [i16::MIN, range[0] - 1, range[1] + 1, i16::MAX] {
            change(&chronyd, &format!(r#"{{"sources": [{{"mode": {mode}, "poll": {poll}}}]}}"#));
            for error in [connection.sources().map(drop), connection.rows(Source::TABLE).map(drop)] {
                let error = error.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Invalid);
                assert!(error.to_string().starts_with(&format!("Invalid poll: {poll} ")), "{error}");
            }
        }
    }
}

/// These are the server's own numbers, which chronyd passes on unchecked.
#[test]
fn exponents_of_an_answer_may_have_any_value() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for exponent in [i8::MIN, -8, 25, i8::MAX] {
        change(&chronyd, &format!(r#"{{"ntpdata": [{{"poll": {exponent}, "precision": {exponent}}}]}}"#));
        let answer = connection.ntp_data().unwrap().remove(0).unwrap();
        assert_eq!((answer.poll, answer.precision), (exponent, exponent));
    }
}

#[test]
fn times_of_32_bit_servers_lose_their_mark() {
    let chronyd = scripted("{\"rtcdata\": {}}");
    let connection = connect_to(&chronyd);
    let time = r#"{"high": 2147483647, "low": 1700000000, "nsec": 999999999}"#;
    change(
        &chronyd,
        &format!(r#"{{"tracking": {{"reference time": {time}}}, "rtcdata": {{"reference time": {time}}}}}"#),
    );
    let expected = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 999_999_999);
    assert_eq!(connection.tracking().unwrap().ref_time, expected);
    assert_eq!(connection.rtc_data().unwrap().ref_time, expected);
}

#[test]
fn impossible_times_are_refused() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for (time, words) in [
        (r#"{"high": 0, "low": 1, "nsec": 1000000000}"#, "1 s and 1000000000 ns"),
        (r#"{"high": 0, "low": 1, "nsec": 4294967295}"#, "1 s and 4294967295 ns"),
        (r#"{"high": 4294967295, "low": 4294967295, "nsec": 0}"#, "-1 s and 0 ns"),
    ] {
        change(&chronyd, &format!(r#"{{"tracking": {{"reference time": {time}}}}}"#));
        let error = connection.tracking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with(&format!("Invalid ref_time: {words} ")), "{error}");
    }
    change(&chronyd, r#"{"tracking": {"reference time": {"high": 1, "low": 0, "nsec": 0}}}"#);
    let beyond_2106 = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 32);
    assert_eq!(connection.tracking().unwrap().ref_time, beyond_2106);
}

#[test]
fn an_age_of_never_is_kept_as_its_number() {
    let chronyd = scripted(r#"{"sources": [{"last sample ago": 4294967295}, {"last sample ago": 0}]}"#);
    let sources = connect_to(&chronyd).sources().unwrap();
    assert_eq!([sources[0].last_sample_ago, sources[1].last_sample_ago], [4_294_967_295, 0]);
}

#[test]
fn addresses_of_every_family() {
    let chronyd = scripted(
        r#"{"tracking": {"address": null},
            "sources": [{"address": null}, {"address": {"id": 1}}, {"address": {"family": 9}},
                        {"address": "2001:db8::1"}, {"address": "100.64.50.33"}]}"#,
    );
    let connection = connect_to(&chronyd);
    let sources = connection.sources().unwrap();
    let addresses: Vec<_> = sources.iter().map(|source| source.address.as_str()).collect();
    assert_eq!(addresses, ["", "ID#0000000001", "", "2001:db8::1", "100.64.50.33"]);
    let stats = connection.source_stats().unwrap();
    let addresses: Vec<_> = stats.iter().map(|stats| stats.address.as_deref()).collect();
    assert_eq!(addresses, [None, Some("ID#0000000001"), None, Some("2001:db8::1"), Some("100.64.50.33")]);

    assert_eq!(connection.tracking().unwrap().reference_ip, None);
    for (address, expected) in [
        (r#"{"id": 4294967295}"#, Some("ID#4294967295")),
        (r#"{"family": 9}"#, None),
        (r#"{"family": 65535}"#, None),
        ("\"::1\"", Some("::1")),
    ] {
        change(&chronyd, &format!(r#"{{"tracking": {{"address": {address}}}}}"#));
        assert_eq!(connection.tracking().unwrap().reference_ip.as_deref(), expected, "{address}");
    }
}

#[test]
fn a_reference_clock_has_its_name_and_an_address_is_never_read_as_one() {
    let chronyd = scripted(
        r#"{"tracking": {"reference ID": 1196446464, "address": null},
            "sources": [{"reference ID": 1196446464, "mode": 2, "stratum": 0}, {"address": "71.80.83.1"}]}"#,
    );
    let connection = connect_to(&chronyd);
    let sources = connection.sources().unwrap();
    assert_eq!([sources[0].address.as_str(), sources[1].address.as_str()], ["GPS", "71.80.83.1"]);
    assert_eq!(sources[0].mode, SourceMode::ReferenceClock);
    let stats = connection.source_stats().unwrap();
    assert_eq!((stats[0].reference_id, stats[0].address.as_deref()), (ReferenceId(0x4750_5300), None));
    assert_eq!(connection.tracking().unwrap().reference_id_name, "GPS");

    // 100.64.50.33 as characters is "d@2!".
    change(&chronyd, r#"{"tracking": {"reference ID": 1681928737, "address": "100.64.50.33"}}"#);
    assert_eq!(connection.tracking().unwrap().reference_id_name, "100.64.50.33");
    change(&chronyd, r#"{"tracking": {"reference ID": 2139029761, "address": null}}"#);
    assert_eq!(connection.tracking().unwrap().reference_id_name, "127.127.1.1");
}

#[test]
fn numbers_without_a_name_are_refused_with_the_number() {
    let chronyd = scripted("{\"sources\": 1}");
    let connection = connect_to(&chronyd);
    for (field, name, number) in
        [("state", "state", 6), ("state", "state", 65535), ("mode", "mode", 3), ("stratum", "stratum", 16)]
    {
        change(&chronyd, &format!(r#"{{"sources": [{{"{field}": {number}}}]}}"#));
        let error = connection.sources().unwrap_err();
        assert!(error.to_string().starts_with(&format!("Invalid {name}: {number} (in the sources report ")), "{error}");
        assert!(matches!(error, Error::Field { report: "sources", .. }) && error.kind() == ErrorKind::Invalid);
    }
    change(&chronyd, r#"{"tracking": {"leap status": 4}}"#);
    let error = connection.tracking().unwrap_err();
    assert!(error.to_string().starts_with("Invalid leap_status: 4 (in the tracking report "), "{error}");
}

#[test]
fn every_constant_is_read_as_itself() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for &state in SourceState::ALL {
        change(&chronyd, &format!(r#"{{"sources": [{{"state": {}}}]}}"#, state.number()));
        let source = &connection.sources().unwrap()[0];
        assert_eq!((source.state, source.is_selected()), (state, state == SourceState::Selected));
    }
    for &leap in LeapStatus::ALL {
        change(&chronyd, &format!(r#"{{"tracking": {{"leap status": {}}}}}"#, leap.number()));
        let tracking = connection.tracking().unwrap();
        let pending = matches!(leap, LeapStatus::InsertSecond | LeapStatus::DeleteSecond);
        assert_eq!((tracking.leap_status, tracking.is_leap_pending()), (leap, pending));
    }
}

#[test]
fn the_clocks_error_bound_is_the_manuals_and_grows_as_chronyds_does() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    let read = |values: &str| {
        change(&chronyd, &format!(r#"{{"tracking": {{{values}}}}}"#));
        connection.tracking().unwrap()
    };
    let numbers = r#""current correction": -0.25, "root dispersion": 0.5, "root delay": 0.125, "skew": 1.5,
        "residual frequency": -0.5, "reference time": {"sec": 1000, "nsec": 0}"#;
    let tracking = read(numbers);
    assert_eq!((tracking.clock_error_bound(), tracking.is_local()), (Some(0.8125), false));
    let at =
        |seconds| tracking.clock_error_bound_at(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)).unwrap();
    // The clock is 0.25 s fast.
    assert!((at(1000.25) - 0.8125).abs() < 1e-12);
    // 1.5 ppm of skew, 0.5 ppm of residual frequency, and chronyd's own 1 ppm.
    assert!((at(101_000.25) - 1.1125).abs() < 1e-12);
    assert!((at(0.25) - 0.8155).abs() < 1e-12);

    // Any moment is accepted, and so are all numbers that chronyd can send.
    let most =
        read(r#""current correction": 1e30, "root dispersion": 1e30, "skew": 1e30, "residual frequency": -1e30"#);
    let seconds = Duration::from_secs(i64::MAX.cast_unsigned());
    for moment in [SystemTime::UNIX_EPOCH.checked_sub(seconds), SystemTime::UNIX_EPOCH.checked_add(seconds)] {
        let moment = moment.unwrap();
        assert!(tracking.clock_error_bound_at(moment).unwrap() > 1e13);
        assert!(most.clock_error_bound_at(moment).unwrap().is_finite());
    }

    let local = r#""reference ID": 2139029761, "address": null"#;
    for (values, is_local) in [
        (r#""reference ID": 0, "address": null"#, false),
        (r#""leap status": 3"#, false),
        (r#""stratum": 16"#, false),
        (local, true),
    ] {
        let tracking = read(values);
        assert_eq!((tracking.clock_error_bound(), tracking.is_local()), (None, is_local), "{values}");
        assert_eq!(tracking.clock_error_bound_at(SystemTime::now()), None);
    }
    // A server at 127.127.1.1.
    let tracking = read(r#""reference ID": 2139029761, "address": "127.127.1.1""#);
    assert!(tracking.clock_error_bound().is_some() && !tracking.is_local());
}

#[test]
fn helpers_of_the_records() {
    let chronyd = scripted(
        r#"{"rtcdata": {"samples": 0}, "sources": [
        {"reachability": 0, "last sample ago": 4294967295, "poll": -4},
        {"reachability": 1, "last sample ago": 4294967294}
    ]}"#,
    );
    let connection = connect_to(&chronyd);
    let sources = connection.sources().unwrap();
    assert_eq!([sources[0].is_reachable(), sources[1].is_reachable()], [false, true]);
    assert_eq!([sources[0].has_sample(), sources[1].has_sample()], [false, true]);
    assert_eq!(
        [sources[0].poll_interval().to_bits(), sources[1].poll_interval().to_bits()],
        [0.0625_f64, 64.0].map(f64::to_bits)
    );
    let stats = &connection.source_stats().unwrap()[0];
    assert!(stats.has_sufficient_samples(8) && !stats.has_sufficient_samples(9));
    assert!(!connection.rtc_data().unwrap().is_calibrated());
    assert!(connection.tracking().unwrap().is_synchronized());
    change(&chronyd, r#"{"rtcdata": {"samples": 1}, "tracking": {"reference ID": 0, "address": null}}"#);
    assert!(connection.rtc_data().unwrap().is_calibrated());
    let tracking = connection.tracking().unwrap();
    assert!(!tracking.is_synchronized() && tracking.reference_id_name.is_empty());
}
