//! Rounds over thousands of chronyds in one thread, with the crate's fleet or with libchrony's own functions.
//!
//! Both keep the same number of addresses in flight, use one event queue, and check that each answer is from the daemon
//! that was asked. libchrony's own functions wait without a deadline and do not retry, so no datagram may be lost.

use crate::cpu_time;
use crate::raw::Lanes;
use libchrony::fleet::Fleet;
use libchrony::{Address, Tracking};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The number of descriptors for the rest of the process.
const RESERVE: u64 = 48;
const EVENTS: usize = 256;

/// The results of one round.
#[derive(Default)]
struct Round {
    failed: Vec<usize>,
    wrong: usize,
    /// The time of each answer, in nanoseconds since the beginning of the round.
    times: Vec<u128>,
}

impl Round {
    fn answered(&mut self, from: Option<&str>, asked: &str, start: Instant) {
        self.wrong += usize::from(from != Some(asked));
        self.times.push(start.elapsed().as_nanos());
    }
}

/// The addresses of the daemons, and the options of a call.
pub(crate) struct Fleets {
    hosts: Vec<String>,
    port: String,
    in_flight: usize,
    timeout: Duration,
    fleet: Option<Fleet>,
    raw: Option<Raw>,
}

/// Sessions that stay open between rounds.
struct Raw {
    sessions: Vec<Lanes>,
    queue: OwnedFd,
}

impl Fleets {
    /// Parses the arguments `FIRST PORT COUNT IN_FLIGHT SECONDS`.
    pub(crate) fn new(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let [first, port, count, in_flight, seconds] = arguments else {
            return Err("usage: bench-runner fleet FIRST PORT COUNT IN_FLIGHT SECONDS".into());
        };
        let (first, count) = (u32::from(first.parse::<Ipv4Addr>()?), count.parse::<u32>()?);
        Ok(Self {
            hosts: (0..count).map(|number| Ipv4Addr::from(first + number).to_string()).collect(),
            port: port.clone(),
            in_flight: in_flight.parse()?,
            timeout: Duration::from_secs_f64(seconds.parse()?),
            fleet: None,
            raw: None,
        })
    }

    /// Runs one round of a contestant. Its sessions stay open for the next round.
    pub(crate) fn run(&mut self, who: &str) -> Result<String, Box<dyn Error>> {
        match who {
            "crate" if self.fleet.is_none() => self.fleet = Some(self.build()?),
            "raw" if self.raw.is_none() => self.raw = Some(self.open()?),
            "crate" | "raw" => {}
            _ => return Ok(r#"{"unsupported": true}"#.to_owned()),
        }
        let mut round = Round { times: Vec::with_capacity(self.hosts.len()), ..Round::default() };
        let (cpu, start) = (cpu_time(), Instant::now());
        match who {
            "crate" => self.round_fleet(&mut round, start),
            _ => self.round_raw(&mut round, start)?,
        }
        let (wall, cpu) = (start.elapsed().as_nanos(), cpu_time() - cpu);
        let Round { failed, wrong, times } = round;
        let process = format!(r#""kib": {}, "descriptors": {}"#, resident_kib()?, descriptors()?);
        Ok(format!(
            r#"{{"wall": {wall}, "cpu": {cpu}, "wrong": {wrong}, "failed": {failed:?}, "times": {times:?}, {process}}}"#
        ))
    }

    fn address(&self, host: &str) -> String {
        format!("{host}:{}", self.port)
    }

    fn build(&self) -> Result<Fleet, Box<dyn Error>> {
        let addresses = self.hosts.iter().map(|host| self.address(host).parse::<Address>());
        let fleet = Fleet::builder(addresses.collect::<Result<_, _>>()?);
        Ok(fleet.in_flight(self.in_flight).timeout(self.timeout).raise_descriptor_limit().build()?)
    }

    fn round_fleet(&mut self, round: &mut Round, start: Instant) {
        let Some(fleet) = &mut self.fleet else { return };
        for (number, result) in fleet.read::<Tracking>() {
            match result {
                Ok(tracking) => round.answered(tracking.reference_ip.as_deref(), &self.hosts[number], start),
                Err(_) => round.failed.push(number),
            }
        }
    }

    /// Opens a session for each daemon, or as many as the limit on open files allows.
    fn open(&self) -> Result<Raw, Box<dyn Error>> {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
        let most = limit.maximum.map_or(usize::MAX, |most| usize::try_from((most - RESERVE) / 2).unwrap_or(usize::MAX));
        let (queue, symbols) = (epoll::create(CreateFlags::CLOEXEC)?, crate::raw::load()?);
        let mut sessions = Vec::new();
        for (number, host) in (0..).zip(self.hosts.iter().take(most)) {
            let lanes = Lanes::open_one(symbols, &self.address(host))?;
            epoll::add(&queue, &lanes, EventData::new_u64(number), EventFlags::IN)?;
            sessions.push(lanes);
        }
        Ok(Raw { sessions, queue })
    }

    fn round_raw(&mut self, round: &mut Round, start: Instant) -> Result<(), Box<dyn Error>> {
        let Some(Raw { sessions, queue }) = &self.raw else { return Ok(()) };
        let mut next = self.in_flight.min(sessions.len());
        sessions[..next].iter().try_for_each(Lanes::request_tracking)?;
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        while round.times.len() < sessions.len() {
            events.clear();
            epoll::wait(queue, spare_capacity(&mut events), None)?;
            for event in &events {
                let number = usize::try_from(event.data.u64())?;
                let Some(from) = sessions[number].take_tracking()? else { continue };
                round.answered(Some(&from), &self.hosts[number], start);
                if let Some(lanes) = sessions.get(next) {
                    lanes.request_tracking()?;
                    next += 1;
                }
            }
        }
        Ok(())
    }
}

/// Returns the memory in use by this process.
fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim_end_matches("kB").trim().parse()?)
}

fn descriptors() -> std::io::Result<usize> {
    // Without the descriptor of the folder that is being read.
    Ok(fs::read_dir("/proc/self/fd")?.count() - 1)
}
