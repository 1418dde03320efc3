//! The limits on addresses asked at once, on their time, and on descriptors.

use super::{all, daemons, read};
use crate::common::alone::Alone;
use crate::common::open::descriptors;
use crate::common::system::own_network;
use crate::common::*;
use libchrony::{Error, Source, Tracking};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn no_more_are_asked_at_once_than_may_be() {
    let daemons = daemons(60, "{}");
    // So six groups of ten, one after the other, take at least 300 ms.
    daemons.delay(ms(50), 0..60).unwrap();
    let mut fleet = all(&daemons).in_flight(10).build().unwrap();
    let start = Instant::now();
    assert!(read(&mut fleet).is_empty());
    assert!(start.elapsed() >= ms(300), "{:?}", start.elapsed());
}

#[test]
fn a_round_ends_at_its_deadline() {
    const DEADLINE: Duration = Duration::from_millis(400);
    let daemons = daemons(60, "{}");
    daemons.leave(0..30).unwrap();
    let mut fleet = all(&daemons).in_flight(5).deadline(DEADLINE).build().unwrap();
    let start = Instant::now();
    let failed: Vec<_> = read(&mut fleet);
    let elapsed = start.elapsed();
    assert!(elapsed >= DEADLINE && elapsed < Duration::from_secs(15), "{elapsed:?}");
    let not_asked = failed.iter().filter(|(_, error)| matches!(error, Error::NotAsked { .. })).count();
    let silent = failed.iter().filter(|(_, error)| matches!(error, Error::TimedOut { .. })).count();
    assert!(failed.len() >= 30 && not_asked > 0 && silent > 0 && not_asked + silent == failed.len(), "{failed:?}");
    let (_, error) = failed.iter().find(|(_, error)| matches!(error, Error::NotAsked { .. })).unwrap();
    let start = "Failed to request tracking report: 400ms were over before chronyd at 127.16.0.";
    assert!(error.to_string().starts_with(start), "{error}");
    // The next round has a deadline of its own.
    daemons.come(0..30).unwrap();
    assert!(read(&mut fleet).len() < failed.len());
}

pub(super) fn limit(descriptors: usize) {
    let limit = Rlimit { current: Some(descriptors.try_into().unwrap()), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn with_fewer_descriptors_sessions_are_closed_after_each_read() {
    Alone::new("fleet::limits::with_fewer_descriptors_sessions_are_closed_after_each_read", "only").run(|| {
        let daemons = daemons(200, r#"{"sources": 2}"#);
        daemons.lose(2.0, 7);
        let before = descriptors().len();
        for room in [45, 4] {
            limit(before + 32 + 3 + 2 + 2 * room);
            let mut fleet = all(&daemons).build().unwrap();
            let expected = fleet.descriptors();
            assert_eq!(expected.needed, 402);
            assert!((2 * room..2 * room + 6).contains(&expected.available), "{expected:?}");
            for _ in 0..2 {
                assert!(read(&mut fleet).is_empty());
                assert!(fleet.read::<Vec<Source>>().all(|(_, sources)| sources.unwrap().len() == 2));
                assert!(descriptors().len() <= before + 2 + expected.available, "{}", descriptors().len());
                assert!(descriptors().len() > before + room, "{}", descriptors().len());
            }
        }
    });
}

/// There is not room for all silent daemons, but those that answer are still read.
#[test]
fn silent_daemons_do_not_use_up_the_descriptors() {
    Alone::new("fleet::limits::silent_daemons_do_not_use_up_the_descriptors", "only").run(|| {
        let daemons = daemons(120, "{}");
        limit(descriptors().len() + 32 + 5 + 2 * 40);
        daemons.leave(0..60).unwrap();
        let mut fleet = all(&daemons).timeout(ms(1200)).build().unwrap();
        for _ in 0..2 {
            let failed = read(&mut fleet);
            assert!(failed.iter().map(|(index, _)| *index).eq(0..60), "{failed:?}");
            assert!(failed.iter().all(|(_, error)| matches!(error, Error::TimedOut { .. })), "{failed:?}");
        }
    });
}

#[test]
fn the_limit_is_raised_only_when_that_is_asked_for() {
    Alone::new("fleet::limits::the_limit_is_raised_only_when_that_is_asked_for", "only").run(|| {
        let daemons = daemons(200, "{}");
        limit(200);
        let soft = || getrlimit(Resource::Nofile).current;
        let fleet = all(&daemons).build().unwrap();
        let Some(available) = fleet.descriptors().needed.checked_sub(fleet.descriptors().available) else { panic!() };
        assert!(available > 0 && soft() == Some(200));
        let mut fleet = all(&daemons).raise_descriptor_limit().build().unwrap();
        let descriptors = fleet.descriptors();
        assert!(descriptors.available >= descriptors.needed, "{descriptors:?}");
        assert!(soft().unwrap() < 600, "more than the fleet needs");
        assert!(read(&mut fleet).is_empty());
        // A limit that is high enough stays unchanged.
        let enough = soft();
        drop(fleet);
        drop(all(&daemons).raise_descriptor_limit().build().unwrap());
        assert_eq!(soft(), enough);
    });
}

#[test]
fn a_table_that_others_have_filled_is_that_addresss_error() {
    Alone::new("fleet::limits::a_table_that_others_have_filled_is_that_addresss_error", "only").run(|| {
        let daemons = daemons(3, "{}");
        let mut fleet = all(&daemons).build().unwrap();
        limit(4);
        let failed = read(&mut fleet);
        assert_eq!(failed.len(), 3);
        assert!(
            failed.iter().all(|(_, error)| error.to_string().contains("raise the limit on open files")),
            "{failed:?}"
        );
        let error = all(&daemons).build().unwrap_err();
        assert!(matches!(error, Error::EventQueue { .. }), "{error:?}");
        limit(200);
        assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
    });
}

/// Each daemon is asked again and again, and a late answer to either of the last two requests counts.
#[test]
fn a_silent_daemon_costs_one_further_session() {
    Alone::new("fleet::limits::a_silent_daemon_costs_one_further_session", "only").run(|| {
        let daemons = daemons(51, "{}");
        let mut fleet = all(&daemons).timeout(ms(2500)).build().unwrap();
        assert!(read(&mut fleet).is_empty());
        let open = descriptors().len();
        daemons.leave(0..50).unwrap();
        daemons.delay(ms(1000), [50]).unwrap();
        let mut round = fleet.read::<Tracking>();
        let (index, result) = round.next().unwrap();
        assert!(index == 50 && result.is_ok(), "{index}: {result:?}");
        assert!(descriptors().len() <= open + 100, "{} of {open}", descriptors().len());
        assert_eq!(round.filter(|(_, result)| matches!(result, Err(Error::TimedOut { .. }))).count(), 50);
        assert!(daemons.tally().least >= 4, "{:?}", daemons.tally());
    });
}

/// If a fleet used all ports of a machine, none would be left for others, or for the fleet itself.
#[test]
fn with_few_udp_ports_sessions_are_closed_after_each_read() {
    Alone::new("fleet::limits::with_few_udp_ports_sessions_are_closed_after_each_read", "only")
        .prepared(own_network)
        .run(|| {
            assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
            let daemons = daemons(200, "{}");
            let before = descriptors().len();
            std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "20000 20099").unwrap();
            let mut fleet = all(&daemons).build().unwrap();
            for _ in 0..2 {
                let failed = read(&mut fleet);
                assert!(failed.is_empty(), "{failed:?}");
                let open = descriptors().len() - before - 2;
                assert!((100..200).contains(&open), "{open}");
            }
        });
}
