//! Any reply leads to a record with all values in range, or to an error that a chronyd can cause, in time.

use crate::promise::{check_any, check_error, check_record};
use crate::server::{Reply, Server};
use libchrony::{Address, Connection, REPORTS, Table};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Long enough for every reply, and short enough to wait for many replies that never arrive.
const TIMEOUT: Duration = Duration::from_millis(25);
/// A call that takes longer hangs, however busy the machine is.
const HANGS: Duration = Duration::from_secs(10);
const VALUES: &str = r#"{
    "rtcdata": {},
    "sources": [{"address": "192.0.2.1"}, {"address": "2001:db8::1", "poll": -2}, {"reference ID": 1196446464}]
}"#;

/// Runs cases against one server. Returns the number of calls with records, of calls that failed, and of replies.
fn run(name: &str, cases: u32, replies: impl Strategy<Value = Reply>) -> (usize, usize, u64) {
    let server = Server::start(name, VALUES);
    let address = Address::parse(server.socket()).unwrap();
    let (good, failed) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let script = (0..REPORTS.len(), any::<bool>(), 1..4_usize, prop::collection::vec(replies, 1..8));
    let result = TestRunner::new(config).run(&script, |(report, is_by_name, lanes, replies)| {
        server.answer(replies);
        let builder = Connection::builder().address(address.clone()).timeout(TIMEOUT).lanes(lanes, 1);
        let connection = builder.build().unwrap();
        for _ in 0..3 {
            let start = Instant::now();
            let is_good = check(REPORTS[report], is_by_name, &connection);
            assert!(start.elapsed() < HANGS, "{:?} instead of {TIMEOUT:?}", start.elapsed());
            let counter = if is_good { &good } else { &failed };
            counter.set(counter.get() + 1);
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let replies = server.sent();
    println!("{name}: {replies} replies, {} calls with records, {} errors", good.get(), failed.get());
    (good.get(), failed.get(), replies)
}

/// Reads a report, with its table or by its name. Returns true if there were records, and false if it failed.
fn check(table: &'static Table, is_by_name: bool, connection: &Connection) -> bool {
    let result = if is_by_name {
        let records = connection.report(table.name.to_str().unwrap());
        records.map(|records| records.iter().for_each(|record| check_any(table, record.as_ref())))
    } else {
        let records = connection.rows(table);
        records.map(|records| records.iter().for_each(|record| check_record(table, record.as_deref())))
    };
    result.inspect_err(check_error).is_ok()
}

/// Mixes right replies into these: one in three.
fn mostly(replies: impl Strategy<Value = Reply>) -> impl Strategy<Value = Reply> {
    prop_oneof![1 => Just(Reply::Right), 2 => replies]
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=most)
}

#[test]
fn random_bytes_are_no_reply() {
    let replies = prop_oneof![20 => bytes(600).prop_map(Reply::After), 1 => Just(Reply::Silence)];
    let (good, _, replies) = run("random", 150, replies);
    assert!(good > 0 && replies > 200);
}

#[test]
fn right_headers_with_any_body() {
    let status = prop_oneof![8 => Just(0), 1 => 0..25_u16, 1 => any::<u16>()];
    let body = (status, bytes(90)).prop_map(|(status, body)| Reply::Body { status, body });
    let (good, failed, _) = run("bodies", 200, mostly(body));
    assert!(good > 0 && failed > 0);
}

#[test]
fn good_replies_that_were_changed() {
    let replies = prop_oneof![
        12 => prop::collection::vec((28..2000_usize, any::<u8>()), 1..6).prop_map(Reply::Spoilt),
        1 => prop::collection::vec((0..28_usize, any::<u8>()), 1..3).prop_map(Reply::Spoilt),
        2 => (28..2000_usize).prop_map(Reply::Cut),
        4 => bytes(1500).prop_map(Reply::Longer),
        2 => prop_oneof![0..8_u32, Just(u32::MAX), any::<u32>()].prop_map(Reply::Count),
    ];
    let (good, failed, _) = run("changed", 200, mostly(replies));
    assert!(good > 0 && failed > 0);
}
