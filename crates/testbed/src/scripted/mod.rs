//! A chronyd whose answers and faults a test chooses: the server's side of chrony's command protocol, version 6.
//!
//! It replaces chronyd at the socket, below the real libchrony: at a Unix socket and over UDP. By default, it answers
//! like a healthy chronyd, and also refuses like one. It is for cases that a real chronyd cannot produce in time. It is
//! not evidence of what a real chronyd sends, so the tests check it with chronyc.
//!
//! `layout` is the protocol as a table, `request` parses a datagram, `wire` encodes a value, `values` a record, `reply`
//! a datagram, `fault` spoils it, `server` sends it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use crate::port::{self, Port};
use crate::worker::Worker;
use crate::{Error, folder};

pub(crate) mod fault;
pub mod layout;
pub(crate) mod reply;
pub(crate) mod request;
mod server;
mod values;
pub(crate) mod wire;

pub use fault::Fault;
pub use values::Values;

use server::Server;

/// A running scripted chronyd. Dropping it ends its thread and removes its folder.
#[derive(Debug)]
pub struct Scripted {
    socket: PathBuf,
    port: Port,
    thread: Worker<Server>,
    folder: TempDir,
}

impl Scripted {
    /// Starts a scripted chronyd with these values.
    pub fn start(values: Values) -> Result<Self, Error> {
        let folder = folder::make()?;
        let socket = folder.path().join("chronyd.sock");
        let port = port::free();
        let server = Server::new(socket.clone(), port.number(), values)?;
        let thread = Worker::start(server, |server, jobs| server.run(&jobs))?;
        Ok(Self { socket, port, thread, folder })
    }

    /// The path of its Unix socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its UDP port, on 127.0.0.1 and, where there is IPv6, on `::1`.
    pub fn command_port(&self) -> u16 {
        self.port.number()
    }

    /// Its folder, which holds nothing but the socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets the modification time of its socket, from which others learn when chronyd started.
    pub fn set_started(&self, time: SystemTime) -> Result<(), Error> {
        folder::set_modified(&self.socket, time)
    }

    /// Adds a fault to the present ones.
    pub fn set(&self, fault: Fault) {
        self.thread.call(|server| server.faults.add(fault));
    }

    /// Ends all faults, and the streams and delayed answers that they began.
    pub fn clear(&self) {
        self.thread.call(Server::clear);
    }

    /// Ends [`Fault::Hold`], [`Fault::Delay`] and [`Fault::Unread`]: reads the requests that wait, and sends the answers
    /// that it has kept back. The other faults stay.
    pub fn release(&self) {
        self.thread.call(Server::release);
    }

    /// Replaces the values that `values` names; see [`Values`].
    pub fn change(&self, values: Value) -> Result<(), Error> {
        self.thread.call(move |server| server.values.change(&values))
    }

    /// Returns the number of requests that it has received, by code.
    pub fn requests(&self) -> BTreeMap<u16, u64> {
        self.thread.call(|server| server.requests.clone())
    }

    /// Closes its sockets and removes the Unix socket, like a chronyd that exits.
    pub fn die(&self) {
        self.thread.call(Server::die);
    }

    /// Opens its sockets again, at the same path and port.
    pub fn come_back(&self) -> Result<(), Error> {
        self.thread.call(Server::come_back)
    }
}
