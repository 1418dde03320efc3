//! Reads and judges one chronyd.

use super::host::shown;
use super::open::builder;
use super::signals::Signals;
use crate::args::Chronyds;
use crate::error::Failure;
use chrony_health::{Facts, Policy, Verdict, assess, judge};
use std::time::Instant;

/// Reads and judges the only chronyd. Returns the facts, the verdict, and the address that answered, as people read it.
/// Without libchrony, every fact is an error.
pub(crate) fn assessed(typed: &Chronyds, policy: &Policy) -> Result<(Facts, Verdict, String), Failure> {
    let start = Instant::now();
    let signals = Signals::take()?;
    let opened = builder(typed).and_then(|builder| Ok(builder.interrupt(signals.interrupt()).build()?));
    let read = match opened {
        Ok(connection) => {
            let (facts, verdict) = assess(&connection, policy);
            (facts, verdict, shown(&connection))
        }
        Err(Failure::Chrony(error)) => {
            let facts = Facts::unavailable(error);
            let verdict = judge(&facts, policy);
            (facts, verdict, String::new())
        }
        Err(failure) => return Err(failure),
    };
    signals.check()?;
    if typed.verbose {
        let further = [
            (", authdata", read.0.auth_data.is_some()),
            (", sourcestats", read.0.source_stats.is_some()),
            (", ntpdata", read.0.ntp_data.is_some()),
        ];
        let more: String = further.into_iter().filter(|(_, was_read)| *was_read).map(|(report, _)| report).collect();
        let took = start.elapsed();
        anstream::eprintln!("asked: tracking, sources, selectdata, activity{more} of 1 chronyd, in {took:.1?}");
    }
    Ok(read)
}
