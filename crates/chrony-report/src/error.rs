//! Why the command ends without what was asked for, and the exit codes.

use chrony_health::Level;
use std::io;

/// An exit code.
pub(crate) type Code = u8;

/// Everything was read, or the clock is right.
pub(crate) const FINE: Code = 0;
/// Something could not be read.
pub(crate) const FAILED: Code = 1;
/// The command line makes no sense.
pub(crate) const USAGE: Code = 2;
/// As that of a program which the closed pipe's signal ends.
const PIPE: Code = 128 + 13;

/// The exit code of a monitoring plugin.
pub(crate) const fn code(level: Level) -> Code {
    match level {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Critical => 2,
        Level::Unknown => 3,
    }
}

/// Why the command ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Of the whole command: no libchrony, or no chronyd where only one is asked.
    #[error(transparent)]
    Chrony(#[from] libchrony::Error),
    /// The command line makes no sense, in a way that only the command itself sees.
    #[error("{0}")]
    Usage(String),
    /// A file does not hold what it should.
    #[error("{0}")]
    Data(String),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}. Free some space, or write elsewhere")]
    Output(#[source] io::Error),
    /// A file cannot be read or written.
    #[error("{what}: {source}. {advice}")]
    File { what: String, source: io::Error, advice: &'static str },
    /// The system refuses what always works.
    #[error("cannot {what}: {source}. Close other programs, or raise their limits")]
    System { what: &'static str, source: io::Error },
    /// A signal asks to end.
    #[error("ended by signal {0}")]
    Signal(i32),
}

impl Failure {
    /// What could not be written.
    pub(crate) fn output(error: impl Into<io::Error>) -> Self {
        Self::Output(error.into())
    }

    /// What the system has refused.
    pub(crate) fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    /// Says it on standard error. A reader that has gone away wants to hear no more.
    pub(crate) fn report(&self) -> Code {
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return PIPE;
        }
        if let Self::Signal(signal) = *self {
            // By now all is closed. Whoever started the program is to see that the signal has ended it.
            signal_hook::low_level::emulate_default_handler(signal).ok();
            return u8::try_from(128 + signal).unwrap_or(FAILED);
        }
        anstream::eprintln!("chrony-report: {self}");
        if matches!(self, Self::Usage(_)) { USAGE } else { FAILED }
    }
}
