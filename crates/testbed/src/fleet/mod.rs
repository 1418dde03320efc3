//! Thousands of chronyds on 127.0.0.0/8, played by one thread over one UDP socket.
//!
//! The socket is bound to every address of the machine. It reports the address of each request, and the answer is sent
//! from there. So a client sees as many daemons as there are addresses. They answer like [`Scripted`](crate::Scripted)
//! ones over UDP; `server` lists the differences. They can be silent, slow and lossy, but have no other faults. The
//! machine does not refuse requests to a silent daemon, as it would if nothing listened on the port.

use std::net::SocketAddrV4;
use std::time::Duration;

use serde_json::Value;

use crate::worker::Worker;
use crate::{Error, Values};

mod server;

pub use server::Tally;

use server::{FIRST, Server};

/// The limit keeps all daemons on the loopback interface.
const MOST: u32 = 1 << 20;

/// A running fleet. Dropping it ends its thread.
#[derive(Debug)]
pub struct Fleet {
    count: u32,
    port: u16,
    receive_buffer: usize,
    thread: Worker<Server>,
}

impl Fleet {
    /// Starts `count` daemons that report `values`.
    pub fn start(count: u32, values: Values) -> Result<Self, Error> {
        if count == 0 || count > MOST {
            return Err(Error::Script(format!("not a number of daemons: {count}; at most {MOST}")));
        }
        let server = Server::new(count, values).map_err(Error::system("could not open the fleet's socket"))?;
        let (port, receive_buffer) = (server.port(), server.receive_buffer());
        let thread = Worker::start(server, |server, jobs| server.run(&jobs))?;
        Ok(Self { count, port, receive_buffer, thread })
    }

    /// Returns the number of daemons.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Returns the UDP port of all daemons.
    pub fn command_port(&self) -> u16 {
        self.port
    }

    /// Returns the size of the receive buffer, in bytes, that all of them share. Requests beyond it are lost.
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Returns the address of a daemon; the first is number 0. A number without a daemon has a silent address.
    pub fn address(&self, number: u32) -> SocketAddrV4 {
        SocketAddrV4::new((u32::from(FIRST) + number).into(), self.port)
    }

    /// Stops daemons: they do not answer any more, and their delayed answers are not sent.
    pub fn leave(&self, daemons: impl IntoIterator<Item = u32>) -> Result<(), Error> {
        self.each(daemons, |daemon| daemon.is_there = false)
    }

    /// Starts daemons again.
    pub fn come(&self, daemons: impl IntoIterator<Item = u32>) -> Result<(), Error> {
        self.each(daemons, |daemon| daemon.is_there = true)
    }

    /// Delays the answers of daemons. Requests do not wait for each other.
    pub fn delay(&self, delay: Duration, daemons: impl IntoIterator<Item = u32>) -> Result<(), Error> {
        self.each(daemons, move |daemon| daemon.delay = delay)
    }

    /// Loses a percentage of the answers of the whole fleet, at random, in an order that follows from the seed.
    pub fn lose(&self, percent: f64, seed: u64) {
        self.thread.call(move |server| {
            server.loss.set(percent);
            server.loss.seed(seed);
        });
    }

    /// Serves every report, as `opencommands` allows since chrony 4.7.
    pub fn open(&self) {
        self.thread.call(Server::open);
    }

    /// Replaces the values that `values` names; see [`Values`].
    pub fn change(&self, values: Value) -> Result<(), Error> {
        self.thread.call(move |server| server.change(&values))
    }

    /// Returns the counts of its requests and answers so far.
    pub fn tally(&self) -> Tally {
        self.thread.call(|server| server.tally())
    }

    fn each(
        &self,
        daemons: impl IntoIterator<Item = u32>,
        change: impl Fn(&mut server::Daemon) + Send + 'static,
    ) -> Result<(), Error> {
        let daemons: Vec<_> = daemons.into_iter().collect();
        if let Some(number) = daemons.iter().find(|&&number| number >= self.count) {
            return Err(Error::Script(format!("no daemon {number}: they are numbered from 0 to {}", self.count - 1)));
        }
        self.thread.call(move |server| daemons.iter().for_each(|&number| change(server.daemon(number))));
        Ok(())
    }
}
