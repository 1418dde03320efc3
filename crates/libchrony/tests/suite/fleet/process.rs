//! A fleet and the rest of its process: forks, host names, other threads.

use super::limits::limit;
use super::{addresses, all, daemons, read};
use crate::common::alone::Alone;
use crate::common::open::{clients_in, descriptors, event_queues, watched};
use crate::common::system::{in_fork, own_empty_run, own_hosts, put};
use crate::common::*;
use libchrony::fleet::{Fleet, Progress};
use libchrony::{Address, Error, SelectData, Source, Tracking};
use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;
use std::os::fd::RawFd;
use std::thread;
use std::time::{Duration, Instant};
use testbed::Fault;

#[test]
fn a_child_reads_through_sockets_of_its_own() {
    Alone::new("fleet::process::a_child_reads_through_sockets_of_its_own", "only").run(|| {
        let chronyd = scripted("{}");
        let daemons = daemons(50, "{}");
        let mut addresses: Vec<_> = all(&daemons).build().unwrap().addresses().to_vec();
        addresses.push(unix(chronyd.socket()));
        let mut fleet = Fleet::builder(addresses).timeout(Duration::from_secs(20)).build().unwrap();
        let count = |fleet: &mut Fleet| fleet.read::<Tracking>().filter(|(_, result)| result.is_ok()).count();
        assert_eq!(count(&mut fleet), 51);
        let (parents, open) = (clients_in(chronyd.folder()), descriptors());
        let parent = std::process::id();
        daemons.delay(ms(100), [0]).unwrap();
        for _ in 0..2 {
            let watches = watched(parent);
            assert!(in_fork(|| {
                // The first does not keep the others waiting.
                assert_ne!(fleet.read::<Tracking>().next().unwrap().0, 0);
                let is_read = count(&mut fleet) == 51 && count(&mut fleet) == 51;
                let own = clients_in(chronyd.folder());
                let is_own = own.len() == 1 && own[0].1 != parents[0].1 && descriptors().len() == open.len();
                is_read && is_own && watched(parent) == watches
            }));
            assert_eq!(count(&mut fleet), 51);
            assert_eq!(clients_in(chronyd.folder()), parents);
            assert_eq!(descriptors().len(), open.len());
        }
    });
}

#[test]
fn a_fork_in_the_middle_of_a_round_disturbs_neither() {
    Alone::new("fleet::process::a_fork_in_the_middle_of_a_round_disturbs_neither", "only").run(|| {
        let daemons = daemons(90, "{}");
        daemons.delay(ms(100), 0..45).unwrap();
        let mut fleet = all(&daemons).in_flight(60).build().unwrap();
        for _ in 0..2 {
            let mut round = fleet.read::<Tracking>();
            assert!(round.by_ref().take(10).all(|(_, result)| result.is_ok()));
            let mut rest = || round.by_ref().filter(|(_, result)| result.is_ok()).count();
            assert!(in_fork(|| rest() == 80));
            assert_eq!(rest(), 80);
        }
    });
}

/// A program that becomes a daemon closes all descriptors. The files that it opens later get their numbers.
#[test]
fn an_event_queue_that_others_have_closed_is_left_alone_and_replaced() {
    let test = "fleet::process::an_event_queue_that_others_have_closed_is_left_alone_and_replaced";
    Alone::new(test, "only").run(|| {
        let daemons = daemons(20, "{}");
        let mut fleet = all(&daemons).timeout(Duration::from_secs(20)).build().unwrap();
        let is_read = |fleet: &mut Fleet| fleet.read::<Tracking>().filter(|(_, result)| result.is_ok()).count() == 20;
        assert!(is_read(&mut fleet));
        for is_forked in [false, true] {
            let mut rest = || {
                let queues = event_queues();
                assert_eq!(queues.len(), 2);
                let log = tempfile::tempfile().unwrap();
                for &queue in &queues {
                    put(&log, queue);
                }
                assert!(is_read(&mut fleet) && is_read(&mut fleet));
                let is_log =
                    |queue: &RawFd| fs::metadata(format!("/proc/self/fd/{queue}")).is_ok_and(|data| data.is_file());
                assert!(queues.iter().all(is_log), "the log is still open");
                true
            };
            assert!(if is_forked { in_fork(rest) } else { rest() });
        }
    });
}

