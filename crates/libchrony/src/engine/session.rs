//! A chronyd that has answered: its address, and the lanes to it that are kept for the next call.

use crate::address::{Address, Transport};
use crate::engine::context::Context;
use crate::engine::lane::Lane;
use crate::engine::round_trip::RoundTrip;
use crate::error::Error;
use std::os::unix::fs::MetadataExt;

/// What tells a file from one that takes its place. Some file systems give an inode's number again at once.
type File = (u64, u64, i64, i64);

/// The lanes to the chronyd at one address.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) address: Address,
    /// The lanes that have no request on their way.
    pub(crate) lanes: Vec<Lane>,
    pub(crate) round_trip: RoundTrip,
    /// The file at a Unix socket's path when the first lane was opened.
    file: Option<File>,
}

impl Session {
    /// Opens the first lane. The session stays where it is from one call to the next, while its owners change often.
    pub(crate) fn open(context: &Context, address: Address, round_trip: RoundTrip) -> Result<Box<Self>, Error> {
        // The file is looked at first. A chronyd that restarts in between is then taken for one that restarts later.
        let file = file_at(&address);
        let lanes = vec![context.open(&address)?];
        Ok(Box::new(Self { address, lanes, round_trip, file }))
    }

    /// Opens a lane on another socket; `None` if that cannot be had.
    pub(crate) fn open_again(&mut self, context: &Context) -> Option<Lane> {
        let file = file_at(&self.address);
        let lane = context.open_again(&self.address)?;
        self.file = file;
        Some(lane)
    }

    /// Whether no answer can come to a request on a Unix socket: another socket is at the path by now, since chronyd
    /// has restarted, or the path of our own is gone.
    pub(crate) fn is_cut_off(&self, lane: &Lane) -> bool {
        let file = file_at(&self.address);
        file.is_some() && file != self.file || lane.has_lost_its_path()
    }

    /// Keeps the lane that has answered, with those that are of use beside it.
    pub(crate) fn settle(&mut self, lane: Lane) {
        if self.address.transport() == Transport::UnixSocket {
            self.lanes.retain(|other| other.shares_socket(&lane));
        }
        self.lanes.push(lane);
        let last = self.lanes.len() - 1;
        self.lanes.swap(0, last);
    }
}

fn file_at(address: &Address) -> Option<File> {
    let metadata = address.path()?.metadata().ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}
