//! Asking the system's resolver for the addresses of a host name.
//!
//! The resolver cannot be told when to stop, so it works in a thread, and a call stops waiting for it when it wants.
//! Threads that want the same name share one look-up, and a process has a bounded number of them: a resolver that hangs
//! costs no further thread for each call. What needs no resolver is in [`Address::meaning`].

use crate::address::{Address, Meaning};
use crate::engine::policy::{INTERRUPT_INTERVAL, MAX_LOOK_UPS};
use crate::raw::per_process::PerProcess;
use rustix::io::Errno;
use std::io;
use std::mem;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Duration;

static LOOK_UPS: PerProcess<LookUps> = PerProcess::new();

/// Returns the addresses of a host, with its port. Waits in slices. Before each slice, `left` returns the time that is
/// left, or `None`. No lock is held meanwhile.
pub(crate) fn look_up<E>(
    host: &Address,
    left: impl Fn() -> Result<Option<Duration>, E>,
) -> Result<io::Result<Vec<Address>>, E> {
    let (name, port) = match host.meaning() {
        Meaning::Host(name, port) => (name, port),
        Meaning::Addresses(known) => return Ok(Ok(known)),
    };
    let found = LOOK_UPS.get().wait(name, resolver, left)?;
    Ok(found.map(|found| with_port(&found, port)))
}

fn resolver(name: &str) -> io::Result<Vec<SocketAddr>> {
    (name, 0).to_socket_addrs().map(Vec::from_iter)
}

fn with_port(found: &[SocketAddr], port: u16) -> Vec<Address> {
    let address = |mut found: SocketAddr| {
        found.set_port(port);
        Address::udp(found)
    };
    found.iter().copied().map(address).collect()
}

/// A look-up that is not waited for.
#[derive(Debug)]
pub(crate) struct Asked {
    look_up: Arc<LookUp>,
    port: u16,
}

impl Asked {
    /// Begins to look a host up. `None` while too many others are pending. If it is not over by then, `done` is woken
    /// when it is.
    pub(crate) fn begin(host: &Address, done: &Waker) -> io::Result<Option<Self>> {
        let (name, port) = host.host().unwrap_or_default();
        let look_ups = LOOK_UPS.get();
        let look_up = look_ups.share_or_start(&mut look_ups.lock(), name, resolver)?;
        Ok(look_up.map(|look_up| {
            look_up.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(done.clone());
            Self { look_up, port }
        }))
    }

    /// The addresses of the host, if the look-up is over.
    pub(crate) fn found(&self) -> Option<io::Result<Vec<Address>>> {
        let found = self.look_up.found.get()?;
        Some(found.as_ref().map(|found| with_port(found, self.port)).map_err(same_error))
    }
}

/// The look-ups of a process that its resolver still owes an answer for.
#[derive(Debug, Default)]
struct LookUps {
    pending: Mutex<Vec<Arc<LookUp>>>,
    done: Condvar,
}

#[derive(Debug)]
struct LookUp {
    name: String,
    found: OnceLock<io::Result<Vec<SocketAddr>>>,
    /// The wakers of those that do not wait for it in a thread.
    wakers: Mutex<Vec<Waker>>,
}

impl LookUps {
    fn wait<E>(
        &'static self,
        name: &str,
        resolver: fn(&str) -> io::Result<Vec<SocketAddr>>,
        left: impl Fn() -> Result<Option<Duration>, E>,
    ) -> Result<io::Result<Vec<SocketAddr>>, E> {
        let mut own = None;
        loop {
            let left = left()?;
            let mut pending = self.lock();
            if own.is_none() {
                own = match self.share_or_start(&mut pending, name, resolver) {
                    Ok(look_up) => look_up,
                    Err(error) => return Ok(Err(error)),
                };
            }
            let Some(left) = left else {
                let words = || format!("{MAX_LOOK_UPS} other look-ups of host names are pending");
                let crowded = || io::Error::new(io::ErrorKind::TimedOut, words());
                return Ok(Err(own.map_or_else(crowded, |_| Errno::TIMEDOUT.into())));
            };
            let is_waiting = |pending: &mut Vec<_>| match &own {
                Some(look_up) => look_up.found.get().is_none(),
                None => pending.len() >= MAX_LOOK_UPS,
            };
            drop(self.done.wait_timeout_while(pending, left.min(INTERRUPT_INTERVAL), is_waiting));
            if let Some(found) = own.as_ref().and_then(|look_up| look_up.found.get()) {
                return Ok(match found {
                    Ok(addresses) => Ok(addresses.clone()),
                    Err(error) => Err(same_error(error)),
                });
            }
        }
    }

