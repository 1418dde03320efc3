//! A value that a forked child does not share with its parent.
//!
//! After a fork, a lock may be held by a thread that does not exist in the child, and a socket belongs to the parent.
//! A [`PerProcess`] gives each process a value of its own, without ever waiting. It is not for threads: those of one
//! process share the value.

use crate::raw::process_id;
use once_cell::race::OnceBox;

/// A value for each process, made on first use.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    first: OnceBox<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    process: u32,
    value: T,
    /// The entry of a process that was forked from this one, or from one of its children.
    next: OnceBox<Entry<T>>,
}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { first: OnceBox::new() }
    }

    /// The value of the calling process. A child finds its parent's entries before its own and passes over them.
    pub(crate) fn get(&self) -> &T {
        self.get_and_previous().0
    }

    /// The value of the calling process and, if there is one, that of the process it was forked from.
    pub(crate) fn get_and_previous(&self) -> (&T, Option<&T>) {
        let process = process_id();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Whether `body` is true in a forked child, which ends without any clean-up.
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
