//! Lists: over several lanes at once, and while they change.

use super::{Driver, promises};
use crate::common::*;
use libchrony::Error;
use std::time::Duration;
use testbed::Fault;

const AMPLE: Duration = Duration::from_secs(20);

promises!(
    a_long_list_comes_over_lanes_in_chronyds_order,
    a_list_that_changes_is_read_again,
    a_list_by_address_that_changes_is_read_again,
    a_list_by_address_survives_losses,
    no_lists_are_mixed_up,
    chronyd_has_room_for_the_answers,
);

/// The address of the scripted chronyd's source number `index`.
fn address_of(index: u32) -> String {
    std::net::Ipv4Addr::from(u32::from(std::net::Ipv4Addr::new(127, 1, 0, 1)) + index).to_string()
}

fn a_long_list_comes_over_lanes_in_chronyds_order<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 950}"#);
    for address in both(&chronyd) {
        for lanes in [1, 8] {
            let connection = D::new(to(&address).timeout(AMPLE).lanes(lanes, 4));
            for _ in 0..2 {
                let before = chronyd.requests().get(&code::SOURCES).copied().unwrap_or_default();
                let sources = connection.sources().unwrap();
                assert!(sources.iter().map(|source| source.address.clone()).eq((0..950).map(address_of)));
                let asked = chronyd.requests()[&code::SOURCES] - before;
                // The last record is read twice. Over UDP, requests may be sent again on a busy machine.
                assert!(if address.path().is_some() { asked == 951 } else { asked >= 951 }, "{asked}");
            }
        }
    }
}

fn a_list_that_changes_is_read_again<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 12}"#);
    for address in both(&chronyd) {
        let connection = D::new(to(&address).timeout(AMPLE));
        let before = connection.sources().unwrap();
        // One source goes and another one comes, so their number stays.
        chronyd.set(Fault::Churn { after: 6, remove: 0, add: 1 });
        let after = connection.sources().unwrap();
        assert_eq!(after.len(), 12);
        assert!(after[..11].iter().map(|source| &source.address).eq(before[1..].iter().map(|source| &source.address)));
        chronyd.clear();
        // A source that is counted is never there.
        chronyd.set(Fault::Count(vec![13]));
        assert!(matches!(connection.sources(), Err(Error::ListChanged { .. })));
        chronyd.clear();
        assert_eq!(connection.sources().unwrap().len(), 12);
    }
}

/// The addresses in a list that libchrony reads by address.
fn measured<D: Driver>(connection: &D) -> Vec<String> {
    let records = connection.ntp_data().unwrap();
    records.into_iter().map(|record| record.unwrap().remote_address.unwrap()).collect()
}

/// libchrony asks for the address of a source first, and the source may be gone when it asks for more.
fn a_list_by_address_that_changes_is_read_again<D: Driver>() {
    let chronyd = scripted("{}");
    for address in both(&chronyd) {
        for lanes in [1, 8] {
            let connection = D::new(to(&address).timeout(AMPLE).lanes(lanes, 1));
            for (remove, code) in
                (0..9).flat_map(|index| [code::SOURCE_STATS, code::NTP_DATA].map(|code| (index, code)))
            {
                for add in [0, 1] {
                    chronyd.change(r#"{"sources": 9, "open": true}"#.parse().unwrap()).unwrap();
                    let before = measured(&connection);
                    assert!(before.iter().cloned().eq((0..9).map(address_of)));
                    chronyd.set(Fault::Only(vec![code]));
                    chronyd.set(Fault::Churn { after: 4, remove, add });
                    let after = measured(&connection);
                    chronyd.clear();
                    let kept: Vec<_> = before.iter().filter(|one| **one != before[remove]).collect();
                    assert!(after == before || after.iter().take(8).eq(kept), "{code} {remove} {add}: {after:?}");
                }
            }
        }
    }
}

fn a_list_by_address_survives_losses<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 950, "open": true}"#);
    for unheard in [false, true] {
        chronyd.set(Fault::Loss(1.0));
        if unheard {
            chronyd.set(Fault::Unheard);
        }
        for lanes in [1, 8] {
            let timeout = Duration::from_secs(60);
            let connection = D::new(to(&udp(chronyd.command_port())).timeout(timeout).lanes(lanes, 4));
            assert!(measured(&connection).into_iter().eq((0..950).map(address_of)));
        }
        chronyd.clear();
    }
}

/// libchrony has one buffer for the strings of all sessions.
fn no_lists_are_mixed_up<D: Driver>() {
    const CONNECTIONS: usize = 8;
    let chronyds: Vec<_> = [210, 230].map(|sources| scripted(&format!(r#"{{"sources": {sources}}}"#))).into();
    let connections: Vec<_> =
        (0..CONNECTIONS).map(|number| D::new(to(&both(&chronyds[number % 2])[number / 4]).timeout(AMPLE))).collect();
    let calls: Vec<_> = (0..6 * CONNECTIONS).map(|number| &connections[number % CONNECTIONS]).collect();
    for (number, result) in D::together(&calls) {
        let sources = result.unwrap();
        assert_eq!(sources.len(), [210, 230][number % 2]);
        assert!(sources.iter().map(|source| source.address.clone()).eq((0..).map(address_of).take(sources.len())));
    }
}

/// Answers on a Unix socket wait in chronyd's send buffer, which holds 277 of them at its usual size.
fn chronyd_has_room_for_the_answers<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 400}"#);
    chronyd.set(Fault::Only(vec![code::SOURCES]));
    chronyd.set(Fault::Silence);
    let connection = D::new(to(&both(&chronyd)[0]).timeout(Duration::from_secs(1)).lanes(400, 1));
    assert!(matches!(connection.sources(), Err(Error::TimedOut { .. })));
    let asked = chronyd.requests()[&code::SOURCES];
    assert!((2..=200).contains(&asked), "{asked}");
}
