//! A request, parsed as chronyd parses it.

use super::layout::{Key, NUMBER_OF_SOURCES, REPORTS};

pub(super) const REQUEST: u8 = 1;
pub(crate) const REQUEST_HEADER: usize = 20;
pub(crate) const REPLY_HEADER: usize = 28;

/// A request, as far as a reply needs it.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) code: u16,
    pub(super) version: u8,
    pub(super) sequence: [u8; 4],
    pub(super) arguments: &'a [u8],
    pub(super) length: usize,
}

impl<'a> Request<'a> {
    /// Parses a datagram. Returns `None` if chronyd does not answer it at all.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        if datagram.len() < REPLY_HEADER || datagram[1] != REQUEST || datagram[2..4] != [0, 0] {
            return None;
        }
        Some(Self {
            code: u16::from_be_bytes(datagram[4..6].try_into().ok()?),
            version: datagram[0],
            sequence: datagram[8..12].try_into().ok()?,
            arguments: &datagram[REQUEST_HEADER..],
            length: datagram.len(),
        })
    }

    pub(super) fn asks_number(&self) -> bool {
        self.code == NUMBER_OF_SOURCES.0
    }

    /// Returns true if it asks for a source, by its index or its address.
    pub(super) fn asks_source(&self) -> bool {
        REPORTS.iter().any(|report| report.request == self.code && report.key != Key::Single)
    }
}
