//! The addresses of chronyds: parsing, printing and defaults.
//!
//! libchrony reads ports with `atoi`, and searches for a chronyd by itself if the address is empty. So it only gets the
//! canonical form that [`Address`] prints. This module does not open sockets, and does not resolve host names:
//! `drivers/resolve.rs` does.

use std::ffi::{CString, OsStr};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The UDP port of chronyd's command protocol.
const COMMAND_PORT: u16 = 323;
/// The length in bytes of the longest path that fits into a socket address, without its closing NUL.
const MAX_PATH: usize = 107;
/// The number of characters of a malformed address that an error repeats.
const MAX_SHOWN: usize = 120;

/// The way in which requests reach chronyd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// chronyd's Unix domain socket. It serves every report, but only to root and chronyd's user.
    UnixSocket,
    /// chronyd's UDP command port. It serves only some reports, to the hosts that `cmdallow` in chrony.conf allows and
    /// to this machine.
    CommandPort,
}

/// The address of a chronyd: the path of its Unix domain socket, or an IP address or host name and a UDP port.
///
/// The accepted forms are `/path/to/chronyd.sock`, `192.0.2.1`, `192.0.2.1:323`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:323`, `ntp.example.net` and `ntp.example.net:323`. The port is 323 unless given. A host name is
/// resolved when a connection is opened, and each of its addresses is tried. `localhost` is 127.0.0.1 and ::1.
///
/// # Examples
///
/// ```
/// use libchrony::{Address, Transport};
///
/// let address: Address = "::1".parse()?;
/// assert_eq!(address.to_string(), "[::1]:323");
/// assert_eq!(address.transport(), Transport::CommandPort);
/// # Ok::<(), libchrony::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Inner);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Inner {
    /// An absolute path without NUL, short enough for a socket address.
    Unix(PathBuf),
    /// A socket address whose port is not 0. It has a scope only if the resolver gave one.
    Udp(SocketAddr),
    Host(String, u16),
}

/// The addresses that an [`Address`] stands for.
#[derive(Debug)]
pub(crate) enum Meaning<'a> {
    Addresses(Vec<Address>),
    /// A host name, which a resolver has to look up, and a port.
    Host(&'a str, u16),
}

impl Address {
    /// Parses an address. [`Address`] lists the forms. Paths need not be UTF-8.
    ///
    /// # Errors
    ///
    /// Returns [`AddressError`], with the reason, if the text is not an address.
    pub fn parse(address: impl AsRef<OsStr>) -> Result<Self, AddressError> {
        let address = address.as_ref();
        let inner = if address.as_bytes().starts_with(b"/") {
            check_path(address.as_bytes()).map(|()| Inner::Unix(PathBuf::from(address)))
        } else {
            address.to_str().ok_or(Reason::NotAnAddress).and_then(parse_udp)
        };
        inner.map(Self).map_err(|reason| AddressError { address: shown(address), reason })
    }

    /// Returns the default Unix domain sockets, in the order in which they are tried.
    #[must_use]
    pub fn default_sockets() -> Vec<Self> {
        ["/run/chrony/chronyd.sock", "/var/run/chrony/chronyd.sock"].map(|path| Self(Inner::Unix(path.into()))).into()
    }

