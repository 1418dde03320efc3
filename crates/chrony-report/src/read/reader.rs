//! Reads one chronyd through a connection, or many through a fleet.

use super::host::{answered, beside};
use super::open::{Targets, builder_at, library};
use super::signals::Signals;
use super::silence::Silence;
use super::source_names;
use crate::args::Chronyds;
use crate::error::Failure;
use crate::sheet::report::{Report, find};
use crate::sheet::{Answer, Sheet};
use libchrony::fleet::{Fleet, Progress, Reports, Round};
use libchrony::{Address, Connection, Datum, Error, Library, REPORTS, Report as _, Rows, Source, Table};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The longest delay of a signal that comes just before a wait.
const SLICE: Duration = Duration::from_millis(100);

/// The chronyds to read. Connections stay open for the next round.
#[derive(Debug)]
pub(crate) struct Reader {
    chronyds: Who,
    library: Library,
    signals: Signals,
    verbose: bool,
}

#[derive(Debug)]
enum Who {
    /// The connection, and the address that was given.
    One(Connection, String),
    Many(Box<Fleet>),
}

/// The time of reading, and a report.
type Read = (SystemTime, Result<Vec<Vec<Datum>>, Arc<Error>>);

impl Reader {
    pub(crate) fn new(typed: &Chronyds) -> Result<Self, Failure> {
        let Targets { mut addresses, timeout, verbose } = Targets::of(typed)?;
        let signals = Signals::take()?;
        let library = library(verbose)?;
        let chronyds = if addresses.len() > 1 {
            let fleet = Fleet::builder(addresses).library(library.clone()).timeout(timeout);
            Who::Many(Box::new(fleet.raise_descriptor_limit().build()?))
        } else {
            let address = addresses.pop();
            let host = address.as_ref().map(Address::to_string).unwrap_or_default();
            let builder = builder_at(library.clone(), address, timeout);
            Who::One(builder.interrupt(signals.interrupt()).build()?, host)
        };
        Ok(Self { chronyds, library, signals, verbose })
    }

