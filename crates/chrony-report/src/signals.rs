//! SIGINT and SIGTERM: they are heeded where what was opened can be closed. The Unix socket of a program that such a
//! signal just ends would stay beside chronyd's.

use crate::error::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What has come since it was made. A second signal ends the program at once.
#[derive(Debug)]
pub(crate) struct Signals {
    caught: Arc<AtomicUsize>,
    /// Readable once one has come.
    wake: UnixStream,
}

impl Signals {
    pub(crate) fn take() -> Result<Self, Failure> {
        Self::register().map_err(|source| Failure::System { what: "cannot heed signals", source })
    }

    fn register() -> io::Result<Self> {
        let (caught, has_caught) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (wake, waker) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&has_caught))?;
            flag::register(signal, Arc::clone(&has_caught))?;
            flag::register_usize(signal, Arc::clone(&caught), usize::try_from(signal).unwrap_or_default())?;
            low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(Self { caught, wake })
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
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Failure> {
        if !time.is_zero() {
            let waited = self.wake.set_read_timeout(Some(time)).and_then(|()| (&self.wake).read(&mut [0]));
            if let Err(source) = waited
                && !matches!(source.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
            {
                return Err(Failure::System { what: "cannot wait", source });
            }
        }
        self.check()
    }
}
