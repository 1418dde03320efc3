//! Counts the calls and replies of a run, and prints the counts when the program ends.

use libchrony::ErrorKind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The number of datagrams that libchrony received.
pub(crate) static REPLIES: AtomicU64 = AtomicU64::new(0);
/// The number of these that libchrony had to accept as the reply to its request.
pub(crate) static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);
static RECORDS: AtomicU64 = AtomicU64::new(0);
static UNREACHABLE: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static INVALID: AtomicU64 = AtomicU64::new(0);
static START: OnceLock<Instant> = OnceLock::new();

pub(crate) fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}

/// Counts a call that returned records.
pub(crate) fn answered(records: usize) {
    add(&CALLS, 1);
    add(&RECORDS, records);
}

/// Counts a call that failed.
pub(crate) fn failed(kind: ErrorKind) {
    add(&CALLS, 1);
    match kind {
        ErrorKind::Permission => add(&REFUSED, 1),
        ErrorKind::Invalid => add(&INVALID, 1),
        _ => add(&UNREACHABLE, 1),
    }
}

/// Prints the counts when the program exits, except after a crash.
pub(crate) fn print_at_exit() {
    START.get_or_init(Instant::now);
    // SAFETY: the function only reads atomics and prints.
    unsafe { libc::atexit(print) };
}

extern "C" fn print() {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let seconds = START.get().map_or(0.0, |start| start.elapsed().as_secs_f64());
    let replies = read(&REPLIES);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = replies as f64 / seconds;
    eprintln!(
        "replies: {replies} in {seconds:.0} s ({rate:.0} a second), {} of them accepted as the reply to a request; \
         calls: {}; records: {}; errors: {} connection, {} permission, {} data",
        read(&ACCEPTED),
        read(&CALLS),
        read(&RECORDS),
        read(&UNREACHABLE),
        read(&REFUSED),
        read(&INVALID),
    );
}
