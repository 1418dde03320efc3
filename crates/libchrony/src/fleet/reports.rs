//! What a fleet reads of each address: a report, or several.

use crate::error::Error;
use crate::gather::{All, Gather, One};
use crate::list::Sink;
use crate::report::{Report, RtcData, Source, SourceStats, Tracking};
use std::ffi::CStr;

/// What a fleet reads of each address: [`Tracking`], [`RtcData`], a `Vec` of [`Source`] or [`SourceStats`], a tuple of up
/// to four of them, or what is chosen while the program runs.
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
    /// The report, and whether it has a record for each source.
    fn report(&self) -> (&'static CStr, bool);

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
        let result = self.result.take().unwrap_or_else(|| unreachable!("a part that has ended has a result"));
        result.map(|()| self.gather.take())
    }
}

macro_rules! reports {
    ($($name:ident $what:ty => $gather:ty;)+) => {
        /// A report that is chosen while the program runs, for [`Fleet::read_chosen`](super::Fleet::read_chosen).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Choice {
            $(#[doc = concat!("`", stringify!($what), "`.")] $name,)+
        }

        /// What was read for a [`Choice`].
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Chosen {
            $(#[doc = concat!("For [`Choice::", stringify!($name), "`].")] $name($what),)+
        }

        impl Choice {
            fn part(self) -> Box<dyn ChosenPart> {
                match self {
                    $(Self::$name => Box::new(Part::<$gather>::new(&())),)+
                }
            }
        }

        $(
            impl Reports for $what {
                type Results = Result<$what, Error>;
                type Parts = Part<$gather>;
            }

            impl ChosenPart for Part<$gather> {
                fn take_chosen(&mut self) -> Result<Chosen, Error> {
                    self.take().map(Chosen::$name)
                }
            }
        )+
    };
}

reports! {
    Tracking Tracking => One<Tracking>;
    Sources Vec<Source> => All<Source>;
    SourceStats Vec<SourceStats> => All<SourceStats>;
    RtcData RtcData => One<RtcData>;
}

/// A call whose report is chosen while the program runs.
trait ChosenPart: AnyPart + Send {
    fn take_chosen(&mut self) -> Result<Chosen, Error>;
}

#[doc(hidden)]
pub struct ChosenParts(Vec<Box<dyn ChosenPart>>);

impl Reports for Vec<Choice> {
    type Results = Vec<Result<Chosen, Error>>;
    type Parts = ChosenParts;
}

impl Parts for ChosenParts {
    type Results = Vec<Result<Chosen, Error>>;
    type What = Vec<Choice>;

    fn new(what: &Vec<Choice>) -> Self {
        Self(what.iter().map(|choice| choice.part()).collect())
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn part(&mut self, number: usize) -> &mut dyn AnyPart {
        &mut *self.0[number]
    }

    fn take(&mut self) -> Self::Results {
        self.0.iter_mut().map(|part| part.take_chosen()).collect()
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
