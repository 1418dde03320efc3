//! Where the records of a call go: into one record, or into all of a list.

use crate::list::Sink;
use crate::record::{FieldError, Record};
use crate::report::Report;
use std::mem;

/// What a call reads: [`One`] record or [`All`] of a list.
#[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
pub trait Gather: Sink {
    /// The report that it is of.
    type Report: Report;
    /// What the call returns.
    type Output;
    /// Whether the report has a record for each source.
    const IS_LIST: bool;

    /// What was read by a call that has succeeded. What it was read into is empty then.
    fn take(&mut self) -> Self::Output;
}

/// The only record of a report.
#[derive(Debug)]
pub struct One<R>(Option<R>);

/// All records of a report, in chronyd's order.
#[derive(Debug)]
pub struct All<R>(Vec<Option<R>>);

impl<R> One<R> {
    pub(crate) fn new() -> Self {
        Self(None)
    }
}

impl<R> All<R> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }
}

impl<R> Default for One<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Default for All<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Report> Sink for One<R> {
    fn begin(&mut self, _count: usize) {
        self.0 = None;
    }

    fn put(&mut self, _index: usize, record: Record<'_>) -> Result<(), FieldError> {
        self.0 = Some(R::read(record)?);
        Ok(())
    }
}

impl<R: Report> Sink for All<R> {
    fn begin(&mut self, count: usize) {
        self.0.clear();
        self.0.resize_with(count, || None);
    }

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError> {
        self.0[index] = Some(R::read(record)?);
        Ok(())
    }
}

impl<R: Report> Gather for One<R> {
    type Report = R;
    type Output = R;
    const IS_LIST: bool = false;

    fn take(&mut self) -> R {
        self.0.take().unwrap_or_else(|| unreachable!("a call that has succeeded has read its record"))
    }
}

impl<R: Report> Gather for All<R> {
    type Report = R;
    type Output = Vec<R>;
    const IS_LIST: bool = true;

    fn take(&mut self) -> Vec<R> {
        mem::take(&mut self.0).into_iter().flatten().collect()
    }
}
