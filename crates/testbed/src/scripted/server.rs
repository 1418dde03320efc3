//! The sockets of the scripted chronyd and the one thread that serves them.
//!
//! The thread owns everything. The handle sends it jobs, so a fault is in effect when the call that sets it returns.
//! Other modules decide the content of replies. This one receives requests, and queues, delays and sends the replies.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fault::{Faults, Judgement};
use super::reply::{junk, reply};
use super::request::Request;
use super::values::Values;
use crate::Error;
use crate::worker::Jobs;

const JUNK_INTERVAL: Duration = Duration::from_millis(3);
/// The interval of the retries when a client's queue is full, and their timeout.
const FULL_INTERVAL: Duration = Duration::from_millis(1);
const FULL_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Sockets {
    unix: UnixDatagram,
    v4: UdpSocket,
    /// None on a machine without IPv6.
    v6: Option<UdpSocket>,
}

#[derive(Debug, Clone)]
enum Peer {
    Unix(PathBuf),
    Udp(SocketAddr),
}

/// Datagrams for one client, in order.
#[derive(Debug)]
struct Outgoing {
    due: Instant,
    give_up: Instant,
    peer: Peer,
    datagrams: VecDeque<Vec<u8>>,
    /// The right reply and the number of the next invalid one, for an endless stream.
    stream: Option<(Vec<u8>, usize)>,
    /// Set if these datagrams wait for the next answer, to be sent after it.
    held: bool,
}

/// The state that the thread owns.
#[derive(Debug)]
pub(super) struct Server {
    socket: PathBuf,
    port: u16,
    sockets: Option<Sockets>,
    queue: Vec<Outgoing>,
    /// The last answer.
    last: Option<Vec<u8>>,
    pub(super) values: Values,
    pub(super) faults: Faults,
    pub(super) requests: BTreeMap<u16, u64>,
}

impl Server {
    pub(super) fn new(socket: PathBuf, port: u16, values: Values) -> Result<Self, Error> {
        let requests = BTreeMap::new();
        let (queue, last, faults) = (vec![], None, Faults::default());
        let mut server = Self { socket, port, sockets: None, queue, last, values, faults, requests };
        server.come_back()?;
        Ok(server)
    }

    /// Opens the sockets at their old places. Tries again for a while, because a client may have the port for a moment.
    pub(super) fn come_back(&mut self) -> Result<(), Error> {
        let end = Instant::now() + FULL_DEADLINE;
        while self.sockets.is_none() {
            match self.open() {
                Ok(sockets) => self.sockets = Some(sockets),
                Err(error) => {
                    std::fs::remove_file(&self.socket).ok();
                    if error.kind() != io::ErrorKind::AddrInUse || Instant::now() >= end {
                        return Err(Error::system("could not open the scripted chronyd's sockets")(error));
                    }
                    std::thread::sleep(FULL_INTERVAL);
                }
            }
        }
        Ok(())
    }

    fn open(&self) -> io::Result<Sockets> {
        let sockets = Sockets {
            unix: UnixDatagram::bind(&self.socket)?,
            v4: UdpSocket::bind((Ipv4Addr::LOCALHOST, self.port))?,
            v6: UdpSocket::bind((Ipv6Addr::LOCALHOST, self.port)).ok(),
        };
        sockets.unix.set_nonblocking(true)?;
        for udp in [Some(&sockets.v4), sockets.v6.as_ref()].into_iter().flatten() {
            udp.set_nonblocking(true)?;
        }
        Ok(sockets)
    }

    /// Removes all faults.
    pub(super) fn clear(&mut self) {
        self.faults = Faults::default();
        self.queue.clear();
    }

    /// Reads the sockets again, and sends the answers that are kept back or delayed.
    pub(super) fn release(&mut self) {
        self.faults.release();
        let now = Instant::now();
        for outgoing in &mut self.queue {
            (outgoing.due, outgoing.give_up) = (now, now + FULL_DEADLINE);
        }
    }

    /// Closes and removes the sockets, and drops the answers that are not sent yet.
    pub(super) fn die(&mut self) {
        if self.sockets.take().is_some() {
            std::fs::remove_file(&self.socket).ok();
        }
        self.queue.clear();
    }

    /// Serves until the handle is gone.
    pub(super) fn run(mut self, jobs: &Jobs<Self>) {
        loop {
            self.wait(jobs);
            if !jobs.run(&mut self) {
                return self.die();
            }
            self.receive();
            self.send();
        }
    }

