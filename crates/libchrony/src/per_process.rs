//! A value that a forked child does not share with its parent.
//!
//! After a fork, a lock may be held by a thread that does not exist in the child, and a socket belongs to the parent.
//! A [`PerProcess`] gives each process a value of its own, without ever waiting. It is not for threads: those of one
//! process share the value.

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
        let process = std::process::id();
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
