//! What was read of one report, from one chronyd or many.

use crate::columns::{self, Column};
use crate::command::name;
use crate::datum::Datum;
use libchrony::{Error, Shape, Table};
use std::sync::Arc;
use std::time::SystemTime;

/// A report of all chronyds that were asked.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) report: String,
    /// Whether each chronyd has one record of it.
    pub(crate) is_single: bool,
    pub(crate) columns: Vec<Column>,
    /// In the order of the chronyds.
    pub(crate) answers: Vec<Answer>,
}

/// What became of one chronyd.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) host: String,
    /// When it was read.
    pub(crate) time: SystemTime,
    /// The records, with a value for each column.
    pub(crate) rows: Result<Vec<Vec<Datum>>, Arc<Error>>,
}

impl Answer {
    /// Whether chronyd is not configured to have the report.
    pub(crate) fn is_not_available(&self) -> bool {
        self.rows.as_ref().is_err_and(|error| matches!(**error, Error::NotAvailable { .. }))
    }
}

impl Sheet {
    /// One that is to be filled.
    pub(crate) fn of_table(table: &Table) -> Self {
        let is_single = table.shape == Shape::One;
        Self { report: name(table).to_owned(), is_single, columns: columns::of_table(table), answers: Vec::new() }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.answers.iter().any(|answer| answer.rows.is_err())
    }
}
