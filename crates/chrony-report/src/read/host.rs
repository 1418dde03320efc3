//! The names of hosts, and the addresses that answered.

use crate::sheet::with_address;
use libchrony::{Address, Connection};

/// Returns the host that was asked, or the default address that answered.
pub(super) fn answered(connection: &Connection, host: &str) -> String {
    let found = connection.address().filter(|_| host.is_empty());
    found.map_or_else(|| host.to_owned(), |address| address.to_string())
}

/// Returns the address that answered, without its port, if it differs from the host.
pub(super) fn beside(host: &str, found: Option<Address>) -> Option<String> {
    let found = found.map(|address| address.to_string()).filter(|found| found != host)?;
    let ip = found.rsplit_once(':').map_or(&*found, |(ip, _)| ip);
    Some(ip.trim_matches(['[', ']']).to_owned())
}

/// Formats the address that answered, next to the host name if one was given.
pub(super) fn shown(connection: &Connection) -> String {
    let given = if let [one] = connection.addresses() { one.to_string() } else { String::new() };
    match connection.address() {
        Some(found) if given.is_empty() => found.to_string(),
        found => with_address(&given, beside(&given, found).as_deref()),
    }
}
