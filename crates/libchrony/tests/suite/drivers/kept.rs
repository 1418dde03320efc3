//! The session that a connection keeps between calls, and the ones that it drops or refuses.

use super::{Driver, promises};
use crate::common::alone::Alone;
use crate::common::open::{clients_in, descriptors, folders_in, inheritable};
use crate::common::*;
use std::time::Duration;
use testbed::Fault;

const AMPLE: Duration = Duration::from_secs(20);

promises!(a_session_is_kept_until_it_is_closed_or_fails, nothing_is_left_open_and_nothing_is_inherited,);

fn a_session_is_kept_until_it_is_closed_or_fails<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 40}"#);
    let connection = D::new(to(&unix(chronyd.socket())).timeout(AMPLE));
    assert!(connection.address().is_none() && clients_in(chronyd.folder()).is_empty());
    connection.tracking().unwrap();
    let socket = clients_in(chronyd.folder());
    assert_eq!(socket.len(), 1);
    for _ in 0..3 {
        connection.sources().unwrap();
        connection.tracking().unwrap();
        assert_eq!(clients_in(chronyd.folder()), socket);
    }
    assert_eq!(connection.address(), Some(unix(chronyd.socket())));
    for fault in [Fault::Silence, Fault::Status(2), Fault::Truncate(30), Fault::Count(vec![u32::MAX])] {
        let hasty = D::new(to(&unix(chronyd.socket())).timeout(ms(500)));
        let of_fault = if matches!(fault, Fault::Silence) { &hasty } else { &connection };
        connection.close();
        wait_until("answered", || of_fault.tracking().is_ok());
        chronyd.set(fault.clone());
        of_fault.sources().unwrap_err();
        assert!(clients_in(chronyd.folder()).is_empty(), "{fault:?}: socket kept");
        chronyd.clear();
        connection.tracking().unwrap();
    }
    connection.close();
    assert!(connection.address().is_none());
    assert!(clients_in(chronyd.folder()).is_empty() && folders_in(chronyd.folder()).is_empty());
    connection.tracking().unwrap();
}

fn nothing_is_left_open_and_nothing_is_inherited<D: Driver>() {
    let test = format!("drivers::kept::{}::nothing_is_left_open_and_nothing_is_inherited", D::NAME);
    Alone::new(test.leak(), "only").run(|| {
        let chronyd = scripted(r#"{"sources": 40}"#);
        let (before, inherited) = (descriptors(), inheritable());
        for round in 0..30 {
            let connection = D::new(to(&both(&chronyd)[round % 2]).timeout(AMPLE));
            chronyd.set(if round % 3 == 2 { Fault::Status(2) } else { Fault::Delay(ms(1)) });
            assert_eq!(connection.sources().is_ok(), round % 3 != 2);
            assert_eq!(inheritable(), inherited);
            chronyd.clear();
        }
        assert_eq!(descriptors(), before);
        assert!(folders_in(chronyd.folder()).is_empty());
    });
}
