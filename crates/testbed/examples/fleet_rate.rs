//! The rate of requests that a fleet answers, which limits every measurement against it.
//!
//! ```sh
//! tools/run cargo run --release -p testbed --example fleet_rate [DAEMONS [CLIENTS]]
//! ```
//!
//! Each client is a thread with one socket and 64 requests in flight, which it sends to one daemon after the other.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Fleet, Values};

const IN_FLIGHT: u32 = 64;
const TIME: Duration = Duration::from_secs(3);

fn ask(client: &UdpSocket, fleet: &Fleet, number: u32) {
    let mut request = [0; 104];
    request[..2].copy_from_slice(&[6, 1]);
    request[5] = 33;
    client.send_to(&request, fleet.address(number % fleet.count())).expect("loopback takes all");
}

fn answers(fleet: &Fleet, end: Instant) -> u32 {
    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    client.set_read_timeout(Some(Duration::from_secs(1))).expect("an open socket");
    (0..IN_FLIGHT).for_each(|number| ask(&client, fleet, number));
    let mut answers = 0;
    while Instant::now() < end {
        client.recv(&mut [0; 200]).expect("an answer");
        answers += 1;
        ask(&client, fleet, answers);
    }
    answers
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let (daemons, clients) = (numbers.next().unwrap_or(10_000), numbers.next().unwrap_or(1));
    let fleet = Fleet::start(daemons, Values::default()).expect("a fleet");
    let end = Instant::now() + TIME;
    let total: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| answers(&fleet, end))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let each = fleet.tally().cpu / total;
    println!(
        "{daemons} daemons, {clients} clients: {} answers a second, {each:?} of processor time each: {:.0} on a \
         processor of its own",
        u64::from(total) / TIME.as_secs(),
        each.as_secs_f64().recip(),
    );
}
