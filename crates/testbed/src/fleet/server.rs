//! The one socket of a fleet and the thread that serves it.
//!
//! The code of the scripted chronyd makes the answers. Each is made once and kept, because tens of thousands of daemons
//! have equal answers. Only these parts depend on the daemon, and are filled in each time:
//!
//! - `tracking`: the reference ID and the address are the daemon's own address;
//! - `sources`, `sourcestats` and `selectdata`: the address is `fd00::A:I`, with the daemon's address as A (32 bits)
//!   and the source's index as I (32 bits), and the reference ID is the daemon's address. A reference clock keeps its
//!   own reference ID;
//! - `authdata` and `ntpdata` are requested by these addresses, which `ntpdata` also contains.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::libc::in_pktinfo;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, RcvBuf, RcvBufForce};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, getsockopt, recvmsg, sendmsg, setsockopt,
};
use nix::time::{ClockId, clock_gettime};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::Error;
use crate::port::{self, Port};
use crate::scripted::Values;
use crate::scripted::fault::{Loss, Wrong};
use crate::scripted::layout::{Key, REPORTS};
use crate::scripted::reply::reply;
use crate::scripted::request::{REPLY_HEADER, REQUEST_HEADER, Request};
use crate::scripted::wire::address_bytes;
use crate::worker::Jobs;

/// The address of the first daemon; the others follow.
pub(super) const FIRST: Ipv4Addr = Ipv4Addr::new(127, 16, 0, 1);
/// Room for a request from each of a hundred thousand clients. A request takes less than a kilobyte in the kernel.
const RECEIVE_BUFFER: usize = 96 << 20;
/// The number of requests that are served before the thread looks at its jobs and at delayed answers.
const BATCH: usize = 256;
/// The most answers that are kept. Only clients that send nonsense need more.
const MOST_TEMPLATES: usize = 10_000;
/// The counts of the requests and answers of a fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of requests that it has received, by code, including requests for silent daemons.
    pub requests: BTreeMap<u16, u64>,
    /// The number of answers that it has sent.
    pub answers: u64,
    /// The smallest number of requests that any daemon has received.
    pub least: u64,
    /// The largest number of requests that any daemon has received.
    pub most: u64,
    /// The processor time that the thread has used.
    pub cpu: Duration,
}

/// The offsets of the sequence number in a request and in its reply.
const SEQUENCE: (usize, usize) = (8, 16);

/// One daemon of the fleet.
#[derive(Debug, Clone, Default)]
pub(super) struct Daemon {
    pub(super) is_there: bool,
    pub(super) delay: Duration,
    requests: u64,
}

/// An answer without the parts that depend on the daemon.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    /// The offset of the reference ID.
    reference_id: Option<usize>,
    /// The offset of the address.
    address: Option<usize>,
    /// The index of the source.
    index: Option<u32>,
}

/// A delayed answer.
#[derive(Debug)]
struct Outgoing {
    number: u32,
    client: SockaddrIn,
    bytes: Vec<u8>,
}

/// The state that the thread owns.
#[derive(Debug)]
pub(super) struct Server {
    socket: UdpSocket,
    port: Port,
    daemons: Vec<Daemon>,
    values: Values,
    templates: HashMap<Vec<u8>, Option<Template>>,
    /// The delayed answers, by the time at which they are due, and the order of their requests.
    delayed: BTreeMap<(Instant, u64), Outgoing>,
    pub(super) loss: Loss,
    /// Set if every report is served, as `opencommands` allows since chrony 4.7.
    open: bool,
    requests: BTreeMap<u16, u64>,
    answers: u64,
    received: u64,
}