    fn wait(&self, jobs: &Jobs<Self>) {
        let mut watched = vec![PollFd::new(jobs, PollFlags::IN)];
        if let (Some(sockets), false) = (&self.sockets, self.faults.unread) {
            watched.push(PollFd::new(&sockets.unix, PollFlags::IN));
            watched.push(PollFd::new(&sockets.v4, PollFlags::IN));
            watched.extend(sockets.v6.as_ref().map(|v6| PollFd::new(v6, PollFlags::IN)));
        }
        let next = self.queue.iter().map(|outgoing| outgoing.due).min();
        let timeout = next.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).expect("a short time"));
        // An interrupt is harmless: what follows does not wait.
        poll(&mut watched, timeout.as_ref()).ok();
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        while let Some((length, peer)) = self.receive_one(&mut buffer) {
            self.handle(&buffer[..length], peer);
        }
    }

    fn receive_one(&self, buffer: &mut [u8]) -> Option<(usize, Option<Peer>)> {
        let sockets = self.sockets.as_ref().filter(|_| !self.faults.unread)?;
        if let Ok((length, address)) = sockets.unix.recv_from(buffer) {
            // A sender without a path cannot be answered.
            return Some((length, address.as_pathname().map(|path| Peer::Unix(path.to_owned()))));
        }
        let mut udp = [Some(&sockets.v4), sockets.v6.as_ref()].into_iter().flatten();
        // An error means that a client's port is gone, or that there is nothing to read.
        udp.find_map(|udp| udp.recv_from(buffer).ok()).map(|(length, address)| (length, Some(Peer::Udp(address))))
    }

    fn handle(&mut self, datagram: &[u8], peer: Option<Peer>) {
        let Some(request) = Request::parse(datagram) else { return };
        let judgement = self.faults.judge(&request);
        if matches!(judgement, Judgement::Unheard) {
            return;
        }
        *self.requests.entry(request.code).or_default() += 1;
        let Judgement::Answered(wrong) = judgement else { return };
        if let Some(churn) = wrong.churn {
            self.values.churn(churn.remove, churn.add);
        }
        if wrong.leave {
            return self.die();
        }
        let Some(peer) = peer else { return };
        let full_access = self.faults.open || self.values.is_open || matches!(peer, Peer::Unix(_));
        let Some(reply) = reply(&request, &self.values, full_access, &wrong) else { return };

        let before = self.last.replace(reply.clone());
        let due = Instant::now() + wrong.delay;
        let give_up = due + FULL_DEADLINE;
        let mut outgoing = Outgoing { due, give_up, peer, datagrams: VecDeque::new(), stream: None, held: false };
        if wrong.junk_forever {
            outgoing.stream = Some((reply, 0));
        } else {
            outgoing.datagrams.extend((0..wrong.junk_before).map(|number| junk(&reply, number)));
            outgoing.datagrams.extend(before.filter(|_| wrong.older));
            outgoing.datagrams.extend(std::iter::repeat_n(reply, 1 + wrong.copies));
        }
        let place = if let Some(overtaken) = self.queue.iter_mut().position(|other| std::mem::take(&mut other.held)) {
            self.queue[overtaken].due = due;
            overtaken
        } else {
            outgoing.held = wrong.overtaken.is_some();
            outgoing.due += wrong.overtaken.unwrap_or_default();
            self.queue.len()
        };
        self.queue.insert(place, outgoing);
    }

    fn send(&mut self) {
        let now = Instant::now();
        let Some(sockets) = &self.sockets else { return };
        let streams = self.faults.streams_junk();
        // As in chronyd, an answer to a Unix socket waits for the answers before it.
        let mut before: Vec<(PathBuf, Instant)> = Vec::new();
        self.queue.retain_mut(|outgoing| {
            let Peer::Unix(path) = outgoing.peer.clone() else {
                return outgoing.due > now || outgoing.advance(sockets, now, streams);
            };
            if let Some((_, due)) = before.iter().find(|(other, _)| *other == path) {
                outgoing.due = outgoing.due.max(*due);
                return true;
            }
            let stays = outgoing.due > now || outgoing.advance(sockets, now, streams);
            before.extend(stays.then_some((path, outgoing.due)));
            stays
        });
    }
}

impl Outgoing {
    /// Sends as much as possible. Returns false once everything is sent.
    fn advance(&mut self, sockets: &Sockets, now: Instant, streams: bool) -> bool {
        if let Some((right, number)) = &mut self.stream {
            if !streams {
                return false;
            }
            let sent = self.peer.send(sockets, &junk(right, *number));
            *number += 1;
            self.due = now + JUNK_INTERVAL;
            return sent.is_ok() || is_full(&sent);
        }
        while let Some(datagram) = self.datagrams.front() {
            let sent = self.peer.send(sockets, datagram);
            if is_full(&sent) && now < self.give_up {
                self.due = now + FULL_INTERVAL;
                return true;
            }
            if sent.is_err() {
                return false;
            }
            self.datagrams.pop_front();
        }
        false
    }
}

fn is_full(sent: &io::Result<usize>) -> bool {
    sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

impl Peer {
    fn send(&self, sockets: &Sockets, datagram: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(path) => sockets.unix.send_to(datagram, path),
            Self::Udp(address @ SocketAddr::V4(_)) => sockets.v4.send_to(datagram, address),
            Self::Udp(address) => sockets.v6.as_ref().map_or(Ok(0), |v6| v6.send_to(datagram, address)),
        }
    }
}
