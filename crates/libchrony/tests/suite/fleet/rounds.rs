//! One round after the other: sessions that are kept in between, and daemons that come back.

use super::{addresses, all, daemons, read};
use crate::common::alone::Alone;
use crate::common::open::descriptors;
use crate::common::*;
use libchrony::fleet::{Fleet, Progress};
use libchrony::{Report, Tracking};
use std::time::Duration;
use testbed::Fault;

#[test]
fn sockets_are_used_again_until_the_fleet_is_closed() {
    Alone::new("fleet::rounds::sockets_are_used_again_until_the_fleet_is_closed", "only").run(|| {
        let daemons = daemons(100, "{}");
        let mut fleet = all(&daemons).build().unwrap();
        let before = descriptors();
        for _ in 0..2 {
            assert!(read(&mut fleet).is_empty());
            let open = descriptors();
            assert_eq!(open.len(), before.len() + 200);
            assert_eq!(open.len() - before.len() + 2, fleet.descriptors().needed);
            // After a late answer, a socket is replaced by another one, but not in each round.
            let mut last = open;
            let mut is_kept = || {
                assert!(read(&mut fleet).is_empty());
                let now = descriptors();
                assert_eq!(now.len(), last.len());
                let is_same = now == last;
                last = now;
                is_same
            };
            assert!((0..5).any(|_| is_kept()), "other sockets each time");
            fleet.close();
            assert_eq!(descriptors(), before);
        }
    });
}

#[test]
fn daemons_may_come_and_go() {
    Alone::new("fleet::rounds::daemons_may_come_and_go", "only").run(|| {
        let daemons = daemons(200, "{}");
        let mut fleet = all(&daemons).timeout(ms(1500)).build().unwrap();
        let before = descriptors().len();
        for round in 0..4_u32 {
            let gone: Vec<_> = (0..200).filter(|number| number % 4 == round).collect();
            daemons.leave(gone.iter().copied()).unwrap();
            let failed: Vec<_> = read(&mut fleet).into_iter().map(|(index, _)| u32::try_from(index).unwrap()).collect();
            assert_eq!(failed, gone);
            assert_eq!(descriptors().len(), before + 2 * (200 - gone.len()));
            daemons.come(gone).unwrap();
        }
        assert!(read(&mut fleet).is_empty());
        assert_eq!(descriptors().len(), before + 400);
    });
}

#[test]
fn a_restart_between_rounds_goes_unnoticed() {
    let chronyds: Vec<_> = (0..4).map(|_| scripted("{}")).collect();
    let mut addresses = addresses(&chronyds);
    addresses.extend(chronyds.iter().map(|chronyd| unix(chronyd.socket())));
    let mut fleet = Fleet::builder(addresses).timeout(Duration::from_secs(20)).build().unwrap();
    for _ in 0..3 {
        assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
        for chronyd in &chronyds {
            chronyd.die();
            chronyd.come_back().unwrap();
        }
    }
}

#[test]
fn a_round_may_be_given_up() {
    Alone::new("fleet::rounds::a_round_may_be_given_up", "only").run(|| {
        let daemons = daemons(300, "{}");
        let mut fleet = all(&daemons).in_flight(100).build().unwrap();
        let before = descriptors().len();
        for taken in [0, 1, 150, 299] {
            assert!(fleet.read::<Tracking>().take(taken).all(|(_, result)| result.is_ok()));
            assert!(descriptors().len() <= before + 600);
            assert!(read(&mut fleet).is_empty());
            assert_eq!(descriptors().len(), before + 600);
        }
        drop(fleet);
        assert!(descriptors().len() < before);
    });
}

/// One daemon floods the fleet, and the others do not have to wait.
#[test]
fn a_daemon_that_sends_junk_without_end_is_one_of_many() {
    let (noisy, quiet) = (scripted("{}"), scripted("{}"));
    // All the junk fits the buffer of a socket, so that the answer after it is not lost.
    noisy.set(Fault::JunkBefore(200));
    let mut fleet = Fleet::builder(addresses([&noisy, &quiet])).timeout(Duration::from_secs(20)).build().unwrap();
    assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
    noisy.set(Fault::Hold);
    quiet.set(Fault::Hold);
    let mut round = fleet.into_round(vec![Tracking::TABLE]);
    for chronyd in [&noisy, &quiet] {
        wait_until("both requests", || {
            assert!(matches!(round.advance(), Progress::Wait(_)));
            chronyd.requests()[&code::TRACKING] == 2
        });
    }
    for chronyd in [&noisy, &quiet] {
        chronyd.release();
        // The chronyd replies to this only after it has sent everything.
        chronyd.requests();
    }
    let mut ended = Vec::new();
    wait_until("the end", || match round.advance() {
        Progress::Result(index, results) => {
            assert!(results[0].is_ok(), "{results:?}");
            ended.push(index);
            false
        }
        Progress::Wait(_) => false,
        Progress::Over => true,
    });
    assert_eq!(ended, [1, 0]);
}

#[test]
fn a_round_closes_what_no_call_uses() {
    Alone::new("fleet::rounds::a_round_closes_what_no_call_uses", "only").run(|| {
        let daemons = daemons(10, "{}");
        daemons.leave([0]).unwrap();
        let mut fleet = all(&daemons).timeout(ms(500)).build().unwrap();
        let before = descriptors().len();
        let mut round = fleet.read::<Tracking>();
        assert!(round.by_ref().take(9).all(|(_, result)| result.is_ok()));
        assert_eq!(descriptors().len(), before + 20);
        round.close();
        assert_eq!(descriptors().len(), before + 2);
        assert!(matches!(round.next(), Some((0, Err(_)))));
    });
}
