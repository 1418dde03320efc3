//! Values in the types of the standard library, and the names of constants and flags.

use crate::common::*;
use libchrony::{AuthMode, NtpFlags, Open, SelectOptions, SelectState, SmoothingFlags, SourceState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

#[test]
fn what_says_nothing_is_none() {
    let chronyd =
        scripted(r#"{"sources": [{"last sample ago": 4294967295}], "ntpdata": [{"received valid messages": 0}]}"#);
    let connection = connect_to(&chronyd);
    let source = &connection.sources().unwrap()[0];
    assert_eq!((source.last_sample_ago, source.last_sample_ago()), (u32::MAX, None));
    assert_eq!((source.orig_latest_meas(), source.latest_meas(), source.latest_meas_err()), (None, None, None));
    let answer = connection.ntp_data().unwrap().remove(0).unwrap();
    assert_eq!((answer.stratum(), answer.offset(), answer.ref_time(), answer.mode()), (None, None, None, None));
    let keys = connection.auth_data().unwrap().remove(0).unwrap();
    assert_eq!((keys.key_type(), keys.last_key_establishment_ago()), (None, None));
    let chronyd = scripted(r#"{"tracking": {"reference ID": 0, "reference time": {"sec": 0, "nsec": 0}}}"#);
    let tracking = connect_to(&chronyd).tracking().unwrap();
    assert_eq!((tracking.ref_time(), tracking.skew()), (None, None));
    let chronyd = scripted(r#"{"layouts": {"serverstats": 1}}"#);
    assert_eq!(connect_to(&chronyd).server_stats().unwrap().ntp_timestamp_span(), None);
}

#[test]
fn times_are_durations_and_addresses_are_ip_addresses() {
    let chronyd = scripted(r#"{"sources": [{"address": "2001:db8::1"}, {"reference ID": 1196446464}]}"#);
    let connection = connect_to(&chronyd);
    let [source, clock] = &connection.sources().unwrap()[..] else { panic!("two sources") };
    assert_eq!(source.address(), Some(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))));
    assert_eq!((&*clock.address, clock.address()), ("GPS", None));
    assert_eq!(source.last_sample_ago(), Some(Duration::from_secs(12)));
    assert_eq!(source.latest_meas(), Some(source.latest_meas));
    let tracking = connection.tracking().unwrap();
    assert_eq!(tracking.reference_ip().unwrap().to_string(), "127.0.0.1");
    assert_eq!(
        (tracking.update_interval(), tracking.ref_time()),
        (Duration::from_millis(64_250), Some(tracking.ref_time))
    );
    assert_eq!(connection.source_stats().unwrap()[0].span(), Duration::from_secs(448));
}

#[test]
fn flags_have_names_and_can_be_iterated() {
    let flags = SelectOptions::NOSELECT | SelectOptions::PREFER | SelectOptions(0x40);
    assert_eq!(format!("{flags:?}"), "SelectOptions(NOSELECT | PREFER | 0x40)");
    assert_eq!(flags.to_string(), "noselect, prefer, 0x40");
    assert!(flags.iter().eq([SelectOptions::NOSELECT, SelectOptions::PREFER, SelectOptions(0x40)]));
    assert_eq!(flags.iter().fold(SelectOptions::default(), |all, flag| all | flag), flags);
    assert_eq!(format!("{:?} {}", SmoothingFlags(0), SmoothingFlags(0)), "SmoothingFlags() none");
    assert_eq!((NtpFlags(0x3000).to_string(), NtpFlags(u16::MAX).iter().count()), ("0x3000".to_owned(), 16));
}

#[test]
fn constants_are_found_by_their_names() {
    for &state in SourceState::ALL {
        assert_eq!(state.to_string().parse(), Ok(state));
    }
    for &state in SelectState::ALL {
        assert_eq!(state.name().parse(), Ok(state));
    }
    let error = "nonsense".parse::<AuthMode>().unwrap_err();
    assert_eq!(error.to_string(), r#""nonsense" is not one of none, symmetric key, NTS"#);
    assert_eq!(Open::Known(AuthMode::Nts), AuthMode::Nts);
}
