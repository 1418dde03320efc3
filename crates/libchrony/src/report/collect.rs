//! The collection of a call's records: the query, the decoding of a record, and the value that the caller gets.

use crate::report::any::AnyRecord;
use crate::report::query::{Query, Shape};
use crate::report::record::{FieldError, Record};
use crate::report::{Report, Row, Table, Tracking};
use std::ffi::CStr;
use std::iter;

/// The records of a report that has a table, in chronyd's order. A reference clock without a record is `None`.
pub type Rows = Vec<Option<Box<dyn Row>>>;

/// The records of any report that libchrony knows, in chronyd's order. A reference clock without a record is `None`.
pub type AnyRecords = Vec<Option<AnyRecord>>;

/// The value that a call returns: a record, or the records of a list.
pub trait Reply: Sized + sealed::Sealed {
    /// The type of one record.
    type Record;

    /// Makes the value from the records of a successful call.
    #[doc(hidden)]
    fn from_records(records: Vec<Option<Self::Record>>) -> Self;
}

/// A type that a connection can read: the return type of any of its report methods, such as [`Tracking`], `Vec<Source>`
/// or `Vec<Option<NtpData>>`.
pub trait Readable: Reply<Record: Report> {}

impl<T: Reply<Record: Report>> Readable for T {}

/// A collection of the records of one call, of any type. Records may arrive in any order.
pub(crate) trait Collect {
    fn query(&self) -> Query;

    /// Begins a list of `count` records.
    fn begin(&mut self, count: usize);

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError>;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Collector<T> {
    query: Query,
    decode: fn(Record<'_>) -> Result<T, FieldError>,
    records: Vec<Option<T>>,
}

impl<T> Collector<T> {
    fn new(query: Query, decode: fn(Record<'_>) -> Result<T, FieldError>) -> Self {
        Self { query, decode, records: Vec::new() }
    }

    /// Returns an empty collector for this query.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.query, self.decode)
    }

    /// Takes the records of a successful call.
    pub(crate) fn take<R: Reply<Record = T>>(&mut self) -> R {
        R::from_records(std::mem::take(&mut self.records))
    }
}

impl<R: Report> Default for Collector<R> {
    fn default() -> Self {
        Self::new(R::TABLE.query(), R::decode)
    }
}

impl Collector<Box<dyn Row>> {
    pub(crate) fn of(table: &'static Table) -> Self {
        Self::new(table.query(), table.decode)
    }
}

impl Collector<AnyRecord> {
    /// Collects a report that only libchrony describes.
    pub(crate) fn named(name: &'static CStr) -> Self {
        Self::new(Query { name, shape: None, is_optional: false, is_contact: false }, AnyRecord::decode)
    }
}

impl Collector<()> {
    /// Collects nothing, for a call that only looks for a chronyd. Over UDP the call requests a report that every
    /// chronyd has.
    pub(crate) fn contact() -> Self {
        Self::new(Query { is_contact: true, ..Tracking::TABLE.query() }, |_| Ok(()))
    }
}

impl<T> Collect for Collector<T> {
    fn query(&self) -> Query {
        self.query
    }

    fn begin(&mut self, count: usize) {
        self.records = iter::repeat_with(|| None).take(count).collect();
    }

    fn put(&mut self, index: usize, record: Record<'_>) -> Result<(), FieldError> {
        let has_none = !matches!(self.query.shape, Some(Shape::Single | Shape::PerSource)) && record.is_empty();
        self.records[index] = if has_none { None } else { Some((self.decode)(record)?) };
        Ok(())
    }
}

impl<R: Report> Reply for R {
    type Record = R;

    fn from_records(records: Vec<Option<R>>) -> R {
        let record = records.into_iter().flatten().next();
        record.unwrap_or_else(|| unreachable!("a call that has succeeded has read its record"))
    }
}

impl<R: Report> Reply for Vec<R> {
    type Record = R;

    fn from_records(records: Vec<Option<R>>) -> Self {
        records.into_iter().flatten().collect()
    }
}

impl Reply for () {
    type Record = ();

    fn from_records(_: Vec<Option<()>>) {}
}

macro_rules! replies {
    ($($(<$generic:ident>)? [$record:ty]),*) => {$(
        impl$(<$generic: Report>)? Reply for Vec<Option<$record>> {
            type Record = $record;

            fn from_records(records: Self) -> Self {
                records
            }
        }

        impl$(<$generic: Report>)? sealed::Sealed for Vec<Option<$record>> {}
    )*};
}
replies!(<R> [R], [Box<dyn Row>], [AnyRecord]);

mod sealed {
    use crate::report::Report;

    /// A trait that other crates cannot name, and so cannot implement.
    pub trait Sealed {}

    impl<R: Report> Sealed for R {}
    impl<R: Report> Sealed for Vec<R> {}
    impl Sealed for () {}
}
