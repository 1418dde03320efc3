//! One call, as a state machine.
//!
//! A call waits for its turn, searches for a chronyd that answers, and reads a record or a list. [`Machine::advance`]
//! goes as far as the sockets and the time allow, and returns what the call waits for. The waiting is left to the
//! drivers, and the decisions of each phase to `turns`, `search` and `list`.

use crate::address::Address;
use crate::engine::clock::Clock;
use crate::engine::context::Context;
use crate::engine::lane::Lane;
use crate::engine::list::List;
use crate::engine::policy::{MAX_LIST_READS, MAX_RECORDS};
use crate::engine::ready::{Interest, Ready, Step};
use crate::engine::search::Search;
use crate::engine::session::Session;
use crate::engine::settings::Settings;
use crate::engine::turns::{Turn, Turns};
use crate::error::Error;
use crate::raw::per_process::Process;
use crate::report::collect::Collect;
use crate::report::query::Query;
use std::sync::Arc;
use std::task::Waker;
use std::thread::ThreadId;
use std::time::{Duration, Instant};
use std::{io, mem};

#[derive(Debug)]
enum Phase {
    Turn,
    Search(Search),
    List(Box<List>),
    Over,
}

/// A call, from its place in the queue to its result.
#[derive(Debug)]
pub(crate) struct Machine {
    context: Context,
    phase: Phase,
    turn: Turn,
    /// Set once the call has had to wait for its turn.
    has_waited: bool,
    thread: Option<ThreadId>,
    process: Process,
    /// The number of failed reads of the list.
    reads: u32,
    /// The addresses to try.
    addresses: Arc<[Address]>,
}

impl Machine {
    pub(crate) fn new(turns: &Arc<Turns>, query: Query, thread: Option<ThreadId>) -> Self {
        let Settings { timeout, deadline, .. } = *turns.settings;
        let mut clock = Clock::new(timeout);
        clock.end = deadline.map_or(clock.end, |deadline| clock.end.min(deadline));
        Self::within(turns, query, thread, clock)
    }

    /// Creates a call with a given start and deadline.
    pub(crate) fn within(turns: &Arc<Turns>, query: Query, thread: Option<ThreadId>, clock: Clock) -> Self {
        Self {
            context: Context::new(&turns.settings, query, clock),
            phase: Phase::Turn,
            turn: turns.take(thread),
            has_waited: false,
            thread,
            process: Process::this(),
            reads: 0,
            addresses: Arc::clone(&turns.settings.addresses),
        }
    }

    /// Restricts the call to one address.
    pub(crate) fn at(mut self, address: Address) -> Self {
        self.addresses = Arc::new([address]);
        self
    }

    /// Returns the call as it was at its start, for a forked child.
    fn anew(&self) -> Self {
        let Context { query, clock, .. } = &self.context;
        let clock = Clock::between(clock.start, clock.end);
        let anew = Self::within(&self.turn.turns, *query, self.thread, clock);
        Self { addresses: Arc::clone(&self.addresses), ..anew }
    }

    /// Takes the address that has answered, even if only with a refusal.
    pub(crate) fn take_answered(&mut self) -> Option<Address> {
        self.turn.answered.take()
    }

    /// Returns the start of the call.
    pub(crate) fn start(&self) -> Instant {
        self.context.clock.start
    }

    /// Returns the deadline of the call.
    pub(crate) fn end(&self) -> Instant {
        self.context.clock.end
    }

