//! The result of connecting, and the part that is left to the first report.

use super::{Driver, promises};
use crate::common::open::clients_in;
use crate::common::*;
use libchrony::Error;
use std::time::Duration;
use testbed::{Fault, Scripted};

const AMPLE: Duration = Duration::from_secs(20);

promises!(
    connecting_to_a_unix_socket_sends_nothing_and_keeps_it,
    connecting_over_udp_asks_for_an_answer,
    connecting_fails_where_no_process_listens,
    the_first_report_tells_what_connecting_cannot,
    the_first_report_looks_elsewhere_when_the_connected_one_is_silent_or_gone,
);

fn requests(chronyd: &Scripted) -> u64 {
    chronyd.requests().values().sum()
}

fn connecting_to_a_unix_socket_sends_nothing_and_keeps_it<D: Driver>() {
    let chronyd = scripted("{}");
    let address = unix(chronyd.socket());
    let connection = D::new(to(&address).timeout(AMPLE));
    assert_eq!(connection.connect().unwrap(), address);
    assert_eq!((requests(&chronyd), connection.address()), (0, Some(address)));
    let socket = clients_in(chronyd.folder());
    assert_eq!(socket.len(), 1);
    connection.tracking().unwrap();
    assert_eq!((requests(&chronyd), clients_in(chronyd.folder())), (1, socket));
    connection.close();
    assert!(connection.address().is_none() && clients_in(chronyd.folder()).is_empty());
}

fn connecting_over_udp_asks_for_an_answer<D: Driver>() {
    let chronyd = scripted("{}");
    let address = udp(chronyd.command_port());
    let connect = |timeout| D::new(to(&address).timeout(timeout)).connect();
    assert_eq!(connect(AMPLE).unwrap(), address);
    assert_eq!(requests(&chronyd), 1);
    chronyd.set(Fault::Status(2));
    assert_eq!(connect(AMPLE).unwrap(), address, "a refusal is an answer");
    chronyd.set(Fault::Silence);
    let error = connect(ms(200)).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

fn connecting_fails_where_no_process_listens<D: Driver>() {
    let chronyd = scripted("{}");
    chronyd.die();
    for address in [unix(chronyd.socket()), unix("/nonexistent/chronyd.sock".as_ref())] {
        let connection = D::new(to(&address).timeout(AMPLE));
        let error = connection.connect().unwrap_err();
        assert!(error.to_string().starts_with("Failed to connect to chronyd at /"), "{error}");
        assert!(connection.address().is_none());
    }
}

fn the_first_report_tells_what_connecting_cannot<D: Driver>() {
    let chronyd = scripted("{}");
    for fault in [Fault::Silence, Fault::Status(2), Fault::Truncate(30)] {
        chronyd.clear();
        chronyd.set(fault.clone());
        let is_silent = matches!(fault, Fault::Silence);
        let new = || D::new(to(&unix(chronyd.socket())).timeout(if is_silent { ms(200) } else { AMPLE }));
        let connected = new();
        connected.connect().unwrap();
        let [found, expected] =
            [connected.tracking(), new().tracking()].map(|result| awake(result.unwrap_err()).to_string());
        assert_eq!(found, expected, "{fault:?}");
    }
}

fn the_first_report_looks_elsewhere_when_the_connected_one_is_silent_or_gone<D: Driver>() {
    for is_gone in [false, true] {
        let (first, second) = (scripted("{}"), scripted("{}"));
        let addresses = vec![unix(first.socket()), unix(second.socket())];
        let connection = D::new(libchrony::Connection::builder().addresses(addresses.clone()).timeout(ms(2000)));
        assert_eq!(connection.connect().unwrap(), addresses[0]);
        if is_gone {
            first.die();
        } else {
            first.set(Fault::Silence);
        }
        connection.tracking().unwrap();
        assert_eq!(connection.address().as_ref(), Some(&addresses[1]));
    }
}
