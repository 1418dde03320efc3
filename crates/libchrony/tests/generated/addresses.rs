//! Any text as an address: refused with a message, or understood in one way only.

use libchrony::{Address, Transport};
use proptest::prelude::*;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

/// Pieces of addresses. Combined in any order, they parse far more often than arbitrary text.
const PIECES: &[&str] = &[
    "/",
    "run",
    "chronyd.sock",
    "127.0.0.1",
    "192.0.2.1",
    "256",
    ".",
    ":",
    "::",
    "::1",
    "[",
    "]",
    "2001:db8",
    "ffff",
    "%",
    "eth0",
    "localhost",
    "ntp",
    "example",
    "-",
    "_",
    "0",
    "1",
    "323",
    "65535",
    "65536",
    "+",
    " ",
    "\0",
    "\n",
    "é",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..8).prop_map(|pieces| pieces.concat())
}

/// Returns the forms that every user knows, with any port.
fn usual() -> impl Strategy<Value = String> {
    let port = prop_oneof![Just(String::new()), any::<u32>().prop_map(|port| format!(":{}", port % 70_000))];
    let host = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
        any::<[u8; 16]>().prop_map(|ip| format!("[{}]", std::net::Ipv6Addr::from(ip))),
        any::<[u16; 8]>().prop_map(|ip| {
            let sparse = ip.map(|word| if word % 3 == 0 { word } else { 0 });
            format!("[{}]", std::net::Ipv6Addr::from(sparse))
        }),
        pieces(),
    ];
    (host, port).prop_map(|(host, port)| host + &port)
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let path = prop::collection::vec(any::<u8>(), 0..130).prop_map(|bytes| [b"/", bytes.as_slice()].concat());
    let text = any::<String>().prop_map(String::into_bytes);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        path,
        text,
        pieces().prop_map(String::into_bytes),
        usual().prop_map(String::into_bytes),
    ]
}

/// Checks that an address has one canonical form, in the syntax that libchrony accepts.
fn check(bytes: &[u8]) {
    let address = match Address::parse(OsStr::from_bytes(bytes)) {
        Ok(address) => address,
        Err(error) => {
            let words = error.to_string();
            assert!(words.starts_with("Failed to connect to chronyd at "), "{words}");
            assert!(words.len() < 2000 && !words.contains(char::is_control), "{words:?}");
            return;
        }
    };
    if let Some(path) = address.path() {
        assert_eq!(address.transport(), Transport::UnixSocket);
        let path = path.as_os_str();
        assert_eq!(path.as_bytes(), bytes);
        assert!(bytes.starts_with(b"/") && bytes.len() <= 107 && !bytes.contains(&0));
        assert_eq!(Address::parse(path).unwrap(), address);
        return;
    }
    assert_eq!(address.transport(), Transport::CommandPort);
    let canonical = address.to_string();
    assert_eq!(Address::parse(&canonical).unwrap(), address, "{canonical}");
    assert_eq!(canonical.parse::<Address>().unwrap().to_string(), canonical);
    assert!(canonical.is_ascii() && !canonical.contains(|character: char| character.is_control() || character == ' '));
    let (host, port) = canonical.rsplit_once(':').unwrap();
    assert!(port.parse::<u16>().is_ok_and(|number| number != 0 && number.to_string() == port), "{canonical}");
    // libchrony takes text with one colon for IPv4, and text in brackets for IPv6.
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    assert!(canonical.parse::<SocketAddr>().is_ok() || is_name, "{canonical}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_address_is_refused_in_words_or_has_one_canonical_form(bytes in any_bytes()) {
        check(&bytes);
    }
}
