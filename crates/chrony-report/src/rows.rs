//! What was read of one report, from one chronyd or many.

use crate::columns::Column;
use crate::datum::Datum;
use libchrony::Error;
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
    /// The records; `None` is the place of one that chronyd does not have, as ntpdata of a reference clock.
    pub(crate) rows: Result<Vec<Option<Vec<Datum>>>, Error>,
}

impl Sheet {
    pub(crate) fn has_failed(&self) -> bool {
        self.answers.iter().any(|answer| answer.rows.is_err())
    }
}
