//! Tests of every form of an address, and of text that is not an address.

use super::*;

#[test]
fn every_form_has_one_canonical_form() {
    for (text, canonical) in [
        ("/run/chrony/chronyd.sock", "/run/chrony/chronyd.sock"),
        ("192.0.2.1", "192.0.2.1:323"),
        ("192.0.2.1:1", "192.0.2.1:1"),
        ("192.0.2.1:65535", "192.0.2.1:65535"),
        ("2001:db8::1", "[2001:db8::1]:323"),
        ("[2001:db8::1]", "[2001:db8::1]:323"),
        ("[2001:db8::1]:11323", "[2001:db8::1]:11323"),
        ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:323"),
        ("localhost", "localhost:323"),
        // A host may be named like a scheme.
        ("unix:777", "unix:777"),
        ("udp", "udp:323"),
        ("ntp-1.example.net.:11323", "ntp-1.example.net.:11323"),
    ] {
        let address = Address::parse(text).unwrap();
        assert_eq!(address.to_string(), canonical);
        assert_eq!(address.to_c().to_str().unwrap(), canonical);
        assert_eq!(Address::parse(canonical).unwrap(), address);
    }
}

#[test]
fn what_libchrony_would_misread_is_refused_with_the_reason() {
    let long = format!("/{}", "x".repeat(107));
    let very_long = "9".repeat(10_000);
    for (text, reason) in [
        ("", "empty"),
        ("127.0.0.1:", "\"\" is not a port"),
        ("127.0.0.1:abc", "\"abc\" is not a port"),
        ("127.0.0.1:99999", "\"99999\" is not a port"),
        ("127.0.0.1:0", "\"0\" is not a port"),
        ("127.0.0.1:+80", "\"+80\" is not a port"),
        ("127.0.0.1:-1", "\"-1\" is not a port"),
        ("[::1]:", "\"\" is not a port"),
        ("[::1]x", "not an address"),
        ("[::1", "bracket is not closed"),
        ("::1:11323", "write [::1]:11323"),
        ("1:2:3:4:5:6:7:8:323", "write [1:2:3:4:5:6:7:8]:323"),
        ("unix:/run/chrony/chronyd.sock", "write /run/chrony/chronyd.sock"),
        ("unix:///run/chrony/chronyd.sock", "write /run/chrony/chronyd.sock"),
        ("UNIX://run/chrony/chronyd.sock", "write /run/chrony/chronyd.sock"),
        ("udp:127.0.0.1", "write 127.0.0.1"),
        ("udp://[::1]:323/", "write [::1]:323"),
        ("unix:/\n", "write /\\n"),
        ("unix:", "\"\" is not a port"),
        ("http://127.0.0.1", "absolute"),
        ("::1]:323", "not an address"),
        ("[127.0.0.1]:323", "not an address"),
        ("fe80::1%eth0", "scope"),
        ("127.0.0.1\0", "NUL"),
        ("/run/\0chronyd.sock", "NUL"),
        ("run/chronyd.sock", "absolute"),
        ("256.0.0.1", "not an address"),
        ("1.2.3", "not an address"),
        ("ntp..example.net", "not an address"),
        ("-x.example.net", "not an address"),
        ("ntp example.net", "not an address"),
        ("ntp.example.net:http", "\"http\" is not a port"),
        (&long, "108 bytes"),
        (&very_long, "not an address"),
    ] {
        let error = Address::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("Failed to connect to chronyd at "), "{error}");
        assert!(error.contains(reason), "{text:?}: {error}");
        assert!(error.len() < 300 && !error.contains('\0'), "{error}");
    }
}

#[test]
fn what_cannot_be_seen_in_a_path_is_escaped() {
    for (path, shown) in [
        ("/run/a b\\x2d'\"é", "/run/a b\\x2d'\"é"),
        ("/run/\n\x1b[31m\u{7f}", "/run/\\n\\u{1b}[31m\\u{7f}"),
        ("/run/\u{202e}kcos\u{2028}", "/run/\\u{202e}kcos\\u{2028}"),
    ] {
        let address = Address::parse(path).unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(address.to_c().to_str().unwrap(), path);
    }
}
