//! Picks ports that are free for UDP and for TCP, and keeps them from other test beds.
//!
//! Other processes choose from the same ports at the same time. So each port is reserved by a Unix socket in the
//! abstract namespace, whose name contains the port. Like ports, these names belong to a network namespace. The
//! reservation ends with the process.
//!
//! The ports are below the kernel's ephemeral range, for two reasons. chronyd opens its sockets with `SO_REUSEADDR`, so
//! it would share a port with another program without an error. And a daemon that restarts needs its old port.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Mutex;

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// A port that is reserved as long as this exists.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// The reservation, or `None` if no socket can be opened. Opening the port then fails with the same error.
    _reservation: Option<UnixDatagram>,
}

impl Port {
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Reserves a port. Returns `None` if another test bed has it.
    fn reserve(number: u16) -> Option<Self> {
        let name = format!("chrony-testbed-port-{number}");
        let socket = SocketAddr::from_abstract_name(name).and_then(|name| UnixDatagram::bind_addr(&name));
        match socket {
            Err(error) if error.kind() == ErrorKind::AddrInUse => None,
            socket => Some(Self { number, _reservation: socket.ok() }),
        }
    }
}

/// Returns a port that is free on every address, IPv4 and IPv6. This process has not returned it before, and no other
/// process has reserved it.
pub(crate) fn free() -> Port {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().expect("no panic while picking a port");
    let given = given.get_or_insert_default();
    loop {
        // The keys of each RandomState differ, so the hash is a random number.
        let random = RandomState::new().hash_one(0) % u64::from(LAST - FIRST);
        let port = FIRST + u16::try_from(random).expect("less than a u16");
        if given.contains(&port) {
            continue;
        }
        if let Some(reserved) = Port::reserve(port)
            && ["0.0.0.0", "::"].iter().all(|address| is_free(address, port))
        {
            given.insert(port);
            return reserved;
        }
    }
}

fn is_free(address: &str, port: u16) -> bool {
    match UdpSocket::bind((address, port)).and_then(|_udp| TcpListener::bind((address, port))) {
        Ok(_) => true,
        // A machine without IPv6 gives another error, and cannot conflict there.
        Err(error) => error.kind() != ErrorKind::AddrInUse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_until_its_owner_goes() {
        let port = free();
        assert!(Port::reserve(port.number()).is_none());
        let number = port.number();
        drop(port);
        assert!(Port::reserve(number).is_some());
    }
}
