//! The bytes of the reply to a request, right or wrong. This module does not know sockets or the time.

use super::fault::Wrong;
use super::layout::{Key, NUMBER_OF_SOURCES, REPORTS, Report};
use super::request::{REPLY_HEADER, REQUEST, Request};
use super::values::Values;

const VERSION: u8 = 6;
const REPLY: u8 = 2;
const NULL_REPLY: u16 = 1;

/// The statuses of a healthy chronyd.
mod status {
    pub(super) const SUCCESS: u16 = 0;
    pub(super) const UNAUTHORISED: u16 = 2;
    pub(super) const INVALID: u16 = 3;
    pub(super) const NO_SUCH_SOURCE: u16 = 4;
    pub(super) const NOT_ENABLED: u16 = 6;
    pub(super) const NO_RTC: u16 = 13;
    pub(super) const BAD_VERSION: u16 = 18;
}

/// Returns the reply, or `None` if it would be longer than the request: chronyd does not send it then.
pub(crate) fn reply(request: &Request, values: &Values, full_access: bool, wrong: &Wrong) -> Option<Vec<u8>> {
    let answer = match wrong.status {
        Some(status) => Err(status),
        None => body(request, values, full_access, wrong),
    };
    let (status, code, body) = match answer {
        Ok((code, body)) => (status::SUCCESS, code, body),
        Err(status) => (status, NULL_REPLY, vec![]),
    };
    let sequence = u32::from_be_bytes(request.sequence).wrapping_add(wrong.sequence_off);
    let mut bytes = vec![0; REPLY_HEADER];
    bytes[0] = wrong.version.unwrap_or(VERSION);
    bytes[1] = wrong.packet_type.unwrap_or(REPLY);
    bytes[4..6].copy_from_slice(&wrong.request_code.unwrap_or(request.code).to_be_bytes());
    bytes[6..8].copy_from_slice(&wrong.reply_code.unwrap_or(code).to_be_bytes());
    bytes[8..10].copy_from_slice(&status.to_be_bytes());
    bytes[16..20].copy_from_slice(&sequence.to_be_bytes());
    bytes.extend(body);
    if let Some(mut random) = wrong.random.clone() {
        random.fill(&mut bytes[REPLY_HEADER..]);
    }
    if bytes.len() > request.length {
        return None;
    }
    bytes.truncate(wrong.truncate.unwrap_or(usize::MAX));
    Some(bytes)
}

type Body = (u16, Vec<u8>);

/// Returns the reply code and the bytes after the header, or the status of a refusal.
fn body(request: &Request, values: &Values, full_access: bool, wrong: &Wrong) -> Result<Body, u16> {
    if request.version != VERSION {
        return Err(status::BAD_VERSION);
    }
    if request.asks_number() {
        let number = u32::try_from(values.sources()).expect("a number of sources");
        return Ok((NUMBER_OF_SOURCES.1, wrong.count.unwrap_or(number).to_be_bytes().to_vec()));
    }
    let report = REPORTS.iter().find(|report| report.request == request.code).ok_or(status::INVALID)?;
    if !full_access && !served_over_udp(report) {
        return Err(status::UNAUTHORISED);
    }
    let index = match report.key {
        Key::Single => Some(0),
        Key::Index => {
            let index = request.arguments[..4].try_into().map(u32::from_be_bytes).expect("four bytes");
            usize::try_from(index).ok()
        }
        Key::Address => request.arguments.get(..20).and_then(|address| values.source_at(address)),
    };
    index.and_then(|index| values.encode(report, index)).ok_or(match (report.key, report.name) {
        (Key::Single, "rtcdata") => status::NO_RTC,
        (Key::Single, _) => status::NOT_ENABLED,
        _ => status::NO_SUCH_SOURCE,
    })
}

/// Returns true for the reports that chronyd serves over UDP without `opencommands`.
fn served_over_udp(report: &Report) -> bool {
    !matches!(report.name, "serverstats" | "ntpdata" | "authdata" | "selectdata")
}

/// Returns the `number`th invalid datagram: the right reply with one thing wrong, or nothing like a reply.
pub(super) fn junk(right: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = right.to_vec();
    match number % 7 {
        0 => bytes[0] = VERSION + 1,
        1 => bytes[19] ^= 1,
        2 => bytes[1] = REQUEST,
        3 => bytes[5] ^= 0x80,
        4 => bytes.truncate(REPLY_HEADER - 1),
        5 => bytes.clear(),
        _ => bytes = (0..64).map(|index| u8::try_from((number * 31 + index * 17) % 251).unwrap_or(0) | 8).collect(),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(code: u16, arguments: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 300];
        bytes[..12].copy_from_slice(&[6, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        bytes[4..6].copy_from_slice(&code.to_be_bytes());
        bytes[20..20 + arguments.len()].copy_from_slice(arguments);
        bytes
    }

    fn status_of(values: &Values, datagram: &[u8], full_access: bool) -> u8 {
        let request = Request::parse(datagram).unwrap();
        reply(&request, values, full_access, &Wrong::default()).unwrap()[9]
    }

    #[test]
    fn refusals_are_chronyds_own() {
        let values = Values::new(&json!({"sources": 2, "smoothing": null}));
        assert_eq!(status_of(&values, &request(33, &[]), false), 0);
        assert_eq!(status_of(&values, &request(54, &[]), false), 2);
        assert_eq!(status_of(&values, &request(54, &[]), true), 0);
        assert_eq!(status_of(&values, &request(15, &[0, 0, 0, 1]), true), 0);
        assert_eq!(status_of(&values, &request(15, &[0, 0, 0, 2]), true), 4);
        assert_eq!(status_of(&values, &request(57, &[9; 20]), true), 4);
        assert_eq!(status_of(&values, &request(35, &[]), true), 13);
        assert_eq!(status_of(&values, &request(51, &[]), true), 6);
        assert_eq!(status_of(&values, &request(99, &[]), true), 3);
    }

    #[test]
    fn a_reference_clock_has_no_record_by_address() {
        let sources = json!([{"reference ID": 0x7f00_0009}, {"address": "127.0.0.2"}, {"address": {"id": 3}}]);
        let values = Values::new(&json!({"sources": sources}));
        for code in [57, 67] {
            // The clock's address without a family in sourcestats, and its apparent address in sources; the address of
            // another source, and of a name.
            for (bytes, family, status) in
                [([0; 4], 0, 4), ([127, 0, 0, 9], 1, 4), ([127, 0, 0, 2], 1, 0), ([0, 0, 0, 3], 3, 0)]
            {
                let mut address = [0; 20];
                address[..4].copy_from_slice(&bytes);
                address[17] = family;
                assert_eq!(status_of(&values, &request(code, &address), true), status, "{code} {bytes:?}");
            }
        }
    }

    #[test]
    fn no_junk_is_a_valid_reply() {
        let datagram = request(33, &[]);
        let request = Request::parse(&datagram).unwrap();
        let right = reply(&request, &Values::default(), true, &Wrong::default()).unwrap();
        for number in 0..70 {
            let junk = junk(&right, number);
            let valid = junk.len() >= 28 && junk[..6] == right[..6] && junk[16..20] == right[16..20];
            assert!(!valid, "{number}");
        }
    }
}
