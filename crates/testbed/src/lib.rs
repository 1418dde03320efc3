//! Development only: chronyds for the tests of `libchrony` and `pychrony`, for the demo and for the benchmarks.
//!
//! [`Chronyd`] and [`Pair`] are real chronyds, private and harmless to the machine's clock. [`RefClock`] sends samples
//! to one. [`Scripted`] is a chronyd whose answers and faults the test chooses. [`Fleet`] is thousands of chronyds, and
//! a [`Case`] is a stored state with its expected judgement. Nothing here is part of the product, and nothing here
//! talks to chronyd as a client: that is libchrony's work, or chronyc's where a test needs a second opinion.

mod case;
pub mod chronyd;
pub mod fleet;
mod folder;
pub mod pair;
mod port;
mod process;
mod refclock;
pub mod scripted;
mod secrets;
mod stub;
mod worker;

pub use case::Case;
pub use chronyd::{Builder, Chronyd, chronyc, run};
pub use fleet::Fleet;
pub use pair::{FOUR, Pair};
pub use refclock::{RefClock, Signal};
pub use scripted::{Fault, Scripted, Values};
pub use stub::stub_library;

/// The reason why a test bed could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// chronyd or chronyc is not installed.
    #[error(
        "{program} not found on PATH or in {places}: install the package \"chrony\" \
         (Debian, Ubuntu: apt-get install chrony; Fedora, EPEL: dnf install chrony)"
    )]
    Missing {
        /// The program looked for.
        program: &'static str,
        /// The folders searched besides `PATH`.
        places: String,
    },
    /// chronyd ended, or did not answer in time; its log says why.
    #[error("{what}; its log:\n{log}")]
    Chronyd {
        /// The failure, seen from outside.
        what: String,
        /// All that chronyd logged.
        log: String,
    },
    /// A helper program (chronyc, ip) failed.
    #[error("{program} failed: {output}")]
    Program {
        /// The command line.
        program: String,
        /// Its output.
        output: String,
    },
    /// Values or a fault that are not valid.
    #[error("{0}")]
    Script(String),
    /// The operating system refused.
    #[error("{what}: {source}")]
    System {
        /// The attempt.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// Returns a function for `map_err`, which adds what was attempted when the system refused.
    pub(crate) fn system<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::System { what, source: source.into() }
    }
}
