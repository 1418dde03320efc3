//! A real chronyd with what it depends on, and the conditions that a test waits for.

use crate::responder::{Answers, Responder};
use std::time::Duration;
use testbed::{Builder, Chronyd, Error, FOUR, Pair, RefClock, Signal};

/// The slowest state, a lost source, takes about 20 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// The age in seconds at which samples are too old, for sources that are polled every second: more than eight polls.
pub(crate) const OLD: u32 = 9;

pub(crate) const GPS: &str = "refclock SOCK {folder}/GPS refid GPS poll -2 filter 4";

/// A chronyd, and what it depends on.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) chronyd: Chronyd,
    pub(crate) server: Option<Chronyd>,
    pub(crate) follower: Option<Chronyd>,
    pub(crate) clocks: Vec<RefClock>,
    pub(crate) responder: Option<Responder>,
}

impl Bed {
    fn of(chronyd: Chronyd) -> Self {
        Self { chronyd, server: None, follower: None, clocks: Vec::new(), responder: None }
    }

    /// Adds samples to the reference clock with this socket.
    pub(crate) fn with_clock(mut self, socket: &str, signal: Signal) -> Self {
        self.clocks.push(clock(&self.chronyd, socket, signal));
        self
    }

    /// Waits until a condition holds for the lines of a report, split into fields.
    pub(crate) fn until(self, report: &str, holds: impl Fn(&[Vec<&str>]) -> bool) -> Self {
        let holds = |output: &str| holds(&output.lines().map(|line| line.split(',').collect()).collect::<Vec<_>>());
        self.chronyd.wait_until(&[report], PATIENCE, holds).unwrap();
        self
    }

    /// Waits until the states of the sources in selectdata are these letters, in any order. An s counts as M: chrony
    /// 4.5 and older have s for a source without samples, once a selection has run.
    pub(crate) fn selected(self, letters: &str) -> Self {
        let sorted = |letters: String| {
            let mut letters = letters.replace('s', "M").into_bytes();
            letters.sort_unstable();
            letters
        };
        let wanted = sorted(letters.to_owned());
        self.until("selectdata", |lines| sorted(lines.iter().map(|line| line[0]).collect()) == wanted)
    }

    /// Waits until chronyd has selected a source, and has at least four samples of each source.
    pub(crate) fn synchronised(self) -> Self {
        self.selected_with("*", "+D").measured()
    }

    /// Waits until chronyd has at least four samples of each source.
    pub(crate) fn measured(self) -> Self {
        self.until("sourcestats", |lines| lines.iter().all(|line| number(line, 1) >= 4))
    }

    /// Waits until there are sources in each of these states, and all others are in one of `others`. An s counts as M.
    pub(crate) fn selected_with(self, letters: &str, others: &str) -> Self {
        self.until("selectdata", |lines| {
            let states: Vec<_> = lines.iter().map(|line| line[0].replace('s', "M")).collect();
            letters.chars().all(|letter| states.iter().any(|state| state.starts_with(letter)))
                && states.iter().all(|state| letters.contains(&**state) || others.contains(&**state))
        })
    }

    /// Waits until no source answers any more, and all samples are too old.
    pub(crate) fn lost(self) -> Self {
        self.until("sources", |lines| lines.iter().all(|line| line[5] == "0" && number(line, 6) >= OLD))
    }

    /// Waits until attempts to get NTS keys have failed for `sources` sources.
    pub(crate) fn without_keys(self, sources: usize) -> Self {
        let failed = |line: &Vec<&str>| line[1] == "NTS" && number(line, 4) == 0 && number(line, 6) >= 1;
        self.until("authdata", |lines| lines.iter().filter(|line| failed(line)).count() == sources)
    }

    /// Waits until a few messages were received from each source.
    pub(crate) fn received(self) -> Self {
        self.until("ntpdata", |lines| lines.iter().all(|line| number(line, 31) >= 3))
    }

    /// Waits until at least one message was sent to each source.
    pub(crate) fn asked(self) -> Self {
        self.until("ntpdata", |lines| lines.iter().all(|line| number(line, 30) >= 1))
    }
}

pub(crate) fn number(line: &[&str], field: usize) -> u32 {
    line[field].parse().unwrap()
}

pub(crate) fn reach(line: &[&str]) -> u8 {
    u8::from_str_radix(line[5], 8).unwrap()
}

pub(crate) fn client() -> Builder {
    Chronyd::builder().command_port()
}

pub(crate) fn good_server() -> Builder {
    Chronyd::builder().line("local stratum 3")
}

/// A client of a server, with a source for each of these options.
pub(crate) fn pair(server: Builder, sources: &[&str], client: Builder) -> Bed {
    try_pair(server, sources, client).unwrap()
}

/// As [`pair`], unless chronyd does not have a directive of the client.
pub(crate) fn try_pair(server: Builder, sources: &[&str], client: Builder) -> Result<Bed, Error> {
    let Pair { client, server } = Pair::of(server, sources, client)?;
    Ok(Bed { server: Some(server), ..Bed::of(client) })
}

/// A client of four good servers, with these options.
pub(crate) fn four(options: &str, client: Builder) -> Bed {
    pair(good_server(), &[options; 4], client)
}

pub(crate) fn alone(client: Builder) -> Bed {
    Bed::of(client.start().unwrap())
}

/// A client that has a source with such answers, and these options for it.
pub(crate) fn with_responder(answers: Answers, options: &str, client: Builder) -> Bed {
    let responder = Responder::start(answers);
    let mut bed = alone(client.line(responder.line(options)));
    bed.responder = Some(responder);
    bed
}

/// A client of four servers that follow a reference clock with these options.
pub(crate) fn behind_a_clock(options: &str, client: Builder) -> Bed {
    let server = Chronyd::builder().line("maxdistance 100").line(format!("{GPS} {options}"));
    let mut bed = pair(server, FOUR, client);
    bed.clocks.push(clock(bed.server.as_ref().unwrap(), "GPS", time(0.0)));
    bed
}

/// The samples of a clock with a constant error. A positive one says that the system is slow.
pub(crate) const fn time(offset: f64) -> Signal {
    Signal::Time { offset, drift: 0.0 }
}

fn clock(chronyd: &Chronyd, socket: &str, signal: Signal) -> RefClock {
    RefClock::start(&chronyd.folder().join(socket), signal).unwrap()
}
