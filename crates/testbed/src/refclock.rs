//! A reference clock that gives samples to a real chronyd.
//!
//! It plays the program at the other end of a `refclock SOCK`: gpsd, for instance.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Error;

/// chronyd accepts each sample at once, and filters the samples of a polling interval.
const INTERVAL: Duration = Duration::from_millis(50);
/// The magic number of the protocol.
const MAGIC: i32 = 0x534f_434b;

/// The samples of a clock.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Signal {
    /// The time.
    Time {
        /// The offset of the first sample, in seconds. A positive one says that the system's clock is slow.
        offset: f64,
        /// The growth of the offset, in seconds per second.
        drift: f64,
    },
    /// Right pulses, which do not say of which second they are.
    Pulses,
}

/// A clock that gives samples. Dropping it ends them.
#[derive(Debug)]
pub struct RefClock {
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RefClock {
    /// Starts to give samples to the socket of `refclock SOCK`.
    pub fn start(socket: &Path, signal: Signal) -> Result<Self, Error> {
        let own = UnixDatagram::unbound().map_err(Error::system("could not open a socket"))?;
        own.connect(socket).map_err(Error::system(format!("could not connect to {}", socket.display())))?;
        let (end, ended) = channel();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                // Sending fails once chronyd has ended.
                own.send(&sample(signal, start.elapsed())).ok();
            }
        });
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for RefClock {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            thread.join().ok();
        }
    }
}

/// Returns a sample of this moment: chrony's `struct sock_sample`, in native byte order.
fn sample(signal: Signal, elapsed: Duration) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    let seconds = i64::try_from(now.as_secs()).expect("a time of these days");
    let (offset, pulse) = match signal {
        Signal::Time { offset, drift } => (offset + drift * elapsed.as_secs_f64(), 0),
        Signal::Pulses => (0.0, 1),
    };
    let numbers = [pulse, 0, 0, MAGIC].map(i32::to_ne_bytes);
    [seconds, i64::from(now.subsec_micros())]
        .map(i64::to_ne_bytes)
        .concat()
        .into_iter()
        .chain(offset.to_ne_bytes())
        .chain(numbers.concat())
        .collect()
}