    /// The pending look-up of a name, or a new one if there is room for it.
    fn share_or_start(
        &'static self,
        pending: &mut Vec<Arc<LookUp>>,
        name: &str,
        resolver: fn(&str) -> io::Result<Vec<SocketAddr>>,
    ) -> io::Result<Option<Arc<LookUp>>> {
        if let Some(same) = pending.iter().find(|look_up| look_up.name.eq_ignore_ascii_case(name)) {
            return Ok(Some(Arc::clone(same)));
        }
        if pending.len() >= MAX_LOOK_UPS {
            return Ok(None);
        }
        let new = Arc::new(LookUp { name: name.to_owned(), found: OnceLock::new(), wakers: Mutex::default() });
        let own = Arc::clone(&new);
        thread::Builder::new().name("libchrony-resolver".to_owned()).spawn(move || {
            let found = resolver(&own.name);
            let mut pending = self.lock();
            own.found.get_or_init(|| found);
            pending.retain(|look_up| !Arc::ptr_eq(look_up, &own));
            self.done.notify_all();
            drop(pending);
            let wakers = mem::take(&mut *own.wakers.lock().unwrap_or_else(PoisonError::into_inner));
            wakers.into_iter().for_each(Waker::wake);
        })?;
        pending.push(Arc::clone(&new));
        Ok(Some(new))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<LookUp>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error once more, for a further caller.
fn same_error(error: &io::Error) -> io::Error {
    let other = || io::Error::new(error.kind(), error.to_string());
    error.raw_os_error().map_or_else(other, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static IS_OPEN: AtomicBool = AtomicBool::new(false);

    /// Hangs until it is open, and then knows every name but one.
    fn resolver(name: &str) -> io::Result<Vec<SocketAddr>> {
        while !IS_OPEN.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        if name == "missing" { Err(io::Error::other("no such name")) } else { Ok(vec![([192, 0, 2, 1], 0).into()]) }
    }

    #[test]
    fn a_resolver_that_hangs_has_a_bounded_number_of_threads_and_one_for_each_name() {
        static LOOK_UPS: LazyLock<LookUps> = LazyLock::new(LookUps::default);
        let look_ups: &'static LookUps = &LOOK_UPS;
        let hasty = |name: &str| {
            let slices = Cell::new(2);
            let left = || {
                slices.set(slices.get() - 1);
                Ok::<_, ()>((slices.get() > 0).then_some(Duration::from_millis(1)))
            };
            look_ups.wait(name, resolver, left).unwrap().unwrap_err()
        };
        for name in ["missing", "MISSING", "missing"] {
            assert_eq!(hasty(name).raw_os_error(), Some(libc::ETIMEDOUT));
        }
        assert_eq!(look_ups.lock().len(), 1);
        let names: Vec<_> = (0..20).map(|number| format!("name-{number}")).collect();
        let crowded = names.iter().filter(|name| hasty(name).to_string().contains("16 other look-ups")).count();
        assert_eq!((look_ups.lock().len(), crowded), (16, 5));
        assert_eq!(look_ups.wait("missing", resolver, || Err(7)).unwrap_err(), 7);

        let patient = |name: &str| look_ups.wait(name, resolver, || Ok::<_, ()>(Some(INTERRUPT_INTERVAL))).unwrap();
        thread::scope(|scope| {
            let waiting: Vec<_> = names.iter().map(|name| scope.spawn(move || patient(name))).collect();
            let missing = [(); 2].map(|()| scope.spawn(|| patient("missing")));
            IS_OPEN.store(true, Ordering::Relaxed);
            for found in waiting {
                assert_eq!(found.join().unwrap().unwrap(), [SocketAddr::from(([192, 0, 2, 1], 0))]);
            }
            for found in missing {
                assert_eq!(found.join().unwrap().unwrap_err().to_string(), "no such name");
            }
        });
        assert!(look_ups.lock().is_empty());
    }
}
