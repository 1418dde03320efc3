//! Asks chronyds: one by a connection, many by a fleet.

use crate::cli::{Chronyds, name};
use crate::error::Failure;
use crate::read::signals::Signals;
use crate::read::source_names;
use crate::sheet::datum::Datum;
use crate::sheet::{Answer, Sheet, with_address};
use libchrony::fleet::{Fleet, Reports, Round, Step};
use libchrony::{Address, Builder, Connection, Error, Library, REPORTS, Report as _, Rows, Source, Table};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, io, mem};

/// The copy of libchrony that comes with this program, below the folder above `bin`, where the program is.
const BUNDLED: &str = "lib/chrony-report/libchrony.so.0";

/// How long a signal may go unseen that comes just before a wait.
const SLICE: Duration = Duration::from_millis(100);

/// The environment variable with the address where none is given.
const HOST: &str = "CHRONY_REPORT_HOST";

/// The chronyds that are asked. What it opens, it keeps for the next time.
#[derive(Debug)]
pub(crate) struct Reader {
    options: Chronyds,
    chronyds: Who,
    signals: Signals,
}

#[derive(Debug)]
enum Who {
    /// With the address that was given.
    One(Connection, String),
    Many(Box<Fleet>),
}

/// A report that was read, and when.
type Read = (SystemTime, Result<Vec<Vec<Datum>>, Arc<Error>>);

/// Why a chronyd did not answer. It is not asked again, so that a silent one costs one timeout.
#[derive(Debug, Default)]
pub(crate) struct Silence(Option<Arc<Error>>);

impl Silence {
    /// Reads a report, unless chronyd was silent before.
    pub(crate) fn unless<T>(&mut self, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Arc<Error>> {
        if let Some(error) = &self.0 {
            return Err(error.clone());
        }
        let result = read().map_err(Arc::new);
        self.0 = result.as_ref().err().filter(|error| !error.is_answer()).cloned();
        result
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// One that has a table.
    Known(&'static Table),
    /// One that only libchrony knows.
    Other(String),
}

impl Report {
    fn name(&self) -> &str {
        match self {
            Self::Known(table) => name(table),
            Self::Other(name) => name,
        }
    }

    fn table(&self) -> Option<&'static Table> {
        if let Self::Known(table) = self { Some(table) } else { None }
    }
}

/// The libchrony of this machine, or the one that comes with the program.
pub(crate) fn library(options: &Chronyds) -> Result<Library, Failure> {
    let program = env::current_exe().ok();
    // A program that was only copied somewhere trusts no folder there.
    let folder = program.as_deref().and_then(Path::parent).filter(|folder| folder.ends_with("bin"));
    let bundled = folder.and_then(Path::parent).map(|folder| folder.join(BUNDLED));
    let library = Library::load_or(bundled.as_deref()).map_err(Error::from)?;
    // To unload it takes time at the end, and is of no use there.
    mem::forget(library.clone());
    if options.verbose {
        anstream::eprintln!("libchrony: {}", library.path().to_string_lossy().escape_debug());
    }
    Ok(library)
}

/// The addresses of the options; none for the usual places.
pub(crate) fn addresses(options: &Chronyds) -> Result<Vec<Address>, Failure> {
    let mut addresses = options.hosts.clone();
    let Some(file) = &options.hosts_file else {
        if let Some(host) = env::var_os(HOST).filter(|host| addresses.is_empty() && !host.is_empty()) {
            addresses.push(Address::parse(host).map_err(|error| Failure::Usage(format!("{HOST}: {error}")))?);
        }
        return Ok(addresses);
    };
    let text = if file == Path::new("-") {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text).map(|_| text)
    } else {
        fs::read(file)
    };
    let shown = file.display();
    let text = text.map_err(|source| Failure::File {
        what: format!("cannot read the hosts in {shown}"),
        source,
        advice: "Give a file with an address a line",
    })?;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            let address = Address::parse(line)
                .map_err(|error| Failure::Usage(format!("line {} of {shown}: {error}", number + 1)))?;
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Failure::Usage(format!("there is no address in {shown}")));
    }
    Ok(addresses)
}

/// A connection to the only chronyd of the options.
pub(crate) fn connection(options: &Chronyds) -> Result<Connection, Failure> {
    Ok(builder(options)?.build()?)
}

/// The same, to be told more.
pub(crate) fn builder(options: &Chronyds) -> Result<Builder, Failure> {
    let mut addresses = addresses(options)?;
    if addresses.len() > 1 {
        return Err(Failure::Usage("this command is about one chronyd; give one address".to_owned()));
    }
    builder_at(options, addresses.pop())
}