impl Server {
    pub(super) fn new(count: u32, values: Values) -> io::Result<Self> {
        let port = port::free();
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port.number()))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, Ipv4PacketInfo, &true)?;
        // Without privileges, the buffer is only as large as the machine allows.
        setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER))?;
        Ok(Self {
            socket,
            port,
            daemons: vec![Daemon { is_there: true, ..Daemon::default() }; count as usize],
            values,
            templates: HashMap::new(),
            delayed: BTreeMap::new(),
            loss: Loss::default(),
            open: false,
            requests: BTreeMap::new(),
            answers: 0,
            received: 0,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port.number()
    }

    pub(super) fn receive_buffer(&self) -> usize {
        getsockopt(&self.socket, RcvBuf).unwrap_or(0)
    }

    pub(super) fn daemon(&mut self, number: u32) -> &mut Daemon {
        &mut self.daemons[number as usize]
    }

    pub(super) fn change(&mut self, values: &Value) -> Result<(), Error> {
        self.templates.clear();
        self.values.change(values)
    }

    pub(super) fn open(&mut self) {
        self.templates.clear();
        self.open = true;
    }

    pub(super) fn tally(&self) -> Tally {
        let each = || self.daemons.iter().map(|daemon| daemon.requests);
        Tally {
            requests: self.requests.clone(),
            answers: self.answers,
            least: each().min().unwrap_or(0),
            most: each().max().unwrap_or(0),
            // By libc: rustix looks for the kernel's clock where valgrind has none.
            cpu: clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from),
        }
    }

    /// Serves until the handle is gone.
    pub(super) fn run(mut self, jobs: &Jobs<Self>) {
        loop {
            self.wait(jobs);
            if !jobs.run(&mut self) {
                return;
            }
            self.receive();
            self.send_delayed();
        }
    }

    fn wait(&self, jobs: &Jobs<Self>) {
        let mut watched = [PollFd::new(jobs, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
        let next = self.delayed.first_key_value().map(|((due, _), _)| due.saturating_duration_since(Instant::now()));
        let timeout = next.map(|timeout| Timespec::try_from(timeout).expect("a short time"));
        // An interrupt is harmless: what follows does not wait.
        poll(&mut watched, timeout.as_ref()).ok();
    }

    fn receive(&mut self) {
        let (mut buffer, mut control) = ([0; 2048], nix::cmsg_space!(in_pktinfo));
        for _ in 0..BATCH {
            let descriptor = self.socket.as_raw_fd();
            let mut parts = [IoSliceMut::new(&mut buffer)];
            // An error means that a client's port is gone, or that there is nothing to read.
            let Ok(received) =
                recvmsg::<SockaddrIn>(descriptor, &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)
            else {
                return;
            };
            let asked = received.cmsgs().into_iter().flatten().find_map(|message| match message {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some(u32::from_be(info.ipi_addr.s_addr)),
                _ => None,
            });
            let (client, length) = (received.address, received.bytes);
            if let (Some(client), Some(asked)) = (client, asked) {
                self.handle(&mut buffer[..length], client, asked.wrapping_sub(u32::from(FIRST)));
            }
        }
    }

    fn handle(&mut self, datagram: &mut [u8], client: SockaddrIn, number: u32) {
        let Some(code) = Request::parse(datagram).map(|request| request.code) else { return };
        let Some(daemon) = self.daemons.get_mut(number as usize) else { return };
        daemon.requests += 1;
        *self.requests.entry(code).or_default() += 1;
        self.received += 1;
        let (is_there, delay) = (daemon.is_there, daemon.delay);
        if !is_there || self.loss.hits() {
            return;
        }
        let Some(bytes) = self.answer(datagram, number) else { return };
        let outgoing = Outgoing { number, client, bytes };
        if delay.is_zero() {
            self.send(&outgoing);
        } else {
            self.delayed.insert((Instant::now() + delay, self.received), outgoing);
        }
    }

    fn answer(&mut self, datagram: &mut [u8], number: u32) -> Option<Vec<u8>> {
        let mut sequence = [0; 4];
        sequence.swap_with_slice(&mut datagram[SEQUENCE.0..][..4]);
        let daemon = u32::from(FIRST) + number;
        let code = Request::parse(datagram)?.code;
        if REPORTS.iter().any(|report| report.request == code && report.key == Key::Address) {
            // A source's address differs from daemon to daemon. The key of a template has its address in the values.
            let asked = datagram.get_mut(REQUEST_HEADER..)?.get_mut(..20)?;
            let index = u32::from_be_bytes(asked[12..16].try_into().expect("four bytes"));
            let is_here = asked == source_address(daemon, index);
            let shared = self.values.address(index as usize).filter(|_| is_here);
            asked.copy_from_slice(&shared.unwrap_or(vec![0; 20]));
        }
        if !self.templates.contains_key(datagram) {
            if self.templates.len() == MOST_TEMPLATES {
                self.templates.clear();
            }
            self.templates.insert(datagram.to_vec(), Template::new(datagram, &self.values, self.open));
        }
        let template = self.templates[&*datagram].as_ref()?;
        Some(template.fill(sequence, daemon))
    }

    fn send_delayed(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let outgoing = entry.remove();
            if self.daemon(outgoing.number).is_there {
                self.send(&outgoing);
            }
        }
    }

    fn send(&mut self, outgoing: &Outgoing) {
        let from = u32::from(FIRST) + outgoing.number;
        let mut info = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: nix::libc::in_addr { s_addr: from.to_be() },
            ipi_addr: nix::libc::in_addr { s_addr: 0 },
        };
        info.ipi_addr = info.ipi_spec_dst;
        let parts = [IoSlice::new(&outgoing.bytes)];
        let control = [ControlMessage::Ipv4PacketInfo(&info)];
        // If the client is gone, or its queue is full, the answer is lost.
        let sent = sendmsg(self.socket.as_raw_fd(), &parts, &control, MsgFlags::MSG_DONTWAIT, Some(&outgoing.client));
        self.answers += u64::from(sent.is_ok());
    }
}

