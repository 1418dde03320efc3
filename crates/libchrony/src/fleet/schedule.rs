//! The schedule of a round: which address is read next, which calls continue, and until when they wait. Returning the
//! results to the caller is left to `round`.

use super::call::{Call, failed};
use super::members::Fleet;
use super::reports::Parts;
use crate::drivers::watch::Epoll;
use crate::engine::policy::{INTERRUPT_INTERVAL, MAX_TIMEOUT, SILENT_AFTER};
use crate::engine::ready::Ready;
use crate::error::Error;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The result of advancing a round.
#[derive(Debug)]
pub enum Progress<T> {
    /// The index of an address, and its results.
    Result(usize, T),
    /// The round waits until its descriptor is readable, at most until this moment.
    Wait(Instant),
    /// The round is over: each address has had its result.
    Over,
}

/// The order and the calls of a round, without the fleet.
pub(super) struct Schedule<P: Parts> {
    what: P::What,
    /// Set if the round reads further reports, from the chronyds that have answered.
    is_further: bool,
    end: Instant,
    /// The addresses that have not been read yet.
    pub(super) pending: VecDeque<u32>,
    calls: Vec<Option<Box<Call<P>>>>,
    /// The memory of calls that are over. Freeing it and allocating it again would cost more than the rest of a round.
    spare: Vec<Box<Call<P>>>,
    pub(super) running: usize,
    /// The number of running calls that count among the addresses read at once.
    counted: usize,
    /// The starts of the counted calls, oldest first.
    begun: VecDeque<(Instant, u32)>,
    /// The moments at which calls are advanced at the latest. An entry is outdated if its call has another moment now.
    moments: BinaryHeap<Reverse<(Instant, u32)>>,
    /// The calls that may have more to receive.
    again: Vec<u32>,
    /// The calls that wait for the addresses of a host.
    hosts: BTreeSet<u32>,
    /// The addresses that are done, or not read in this round, and keep a session.
    idle: Vec<u32>,
    pub(super) done: VecDeque<(usize, P::Results)>,
}

impl<P: Parts> Schedule<P> {
    /// Creates the schedule of a round of all addresses, or of a further round of `only` some.
    pub(super) fn new(fleet: &mut Fleet, what: P::What, only: Option<&[usize]>) -> Self {
        let mut is_read = vec![only.is_none(); fleet.members.len()];
        only.unwrap_or_default().iter().for_each(|index| is_read[*index] = true);
        if only.is_none() {
            fleet.left.fill(fleet.timeout);
        }
        let (members, left) = (&fleet.members, &fleet.left);
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let (read, mut idle): (Vec<_>, Vec<_>) = (0..count).partition(|number| is_read[*number as usize]);
        idle.retain(|number| members[*number as usize].keeps_session());
        let (used_up, mut pending): (Vec<_>, Vec<_>) =
            read.into_iter().partition(|number| left[*number as usize].is_zero());
        // Addresses with a session come first, so that their sessions can be closed for the others. Host names come
        // last, because the resolver can take a while.
        pending.sort_by_cached_key(|number| {
            let member = &members[*number as usize];
            if member.keeps_session() { 0 } else { 1 + u8::from(member.settings.addresses[0].host().is_some()) }
        });
        let mut schedule = Self {
            is_further: only.is_some(),
            end: Instant::now() + fleet.deadline.min(MAX_TIMEOUT),
            pending: used_up.into(),
            calls: members.iter().map(|_| None).collect(),
            spare: Vec::new(),
            running: 0,
            counted: 0,
            begun: VecDeque::new(),
            moments: BinaryHeap::new(),
            again: Vec::new(),
            hosts: BTreeSet::new(),
            idle,
            done: VecDeque::new(),
            what,
        };
        schedule.fail_pending(|report, number| Error::NotAsked {
            report,
            address: members[number].found(),
            waited: fleet.timeout,
        });
        schedule.pending = pending.into();
        schedule
    }

    /// Starts calls until enough addresses are read at once.
    fn begin(&mut self, fleet: &mut Fleet) {
        let now = Instant::now();
        if now >= self.end {
            self.fail_pending(|report, number| {
                let address = fleet.members[number].settings.addresses[0].clone();
                Error::NotAsked { report, address, waited: fleet.deadline }
            });
        }
        self.count(now);
        while self.counted < fleet.in_flight
            && let Some(&number) = self.pending.front()
            && self.has_room(fleet, number)
        {
            self.pending.pop_front();
            let now = Instant::now();
            let end = (now + fleet.left[number as usize]).min(self.end);
            let member = &fleet.members[number as usize];
            let answered = member.address().filter(|_| self.is_further);
            let call = Call::new(member, &self.what, answered, now, end);
            self.calls[number as usize] = Some(match self.spare.pop() {
                Some(mut spare) => {
                    *spare = call;
                    spare
                }
                None => Box::new(call),
            });
            self.running += 1;
            self.counted += 1;
            self.begun.push_back((now, number));
            self.advance(fleet, number, Ready::These(&[]));
        }
    }

    /// Stops counting calls that have been silent for `SILENT_AFTER`.
    fn count(&mut self, now: Instant) {
        while let Some(&(begun, number)) = self.begun.front()
            && (now - begun >= SILENT_AFTER || self.calls[number as usize].is_none())
        {
            self.begun.pop_front();
            match &mut self.calls[number as usize] {
                // More lookups would not make the resolver faster.
                Some(call) if call.look_up.is_some() => self.begun.push_back((now, number)),
                Some(call) => {
                    call.counts = false;
                    self.counted -= 1;
                }
                None => {}
            }
        }
    }