fn builder_at(options: &Chronyds, address: Option<Address>) -> Result<Builder, Failure> {
    let builder = Connection::builder().library(library(options)?).timeout(options.timeout());
    Ok(match address {
        Some(address) => builder.address(address),
        None => builder.addresses(Address::defaults()),
    })
}

impl Reader {
    pub(crate) fn new(options: &Chronyds) -> Result<Self, Failure> {
        let mut addresses = addresses(options)?;
        let signals = Signals::take()?;
        let chronyds = if addresses.len() > 1 {
            let fleet = Fleet::builder(addresses).library(library(options)?).timeout(options.timeout());
            Who::Many(Box::new(fleet.raise_descriptor_limit().build()?))
        } else {
            let address = addresses.pop();
            let host = address.as_ref().map(Address::to_string).unwrap_or_default();
            Who::One(builder_at(options, address)?.interrupt(signals.interrupt()).build()?, host)
        };
        Ok(Self { options: options.clone(), chronyds, signals })
    }

    /// Whether there are several chronyds.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self.chronyds, Who::Many(_))
    }

    /// Reads reports.
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
        if self.options.verbose {
            let names = sheets.iter().map(|sheet| &*sheet.report).collect::<Vec<_>>().join(", ");
            let hosts = sheets.first().map_or(0, |sheet| sheet.answers.len());
            anstream::eprintln!("asked: {hosts} chronyd(s) for {names}, in {:.1?}", start.elapsed());
        }
        Ok(sheets)
    }

    /// Waits until a moment.
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
                // One after the other, so that little is in memory.
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
                // A signal is seen by the caller.
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

    /// The reports of these names: those that have tables, or that only the loaded libchrony knows.
    pub(crate) fn find(&self, names: &[String]) -> Result<Vec<Report>, Failure> {
        if let Some(tables) = names.iter().map(|asked| known(asked)).collect() {
            return Ok(tables);
        }
        let all = self.all()?;
        let find = |asked: &String| all.iter().find(|report| report.name() == asked).cloned();
        let unknown = |asked: &String| {
            let known = all.iter().map(Report::name).collect::<Vec<_>>().join(", ");
            Failure::Usage(format!("libchrony knows no report {asked:?}; it knows {known}"))
        };
        names.iter().map(|asked| find(asked).ok_or_else(|| unknown(asked))).collect()
    }

    /// All reports: those that have tables, and what else the loaded libchrony knows.
    pub(crate) fn all(&self) -> Result<Vec<Report>, Failure> {
        let library = library(&Chronyds { verbose: false, ..self.options.clone() })?;
        let others = library.reports().filter(|report| known(report).is_none());
        let others = others.map(|report| Report::Other(report.to_owned()));
        Ok(REPORTS.iter().map(|table| Report::Known(table)).chain(others).collect())
    }
}

/// A report that has a table.
fn known(asked: &str) -> Option<Report> {
    REPORTS.iter().find(|table| name(table) == asked).map(|table| Report::Known(table))
}

/// The address that was asked, or of the usual ones the one that has answered.
fn answered(connection: &Connection, host: &str) -> String {
    let found = connection.address().filter(|_| host.is_empty());
    found.map_or_else(|| host.to_owned(), |address| address.to_string())
}

/// The address that answered, without its port, unless it was given.
fn beside(host: &str, found: Option<Address>) -> Option<String> {
    let found = found.map(|address| address.to_string()).filter(|found| found != host)?;
    let ip = found.rsplit_once(':').map_or(&*found, |(ip, _)| ip);
    Some(ip.trim_matches(['[', ']']).to_owned())
}

/// Where chronyd answered, as people read it: the address, next to the name if one was given.
pub(crate) fn shown(connection: &Connection) -> String {
    let given = if let [one] = connection.addresses() { one.to_string() } else { String::new() };
    match connection.address() {
        Some(found) if given.is_empty() => found.to_string(),
        found => with_address(&given, beside(&given, found).as_deref()),
    }
}

/// Takes the results of a round as they come, until all have or a signal comes.
fn each<R: Reports>(
    mut round: Round<&mut Fleet, R>,
    signals: &Signals,
    mut take: impl FnMut(usize, R::Results),
) -> Result<(), Failure> {
    loop {
        match round.advance() {
            Step::Result(index, results) => take(index, results),
            Step::Over => return Ok(()),
            Step::Wait(until) => {
                let wait = until.saturating_duration_since(Instant::now()).min(SLICE);
                let wait = Timespec::try_from(wait).unwrap_or_default();
                // Whatever comes of it, the round says what it waits for.
                let _ = poll(&mut [PollFd::new(&round, PollFlags::IN)], Some(&wait));
            }
        }
        signals.check()?;
    }
}