    /// Returns all default addresses, in the order in which they are tried, which is also chronyc's: the Unix domain
    /// sockets, then the command port on 127.0.0.1 and ::1.
    ///
    /// # Examples
    ///
    /// ```
    /// let defaults: Vec<_> = libchrony::Address::defaults().iter().map(ToString::to_string).collect();
    /// let sockets = ["/run/chrony/chronyd.sock", "/var/run/chrony/chronyd.sock"];
    /// assert_eq!(defaults, [sockets[0], sockets[1], "127.0.0.1:323", "[::1]:323"]);
    /// ```
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        let mut addresses = Self::default_sockets();
        addresses.extend(loopback(COMMAND_PORT));
        addresses
    }

    /// Creates the address of a command port.
    pub(crate) fn udp(address: SocketAddr) -> Self {
        Self(Inner::Udp(address))
    }

    /// Returns the addresses that this one stands for, as far as they are known without a resolver.
    pub(crate) fn meaning(&self) -> Meaning<'_> {
        match &self.0 {
            Inner::Host(name, port) if name.eq_ignore_ascii_case("localhost") => {
                Meaning::Addresses(loopback(*port).into())
            }
            Inner::Host(name, port) => Meaning::Host(name, *port),
            Inner::Unix(_) | Inner::Udp(_) => Meaning::Addresses(vec![self.clone()]),
        }
    }

    /// Returns true for an IPv6 address that is only valid on one interface.
    pub(crate) fn is_link_local(&self) -> bool {
        matches!(&self.0, Inner::Udp(SocketAddr::V6(address)) if address.ip().is_unicast_link_local())
    }

    /// Returns the address that was probably meant, if the end of an IPv6 address looks like a port, as in `::1:323`.
    pub(crate) fn probably_meant(&self) -> Option<String> {
        let Inner::Udp(SocketAddr::V6(address)) = &self.0 else { return None };
        let meant = in_brackets(&address.ip().to_string())?;
        let is_likely = meant.starts_with("[::1]:") || meant.ends_with("]:323");
        (is_likely && address.port() == COMMAND_PORT).then_some(meant)
    }

    /// Returns the transport that reaches this address.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.0 {
            Inner::Unix(_) => Transport::UnixSocket,
            Inner::Udp(_) | Inner::Host(..) => Transport::CommandPort,
        }
    }

    /// Returns the host name and the port, if a resolver has to find the IP addresses. `localhost` does not need a
    /// resolver.
    #[must_use]
    pub fn host(&self) -> Option<(&str, u16)> {
        match self.meaning() {
            Meaning::Host(name, port) => Some((name, port)),
            Meaning::Addresses(_) => None,
        }
    }

    /// Returns true for a port of the loopback interface.
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(&self.0, Inner::Udp(address) if address.ip().is_loopback())
    }

    /// Returns the path of a Unix domain socket, or `None` for a command port.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Inner::Unix(path) => Some(path),
            Inner::Udp(_) | Inner::Host(..) => None,
        }
    }

    /// Returns the form for libchrony. No address contains a NUL.
    pub(crate) fn to_c(&self) -> CString {
        let canonical = match &self.0 {
            Inner::Unix(path) => path.as_os_str().as_bytes().to_vec(),
            Inner::Udp(_) | Inner::Host(..) => self.to_string().into_bytes(),
        };
        CString::new(canonical).unwrap_or_default()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(address: &str) -> Result<Self, AddressError> {
        Self::parse(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Unix(path) => f.write_str(&visible(path)),
            Inner::Udp(address) => address.fmt(f),
            Inner::Host(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

fn check_path(path: &[u8]) -> Result<(), Reason> {
    if path.contains(&0) {
        Err(Reason::Nul)
    } else if path.len() > MAX_PATH {
        Err(Reason::PathTooLong(path.len()))
    } else {
        Ok(())
    }
}

fn parse_udp(address: &str) -> Result<Inner, Reason> {
    if address.is_empty() {
        return Err(Reason::Empty);
    }
    if address.contains('\0') {
        return Err(Reason::Nul);
    }
    if let Some(meant) = without_scheme(address) {
        return Err(Reason::Scheme(shown(OsStr::new(&meant))));
    }
    if address.contains('/') {
        return Err(Reason::RelativePath);
    }
    if address.contains('%') {
        return Err(Reason::Scope);
    }
    if let Ok(ip) = address.parse::<IpAddr>() {
        return Ok(Inner::Udp(SocketAddr::new(ip, COMMAND_PORT)));
    }
    if let Some(rest) = address.strip_prefix('[') {
        let (ip, port) = rest.split_once(']').ok_or(Reason::UnclosedBracket)?;
        let ip = ip.parse::<Ipv6Addr>().map_err(|_| Reason::NotAnAddress)?;
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => COMMAND_PORT,
            None => return Err(Reason::NotAnAddress),
        };
        return Ok(Inner::Udp(SocketAddr::new(IpAddr::V6(ip), port)));
    }
    if let Some(meant) = in_brackets(address) {
        return Err(Reason::NoBrackets(meant));
    }
    let (host, port) = address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)));
    let ip = host.parse::<Ipv4Addr>();
    if ip.is_err() && !is_host_name(host) {
        return Err(Reason::NotAnAddress);
    }
    let port = port.map_or(Ok(COMMAND_PORT), parse_port)?;
    Ok(match ip {
        Ok(ip) => Inner::Udp(SocketAddr::new(IpAddr::V4(ip), port)),
        Err(_) => Inner::Host(host.to_owned(), port),
    })
}

