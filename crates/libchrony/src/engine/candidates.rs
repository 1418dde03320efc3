//! The addresses that a call tries, in order. A host name stands for its addresses, which are asked for when its turn
//! comes.

use crate::address::{Address, Meaning};
use std::collections::VecDeque;
use std::sync::Arc;

/// The addresses that are left to try.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    all: Arc<[Address]>,
    next: usize,
    /// The addresses of the last host.
    resolved: VecDeque<Address>,
}

/// What comes next.
pub(crate) enum Next {
    Address(Address),
    /// A host, whose addresses are needed.
    Host(Address),
}

impl Candidates {
    pub(crate) fn new(all: Arc<[Address]>) -> Self {
        Self { all, next: 0, resolved: VecDeque::new() }
    }

    /// Begins again with the first.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
        self.resolved.clear();
    }

    pub(crate) fn resolved(&mut self, addresses: Vec<Address>) {
        self.resolved = addresses.into();
    }

    /// How many are left, as far as is known.
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
