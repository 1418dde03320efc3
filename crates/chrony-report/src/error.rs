//! The failures that end the command, and the exit codes.

use chrony_health::{Level, SiteError};
use std::io;

pub(crate) type Code = u8;

/// All reports were read, or the clock is right.
pub(crate) const FINE: Code = 0;
/// A report could not be read.
pub(crate) const FAILED: Code = 1;
/// A usage error.
pub(crate) const USAGE: Code = 2;
/// The exit code of a program that SIGPIPE kills, as a shell reports it.
const PIPE: Code = 128 + 13;

/// Returns the exit code of a monitoring plugin.
pub(crate) const fn code(level: Level) -> Code {
    match level {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Critical => 2,
        Level::Unknown => 3,
    }
}

/// A failure that ends the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// libchrony is missing, or the only chronyd cannot be read.
    #[error(transparent)]
    Chrony(#[from] libchrony::Error),
    /// A usage error that clap does not detect.
    #[error("{0}")]
    Usage(String),
    /// The limits of the site are wrong.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A file does not have the expected contents.
    #[error("{0}")]
    Data(String),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}. Free some space, or write elsewhere")]
    Output(#[source] io::Error),
    /// A file cannot be read or written.
    #[error("{what}: {source}. {advice}")]
    File { what: String, source: io::Error, advice: &'static str },
    /// The system refuses a basic operation.
    #[error("cannot {what}: {source}. Close other programs, or raise their limits")]
    System { what: &'static str, source: io::Error },
    /// A signal asks the command to exit.
    #[error("ended by signal {0}")]
    Signal(i32),
}

impl Failure {
    /// Wraps an error of standard output.
    pub(crate) fn output(error: impl Into<io::Error>) -> Self {
        Self::Output(error.into())
    }

    /// Wraps an error of the system.
    pub(crate) fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    /// Reports the failure on standard error, and returns the exit code. A closed pipe is not worth a message.
    pub(crate) fn report(&self) -> Code {
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return PIPE;
        }
        if let Self::Signal(signal) = *self {
            // Everything is closed by now. The parent process must see that a signal killed the program.
            signal_hook::low_level::emulate_default_handler(signal).ok();
            return u8::try_from(128 + signal).unwrap_or(FAILED);
        }
        anstream::eprintln!("chrony-report: {self}");
        if matches!(self, Self::Usage(_) | Self::Site(_)) { USAGE } else { FAILED }
    }
}
