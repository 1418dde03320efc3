//! Reports with many records: false counts, lists that change, and many threads at once.

use crate::common::*;
use libchrony::{Error, ErrorKind};
use std::thread;
use std::time::Duration;
use testbed::Fault;

/// The address of the scripted chronyd's default source number `index`.
fn address_of(index: usize) -> String {
    let first = u32::from(std::net::Ipv4Addr::new(127, 1, 0, 1));
    std::net::Ipv4Addr::from(first + u32::try_from(index).unwrap()).to_string()
}

#[test]
fn impossible_counts_are_refused() {
    let chronyd = scripted("{}");
    let connection = connect_to(&chronyd);
    for (told, read) in [(u32::MAX, -1), (1 << 31, i32::MIN), ((1 << 31) - 1, i32::MAX), (70_000, 70_000)] {
        chronyd.set(Fault::Count(vec![told]));
        let error = connection.sources().unwrap_err();
        assert!(matches!(error, Error::Count { count, .. } if count == read), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(
            error.to_string().starts_with(&format!("Invalid number of sources records: {read}, from /")),
            "{error}"
        );
        assert!(connection.source_stats().is_err());
        // No record was requested.
        assert_eq!(chronyd.requests().get(&code::SOURCES), None);
    }
    chronyd.clear();
    assert_eq!(connection.sources().unwrap().len(), 1);
    for script in ["/records=-1", "/records=-2147483648", "/records=2147483647"] {
        assert!(matches!(stub(script).sources(), Err(Error::Count { .. })), "{script}");
    }
}

#[test]
fn no_sources_are_an_empty_list() {
    let chronyd = scripted("{\"sources\": 0}");
    let connection = connect_to(&chronyd);
    assert!(connection.sources().unwrap().is_empty());
    assert!(connection.source_stats().unwrap().is_empty());
    assert!(stub("/records=0").sources().unwrap().is_empty());
}

#[test]
fn a_list_that_changes_is_read_again() {
    let chronyd = scripted("{\"sources\": 3}");
    let connection = connect_to(&chronyd);
    let counts = || chronyd.requests().get(&code::COUNT).copied().unwrap_or_default();

    chronyd.set(Fault::Count(vec![4, 5, 4, 3]));
    let sources = connection.sources().unwrap();
    assert!(sources.iter().map(|source| source.address.clone()).eq((0..3).map(address_of)));
    assert_eq!(counts(), 4);

    // A source that is counted, but never there: the call does not try for ever.
    chronyd.set(Fault::Count(vec![4]));
    let error = connection.source_stats().unwrap_err();
    assert!(matches!(error, Error::ListChanged { .. }) && error.kind() == ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().starts_with("Failed to process sourcestats response from /"), "{error}");
    assert!(error.to_string().ends_with("The sources may have changed during the read; try again"), "{error}");
    assert_eq!(counts(), 8);
    chronyd.clear();
    assert_eq!(connection.source_stats().unwrap().len(), 3);
}

#[test]
fn a_list_that_keeps_changing_ends_at_the_deadline() {
    let chronyd = scripted("{\"sources\": 3}");
    chronyd.set(Fault::Count(vec![4]));
    chronyd.set(Fault::Delay(ms(40)));
    let address = unix(chronyd.socket());
    let error = fails_on_time(ms(300), move || connect(&address, ms(300)).sources());
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

/// The list is read over several sessions at once. A Unix socket does not lose or reorder datagrams, so it is tested
/// without these faults.
#[test]
fn a_long_list_survives_losses_copies_and_disorder() {
    let expected: Vec<_> = (0..64).map(address_of).collect();
    thread::scope(|scope| {
        for (faults, lost) in [
            (vec![Fault::After(30), Fault::Drop(1)], 1..=8),
            (vec![Fault::After(30), Fault::Drop(8)], 1..=8),
            (vec![Fault::After(63), Fault::Drop(1)], 1..=1),
            (vec![Fault::Drop(1)], 1..=8),
            // Each of the eight sessions may send up to two requests again.
            (vec![Fault::Reorder], 0..=16),
            (vec![Fault::Duplicate], 0..=0),
            (vec![Fault::Older], 0..=0),
            (vec![Fault::JunkBefore(7)], 0..=0),
        ] {
            let expected = &expected;
            scope.spawn(move || {
                let chronyd = scripted("{\"sources\": 64}");
                let loses = faults.iter().any(|fault| matches!(fault, Fault::Drop(_) | Fault::Reorder));
                let again = |address| {
                    let connection = connect(address, Duration::from_secs(20));
                    connection.tracking().unwrap();
                    let before = chronyd.requests().get(&code::SOURCES).copied().unwrap_or_default();
                    chronyd.set(Fault::Only(vec![code::SOURCES]));
                    for fault in &faults {
                        chronyd.set(fault.clone());
                    }
                    let sources = connection.sources().unwrap_or_else(|error| panic!("{faults:?}: {error}"));
                    assert!(sources.iter().map(|source| &source.address).eq(expected), "{faults:?}");
                    // The last record is read twice.
                    let again = chronyd.requests()[&code::SOURCES] - before - 65;
                    chronyd.clear();
                    // No old answer is left in the queue, where a later call might read it.
                    assert_eq!(connection.source_stats().unwrap().len(), 64);
                    again
                };
                let [socket, port] = both(&chronyd);
                if !loses {
                    assert_eq!(again(&socket), 0, "{faults:?}: requests again on a Unix socket");
                }
                // On a busy machine, more requests are sent again, but not each time.
                let is_as_told = || {
                    let again = again(&port);
                    assert!(again >= *lost.start(), "{faults:?}: {again} requests again");
                    again <= *lost.end()
                };
                assert!((0..3).any(|_| is_as_told()), "{faults:?}: more than {lost:?} requests again each time");
            });
        }
    });
}

#[test]
fn eight_threads_read_100_000_addresses_and_none_is_wrong() {
    const THREADS: usize = 8;
    const SOURCES: usize = 450;
    const ROUNDS: usize = 100_000_usize.div_ceil(THREADS * SOURCES);
    let chronyd = scripted("{\"sources\": 450}");
    let expected: Vec<_> = (0..SOURCES).map(address_of).collect();
    let address = unix(chronyd.socket());
    let wrong: usize = thread::scope(|scope| {
        let read = || {
            let connection = connect(&address, Duration::from_secs(30));
            let mut wrong = 0;
            for _ in 0..ROUNDS {
                let sources = connection.sources().unwrap();
                assert_eq!(sources.len(), SOURCES);
                wrong +=
                    sources.iter().zip(&expected).filter(|(source, expected)| source.address != **expected).count();
            }
            wrong
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(read)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(wrong, 0, "of {}", THREADS * SOURCES * ROUNDS);
}
