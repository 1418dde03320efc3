//! The screen that answers: is my clock right?

use crate::ask::connection;
use crate::command::Chronyds;
use crate::error::{FINE, Failure};
use std::io::Write;
use std::process::ExitCode;

/// Prints the screen.
pub(crate) fn run(chronyds: &Chronyds) -> Result<ExitCode, Failure> {
    let address = connection(chronyds)?.connect()?;
    writeln!(anstream::stdout(), "chronyd answers at {address}").map_err(Failure::output)?;
    Ok(FINE.into())
}
