//! The records of a list, read over several lanes at once.
//!
//! libchrony allows one request in flight in each session, so chronyd would have to wait for each next request. Several
//! lanes keep several requests in flight. Lanes over a Unix socket share it. chronyd answers in the order of the
//! requests, so the lane that sent first receives first. Over UDP each lane has its own socket, because a response can
//! be lost. A late record is requested again on another lane, and a response to either request counts.
//!
//! A removed source makes chronyd move the following ones down. New sources are appended. So the last record is
//! read first, and again at the end: if its source is then another one, the list has changed. Reading a changed list
//! again is left to `machine`.

pub(crate) mod flight;
pub(crate) mod plan;
pub(crate) mod window;

use crate::address::Transport;
use crate::engine::context::Context;
use crate::engine::lane::{Lane, Received, Sent};
use crate::engine::list::flight::Flight;
use crate::engine::list::plan::Plan;
use crate::engine::list::window::Window;
use crate::engine::policy::{DATAGRAMS_PER_STEP, INTERRUPT_INTERVAL, MAX_UNREAD, PATH_CHECK_INTERVAL};
use crate::engine::ready::{Interest, Ready, Step};
use crate::engine::session::Session;
use crate::error::{Error, Stage};
use crate::raw::socket::Waits;
use crate::report::collect::Collect;
use libchrony_sys::types::CHRONY_UNEXPECTED_STATUS;
use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

/// The reading of one list.
#[derive(Debug)]
pub(crate) struct List {
    plan: Plan,
    /// The session, with the lanes that are not in use.
    session: Box<Session>,
    /// The requests in flight, in the order of sending.
    flights: VecDeque<Flight>,
    /// The next position to request for the first time.
    next: usize,
    /// The positions to request again, with the number of requests for them so far.
    again: VecDeque<(usize, u32)>,
    done: Vec<bool>,
    left: usize,
    /// The source of the last record, as it was read first.
    last: Option<(Option<u64>, Option<String>)>,
    window: Window,
    is_lossless: bool,
    /// Set if blocking sockets were made non-blocking for this list.
    has_unblocked: bool,
    /// The number of datagrams received.
    received: usize,
    /// The number of oldest requests that do not need a wait, because chronyd has answered a later one.
    overtaken: usize,
    /// Set while chronyd's queue is full.
    is_full: bool,
    /// The time of the next check of the socket's path.
    look: Instant,
}

impl List {
    pub(crate) fn new(context: &Context, count: usize, mut session: Box<Session>) -> Self {
        let Context { settings, query, clock, .. } = context;

        let is_lossless = session.address.transport() == Transport::UnixSocket;
        // The first lane has just answered, so its socket is ours. On a Unix socket, the other lanes share it.
        let mut is_first = true;
        let is_by_address = query.is_by_address();
        session.lanes.retain(|lane| {
            let is_ours = mem::take(&mut is_first) || is_lossless || lane.is_still_ours();
            is_ours && !(is_by_address && lane.remembers_address())
        });
        let has_unblocked = is_by_address && settings.waits != Waits::Never;
        if has_unblocked {
            session.lanes.iter().for_each(|lane| lane.socket().wait(false));
        }
        let plan = Plan::new(*query, count);
        let positions = plan.positions;
        let width = settings.lanes.for_records(count);
        Self {
            plan,
            flights: VecDeque::new(),
            next: 0,
            again: VecDeque::new(),
            done: vec![false; positions],
            left: positions,
            last: None,
            window: if is_lossless { Window::fixed(width.min(MAX_UNREAD)) } else { Window::new(width) },
            is_lossless,
            has_unblocked,
            received: 0,
            overtaken: 0,
            is_full: false,
            look: clock.last + session.round_trip.patience(0),
            session,
        }
    }

