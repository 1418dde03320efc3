//! Programs that close all descriptors, as daemons do, and open their own at the same numbers. Old connections and fleets
//! leave these alone when they end.

use crate::common::alone::alone;
use crate::common::open::{descriptors, states};
use crate::common::system::{close_all, in_fork, put};
use crate::common::*;
use libchrony::fleet::Fleet;
use libchrony::nonblocking::{self, Epoll, Step};
use libchrony::{Address, AsyncConnection, Connection, Tracking};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::task::Waker;
use std::time::Instant;
use testbed::Scripted;

/// The number of descriptors that the program opens again: more than are open here.
const NUMBERS: RawFd = 80;

/// Everything that has descriptors, used once.
struct Opened {
    blocking: Vec<Connection>,
    watched: Vec<(nonblocking::Connection, Epoll)>,
    tasks: Vec<AsyncConnection>,
    fleet: Fleet,
}

impl Opened {
    fn new(chronyd: &Scripted) -> Self {
        let addresses = both(chronyd);
        let mut opened = Self {
            blocking: addresses.iter().map(|address| to(address).build().unwrap()).collect(),
            watched: addresses.iter().map(watched).collect(),
            tasks: addresses.iter().map(|address| to(address).build_async().unwrap()).collect(),
            fleet: Fleet::builder(addresses.into()).build().unwrap(),
        };
        opened.read();
        opened
    }

    fn read(&mut self) {
        self.blocking.iter().for_each(|connection| drop(connection.tracking().unwrap()));
        self.watched.iter_mut().for_each(|(connection, epoll)| read(connection, epoll));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        self.tasks.iter().for_each(|connection| drop(runtime.block_on(connection.tracking()).unwrap()));
        assert_eq!(self.fleet.read::<Tracking>().filter(|(_, result)| result.is_ok()).count(), 2);
    }
}

fn watched(address: &Address) -> (nonblocking::Connection, Epoll) {
    let connection = to(address).build_nonblocking().unwrap();
    let epoll = connection.epoll().unwrap();
    (connection, epoll)
}

fn read(connection: &nonblocking::Connection, epoll: &mut Epoll) {
    let mut reading = connection.tracking();
    let start = Instant::now();
    loop {
        match epoll.advance(&mut reading, Waker::noop()) {
            Step::Done(result) => return drop(result.unwrap()),
            _ => assert!(start.elapsed() < ms(20_000)),
        }
    }
}

/// Opens an event queue at each even or each odd number. The queues watch the descriptors at the other numbers.
fn event_queues(parity: RawFd) -> Vec<OwnedFd> {
    let mut all: Vec<OwnedFd> = Vec::new();
    for number in 3..NUMBERS {
        all.push(if number % 2 == parity {
            epoll::create(CreateFlags::CLOEXEC).unwrap()
        } else {
            eventfd(0, EventfdFlags::CLOEXEC).unwrap()
        });
        assert_eq!(all.last().unwrap().as_raw_fd(), number);
    }
    let (queues, others): (Vec<_>, Vec<_>) = all.iter().partition(|fd| fd.as_raw_fd() % 2 == parity);
    for queue in queues {
        for other in &others {
            // The numbers of a fleet's addresses are small, and its bell's is the largest.
            epoll::add(queue, other, EventData::new_u64(u64::MAX), EventFlags::IN | EventFlags::ET).unwrap();
        }
    }
    all
}

fn devices() -> Vec<OwnedFd> {
    (3..NUMBERS).map(|_| File::open("/dev/urandom").unwrap().into()).collect()
}

type Open = fn() -> Vec<OwnedFd>;

/// The files that a program opens after it has closed all descriptors.
const OTHERS: [(&str, Open); 3] = [
    ("event queues at odd numbers", || event_queues(1)),
    ("event queues at even numbers", || event_queues(0)),
    ("/dev/urandom", devices),
];

/// Returns true if the old connections end without a change to files that others have opened.
fn are_left_alone(opened: Opened, others: Open) -> bool {
    close_all();
    let _others = others();
    let before = states();
    drop(opened);
    let after = states();
    let changed: Vec<_> =
        before.iter().filter(|state| !after.contains(state)).map(|(fd, what, _)| (fd, what)).collect();
    assert_eq!(changed, []);
    before == after
}

#[test]
fn what_a_program_opens_after_it_closed_everything_is_left_alone() {
    alone("process::descriptors::what_a_program_opens_after_it_closed_everything_is_left_alone", || {
        let chronyd = scripted("{}");
        for (what, others) in OTHERS {
            assert!(in_fork(|| are_left_alone(Opened::new(&chronyd), others)), "{what}");
        }
    });
}

#[test]
fn what_a_child_opens_after_it_closed_everything_is_left_alone() {
    alone("process::descriptors::what_a_child_opens_after_it_closed_everything_is_left_alone", || {
        let chronyd = scripted("{}");
        for (what, others) in OTHERS {
            let mut opened = Some(Opened::new(&chronyd));
            assert!(in_fork(|| are_left_alone(opened.take().unwrap(), others)), "{what}");
            opened.unwrap().read();
        }
    });
}

/// The new connections have the same numbers, and look the same.
#[test]
fn connections_that_are_opened_after_that_are_left_alone_too() {
    alone("process::descriptors::connections_that_are_opened_after_that_are_left_alone_too", || {
        let chronyd = scripted("{}");
        assert!(in_fork(|| {
            let old = Opened::new(&chronyd);
            close_all();
            let mut new = Opened::new(&chronyd);
            let before = states();
            drop(old);
            assert_eq!(before, states());
            new.read();
            true
        }));
    });
}

/// A fleet does not wait for the program's own event queue, and does not put sockets into it.
#[test]
fn an_event_queue_of_the_program_is_not_taken_for_that_of_a_fleet() {
    alone("process::descriptors::an_event_queue_of_the_program_is_not_taken_for_that_of_a_fleet", || {
        let chronyd = scripted("{}");
        for parity in [0, 1] {
            assert!(in_fork(|| {
                let mut opened = Opened::new(&chronyd);
                close_all();
                let _others = event_queues(parity);
                let before = states();
                opened.read();
                before.iter().all(|state| states().contains(state))
            }));
        }
    });
}

/// The connection's socket does not show that the device was replaced.
#[test]
fn a_device_that_has_the_number_of_a_sessions_is_left_alone() {
    alone("process::descriptors::a_device_that_has_the_number_of_a_sessions_is_left_alone", || {
        let chronyd = scripted("{}");
        for address in both(&chronyd) {
            let connection = to(&address).build().unwrap();
            let before = descriptors();
            connection.tracking().unwrap();
            let devices = descriptors().into_iter().filter(|(_, what)| what == "/dev/urandom");
            let own: Vec<_> = devices.filter(|one| !before.contains(one)).map(|(fd, _)| fd).collect();
            let device = File::open("/dev/urandom").unwrap();
            for fd in &own {
                put(&device, *fd);
            }
            drop(connection);
            assert!(!own.is_empty() && own.iter().all(|fd| descriptors().contains(&(*fd, "/dev/urandom".to_owned()))));
        }
    });
}