impl Template {
    /// Returns the answer to a request, or `None` if chronyd does not answer.
    fn new(datagram: &[u8], values: &Values, open: bool) -> Option<Self> {
        let request = Request::parse(datagram)?;
        let bytes = reply(&request, values, open, &Wrong::default())?;
        let mut template = Self { bytes, reference_id: None, address: None, index: None };
        let Some(report) = REPORTS.iter().find(|report| report.request == request.code) else { return Some(template) };
        let code = u16::from_be_bytes([template.bytes[6], template.bytes[7]]);
        // A refusal does not have a layout.
        let Some(layout) = report.layouts.iter().find(|layout| layout.reply == code) else { return Some(template) };
        let arguments = datagram.get(REQUEST_HEADER..).unwrap_or_default();
        template.index = match report.key {
            Key::Single => None,
            Key::Index => arguments.first_chunk().copied().map(u32::from_be_bytes),
            Key::Address => values.source_at(arguments.get(..20)?).and_then(|index| index.try_into().ok()),
        };
        if template.index.is_some_and(|index| values.is_reference_clock(index as usize)) {
            return Some(template);
        }
        let mut place = REPLY_HEADER;
        for (name, wire, _) in layout.fields() {
            match *name {
                // The reference ID in ntpdata is the source's own, and stays unchanged.
                "reference ID" if report.key != Key::Address => template.reference_id = Some(place),
                "address" | "remote address" => template.address = Some(place),
                _ => {}
            }
            place += wire.size();
        }
        Some(template)
    }

    /// Returns the answer of a daemon.
    fn fill(&self, sequence: [u8; 4], daemon: u32) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[SEQUENCE.1..][..4].copy_from_slice(&sequence);
        if let Some(place) = self.reference_id {
            bytes[place..][..4].copy_from_slice(&daemon.to_be_bytes());
        }
        if let Some(place) = self.address {
            let address = match self.index {
                Some(index) => source_address(daemon, index),
                None => address_bytes(1, &daemon.to_be_bytes()),
            };
            bytes[place..][..address.len()].copy_from_slice(&address);
        }
        bytes
    }
}

/// Returns the address of a daemon's source, in wire format.
fn source_address(daemon: u32, index: u32) -> Vec<u8> {
    let low = u128::from(daemon) << 32 | u128::from(index);
    address_bytes(2, &Ipv6Addr::from(0xfd00 << 112 | low).octets())
}
