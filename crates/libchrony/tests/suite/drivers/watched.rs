//! Calls that never wait, in one thread that waits for one descriptor of each connection, as event loops do.

use super::{Driver, Tasks};
use crate::common::open;
use crate::common::system::in_fork;
use crate::common::{both, ms, scripted, to, udp};
use libchrony::nonblocking::{Call, Connection, Epoll, Reply, Step};
use libchrony::{Address, AnyRecords, Builder, Error, NtpData, Readable, Rows, Source, Table, Tracking};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::ToSocketAddrs;
use std::os::fd::AsFd;
use std::process;
use std::ptr;
use std::sync::Mutex;
use std::task::Waker;
use std::time::{Duration, Instant};
use testbed::Fault;

/// Nothing here takes nearly as long.
const AMPLE: Duration = Duration::from_secs(20);

pub(crate) struct Watched {
    connection: Connection,
    epoll: Mutex<Epoll>,
}

impl Watched {
    /// Advances a call as far as possible. Returns its result, or the latest moment at which to advance it again.
    fn advance<T: Reply>(&self, reading: &mut Call<T>) -> Result<Result<T, Error>, Instant> {
        loop {
            match self.epoll.lock().unwrap().advance(reading, Waker::noop()) {
                Step::Done(result) => return Ok(result),
                Step::Wait(until) => return Err(until),
                Step::Resolve(host) => {
                    let found = host.host().unwrap().to_socket_addrs();
                    reading.resolved(host, found.map(Iterator::collect));
                }
            }
        }
    }

    /// Advances a call until it ends.
    fn finish<T: Reply>(&self, mut reading: Call<T>) -> Result<T, Error> {
        loop {
            match self.advance(&mut reading) {
                Ok(result) => return result,
                Err(until) => wait(&[self], until),
            }
        }
    }
}

/// Waits for the sockets of connections.
fn wait(connections: &[&Watched], until: Instant) {
    let epolls: Vec<_> = connections.iter().map(|connection| connection.epoll.lock().unwrap()).collect();
    let mut fds: Vec<_> = epolls.iter().map(|epoll| PollFd::new(&**epoll, PollFlags::IN)).collect();
    let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).unwrap();
    poll(&mut fds, Some(&left)).unwrap();
}

type Readings<'a> = Vec<(usize, &'a Watched, Call<Vec<Source>>)>;

fn begin_all<'a>(connections: &[&'a Watched]) -> Readings<'a> {
    let begin = |(number, connection): (usize, &&'a Watched)| (number, *connection, connection.connection.sources());
    connections.iter().enumerate().map(begin).collect()
}

/// Advances calls that have begun until all of them end.
fn finish_all(mut readings: Readings<'_>) -> Vec<(usize, Result<Vec<Source>, Error>)> {
    let mut ended = Vec::new();
    loop {
        let mut next = None;
        readings.retain_mut(|(number, connection, reading)| match connection.advance(reading) {
            Ok(result) => {
                ended.push((*number, result));
                false
            }
            Err(until) => {
                next = next.min(Some(until)).or(Some(until));
                true
            }
        });
        let Some(until) = next else { return ended };
        // Each connection once.
        let mut connections: Vec<_> = readings.iter().map(|(_, connection, _)| *connection).collect();
        connections.sort_by_key(|connection| ptr::from_ref(*connection));
        connections.dedup_by_key(|connection| ptr::from_ref(*connection));
        wait(&connections, until);
    }
}

impl Driver for Watched {
    const NAME: &'static str = "watched";

    fn new(builder: Builder) -> Self {
        let connection = builder.build_nonblocking().unwrap();
        let epoll = Mutex::new(connection.epoll().unwrap());
        Self { connection, epoll }
    }

    fn tracking(&self) -> Result<Tracking, Error> {
        self.finish(self.connection.tracking())
    }

    fn sources(&self) -> Result<Vec<Source>, Error> {
        self.finish(self.connection.sources())
    }

    fn read<R: Readable>(&self) -> Result<R, Error> {
        self.finish(self.connection.read::<R>())
    }

    fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        self.finish(self.connection.rows(table))
    }

    fn report(&self, name: &str) -> Result<AnyRecords, Error> {
        self.finish(self.connection.report(name)?)
    }

    fn ntp_data(&self) -> Result<Vec<Option<NtpData>>, Error> {
        self.finish(self.connection.ntp_data())
    }

    fn connect(&self) -> Result<Address, Error> {
        self.finish(self.connection.connect()).map(|()| self.connection.address().unwrap())
    }

    fn address(&self) -> Option<Address> {
        self.connection.address()
    }

    fn close(&self) {
        self.connection.close();
    }

    fn together(connections: &[&Self]) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        finish_all(begin_all(connections))
    }
}

impl Tasks for Watched {
    fn sources_within(&self, steps: usize) -> Option<Result<Vec<Source>, Error>> {
        let mut reading = self.connection.sources();
        for _ in 0..steps {
            match self.advance(&mut reading) {
                Ok(result) => return Some(result),
                Err(until) => wait(&[self], until),
            }
        }
        None
    }

    fn together_without(connections: &[&Self], given_up: usize) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        let mut readings = begin_all(connections);
        for (_, connection, reading) in &mut readings {
            connection.advance(reading).unwrap_err();
        }
        drop(readings.remove(given_up));
        finish_all(readings)
    }

    fn forks_meanwhile(&self) -> usize {
        let mut reading = self.connection.sources();
        self.advance(&mut reading).unwrap_err();
        let mut reading = Some(reading);
        let mut count = || self.finish(reading.take().unwrap()).unwrap().len();
        // The child shares the queue, and must not put its own sockets into it.
        let watched = open::watched(process::id());
        assert!(in_fork(|| count() > 0));
        assert!(watched > 0 && open::watched(process::id()) == watched, "the child changed its parent's event queue");
        count()
    }
}

fn is_readable(fd: &impl AsFd, within: Duration) -> bool {
    let within = Timespec::try_from(within).unwrap();
    poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&within)).unwrap() > 0
}

#[test]
fn what_comes_after_a_call_is_not_there_for_ever() {
    let chronyd = scripted("{}");
    for address in both(&chronyd) {
        let connection = Watched::new(to(&address));
        chronyd.set(Fault::Duplicate);
        // So that no call ends before its socket is watched.
        chronyd.set(Fault::Delay(ms(20)));
        for _ in 0..3 {
            let mut call = connection.connection.tracking();
            connection.advance(&mut call).unwrap_err();
            let socket = call.interests()[0].as_fd().try_clone_to_owned().unwrap();
            connection.finish(call).unwrap();
            // The second answer arrives, and is never read.
            assert!(is_readable(&socket, AMPLE));
            let mut epoll = connection.epoll.lock().unwrap();
            epoll.forget_ready();
            assert!(!is_readable(&*epoll, Duration::ZERO));
        }
        chronyd.clear();
        connection.tracking().unwrap();
        connection.tracking().unwrap();
        assert!(!is_readable(&*connection.epoll.lock().unwrap(), Duration::from_millis(20)));
    }
}

#[test]
fn an_answer_to_a_call_that_was_given_up_is_not_there_for_ever() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Delay(ms(20)));
    let connection = Watched::new(to(&udp(chronyd.command_port())));
    let mut call = connection.connection.tracking();
    connection.advance(&mut call).unwrap_err();
    // A copy keeps the socket open, as the copy of a forked child does.
    let _copy = call.interests()[0].as_fd().try_clone_to_owned().unwrap();
    drop(call);
    assert!(is_readable(&*connection.epoll.lock().unwrap(), AMPLE));
    connection.epoll.lock().unwrap().forget_ready();
    assert!(!is_readable(&*connection.epoll.lock().unwrap(), Duration::ZERO));
    connection.tracking().unwrap();
}

#[test]
fn each_set_of_a_connection_watches_its_kept_session() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Delay(ms(20)));
    for address in both(&chronyd) {
        let connection = to(&address).timeout(AMPLE).build_nonblocking().unwrap();
        let mut sets = [connection.epoll().unwrap(), connection.epoll().unwrap()];
        for number in [0, 1, 0] {
            let mut call = connection.tracking();
            assert!(matches!(sets[number].advance(&mut call, Waker::noop()), Step::Wait(_)));
            assert!(is_readable(&sets[number], AMPLE / 2));
            assert!(matches!(sets[number].advance(&mut call, Waker::noop()), Step::Done(Ok(_))));
        }
    }
}
