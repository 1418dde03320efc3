//! Reads the facts that the judgement needs, from one chronyd.

use super::host::shown;
use super::open::builder;
use super::signals::Signals;
use crate::args::Chronyds;
use crate::error::Failure;
use chrony_health::Facts;
use std::time::Instant;

/// Reads the facts of the only chronyd, and returns them with the address that answered, as people read it. Without
/// libchrony, every fact is an error.
pub(crate) fn facts(typed: &Chronyds, with_auth_data: bool) -> Result<(Facts, String), Failure> {
    let start = Instant::now();
    let signals = Signals::take()?;
    let opened = builder(typed).and_then(|builder| Ok(builder.interrupt(signals.interrupt()).build()?));
    let read = match opened {
        Ok(connection) => {
            let facts = if with_auth_data { Facts::read_with_auth_data(&connection) } else { Facts::read(&connection) };
            (facts, shown(&connection))
        }
        Err(Failure::Chrony(error)) => (Facts::unavailable(error), String::new()),
        Err(failure) => return Err(failure),
    };
    signals.check()?;
    if typed.verbose {
        let more = if with_auth_data { ", authdata" } else { "" };
        let took = start.elapsed();
        anstream::eprintln!("asked: tracking, sources, selectdata, activity{more} of 1 chronyd, in {took:.1?}");
    }
    Ok(read)
}
