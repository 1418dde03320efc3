//! The measured numbers of a call: timeouts, retries, lanes and windows, each with its reason.
//!
//! Before and after a change, run the benchmarks that the section names (`python -m benches CASE`). The rules are
//! elsewhere: [`RoundTrip`](super::round_trip) has the rule for retries, and [`Window`](super::list::window) the rule
//! for lists.

use std::time::Duration;

/// The default timeout of a call: longer than chronyd stays busy, and shorter than a person's patience.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest timeout. A year is longer than any useful timeout, and can be added to any `Instant`.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

// --- Retries. Benchmarks: loss, crowd ---

/// The longest time before the first retry. Until a round trip is measured, the first retry is sent after this time.
/// chronyc uses the same value.
pub(crate) const MAX_PATIENCE: Duration = Duration::from_secs(1);

/// The shortest time before a retry. A busy chronyd or a busy machine is sometimes late by this much.
pub(crate) const MIN_PATIENCE: Duration = Duration::from_millis(50);

/// The longest time by which a silent address delays the next one.
pub(crate) const MAX_HEAD_START: Duration = Duration::from_secs(1);

/// The interval at which the path of a silent Unix socket is checked for another chronyd.
pub(crate) const PATH_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The number of attempts to read a list that changes during each of them.
pub(crate) const MAX_LIST_READS: u32 = 4;

/// The largest plausible number of records in a report, far beyond the number of sources that chronyd can poll.
pub(crate) const MAX_RECORDS: usize = 65_536;

// --- Waiting. Benchmarks: reports, age ---

/// The interval at which a blocking call asks its caller whether to continue. Anything that cannot be watched is
/// checked at this interval, too.
pub(crate) const INTERRUPT_INTERVAL: Duration = Duration::from_millis(50);

/// The longest wait inside a blocking send or receive. Most responses come within it. Longer waits use `poll`, which
/// watches all sockets and ends on time.
pub(crate) const SHORT_WAIT: Duration = Duration::from_millis(10);

/// A wake-up later than this means that the process was stopped or starved.
pub(crate) const STARVED: Duration = Duration::from_millis(250);

/// The number of datagrams that a list receives before it lets its caller do other work.
pub(crate) const DATAGRAMS_PER_STEP: usize = 64;

// --- Lists. Benchmarks: reports, crowd ---

/// The default number of lanes: sessions that read a long list in parallel. With more, chronyd does not answer faster.
pub const DEFAULT_LANES: usize = 8;

/// The default number of records for each lane. For fewer records, opening the lane costs more than it saves.
pub const DEFAULT_RECORDS_PER_LANE: usize = 4;

/// The largest number of requests in flight on a Unix socket. Unread responses stay in chronyd's send buffer, which has
/// room for 277 of them at its default size. The next one would be lost.
pub(crate) const MAX_UNREAD: usize = 128;

/// The initial size of the window of a list over UDP. The window becomes smaller than this only after a loss, or for
/// lack of lanes.
pub(crate) const FIRST_WINDOW: usize = 2;

/// The delay caused by a queue of about 100 requests at chronyd. While the delay is shorter, the window grows.
pub(crate) const SHORT_QUEUE: Duration = Duration::from_millis(1);

/// The delay caused by a queue of about 200 requests at chronyd. While the delay is longer, the window shrinks.
pub(crate) const LONG_QUEUE: Duration = Duration::from_millis(2);

/// The number of responses before the window grows again after a long queue, and between any two growths after a loss.
pub(crate) const ANSWERS_PER_GROWTH: usize = 64;

// --- Fleets. Benchmark: fleet ---

/// The default number of addresses that a fleet reads at once.
pub const DEFAULT_IN_FLIGHT: usize = 256;

/// The time after which a silent address no longer counts among the addresses that are read at once.
pub(crate) const SILENT_AFTER: Duration = Duration::from_millis(100);

/// The largest number of sessions on which a fleet waits for one response from an address. With only one, a response
/// that arrives after a retry would not count.
pub(crate) const TRIES_IN_FLEETS: usize = 2;

/// The number of host names that a process looks up at once.
pub(crate) const MAX_LOOK_UPS: usize = 16;
