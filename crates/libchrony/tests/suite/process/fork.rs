//! Forked children: they read through sockets of their own, and do not disturb or clean up their parent's sockets.

use crate::common::alone::alone;
use crate::common::open::{clients_in, descriptors, folders_in};
use crate::common::system::in_fork;
use crate::common::*;
use libchrony::Connection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use testbed::{Chronyd, Scripted};

/// Returns a connection that has been used, and the descriptor and path of its socket.
fn used(chronyd: &Scripted) -> (Connection, Vec<(i32, std::path::PathBuf)>) {
    let connection = connect_to(chronyd);
    connection.tracking().unwrap();
    let clients = clients_in(chronyd.folder());
    assert_eq!(clients.len(), 1);
    (connection, clients)
}

#[test]
fn a_child_reads_through_a_socket_of_its_own() {
    alone("process::fork::a_child_reads_through_a_socket_of_its_own", || {
        let chronyd = scripted("{}");
        let (connection, parents) = used(&chronyd);
        assert!(in_fork(|| {
            let read = connection.tracking().is_ok_and(|tracking| tracking.stratum == 2);
            let own = clients_in(chronyd.folder());
            // The child has closed its copy of the parent's socket, and opened its own.
            read && own.len() == 1 && own[0].1 != parents[0].1
        }));
        assert!(parents[0].1.exists(), "the child removed its parent's socket");
        assert_eq!(clients_in(chronyd.folder()), parents);
        connection.tracking().unwrap();
        assert_eq!(clients_in(chronyd.folder()), parents, "the parent had to open again");
        assert_eq!(chronyd.requests()[&code::TRACKING], 3);
    });
}

#[test]
fn a_child_that_only_drops_the_connection_closes_and_removes_nothing() {
    alone("process::fork::a_child_that_only_drops_the_connection_closes_and_removes_nothing", || {
        let chronyd = scripted("{}");
        let (connection, parents) = used(&chronyd);
        let connection = &mut Some(connection);
        assert!(in_fork(|| {
            let before = descriptors().len();
            drop(connection.take());
            // Socket and /dev/urandom: the child's copies of both.
            clients_in(chronyd.folder()).is_empty() && descriptors().len() == before - 2
        }));
        assert!(parents[0].1.exists(), "the child removed its parent's socket");
        connection.as_ref().unwrap().tracking().unwrap();
        assert_eq!(clients_in(chronyd.folder()), parents);
        assert_eq!(chronyd.requests()[&code::TRACKING], 2);
    });
}

#[test]
fn a_child_cleans_up_its_own_and_a_grandchild_too() {
    alone("process::fork::a_child_cleans_up_its_own_and_a_grandchild_too", || {
        let chronyd = scripted("{}");
        let (connection, parents) = used(&chronyd);
        assert!(in_fork(|| {
            connection.tracking().unwrap();
            let mine = clients_in(chronyd.folder());
            let grandchild = in_fork(|| {
                let read = connection.tracking().is_ok();
                let own = clients_in(chronyd.folder());
                connection.close();
                read && own.len() == 1 && own != mine && own != parents
            });
            let survived = mine[0].1.exists() && connection.tracking().is_ok() && clients_in(chronyd.folder()) == mine;
            connection.close();
            grandchild && survived
        }));
        assert_eq!(folders_in(chronyd.folder()).len(), 1);
        drop(connection);
        assert!(folders_in(chronyd.folder()).is_empty());
    });
}

#[test]
fn forks_during_other_threads_calls_leave_the_child_able_to_read() {
    alone("process::fork::forks_during_other_threads_calls_leave_the_child_able_to_read", || {
        let chronyd = scripted("{\"sources\": 20}");
        let connection = connect_to(&chronyd);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(connection.sources().unwrap().len(), 20);
                    }
                });
            }
            for round in 0..30 {
                // The lock that another thread held at the fork is never released in the child.
                assert!(in_fork(|| connection.sources().is_ok_and(|sources| sources.len() == 20)), "{round}");
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn parent_and_child_read_at_the_same_time_from_a_real_chronyd() {
    alone("process::fork::parent_and_child_read_at_the_same_time_from_a_real_chronyd", || {
        let mut builder = Chronyd::builder().command_port();
        for host in 1..=20 {
            builder = builder.line(format!("server 127.99.0.{host} port 9 offline"));
        }
        let chronyd = builder.start().unwrap();
        for address in [unix(chronyd.socket()), udp(chronyd.command_port().unwrap())] {
            let connection = connect(&address, Duration::from_secs(20));
            let read = || {
                let sources = connection.sources().unwrap();
                let addresses = sources.iter().map(|source| source.address.clone());
                addresses.eq((1..=20).map(|host| format!("127.99.0.{host}")))
            };
            assert!(read());
            thread::scope(|scope| {
                let parent = scope.spawn(|| (0..50).all(|_| read()));
                assert!(in_fork(|| (0..50).all(|_| read())));
                assert!(parent.join().unwrap());
            });
        }
    });
}
