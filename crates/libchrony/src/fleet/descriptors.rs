//! How many descriptors and UDP ports a fleet needs, and how many there are.

use crate::drivers::watch::Epoll;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// How many are left to the rest of the program.
const RESERVE: usize = 32;
/// A session's: its socket, and libchrony's /dev/urandom.
const EACH: usize = 2;

/// The descriptors of a [`Fleet`](super::Fleet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptors {
    /// How many it takes to keep a session with each address: two for each, and two for all together.
    pub needed: usize,
    /// How many the fleet may have: what the soft limit on open files allows, less those that were open when it was
    /// built and a few that are left to the rest of the program.
    pub available: usize,
}

impl Descriptors {
    /// Looks at what is there, after having raised the soft limit if that is wanted, the hard limit allows it, and the
    /// fleet needs it.
    pub(super) fn of(addresses: usize, raise: bool) -> Self {
        let needed = addresses * EACH + Epoll::DESCRIPTORS;
        let open = fs::read_dir("/proc/self/fd").map_or(RESERVE, Iterator::count);
        let others = open + RESERVE;
        let limit = getrlimit(Resource::Nofile);
        let wanted = u64::try_from(needed + others).unwrap_or(u64::MAX);
        let mut soft = limit.current;
        if raise && soft.is_some_and(|soft| soft < wanted) {
            let raised = limit.maximum.map_or(wanted, |hard| wanted.min(hard));
            if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
                soft = Some(raised);
            }
        }
        let soft = soft.and_then(|soft| soft.try_into().ok()).unwrap_or(usize::MAX);
        Self { needed, available: soft.saturating_sub(others) }
    }

    /// For how many sessions there is room.
    pub(super) fn sessions(self) -> usize {
        (self.available.saturating_sub(Epoll::DESCRIPTORS) / EACH).min(ports())
    }
}

/// How many UDP ports the fleet may have, each for a session: three of four, since all programs of the machine share
/// them.
fn ports() -> usize {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = range.split_whitespace().map(str::parse::<usize>);
    match (bounds.next(), bounds.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (last + 1).saturating_sub(first) / 4 * 3,
        _ => usize::MAX,
    }
}