/// Only a few names are looked up at a time. Addresses without a look-up, and names that are already known, do not
/// wait.
#[test]
fn names_of_hosts_are_looked_up() {
    Alone::new("fleet::process::names_of_hosts_are_looked_up", "only").prepared(own_empty_run).run(|| {
        let mut names = "127.0.0.1 localhost\n".to_owned();
        (0..60).for_each(|number| writeln!(names, "127.0.0.1 host-{number}.test").unwrap());
        let _hosts = own_hosts(&names);
        let chronyd = scripted("{}");
        let port = chronyd.command_port();
        let hosts = (0..60).map(|number| format!("host-{number}.test:{port}"));
        let others = ["missing.invalid".to_owned(), format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let addresses = hosts.chain(others).map(|address| address.parse().unwrap()).collect();
        let mut fleet = Fleet::builder(addresses).timeout(Duration::from_secs(20)).build().unwrap();
        for _ in 0..2 {
            let results: Vec<_> = fleet.read::<Tracking>().collect();
            assert_eq!(results.len(), 63);
            for (index, result) in &results {
                match result {
                    Ok(tracking) => assert!(*index != 60 && tracking.stratum == 2),
                    Err(error) => assert!(*index == 60 && matches!(error, Error::Resolve { .. }), "{error:?}"),
                }
            }
        }
    });
}

/// Each name is looked up before it needs room for a session.
#[test]
fn more_hosts_than_there_is_room_for_are_read_one_after_the_other() {
    let test = "fleet::process::more_hosts_than_there_is_room_for_are_read_one_after_the_other";
    Alone::new(test, "only").prepared(own_empty_run).run(|| {
        let names = (0..60).fold("127.0.0.1 localhost\n".to_owned(), |mut names, number| {
            writeln!(names, "127.0.0.1 host-{number}.test").unwrap();
            names
        });
        let _hosts = own_hosts(&names);
        let chronyd = scripted("{}");
        let address = |number| format!("host-{number}.test:{}", chronyd.command_port()).parse().unwrap();
        limit(descriptors().len() + 32 + 5 + 2 * 10);
        let builder = Fleet::builder((0..60).map(address).collect()).timeout(Duration::from_secs(20));
        let mut fleet = builder.build().unwrap();
        assert!(fleet.descriptors().available < 60, "{:?}", fleet.descriptors());
        for _ in 0..3 {
            let failed: Vec<_> = fleet.read::<Tracking>().filter_map(|(_, result)| result.err()).collect();
            assert!(failed.is_empty(), "{} failed: {}", failed.len(), failed[0]);
        }
    });
}

/// The host has one more address, which is silent. There is room for two sessions to the first address and one to the
/// second, so late requests are sent again on existing sockets.
#[test]
fn a_host_that_goes_away_while_its_other_address_is_tried_is_an_error() {
    let test = "fleet::process::a_host_that_goes_away_while_its_other_address_is_tried_is_an_error";
    Alone::new(test, "only").prepared(own_empty_run).run(|| {
        let _hosts = own_hosts("127.0.0.1 chrony.test\n127.0.0.9 chrony.test\n");
        let chronyd = scripted("{}");
        let address = format!("chrony.test:{}", chronyd.command_port()).parse().unwrap();
        let _silent = UdpSocket::bind(("127.0.0.9", chronyd.command_port())).unwrap();
        limit(descriptors().len() + 32 + 3 + 2 + 4);
        let mut fleet = Fleet::builder(vec![address]).timeout(Duration::from_secs(6)).build().unwrap();
        assert_eq!(fleet.descriptors().available - fleet.descriptors().needed, 2 * 2);
        assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
        chronyd.set(Fault::Silence);
        let before = chronyd.requests()[&code::TRACKING];
        thread::scope(|scope| {
            let reader = scope.spawn(|| fleet.read::<Tracking>().next().unwrap().1.unwrap_err());
            wait_until("late", || chronyd.requests()[&code::TRACKING] >= before + 5);
            chronyd.die();
            let error = reader.join().unwrap();
            assert!(error.to_string().contains("chronyd at 127.0.0.9"), "{error}");
        });
    });
}

#[test]
fn fleets_of_several_threads_and_single_connections_do_not_disturb_each_other() {
    let daemons = daemons(100, "{}");
    let chronyd = scripted(r#"{"sources": 200}"#);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut fleet = all(&daemons).build().unwrap();
                (0..10).for_each(|_| assert!(read(&mut fleet).is_empty()));
            });
        }
        scope.spawn(|| {
            let connection = connect(&unix(chronyd.socket()), Duration::from_secs(20));
            (0..10).for_each(|_| assert_eq!(connection.sources().unwrap()[199].address, "127.1.0.200"));
        });
    });
}

