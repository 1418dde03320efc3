//! The first request of a call: which chronyd answers it. A call that asks only whether one is there sends none on a
//! Unix socket.
//!
//! The chronyd that answered last is asked first: in the session of the last call, or in a new one if an error has ended
//! that. If it is silent or gone, or there is none, the addresses are tried one after the other. One that refuses is done with at once. One that is silent is listened to until the call
//! ends, while the next one is tried. Over UDP a request that is late is sent once more, beside the first and on a
//! socket of its own, so that an answer to either counts; on the same socket if there is no other to be had. Nothing is
//! sent twice on a Unix socket, which loses nothing.

use crate::address::{Address, Transport};
use crate::engine::candidates::{Candidates, Next};
use crate::engine::clock::Clock;
use crate::engine::explain::Explain;
use crate::engine::lane::{Lane, Means, Received, Request, Sent};
use crate::engine::policy::{MAX_HEAD_START, PATH_CHECK_INTERVAL};
use crate::engine::ready::{Interest, Ready};
use crate::engine::round_trip::RoundTrip;
use crate::engine::session::Session;
use crate::error::{Error, Stage};
use crate::raw::failure::Failure;
use rustix::io::Errno;
use std::io;
use std::time::Instant;

/// What a search has come to.
pub(crate) enum Found {
    /// Nothing so far; the moment of the next step.
    Nothing(Instant),
    /// The addresses of a host are needed.
    Host(Address),
    /// A Unix socket is connected, and no more was asked for.
    Connected(Box<Session>),
    /// The answer is in the session's first lane.
    Answer(Box<Session>),
    /// With the session if chronyd answered in it.
    Failed(Error, Option<Box<Session>>),
}

/// One sending of the request.
#[derive(Debug)]
struct Try {
    lane: Lane,
    /// When it was sent; `None` while chronyd's queue is full.
    sent: Option<Instant>,
    /// Whether a receive has waited in vain for what comes soon.
    is_late: bool,
}

/// An address that is being tried. It is over when it has no try left.
#[derive(Debug)]
struct Target {
    session: Box<Session>,
    tries: Vec<Try>,
    is_kept: bool,
    /// How often the request was sent.
    requests: u32,
    /// When it is to be sent again.
    resend: Instant,
    /// chronyd's refusal, while one that comes before it may still answer.
    refusal: Option<(Stage, Failure)>,
}

impl Target {
    fn new(mut session: Box<Session>, is_kept: bool, now: Instant) -> Self {
        let lane = session.lanes.swap_remove(0);
        let tries = vec![Try { lane, sent: None, is_late: false }];
        Self { session, tries, is_kept, requests: 0, resend: now, refusal: None }
    }

    fn is_over(&self) -> bool {
        self.tries.is_empty()
    }

    /// Takes the lane of a try that was answered, if only with a refusal.
    fn end_try(&mut self, at: usize, clock: &mut Clock) -> Lane {
        let Try { lane, sent, .. } = self.tries.swap_remove(at);
        if let (Some(sent), 1) = (sent, self.requests) {
            self.session.round_trip.measured(clock.now() - sent);
        }
        lane
    }
}

/// The search of one call.
#[derive(Debug)]
pub(crate) struct Search {
    request: Request,
    /// Whether a Unix socket that is connected is enough.
    is_contact: bool,
    targets: Vec<Target>,
    /// The address that answered last, while it is to be tried anew before the others.
    known: Option<Box<(Address, RoundTrip)>>,
    candidates: Candidates,
    /// The host whose addresses are needed next.
    host: Option<Address>,
    /// When the next address is tried although others may still answer.
    next: Instant,
    failures: Vec<Error>,
}

impl Search {
    pub(crate) fn new(
        request: Request,
        is_contact: bool,
        kept: Option<Box<Session>>,
        known: Option<Box<(Address, RoundTrip)>>,
        candidates: Candidates,
        clock: &Clock,
    ) -> Self {
        let now = clock.last;
        let next = if kept.is_some() { clock.share(2, MAX_HEAD_START) } else { now };
        let targets = kept.into_iter().map(|session| Target::new(session, true, now)).collect();
        Self { request, is_contact, targets, known, candidates, host: None, next, failures: Vec::new() }
    }

    /// Takes the addresses of the host that was asked for.
    pub(crate) fn resolved(&mut self, host: Address, addresses: io::Result<Vec<Address>>) {
        self.host = None;
        self.next = Instant::now();
        match addresses {
            Ok(addresses) => self.candidates.resolved(addresses),
            Err(source) => self.failures.push(Error::Resolve { address: host, source }),
        }
    }

