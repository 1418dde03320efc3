//! The promises of a call with every driver: a blocked thread, a loop around `poll`, an epoll set, and tokio.
//!
//! Each promise is written once, for any driver.

mod any;
mod contact;
mod forked;
mod kept;
mod late;
mod lists;
mod polled;
mod same;
mod shared;
mod silent;
mod tasks;
mod threads;
mod tokio_tasks;
mod watched;

pub(crate) use polled::Polled;
pub(crate) use threads::Threads;
pub(crate) use tokio_tasks::Tokio;
pub(crate) use watched::Watched;

use libchrony::{Address, AnyRecords, Builder, Error, NtpData, Readable, Rows, Source, Table, Tracking};

/// A way to wait for calls.
pub(crate) trait Driver: Send + Sync + 'static {
    /// The module of its tests.
    const NAME: &'static str;

    fn new(builder: Builder) -> Self;

    fn tracking(&self) -> Result<Tracking, Error>;

    fn sources(&self) -> Result<Vec<Source>, Error>;

    fn read<R: Readable>(&self) -> Result<R, Error>;

    fn rows(&self, table: &'static Table) -> Result<Rows, Error>;

    fn report(&self, name: &str) -> Result<AnyRecords, Error>;

    fn ntp_data(&self) -> Result<Vec<Option<NtpData>>, Error>;

    fn connect(&self) -> Result<Address, Error>;

    fn address(&self) -> Option<Address>;

    fn close(&self);

    /// Reads the sources over these connections at the same time. A connection may occur more than once. Returns the
    /// number and the result of each call, in the order in which the calls end.
    fn together(connections: &[&Self]) -> Vec<(usize, Result<Vec<Source>, Error>)>;
}

/// A driver whose calls do not block a thread each.
pub(crate) trait Tasks: Driver {
    /// Reads the sources, or gives up after this number of steps and returns `None`.
    fn sources_within(&self, steps: usize) -> Option<Result<Vec<Source>, Error>>;

    /// Like [`Driver::together`], but gives up one of the calls once all have begun.
    fn together_without(connections: &[&Self], given_up: usize) -> Vec<(usize, Result<Vec<Source>, Error>)>;

    /// Begins to read the sources, and forks. The child reads them, too. Returns the number that this process has read.
    fn forks_meanwhile(&self) -> usize;
}

/// Tests promises with drivers, each in a module with the driver's name.
macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        $crate::drivers::promises!(for blocking Threads, polled Polled, watched Watched, tokio Tokio: $($name),+);
    };
    (tasks: $($name:ident),+ $(,)?) => {
        $crate::drivers::promises!(for polled Polled, watched Watched, tokio Tokio: $($name),+);
    };
    (for $module:ident $driver:ident, $($others:ident $other_drivers:ident),+: $($name:ident),+) => {
        $crate::drivers::promises!(for $module $driver: $($name),+);
        $crate::drivers::promises!(for $($others $other_drivers),+: $($name),+);
    };
    (for $module:ident $driver:ident: $($name:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    super::$name::<$crate::drivers::$driver>();
                }
            )+
        }
    };
}
pub(crate) use promises;