/// Answers that have arrived meanwhile are used, although their time is over.
#[test]
fn a_program_that_is_slow_between_results_loses_none() {
    const TIMEOUT: Duration = Duration::from_millis(1500);
    let chronyds: Vec<_> = (0..20).map(|_| scripted("{}")).collect();
    chronyds[0].set(Fault::Hold);
    let mut fleet = Fleet::builder(addresses(&chronyds)).timeout(TIMEOUT).build().unwrap();
    let mut round = fleet.read::<Tracking>();
    round.next().unwrap().1.unwrap();
    let start = Instant::now();
    wait_until("all requests", || chronyds.iter().all(|chronyd| chronyd.requests().contains_key(&code::TRACKING)));
    chronyds[0].release();
    wait_until("the end of their time", || start.elapsed() > TIMEOUT);
    assert_eq!(round.filter(|(_, result)| result.is_ok()).count(), 19);
}

/// The event queue is lost before a round, and in the middle of one.
#[test]
fn a_fleet_without_its_event_queue_stays_with_the_chronyd_that_answered() {
    let test = "fleet::process::a_fleet_without_its_event_queue_stays_with_the_chronyd_that_answered";
    Alone::new(test, "only").prepared(own_empty_run).run(|| {
        let _hosts = own_hosts("127.16.0.1 chrony.test\n127.16.0.2 chrony.test\n");
        let daemons = daemons(2, "{}");
        let address: Address = format!("chrony.test:{}", daemons.command_port()).parse().unwrap();
        let mut fleet = Fleet::builder(vec![address]).timeout(Duration::from_secs(20)).build().unwrap();
        daemons.leave([0]).unwrap();
        assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
        daemons.come([0]).unwrap();
        daemons.delay(ms(300), [1]).unwrap();
        let log = tempfile::tempfile().unwrap();
        for is_under_way in [false, true] {
            let lose = || event_queues().into_iter().for_each(|queue| put(&log, queue));
            if !is_under_way {
                lose();
            }
            let mut round = fleet.read::<Tracking>();
            if is_under_way {
                assert!(matches!(round.advance(), Progress::Wait(_)));
                lose();
            }
            let (index, tracking) = round.next().unwrap();
            assert_eq!(tracking.unwrap().reference_ip.as_deref(), Some("127.16.0.2"));
            assert_eq!(round.address(index).unwrap().to_string(), format!("127.16.0.2:{}", daemons.command_port()));
        }
    });
}

/// The first address of the host was silent for a moment, and the second one refuses a report over UDP.
#[test]
fn all_reports_of_a_host_in_one_round_come_from_the_chronyd_that_answered() {
    let test = "fleet::process::all_reports_of_a_host_in_one_round_come_from_the_chronyd_that_answered";
    Alone::new(test, "only").prepared(own_empty_run).run(|| {
        let _hosts = own_hosts("127.16.0.1 chrony.test\n127.16.0.2 chrony.test\n");
        let daemons = daemons(2, r#"{"sources": 3}"#);
        let address: Address = format!("chrony.test:{}", daemons.command_port()).parse().unwrap();
        let mut fleet = Fleet::builder(vec![address]).timeout(Duration::from_secs(4)).build().unwrap();
        daemons.leave([0]).unwrap();
        assert!(fleet.read::<Tracking>().all(|(_, result)| result.is_ok()));
        daemons.come([0]).unwrap();
        for _ in 0..3 {
            let mut round = fleet.read::<(Vec<SelectData>, Tracking, Vec<SelectData>, Vec<Source>)>();
            let (index, (refused, tracking, again, sources)) = round.next().unwrap();
            assert_eq!(round.address(index).unwrap().to_string(), format!("127.16.0.2:{}", daemons.command_port()));
            assert!([refused, again].iter().all(|result| matches!(result, Err(Error::Unauthorized { .. }))));
            assert_eq!(tracking.unwrap().reference_ip.as_deref(), Some("127.16.0.2"));
            assert_eq!(sources.unwrap()[0].address, "fd00::7f10:2:0:0");
        }
        // If it goes away in the middle of a round, the other chronyd does not answer in its place.
        daemons.delay(ms(300), [1]).unwrap();
        let counts = || daemons.tally().requests.get(&code::COUNT).copied().unwrap_or(0);
        let before = counts();
        thread::scope(|scope| {
            let reader = scope.spawn(|| fleet.read::<(Tracking, Vec<Source>)>().next().unwrap().1);
            wait_until("the second report", || counts() > before);
            daemons.leave([1]).unwrap();
            let (tracking, sources) = reader.join().unwrap();
            assert_eq!(tracking.unwrap().reference_ip.as_deref(), Some("127.16.0.2"));
            let error = sources.unwrap_err();
            assert!(
                matches!(&error, Error::TimedOut { address, .. } if address.to_string().contains("0.2:")),
                "{error}"
            );
        });
        // In the next round, the other chronyd answers.
        assert_eq!(fleet.read::<Tracking>().next().unwrap().1.unwrap().reference_ip.as_deref(), Some("127.16.0.1"));
    });
}
