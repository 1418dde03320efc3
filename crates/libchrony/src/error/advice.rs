//! The advice in error messages. Other modules decide which error occurs.

use crate::address::{Address, Transport};
use crate::raw::failure::LibchronyError;
use crate::raw::urandom;
use crate::report::record::FieldError;
use crate::report::{REPORTS, Unavailable};
use libchrony_sys::types as c;
use rustix::io::Errno;
use std::borrow::Cow;
use std::io;
use std::time::Duration;

const FIREWALL: &str =
    "A firewall, a route or a security policy of this machine forbids it. Allow UDP from here to that address";
const TOO_MANY_OPEN: &str = "Close descriptors, or raise the limit on open files";

const URANDOM: &str = "Is /dev/urandom, the device 1:9, there and readable? A chroot or a container needs one, too";

pub(crate) fn connect(address: &Address, source: &io::Error) -> Cow<'static, str> {
    let words = match (address.transport(), Errno::from_io_error(source)) {
        _ if urandom::is_blamed(source) => URANDOM,
        (_, Some(Errno::MFILE | Errno::NFILE)) => TOO_MANY_OPEN,
        (Transport::UnixSocket, Some(Errno::NOENT)) => {
            "Is chronyd running, and is this its socket? See bindcmdaddress in chrony.conf"
        }
        (Transport::UnixSocket, Some(Errno::CONNREFUSED)) => {
            "The path exists, but no chronyd listens there. Start or restart chronyd"
        }
        (Transport::UnixSocket, Some(Errno::NOTSOCK)) => {
            "The path is that of a file or a folder. chronyd's socket is /run/chrony/chronyd.sock, unless \
             bindcmdaddress in chrony.conf says otherwise"
        }
        (Transport::UnixSocket, Some(Errno::INVAL)) => {
            "libchrony creates a socket of its own next to chronyd's, so the folder's path may have 62 bytes at most \
             and not be /"
        }
        (Transport::UnixSocket, _) => "Is this chronyd's socket, and can a socket be created next to it?",
        (Transport::CommandPort, Some(Errno::CONNREFUSED)) => {
            "No chronyd listens on this port. Is it running, and is its cmdport not 0?"
        }
        (Transport::CommandPort, Some(Errno::PERM | Errno::ACCESS)) => FIREWALL,
        (Transport::CommandPort, Some(Errno::AGAIN)) => {
            "All UDP ports of this machine are in use. Close sockets, or widen net.ipv4.ip_local_port_range"
        }
        (Transport::CommandPort, Some(Errno::INVAL)) if address.is_link_local() => {
            "A link-local address needs a scope (its interface, after %), and libchrony takes none. Use another \
             address of that host"
        }
        (Transport::CommandPort, _) => return brackets_or(address, "Can the address be reached from this machine?"),
    };
    words.into()
}

/// Suggests brackets if the end of an IPv6 address may have been meant as a port.
fn brackets_or(address: &Address, words: &'static str) -> Cow<'static, str> {
    address.probably_meant().map_or(words.into(), |meant| format!("If its end is the port, write {meant}").into())
}

/// Returns the advice for a refusal. Only the command port refuses reports.
pub(crate) fn refusal(report: &str, first: Option<&str>) -> String {
    let first = first.map_or(String::new(), |first| format!(", and {first}, which libchrony asks for first,"));
    format!(
        "Use its Unix socket as root or chronyd's user, or name {report}{first} in `opencommands` in chrony.conf \
         (chrony 4.7 or later), which replaces the list of reports that are open by default"
    )
}

/// Returns the message for a report that chronyd is not configured to have: what is missing, why, and what to do.
pub(crate) fn not_available(report: &str, address: &Address, source: &LibchronyError) -> String {
    let table = REPORTS.iter().find(|table| table.name.to_str() == Ok(report));
    match table.and_then(|table| table.unavailable) {
        Some(Unavailable { what, why, remedy }) => {
            format!("{what} is not available: chronyd at {address} {why} ({source}). {remedy}")
        }
        None => format!("{report} is not available: chronyd at {address} does not have it ({source})"),
    }
}

pub(crate) fn resolve(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::TimedOut => "The resolver has not answered. Does it work? An IP address needs none",
        _ => "Is the host name right, and does the resolver work?",
    }
}