    /// Returns true if there is room for the session of an address. To make room, closes sessions that this round no
    /// longer needs.
    fn has_room(&mut self, fleet: &mut Fleet, number: u32) -> bool {
        let members = &fleet.members;
        if members[number as usize].keeps_session() {
            return true;
        }
        while fleet.quota.is_used_up()
            && let Some(idle) = self.idle.pop()
        {
            members[idle as usize].rest();
        }
        // Nothing will make room, so the address is read anyway, and fails for lack of room.
        !fleet.quota.is_used_up() || self.running == 0
    }

    /// Advances the calls to an address.
    fn advance(&mut self, fleet: &mut Fleet, number: u32, ready: Ready<'_>) {
        let Some(call) = &mut self.calls[number as usize] else { return };
        let Some(mut until) = call.advance(ready) else { return self.end(fleet, number) };
        if call.look_up.is_some() {
            self.hosts.insert(number);
        }
        let queue = &fleet.queue;
        // A socket that cannot be watched is checked at intervals.
        if !call.interests().iter().all(|interest| queue.watch(number, interest)) {
            until = until.min(Instant::now() + INTERRUPT_INTERVAL);
        }
        if until <= Instant::now() {
            self.again.push(number);
        } else if call.until != until {
            call.until = until;
            self.moments.push(Reverse((until, number)));
        }
    }

    fn end(&mut self, fleet: &mut Fleet, number: u32) {
        let Some(mut call) = self.calls[number as usize].take() else { return };
        self.running -= 1;
        self.counted -= usize::from(call.counts);
        let left = &mut fleet.left[number as usize];
        *left = left.saturating_sub(call.start.elapsed());
        self.done.push_back((number as usize, call.take()));
        self.spare.push(call);
        if fleet.members[number as usize].keeps_session() {
            self.idle.push(number);
        }
    }

    /// Waits for events, at most for this time, and advances their calls.
    pub(super) fn wait(&mut self, fleet: &mut Fleet, time: Duration) {
        for number in fleet.queue.wait(time) {
            self.advance(fleet, number, Ready::Any);
        }
        let now = Instant::now();
        while let Some((moment, number)) = self.next_moment()
            && moment <= now
        {
            self.moments.pop();
            self.advance(fleet, number, Ready::Any);
        }
        for number in std::mem::take(&mut self.again) {
            self.advance(fleet, number, Ready::Any);
        }
    }

    /// Returns the first of the calls' moments, and drops the outdated ones before it.
    fn next_moment(&mut self) -> Option<(Instant, u32)> {
        while let Some(&Reverse((moment, number))) = self.moments.peek() {
            if self.calls[number as usize].as_ref().is_some_and(|call| call.until == moment) {
                return Some((moment, number));
            }
            self.moments.pop();
        }
        None
    }

    /// Returns the moment at which the round is advanced at the latest.
    fn until(&mut self) -> Instant {
        let now = Instant::now();
        if !self.again.is_empty() {
            return now;
        }
        let mut next = self.next_moment().map_or(self.end, |(moment, _)| moment);
        if !self.pending.is_empty() {
            next = self.begun.front().map_or(next, |(begun, _)| next.min(*begun + SILENT_AFTER)).min(self.end);
        }
        next
    }

    /// Starts the lookups of hosts, and passes on their results.
    fn look_up(&mut self, fleet: &mut Fleet) {
        if self.hosts.is_empty() {
            return;
        }
        let waker = fleet.queue.waker();
        for number in std::mem::take(&mut self.hosts) {
            let Some(call) = &mut self.calls[number as usize] else { continue };
            let is_first = call.interests().is_empty();
            match call.look_up.as_mut().map(|look_up| look_up.poll(&waker)) {
                // The calls that started during the lookup may have taken the room for its session.
                Some(Poll::Ready(found)) if found.is_err() || !is_first || self.has_room(fleet, number) => {
                    if let Some(call) = &mut self.calls[number as usize] {
                        call.resolved(found);
                    }
                    self.advance(fleet, number, Ready::These(&[]));
                }
                Some(_) => drop(self.hosts.insert(number)),
                None => {}
            }
        }
    }

    /// Replaces the event queue in a forked child, or after other code has closed it. In a child, the calls start again
    /// when they are advanced. Otherwise the new queue watches their sockets.
    pub(super) fn leave_lost_queue(&mut self, fleet: &mut Fleet) {
        if !fleet.queue.is_lost() {
            return;
        }
        let running = (0..).zip(&self.calls).filter_map(|(number, call)| call.as_ref().map(|_| number));
        match Epoll::new() {
            Ok(queue) => {
                self.again = running.collect();
                if fleet.queue.is_inherited() {
                    self.calls.iter_mut().flatten().for_each(|call| call.look_up = None);
                }
                fleet.queue = queue;
                // In a child, the sockets are copies of the parent's.
                fleet.members.iter().for_each(|member| member.rest());
            }
            Err(source) => {
                self.pending.extend(running);
                self.calls.iter_mut().for_each(|call| *call = None);
                (self.running, self.counted) = (0, 0);
                self.fail_pending(|_, _| Error::EventQueue { source: source.into() });
            }
        }
    }

    fn fail_pending(&mut self, error: impl Fn(&'static str, usize) -> Error) {
        for number in std::mem::take(&mut self.pending) {
            let number = number as usize;
            self.done.push_back((number, failed::<P>(&self.what, |report| error(report, number))));
        }
    }

    /// Returns the next result, or the moment to wait for.
    pub(super) fn step(&mut self, fleet: &mut Fleet) -> Progress<P::Results> {
        self.begin(fleet);
        self.look_up(fleet);
        match self.done.pop_front() {
            Some((index, results)) => Progress::Result(index, results),
            None if self.running == 0 && self.pending.is_empty() => Progress::Over,
            None => Progress::Wait(self.until()),
        }
    }
}
