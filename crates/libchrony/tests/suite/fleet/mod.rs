//! Many chronyds in one thread: each address has its own result, in time and from its own chronyd.

mod further;
mod limits;
mod process;
mod results;
mod rounds;
mod tokio;

use crate::common::{prepare, udp};
use libchrony::fleet::{Builder, Fleet};
use libchrony::{Address, Error, Tracking};
use std::time::Duration;
use testbed::{Scripted, Values};

/// A fleet with the addresses of a test bed's daemons.
fn all(daemons: &testbed::Fleet) -> Builder {
    Fleet::builder((0..daemons.count()).map(|number| daemons.address(number).to_string().parse().unwrap()).collect())
        .timeout(Duration::from_secs(20))
}

fn daemons(count: u32, values: &str) -> testbed::Fleet {
    prepare();
    testbed::Fleet::start(count, Values::new(&values.parse().unwrap())).unwrap()
}

fn addresses<'a>(chronyds: impl IntoIterator<Item = &'a Scripted>) -> Vec<Address> {
    chronyds.into_iter().map(|chronyd| udp(chronyd.command_port())).collect()
}

/// Reads tracking of all addresses, and fails unless each has one result, from its own daemon or as an error. Returns
/// the errors.
fn read(fleet: &mut Fleet) -> Vec<(usize, Error)> {
    let own: Vec<_> = fleet.addresses().iter().map(ToString::to_string).collect();
    let mut results: Vec<_> = fleet.read::<Tracking>().collect();
    results.sort_by_key(|(index, _)| *index);
    assert!(results.iter().map(|(index, _)| *index).eq(0..own.len()));
    for (index, result) in &results {
        if let Ok(tracking) = result {
            let (ip, _) = own[*index].split_once(':').unwrap();
            assert_eq!(tracking.reference_ip.as_deref(), Some(ip));
        }
    }
    results.into_iter().filter_map(|(index, result)| Some((index, result.err()?))).collect()
}
