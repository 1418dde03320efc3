//! A chronyd on a Unix socket that sends generated replies.
//!
//! The right reply to each request comes from a scripted chronyd.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::{env, fs, process};
use testbed::{Scripted, Values};

pub(crate) const HEADER: usize = 28;

/// The reply to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The right reply.
    Right,
    /// A header that is right except for its status, and any bytes after it.
    Body { status: u16, body: Vec<u8> },
    /// The right reply with these numbers added to the bytes at these places, modulo its length.
    Spoilt(Vec<(usize, u8)>),
    /// The right reply, cut to this length modulo its own.
    Cut(usize),
    /// The right reply, and these bytes after it.
    Longer(Vec<u8>),
    /// A datagram of any bytes, and then the right reply.
    After(Vec<u8>),
    /// This number of sources, or the right reply if the request was another one.
    Count(u32),
    /// No reply.
    Silence,
}

impl Reply {
    /// The datagrams to send in place of the right reply.
    fn datagrams(self, mut right: Vec<u8>) -> Vec<Vec<u8>> {
        match self {
            Self::Body { status, body } => {
                right.truncate(HEADER);
                right[8..10].copy_from_slice(&status.to_be_bytes());
                right.extend(body);
            }
            Self::Spoilt(changes) => {
                for (place, added) in changes {
                    let place = place % right.len();
                    right[place] = right[place].wrapping_add(added);
                }
            }
            Self::Cut(length) => right.truncate(length % right.len()),
            Self::Longer(more) => right.extend(more),
            Self::After(stray) => return vec![stray, right],
            Self::Count(number) if right[5] == 14 => right[HEADER..].copy_from_slice(&number.to_be_bytes()),
            Self::Right | Self::Count(_) => {}
            Self::Silence => return Vec::new(),
        }
        vec![right]
    }
}

/// The running server. Dropping it ends its thread and removes its folder.
pub(crate) struct Server {
    folder: PathBuf,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the server. The right replies are those of a chronyd with these values (JSON).
    pub(crate) fn start(name: &str, values: &str) -> Self {
        let folder = env::temp_dir().join(format!("generated-{name}-{}", process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        let socket = UnixDatagram::bind(folder.join("chronyd.sock")).unwrap();
        let replies = Arc::new(Mutex::new(VecDeque::new()));
        let sent = Arc::new(AtomicU64::new(0));
        let scripted = Scripted::start(Values::new(&values.parse().unwrap())).unwrap();
        let (shared, counter) = (Arc::clone(&replies), Arc::clone(&sent));
        let thread = Some(thread::spawn(move || serve(&socket, &scripted, &shared, &counter)));
        Self { folder, replies, sent, thread }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("chronyd.sock")
    }

    /// Answers the next requests with these replies, and later requests with right ones.
    pub(crate) fn answer(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.replies.lock().unwrap() = replies.into_iter().collect();
    }

    /// The number of datagrams sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An empty datagram ends the thread.
        let ended = UnixDatagram::unbound().and_then(|socket| socket.send_to(&[], self.socket()));
        if let (Ok(_), Some(thread)) = (ended, self.thread.take()) {
            thread.join().ok();
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn serve(socket: &UnixDatagram, scripted: &Scripted, replies: &Mutex<VecDeque<Reply>>, sent: &AtomicU64) {
    let right = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    right.connect((Ipv4Addr::LOCALHOST, scripted.command_port())).unwrap();
    let mut buffer = [0; 2048];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).unwrap();
        if length == 0 {
            return;
        }
        right.send(&buffer[..length]).unwrap();
        let length = right.recv(&mut buffer).unwrap();
        let reply = replies.lock().unwrap().pop_front().unwrap_or(Reply::Right);
        for datagram in reply.datagrams(buffer[..length].to_vec()) {
            // The client may have given up and closed its socket.
            if client.as_pathname().is_some_and(|path| socket.send_to(&datagram, path).is_ok()) {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
