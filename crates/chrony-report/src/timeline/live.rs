//! Reads one chronyd periodically, in its own thread, so that no other thread waits for chronyd.

use crate::timeline::recording::{Outcome, Peer, Reading, Snapshot, Tracked, rounded, since_epoch};
use chrony_health::is_away;
use libchrony::{Connection, Error};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The time since the view began, by a clock that cannot be set and that runs while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(boot_time())
    }

    /// Returns the time in seconds.
    pub(crate) fn elapsed(self) -> f64 {
        rounded(boot_time().saturating_sub(self.0))
    }
}

fn boot_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// Starts the thread. It ends when `take` returns false.
pub(crate) fn start(
    connection: Connection,
    every: Duration,
    watch: Stopwatch,
    mut take: impl FnMut(Snapshot) -> bool + Send + 'static,
) -> io::Result<()> {
    let run = move || {
        let mut next = Instant::now();
        while take(snapshot(&connection, watch)) {
            // A reading that takes longer than the interval delays the next ones.
            next = (next + every).max(Instant::now());
            thread::sleep(next - Instant::now());
        }
    };
    thread::Builder::new().name("reader".to_owned()).spawn(run).map(drop)
}

fn snapshot(connection: &Connection, watch: Stopwatch) -> Snapshot {
    let outcome = match read(connection) {
        Ok(reading) => Outcome::Reading(reading),
        Err(error) => Outcome::Error(error.to_string()),
    };
    Snapshot { time: since_epoch(SystemTime::now()), elapsed: watch.elapsed(), outcome }
}

fn read(connection: &Connection) -> Result<Reading, Error> {
    let tracking = Tracked::of(&connection.tracking()?);
    let (sources, sources_error) = match connection.sources() {
        Ok(sources) => (sources.iter().map(Peer::of).collect(), None),
        Err(error) if is_away(&error) => return Err(error),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let host = connection.address().map(|address| address.to_string()).unwrap_or_default();
    Ok(Reading { host, tracking, sources, sources_error })
}
