//! Handles SIGHUP, SIGINT and SIGTERM where everything can be closed. If a signal killed the program at once, the
//! program's Unix socket would stay in chronyd's directory.

use crate::error::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// The signals that were caught. A second one kills the program at once.
#[derive(Debug)]
pub(crate) struct Signals {
    heeded: Vec<i32>,
    caught: Arc<AtomicUsize>,
    /// The stream that becomes readable when a signal comes. The first wait creates it.
    wake: Option<UnixStream>,
}

impl Signals {
    pub(crate) fn take() -> Result<Self, Failure> {
        let (caught, has_caught) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let heeded = heeded();
        for &signal in &heeded {
            flag::register_conditional_default(signal, Arc::clone(&has_caught))
                .and_then(|_| flag::register(signal, Arc::clone(&has_caught)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&caught), usize::try_from(signal).unwrap_or(0)))
                .map_err(Failure::system("heed signals"))?;
        }
        Ok(Self { heeded, caught, wake: None })
    }

    /// Returns an error once a signal was caught.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.caught.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Failure::Signal(i32::try_from(signal).unwrap_or_default())),
        }
    }

    /// Returns a function that asks a connection to stop waiting once a signal was caught.
    pub(crate) fn interrupt(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let caught = Arc::clone(&self.caught);
        move || caught.load(Ordering::Relaxed) != 0
    }

    /// Waits for a time, or for a signal.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<(), Failure> {
        self.sleep(time).map_err(Failure::system("wait"))?;
        self.check()
    }

    fn sleep(&mut self, time: Duration) -> io::Result<()> {
        let mut wake = self.wake.take().map_or_else(|| pair(&self.heeded), Ok)?;
        // A signal that came before the pair existed is seen here, and a later one wakes the read.
        if self.check().is_ok() && !time.is_zero() {
            wake.set_read_timeout(Some(time))?;
            match wake.read(&mut [0]) {
                Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        self.wake = Some(wake);
        Ok(())
    }
}

/// Returns the signals that are not ignored. nohup, for example, starts programs with SIGHUP ignored.
pub(crate) fn heeded() -> Vec<i32> {
    let mut status = String::with_capacity(4096);
    // If the file cannot be read, no signal counts as ignored.
    let _ = File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let is_heeded = |signal: &i32| ignored.unwrap_or(0) >> (signal - 1) & 1 == 0;
    SIGNALS.into_iter().filter(is_heeded).collect()
}

/// Returns a stream that a signal makes readable.
fn pair(heeded: &[i32]) -> io::Result<UnixStream> {
    let (wake, waker) = UnixStream::pair()?;
    for &signal in heeded {
        low_level::pipe::register(signal, waker.try_clone()?)?;
    }
    Ok(wake)
}