/// Returns the form that this crate accepts, for `unix:/path`, `unix:///path`, `udp:192.0.2.1` or
/// `udp://192.0.2.1:323`. A number after the colon is the port of a host named `unix` or `udp`.
fn without_scheme(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once(':')?;
    let place = rest.trim_start_matches('/');
    match scheme.to_ascii_lowercase().as_str() {
        _ if place.is_empty() || parse_port(rest).is_ok() => None,
        "unix" => Some(format!("/{place}")),
        "udp" => Some(place.trim_end_matches('/').to_owned()),
        _ => None,
    }
}

/// Adds the missing brackets to an IPv6 address with a port.
fn in_brackets(address: &str) -> Option<String> {
    let (ip, port) = address.rsplit_once(':')?;
    (ip.parse::<Ipv6Addr>().is_ok() && parse_port(port).is_ok()).then(|| format!("[{ip}]:{port}"))
}

/// Returns true if this can be the name of a host. A name of digits only would be a mistyped IPv4 address.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let labels = name.strip_suffix('.').unwrap_or(name);
    let last_is_number = labels.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && !last_is_number && labels.split('.').all(label)
}

fn loopback(port: u16) -> [Address; 2] {
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        .map(|ip| Address(Inner::Udp(SocketAddr::new(ip, port))))
}

fn parse_port(port: &str) -> Result<u16, Reason> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|&number| digits && number != 0).ok_or_else(|| Reason::Port(shown(OsStr::new(port))))
}

/// Returns an address as errors show it: invisible characters are escaped, and a long address is truncated.
fn shown(address: &OsStr) -> String {
    let text = address.to_string_lossy();
    let mut shown: String = text.chars().take(MAX_SHOWN).flat_map(show_char).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns a text for a message, with invisible characters escaped. The text may come from the environment.
pub(crate) fn visible(text: impl AsRef<OsStr>) -> String {
    text.as_ref().to_string_lossy().chars().flat_map(show_char).collect()
}

/// Returns true for control characters, zero-width characters, and marks that change the direction of text.
fn is_unseen(character: char) -> bool {
    let ranges = ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{feff}'..='\u{feff}'];
    character.is_control() || ranges.iter().any(|range| range.contains(&character))
}

fn show_char(character: char) -> impl Iterator<Item = char> {
    let escaped = is_unseen(character).then(|| character.escape_default());
    let plain = escaped.is_none().then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

/// The error for text that is not the address of a chronyd. The message gives the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Failed to connect to chronyd at {address}: {reason}")]
pub struct AddressError {
    address: String,
    reason: Reason,
}

impl AddressError {
    /// Returns the text that is not an address. Control characters in it are escaped.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("the address is empty; leave it out to try the default sockets")]
    Empty,
    #[error("the address contains a NUL character")]
    Nul,
    #[error("the path has {0} bytes, and a socket path has at most {MAX_PATH}; give chronyd a shorter bindcmdaddress")]
    PathTooLong(usize),
    #[error("a socket path must be absolute; begin it with /")]
    RelativePath,
    #[error("libchrony takes no IPv6 scope; use an address without %")]
    Scope,
    #[error("an address has no scheme here; write {0}")]
    Scheme(String),
    #[error("an IPv6 address with a port needs brackets; write {0}")]
    NoBrackets(String),
    #[error("the bracket is not closed; write [address]:port")]
    UnclosedBracket,
    #[error("{0:?} is not a port; use a number from 1 to 65535")]
    Port(String),
    #[error("not an address; use the path of a socket, or an IP address or host name with an optional port")]
    NotAnAddress,
}

#[cfg(test)]
mod tests;
