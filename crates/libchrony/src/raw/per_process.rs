//! A value that a forked child does not share with its parent.
//!
//! After a fork, a lock may be held by a thread that does not exist in the child, and a socket belongs to the parent. A
//! [`PerProcess`] gives each process a value of its own, without ever waiting. The threads of a process share its
//! value.

use crate::raw::wiped::wiped_on_fork;
use once_cell::race::OnceBox;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A separate value for each process, created on first use.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    first: OnceBox<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    process: Process,
    value: T,
    /// The entry of a process that was forked from this one, or from one of its descendants.
    next: OnceBox<Entry<T>>,
}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { first: OnceBox::new() }
    }

    /// Returns the value of the calling process. A child finds the entries of its ancestors before its own, and skips
    /// them.
    pub(crate) fn get(&self) -> &T {
        self.get_and_previous().0
    }

    /// Returns the value of the calling process and, if there is one, the value of the process it was forked from.
    pub(crate) fn get_and_previous(&self) -> (&T, Option<&T>) {
        let process = Process::this();
        let new = || Box::new(Entry { process, value: T::default(), next: OnceBox::new() });
        let mut previous = None;
        let mut entry = self.first.get_or_init(new);
        while entry.process != process {
            previous = Some(&entry.value);
            entry = entry.next.get_or_init(new);
        }
        (&entry.value, previous)
    }
}

/// The process that something belongs to. An event loop, lock or socket that a forked child inherits still belongs to
/// the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// Returns the calling process, without a system call.
    #[must_use]
    pub fn this() -> Self {
        Self(number())
    }

    /// Returns true in a child that was forked since, and in the child's children.
    #[must_use]
    pub fn is_forked(self) -> bool {
        self != Self::this()
    }
}

/// Returns a number that differs from the numbers of all ancestors. A process ID is not enough: a grandchild may get it
/// again, and the first process of every PID namespace has ID 1. The number is stored in memory that a fork clears in
/// the child.
fn number() -> u32 {
    static REMEMBERED: OnceBox<Option<&'static AtomicU32>> = OnceBox::new();
    /// The last number used. A child continues with its parent's.
    static LAST: AtomicU32 = AtomicU32::new(0);
    let Some(remembered) = REMEMBERED.get_or_init(|| Box::new(wiped_on_fork())) else { return process::id() };
    match remembered.load(Ordering::Relaxed) {
        0 => {
            let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            remembered.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|first| first, |_| id)
        }
        id => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    /// Runs `body` in a forked child, which exits without any clean-up. Returns its result, or false if the child
    /// crashed.
    fn in_fork(body: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child allocates and compares, which glibc allows after a fork, and ends with _exit.
        #[expect(unsafe_code, reason = "std has no fork")]
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(i32::from(!body()));
            }
            let mut status = 0;
            child > 0 && libc::waitpid(child, &raw mut status, 0) == child && status == 0
        }
    }

    #[test]
    fn threads_share_a_value_and_processes_do_not() {
        let values = PerProcess::<AtomicU32>::new();
        let mine = values.get();
        mine.store(7, Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(ptr::eq(values.get(), mine)));
        });
        assert!(values.get_and_previous().1.is_none());
        assert!(in_fork(|| {
            let (own, parents) = values.get_and_previous();
            let is_new = own.load(Ordering::Relaxed) == 0 && !ptr::eq(own, mine);
            own.store(8, Ordering::Relaxed);
            let grandchild = in_fork(|| {
                let (newest, previous) = values.get_and_previous();
                newest.load(Ordering::Relaxed) == 0 && previous.is_some_and(|previous| ptr::eq(previous, own))
            });
            is_new && grandchild && parents.is_some_and(|parents| ptr::eq(parents, mine)) && ptr::eq(values.get(), own)
        }));
        assert!(ptr::eq(values.get(), mine) && mine.load(Ordering::Relaxed) == 7);
    }
}
