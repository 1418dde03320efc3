//! The calls to one address of a fleet, one after the other, within one timeout. The waiting is left to the round.

use super::reports::Parts;
use crate::address::Address;
use crate::drivers::resolve::LookUp;
use crate::engine::clock::Clock;
use crate::engine::machine::Machine;
use crate::engine::ready::{Interest, Ready, Step};
use crate::engine::turns::Turns;
use crate::error::Error;
use crate::report::query::Query;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

/// The calls to one address.
#[derive(Debug)]
pub(super) struct Call<P> {
    turns: Arc<Turns>,
    machine: Machine,
    parts: P,
    /// The results of the parts before the current one, without their records.
    ends: Vec<Result<(), Error>>,
    /// The address that has answered a part. The remaining parts are read only from there.
    answered: Option<Address>,
    pub(super) start: Instant,
    end: Instant,
    /// The moment at which the call is advanced at the latest.
    pub(super) until: Instant,
    /// The lookup of the host whose addresses the call needs.
    pub(super) look_up: Option<LookUp>,
    /// Set while the call counts among the addresses that are read at once.
    pub(super) counts: bool,
}

impl<P: Parts> Call<P> {
    pub(super) fn new(
        turns: &Arc<Turns>,
        what: &P::What,
        answered: Option<Address>,
        start: Instant,
        end: Instant,
    ) -> Self {
        let mut parts = P::new(what);
        let ends = Vec::with_capacity(parts.count());
        let machine = machine(turns, parts.part(0).query(), answered.clone(), start, end);
        let turns = Arc::clone(turns);
        Self { turns, machine, parts, ends, answered, start, end, until: start, look_up: None, counts: true }
    }

    /// Advances the calls as far as the sockets allow. Returns the moment until which they wait, or `None` when they
    /// are over.
    pub(super) fn advance(&mut self, mut ready: Ready<'_>) -> Option<Instant> {
        loop {
            match self.machine.advance(ready, Waker::noop(), self.parts.part(self.ends.len())) {
                Step::Wait(until) => return Some(until),
                Step::Resolve(host) => {
                    self.look_up = Some(LookUp::new(host, self.end));
                    continue;
                }
                Step::Done(result) => {
                    self.answered = self.machine.take_answered().or(self.answered.take());
                    self.ends.push(result);
                    while self.ends.len() < self.parts.count() && Instant::now() >= self.end {
                        let address = self.answered.as_ref().unwrap_or(&self.turns.settings.addresses[0]).clone();
                        let waited = self.end - self.start;
                        let report = self.parts.part(self.ends.len()).query().report();
                        self.ends.push(Err(Error::NotAsked { report, address, waited }));
                    }
                    if self.ends.len() == self.parts.count() {
                        return None;
                    }
                }
            }
            self.look_up = None;
            let (query, answered) = (self.parts.part(self.ends.len()).query(), self.answered.clone());
            self.machine = machine(&self.turns, query, answered, Instant::now(), self.end);
            ready = Ready::These(&[]);
        }
    }

    /// Takes the result of looking up the host.
    pub(super) fn resolved(&mut self, addresses: io::Result<Vec<Address>>) {
        if let Some(look_up) = self.look_up.take() {
            self.machine.resolved(look_up.host.clone(), addresses);
        }
    }

    pub(super) fn interests(&self) -> Vec<Interest<'_>> {
        self.machine.interests()
    }

    /// Returns the results of a call that is over.
    pub(super) fn take(&mut self) -> P::Results {
        self.parts.take(&mut self.ends.drain(..))
    }
}

/// Returns the results of a call that is not made.
pub(super) fn failed<P: Parts>(what: &P::What, error: impl Fn(&'static str) -> Error) -> P::Results {
    let mut parts = P::new(what);
    let ends: Vec<_> = (0..parts.count()).map(|number| Err(error(parts.part(number).query().report()))).collect();
    parts.take(&mut ends.into_iter())
}

fn machine(turns: &Arc<Turns>, query: Query, answered: Option<Address>, start: Instant, end: Instant) -> Machine {
    let machine = Machine::within(turns, query, None, Clock::between(start, end));
    match answered {
        Some(address) => machine.at(address),
        None => machine,
    }
}