pub(crate) fn session(source: &LibchronyError) -> &'static str {
    match (source.code(), source.errno()) {
        (_, Some(Errno::MFILE | Errno::NFILE)) => TOO_MANY_OPEN,
        (c::CHRONY_NO_MEMORY, _) => "The process may not use more memory",
        _ => URANDOM,
    }
}

pub(crate) fn exchange(address: &Address, source: &LibchronyError) -> &'static str {
    match (address.transport(), source.errno()) {
        (Transport::CommandPort, Some(Errno::PERM | Errno::ACCESS)) => FIREWALL,
        _ => "chronyd may have been stopped or restarted; try again",
    }
}

/// The circumstances of a call that ended without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Silence {
    /// The number of records that were read, and the length of the list. `None` if no list was being read.
    pub records: Option<(usize, usize)>,
    /// The time for which other calls used the connection first.
    pub queued: Duration,
    /// The time for which this process itself did not run, because it was stopped or the machine is overloaded.
    pub asleep: Duration,
    /// The security module of this machine that may keep chronyd from answering over its Unix socket. `None` without
    /// one, or if chronyd has answered this connection before.
    pub security_module: Option<SecurityModule>,
}

/// A security module of the kernel that confines programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityModule {
    /// AppArmor, as in Debian and Ubuntu.
    AppArmor,
    /// SELinux, as in Fedora.
    SeLinux,
}

impl SecurityModule {
    /// Returns the words that continue the advice.
    const fn advice(self) -> &'static str {
        match self {
            Self::AppArmor => {
                ". Or AppArmor keeps it from answering: write the line `@{run}/chrony/libchrony.*/** rw,` into \
                 /etc/apparmor.d/local/usr.sbin.chronyd, and load the profile again with apparmor_parser -r \
                 /etc/apparmor.d/usr.sbin.chronyd"
            }
            Self::SeLinux => {
                ". Or SELinux keeps it from answering, if this process is a system service without a policy of its own. \
                 Use the command port, with `opencommands` in chrony.conf for more reports"
            }
        }
    }
}

/// Returns the message for a timeout: what did not happen, and the probable reasons.
pub(crate) fn silence(address: &Address, waited: Duration, requests: u32, silence: &Silence) -> String {
    let Silence { records, queued, asleep, security_module } = *silence;
    let waited = rounded(waited);
    let sent = if requests == 1 { "1 request sent".to_owned() } else { format!("{requests} requests sent") };
    let read = records.map_or_else(String::new, |(read, all)| format!(", {read} of {all} records read"));
    if !asleep.is_zero() {
        return format!(
            "this process itself did not run for {:.1?} of the {waited:?} in which chronyd at {address} could \
             answer ({sent}{read}). It was stopped, or the machine is overloaded; try again",
            asleep.min(waited)
        );
    }
    let not_done = if requests == 0 { "read the request" } else { "answer" };
    let after = if queued.is_zero() {
        String::new()
    } else {
        format!(", after other threads or tasks had kept the connection busy for {queued:?}")
    };
    let advice: Cow<'static, str> = match address.transport() {
        Transport::UnixSocket => {
            let module = security_module.map_or("", SecurityModule::advice);
            let advice = "It may be stopped or overloaded, speak another protocol version, or see the socket at another \
                          path than this process (as with a socket mounted into a container), so that it cannot answer";
            format!("{advice}{module}").into()
        }
        Transport::CommandPort => brackets_or(
            address,
            "It may be stopped or overloaded, speak another protocol version, or not allow this host; see cmdallow in \
             chrony.conf",
        ),
    };
    format!("chronyd at {address} did not {not_done} within {waited:?}{after} ({sent}{read}). {advice}")
}

/// Rounds a time to milliseconds. What is left of a deadline that calls share has digits that say nothing.
fn rounded(time: Duration) -> Duration {
    if time < Duration::from_millis(10) {
        return time;
    }
    let millis = (time + Duration::from_micros(500)).as_millis();
    Duration::from_millis(millis.try_into().unwrap_or(u64::MAX))
}

