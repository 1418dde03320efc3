//! Calls of tasks. They do not each block a thread, so they can be given up or forked in the middle, and their order is
//! known.

use super::same::{at_second, requests};
use super::{Tasks, promises};
use crate::common::alone::Alone;
use crate::common::open::{clients_in, descriptors, folders_in};
use crate::common::system::in_fork;
use crate::common::*;
use libchrony::nonblocking::{Call, Reply, Step};
use libchrony::{Address, Connection, Error, ErrorKind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::task::Waker;
use std::time::Duration;
use testbed::Fault;

const AMPLE: Duration = Duration::from_secs(20);

promises!(
    tasks:
    a_call_may_be_given_up_at_each_of_its_steps,
    a_call_that_is_given_up_hands_on_its_turn,
    turns_go_by_arrival,
    a_fork_in_the_middle_of_a_call_disturbs_neither,
    a_call_that_is_given_up_leaves_the_connection_with_its_chronyd,
);

/// Its sockets are closed, and the connection stays usable.
fn a_call_may_be_given_up_at_each_of_its_steps<D: Tasks>() {
    let test = format!("drivers::tasks::{}::a_call_may_be_given_up_at_each_of_its_steps", D::NAME);
    Alone::new(test.leak(), "only").run(|| {
        let chronyd = scripted(r#"{"sources": 9}"#);
        let before = descriptors();
        for address in both(&chronyd) {
            let connection = D::new(to(&address).timeout(AMPLE));
            // A Unix socket does not lose datagrams.
            let other = if address.path().is_some() { Fault::Duplicate } else { Fault::Loss(20.0) };
            let faults = [(Fault::Delay(ms(1)), false), (Fault::Delay(ms(1)), true), (Fault::JunkBefore(3), true)];
            for (fault, is_kept) in faults.into_iter().chain([(other, true)]) {
                let mut steps = 0;
                loop {
                    chronyd.set(fault.clone());
                    let result = connection.sources_within(steps);
                    chronyd.clear();
                    let clients = clients_in(chronyd.folder());
                    match result {
                        Some(result) => {
                            assert_eq!(result.unwrap().len(), 9);
                            break;
                        }
                        None => assert!(clients.is_empty() || steps == 0, "{fault:?}, {steps} steps"),
                    }
                    if !is_kept {
                        connection.close();
                    }
                    assert_eq!(connection.sources().unwrap()[8].address, "127.1.0.9", "{fault:?}, {steps} steps");
                    steps += 1;
                }
                assert!(steps > 3 || !matches!(fault, Fault::Delay(_)), "{fault:?}: done after {steps} steps");
            }
            connection.close();
        }
        assert_eq!(descriptors(), before);
        assert!(folders_in(chronyd.folder()).is_empty());
    });
}

fn a_call_that_is_given_up_hands_on_its_turn<D: Tasks>() {
    let chronyd = scripted(r#"{"sources": 12}"#);
    // No call ends before one is given up.
    chronyd.set(Fault::Delay(ms(20)));
    for address in both(&chronyd) {
        // The call that has the turn, one in the middle, and the last one.
        for given_up in [0, 2, 4] {
            let connection = D::new(to(&address).timeout(AMPLE));
            let ended = D::together_without(&[&connection; 5], given_up);
            assert!(ended.iter().map(|(number, _)| *number).eq((0..5).filter(|number| *number != given_up)));
            assert!(ended.iter().all(|(_, result)| result.as_ref().unwrap().len() == 12));
        }
    }
}

fn turns_go_by_arrival<D: Tasks>() {
    let chronyd = scripted(r#"{"sources": 12}"#);
    let connection = D::new(to(&unix(chronyd.socket())).timeout(Duration::from_secs(60)));
    let ended = D::together(&[&connection; 200]);
    assert!(ended.into_iter().map(|(number, _)| number).eq(0..200));
}

fn a_fork_in_the_middle_of_a_call_disturbs_neither<D: Tasks>() {
    let test = format!("drivers::tasks::{}::a_fork_in_the_middle_of_a_call_disturbs_neither", D::NAME);
    Alone::new(test.leak(), "only").run(|| {
        let chronyd = scripted(r#"{"sources": 9}"#);
        for address in both(&chronyd) {
            let connection = D::new(to(&address).timeout(AMPLE));
            connection.sources().unwrap();
            // The answers come after the child's first step.
            chronyd.set(Fault::Delay(ms(100)));
            assert_eq!(connection.forks_meanwhile(), 9);
            chronyd.clear();
        }
    });
}

fn a_call_that_is_given_up_leaves_the_connection_with_its_chronyd<D: Tasks>() {
    let (first, second) = (scripted("{}"), scripted("{}"));
    for which in [0, 1] {
        let (connection, address) = at_second::<D>(&first, &second, which, AMPLE);
        let unasked = requests(&first);
        second.set(Fault::Hold);
        assert!(connection.sources_within(1).is_none());
        second.clear();
        connection.tracking().unwrap();
        assert_eq!((connection.address(), requests(&first)), (Some(address), unasked));
    }
}

fn is_over<T>(step: &Step<Result<T, Error>>, name: &str) -> bool {
    let Step::Done(Err(error)) = step else { return false };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(matches!(error, Error::Over { report } if *report == name), "{error:?}");
    error.to_string().starts_with(&format!("the call for the {name} report is over and cannot be advanced"))
}

#[test]
fn a_call_that_is_over_has_no_second_result() {
    Alone::new("drivers::tasks::a_call_that_is_over_has_no_second_result", "only").run(|| {
        fn end<T: Reply>(reading: &mut Call<T>) -> Result<T, Error> {
            loop {
                if let Step::Done(result) = reading.advance(Waker::noop()) {
                    return result;
                }
            }
        }
        let chronyd = scripted(r#"{"sources": 9}"#);
        let connection = to(&udp(chronyd.command_port())).timeout(AMPLE).build_nonblocking().unwrap();
        let mut epoll = connection.epoll().unwrap();
        let (mut sources, mut refused) = (connection.sources(), connection.select_data());
        assert_eq!(end(&mut sources).unwrap().len(), 9);
        assert!(matches!(end(&mut refused), Err(Error::Unauthorized { .. })));
        for _ in 0..2 {
            assert!(is_over(&sources.advance(Waker::noop()), "sources"));
            assert!(is_over(&refused.advance(Waker::noop()), "selectdata"));
            assert!(is_over(&epoll.advance(&mut sources, Waker::noop()), "sources"));
        }
        assert!(in_fork(|| is_over(&sources.advance(Waker::noop()), "sources")));
        assert!(end(&mut connection.tracking()).is_ok());
    });
}

#[test]
fn an_epoll_set_that_cannot_be_created_is_an_error() {
    let test = "drivers::tasks::an_epoll_set_that_cannot_be_created_is_an_error";
    Alone::new(test, "only").run(|| {
        let address: Address = "chrony.test:777".parse().unwrap();
        let lists = [vec![], vec![address]];
        // Without an address, there is no connection.
        let connections = lists.map(|list| Connection::builder().addresses(list).build_nonblocking().ok());
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).unwrap();
        let errors: Vec<_> = connections.iter().flatten().map(|one| one.epoll().unwrap_err()).collect();
        setrlimit(Resource::Nofile, limit).unwrap();
        assert_eq!(errors.len(), 1);
        let words = "Failed to connect to chronyd at chrony.test:777: Too many open files";
        assert!(errors[0].to_string().starts_with(words), "{}", errors[0]);
    });
}
