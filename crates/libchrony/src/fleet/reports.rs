//! What a fleet reads of each address: a report, or several.

use crate::error::Error;
use crate::report::any::AnyRecord;
use crate::report::collect::{Any, AnyRecords, Gather, Readable, Rows, TableRows};
use crate::report::query::Asked;
use crate::report::sink::Sink;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the list of reports names them all"))]
use crate::report::*;
use std::ffi::CStr;

/// What a fleet reads of each address: what a connection's method of a report returns, such as [`Tracking`] or a `Vec`
/// of [`Source`], a tuple of up to four of them, or what is chosen while the program runs.
#[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
pub trait Reports {
    /// What comes of one address: a result for each report.
    type Results;
    #[doc(hidden)]
    type Parts: Parts<Results = Self::Results>;
}

/// The calls to one address, which are made one after the other.
pub(crate) trait Parts {
    type Results;
    /// What it takes to know the reports; nothing if the type says it.
    type What;

    fn new(what: &Self::What) -> Self;

    fn count(&self) -> usize;

    fn part(&mut self, number: usize) -> &mut dyn AnyPart;

    /// The results of parts that have all ended.
    fn take(&mut self) -> Self::Results;
}

/// One call.
pub(crate) trait AnyPart {
    fn asked(&self) -> Asked;

    /// Where its records go.
    fn sink(&mut self) -> &mut dyn Sink;

    fn ended(&mut self, result: Result<(), Error>);
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Part<G> {
    gather: G,
    result: Option<Result<(), Error>>,
}

impl<G: Gather> AnyPart for Part<G> {
    fn asked(&self) -> Asked {
        self.gather.asked()
    }

    fn sink(&mut self) -> &mut dyn Sink {
        &mut self.gather
    }

    fn ended(&mut self, result: Result<(), Error>) {
        self.result = Some(result);
    }
}

impl<G: Gather + Default> Parts for Part<G> {
    type Results = Result<G::Output, Error>;
    type What = ();

    fn new((): &()) -> Self {
        Self { gather: G::default(), result: None }
    }

    fn count(&self) -> usize {
        1
    }

    fn part(&mut self, _: usize) -> &mut dyn AnyPart {
        self
    }

    fn take(&mut self) -> Self::Results {
        self.take_result()
    }
}

impl<G: Gather> Part<G> {
    fn take_result(&mut self) -> Result<G::Output, Error> {
        let result = self.result.take().unwrap_or_else(|| unreachable!("a part that has ended has a result"));
        result.map(|()| self.gather.take())
    }
}

macro_rules! reports {
    ($($(#[$doc:meta])* $method:ident: $record:ident => $output:ty;)*) => {
        $(
            impl Reports for $output {
                type Results = Result<$output, Error>;
                type Parts = Part<<$output as Readable>::Gather>;
            }
        )*
    };
}
for_each_report!(reports);

#[doc(hidden)]
#[derive(Debug)]
pub struct Chosen<G>(Vec<Part<G>>);

/// A call whose report is chosen while the program runs.
pub(crate) trait Choice: Gather {
    type Report: Copy;

    fn of(report: Self::Report) -> Self;
}

impl Choice for TableRows {
    type Report = &'static Table;

    fn of(table: &'static Table) -> Self {
        Self::of(table)
    }
}

impl Choice for Any {
    type Report = &'static CStr;

    fn of(name: &'static CStr) -> Self {
        Self::of(name)
    }
}

impl Reports for Vec<&'static Table> {
    type Results = Vec<Result<Rows, Error>>;
    type Parts = Chosen<TableRows>;
}

impl Reports for Vec<AnyRecord> {
    type Results = Vec<Result<AnyRecords, Error>>;
    type Parts = Chosen<Any>;
}

impl<G: Choice> Parts for Chosen<G> {
    type Results = Vec<Result<G::Output, Error>>;
    type What = Vec<G::Report>;

    fn new(what: &Self::What) -> Self {
        Self(what.iter().map(|report| Part { gather: G::of(*report), result: None }).collect())
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn part(&mut self, number: usize) -> &mut dyn AnyPart {
        &mut self.0[number]
    }

    fn take(&mut self) -> Self::Results {
        self.0.iter_mut().map(Part::take_result).collect()
    }
}

macro_rules! tuples {
    ($(($($part:ident $at:tt),+);)+) => {$(
        impl<$($part: Reports),+> Reports for ($($part,)+)
        where
            $($part::Parts: AnyPart + Parts<What = ()>,)+
        {
            type Results = ($($part::Results,)+);
            type Parts = ($($part::Parts,)+);
        }

        impl<$($part: Parts<What = ()> + AnyPart),+> Parts for ($($part,)+) {
            type Results = ($($part::Results,)+);
            type What = ();

            fn new((): &()) -> Self {
                ($($part::new(&()),)+)
            }

            fn count(&self) -> usize {
                [$($at),+].len()
            }

            fn part(&mut self, number: usize) -> &mut dyn AnyPart {
                match number {
                    $($at => &mut self.$at,)+
                    _ => unreachable!("there are {} parts", self.count()),
                }
            }

            fn take(&mut self) -> Self::Results {
                ($(self.$at.take(),)+)
            }
        }
    )+};
}

tuples! {
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}
