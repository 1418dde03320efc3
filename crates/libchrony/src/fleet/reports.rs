//! What a fleet reads of each address: a report, or several.

use crate::error::Error;
use crate::gather::{All, Gather, One};
use crate::list::Sink;
use crate::report::{Report, RtcData, Source, SourceStats, Tracking};
use std::ffi::CStr;

/// What a fleet reads of each address: [`Tracking`], [`RtcData`], a `Vec` of [`Source`] or [`SourceStats`], or a tuple of
/// up to four of them.
#[expect(private_bounds, reason = "sealed: the trait cannot be implemented outside this crate")]
pub trait Reports {
    /// What comes of one address: a result for each report.
    type Results;
    #[doc(hidden)]
    type Parts: Parts<Results = Self::Results>;
}

/// The calls to one address, which are made one after the other.
pub(crate) trait Parts: Default {
    type Results;
    const COUNT: usize;

    fn part(&mut self, number: usize) -> &mut dyn AnyPart;

    /// The results of parts that have all ended.
    fn take(self) -> Self::Results;
}

/// One call.
pub(crate) trait AnyPart {
    /// The report, and whether it has a record for each source.
    fn report(&self) -> (&'static CStr, bool);

    /// Where its records go.
    fn sink(&mut self) -> &mut dyn Sink;

    fn ended(&mut self, result: Result<(), Error>);
}

#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Part<G> {
    gather: G,
    result: Option<Result<(), Error>>,
}

impl<G: Gather> AnyPart for Part<G> {
    fn report(&self) -> (&'static CStr, bool) {
        (G::Report::NAME, G::IS_LIST)
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
    const COUNT: usize = 1;

    fn part(&mut self, _: usize) -> &mut dyn AnyPart {
        self
    }

    fn take(mut self) -> Self::Results {
        let result = self.result.unwrap_or_else(|| unreachable!("a part that has ended has a result"));
        result.map(|()| self.gather.take())
    }
}

macro_rules! reports {
    ($($what:ty => $gather:ty;)+) => {$(
        impl Reports for $what {
            type Results = Result<$what, Error>;
            type Parts = Part<$gather>;
        }
    )+};
}

reports! {
    Tracking => One<Tracking>;
    Vec<Source> => All<Source>;
    Vec<SourceStats> => All<SourceStats>;
    RtcData => One<RtcData>;
}

macro_rules! tuples {
    ($(($($part:ident $at:tt),+);)+) => {$(
        impl<$($part: Reports),+> Reports for ($($part,)+)
        where
            $($part::Parts: AnyPart,)+
        {
            type Results = ($($part::Results,)+);
            type Parts = ($($part::Parts,)+);
        }

        impl<$($part: Parts + AnyPart),+> Parts for ($($part,)+) {
            type Results = ($($part::Results,)+);
            const COUNT: usize = [$($at),+].len();

            fn part(&mut self, number: usize) -> &mut dyn AnyPart {
                match number {
                    $($at => &mut self.$at,)+
                    _ => unreachable!("there are {} parts", Self::COUNT),
                }
            }

            fn take(self) -> Self::Results {
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
