//! A real server and a real client that is synchronised to it: the shortest way to a chronyd with something to tell.

use std::time::Duration;

use crate::{Builder, Chronyd, Error};

/// About 0.25 s is usual.
const SYNCHRONISE_DEADLINE: Duration = Duration::from_secs(20);

/// A chronyd and the one it takes its time from.
#[derive(Debug)]
pub struct Pair {
    /// The synchronised one.
    pub client: Chronyd,
    /// Its only source, unless more were asked for.
    pub server: Chronyd,
}

impl Pair {
    /// Starts a server, and `client` with that server as a source; waits until the client is synchronised.
    ///
    /// `iburst` takes the first samples a quarter of the polling interval apart; chronyd selects a source once it has
    /// three of them, and waits 0.2 s before the first. Nothing else makes it quicker.
    pub fn start(client: Builder) -> Result<Self, Error> {
        let server = Chronyd::builder().server().start()?;
        let port = server.ntp_port().expect("a server has an NTP port");
        let client = client.line(format!("server 127.0.0.1 port {port} iburst minpoll -4 maxpoll -4")).start()?;
        client.wait_synchronised(SYNCHRONISE_DEADLINE)?;
        Ok(Self { client, server })
    }
}
