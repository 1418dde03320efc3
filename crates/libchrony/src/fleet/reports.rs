//! The reports that a fleet reads from each address, and the types of their results.

use crate::error::Error;
use crate::report::any::AnyRecord;
use crate::report::collect::{AnyRecords, Collect, Collector, Readable, Reply, Rows};
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the list of reports names them all"))]
use crate::report::*;

/// The reports that a fleet reads from each address.
///
/// A type stands for one report if a connection's method returns it, such as [`Tracking`] or a `Vec` of [`Source`]. A
/// tuple stands for up to four reports. [`Fleet::read_chosen`](super::Fleet::read_chosen) and
/// [`Fleet::read_any`](super::Fleet::read_any) read reports that are chosen at run time.
///
/// A tuple of tuples does not compile:
///
/// ```compile_fail,E0277
/// # use libchrony::fleet::Fleet;
/// # use libchrony::{Activity, Smoothing, Tracking};
/// fn read(fleet: &mut Fleet) {
///     for (index, results) in fleet.read::<((Tracking, Activity), Smoothing)>() {}
/// }
/// ```
#[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
pub trait Reports {
    /// The results of one address, one for each report.
    type Results;
    #[doc(hidden)]
    type Parts: Parts<Results = Self::Results>;
}

/// The calls to one address, which are made one after the other.
pub(crate) trait Parts {
    type Results;
    /// The reports; `()` if the type determines them.
    type What;

    fn new(what: &Self::What) -> Self;

    fn count(&self) -> usize;

    fn part(&mut self, number: usize) -> &mut dyn Collect;

    /// Takes the records that were read. Each part has ended with one of `ends`, in order.
    fn take(&mut self, ends: &mut dyn Iterator<Item = Result<(), Error>>) -> Self::Results;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Single<T: Reply>(Collector<T::Record>);

impl<T: Readable> Parts for Single<T> {
    type Results = Result<T, Error>;
    type What = ();

    fn new((): &()) -> Self {
        Self(Collector::default())
    }

    fn count(&self) -> usize {
        1
    }

    fn part(&mut self, _: usize) -> &mut dyn Collect {
        &mut self.0
    }

    fn take(&mut self, ends: &mut dyn Iterator<Item = Result<(), Error>>) -> Self::Results {
        take(&mut self.0, ends)
    }
}

fn take<T: Reply>(
    records: &mut Collector<T::Record>,
    ends: &mut dyn Iterator<Item = Result<(), Error>>,
) -> Result<T, Error> {
    let end = ends.next().unwrap_or_else(|| unreachable!("each part has ended"));
    end.map(|()| records.take())
}

macro_rules! reports {
    ($($(#[$doc:meta])* $method:ident: $record:ident => $output:ty;)*) => {
        $(
            impl Reports for $output {
                type Results = Result<$output, Error>;
                type Parts = Single<$output>;
            }
        )*
    };
}
for_each_report!(reports);

impl Reports for Vec<&Table> {
    type Results = Vec<Result<Rows, Error>>;
    type Parts = Vec<Collector<Box<dyn Row>>>;
}

impl Reports for Vec<AnyRecord> {
    type Results = Vec<Result<AnyRecords, Error>>;
    type Parts = Vec<Collector<AnyRecord>>;
}

impl<T> Parts for Vec<Collector<T>>
where
    Vec<Option<T>>: Reply<Record = T>,
{
    type Results = Vec<Result<Vec<Option<T>>, Error>>;
    type What = Self;

    fn new(what: &Self) -> Self {
        what.iter().map(Collector::anew).collect()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn part(&mut self, number: usize) -> &mut dyn Collect {
        &mut self[number]
    }

    fn take(&mut self, ends: &mut dyn Iterator<Item = Result<(), Error>>) -> Self::Results {
        self.iter_mut().map(|records| take(records, ends)).collect()
    }
}

macro_rules! tuples {
    ($(($($part:ident $at:tt),+);)+) => {$(
        impl<$($part: Readable),+> Reports for ($($part,)+) {
            type Results = ($(Result<$part, Error>,)+);
            type Parts = ($(Single<$part>,)+);
        }

        impl<$($part: Readable),+> Parts for ($(Single<$part>,)+) {
            type Results = ($(Result<$part, Error>,)+);
            type What = ();

            fn new((): &()) -> Self {
                ($(Single::<$part>::new(&()),)+)
            }

            fn count(&self) -> usize {
                [$($at),+].len()
            }

            fn part(&mut self, number: usize) -> &mut dyn Collect {
                match number {
                    $($at => self.$at.part(0),)+
                    _ => unreachable!("there are {} parts", self.count()),
                }
            }

            fn take(&mut self, ends: &mut dyn Iterator<Item = Result<(), Error>>) -> Self::Results {
                ($(self.$at.take(ends),)+)
            }
        }
    )+};
}

tuples! {
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}
