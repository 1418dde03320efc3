//! The names of hosts, and the addresses that answered.

use crate::sheet::with_address;
use libchrony::{Address, Connection};

/// The address that was asked, or of the usual ones the one that has answered.
pub(super) fn answered(connection: &Connection, host: &str) -> String {
    let found = connection.address().filter(|_| host.is_empty());
    found.map_or_else(|| host.to_owned(), |address| address.to_string())
}

/// The address that answered, without its port, unless it was given.
pub(super) fn beside(host: &str, found: Option<Address>) -> Option<String> {
    let found = found.map(|address| address.to_string()).filter(|found| found != host)?;
    let ip = found.rsplit_once(':').map_or(&*found, |(ip, _)| ip);
    Some(ip.trim_matches(['[', ']']).to_owned())
}

/// Where chronyd answered, as people read it: the address, next to the name if one was given.
pub(super) fn shown(connection: &Connection) -> String {
    let given = if let [one] = connection.addresses() { one.to_string() } else { String::new() };
    match connection.address() {
        Some(found) if given.is_empty() => found.to_string(),
        found => with_address(&given, beside(&given, found).as_deref()),
    }
}
