//! The secrets that authenticate NTP between the chronyds of a test bed: symmetric keys, and a certificate made at run
//! time.
//!
//! They are not secret: the keys never change, so that every server of a test bed knows the keys of every client.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Error;

/// A key has the number of its type in authdata. Types that Debian's and Fedora's chronyd lack are left out.
const KEYS: [(u8, &str, usize); 11] = [
    (1, "MD5", 16),
    (2, "SHA1", 20),
    (3, "SHA256", 32),
    (4, "SHA384", 48),
    (5, "SHA512", 64),
    (6, "SHA3-224", 28),
    (7, "SHA3-256", 32),
    (8, "SHA3-384", 48),
    (9, "SHA3-512", 64),
    (13, "AES128", 16),
    (14, "AES256", 32),
];

/// The last of the addresses 127.0.0.1, 127.0.0.2, … that the certificate is for.
const LAST_CERTIFIED: u8 = 99;

/// Writes the file of keys.
pub(crate) fn write_keys(file: &Path) -> Result<(), Error> {
    let mut text = String::new();
    for (number, kind, length) in KEYS {
        writeln!(text, "{number} {kind} HEX:{}", format!("{number:02x}").repeat(length)).expect("a String takes all");
    }
    fs::write(file, text).map_err(Error::system("could not write the keys"))
}

/// Creates a self-signed certificate and its key. The certificate is valid at any time, so that the clock does not
/// matter.
pub(crate) fn write_certificate(certificate: &Path, key: &Path) -> Result<(), Error> {
    let mut names: Vec<_> = (1..=LAST_CERTIFIED).map(|host| format!("127.0.0.{host}")).collect();
    names.push("::1".into());
    let made = rcgen::generate_simple_self_signed(names).expect("addresses make a certificate");
    fs::write(certificate, made.cert.pem())
        .and_then(|()| fs::write(key, made.signing_key.serialize_pem()))
        .map_err(Error::system("could not write a certificate"))
}
