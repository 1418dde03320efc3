//! The search for a chronyd that answers the first request of a call. Further requests of a list are left to `list`.
//!
//! The address that answered last is asked first: in the kept session, or in a new one after an error. If that address
//! is silent or gone, or no address has answered yet, all addresses are tried in order. A refusal ends the search,
//! unless an earlier address may still answer. A silent address is listened to until the call ends, while the next one
//! is tried.
//!
//! Over UDP, a late request is sent again on another socket, so that a response to either request counts. If no other
//! socket can be opened, it is sent again on the oldest one. A Unix socket does not lose datagrams, so a request is
//! sent again only if a path shows that no response can come. A call that only looks for a chronyd does not send a
//! request on a new Unix socket.

use crate::address::{Address, Transport};
use crate::engine::candidates::{Candidates, Next};
use crate::engine::clock;
use crate::engine::context::Context;
use crate::engine::lane::{Lane, Received, Request, Sent};
use crate::engine::policy::{MAX_HEAD_START, PATH_CHECK_INTERVAL};
use crate::engine::ready::{Interest, Ready, Step};
use crate::engine::round_trip::RoundTrip;
use crate::engine::session::Session;
use crate::error::{Error, Stage};
use crate::raw::failure::Failure;
use crate::report::query::Shape;
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// The result of a step of a search. A refusal comes with its session.
type Found<T> = Result<T, (Error, Option<Box<Session>>)>;

/// One transmission of the request.
#[derive(Debug)]
struct Try {
    lane: Lane,
    /// The time of sending; `None` while the request has yet to be sent.
    sent: Option<Instant>,
    /// Set once a receive has waited without a result.
    is_late: bool,
}

/// An address that is being tried. It is over when no try is left.
#[derive(Debug)]
struct Target {
    session: Box<Session>,
    tries: Vec<Try>,
    is_kept: bool,
    /// The number of requests sent.
    requests: u32,
    /// The time at which the request is sent again.
    resend: Instant,
    /// The refusal by chronyd, while an earlier address may still answer.
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

    /// Takes the lane of a try that was answered, even if only with a refusal. The response belongs to the last
    /// request, because libchrony ignores responses to earlier ones.
    fn end_try(&mut self, at: usize, context: &mut Context) -> Lane {
        let Try { lane, sent, .. } = self.tries.swap_remove(at);
        if let Some(sent) = sent {
            self.session.round_trip.measured(context.clock.now() - sent);
        }
        lane
    }
}

/// The search of one call.
#[derive(Debug)]
pub(crate) struct Search {
    request: Request,
    targets: Vec<Target>,
    /// The address that answered last, until it is tried again before the others.
    known: Option<Box<(Address, RoundTrip)>>,
    candidates: Candidates,
    /// The host whose addresses are needed next.
    host: Option<Address>,
    /// The time at which the next address is tried, although others may still answer.
    next: Instant,
    failures: Vec<Error>,
}

impl Search {
    pub(crate) fn new(
        context: &Context,
        kept: Option<Box<Session>>,
        known: Option<Box<(Address, RoundTrip)>>,
        addresses: &Arc<[Address]>,
    ) -> Self {
        let Context { query, clock, .. } = context;
        let request = match query.shape {
            Some(Shape::Single) => Request::Record(query.name, 0),
            Some(Shape::PerSource | Shape::PerNtpSource) => Request::Count(query.name),
            None => Request::First(query.name),
        };
        let now = clock.last;
        let next = if kept.is_some() { clock.share(2, MAX_HEAD_START) } else { now };
        let targets = kept.into_iter().map(|session| Target::new(session, true, now)).collect();
        let candidates = Candidates::new(Arc::clone(addresses));
        Self { request, targets, known, candidates, host: None, next, failures: Vec::new() }
    }

    /// Takes the result of looking up the requested host.
    pub(crate) fn resolved(&mut self, host: Address, addresses: io::Result<Vec<Address>>) {
        self.host = None;
        self.next = clock::now();
        match addresses {
            Ok(addresses) => self.candidates.resolved(addresses),
            Err(source) => self.failures.push(Error::Resolve { address: host, source }),
        }
    }