    /// Returns true if there are several chronyds.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self.chronyds, Who::Many(_))
    }

    /// Reads these reports from all chronyds.
    pub(crate) fn read(&mut self, reports: &[Report]) -> Result<Vec<Sheet>, Failure> {
        let start = Instant::now();
        let tables: Vec<_> = reports.iter().filter_map(Report::table).collect();
        let mut silence = Silence::default();
        let others: Vec<_> = reports.iter().filter(|report| report.table().is_none()).map(Report::name).collect();
        let mut known = if tables.is_empty() { Vec::new() } else { self.read_known(&tables, &mut silence) }.into_iter();
        self.signals.check()?;
        let mut others =
            if others.is_empty() { Vec::new() } else { self.read_others(&others, &mut silence)? }.into_iter();
        let in_order = reports.iter().map(|report| if report.table().is_some() { known.next() } else { others.next() });
        let sheets: Vec<_> = in_order.flatten().collect();
        self.signals.check()?;
        if self.verbose {
            let names = sheets.iter().map(|sheet| &*sheet.report).collect::<Vec<_>>().join(", ");
            let hosts = sheets.first().map_or(0, |sheet| sheet.answers.len());
            anstream::eprintln!("asked: {hosts} chronyd(s) for {names}, in {:.1?}", start.elapsed());
        }
        Ok(sheets)
    }

    /// Waits until a moment, or for a signal.
    pub(crate) fn wait_until(&mut self, moment: Instant) -> Result<(), Failure> {
        self.signals.wait(moment.saturating_duration_since(Instant::now()))
    }

    fn read_known(&mut self, tables: &[&'static Table], silence: &mut Silence) -> Vec<Sheet> {
        let mut sheets: Vec<_> = tables.iter().map(|table| Sheet::of_table(table)).collect();
        let around: &[_] = if source_names::are_needed(tables) { &[Source::TABLE] } else { &[] };
        let asked = [around, tables, around].concat();
        let rows = |table: &Table, records: Result<Rows, Arc<Error>>| {
            (SystemTime::now(), records.map(|records| source_names::rows(table, &records)))
        };
        let mut add = |(host, address): (String, Option<String>), mut read: Vec<Read>| {
            if !around.is_empty() && read.len() == asked.len() {
                let (before, after) =
                    (read.remove(0).1.unwrap_or_default(), read.pop().and_then(|(_, rows)| rows.ok()));
                for rows in read.iter_mut().filter_map(|(_, rows)| rows.as_mut().ok()) {
                    source_names::fill(rows, &before, after.as_deref().unwrap_or_default());
                }
            }
            for (sheet, (time, rows)) in sheets.iter_mut().zip(read) {
                sheet.answers.push(Answer { host: host.clone(), address: address.clone(), time, rows });
            }
        };
        match &mut self.chronyds {
            Who::One(connection, host) => {
                // One report at a time takes less memory.
                let read = asked.iter().map(|table| rows(table, silence.unless(|| connection.rows(table)))).collect();
                add((answered(connection, host), None), read);
            }
            Who::Many(fleet) => {
                let hosts: Vec<_> = fleet.addresses().iter().map(Address::to_string).collect();
                let mut all: Vec<_> = hosts.iter().map(|_| Vec::new()).collect();
                let take = |index: usize, results: Vec<Result<Rows, Error>>| {
                    let results = asked.iter().zip(results);
                    all[index] = results.map(|(table, records)| rows(table, records.map_err(Arc::new))).collect();
                };
                // The caller checks for signals.
                let _ = each(fleet.read_chosen(asked.clone()), &self.signals, take);
                for ((index, host), read) in hosts.into_iter().enumerate().zip(all) {
                    let address = beside(&host, fleet.address(index));
                    add((host, address), read);
                }
            }
        }
        sheets
    }

    /// Reads reports that only libchrony knows.
    fn read_others(&mut self, names: &[&str], silence: &mut Silence) -> Result<Vec<Sheet>, Failure> {
        let mut sheets: Vec<_> = names.iter().map(|name| Sheet::of_name(name)).collect();
        match &mut self.chronyds {
            Who::One(connection, host) => {
                for sheet in &mut sheets {
                    let result = silence.unless(|| connection.report(&sheet.report));
                    let answer = sheet.read(answered(connection, host), result);
                    sheet.answers.push(answer);
                }
            }
            Who::Many(fleet) => {
                let hosts: Vec<_> = fleet.addresses().iter().map(Address::to_string).collect();
                let mut all: Vec<_> = hosts.iter().map(|_| Vec::new()).collect();
                let take = |index: usize, results: Vec<Result<_, _>>| {
                    let results = sheets.iter_mut().zip(results);
                    let read = |(sheet, result): (&mut Sheet, Result<_, _>)| {
                        sheet.read(hosts[index].clone(), result.map_err(Arc::new))
                    };
                    all[index] = results.map(read).collect();
                };
                each(fleet.read_any(names)?, &self.signals, take)?;
                for (index, answers) in all.into_iter().enumerate() {
                    for (sheet, mut answer) in sheets.iter_mut().zip(answers) {
                        answer.address = beside(&answer.host, fleet.address(index));
                        sheet.answers.push(answer);
                    }
                }
            }
        }
        sheets.iter_mut().for_each(Sheet::fill);
        Ok(sheets)
    }

    /// Returns the reports with these names: from the tables, or else from the loaded libchrony.
    pub(crate) fn find(&self, names: &[String]) -> Result<Vec<Report>, Failure> {
        if let Some(tables) = names.iter().map(|asked| find(asked).map(Report::Known)).collect() {
            return Ok(tables);
        }
        let all = self.all();
        let among = |asked: &String| all.iter().find(|report| report.name() == asked).cloned();
        let unknown = |asked: &String| {
            let known = all.iter().map(Report::name).collect::<Vec<_>>().join(", ");
            Failure::Usage(format!("libchrony knows no report {asked:?}; it knows {known}"))
        };
        names.iter().map(|asked| among(asked).ok_or_else(|| unknown(asked))).collect()
    }

    /// Returns all reports: first the tables, then the others that the loaded libchrony knows.
    pub(crate) fn all(&self) -> Vec<Report> {
        let others = self.library.reports().filter(|report| find(report).is_none());
        let others = others.map(|report| Report::Other(report.to_owned()));
        REPORTS.iter().map(|table| Report::Known(table)).chain(others).collect()
    }
}

/// Takes the results of a round as they come, until the round is over or a signal comes.
fn each<R: Reports>(
    mut round: Round<&mut Fleet, R>,
    signals: &Signals,
    mut take: impl FnMut(usize, R::Results),
) -> Result<(), Failure> {
    loop {
        match round.advance() {
            Progress::Result(index, results) => take(index, results),
            Progress::Over => return Ok(()),
            Progress::Wait(until) => {
                let wait = until.saturating_duration_since(Instant::now()).min(SLICE);
                let wait = Timespec::try_from(wait).unwrap_or_default();
                // Whatever the poll returns, the round knows what to wait for next.
                let _ = poll(&mut [PollFd::new(&round, PollFlags::IN)], Some(&wait));
            }
        }
        signals.check()?;
    }
}
