//! Fuzzes what chronyd may answer: from datagrams through the real libchrony to typed records or an error.
//!
//! An input is a list of calls on one connection and, in between, of what `recv` has for each (see `chronyd`). Whatever
//! comes, a call has to return, with records whose values are all in their ranges or with an error that a chronyd can
//! cause. libchrony itself is the system's and not instrumented; the coverage that guides the fuzzer is this crate's.
#![no_main]

mod chronyd;
#[path = "../../crates/libchrony/tests/generated/promise.rs"]
mod promise;
mod tally;

use chronyd::Script;
use libchrony::{Address, Connection, Error, Library, Report};
use libfuzzer_sys::fuzz_target;
use promise::{check_error, check_record};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The most that one call takes. Only a chronyd that falls silent makes a call take that long.
const TIMEOUT: Duration = Duration::from_millis(2);
/// A call that is as late as this does not keep its deadline, however busy the machine is.
const HANGS: Duration = Duration::from_secs(5);
/// Calls that one input makes at most.
const CALLS: usize = 32;

fuzz_target!(init: tally::print_at_exit(), |input: &[u8]| {
    let script = Script::new(input);
    let connection = connect(script.lanes());
    chronyd::play(script, || {
        for _ in 0..CALLS {
            let Some(call) = chronyd::next_call() else { break };
            let start = Instant::now();
            match call & 3 {
                0 => check(connection.tracking().map(|record| vec![record])),
                1 => check(connection.sources()),
                2 => check(connection.source_stats()),
                _ => check(connection.rtc_data().map(|record| vec![record])),
            }
            assert!(start.elapsed() < HANGS, "a call took {:?} instead of {TIMEOUT:?}", start.elapsed());
        }
    });
});

/// A connection to a port that nobody needs to listen on, since `send` and `recv` are played.
fn connect(lanes: usize) -> Connection {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| Library::load().expect("libchrony"));
    let address = Address::parse("127.0.0.1:9").expect("an address");
    let builder = Connection::builder().address(address).lanes(lanes, 1).timeout(TIMEOUT).library(library.clone());
    builder.build().expect("a library")
}

fn check<R: Report>(result: Result<Vec<R>, Error>) {
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
