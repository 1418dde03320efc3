//! The order in which a call tries addresses.
//!
//! A host name stands for its addresses, which are requested when they are needed. Looking them up is left to the
//! driver.

use crate::address::{Address, Meaning};
use std::collections::VecDeque;
use std::sync::Arc;

/// The addresses that are left to try.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    all: Arc<[Address]>,
    next: usize,
    /// The addresses of the last host that are left to try.
    resolved: VecDeque<Address>,
}

/// The next candidate.
pub(crate) enum Next {
    Address(Address),
    /// A host whose addresses are needed.
    Host(Address),
}

impl Candidates {
    pub(crate) fn new(all: Arc<[Address]>) -> Self {
        Self { all, next: 0, resolved: VecDeque::new() }
    }

    /// Starts again with the first address.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
        self.resolved.clear();
    }

    pub(crate) fn resolved(&mut self, addresses: Vec<Address>) {
        self.resolved = addresses.into();
    }

    /// Returns the number of candidates left. A host that has not been looked up counts as one.
    pub(crate) fn left(&self) -> usize {
        self.resolved.len() + self.all.len() - self.next
    }
}

impl Iterator for Candidates {
    type Item = Next;

    fn next(&mut self) -> Option<Next> {
        if let Some(address) = self.resolved.pop_front() {
            return Some(Next::Address(address));
        }
        let address = self.all.get(self.next)?;
        self.next += 1;
        match address.meaning() {
            Meaning::Addresses(known) => {
                self.resolved = known.into();
                self.next()
            }
            Meaning::Host(..) => Some(Next::Host(address.clone())),
        }
    }
}
