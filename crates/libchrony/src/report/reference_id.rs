//! Reference IDs: 32 bits that identify the reference of a clock.
//!
//! A reference ID alone is ambiguous. For an IPv4 source it is the address, for an IPv6 source a hash, and for a
//! reference clock up to four ASCII characters. So a source is named by its address, and by its reference ID only if it
//! does not have an address.

use std::fmt;
use std::net::Ipv4Addr;

/// A 32-bit NTP reference ID, printed as in chronyc: eight hexadecimal digits.
///
/// # Examples
///
/// ```
/// use libchrony::ReferenceId;
///
/// let gps = ReferenceId(0x4750_5300);
/// assert_eq!(gps.to_string(), "47505300");
/// assert_eq!(gps.name(), "GPS");
/// assert_eq!(ReferenceId(0x7F7F_0101).name(), "127.127.1.1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReferenceId(pub u32);

impl ReferenceId {
    /// Returns the name of a source without an address: the ID's ASCII characters, such as `GPS`, or else its four
    /// bytes as a dotted quad. Empty for 0, which means that there is no source.
    #[must_use]
    pub fn name(self) -> String {
        let bytes = self.0.to_be_bytes();
        let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let ascii = &bytes[..length];
        if ascii.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            ascii.iter().copied().map(char::from).collect()
        } else {
            Ipv4Addr::from(self.0).to_string()
        }
    }
}

impl fmt::Display for ReferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ReferenceId;

    #[test]
    fn only_printable_characters_make_a_name() {
        for (id, name) in [
            (0, ""),
            (0x5050_5330, "PPS0"),
            (0x4750_5300, "GPS"),
            (0x4700_5300, "71.0.83.0"),
            (0x7F7F_0101, "127.127.1.1"),
            (0x4750_53FF, "71.80.83.255"),
            (0x0A50_5331, "10.80.83.49"),
        ] {
            assert_eq!(ReferenceId(id).name(), name, "{id:08X}");
        }
    }
}
