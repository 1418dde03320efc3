//! Real chronyds, compared with the output of chronyc.

use crate::common::*;
use libchrony::{Connection, Error, ErrorKind, LeapStatus, ReferenceId, SourceMode};
use std::time::{Duration, SystemTime};
use testbed::{Chronyd, Pair};

pub(super) fn connect_to(chronyd: &Chronyd) -> Connection {
    connect(&unix(chronyd.socket()), Duration::from_secs(20))
}

/// The columns of chronyc's lines, one line for each record.
pub(super) fn chronyc(chronyd: &Chronyd, report: &str) -> Vec<Vec<String>> {
    let text = chronyd.chronyc(&[report]).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn a_synchronised_chronyd() {
    let pair = Pair::start(Chronyd::builder().command_port()).unwrap();
    let connection = connect_to(&pair.client);
    wait_until("a source that is selected", || {
        let source = &connection.sources().unwrap()[0];
        source.is_selected() && source.is_reachable()
    });
    let source = &connection.sources().unwrap()[0];
    assert_eq!((source.address.as_str(), source.stratum, source.poll), ("127.0.0.1", 1, -4));
    wait_until("samples", || connection.source_stats().unwrap()[0].has_sufficient_samples(3));
    let stats = &connection.source_stats().unwrap()[0];
    assert_eq!(stats.reference_id, ReferenceId(0x7F00_0001));
    assert_eq!(stats.address.as_deref(), Some("127.0.0.1"));

    // Once the last responses have arrived, the values do not change any more.
    pair.client.chronyc(&["offline"]).unwrap();
    wait_until("the same as chronyc's", || {
        let tracking = connection.tracking().unwrap();
        let shown = &chronyc(&pair.client, "tracking")[0];
        tracking.reference_id.to_string() == shown[0]
            && tracking.reference_ip.as_deref() == Some(&shown[1])
            && tracking.stratum.to_string() == shown[2]
            && seconds(tracking.ref_time) == shown[3]
            && format!("{:.9}", tracking.last_offset) == shown[5]
            && format!("{:.9}", tracking.rms_offset) == shown[6]
            && format!("{:.3}", tracking.skew) == shown[9]
            && format!("{:.9}", tracking.root_delay) == shown[10]
            && format!("{:.1}", tracking.update_interval) == shown[12]
            && tracking.leap_status == LeapStatus::Normal
            && shown[13] == "Normal"
    });
    let tracking = connection.tracking().unwrap();
    assert!(tracking.is_synchronized() && !tracking.is_leap_pending());
    assert_eq!(tracking.reference_id_name, "127.0.0.1");
    let age = SystemTime::now().duration_since(tracking.ref_time).unwrap();
    assert!(age < Duration::from_secs(3600), "{age:?}");

    let port = pair.client.command_port().unwrap();
    for address in [udp(port), format!("[::1]:{port}").parse().unwrap()] {
        let over_udp = connect(&address, Duration::from_secs(20));
        assert_eq!(over_udp.tracking().unwrap().reference_id, tracking.reference_id);
        assert_eq!(over_udp.sources().unwrap().len(), 1);
        assert_eq!(over_udp.address(), Some(address));
    }
}

/// Formats a time as chronyc does.
pub(super) fn seconds(time: SystemTime) -> String {
    let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

#[test]
fn a_chronyd_without_sources() {
    let chronyd = Chronyd::builder().start().unwrap();
    let connection = connect_to(&chronyd);
    let tracking = connection.tracking().unwrap();
    assert!(!tracking.is_synchronized() && tracking.reference_id_name.is_empty());
    assert_eq!((tracking.stratum, tracking.leap_status), (0, LeapStatus::NotSynchronized));
    assert_eq!((tracking.root_delay, tracking.root_dispersion), (1.0, 1.0));
    assert_eq!((tracking.ref_time, tracking.reference_ip), (SystemTime::UNIX_EPOCH, None));
    assert!(connection.sources().unwrap().is_empty() && connection.source_stats().unwrap().is_empty());

    let error = connection.rtc_data().unwrap_err();
    assert!(matches!(error, Error::NotAvailable { .. }) && error.kind() == ErrorKind::NotAvailable, "{error:?}");
    assert!(error.to_string().starts_with("RTC tracking is not available"), "{error}");
}

#[test]
fn a_chronyd_that_follows_its_own_clock() {
    let chronyd = Chronyd::builder().line("local stratum 5").start().unwrap();
    let tracking = connect_to(&chronyd).tracking().unwrap();
    assert_eq!((tracking.reference_id, tracking.reference_ip.as_deref()), (ReferenceId(0x7F7F_0101), None));
    assert_eq!((tracking.stratum, tracking.leap_status), (5, LeapStatus::Normal));
    assert_eq!(tracking.reference_id_name, "127.127.1.1");
}

/// The stratum of this chronyd is too high for its clients, but it still says which source it follows.
#[test]
fn a_chronyd_that_follows_a_source_of_stratum_15() {
    let server = Chronyd::builder().server().line("local stratum 15").start().unwrap();
    let port = server.ntp_port().unwrap();
    let client = Chronyd::builder().line(format!("server 127.0.0.1 port {port} iburst minpoll -4 maxpoll -4"));
    let client = client.start().unwrap();
    client.wait_synchronised(Duration::from_secs(20)).unwrap();
    let tracking = connect_to(&client).tracking().unwrap();
    assert_eq!((tracking.stratum, tracking.reference_id_name.as_str()), (16, "127.0.0.1"));
    assert!(!tracking.is_synchronized());
    assert_eq!(chronyc(&client, "tracking")[0][2], "16");
}

#[test]
fn sources_of_every_kind() {
    let client = Chronyd::builder()
        .line("server ::1 port 9 minpoll 10 maxpoll 10")
        .line("server 100.64.50.33 port 9 minpoll 7")
        .line("peer 127.9.9.9 minpoll 5")
        .line("refclock SHM 7 refid GPS poll 3")
        .line("refclock SHM 8 refid SLOW poll 25")
        .line("refclock SHM 9 refid FAST poll -8");
    let pair = Pair::start(client).unwrap();
    let connection = connect_to(&pair.client);
    let sources = connection.sources().unwrap();
    let shown = chronyc(&pair.client, "sources");
    assert_eq!((sources.len(), shown.len()), (7, 7));
    for (source, shown) in sources.iter().zip(&shown) {
        let mode = match source.mode {
            SourceMode::Client => "^",
            SourceMode::Peer => "=",
            SourceMode::ReferenceClock => "#",
            other => panic!("{other}"),
        };
        assert_eq!(
            [mode, &source.address, &source.stratum.to_string(), &source.poll.to_string()],
            [&*shown[0], &shown[2], &shown[3], &shown[4]]
        );
    }
    let kinds: Vec<_> = sources.iter().map(|source| (source.address.as_str(), source.poll)).collect();
    for expected in
        [("::1", 10), ("100.64.50.33", 7), ("127.9.9.9", 5), ("GPS", 3), ("SLOW", 25), ("FAST", -8), ("127.0.0.1", -4)]
    {
        assert!(kinds.contains(&expected), "{expected:?} is not among {kinds:?}");
    }
    let never = sources.iter().find(|source| source.address == "GPS").unwrap();
    assert_eq!((never.last_sample_ago, never.reachability, never.stratum), (u32::MAX, 0, 0));

    let stats = connection.source_stats().unwrap();
    let shown = chronyc(&pair.client, "sourcestats");
    for (stats, shown) in stats.iter().zip(&shown) {
        let name = stats.address.clone().unwrap_or_else(|| stats.reference_id.name());
        assert_eq!(name, shown[0]);
    }
    let never = stats.iter().find(|stats| stats.address.is_none()).unwrap();
    assert_eq!((never.samples, never.std_dev, never.skew), (0, 4.0, 2000.0));
}

#[test]
fn four_hundred_and_fifty_sources_in_chronyds_order() {
    let mut builder = Chronyd::builder().command_port();
    for number in 0..450 {
        builder = builder.line(format!("server 127.44.{}.{} port 9 offline", number / 200, number % 200 + 1));
    }
    let chronyd = builder.start().unwrap();
    let expected: Vec<_> = chronyc(&chronyd, "sources").into_iter().map(|mut line| line.swap_remove(2)).collect();
    assert_eq!(expected.len(), 450);
    for address in [unix(chronyd.socket()), udp(chronyd.command_port().unwrap())] {
        let connection = connect(&address, Duration::from_secs(20));
        let sources = connection.sources().unwrap();
        assert!(sources.iter().map(|source| &source.address).eq(&expected));
        let stats = connection.source_stats().unwrap();
        assert!(stats.iter().map(|stats| stats.address.as_ref().unwrap()).eq(&expected));
    }
}
