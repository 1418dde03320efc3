//! One round of a fleet, for loops and for event loops. The order of the addresses is left to `schedule`.

use super::members::Fleet;
use super::reports::{Parts, Reports};
use super::schedule::{Progress, Schedule};
use crate::address::Address;
use crate::error::Error;
use crate::report::Table;
use crate::report::any::AnyRecord;
use crate::report::collect::Collector;
use rustix::fd::{AsFd, BorrowedFd};
use std::borrow::{Borrow, BorrowMut};
use std::fmt;
use std::time::{Duration, Instant};

/// The results of a round, in the order in which they arrive: the index of an address, and its results.
///
/// The iterator waits for the next result. An event loop calls [`advance`](Self::advance) instead, and watches the
/// descriptor of the round.
#[must_use = "a round does nothing unless its results are asked for"]
pub struct Round<F, R: Reports> {
    fleet: F,
    schedule: Schedule<R::Parts>,
}

impl Fleet {
    /// Reads reports from all addresses. Each address comes once, with its index, in the order in which the reads end.
    ///
    /// The round progresses only while its results are requested. Dropping the round cancels it. The fleet stays
    /// usable.
    #[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
    pub fn read<R: Reports<Parts: Parts<What = ()>>>(&mut self) -> Round<&mut Self, R> {
        Round::new(self, (), None)
    }

    /// Reads further reports from the addresses with these indexes, in the rest of their timeout.
    ///
    /// The timeout of an address includes its reads since the start of the last round of all addresses, except
    /// cancelled ones. A silent address therefore costs one timeout in total. If no time is left, the reports fail with
    /// [`Error::NotAsked`]. The deadline applies to each round on its own.
    ///
    /// The reports come from the chronyd that answered last, even if its host has several. An index counts once.
    ///
    /// # Panics
    ///
    /// If an index is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// # let (one, other) = (testbed::Scripted::start(Default::default())?, testbed::Scripted::start(Default::default())?);
    /// # let addresses = [&one, &other].map(|chronyd| format!("127.0.0.1:{}", chronyd.command_port()).parse().unwrap());
    /// # let mut fleet = libchrony::fleet::Fleet::builder(addresses.into()).build()?;
    /// # one.change(r#"{"tracking": {"reference ID": 0, "stratum": 0, "leap status": 3}}"#.parse()?)?;
    /// use libchrony::{Source, Tracking};
    ///
    /// let addresses = fleet.addresses();
    /// let is_in_trouble = |tracking: &Tracking| !tracking.is_synchronized();
    /// let troubled: Vec<_> = fleet
    ///     .read::<Tracking>()
    ///     .filter(|(_, tracking)| tracking.as_ref().is_ok_and(is_in_trouble))
    ///     .map(|(index, _)| index)
    ///     .collect();
    /// # assert_eq!(troubled, [0]);
    /// for (index, sources) in fleet.read_from::<Vec<Source>>(&troubled) {
    ///     println!("{}: {} sources", addresses[index], sources?.len());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
    pub fn read_from<R: Reports<Parts: Parts<What = ()>>>(&mut self, indexes: &[usize]) -> Round<&mut Self, R> {
        Round::new(self, (), Some(indexes))
    }

