//! Rounds in tokio's event loop.

use super::{all, daemons};
use crate::common::ms;
use ::tokio::time::timeout;
use libchrony::fleet::{AsyncRound, Reports};
use libchrony::{Activity, Error, Tracking};
use rustix::time::{ClockId, clock_gettime};
use std::borrow::BorrowMut;
use std::time::{Duration, Instant};

/// Reads the rest of a round, and returns the indexes in order.
async fn rest<F: BorrowMut<libchrony::fleet::Fleet>, R: Reports>(round: &mut AsyncRound<F, R>) -> Vec<usize> {
    let mut indexes = Vec::new();
    while let Some((index, _)) = round.next().await {
        indexes.push(index);
    }
    indexes.sort_unstable();
    indexes
}

/// More than one wait of the queue returns.
const COUNT: u32 = 600;

#[::tokio::test]
async fn each_address_has_one_result_in_each_round() {
    let daemons = daemons(COUNT, "{}");
    let mut fleet = all(&daemons).in_flight(600).raise_descriptor_limit().build().unwrap();
    for _ in 0..2 {
        let mut round = fleet.read::<(Tracking, Activity)>().into_async();
        let (_, (tracking, activity)) = round.next().await.unwrap();
        assert_eq!((tracking.unwrap().stratum, activity.unwrap().online_sources), (2, 1));
        assert_eq!(rest(&mut round).await.len(), 599);
        assert!(round.next().await.is_none());
    }
}

#[::tokio::test(flavor = "multi_thread")]
async fn a_round_is_a_task() {
    let daemons = daemons(COUNT, "{}");
    let fleet = all(&daemons).in_flight(600).raise_descriptor_limit().build().unwrap();
    let tables = vec![<Tracking as libchrony::Report>::TABLE];
    let task = ::tokio::spawn(async move {
        let mut round = fleet.into_round(tables).into_async();
        let indexes = rest(&mut round).await;
        (indexes, round.into_round().into_fleet())
    });
    let (indexes, mut fleet) = task.await.unwrap();
    assert!(indexes.into_iter().eq(0..600));
    assert_eq!(fleet.read::<Tracking>().count(), 600);
}

#[::tokio::test]
async fn a_result_that_is_no_longer_awaited_is_not_lost() {
    let daemons = daemons(50, "{}");
    daemons.delay(ms(200), 10..50).unwrap();
    let mut fleet = all(&daemons).build().unwrap();
    let mut round = fleet.read::<Tracking>().into_async();
    let (mut indexes, mut given_up) = (Vec::new(), 0);
    loop {
        match timeout(ms(20), round.next()).await {
            Ok(Some((index, result))) => indexes.push((index, result.is_ok())),
            Ok(None) => break,
            Err(_) => given_up += 1,
        }
    }
    indexes.sort_unstable();
    assert!(indexes.into_iter().eq((0..50).map(|index| (index, true))));
    assert!(given_up > 0);
}

#[::tokio::test]
async fn a_silent_address_ends_at_its_timeout_and_waiting_costs_nothing() {
    let daemons = daemons(20, "{}");
    daemons.leave([7]).unwrap();
    daemons.delay(Duration::from_secs(60), [8]).unwrap();
    let mut fleet = all(&daemons).timeout(ms(1000)).build().unwrap();
    let (start, used) = (Instant::now(), clock_gettime(ClockId::ThreadCPUTime));
    let mut round = fleet.read::<Tracking>().into_async();
    let mut failed = Vec::new();
    while let Some((index, result)) = round.next().await {
        failed.extend(result.err().map(|error| (index, matches!(error, Error::TimedOut { .. }))));
    }
    let used = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - used).unwrap();
    failed.sort_unstable();
    assert_eq!(failed.last(), Some(&(8, true)));
    assert!(start.elapsed() >= ms(1000) && used < start.elapsed() / 3, "{used:?}");
}

#[::tokio::test]
async fn a_round_that_is_dropped_leaves_the_fleet_usable() {
    let daemons = daemons(50, "{}");
    let mut fleet = all(&daemons).build().unwrap();
    for _ in 0..3 {
        let mut round = fleet.read::<Tracking>().into_async();
        assert!(round.next().await.is_some());
    }
    assert_eq!(rest(&mut fleet.read::<Tracking>().into_async()).await.len(), 50);
}
