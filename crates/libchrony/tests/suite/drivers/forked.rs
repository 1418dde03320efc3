//! Forked children: they read through sockets of their own.

use super::{Driver, promises};
use crate::common::alone::Alone;
use crate::common::open::clients_in;
use crate::common::system::in_fork;
use crate::common::*;
use std::time::Duration;

const AMPLE: Duration = Duration::from_secs(20);

promises!(a_child_reads_through_a_socket_of_its_own);

fn a_child_reads_through_a_socket_of_its_own<D: Driver>() {
    let test = format!("drivers::forked::{}::a_child_reads_through_a_socket_of_its_own", D::NAME);
    Alone::new(test.leak(), "only").run(|| {
        let chronyd = scripted(r#"{"sources": 20}"#);
        let connection = D::new(to(&unix(chronyd.socket())).timeout(AMPLE));
        connection.sources().unwrap();
        let parents = clients_in(chronyd.folder());
        assert!(in_fork(|| {
            let read = connection.sources().unwrap().len() == 20;
            let own = clients_in(chronyd.folder());
            // The child has closed its copy of the parent's socket, and opened its own.
            read && own.len() == 1 && own[0].1 != parents[0].1
        }));
        connection.sources().unwrap();
        assert_eq!(clients_in(chronyd.folder()), parents);
    });
}
