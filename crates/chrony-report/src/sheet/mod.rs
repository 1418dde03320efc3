//! The results of one report, from one chronyd or many.

use crate::sheet::report::name;
pub(crate) mod column;
pub(crate) mod datum;
pub(crate) mod report;
pub(crate) mod schema;

use crate::sheet::column::Column;
use libchrony::{AnyRecord, AnyRecords, Datum, Error, Shape, Table};
use std::sync::Arc;
use std::time::SystemTime;

/// A report, read from all chronyds that were asked.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) report: String,
    /// True if each chronyd has exactly one record.
    pub(crate) is_single: bool,
    pub(crate) columns: Vec<Column>,
    /// The answers, in the order of the chronyds.
    pub(crate) answers: Vec<Answer>,
}

/// Formats a host, followed by its address in parentheses.
pub(crate) fn with_address(host: &str, address: Option<&str>) -> String {
    address.map_or_else(|| host.to_owned(), |address| format!("{host} ({address})"))
}

/// The result of one chronyd.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) host: String,
    /// The address that answered, if it differs from the host that was given.
    pub(crate) address: Option<String>,
    /// The time of reading.
    pub(crate) time: SystemTime,
    /// The records, with a value for each column.
    pub(crate) rows: Result<Vec<Vec<Datum>>, Arc<Error>>,
}

impl Answer {
    /// Formats the host for people, with the address that answered.
    pub(crate) fn shown(&self) -> String {
        let is_answer = self.rows.as_ref().err().is_none_or(|error| error.is_answer());
        with_address(&self.host, self.address.as_deref().filter(|_| is_answer))
    }

    /// Returns true if chronyd is not configured to have the report.
    pub(crate) fn is_not_available(&self) -> bool {
        self.rows.as_ref().is_err_and(|error| matches!(**error, Error::NotAvailable { .. }))
    }
}

impl Sheet {
    /// Returns an empty sheet for a report with a table.
    pub(crate) fn of_table(table: &Table) -> Self {
        let is_single = table.shape == Shape::Single;
        Self { report: name(table).to_owned(), is_single, columns: column::of_table(table), answers: Vec::new() }
    }

    /// Returns an empty sheet for a report that only libchrony knows. Its columns come with the first record.
    pub(crate) fn of_name(report: &str) -> Self {
        Self { report: report.to_owned(), is_single: true, columns: Vec::new(), answers: Vec::new() }
    }

    /// Converts the answer to a request for a report that only libchrony knows.
    pub(crate) fn read(&mut self, host: String, result: Result<AnyRecords, Arc<Error>>) -> Answer {
        let rows = result.map(|records| {
            self.is_single &= records.len() == 1;
            if let Some(record) = records.iter().flatten().next() {
                self.columns = column::of_record(record);
            }
            let values = |record: AnyRecord| record.fields().iter().map(|(_, field)| Datum::any(field)).collect();
            records.into_iter().map(|record| record.map(values).unwrap_or_default()).collect()
        });
        Answer { host, address: None, time: SystemTime::now(), rows }
    }

    /// Fills the rows of missing records with missing values.
    pub(crate) fn fill(&mut self) {
        for row in self.answers.iter_mut().flat_map(|answer| answer.rows.iter_mut().flatten()) {
            row.resize(self.columns.len(), Datum::None);
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.answers.iter().any(|answer| answer.rows.is_err())
    }
}