pub(crate) fn rejection(source: &LibchronyError) -> &'static str {
    match source.code() {
        c::CHRONY_RANDOM_FAILED => URANDOM,
        c::CHRONY_DISABLED => "This is not enabled in chronyd; see chrony.conf",
        c::CHRONY_UNEXPECTED_STATUS => "chronyd could not serve the request; its log may say why",
        c::CHRONY_OLD_SERVER => "This chronyd does not know the report, or rejects the request as invalid",
        c::CHRONY_NEW_SERVER | c::CHRONY_INVALID_RESPONSE => {
            "chronyd's response is not of a layout that this libchrony knows; a newer libchrony may know it"
        }
        _ => "Try again",
    }
}

pub(crate) fn field(source: &FieldError) -> &'static str {
    match source {
        FieldError::Invalid { .. } => "It is out of the range that it may have; nothing of the record was used",
        _ => "libchrony may be of a version that is not known here",
    }
}

#[cfg(test)]
mod tests {
    use super::{SecurityModule, Silence};
    use crate::{Error, ErrorKind};
    use rustix::io::Errno;
    use std::time::Duration;

    #[test]
    fn times_in_messages_have_no_digits_that_say_nothing() {
        let shown = |nanos| format!("{:?}", super::rounded(Duration::from_nanos(nanos)));
        assert_eq!([4_999_888_824, 200_000_000, 1_234_600_000].map(shown), ["5s", "200ms", "1.235s"]);
        assert_eq!([1, 1_500_000].map(shown), ["1ns", "1.5ms"]);
    }

    #[test]
    fn the_cure_for_a_security_module_is_given_over_a_socket_that_never_answered() {
        let error = |address: &str, security_module| {
            let silence = Silence { records: None, queued: Duration::ZERO, asleep: Duration::ZERO, security_module };
            silence_of(address, &silence)
        };
        let socket = "/run/chrony/chronyd.sock";
        assert!(error(socket, None).ends_with("so that it cannot answer"));
        assert!(error(socket, Some(SecurityModule::AppArmor)).contains("`@{run}/chrony/libchrony.*/** rw,`"));
        assert!(error(socket, Some(SecurityModule::SeLinux)).contains("Use the command port"));
        assert!(error("127.0.0.1", None).ends_with("see cmdallow in chrony.conf"));
    }

    fn silence_of(address: &str, silence: &Silence) -> String {
        super::silence(&address.parse().unwrap(), Duration::from_secs(1), 1, silence)
    }

    #[test]
    fn advice_fits_the_reason() {
        for (address, errno, advice) in [
            ("192.0.2.1", Errno::HOSTUNREACH, "Can the address be reached"),
            ("192.0.2.1", Errno::CONNREFUSED, "is its cmdport not 0?"),
            ("192.0.2.1", Errno::PERM, "A firewall"),
            ("192.0.2.1", Errno::ACCESS, "A firewall"),
            ("192.0.2.1", Errno::AGAIN, "net.ipv4.ip_local_port_range"),
            ("fe80::1", Errno::INVAL, "libchrony takes none"),
            ("::1:323", Errno::NETUNREACH, "write [::1]:323"),
            ("2001:db8::1:323", Errno::HOSTUNREACH, "write [2001:db8::1]:323"),
            ("fe80::5054:ff:fe12:3456", Errno::HOSTUNREACH, "Can the address be reached"),
            ("192.0.2.1", Errno::MFILE, "raise the limit on open files"),
            ("/", Errno::NFILE, "raise the limit on open files"),
            ("/", Errno::INVAL, "62 bytes at most"),
            ("/", Errno::CONNREFUSED, "no chronyd listens there"),
            ("/", Errno::NOTSOCK, "that of a file or a folder"),
            ("/", Errno::PROTOTYPE, "Is this chronyd's socket"),
        ] {
            let error = Error::Connect { address: address.parse().unwrap(), source: errno.into() };
            assert_eq!(error.kind(), ErrorKind::Connection);
            assert!(error.to_string().contains(advice), "{error}");
        }
    }
}
