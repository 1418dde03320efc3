//! A connection stays with one chronyd: with the address that has answered, as long as it answers, even with a refusal.

use super::{Driver, promises};
use crate::common::alone::Alone;
use crate::common::open::descriptors;
use crate::common::system::{in_fork, own_empty_run, own_hosts};
use crate::common::*;
use libchrony::{Address, Error};
use std::time::Duration;
use testbed::{Fault, Scripted, Values};

const AMPLE: Duration = Duration::from_secs(20);

promises!(
    an_error_of_chronyds_leaves_the_connection_with_it,
    a_refusal_by_a_host_leaves_the_connection_at_its_address,
    a_child_stays_with_the_chronyd_of_its_parent,
    a_child_that_closes_leaves_the_chronyd_of_its_parent,
    the_round_trip_outlasts_a_refusal,
    an_address_that_refused_and_then_is_silent_or_gone_is_left,
);

pub(super) fn requests(chronyd: &Scripted) -> u64 {
    chronyd.requests().values().sum()
}

/// Returns a connection that has an answer from the second address, because the first one was silent for a moment.
pub(super) fn at_second<D: Driver>(
    first: &Scripted,
    second: &Scripted,
    which: usize,
    timeout: Duration,
) -> (D, Address) {
    first.set(Fault::Silence);
    let address = both(second)[which].clone();
    let addresses = vec![both(first)[which].clone(), address.clone()];
    let connection = D::new(libchrony::Connection::builder().addresses(addresses).timeout(timeout));
    connection.tracking().unwrap();
    assert_eq!(connection.address().as_ref(), Some(&address));
    first.clear();
    (connection, address)
}

fn an_error_of_chronyds_leaves_the_connection_with_it<D: Driver>() {
    let (first, second) = (scripted(r#"{"sources": 3}"#), scripted(r#"{"sources": 3}"#));
    for which in [0, 1] {
        let (connection, address) = at_second::<D>(&first, &second, which, AMPLE);
        let unasked = requests(&first);
        let stays = |error: Error| {
            assert!(error.is_answer(), "{error:?}");
            assert_eq!(connection.address().as_ref(), Some(&address));
            second.clear();
            connection.tracking().unwrap();
            assert_eq!((connection.sources().unwrap().len(), requests(&first)), (3, unasked), "{error}");
        };
        let faults = [Fault::Status(2), Fault::Status(3), Fault::Truncate(30), Fault::Count(vec![u32::MAX])];
        for fault in faults {
            second.set(fault);
            stays(connection.sources().unwrap_err());
        }
        // The list is refused once its length is known.
        second.set(Fault::Only(vec![code::SOURCES]));
        second.set(Fault::Status(2));
        stays(connection.sources().unwrap_err());
        second.change(r#"{"tracking": {"leap status": 9}}"#.parse().unwrap()).unwrap();
        let error = connection.tracking().unwrap_err();
        second.change(r#"{"tracking": {"leap status": 0}}"#.parse().unwrap()).unwrap();
        stays(error);
        // A list that changes is read again.
        second.set(Fault::Churn { after: 2, remove: 0, add: 1 });
        assert_eq!((connection.sources().unwrap().len(), requests(&first)), (3, unasked));
        if which == 1 {
            stays(connection.report("selectdata").unwrap_err());
        }
    }
}

fn a_refusal_by_a_host_leaves_the_connection_at_its_address<D: Driver>() {
    let test = format!("drivers::same::{}::a_refusal_by_a_host_leaves_the_connection_at_its_address", D::NAME);
    Alone::new(test.leak(), "only").prepared(own_empty_run).run(|| {
        let _hosts = own_hosts("127.16.0.1 chrony.test\n127.16.0.2 chrony.test\n");
        let daemons = testbed::Fleet::start(2, Values::new(&r#"{"sources": 3}"#.parse().unwrap())).unwrap();
        let address = format!("chrony.test:{}", daemons.command_port()).parse().unwrap();
        let connection = D::new(to(&address).timeout(AMPLE));
        let answering = || connection.tracking().unwrap().reference_ip.unwrap();
        daemons.leave([0]).unwrap();
        assert_eq!(answering(), "127.16.0.2");
        daemons.come([0]).unwrap();
        for _ in 0..2 {
            assert!(matches!(connection.report("selectdata"), Err(Error::Unauthorized { .. })));
            assert_eq!(answering(), "127.16.0.2");
            assert_eq!(connection.sources().unwrap()[0].address, "fd00::7f10:2:0:0");
        }
        // When this address is gone, another address of the host answers.
        daemons.leave([1]).unwrap();
        assert_eq!(answering(), "127.16.0.1");
    });
}

fn a_child_stays_with_the_chronyd_of_its_parent<D: Driver>() {
    let test = format!("drivers::same::{}::a_child_stays_with_the_chronyd_of_its_parent", D::NAME);
    Alone::new(test.leak(), "only").run(|| {
        let (first, second) = (scripted("{}"), scripted("{}"));
        let (connection, address) = at_second::<D>(&first, &second, 1, AMPLE);
        let unasked = requests(&first);
        assert!(in_fork(|| connection.tracking().is_ok() && connection.address() == Some(address)));
        assert_eq!(requests(&first), unasked);
    });
}

fn a_child_that_closes_leaves_the_chronyd_of_its_parent<D: Driver>() {
    let test = format!("drivers::same::{}::a_child_that_closes_leaves_the_chronyd_of_its_parent", D::NAME);
    Alone::new(test.leak(), "only").run(|| {
        let (first, second) = (scripted("{}"), scripted("{}"));
        let (connection, _) = at_second::<D>(&first, &second, 0, AMPLE);
        let sockets = || descriptors().iter().filter(|(_, what)| what.starts_with("socket:")).count();
        let before = sockets();
        assert!(in_fork(|| {
            connection.close();
            let closed = before - sockets();
            closed == 1 && connection.tracking().is_ok() && connection.address() == Some(unix(first.socket()))
        }));
    });
}

/// As long as no round trip is measured, a request is only sent again after a second.
fn the_round_trip_outlasts_a_refusal<D: Driver>() {
    let chronyd = scripted("{}");
    let connection = D::new(to(&udp(chronyd.command_port())).timeout(ms(900)));
    assert!(matches!(connection.report("selectdata"), Err(Error::Unauthorized { .. })));
    chronyd.set(Fault::Silence);
    let error = connection.tracking().unwrap_err();
    assert!(matches!(error, Error::TimedOut { requests: 2.., .. }), "{error:?}");
}

fn an_address_that_refused_and_then_is_silent_or_gone_is_left<D: Driver>() {
    for which in [0, 1] {
        for is_gone in [false, true] {
            let (first, second) = (scripted("{}"), scripted("{}"));
            let (connection, _) = at_second::<D>(&first, &second, which, AMPLE);
            second.set(Fault::Status(2));
            connection.tracking().unwrap_err();
            if is_gone {
                second.die();
            } else {
                second.set(Fault::Silence);
            }
            connection.tracking().unwrap();
            assert_eq!(connection.address().as_ref(), Some(&both(&first)[which]));
        }
    }
}
