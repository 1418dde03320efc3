//! Fuzzes chronyd's responses, which pass through the real libchrony and become records or an error. Reports are read
//! with their tables, and by name, with fields as libchrony describes them.
//!
//! An input is a list of calls on one connection, with the results of `recv` during each (see `chronyd`). Every call
//! has to return, either with records whose values are all in their ranges, or with an error that chronyd can cause.
//! libchrony itself is a shared library without instrumentation, so only the coverage of the Rust code guides the
//! fuzzer.
#![no_main]

mod chronyd;
#[path = "../../crates/testbed/src/scripted/layout.rs"]
#[expect(dead_code, unreachable_pub, reason = "a module of the test bed, needed only for the lengths of replies")]
mod layout;
#[path = "../../crates/libchrony/tests/generated/promise.rs"]
mod promise;
mod tally;

use chronyd::Script;
use libchrony::nonblocking::{Call, Reply, Step};
use libchrony::{Address, Builder, Connection, Error, Library, REPORTS};
use libfuzzer_sys::fuzz_target;
use promise::{check_any, check_error, check_record};
use std::sync::OnceLock;
use std::task::Waker;
use std::time::{Duration, Instant};

/// The timeout of each call. Only a silent chronyd makes a call take this long.
const TIMEOUT: Duration = Duration::from_millis(2);
/// A call that takes longer than this has missed its deadline, even on a busy machine.
const HANGS: Duration = Duration::from_secs(5);
/// The option bits of a call that blocks. Few calls do, because their waits would take most of a run.
const BLOCKS: u8 = 0xE0;
/// The maximum number of calls of an input.
const CALLS: usize = 32;

fuzz_target!(init: tally::print_at_exit(), |input: &[u8]| {
    let script = Script::new(input);
    let blocking = settings(script.lanes()).build().expect("a library");
    let never_waits = settings(script.lanes()).build_nonblocking().expect("a library");
    chronyd::play(script, || {
        for _ in 0..CALLS {
            let Some((report, options)) = chronyd::next_call() else { break };
            let table = REPORTS[usize::from(report) % REPORTS.len()];
            let start = Instant::now();
            let blocks = options & BLOCKS == BLOCKS;
            if (usize::from(report) / REPORTS.len()).is_multiple_of(2) {
                let records = if blocks { blocking.rows(table) } else { read(never_waits.rows(table)) };
                check(records, |record| check_record(table, record.as_deref()));
            } else {
                let name = table.name.to_str().expect("a name");
                let records = if blocks { blocking.report(name) } else { never_waits.report(name).and_then(read) };
                check(records, |record| check_any(table, record.as_ref()));
            }
            assert!(start.elapsed() < HANGS, "a call took {:?} instead of {TIMEOUT:?}", start.elapsed());
        }
    });
});

/// Returns a builder for connections to a port. Nothing has to listen on it, since `send` and `recv` are replaced.
fn settings(lanes: usize) -> Builder {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| Library::load().expect("libchrony"));
    let address = Address::parse("127.0.0.1:9").expect("an address");
    Connection::builder().address(address).lanes(lanes, 1).timeout(TIMEOUT).library(library.clone())
}

/// Advances a call to its end without waiting.
fn read<T: Reply>(mut reading: Call<T>) -> Result<T, Error> {
    loop {
        if let Step::Done(result) = reading.advance(Waker::noop()) {
            return result;
        }
    }
}

fn check<R>(result: Result<Vec<R>, Error>, check_record: impl FnMut(&R)) {
    match result {
        Ok(records) => {
            records.iter().for_each(check_record);
            tally::answered(records.len());
        }
        Err(error) => {
            check_error(&error);
            tally::failed(error.kind());
        }
    }
}
