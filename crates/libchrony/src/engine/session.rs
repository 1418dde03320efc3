//! The lanes to one chronyd, which are kept for the next call.
//!
//! A session has only the lanes without a request in flight. The lanes in use belong to a search or to a list.

use crate::address::{Address, Transport};
use crate::engine::context::Context;
use crate::engine::lane::Lane;
use crate::engine::round_trip::RoundTrip;
use crate::error::Error;
use std::os::unix::fs::MetadataExt;

/// The identity of a file. An inode number is not enough, because some file systems reuse it at once.
type File = (u64, u64, i64, i64);

/// The lanes to the chronyd at one address.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) address: Address,
    /// The lanes without a request in flight.
    pub(crate) lanes: Vec<Lane>,
    pub(crate) round_trip: RoundTrip,
    /// The file at the path of a Unix socket when the newest socket was opened.
    file: Option<File>,
}

impl Session {
    /// Opens the first lane. The session is boxed because it often changes owners.
    pub(crate) fn open(context: &Context, address: Address, round_trip: RoundTrip) -> Result<Box<Self>, Error> {
        // If chronyd restarts between the two steps, the older file makes the restart visible later.
        let file = file_at(&address);
        let lanes = vec![context.open(&address)?];
        Ok(Box::new(Self { address, lanes, round_trip, file }))
    }

    /// Opens a lane on another socket, or returns `None` if that fails.
    pub(crate) fn open_again(&mut self, context: &Context) -> Option<Lane> {
        let file = file_at(&self.address);
        let lane = context.open_again(&self.address)?;
        self.file = file;
        Some(lane)
    }

    /// Returns true if no response can come to a request on a Unix socket. Either chronyd has restarted and another
    /// file is at its path, or the path of our socket is gone.
    pub(crate) fn is_cut_off(&self, lane: &Lane) -> bool {
        let file = file_at(&self.address);
        file.is_some() && file != self.file || lane.has_lost_its_path()
    }

    /// Adds the lane that has received the response, as the first one. On a Unix socket, drops the lanes that do not
    /// share its socket.
    pub(crate) fn settle(&mut self, lane: Lane) {
        if self.address.transport() == Transport::UnixSocket {
            self.lanes.retain(|other| other.shares_socket(&lane));
        }
        self.lanes.insert(0, lane);
    }
}

fn file_at(address: &Address) -> Option<File> {
    let metadata = address.path()?.metadata().ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}
