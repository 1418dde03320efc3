//! A server that answers each NTP request with a packet that no chronyd sends.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const HEADER: usize = 48;
/// The time after which the thread looks for its end.
const INTERVAL: Duration = Duration::from_millis(50);

/// The answers of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers {
    /// Answers to another request, as from a program that is not an NTP server.
    ToAnotherRequest,
    /// Answers without a message authentication code, as from a server that does not have the key.
    WithoutKey,
    /// The kiss of death RATE, which chronyd itself sends since chrony 4.6.
    Rate,
}

/// A server at 127.0.0.9. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Responder {
    port: u16,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    pub(crate) fn start(answers: Answers) -> Self {
        let socket = UdpSocket::bind(("127.0.0.9", 0)).unwrap();
        socket.set_read_timeout(Some(INTERVAL)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let thread = thread::spawn(move || {
            let mut request = [0; 1024];
            while !end.load(Ordering::Relaxed) {
                if let Ok((HEADER.., client)) = socket.recv_from(&mut request) {
                    socket.send_to(&answer(answers, &request), client).ok();
                }
            }
        });
        Self { port, ended, thread: Some(thread) }
    }

    /// Returns a line of chrony.conf with this server as a source.
    pub(crate) fn line(&self, options: &str) -> String {
        format!("server 127.0.0.9 port {} iburst minpoll 0 maxpoll 0 {options}", self.port)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            thread.join().ok();
        }
    }
}

/// Returns the answer of a synchronised server of stratum 1. Its times are those of the request.
fn answer(answers: Answers, request: &[u8]) -> [u8; HEADER] {
    let transmitted = &request[40..HEADER];
    let mut packet = [0; HEADER];
    // Leap status 0, version 4, mode 4 (server).
    packet[..4].copy_from_slice(&[0x24, 1, 0, 0xe8]);
    packet[12..16].copy_from_slice(b"GPS\0");
    for at in [24, 32, 40] {
        packet[at..at + 8].copy_from_slice(transmitted);
    }
    match answers {
        Answers::ToAnotherRequest => packet[24] ^= 1,
        Answers::WithoutKey => {}
        Answers::Rate => {
            packet[..2].copy_from_slice(&[0xe4, 0]);
            packet[12..16].copy_from_slice(b"RATE");
        }
    }
    packet
}
