//! One call of a report, as a machine that never waits.
//!
//! It waits for its turn, searches the chronyd that answers, and reads the record or the list. [`Machine::advance`]
//! takes it as far as the sockets and the time allow, and says what it waits for; a driver does the waiting. All
//! decisions are here and below, so that all drivers have the same.

use crate::address::Address;
use crate::engine::candidates::Candidates;
use crate::engine::clock::Clock;
use crate::engine::explain::Explain;
use crate::engine::lane::{Lane, Means, Request};
use crate::engine::list::flight::Lanes;
use crate::engine::list::{List, Listed};
use crate::engine::policy::{MAX_LIST_READS, MAX_RECORDS};
use crate::engine::quota::Rooms;
use crate::engine::ready::{Interest, Ready};
use crate::engine::search::{Found, Search};
use crate::engine::session::Session;
use crate::engine::turns::{Turn, Turns};
use crate::error::Error;
use crate::library::Library;
use crate::raw::per_process::Process;
use crate::raw::socket::Waits;
use crate::report::collect::Collect;
use crate::report::query::{Query, Shape};
use std::sync::Arc;
use std::task::Waker;
use std::thread::ThreadId;
use std::time::{Duration, Instant};
use std::{io, mem};

/// What all calls of a connection share.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) library: Library,
    pub(crate) addresses: Arc<[Address]>,
    pub(crate) timeout: Duration,
    pub(crate) lanes: Lanes,
    pub(crate) waits: Waits,
    pub(crate) rooms: Rooms,
    pub(crate) turns: Arc<Turns>,
}

impl Settings {
    /// The address that the last call has found.
    pub(crate) fn found(&self) -> Address {
        self.turns.address().unwrap_or_else(|| self.addresses[0].clone())
    }
}

/// What a machine waits for.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Its turn, or one of its sockets, until this moment at the latest.
    Wait(Instant),
    /// The addresses of a host, to be told with [`Machine::resolved`].
    Host(Address),
    Done(Result<(), Error>),
    /// This is a child of the process that made the call. It makes the call anew.
    Forked,
}

#[derive(Debug)]
enum State {
    Turn,
    Search(Search),
    List(Box<List>),
    Over,
}

/// The call of a report.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: Arc<Settings>,
    query: Query,
    state: State,
    turn: Turn,
    clock: Clock,
    /// Whether it has waited for its turn.
    has_waited: bool,
    /// How long it has waited for that.
    queued: Duration,
    thread: Option<ThreadId>,
    process: Process,
    /// How often the list was read.
    tries: u32,
    /// The addresses that may answer.
    addresses: Arc<[Address]>,
}

impl Machine {
    pub(crate) fn new(settings: &Arc<Settings>, query: Query, thread: Option<ThreadId>) -> Self {
        Self {
            settings: Arc::clone(settings),
            query,
            state: State::Turn,
            turn: settings.turns.take(thread),
            clock: Clock::new(settings.timeout),
            has_waited: false,
            queued: Duration::ZERO,
            thread,
            process: Process::this(),
            tries: 0,
            addresses: Arc::clone(&settings.addresses),
        }
    }

    /// The same call with another beginning and end.
    pub(crate) fn within(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same call at one address only.
    pub(crate) fn at(mut self, address: Address) -> Self {
        self.addresses = Arc::new([address]);
        self
    }

    /// The same call from its beginning, in a forked child.
    pub(crate) fn anew(&self) -> Self {
        Self::new(&self.settings, self.query, self.thread)
    }

    /// Takes the address that has answered, if only to refuse.
    pub(crate) fn take_answered(&mut self) -> Option<Address> {
        self.turn.answered.take()
    }

    /// When the call began.
    pub(crate) fn start(&self) -> Instant {
        self.clock.start
    }

    /// When the call ends.
    pub(crate) fn end(&self) -> Instant {
        self.clock.end
    }

    /// Whether this is a child of the process that made the call.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.is_forked()
    }

    /// Whether a signal has cut a wait short since the last time.
    pub(crate) fn take_signal(&mut self) -> bool {
        mem::take(&mut self.clock.is_signalled)
    }

    pub(crate) fn waits_for_turn(&self) -> bool {
        matches!(self.state, State::Turn)
    }

