//! The lock around the opening of descriptors by libchrony. While a thread holds it, no other thread of this crate
//! opens a descriptor. So the thread can identify its own descriptor and set close-on-exec.
//!
//! Threads wait for the lock without polling, and only until the deadlines of their calls. A thread that holds the lock
//! may hang in a file system that does not respond. The others then continue without the lock.

use crate::raw::per_process::PerProcess;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest time for which a thread holds the lock, unless something hangs or starves.
const OPENS: Duration = Duration::from_millis(10);
/// The longest wait for a thread that holds the lock and makes no progress.
const HANGS: Duration = Duration::from_secs(1);
/// The shortest wait for that thread. A busy machine may not run it for this long.
const STARVES: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
struct Lock {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    waiting: usize,
    /// The number of times that the lock was taken.
    passed: u64,
}

impl Lock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to open descriptors through libchrony.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The lock, or `None` if the thread that holds it hangs.
    held: Option<&'static Lock>,
}

impl Opening {
    /// Waits until no other thread opens descriptors. Stops waiting if the lock makes no progress for half of the
    /// remaining time, but for at least 250 ms and at most 1 s. Returns `None` at `end`, or 10 ms from now if that is
    /// later.
    pub(crate) fn begin(end: Instant) -> Option<Self> {
        static LOCK: PerProcess<Lock> = PerProcess::new();
        Self::take(LOCK.get(), end)
    }

    fn take(lock: &'static Lock, end: Instant) -> Option<Self> {
        let mut state = lock.state();
        if state.is_held {
            let mut now = Instant::now();
            // The other threads take less time than this, unless one hangs.
            let end = end.max(now + OPENS);
            let patience = (end.saturating_duration_since(now) / 2).clamp(STARVES, HANGS);
            let (mut passed, mut since) = (state.passed, now);
            state.waiting += 1;
            while state.is_held && now < end && now - since < patience {
                let wait = (since + patience).min(end) - now;
                state = lock.freed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                now = Instant::now();
                if state.passed != passed {
                    (passed, since) = (state.passed, now);
                }
            }
            state.waiting -= 1;
            if state.is_held {
                return (now < end).then_some(Self { held: None });
            }
        }
        state.is_held = true;
        state.passed += 1;
        Some(Self { held: Some(lock) })
    }

    /// Returns true if no other thread of this crate opens a descriptor at the same time.
    pub(crate) fn is_alone(&self) -> bool {
        self.held.is_some()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(lock) = self.held {
            let mut state = lock.state();
            state.is_held = false;
            if state.waiting > 0 {
                lock.freed.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;
    use std::thread;

    /// The last of eight threads waits longer than for a thread that hangs, because the lock makes progress.
    #[test]
    fn threads_wait_while_the_queue_moves_and_go_on_when_one_hangs() {
        static LOCK: LazyLock<Lock> = LazyLock::new(Lock::default);
        let lock: &'static Lock = &LOCK;
        let hold = || {
            let opening = Opening::take(lock, Instant::now() + 6 * HANGS).unwrap();
            thread::sleep(HANGS / 4);
            opening.is_alone()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(hold)).collect();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        });
        let _hangs = Opening::take(lock, Instant::now()).unwrap();
        let start = Instant::now();
        assert!(!Opening::take(lock, start + 100 * HANGS).unwrap().is_alone());
        assert!(start.elapsed() >= HANGS);
        assert!(!Opening::take(lock, Instant::now() + HANGS).unwrap().is_alone());
        assert!(Opening::take(lock, Instant::now()).is_none());
    }
}