    /// The sockets that it waits for.
    pub(crate) fn interests(&self) -> impl Iterator<Item = Interest<'_>> {
        let tries = self.targets.iter().flat_map(|target| &target.tries);
        tries.map(|one| Interest::new(&one.lane, one.sent.is_none()))
    }

    pub(crate) fn advance(
        &mut self,
        ready: Ready<'_>,
        means: &Means<'_>,
        clock: &mut Clock,
        explain: &Explain<'_>,
    ) -> Found {
        let mut ready = ready;
        loop {
            let mut again = false;
            let mut found = self.send(clock, explain);
            // No receive waits beyond the end.
            if found.is_none() && !(ready.is_first() && clock.is_over()) {
                found = self.receive(ready, &mut again, clock, explain);
            }
            if let Some(found) = found {
                return found;
            }
            let now = clock.now();
            let is_alone = self.targets.iter().all(Target::is_over) && self.host.is_none();
            if !is_alone && (now < self.due(clock) || ready.is_first()) {
                return Found::Nothing(if again { now } else { self.due(clock) });
            }
            if now >= clock.end
                && let Some(address) = self.host.take()
            {
                self.failures.push(Error::Resolve { address, source: Errno::TIMEDOUT.into() });
            }
            // One address is tried whatever the time.
            if now >= clock.end && !(self.targets.is_empty() && self.failures.is_empty()) {
                return self.give_up(clock, explain);
            }
            match self.begin(is_alone, means, clock, explain) {
                Some(found) => return found,
                None if self.host.is_none() && self.targets.iter().all(Target::is_over) => {
                    return self.give_up(clock, explain);
                }
                None => {
                    clock.now();
                    ready = ready.again();
                }
            }
        }
    }

    /// When something is to be done although no socket is ready.
    fn due(&self, clock: &Clock) -> Instant {
        let live = self.targets.iter().filter(|target| !target.is_over());
        let next = if self.host.is_some() { clock.end } else { self.next.min(clock.end) };
        live.map(|target| target.resend).fold(next, Instant::min)
    }

    /// Sends what could not be sent so far.
    fn send(&mut self, clock: &mut Clock, explain: &Explain<'_>) -> Option<Found> {
        for index in 0..self.targets.len() {
            let target = &mut self.targets[index];
            let Some(at) = target.tries.iter().position(|one| one.sent.is_none()) else { continue };
            let now = clock.last;
            match target.tries[at].lane.send(self.request) {
                Ok(Sent::Yes | Sent::Answered) => {
                    target.tries[at].sent = Some(now);
                    target.resend = now + target.session.round_trip.patience(target.requests);
                    target.requests += 1;
                }
                Ok(Sent::No) => target.resend = clock.end,
                Err(failure) => return self.failed(index, at, Stage::Request, failure, clock, explain),
            }
        }
        None
    }

    /// Receives one datagram from each socket that is ready. `again` tells that there may be more.
    fn receive(
        &mut self,
        ready: Ready<'_>,
        again: &mut bool,
        clock: &mut Clock,
        explain: &Explain<'_>,
    ) -> Option<Found> {
        let mut index = 0;
        while index < self.targets.len() {
            let known = self.targets.len();
            for at in (0..self.targets[index].tries.len()).rev() {
                // A refusal ends all tries of its address.
                let Some(one) = self.targets[index].tries.get_mut(at) else { break };
                if one.sent.is_none() || !ready.allows(&one.lane, one.is_late) {
                    continue;
                }
                match one.lane.receive() {
                    Ok(Received::Answer) => return Some(self.answered(index, at, clock)),
                    Ok(Received::Half | Received::Other) => *again = true,
                    Ok(Received::Stuck) => (one.sent, *again) = (None, true),
                    Ok(Received::Nothing) => one.is_late = true,
                    Ok(Received::Signal) => (one.is_late, clock.is_signalled) = (true, true),
                    Err(failure) => {
                        if let Some(found) = self.failed(index, at, Stage::Response, failure, clock, explain) {
                            return Some(found);
                        }
                    }
                }
            }
            // A kept session that has failed is gone.
            if self.targets.len() == known {
                index += 1;
            }
        }
        None
    }

    fn answered(&mut self, index: usize, at: usize, clock: &mut Clock) -> Found {
        let mut target = self.targets.swap_remove(index);
        let lane = target.end_try(at, clock);
        target.session.settle(lane);
        Found::Answer(target.session)
    }

    /// One try is over. chronyd's own refusal settles the search, unless an address that comes first may still answer.
    fn failed(
        &mut self,
        index: usize,
        at: usize,
        stage: Stage,
        failure: Failure,
        clock: &mut Clock,
        explain: &Explain<'_>,
    ) -> Option<Found> {
        let is_first = self.targets[..index].iter().all(Target::is_over);
        let target = &mut self.targets[index];
        if failure.errno.is_none() {
            target.end_try(at, clock);
            target.tries.clear();
            target.refusal = Some((stage, failure));
            if is_first {
                return Some(self.give_up(clock, explain));
            }
            return None;
        }
        target.tries.swap_remove(at);
        if target.is_over() {
            if target.is_kept {
                // chronyd, or only our socket, went away since the last call. All addresses are tried anew.
                let Session { address, round_trip, .. } = *self.targets.remove(index).session;
                self.known = Some(Box::new((address, round_trip)));
                self.candidates.rewind();
            } else {
                self.failures.push(explain.lost(&target.session.address, stage, failure));
            }
            self.next = clock.now();
        }
        None
    }

    /// Tries the next address, or sends a request again.
    fn begin(&mut self, is_alone: bool, means: &Means<'_>, clock: &mut Clock, explain: &Explain<'_>) -> Option<Found> {
        let now = clock.last;
        while self.host.is_none() && (is_alone || now >= self.next) {
            let known = self.known.take().map(|known| (Next::Address(known.0), known.1));
            let next = known.or_else(|| self.candidates.next().map(|next| (next, RoundTrip::default())));
            let (address, round_trip) = match next {
                Some((Next::Address(address), round_trip)) => (address, round_trip),
                Some((Next::Host(host), _)) => {
                    self.host = Some(host.clone());
                    return Some(Found::Host(host));
                }
                None => {
                    self.next = clock.end;
                    break;
                }
            };
            if self.has_tried(&address) {
                continue;
            }
            match Session::open(means, address, round_trip) {
                // Only a socket that a process listens at can be connected to.
                Ok(session) if self.is_contact && session.address.transport() == Transport::UnixSocket => {
                    return Some(Found::Connected(session));
                }
                Ok(session) => {
                    self.targets.push(Target::new(session, false, now));
                    self.next = clock.share(self.candidates.left() + 1, MAX_HEAD_START);
                    return None;
                }
                Err((address, failure)) => self.failures.push(explain.not_opened(address, failure, clock)),
            }
        }
        for target in self.targets.iter_mut().filter(|target| !target.is_over() && now >= target.resend) {
            let is_lossless = target.session.address.transport() == Transport::UnixSocket;
            target.resend = if is_lossless { now + PATH_CHECK_INTERVAL } else { clock.end };
            if is_lossless && !target.tries.iter().all(|one| target.session.is_cut_off(&one.lane)) {
                continue;
            }
            let may_open = target.tries.len() < means.rooms.tries;
            match may_open.then(|| target.session.open_again(means)).flatten() {
                Some(lane) => target.tries.push(Try { lane, sent: None, is_late: false }),
                // Then the answer to the oldest request does not count any more.
                None if !is_lossless => {
                    if let Some(oldest) = target.tries.iter_mut().min_by_key(|one| one.sent) {
                        oldest.sent = None;
                    }
                }
                None => {}
            }
        }
        None
    }

    /// Whether this call has asked an address. The one that answered last is among the others once more.
    fn has_tried(&self, address: &Address) -> bool {
        self.targets.iter().any(|target| target.session.address == *address)
            || self.failures.iter().any(|failure| failure.address() == Some(address))
    }

    /// Ends the search: nothing more can come in time.
    fn give_up(&mut self, clock: &mut Clock, explain: &Explain<'_>) -> Found {
        let refused = |target: &mut Target| target.refusal.take();
        if let Some((index, (stage, failure))) =
            self.targets.iter_mut().enumerate().find_map(|(index, target)| Some((index, refused(target)?)))
        {
            let session = self.targets.swap_remove(index).session;
            return Found::Failed(explain.failed(&session.address, stage, failure), Some(session));
        }
        let mut failures = std::mem::take(&mut self.failures);
        for target in self.targets.iter().filter(|target| !target.is_over()) {
            let stage = if target.requests == 0 { Stage::Request } else { Stage::Response };
            failures.push(explain.silent(&target.session.address, stage, target.requests, None, clock));
        }
        Found::Failed(Error::from_failures(failures), None)
    }
}