    /// The sockets that it waits for; none while it waits for its turn or for the addresses of a host.
    pub(crate) fn interests(&self) -> Vec<Interest<'_>> {
        match &self.state {
            State::Search(search) => search.interests().collect(),
            State::List(list) => list.interests().collect(),
            State::Turn | State::Over => Vec::new(),
        }
    }

    /// Takes the addresses of the host that it asked for.
    pub(crate) fn resolved(&mut self, host: Address, addresses: io::Result<Vec<Address>>) {
        if let State::Search(search) = &mut self.state {
            search.resolved(host, addresses);
        }
    }

    /// Goes on as far as it can. `waker` is woken when its turn has come.
    pub(crate) fn advance(&mut self, ready: Ready<'_>, waker: &Waker, records: &mut dyn Collect) -> Progress {
        if matches!(self.state, State::Over) {
            return Progress::Done(Err(Error::Over { report: self.query.report() }));
        }
        if self.is_forked() {
            return Progress::Forked;
        }
        let settings = Arc::clone(&self.settings);
        self.clock.now();
        let progress = self.go_on(&settings, ready, waker, records).unwrap_or_else(|error| Progress::Done(Err(error)));
        match progress {
            Progress::Wait(until) => self.clock.waits_until(until),
            Progress::Done(_) => self.turn.end(),
            Progress::Host(_) | Progress::Forked => {}
        }
        progress
    }

    fn go_on(
        &mut self,
        settings: &Settings,
        ready: Ready<'_>,
        waker: &Waker,
        records: &mut dyn Collect,
    ) -> Result<Progress, Error> {
        let query = self.query;
        let Settings { library, waits, rooms, .. } = settings;
        let means = Means { symbols: library.symbols(), waits: *waits, rooms, end: self.clock.end };
        let mut ready = ready;
        loop {
            let explain = Explain { library: &settings.library, query, queued: self.queued };
            self.state = match mem::replace(&mut self.state, State::Over) {
                State::Turn => {
                    let now = self.clock.last;
                    let has_come = self.turn.has_come(waker);
                    // A turn that comes too late is of no use. A call that has not waited is made whatever the time.
                    if now >= self.clock.end && (self.has_waited || !has_come) {
                        return Err(Error::Busy { report: query.report(), waited: settings.timeout });
                    }
                    if !has_come {
                        self.has_waited = true;
                        self.state = State::Turn;
                        return Ok(Progress::Wait(self.clock.end));
                    }
                    if self.has_waited {
                        let queued = (now - self.clock.start).as_millis();
                        self.queued = Duration::from_millis(queued.try_into().unwrap_or(u64::MAX));
                    }
                    let kept =
                        self.turn.session().filter(|session| session.lanes.first().is_some_and(Lane::is_still_ours));
                    self.state = self.search(kept);
                    continue;
                }
                State::Search(mut search) => match search.advance(ready, &means, &mut self.clock, &explain) {
                    Found::Nothing(until) => {
                        self.state = State::Search(search);
                        return Ok(Progress::Wait(until));
                    }
                    Found::Host(host) => {
                        self.state = State::Search(search);
                        return Ok(Progress::Host(host));
                    }
                    Found::Failed(error, answered) => {
                        let Some(session) = answered else { return Err(error) };
                        self.turn.answered(&session);
                        // A refusal is an answer, too.
                        return if query.is_contact { Ok(Progress::Done(Ok(()))) } else { Err(error) };
                    }
                    Found::Connected(session) => {
                        self.turn.keep(session);
                        return Ok(Progress::Done(Ok(())));
                    }
                    Found::Answer(session) if session.lanes[0].has_counted() => {
                        let claimed = session.lanes[0].number_records();
                        let count = usize::try_from(claimed).ok().filter(|count| *count <= MAX_RECORDS);
                        let Some(count) = count else {
                            let error = explain.count(&session.address, claimed);
                            self.turn.answered(&session);
                            return Err(error);
                        };
                        records.begin(count);
                        let list = List::new(query, count, session, settings.lanes, *waits, self.clock.last);
                        State::List(Box::new(list))
                    }
                    Found::Answer(session) => {
                        records.begin(1);
                        if let Err(error) = records.put(0, session.lanes[0].record()) {
                            let error = explain.field(&session.address, error);
                            self.turn.answered(&session);
                            return Err(error);
                        }
                        self.turn.keep(session);
                        return Ok(Progress::Done(Ok(())));
                    }
                },
                State::List(mut list) => match list.advance(ready, &means, &mut self.clock, records) {
                    Listed::Nothing(until) => {
                        self.state = State::List(list);
                        return Ok(Progress::Wait(until));
                    }
                    Listed::All => {
                        self.turn.keep(list.into_session());
                        return Ok(Progress::Done(Ok(())));
                    }
                    Listed::Changed(_) | Listed::Restarted if self.tries + 1 < MAX_LIST_READS => {
                        self.tries += 1;
                        self.turn.answered(&list.into_session());
                        self.search(None)
                    }
                    ended => {
                        let error = list.explain(ended, &explain, &self.clock);
                        self.turn.answered(&list.into_session());
                        return Err(error);
                    }
                },
                State::Over => return Err(Error::Over { report: query.report() }),
            };
            ready = ready.again();
        }
    }

    fn search(&mut self, kept: Option<Box<Session>>) -> State {
        let name = self.query.name;
        let request = match self.query.shape {
            Some(Shape::Single) => Request::Record(name, 0),
            Some(Shape::PerSource | Shape::PerNtpSource) => Request::Count(name),
            None => Request::First(name),
        };
        let known = if kept.is_none() { self.turn.known() } else { None };
        let candidates = Candidates::new(Arc::clone(&self.addresses));
        State::Search(Search::new(request, self.query.is_contact, kept, known, candidates, &self.clock))
    }
}
