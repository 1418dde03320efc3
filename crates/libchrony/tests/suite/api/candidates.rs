//! Several addresses, of which some do not answer, and one answers late: an answer that comes before the deadline is
//! used, wherever in the list its address is, and however many others are asked meanwhile.

use crate::common::*;
use libchrony::Connection;
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Barrier;
use std::thread;
use testbed::{Fault, Scripted};

/// By timeout, the delays that leave time enough, in milliseconds. A busy machine takes some of what is left.
const TABLE: [(u64, &[u64]); 5] = [
    (200, &[0, 50, 120]),
    (500, &[120, 300]),
    (1000, &[300, 600, 800]),
    (2000, &[600, 1200, 1700]),
    (5000, &[1200, 2500, 4500]),
];

/// Among which others the late one is.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// The others are silent. A connection that has had an answer asks there first, too.
    First,
    /// Those before it fail at once, so that they take no time.
    AfterTheAbsent,
    /// The one before it is silent, and is given half of the time, and a second at most.
    AfterASilent,
    /// All are as late.
    Twice,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    order: Order,
    is_kept: bool,
    is_udp: bool,
    timeout: u64,
    delay: u64,
}

/// Every cell in which the answer comes in time.
fn cells() -> Vec<Cell> {
    let mut cells = vec![];
    for (timeout, delays) in TABLE {
        for &delay in delays {
            for order in [Order::First, Order::AfterTheAbsent, Order::AfterASilent, Order::Twice] {
                for (is_kept, is_udp) in [(false, false), (false, true), (true, false), (true, true)] {
                    let lost = match order {
                        Order::AfterASilent if !is_kept => (timeout / 2).min(1000),
                        _ => 0,
                    };
                    if lost + delay + 70 <= timeout {
                        cells.push(Cell { order, is_kept, is_udp, timeout, delay });
                    }
                }
            }
        }
    }
    cells
}

fn connection(cell: Cell, silent: &Scripted, late: &Scripted) -> Connection {
    let [late_unix, late_udp] = both(late);
    let [silent_unix, silent_udp] = both(silent);
    let (late, as_late) = if cell.is_udp { (late_udp, late_unix) } else { (late_unix, late_udp) };
    let refused = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let addresses = match cell.order {
        Order::First => vec![late, silent_udp, silent_unix],
        Order::AfterTheAbsent => vec![unix("/nonexistent/chronyd.sock".as_ref()), udp(refused), late],
        Order::AfterASilent => vec![silent_unix, late],
        Order::Twice => vec![late, as_late],
    };
    Connection::builder().addresses(addresses).timeout(ms(cell.timeout)).build().unwrap()
}

/// Makes all calls at once, each in a thread of its own, and tells those that failed.
fn failures(cells: &[Cell]) -> Vec<(Cell, String)> {
    let silent = scripted("{}");
    silent.set(Fault::Silence);
    let late: BTreeMap<u64, Scripted> = cells.iter().map(|cell| (cell.delay, scripted("{}"))).collect();
    let (known, begun) = (Barrier::new(cells.len() + 1), Barrier::new(cells.len() + 1));
    let call = |cell: Cell| {
        let connection = connection(cell, &silent, &late[&cell.delay]);
        let first = if cell.is_kept { connection.tracking().map(drop) } else { Ok(()) };
        known.wait();
        begun.wait();
        first.and_then(|()| connection.tracking()).err().map(|error| (cell, error.to_string()))
    };
    thread::scope(|scope| {
        let threads: Vec<_> = cells.iter().map(|cell| scope.spawn(|| call(*cell))).collect();
        known.wait();
        for (delay, late) in &late {
            late.set(Fault::Delay(ms(*delay)));
        }
        begun.wait();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn an_answer_in_time_is_used_whoever_else_is_asked() {
    // So many calls that begin at once take what the short ones have to spare.
    let (short, long): (Vec<_>, Vec<_>) = cells().into_iter().partition(|cell| cell.timeout < 1000);
    let mut failed = [failures(&short), failures(&long)].concat();
    // A busy machine can be late, but not each time.
    for _ in 0..3 {
        if !failed.is_empty() {
            failed = failures(&failed.iter().map(|(cell, _)| *cell).collect::<Vec<_>>());
        }
    }
    let words: Vec<_> = failed.iter().map(|(cell, error)| format!("{cell:?}: {error}")).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), short.len() + long.len(), words.join("\n"));
}
