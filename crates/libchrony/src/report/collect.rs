//! Where the records of a call go: into one record, or into all of a list.

use crate::report::any::AnyRecord;
use crate::report::query::{Asked, Shape};
use crate::report::record::FieldError;
use crate::report::record::Record;
use crate::report::sink::Sink;
use crate::report::{Report, Row, Table, Tracking};
use std::ffi::CStr;
use std::iter;
use std::mem;

/// What a call reads: [`One`] record, [`All`] of a list, those of a list [`ByAddress`], the [`TableRows`] of any
/// table, or [`Any`] report that libchrony knows.
#[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
pub trait Gather: Sink {
    /// What the call returns.
    type Output;

    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed: the trait cannot be implemented outside this crate")]
    fn asked(&self) -> Asked;

    /// Takes what a call that has succeeded has read. This is empty then.
    fn take(&mut self) -> Self::Output;
}

/// The records of a report that has a table, in chronyd's order, with `None` for each reference clock without a record.
pub type Rows = Vec<Option<Box<dyn Row>>>;

/// The records of any report that libchrony knows, in chronyd's order, with `None` for each reference clock without a
/// record.
pub type AnyRecords = Vec<Option<AnyRecord>>;

/// The only record of a report.
#[derive(Debug)]
pub struct One<R>(Option<R>);

/// All records of a report, in chronyd's order.
#[derive(Debug)]
pub struct All<R>(Vec<Option<R>>);

/// All records of a report that is asked for by address, in chronyd's order; `None` for reference clocks.
#[derive(Debug)]
pub struct ByAddress<R>(Vec<Option<R>>);

/// The records of a table, in chronyd's order; `None` for what has no record.
#[derive(Debug)]
pub struct TableRows {
    table: &'static Table,
    /// Whether chronyd is only looked for.
    is_contact: bool,
    records: Rows,
}

/// The records of any report that libchrony knows, in chronyd's order; `None` for what has no record.
#[derive(Debug)]
pub struct Any {
    name: &'static CStr,
    records: AnyRecords,
}

impl Any {
    pub(crate) fn of(name: &'static CStr) -> Self {
        Self { name, records: Vec::new() }
    }
}

impl TableRows {
    pub(crate) fn of(table: &'static Table) -> Self {
        Self { table, is_contact: false, records: Vec::new() }
    }

    /// No records, for a call that only looks for a chronyd. Over UDP it asks for a report that every chronyd has.
    pub(crate) fn none() -> Self {
        Self { is_contact: true, ..Self::of(Tracking::TABLE) }
    }
}

impl<R> Default for One<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R> Default for All<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> Default for ByAddress<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Makes room for so many records.
fn begin<R>(records: &mut Vec<Option<R>>, count: usize) {
    *records = iter::repeat_with(|| None).take(count).collect();
}

impl<R: Report> Sink for One<R> {
    fn begin(&mut self, _count: usize) {
        self.0 = None;
    }

    fn put(&mut self, _index: usize, record: Record<'_>) -> Result<(), FieldError> {
        self.0 = Some(R::decode(record)?);
        Ok(())
    }
}

impl<R: Report> Sink for All<R> {
    fn begin(&mut self, count: usize) {
        begin(&mut self.0, count);
    }

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError> {
        self.0[index] = Some(R::decode(record)?);
        Ok(())
    }
}

impl<R: Report> Sink for ByAddress<R> {
    fn begin(&mut self, count: usize) {
        begin(&mut self.0, count);
    }

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError> {
        self.0[index] = if record.is_empty() { None } else { Some(R::decode(record)?) };
        Ok(())
    }
}

impl Sink for TableRows {
    fn begin(&mut self, count: usize) {
        begin(&mut self.records, if self.is_contact { 0 } else { count });
    }

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError> {
        if self.is_contact {
            return Ok(());
        }
        let has_none = self.table.shape == Shape::PerNtpSource && record.is_empty();
        self.records[index] = if has_none { None } else { Some((self.table.decode)(record)?) };
        Ok(())
    }
}

impl Sink for Any {
    fn begin(&mut self, count: usize) {
        begin(&mut self.records, count);
    }

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError> {
        self.records[index] = if record.is_empty() { None } else { Some(AnyRecord::decode(record)?) };
        Ok(())
    }
}

impl<R: Report> Gather for One<R> {
    type Output = R;

    #[expect(private_interfaces, reason = "sealed: the trait cannot be implemented outside this crate")]
    fn asked(&self) -> Asked {
        R::TABLE.asked()
    }

    fn take(&mut self) -> R {
        self.0.take().unwrap_or_else(|| unreachable!("a call that has succeeded has read its record"))
    }
}

impl<R: Report> Gather for All<R> {
    type Output = Vec<R>;

    #[expect(private_interfaces, reason = "sealed: the trait cannot be implemented outside this crate")]
    fn asked(&self) -> Asked {
        R::TABLE.asked()
    }

    fn take(&mut self) -> Vec<R> {
        mem::take(&mut self.0).into_iter().flatten().collect()
    }
}

impl<R: Report> Gather for ByAddress<R> {
    type Output = Vec<Option<R>>;

    #[expect(private_interfaces, reason = "sealed: the trait cannot be implemented outside this crate")]
    fn asked(&self) -> Asked {
        R::TABLE.asked()
    }

    fn take(&mut self) -> Vec<Option<R>> {
        mem::take(&mut self.0)
    }
}

impl Gather for TableRows {
    type Output = Rows;

    #[expect(private_interfaces, reason = "sealed: the trait cannot be implemented outside this crate")]
    fn asked(&self) -> Asked {
        Asked { is_contact: self.is_contact, ..self.table.asked() }
    }

    fn take(&mut self) -> Self::Output {
        mem::take(&mut self.records)
    }
}

impl Gather for Any {
    type Output = AnyRecords;

    #[expect(private_interfaces, reason = "sealed: the trait cannot be implemented outside this crate")]
    fn asked(&self) -> Asked {
        Asked { name: self.name, shape: None, is_optional: false, is_contact: false }
    }

    fn take(&mut self) -> Self::Output {
        mem::take(&mut self.records)
    }
}

/// A type that a connection can read: the return type of any of its methods for a report, such as [`Tracking`],
/// `Vec<Source>` or `Vec<Option<NtpData>>`.
pub trait Readable: Sized {
    #[doc(hidden)]
    type Gather: Gather<Output = Self> + Default;
}

impl<R: Report> Readable for R {
    type Gather = One<R>;
}

impl<R: Report> Readable for Vec<R> {
    type Gather = All<R>;
}

impl<R: Report> Readable for Vec<Option<R>> {
    type Gather = ByAddress<R>;
}
