//! Asks chronyds: one by a connection, many by a fleet.

use crate::columns;
use crate::command::{Chronyds, name};
use crate::datum::Datum;
use crate::error::Failure;
use crate::rows::{Answer, Sheet};
use libchrony::fleet::Fleet;
use libchrony::{Address, AnyRecord, AnyRecords, Connection, Error, Library, REPORTS, Shape, Table};
use std::io::Read;
use std::path::Path;
use std::time::{Instant, SystemTime};
use std::{env, fs, io};

/// The copy of libchrony that comes with this program, below the folder above that of the program.
const BUNDLED: &str = "lib/chrony-report/libchrony.so.0";

/// The chronyds that are asked. What it opens, it keeps for the next time.
#[derive(Debug)]
pub(crate) struct Reader {
    options: Chronyds,
    chronyds: Who,
}

#[derive(Debug)]
enum Who {
    One(Connection),
    Many(Box<Fleet>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// One that has a table.
    Known(&'static Table),
    /// One that only libchrony knows.
    Other(String),
}

/// The libchrony of this machine, or the one that comes with the program.
pub(crate) fn library(options: &Chronyds) -> Result<Library, Failure> {
    let program = env::current_exe().and_then(fs::canonicalize).ok();
    let bundled = program.as_deref().and_then(Path::parent).and_then(Path::parent).map(|folder| folder.join(BUNDLED));
    let library = Library::load_or(bundled.as_deref()).map_err(Error::from)?;
    if options.verbose {
        anstream::eprintln!("libchrony: {}", library.path().display());
    }
    Ok(library)
}

/// The addresses of the options; none for the usual places.
pub(crate) fn addresses(options: &Chronyds) -> Result<Vec<Address>, Failure> {
    let mut addresses = options.hosts.clone();
    let Some(file) = &options.hosts_file else { return Ok(addresses) };
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
    let mut addresses = addresses(options)?;
    if addresses.len() > 1 {
        return Err(Failure::Usage("this command is about one chronyd; give one address".to_owned()));
    }
    connect(options, addresses.pop())
}

fn connect(options: &Chronyds, address: Option<Address>) -> Result<Connection, Failure> {
    let builder = Connection::builder().library(library(options)?).timeout(options.timeout);
    let builder = match address {
        Some(address) => builder.address(address),
        None => builder.addresses(Address::defaults()),
    };
    Ok(builder.build()?)
}

impl Reader {
    pub(crate) fn new(options: &Chronyds) -> Result<Self, Failure> {
        let mut addresses = addresses(options)?;
        let chronyds = if addresses.len() > 1 {
            let fleet = Fleet::builder(addresses).library(library(options)?).timeout(options.timeout);
            Who::Many(Box::new(fleet.raise_descriptor_limit().build()?))
        } else {
            Who::One(connect(options, addresses.pop())?)
        };
        Ok(Self { options: options.clone(), chronyds })
    }

    /// Whether there are several chronyds.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self.chronyds, Who::Many(_))
    }

    /// Reads reports that have tables.
    pub(crate) fn read(&mut self, tables: &[&'static Table]) -> Vec<Sheet> {
        let start = Instant::now();
        let mut sheets: Vec<_> = tables
            .iter()
            .map(|table| Sheet {
                report: name(table).to_owned(),
                is_single: table.shape == Shape::One,
                columns: columns::of_table(table),
                answers: Vec::new(),
            })
            .collect();
        let mut add = |host: String, results: Vec<Result<AnyRecords, Error>>| {
            for ((sheet, table), records) in sheets.iter_mut().zip(tables).zip(results) {
                let rows = records.map(|records| rows(table, &records));
                sheet.answers.push(Answer { host: host.clone(), time: SystemTime::now(), rows });
            }
        };
        match &mut self.chronyds {
            Who::One(connection) => {
                let results = tables.iter().map(|table| connection.rows(table)).collect();
                add(answered(connection), results);
            }
            Who::Many(fleet) => {
                let hosts: Vec<_> = fleet.addresses().map(Address::to_string).collect();
                let mut all: Vec<_> = hosts.iter().map(|_| None).collect();
                for (index, results) in Fleet::read_chosen(&mut **fleet, tables.to_vec()) {
                    all[index] = Some(results);
                }
                for (host, results) in hosts.into_iter().zip(all) {
                    add(host, results.unwrap_or_default());
                }
            }
        }
        if self.options.verbose {
            let names = sheets.iter().map(|sheet| &*sheet.report).collect::<Vec<_>>().join(", ");
            let hosts = sheets.first().map_or(0, |sheet| sheet.answers.len());
            anstream::eprintln!("asked: {names} of {hosts} chronyd(s), in {:.1?}", start.elapsed());
        }
        sheets
    }

    /// Reads a report by its name.
    pub(crate) fn read_any(&mut self, report: &Report) -> Result<Vec<Sheet>, Failure> {
        let name = match report {
            Report::Known(table) => return Ok(self.read(&[table])),
            Report::Other(name) => name,
        };
        let mut sheet = Sheet { report: name.clone(), is_single: true, columns: Vec::new(), answers: Vec::new() };
        let mut add = |host: String, result: Result<Vec<Option<AnyRecord>>, Error>| {
            let rows = result.map(|records| {
                sheet.is_single &= records.len() == 1;
                if let Some(record) = records.iter().flatten().next() {
                    sheet.columns = columns::of_record(record);
                }
                let row = |record: AnyRecord| record.fields().iter().map(|(_, field)| Datum::any(field)).collect();
                records.into_iter().map(|record| record.map(row)).collect()
            });
            sheet.answers.push(Answer { host, time: SystemTime::now(), rows });
        };
        match &self.chronyds {
            Who::One(connection) => {
                let result = connection.report(name);
                add(answered(connection), result);
            }
            Who::Many(fleet) => {
                for address in fleet.addresses() {
                    let connection = connect(&self.options, Some(address.clone()))?;
                    add(address.to_string(), connection.report(name));
                }
            }
        }
        Ok(vec![sheet])
    }

    /// The report of this name: one that has a table, or one that only the loaded libchrony knows.
    pub(crate) fn find(&self, asked: &str) -> Result<Report, Failure> {
        if let Some(table) = REPORTS.iter().find(|table| name(table) == asked) {
            return Ok(Report::Known(table));
        }
        let library = library(&Chronyds { verbose: false, ..self.options.clone() })?;
        if library.reports().any(|known| known == asked) {
            return Ok(Report::Other(asked.to_owned()));
        }
        let known = library.reports().collect::<Vec<_>>().join(", ");
        Err(Failure::Usage(format!("libchrony knows no report {asked:?}; it knows {known}")))
    }
}

/// The address at which a chronyd has answered.
fn answered(connection: &Connection) -> String {
    connection.address().map(|address| address.to_string()).unwrap_or_default()
}

fn rows(table: &Table, records: &AnyRecords) -> Vec<Option<Vec<Datum>>> {
    let row = |record: &dyn libchrony::Row| {
        table.fields.iter().zip(record.values()).map(|(field, value)| Datum::of(field, value)).collect()
    };
    records.iter().map(|record| record.as_deref().map(row)).collect()
}
