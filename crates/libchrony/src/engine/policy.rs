//! The measured numbers of a call: timeouts, retries, lanes and windows, each with its reason.
//!
//! Change one here, then run the benchmark that its section names (`python -m benches CASE`) before and after.
//! [`RoundTrip`](super::round_trip) has the retry rule itself, and [`Window`](super::list::window) the rule for lists.

use std::time::Duration;

/// The timeout of a call by default: longer than chronyd is busy, shorter than a person's patience.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A year: longer than any useful timeout, and short enough to add to any moment.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

// --- Retries. Benchmarks: loss, crowd ---

/// The patience for a request before the round trip is known, which is chronyc's, and the longest before the first
/// retry.
pub(crate) const MAX_PATIENCE: Duration = Duration::from_secs(1);

/// The shortest patience for a request. A busy chronyd, or a busy machine, is late by this much now and then.
pub(crate) const MIN_PATIENCE: Duration = Duration::from_millis(50);

/// The longest that a silent address delays the next one.
pub(crate) const MAX_HEAD_START: Duration = Duration::from_secs(1);

/// The interval at which a silent Unix socket's path is checked for another chronyd.
pub(crate) const PATH_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The number of reads of a list that changes during each of them.
pub(crate) const MAX_LIST_READS: u32 = 4;

/// The most records that a report is believed to have, far beyond the number of sources that chronyd can poll.
pub(crate) const MAX_RECORDS: usize = 65_536;

// --- Waiting. Benchmarks: reports, age ---

/// The interval at which a blocking call asks its caller whether to go on, and at which what cannot be watched is
/// looked at.
pub(crate) const INTERRUPT_INTERVAL: Duration = Duration::from_millis(50);

/// The longest that a blocking send or receive waits by itself, within which most answers come. `poll` waits for the
/// others, since it knows all sockets and the exact moment.
pub(crate) const SHORT_WAIT: Duration = Duration::from_millis(10);

/// A wake-up later than this means that the process was stopped or starved.
pub(crate) const STARVED: Duration = Duration::from_millis(250);

/// The number of datagrams after which a list lets its caller look at other things.
pub(crate) const DATAGRAMS_PER_STEP: usize = 64;

// --- Lists. Benchmarks: reports, crowd ---

/// The number of sessions that read a long list at once: chronyd answers no faster over more.
pub const DEFAULT_LANES: usize = 8;

/// The number of records for each of which a further session is opened: fewer do not pay for opening it.
pub const DEFAULT_RECORDS_PER_LANE: usize = 4;

/// The most requests in flight on a Unix socket. Unread answers stay in chronyd's send buffer, which takes 277 of them
/// at its usual size; the next one would be lost.
pub(crate) const MAX_UNREAD: usize = 128;

/// The window of a list over UDP at its start, and its least size unless a request was just lost.
pub(crate) const FIRST_WINDOW: usize = 2;

/// A queue of about 100 requests in chronyd. While answers are later by less, the window grows.
pub(crate) const SHORT_QUEUE: Duration = Duration::from_millis(1);

/// A queue of about 200 requests in chronyd. While answers are later by more, the window shrinks.
pub(crate) const LONG_QUEUE: Duration = Duration::from_millis(2);

/// The number of answers between two growths of the window after a loss or a long queue.
pub(crate) const ANSWERS_PER_GROWTH: usize = 64;

// --- Fleets. Benchmark: fleet ---

/// The number of addresses that a fleet asks at once by default.
pub const DEFAULT_IN_FLIGHT: usize = 256;

/// The time after which a silent address no longer counts among those asked at once.
pub(crate) const SILENT_AFTER: Duration = Duration::from_millis(100);

/// The number of sessions on which a request waits at one address. With one, an answer that comes after a retry would
/// not count.
pub(crate) const TRIES_IN_FLEETS: usize = 2;

/// The number of host names that are looked up at once in a process.
pub(crate) const MAX_LOOK_UPS: usize = 16;
