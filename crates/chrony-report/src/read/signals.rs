//! SIGHUP, SIGINT and SIGTERM: they are heeded where what was opened can be closed. The Unix socket of a program that such a
//! signal just ends would stay beside chronyd's.

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

/// What has come since it was made. A second signal ends the program at once.
#[derive(Debug)]
pub(crate) struct Signals {
    heeded: Vec<i32>,
    caught: Arc<AtomicUsize>,
    /// Readable once one has come; made for the first wait.
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

    /// An error once one has come.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.caught.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Failure::Signal(i32::try_from(signal).unwrap_or_default())),
        }
    }

    /// For a connection: whether it shall stop waiting.
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
        // One that came before the pair was made is seen here, and a later one wakes the read.
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

/// The signals that whoever started the program does not have it ignore, as nohup does.
pub(crate) fn heeded() -> Vec<i32> {
    let mut status = String::with_capacity(4096);
    // Where it cannot be read, none is taken for ignored.
    let _ = File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let is_heeded = |signal: &i32| ignored.unwrap_or(0) >> (signal - 1) & 1 == 0;
    SIGNALS.into_iter().filter(is_heeded).collect()
}

/// What a signal makes readable.
fn pair(heeded: &[i32]) -> io::Result<UnixStream> {
    let (wake, waker) = UnixStream::pair()?;
    for &signal in heeded {
        low_level::pipe::register(signal, waker.try_clone()?)?;
    }
    Ok(wake)
}