    /// Returns true in a forked child of the process that made the call.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.is_forked()
    }

    /// Returns true if a signal has interrupted a wait since the last check.
    pub(crate) fn take_signal(&mut self) -> bool {
        mem::take(&mut self.context.clock.is_signalled)
    }

    pub(crate) fn waits_for_turn(&self) -> bool {
        matches!(self.phase, Phase::Turn)
    }

    /// Returns the sockets that the call waits for. There are none while it waits for its turn, or only for a host
    /// name.
    pub(crate) fn interests(&self) -> Vec<Interest<'_>> {
        match &self.phase {
            Phase::Search(search) => search.interests().collect(),
            Phase::List(list) => list.interests().collect(),
            Phase::Turn | Phase::Over => Vec::new(),
        }
    }

    /// Takes the result of looking up the requested host.
    pub(crate) fn resolved(&mut self, host: Address, addresses: io::Result<Vec<Address>>) {
        if let Phase::Search(search) = &mut self.phase {
            search.resolved(host, addresses);
        }
    }

    /// Advances the call as far as possible. In a forked child, the call starts again. `waker` is woken when its turn
    /// comes.
    pub(crate) fn advance(
        &mut self,
        mut ready: Ready<'_>,
        waker: &Waker,
        records: &mut dyn Collect,
    ) -> Step<Result<(), Error>> {
        if !matches!(self.phase, Phase::Over) && self.is_forked() {
            *self = self.anew();
            ready = ready.again();
        }
        self.context.clock.now();
        let step = match self.go_on(ready, waker, records) {
            Ok(step) => step.map(Ok),
            Err(error) => Step::Done(Err(error)),
        };
        match step {
            Step::Wait(until) => self.context.clock.waits_until(until),
            Step::Done(_) => self.turn.end(),
            Step::Resolve(_) => self.context.clock.waits_until(self.context.clock.end),
        }
        step
    }

    fn go_on(&mut self, mut ready: Ready<'_>, waker: &Waker, records: &mut dyn Collect) -> Result<Step<()>, Error> {
        loop {
            match mem::replace(&mut self.phase, Phase::Over) {
                Phase::Turn => {
                    if !self.has_turn(waker)? {
                        self.phase = Phase::Turn;
                        return Ok(Step::Wait(self.context.clock.end));
                    }
                    let kept = self.turn.session();
                    self.search(kept.filter(|session| session.lanes.first().is_some_and(Lane::is_still_ours)));
                    continue;
                }
                Phase::Search(mut search) => match search.advance(ready, &mut self.context) {
                    Ok(Step::Done(session)) if session.lanes[0].has_counted() => self.begin_list(session, records)?,
                    Ok(Step::Done(session)) => {
                        if !self.context.query.is_contact {
                            records.begin(1);
                            if let Err(error) = records.put(0, session.lanes[0].record()) {
                                self.turn.answered(&session);
                                return Err(self.context.field(&session.address, error));
                            }
                        }
                        self.turn.keep(session);
                        return Ok(Step::Done(()));
                    }
                    Err((error, refused_by)) => {
                        let Some(session) = refused_by else { return Err(error) };
                        self.turn.answered(&session);
                        // A refusal also shows that chronyd is there.
                        return if self.context.query.is_contact { Ok(Step::Done(())) } else { Err(error) };
                    }
                    Ok(waiting) => {
                        self.phase = Phase::Search(search);
                        return Ok(waiting.map(drop));
                    }
                },
                Phase::List(mut list) => match list.advance(ready, &mut self.context, records) {
                    Ok(Step::Done(())) => {
                        self.turn.keep(list.into_session());
                        return Ok(Step::Done(()));
                    }
                    Err(error) => {
                        self.turn.answered(&list.into_session());
                        self.reads += 1;
                        if !matches!(error, Error::ListChanged { .. }) || self.reads == MAX_LIST_READS {
                            return Err(error);
                        }
                        self.search(None);
                    }
                    Ok(waiting) => {
                        self.phase = Phase::List(list);
                        return Ok(waiting);
                    }
                },
                Phase::Over => return Err(Error::Over { report: self.context.query.report() }),
            }
            ready = ready.again();
        }
    }

    /// Returns false while the call waits for its turn.
    fn has_turn(&mut self, waker: &Waker) -> Result<bool, Error> {
        let Context { settings, query, clock, queued } = &mut self.context;
        let has_come = self.turn.has_come(waker);
        // After the deadline, a turn is useless to a call that had to wait. A call that did not have to wait runs even
        // then.
        if clock.last >= clock.end && (self.has_waited || !has_come) {
            return Err(Error::Busy { report: query.report(), waited: settings.timeout });
        }
        if has_come && self.has_waited {
            let waited = (clock.last - clock.start).as_millis();
            *queued = Duration::from_millis(waited.try_into().unwrap_or(u64::MAX));
        }
        self.has_waited |= !has_come;
        Ok(has_come)
    }

    fn search(&mut self, kept: Option<Box<Session>>) {
        let known = if kept.is_none() { self.turn.known() } else { None };
        self.phase = Phase::Search(Search::new(&self.context, kept, known, &self.addresses));
    }

    fn begin_list(&mut self, session: Box<Session>, records: &mut dyn Collect) -> Result<(), Error> {
        let claimed = session.lanes[0].number_records();
        let Some(count) = usize::try_from(claimed).ok().filter(|count| *count <= MAX_RECORDS) else {
            self.turn.answered(&session);
            return Err(self.context.count(&session.address, claimed));
        };
        records.begin(count);
        self.phase = Phase::List(Box::new(List::new(&self.context, count, session)));
        Ok(())
    }
}