    /// Reads reports that are chosen at run time, like [`Fleet::read`].
    ///
    /// # Panics
    ///
    /// If no table is given.
    pub fn read_chosen(&mut self, tables: Vec<&'static Table>) -> Round<&mut Self, Vec<&'static Table>> {
        Round::chosen(self, tables)
    }

    /// Turns the fleet into a round that reads like [`Fleet::read_chosen`]. The round owns the fleet, so an event loop
    /// can keep it. [`Round::into_fleet`] returns the fleet.
    ///
    /// # Panics
    ///
    /// If no table is given.
    pub fn into_round(self, tables: Vec<&'static Table>) -> Round<Self, Vec<&'static Table>> {
        Round::chosen(self, tables)
    }

    /// Reads any reports that the loaded libchrony knows, like [`Connection::report`](crate::Connection::report).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownReport`] if libchrony does not know a report of one of the names.
    ///
    /// # Panics
    ///
    /// If no name is given.
    pub fn read_any(&mut self, names: &[&str]) -> Result<Round<&mut Self, Vec<AnyRecord>>, Error> {
        let reports = self.any(names)?;
        Ok(Round::new(self, reports, None))
    }

    /// Turns the fleet into a round that reads like [`Fleet::read_any`]. The round owns the fleet, so an event loop can
    /// keep it. [`Round::into_fleet`] returns the fleet.
    ///
    /// # Errors
    ///
    /// The fleet, and [`Error::UnknownReport`] if libchrony does not know a report of one of the names.
    ///
    /// # Panics
    ///
    /// If no name is given.
    #[expect(clippy::type_complexity, reason = "a name for a round or a fleet with an error would say no more")]
    pub fn into_any_round(self, names: &[&str]) -> Result<Round<Self, Vec<AnyRecord>>, Box<(Self, Error)>> {
        match self.any(names) {
            Ok(reports) => Ok(Round::new(self, reports, None)),
            Err(error) => Err(Box::new((self, error))),
        }
    }

    fn any(&self, names: &[&str]) -> Result<Vec<Collector<AnyRecord>>, Error> {
        assert!(!names.is_empty(), "no report is chosen");
        names.iter().map(|name| Ok(Collector::named(self.library.report(name)?))).collect()
    }
}

impl<F: BorrowMut<Fleet>> Round<F, Vec<&'static Table>> {
    fn chosen(fleet: F, tables: Vec<&'static Table>) -> Self {
        assert!(!tables.is_empty(), "no report is chosen");
        Self::new(fleet, tables.into_iter().map(Collector::of).collect(), None)
    }
}

impl<F: BorrowMut<Fleet>, R: Reports> Round<F, R> {
    fn new(mut fleet: F, what: <R::Parts as Parts>::What, only: Option<&[usize]>) -> Self {
        fleet.borrow_mut().queue.look();
        Self { schedule: Schedule::new(fleet.borrow_mut(), what, only), fleet }
    }

    /// Advances the round as far as possible, without waiting except [to open a socket](crate::nonblocking).
    pub fn advance(&mut self) -> Progress<R::Results> {
        let fleet = self.fleet.borrow_mut();
        self.schedule.leave_lost_queue(fleet);
        match self.schedule.step(fleet) {
            Progress::Wait(_) => {
                self.schedule.wait(fleet, Duration::ZERO);
                self.schedule.step(fleet)
            }
            step => step,
        }
    }

    /// Returns the address at which the chronyd with this index answered last, like [`Fleet::address`]. After a result,
    /// it is the address from which the result was read.
    pub fn address(&self, index: usize) -> Option<Address> {
        self.fleet.borrow().address(index)
    }

    /// Closes the sockets that no call uses. Calls in progress continue, and close their sockets when they end.
    pub fn close(&mut self) {
        self.fleet.borrow_mut().close();
    }

    /// Cancels the round, and returns the fleet.
    pub fn into_fleet(self) -> F {
        self.fleet
    }
}

impl<F: BorrowMut<Fleet>, R: Reports> Iterator for Round<F, R> {
    type Item = (usize, R::Results);

    fn next(&mut self) -> Option<Self::Item> {
        let fleet = self.fleet.borrow_mut();
        loop {
            self.schedule.leave_lost_queue(fleet);
            match self.schedule.step(fleet) {
                Progress::Result(index, results) => return Some((index, results)),
                Progress::Wait(until) => self.schedule.wait(fleet, until.saturating_duration_since(Instant::now())),
                Progress::Over => return None,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.schedule.pending.len() + self.schedule.running + self.schedule.done.len();
        (left, Some(left))
    }
}

impl<F: Borrow<Fleet>, R: Reports> AsFd for Round<F, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fleet.borrow().queue.as_fd()
    }
}

impl<F, R: Reports> fmt::Debug for Round<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round")
            .field("pending", &self.schedule.pending.len())
            .field("running", &self.schedule.running)
            .finish_non_exhaustive()
    }
}
