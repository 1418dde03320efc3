//! Many calls on one connection: they take turns.

use super::{Driver, promises};
use crate::common::open::clients_in;
use crate::common::*;
use libchrony::Error;
use libchrony::nonblocking::Step;
use std::task::Waker;
use std::time::Duration;
use testbed::Fault;

const CALLS: usize = 200;

promises!(two_hundred_calls_share_a_connection, waiting_for_a_turn_ends_at_the_deadline,);

fn two_hundred_calls_share_a_connection<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 12}"#);
    for address in both(&chronyd) {
        let connection = D::new(to(&address).timeout(Duration::from_secs(60)));
        let before = chronyd.requests().get(&code::COUNT).copied().unwrap_or_default();
        let ended = D::together(&[&connection; CALLS]);
        assert_eq!(ended.len(), CALLS);
        assert!(ended.iter().all(|(_, result)| result.as_ref().unwrap()[11].address == "127.1.0.12"));
        if address.path().is_some() {
            assert_eq!(clients_in(chronyd.folder()).len(), 1);
            assert_eq!(chronyd.requests()[&code::COUNT] - before, 200);
        }
    }
}

fn waiting_for_a_turn_ends_at_the_deadline<D: Driver>() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let connection = D::new(to(&unix(chronyd.socket())).timeout(ms(1000)));
    for (_, result) in D::together(&[&connection; 4]) {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Busy { .. } | Error::TimedOut { .. }), "{error:?}");
    }
    chronyd.clear();
    connection.tracking().unwrap();
}

/// The turn goes on when the call is over, and not only when it is dropped.
#[test]
fn a_call_that_is_over_hands_on_its_turn() {
    let chronyd = scripted("{}");
    let connection = to(&unix(chronyd.socket())).build_nonblocking().unwrap();
    let (mut first, mut second) = (connection.tracking(), connection.tracking());
    wait_until("the first", || matches!(first.advance(Waker::noop()), Step::Done(Ok(_))));
    wait_until("the second", || matches!(second.advance(Waker::noop()), Step::Done(Ok(_))));
    drop(first);
}
