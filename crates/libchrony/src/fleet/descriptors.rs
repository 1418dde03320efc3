//! The number of descriptors and UDP ports that a fleet needs, and the number that it may use. The sessions themselves
//! are counted by the quotas of `engine`.

use crate::drivers::watch::Epoll;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// The number of descriptors that are left to the rest of the program.
const RESERVE: usize = 32;
/// The descriptors of one session: its socket, and libchrony's /dev/urandom.
const EACH: usize = 2;

/// The numbers of descriptors of a [`Fleet`](super::Fleet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptors {
    /// The number for one open session with each address: two for each address, and two for the fleet.
    pub needed: usize,
    /// The number that the fleet may use: the soft limit on open files, less the descriptors in use when the fleet was
    /// built. A few are left to the rest of the program.
    pub available: usize,
}

impl Descriptors {
    /// Counts the descriptors. If `raise` is set and the fleet needs it, first raises the soft limit as far as the hard
    /// limit allows.
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

    /// Returns the number of sessions for which there is room.
    pub(super) fn sessions(self) -> usize {
        (self.available.saturating_sub(Epoll::DESCRIPTORS) / EACH).min(ports())
    }
}

/// Returns the number of UDP ports that the fleet may use, one for each session. A quarter is left to the machine's
/// other programs.
fn ports() -> usize {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = range.split_whitespace().map(str::parse::<usize>);
    match (bounds.next(), bounds.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (last + 1).saturating_sub(first) / 4 * 3,
        _ => usize::MAX,
    }
}
