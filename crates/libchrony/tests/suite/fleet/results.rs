//! The results of a round: one for each address, in the order in which the reads end.

use super::{addresses, all, daemons, read};
use crate::common::*;
use libchrony::fleet::{Fleet, Progress};
use libchrony::{Error, Report, RtcData, Source, SourceStats, Tracking, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::{Duration, Instant};
use testbed::Fault;

#[test]
fn each_address_comes_once_with_its_own_values() {
    let daemons = daemons(700, "{}");
    let mut fleet = all(&daemons).build().unwrap();
    assert_eq!(fleet.addresses().len(), 700);
    for _ in 0..3 {
        assert!(read(&mut fleet).is_empty());
    }
    let tally = daemons.tally();
    // On a busy machine, some addresses are asked again, but not all.
    assert_eq!(tally.least, 3);
    assert!(tally.requests.values().sum::<u64>() < 2 * 2100, "{:?}", tally.requests);
    let mut round = fleet.read::<Tracking>();
    assert_eq!(round.size_hint(), (700, Some(700)));
    assert!(round.next().unwrap().1.is_ok());
    assert_eq!(round.size_hint(), (699, Some(699)));
}

#[test]
fn a_fleet_without_addresses_has_no_results() {
    assert_eq!(Fleet::builder(Vec::new()).build().unwrap().read::<Tracking>().count(), 0);
}

#[test]
fn results_come_in_the_order_in_which_they_end() {
    let chronyds = [(); 3].map(|()| scripted("{}"));
    for chronyd in &chronyds {
        chronyd.set(Fault::Hold);
    }
    let mut fleet = Fleet::builder(addresses(&chronyds)).timeout(Duration::from_secs(20)).build().unwrap();
    let mut round = fleet.read::<Tracking>();
    for next in [1, 0, 2] {
        chronyds[next].release();
        let (index, result) = round.next().unwrap();
        assert!(index == next && result.is_ok(), "{index}: {result:?}");
    }
}

#[test]
fn several_reports_have_a_result_each() {
    let chronyds = [scripted(r#"{"sources": 40, "sourcestats": 40, "rtcdata": {}}"#), scripted(r#"{"sources": 3}"#)];
    let mut fleet = Fleet::builder(addresses(&chronyds)).build().unwrap();
    for _ in 0..2 {
        for (index, (tracking, sources, stats, rtc)) in
            fleet.read::<(Tracking, Vec<Source>, Vec<SourceStats>, RtcData)>()
        {
            assert_eq!(tracking.unwrap().stratum, 2);
            let sources = sources.unwrap();
            assert_eq!(sources.len(), [40, 3][index]);
            assert_eq!(sources[2].address, "127.1.0.3");
            assert!(stats.is_ok());
            match rtc {
                Ok(_) => assert_eq!(index, 0),
                Err(error) => assert!(index == 1 && matches!(error, Error::NotAvailable { .. }), "{error:?}"),
            }
        }
    }
}

#[test]
fn a_failure_is_that_addresss_result_and_disturbs_no_other() {
    let chronyds: Vec<_> = (0..8).map(|_| scripted(r#"{"sources": 5}"#)).collect();
    let faults =
        [Fault::Silence, Fault::JunkForever, Fault::Status(2), Fault::Truncate(30), Fault::Count(vec![u32::MAX])];
    for (chronyd, fault) in chronyds.iter().zip(faults) {
        chronyd.set(fault);
    }
    chronyds[5].die();
    let mut addresses = addresses(&chronyds);
    addresses.push("/nonexistent/chronyd.sock".parse().unwrap());
    addresses.push(unix(chronyds[6].socket()));
    for _ in 0..2 {
        let mut fleet = Fleet::builder(addresses.clone()).timeout(ms(1500)).build().unwrap();
        let mut results: Vec<_> = fleet.read::<Vec<Source>>().collect();
        results.sort_by_key(|(index, _)| *index);
        let found: Vec<_> = results.iter().map(|(_, result)| result.as_ref().map(Vec::len)).collect();
        for silent in [0, 1] {
            assert!(matches!(found[silent], Err(Error::TimedOut { .. })), "{found:?}");
        }
        assert!(matches!(found[2], Err(Error::Unauthorized { .. })), "{found:?}");
        assert!(matches!(found[3], Err(Error::TimedOut { .. } | Error::Rejected { .. })), "{found:?}");
        assert!(matches!(found[4], Err(Error::Count { .. })), "{found:?}");
        assert!(matches!(found[5], Err(Error::Connect { .. })), "{found:?}");
        assert!(matches!(found[8], Err(Error::Connect { .. })), "{found:?}");
        for good in [6, 7, 9] {
            assert!(matches!(found[good], Ok(5)), "{found:?}");
        }
    }
}

/// The timeout of an address is for all of its reports, and silent addresses wait at the same time.
#[test]
fn a_round_with_silent_daemons_ends_at_one_timeout() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let daemons = daemons(1000, "{}");
    // Spread over the whole list.
    let silent: Vec<_> = (0..1000).filter(|number| number % 7 == 0).collect();
    daemons.leave(silent.iter().copied()).unwrap();
    let mut fleet = all(&daemons).in_flight(20).timeout(TIMEOUT).build().unwrap();
    // The second round begins with kept sessions.
    for _ in 0..2 {
        let start = Instant::now();
        let mut failed = Vec::new();
        for (index, (tracking, sources)) in fleet.read::<(Tracking, Vec<Source>)>() {
            if let (Err(Error::TimedOut { .. }), Err(Error::NotAsked { .. })) = (&tracking, &sources) {
                failed.push(u32::try_from(index).unwrap());
            } else {
                tracking.unwrap();
                sources.unwrap();
            }
        }
        failed.sort_unstable();
        assert_eq!(failed, silent);
        let elapsed = start.elapsed();
        // In groups of twenty, one after the other, they would take seven timeouts and more.
        assert!((TIMEOUT..TIMEOUT * 5).contains(&elapsed), "{elapsed:?}");
    }
}

#[test]
fn an_error_tells_the_time_that_its_own_report_had() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Delay(ms(1000)));
    let mut fleet = Fleet::builder(addresses([&chronyd])).timeout(ms(2000)).build().unwrap();
    let (_, (tracking, sources)) = fleet.read::<(Tracking, Vec<Source>)>().next().unwrap();
    assert!(tracking.is_ok());
    let Err(Error::TimedOut { waited, .. }) = sources else { panic!("{sources:?}") };
    assert!(waited <= ms(1000), "{waited:?}");
}

#[test]
fn losses_cost_no_result_and_no_right_value() {
    let daemons = daemons(150, r#"{"sources": 3}"#);
    daemons.lose(10.0, 1);
    let mut fleet = all(&daemons).build().unwrap();
    for _ in 0..2 {
        assert!(read(&mut fleet).is_empty());
        for (_, sources) in fleet.read::<Vec<Source>>() {
            assert_eq!(sources.unwrap().len(), 3);
        }
    }
}

#[test]
fn an_event_loop_reads_what_is_chosen_and_waits_for_nothing_else() {
    let daemons = daemons(300, r#"{"sources": 2}"#);
    let mut fleet = all(&daemons).build().unwrap();
    for _ in 0..2 {
        let mut round = fleet.into_round(vec![Source::TABLE, Tracking::TABLE]);
        let mut seen = vec![0; 300];
        loop {
            match round.advance() {
                Progress::Result(index, results) => {
                    assert!(matches!(&results[0], Ok(sources) if sources.len() == 2), "{results:?}");
                    assert!(matches!(&results[1], Ok(tracking) if tracking.len() == 1), "{results:?}");
                    seen[index] += 1;
                }
                Progress::Wait(until) => {
                    let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).unwrap();
                    poll(&mut [PollFd::new(&round, PollFlags::IN)], Some(&left)).unwrap();
                }
                Progress::Over => break,
            }
        }
        assert_eq!(seen, vec![1; 300]);
        fleet = round.into_fleet();
    }
    assert!(fleet.read::<Tracking>().all(|(_, tracking)| tracking.is_ok()));
}

#[test]
fn any_reports_are_read_by_their_names() {
    let daemons = daemons(30, r#"{"sources": 2}"#);
    let mut fleet = all(&daemons).build().unwrap();
    let mut seen = vec![0; 30];
    for (index, results) in fleet.read_any(&["sources", "tracking"]).unwrap() {
        let [sources, tracking] = results.try_into().unwrap();
        assert_eq!(sources.unwrap().len(), 2);
        let tracking = tracking.unwrap()[0].clone().unwrap();
        assert_eq!(tracking.get("stratum").unwrap().value(), Value::Unsigned(2));
        seen[index] += 1;
    }
    assert_eq!(seen, vec![1; 30]);
    let error = fleet.read_any(&["tracking", "nonsense"]).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::UnknownReport(report) if report.name == "nonsense"), "{error}");
}

/// libchrony does not count the records of this report, so the first request is for the record itself.
#[test]
fn a_single_report_by_name_is_asked_for_again_until_it_comes() {
    let chronyd = scripted("{}");
    let mut fleet = Fleet::builder(addresses([&chronyd])).timeout(Duration::from_secs(5)).build().unwrap();
    for lost in [0, 3] {
        chronyd.set(Fault::Drop(lost));
        let (_, results) = fleet.read_any(&["tracking"]).unwrap().next().unwrap();
        assert_eq!(results.into_iter().next().unwrap().unwrap().len(), 1);
    }
    assert!(chronyd.requests()[&code::TRACKING] >= 5);
}
