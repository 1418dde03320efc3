//! The lock round libchrony's opening of descriptors, which are to be marked before a child program can inherit them.
//!
//! It never makes a call wait for long: opening may hang, in a file system that does not respond.

use crate::per_process::PerProcess;
use crate::raw::SLICE;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Instant;

/// Lets one thread at a time open descriptors through libchrony; all of them when one of them hangs.
pub(crate) fn open_alone(end: Instant) -> Option<MutexGuard<'static, ()>> {
    static LOCK: PerProcess<Mutex<()>> = PerProcess::new();
    /// How many threads have had it.
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let start = Instant::now();
    let (mut passed, mut since) = (PASSED.load(Ordering::Relaxed), start);
    loop {
        let guard = match LOCK.get().try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let (now, others) = (Instant::now(), PASSED.load(Ordering::Relaxed));
                if others != passed {
                    (passed, since) = (others, now);
                }
                if now - since > SLICE || now - start > 20 * SLICE || now >= end {
                    return None;
                }
                thread::sleep(SLICE / 1000);
                continue;
            }
        };
        PASSED.fetch_add(1, Ordering::Relaxed);
        return Some(guard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last waits for far longer than one that hangs is waited for.
    #[test]
    fn many_threads_wait_as_long_as_the_queue_moves() {
        let hold = || {
            let guard = open_alone(Instant::now() + 100 * SLICE);
            thread::sleep(SLICE / 2);
            guard.is_some()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(hold)).collect();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        });
    }
}
