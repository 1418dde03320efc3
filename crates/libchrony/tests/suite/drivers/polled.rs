//! Calls that never wait, in one thread that polls their sockets.

use super::{Driver, Tasks};
use crate::common::system::in_fork;
use libchrony::nonblocking::{Call, Connection, Reply, Step};
use libchrony::{Address, AnyRecords, Builder, Error, NtpData, Readable, Rows, Source, Table, Tracking};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashSet;
use std::net::ToSocketAddrs;
use std::os::fd::{AsFd, AsRawFd};
use std::task::Waker;
use std::time::Instant;

pub(crate) struct Polled(Connection);

/// Advances a call as far as possible. Returns its result, or the latest moment at which to advance it again.
fn advance<T: Reply>(reading: &mut Call<T>) -> Result<Result<T, Error>, Instant> {
    loop {
        match reading.advance(Waker::noop()) {
            Step::Done(result) => return Ok(result),
            Step::Wait(until) => return Err(until),
            Step::Resolve(host) => {
                let found = host.host().unwrap().to_socket_addrs();
                reading.resolved(host, found.map(Iterator::collect));
            }
        }
    }
}

/// Waits for the sockets of calls.
fn wait<'a, T: Reply + 'a>(readings: impl Iterator<Item = &'a Call<T>>, until: Instant) {
    let interests: Vec<_> = readings.map(Call::interests).collect();
    for of_one in &interests {
        let sockets: HashSet<_> = of_one.iter().map(|one| one.as_fd().as_raw_fd()).collect();
        assert_eq!(sockets.len(), of_one.len(), "a socket is named twice");
    }
    let flags = |write| if write { PollFlags::OUT } else { PollFlags::IN };
    let mut fds: Vec<_> = interests.iter().flatten().map(|one| PollFd::new(one, flags(one.is_to_write()))).collect();
    let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).unwrap();
    poll(&mut fds, Some(&left)).unwrap();
}

/// Advances a call until it ends.
fn finish<T: Reply>(mut reading: Call<T>) -> Result<T, Error> {
    loop {
        match advance(&mut reading) {
            Ok(result) => return result,
            Err(until) => wait([&reading].into_iter(), until),
        }
    }
}

/// Advances calls that have begun until all of them end.
fn finish_all(mut readings: Vec<(usize, Call<Vec<Source>>)>) -> Vec<(usize, Result<Vec<Source>, Error>)> {
    let mut ended = Vec::new();
    loop {
        let mut next = None;
        readings.retain_mut(|(number, reading)| match advance(reading) {
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
        wait(readings.iter().map(|(_, reading)| reading), until);
    }
}

fn begin_all(connections: &[&Polled]) -> Vec<(usize, Call<Vec<Source>>)> {
    connections.iter().map(|connection| connection.0.sources()).enumerate().collect()
}

impl Driver for Polled {
    const NAME: &'static str = "polled";

    fn new(builder: Builder) -> Self {
        Self(builder.build_nonblocking().unwrap())
    }

    fn tracking(&self) -> Result<Tracking, Error> {
        finish(self.0.tracking())
    }

    fn sources(&self) -> Result<Vec<Source>, Error> {
        finish(self.0.sources())
    }

    fn read<R: Readable>(&self) -> Result<R, Error> {
        finish(self.0.read::<R>())
    }

    fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        finish(self.0.rows(table))
    }

    fn report(&self, name: &str) -> Result<AnyRecords, Error> {
        finish(self.0.report(name)?)
    }

    fn ntp_data(&self) -> Result<Vec<Option<NtpData>>, Error> {
        finish(self.0.ntp_data())
    }

    fn connect(&self) -> Result<Address, Error> {
        finish(self.0.connect()).map(|()| self.0.address().unwrap())
    }

    fn address(&self) -> Option<Address> {
        self.0.address()
    }

    fn close(&self) {
        self.0.close();
    }

    fn together(connections: &[&Self]) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        finish_all(begin_all(connections))
    }
}

impl Tasks for Polled {
    fn sources_within(&self, steps: usize) -> Option<Result<Vec<Source>, Error>> {
        let mut reading = self.0.sources();
        for _ in 0..steps {
            match advance(&mut reading) {
                Ok(result) => return Some(result),
                Err(until) => wait([&reading].into_iter(), until),
            }
        }
        None
    }

    fn together_without(connections: &[&Self], given_up: usize) -> Vec<(usize, Result<Vec<Source>, Error>)> {
        let mut readings = begin_all(connections);
        for (_, reading) in &mut readings {
            advance(reading).unwrap_err();
        }
        drop(readings.remove(given_up));
        finish_all(readings)
    }

    fn forks_meanwhile(&self) -> usize {
        let mut reading = self.0.sources();
        advance(&mut reading).unwrap_err();
        let mut reading = Some(reading);
        let mut count = || finish(reading.take().unwrap()).unwrap().len();
        assert!(in_fork(|| count() > 0));
        count()
    }
}
