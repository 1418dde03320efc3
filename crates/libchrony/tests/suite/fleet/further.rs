//! Further reports of some addresses: from the same chronyds, within the same timeout.

use super::limits::limit;
use super::{addresses, all, daemons, read};
use crate::common::alone::Alone;
use crate::common::open::descriptors;
use crate::common::system::{own_empty_run, own_hosts};
use crate::common::*;
use libchrony::fleet::Fleet;
use libchrony::{Activity, Address, Error, Source, Tracking};
use std::time::{Duration, Instant};
use testbed::Fault;

#[test]
fn only_the_given_addresses_are_read() {
    let chronyds: Vec<_> = (0..4).map(|_| scripted(r#"{"sources": 3}"#)).collect();
    let mut fleet = Fleet::builder(addresses(&chronyds)).timeout(Duration::from_secs(20)).build().unwrap();
    assert!(fleet.read::<Tracking>().all(|(_, tracking)| tracking.is_ok()));
    let mut round = fleet.read_from::<(Vec<Source>, Activity)>(&[3, 1, 3]);
    assert_eq!(round.size_hint(), (2, Some(2)));
    let mut read: Vec<_> =
        round.by_ref().map(|(index, (sources, activity))| (index, sources.unwrap().len(), activity.is_ok())).collect();
    read.sort_unstable();
    assert_eq!(read, [(1, 3, true), (3, 3, true)]);
    let asked: Vec<_> = chronyds.iter().map(|chronyd| chronyd.requests().contains_key(&code::SOURCES)).collect();
    assert_eq!(asked, [false, true, false, true]);
    assert_eq!(fleet.read_from::<Tracking>(&[]).count(), 0);
    // Without an earlier round, addresses have their whole timeout.
    let mut fleet = Fleet::builder(addresses(&chronyds)).build().unwrap();
    assert!(fleet.read_from::<Tracking>(&[2]).map(|(index, tracking)| (index, tracking.is_ok())).eq([(2, true)]));
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn an_index_beyond_the_addresses_is_refused() {
    let chronyd = scripted("{}");
    let _ = Fleet::builder(addresses([&chronyd])).build().unwrap().read_from::<Tracking>(&[1]);
}

#[test]
fn a_silent_address_costs_one_timeout_in_total() {
    const TIMEOUT: Duration = Duration::from_millis(1500);
    let (silent, good) = (scripted("{}"), scripted("{}"));
    silent.set(Fault::Silence);
    let mut fleet = Fleet::builder(addresses([&silent, &good])).timeout(TIMEOUT).build().unwrap();
    assert_eq!(fleet.read::<Tracking>().filter(|(_, tracking)| tracking.is_ok()).count(), 1);
    let requests = silent.requests();
    let mut results: Vec<_> = fleet.read_from::<(Activity, Tracking)>(&[0, 1]).collect();
    results.sort_by_key(|(index, _)| *index);
    let [(_, asked_no_more), (_, (Ok(_), Ok(_)))] = &results[..] else { panic!("{results:?}") };
    assert!(
        matches!(asked_no_more, (Err(Error::NotAsked { waited: TIMEOUT, .. }), Err(Error::NotAsked { .. }))),
        "{asked_no_more:?}"
    );
    assert_eq!(silent.requests(), requests);
    // The next round has its own timeout.
    silent.clear();
    assert!(fleet.read::<Tracking>().all(|(_, tracking)| tracking.is_ok()));
    assert!(fleet.read_from::<Activity>(&[0, 1]).all(|(_, activity)| activity.is_ok()));
}

/// The chronyd falls silent after part of the time is used up.
#[test]
fn an_address_has_the_time_that_the_first_reports_left() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    const DELAY: Duration = Duration::from_millis(600);
    let chronyd = scripted("{}");
    chronyd.set(Fault::Delay(DELAY));
    let mut fleet = Fleet::builder(addresses([&chronyd])).timeout(TIMEOUT).build().unwrap();
    let start = Instant::now();
    for taken in 1..3 {
        let result = match taken {
            1 => fleet.read::<Tracking>().next().unwrap().1,
            _ => fleet.read_from::<Tracking>(&[0]).next().unwrap().1,
        };
        assert!(result.is_ok(), "{result:?}");
        assert!(start.elapsed() >= DELAY * taken);
    }
    chronyd.set(Fault::Silence);
    let (_, result) = fleet.read_from::<Activity>(&[0]).next().unwrap();
    let Err(Error::TimedOut { waited, .. }) = result else { panic!("{result:?}") };
    assert!(waited + 2 * DELAY <= TIMEOUT, "{waited:?}");
}

/// Addresses that are not read now have the sessions.
#[test]
fn with_fewer_descriptors_the_sessions_of_others_are_closed() {
    Alone::new("fleet::further::with_fewer_descriptors_the_sessions_of_others_are_closed", "only").run(|| {
        let daemons = daemons(60, "{}");
        let before = descriptors().len();
        limit(before + 32 + 3 + 2 + 2 * 10);
        let mut fleet = all(&daemons).build().unwrap();
        assert!(read(&mut fleet).is_empty());
        let every: Vec<_> = (0..60).collect();
        // One at a time, most addresses have no session, and no other address in the round can give up its own.
        for some in every.chunks(20).chain(every.chunks(1)) {
            let results: Vec<_> = fleet.read_from::<Activity>(some).collect();
            assert!(results.len() == some.len() && results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
            assert!(descriptors().len() <= before + 2 + fleet.descriptors().available);
        }
    });
}

/// The first address of the host was away during the first reports.
#[test]
fn further_reports_come_from_the_chronyd_that_answered() {
    let test = "fleet::further::further_reports_come_from_the_chronyd_that_answered";
    Alone::new(test, "only").prepared(own_empty_run).run(|| {
        let _hosts = own_hosts("127.16.0.1 chrony.test\n127.16.0.2 chrony.test\n");
        let daemons = daemons(2, "{}");
        let address: Address = format!("chrony.test:{}", daemons.command_port()).parse().unwrap();
        let mut fleet = Fleet::builder(vec![address]).timeout(Duration::from_secs(4)).build().unwrap();
        daemons.leave([0]).unwrap();
        assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
        daemons.come([0]).unwrap();
        daemons.leave([1]).unwrap();
        let (_, result) = fleet.read_from::<Tracking>(&[0]).next().unwrap();
        assert!(
            matches!(&result, Err(Error::TimedOut { address, .. }) if address.to_string().contains("0.2:")),
            "{result:?}"
        );
        assert_eq!(fleet.read::<Tracking>().next().unwrap().1.unwrap().reference_ip.as_deref(), Some("127.16.0.1"));
    });
}