    /// Returns the sockets that the list waits for, each once.
    pub(crate) fn interests(&self) -> impl Iterator<Item = Interest<'_>> {
        // Lanes over a Unix socket share it, and a response on it shows that chronyd's queue has room again.
        let sockets = if self.is_lossless { 1 } else { self.flights.len() };
        let is_stuck = self.is_full && (self.flights.is_empty() || !self.is_lossless);
        let full = self.session.lanes.first().filter(|_| is_stuck);
        let full = full.into_iter().map(|lane| Interest::new(lane, true));
        full.chain(self.flights.iter().take(sockets).map(|flight| Interest::new(&flight.lane, false)))
    }

    pub(crate) fn advance(
        &mut self,
        mut ready: Ready<'_>,
        context: &mut Context,
        records: &mut dyn Collect,
    ) -> Result<Step<()>, Error> {
        let begin = context.clock.last;
        let turn = self.received + DATAGRAMS_PER_STEP;
        loop {
            self.send(context, records)?;
            if self.left == 0 {
                return Ok(Step::Done(()));
            }
            let is_more = self.receive(ready, context, records)?;
            let now = if is_more { context.clock.last } else { context.clock.now() };
            let due = self.due(context.clock.end);
            if is_more && now < due {
                if self.received >= turn || now - begin >= INTERRUPT_INTERVAL {
                    return Ok(Step::Wait(now));
                }
                ready = ready.again();
            } else if now < due || ready.is_first() {
                return Ok(Step::Wait(due));
            } else if now >= context.clock.end {
                let requests = self.flights.iter().map(|flight| flight.before + 1).max();
                return Err(self.silent(requests.unwrap_or(0), context));
            } else if !self.is_lossless {
                self.give_up_late(now);
                ready = ready.again();
            } else if self.flights.front().is_some_and(|flight| self.session.is_cut_off(&flight.lane)) {
                return Err(context.changed(&self.session.address, None));
            } else {
                self.look = now + PATH_CHECK_INTERVAL;
            }
        }
    }

    /// Returns the error for a response that did not come in time.
    fn silent(&self, requests: u32, context: &Context) -> Error {
        let stage = if self.flights.is_empty() && self.is_full { Stage::Request } else { Stage::Response };
        let records = self.plan.records_read(self.left, self.done[0]);
        context.silent(&self.session, stage, requests, Some(records))
    }

    /// Returns the time of the next action if no socket becomes ready.
    fn due(&self, end: Instant) -> Instant {
        if self.is_lossless {
            return self.look.min(end);
        }
        self.flights.iter().filter_map(|flight| flight.resend).min().map_or(end, |resend| resend.min(end))
    }

    /// Returns the next position to request, if it may be requested now, and the number of earlier requests for it.
    /// Requests on a Unix socket are answered in order. Over UDP, the last record is requested alone, both times.
    fn next(&self) -> Option<(usize, u32)> {
        if let Some(again) = self.again.front() {
            return Some(*again);
        }
        let is_due = self.is_lossless
            || self.next == 0
            || if self.next == self.plan.positions - 1 { self.left == 1 } else { self.done[0] };
        (self.next < self.plan.positions && is_due).then_some((self.next, 0))
    }

    /// Sends as many requests as may be in flight.
    fn send(&mut self, context: &mut Context, records: &mut dyn Collect) -> Result<(), Error> {
        self.is_full = false;
        while self.flights.iter().filter(|flight| !flight.is_lost(self.is_lossless)).count() < self.window.size
            && let Some((position, before)) = self.next()
        {
            let Some(mut lane) = self.free_lane(context) else { break };
            match lane.send(self.plan.request(position)) {
                Ok(Sent::Yes) => {
                    self.asked();
                    let sent = if self.is_lossless { context.clock.last } else { context.clock.now() };
                    let resend = (!self.is_lossless).then(|| sent + self.session.round_trip.patience(before));
                    self.flights.push_back(Flight { lane, position, before, sent, resend, is_late: false });
                }
                Ok(Sent::Answered) => {
                    self.asked();
                    self.answered(position, lane, context, records)?;
                }
                Ok(Sent::No) => {
                    self.session.lanes.push(lane);
                    self.is_full = true;
                    break;
                }
                Err(failure) => return Err(context.failed(&self.session.address, Stage::Request, failure)),
            }
        }
        Ok(())
    }

    /// Moves on to the next position after a request.
    fn asked(&mut self) {
        if self.again.pop_front().is_none() {
            self.next += 1;
        }
    }

    /// Returns an idle or a new lane. If no lane can be opened, the window is limited to the requests in flight, and a
    /// lane with a lost request is used again.
    fn free_lane(&mut self, context: &Context) -> Option<Lane> {
        if let Some(lane) = self.session.lanes.pop() {
            return Some(lane);
        }
        let lost = |flight: &Flight| flight.is_lost(self.is_lossless);
        if let Some(flight) = self.flights.front()
            && let Some(lane) = context.open_beside(&flight.lane, &self.session.address)
        {
            if self.has_unblocked {
                lane.socket().wait(false);
            }
            return Some(lane);
        }
        self.window.limit(self.flights.iter().filter(|flight| !lost(flight)).count());
        let lost = self.flights.iter().position(lost)?;
        self.flights.remove(lost).map(|flight| flight.lane)
    }

    /// Returns the index of the request whose response a thread waits for. Over UDP, it is not the first of many: the
    /// responses before it have come by then, so the thread wakes up once for all of them. While it wakes up, chronyd
    /// answers the rest. If chronyd has a queue of other clients' requests, the thread can wait for the last one.
    fn first(&self) -> usize {
        match self.flights.len() {
            _ if self.is_lossless || self.overtaken > 0 => 0,
            count if self.window.is_long => count.saturating_sub(1),
            count => count / 4,
        }
    }

    /// Receives from the lanes that are ready, up to the first response. Returns true if there may be more; the clock
    /// has then been read.
    fn receive(&mut self, ready: Ready<'_>, context: &mut Context, records: &mut dyn Collect) -> Result<bool, Error> {
        let mut is_more = false;
        let mut at = if ready.is_first() { self.first() } else { 0 };
        while let Some(flight) = self.flights.get_mut(at) {
            if ready.allows(&flight.lane, flight.is_late) {
                match flight.lane.receive() {
                    Ok(Received::Answer) => {
                        let now = context.clock.now();
                        self.overtaken = if at > 0 { at } else { self.overtaken.saturating_sub(1) };
                        if let Some(Flight { lane, position, before, sent, .. }) = self.flights.remove(at) {
                            let is_only = self.answered(position, lane, context, records)?;
                            if is_only && before == 0 && !self.is_lossless {
                                self.measure(now - sent);
                            }
                        }
                        return Ok(true);
                    }
                    // chronyd answers the second request after the requests that other lanes have sent meanwhile.
                    Ok(Received::Half) => {
                        let now = context.clock.now();
                        self.received += 1;
                        if let Some(mut half) = self.flights.remove(at) {
                            half.sent = now;
                            let patience = self.session.round_trip.patience(half.before);
                            half.resend = half.resend.map(|_| half.sent + patience);
                            self.flights.push_back(half);
                        }
                        return Ok(true);
                    }
                    Ok(Received::Stuck) => {
                        context.clock.now();
                        // Responses for other lanes may already be on the socket. An epoll set reports them only once.
                        (self.is_full, is_more) = (true, true);
                        if let Some(Flight { lane, position, before, .. }) = self.flights.remove(at) {
                            self.session.lanes.push(lane);
                            self.again.push_back((position, before));
                        }
                        // The next flight has moved to this index.
                        if !ready.is_first() && !self.is_lossless {
                            continue;
                        }
                    }
                    Ok(Received::Other) => {
                        context.clock.now();
                        self.received += 1;
                        is_more = true;
                    }
                    Ok(Received::Nothing) => flight.is_late = true,
                    Ok(Received::Signal) => (flight.is_late, context.clock.is_signalled) = (true, true),
                    // chronyd does not have a record with this index. The records of a list without a table may not be
                    // sources, so a failed check proves nothing.
                    Err(failure) if failure.code == CHRONY_UNEXPECTED_STATUS => {
                        let position = flight.position;
                        if self.plan.query.shape.is_some() || !self.plan.is_check(position) {
                            return Err(context.changed(&self.session.address, Some(failure)));
                        }
                        context.clock.now();
                        if let Some(Flight { lane, .. }) = self.flights.remove(at) {
                            self.answered(position, lane, context, records)?;
                        }
                        return Ok(true);
                    }
                    Err(failure) => return Err(context.failed(&self.session.address, Stage::Response, failure)),
                }
                if ready.is_first() {
                    break;
                }
            }
            // Lanes over a Unix socket receive in the order of sending.
            if self.is_lossless {
                break;
            }
            at += 1;
        }
        Ok(is_more)
    }

    /// Takes a response. Returns true if no other request for its position was in flight.
    fn answered(
        &mut self,
        position: usize,
        lane: Lane,
        context: &Context,
        records: &mut dyn Collect,
    ) -> Result<bool, Error> {
        let is_check = self.plan.is_check(position);
        if is_check && position == 0 {
            self.last = Some(lane.record().source());
        } else if is_check && self.last != Some(lane.record().source()) {
            return Err(context.changed(&self.session.address, None));
        }
        if !is_check || position == 0 && !self.plan.query.is_by_address() {
            let put = records.put(self.plan.index(position), lane.record());
            put.map_err(|error| context.field(&self.session.address, error))?;
        }
        self.session.lanes.push(lane);
        self.done[position] = true;
        self.left -= 1;
        self.received += 1;
        let others = self.flights.len();
        if !self.is_lossless {
            self.flights.retain(|flight| flight.position != position);
            self.again.retain(|(again, _)| *again != position);
        }
        Ok(others == self.flights.len())
    }

    /// Updates the round trip and the window after a response over UDP.
    fn measure(&mut self, sample: Duration) {
        self.session.round_trip.measured(sample);
        let is_near = self.session.address.is_loopback();
        let queued = if is_near { sample } else { self.session.round_trip.queued(sample) };
        self.window.answered(queued);
    }

    /// Queues the records of overdue requests for a retry, and shrinks the window.
    fn give_up_late(&mut self, now: Instant) {
        let overdue = |flight: &&mut Flight| flight.resend.is_some_and(|resend| now >= resend);
        let again = self.flights.iter_mut().filter(overdue).map(|flight| {
            flight.resend = None;
            (flight.position, flight.before + 1)
        });
        self.again.extend(again);
        self.window.lost();
    }

    /// Returns the session for the next call.
    pub(crate) fn into_session(self) -> Box<Session> {
        if self.has_unblocked {
            self.session.lanes.iter().for_each(|lane| lane.socket().wait(true));
        }
        self.session
    }
}