    /// Returns the sockets that the search waits for.
    pub(crate) fn interests(&self) -> impl Iterator<Item = Interest<'_>> {
        let tries = self.targets.iter().flat_map(|target| &target.tries);
        tries.map(|one| Interest::new(&one.lane, one.sent.is_none()))
    }

    /// Advances the search, which ends with the session in which chronyd answered. The first lane of this session has
    /// the response, unless the call only looks for a chronyd.
    pub(crate) fn advance(&mut self, mut ready: Ready<'_>, context: &mut Context) -> Found<Step<Box<Session>>> {
        loop {
            let mut again = false;
            self.send(context)?;
            // A receive may block, and must not outlast the deadline.
            if !(ready.is_first() && context.clock.is_over())
                && let Some(session) = self.receive(ready, &mut again, context)?
            {
                return Ok(Step::Done(session));
            }
            let now = context.clock.now();
            let is_alone = self.targets.iter().all(Target::is_over) && self.host.is_none();
            if !is_alone && (now < self.due(context) || ready.is_first()) {
                return Ok(Step::Wait(if again { now } else { self.due(context) }));
            }
            if now >= context.clock.end
                && let Some(address) = self.host.take()
            {
                self.failures.push(Error::Resolve { address, source: Errno::TIMEDOUT.into() });
            }
            // Even after the deadline, at least one address is tried.
            if now >= context.clock.end && !(self.targets.is_empty() && self.failures.is_empty()) {
                return self.give_up(context);
            }
            if let Some(step) = self.begin(is_alone, context) {
                return Ok(step);
            }
            if self.host.is_none() && self.targets.iter().all(Target::is_over) {
                return self.give_up(context);
            }
            context.clock.now();
            ready = ready.again();
        }
    }

    /// Returns the time of the next action if no socket becomes ready.
    fn due(&self, context: &Context) -> Instant {
        let live = self.targets.iter().filter(|target| !target.is_over());
        let next = if self.host.is_some() { context.clock.end } else { self.next.min(context.clock.end) };
        live.map(|target| target.resend).fold(next, Instant::min)
    }

    /// Sends the requests that could not be sent before.
    fn send(&mut self, context: &mut Context) -> Found<()> {
        for index in 0..self.targets.len() {
            let target = &mut self.targets[index];
            let Some(at) = target.tries.iter().position(|one| one.sent.is_none()) else { continue };
            let now = context.clock.last;
            match target.tries[at].lane.send(self.request) {
                Ok(Sent::Yes | Sent::Answered) => {
                    target.tries[at].sent = Some(now);
                    target.resend = now + target.session.round_trip.patience(target.requests);
                    target.requests += 1;
                }
                Ok(Sent::No) => target.resend = context.clock.end,
                Err(failure) => return self.failed(index, at, Stage::Request, failure, context),
            }
        }
        Ok(())
    }

    /// Receives one datagram from each socket that is ready. Sets `again` if there may be more.
    fn receive(&mut self, ready: Ready<'_>, again: &mut bool, context: &mut Context) -> Found<Option<Box<Session>>> {
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
                    Ok(Received::Answer) => return Ok(Some(self.answered(index, at, context))),
                    Ok(Received::Half | Received::Other) => *again = true,
                    Ok(Received::Stuck) => (one.sent, *again) = (None, true),
                    Ok(Received::Nothing) => one.is_late = true,
                    Ok(Received::Signal) => (one.is_late, context.clock.is_signalled) = (true, true),
                    Err(failure) => self.failed(index, at, Stage::Response, failure, context)?,
                }
            }
            // A kept session that has failed is removed, so the next target has its index.
            if self.targets.len() == known {
                index += 1;
            }
        }
        Ok(None)
    }

    fn answered(&mut self, index: usize, at: usize, context: &mut Context) -> Box<Session> {
        let mut target = self.targets.swap_remove(index);
        let lane = target.end_try(at, context);
        target.session.settle(lane);
        target.session
    }

    /// Ends one try after a failure. A refusal by chronyd ends the search, unless an earlier address may still answer.
    fn failed(&mut self, index: usize, at: usize, stage: Stage, failure: Failure, context: &mut Context) -> Found<()> {
        let is_first = self.targets[..index].iter().all(Target::is_over);
        let target = &mut self.targets[index];
        if failure.errno.is_none() {
            target.end_try(at, context);
            target.tries.clear();
            target.refusal = Some((stage, failure));
            return if is_first { self.give_up(context) } else { Ok(()) };
        }
        target.tries.swap_remove(at);
        if target.is_over() {
            if target.is_kept {
                // chronyd or our socket has gone since the last call, so all addresses are tried again.
                let Session { address, round_trip, .. } = *self.targets.remove(index).session;
                self.known = Some(Box::new((address, round_trip)));
                self.candidates.rewind();
            } else {
                self.failures.push(context.lost(&target.session.address, stage, failure));
            }
            self.next = context.clock.now();
        }
        Ok(())
    }

    /// Tries the next address, or sends late requests again.
    fn begin(&mut self, is_alone: bool, context: &mut Context) -> Option<Step<Box<Session>>> {
        let now = context.clock.last;
        while self.host.is_none() && (is_alone || now >= self.next) {
            let known = self.known.take().map(|known| (Next::Address(known.0), known.1));
            let next = known.or_else(|| self.candidates.next().map(|next| (next, RoundTrip::default())));
            let (address, round_trip) = match next {
                Some((Next::Address(address), round_trip)) => (address, round_trip),
                Some((Next::Host(host), _)) => {
                    self.host = Some(host.clone());
                    return Some(Step::Resolve(host));
                }
                None => {
                    self.next = context.clock.end;
                    break;
                }
            };
            if self.has_tried(&address) {
                continue;
            }
            match Session::open(context, address, round_trip) {
                // The kernel connects only where a process listens, so no request is needed.
                Ok(session) if context.query.is_contact && session.address.transport() == Transport::UnixSocket => {
                    return Some(Step::Done(session));
                }
                Ok(session) => {
                    self.targets.push(Target::new(session, false, now));
                    self.next = context.clock.share(self.candidates.left() + 1, MAX_HEAD_START);
                    return None;
                }
                Err(error) => self.failures.push(error),
            }
        }
        for target in self.targets.iter_mut().filter(|target| !target.is_over() && now >= target.resend) {
            let is_lossless = target.session.address.transport() == Transport::UnixSocket;
            target.resend = if is_lossless { now + PATH_CHECK_INTERVAL } else { context.clock.end };
            if is_lossless && !target.tries.iter().all(|one| target.session.is_cut_off(&one.lane)) {
                continue;
            }
            let may_open = target.tries.len() < context.settings.quotas.tries;
            match may_open.then(|| target.session.open_again(context)).flatten() {
                Some(lane) => target.tries.push(Try { lane, sent: None, is_late: false }),
                // A retry on the oldest lane replaces its request, so a response to that request no longer counts.
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

    /// Returns true if this call has asked an address. The address that answered last comes up again in the list.
    fn has_tried(&self, address: &Address) -> bool {
        self.targets.iter().any(|target| target.session.address == *address)
            || self.failures.iter().any(|failure| failure.address() == Some(address))
    }

    /// Ends the search with an error: a refusal by chronyd, if there is one, or the failures of all addresses.
    fn give_up<T>(&mut self, context: &mut Context) -> Found<T> {
        if let Some(index) = self.targets.iter().position(|target| target.refusal.is_some())
            && let Target { session, refusal: Some((stage, failure)), .. } = self.targets.swap_remove(index)
        {
            return Err((context.failed(&session.address, stage, failure), Some(session)));
        }
        let mut failures = std::mem::take(&mut self.failures);
        for target in self.targets.iter().filter(|target| !target.is_over()) {
            let stage = if target.requests == 0 { Stage::Request } else { Stage::Response };
            failures.push(context.silent(&target.session, stage, target.requests, None));
        }
        Err((Error::from_failures(failures), None))
    }
}
