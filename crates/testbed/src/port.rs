//! Picks ports that are free for UDP and for TCP.
//!
//! They come from below the range the kernel hands out by itself: chronyd opens its sockets with `SO_REUSEADDR`, so
//! it would share a port with a stranger without an error, and a daemon that restarts must find its port again.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// A port free on every address, IPv4 and IPv6, and not given out before by this process.
pub(crate) fn free() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().expect("no panic while picking a port");
    let given = given.get_or_insert_default();
    loop {
        // Each RandomState has keys of its own: a random number without a dependency.
        let random = RandomState::new().hash_one(0) % u64::from(LAST - FIRST);
        let port = FIRST + u16::try_from(random).expect("less than a u16");
        if !given.contains(&port) && ["0.0.0.0", "::"].iter().all(|address| is_free(address, port)) {
            given.insert(port);
            return port;
        }
    }
}

fn is_free(address: &str, port: u16) -> bool {
    match UdpSocket::bind((address, port)).and_then(|_udp| TcpListener::bind((address, port))) {
        Ok(_) => true,
        // A machine without IPv6 refuses for another reason.
        Err(error) => error.kind() != ErrorKind::AddrInUse,
    }
}
