//! The lookup of host names with the system's resolver.
//!
//! The resolver cannot be cancelled, so it runs in a thread, and a call stops waiting for it at its deadline. Calls for
//! the same name share one lookup. The number of lookups in a process is limited, so that a resolver that hangs does
//! not cost a thread for each call. Hosts that do not need a lookup are left to [`Address::meaning`].

use crate::address::Address;
use crate::engine::policy::MAX_LOOK_UPS;
use crate::raw::per_process::PerProcess;
use std::io;
use std::mem;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Instant;

static LOOK_UPS: PerProcess<LookUps> = PerProcess::new();

/// A host whose addresses a call waits for.
#[derive(Debug)]
pub(crate) struct LookUp {
    pub(crate) host: Address,
    /// The deadline of the call.
    end: Instant,
    /// The lookup of its name; `None` while too many others are pending.
    shared: Option<Arc<Shared>>,
    /// The waker that is woken when a lookup ends.
    waker: Option<Waker>,
}

impl LookUp {
    pub(crate) fn new(host: Address, end: Instant) -> Self {
        Self { host, end, shared: None, waker: None }
    }

    /// Returns the addresses of the host, with its port, once they are known. Until then, `waker` is woken when a
    /// lookup ends.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<io::Result<Vec<Address>>> {
        self.poll_in(LOOK_UPS.get(), resolver, waker)
    }

    fn poll_in(
        &mut self,
        look_ups: &'static LookUps,
        resolver: Resolver,
        waker: &Waker,
    ) -> Poll<io::Result<Vec<Address>>> {
        let (name, port) = self.host.host().unwrap_or_default();
        let mut pending = look_ups.lock();
        if self.shared.is_none() {
            self.shared = look_ups.share_or_start(&mut pending, name, resolver)?;
        }
        match self.shared.as_ref().map(|shared| shared.found.get()) {
            Some(Some(Ok(found))) => Poll::Ready(Ok(with_port(found, port))),
            Some(Some(Err(error))) => Poll::Ready(Err(same_error(error))),
            None if Instant::now() >= self.end => {
                let words = format!("{MAX_LOOK_UPS} other look-ups of host names are pending");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, words)))
            }
            Some(None) | None => {
                // `will_wake` recognizes only clones of one waker reliably.
                let waker = self.waker.insert(waker.clone());
                if !pending.wakers.iter().any(|known| known.will_wake(waker)) {
                    pending.wakers.push(waker.clone());
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for LookUp {
    fn drop(&mut self) {
        // Otherwise, a resolver that hangs would keep the wakers of calls that are over.
        if let Some(waker) = self.waker.take() {
            LOOK_UPS.get().lock().wakers.retain(|known| !known.will_wake(&waker));
        }
    }
}

type Resolver = fn(&str) -> io::Result<Vec<SocketAddr>>;

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

/// The pending lookups of a process.
#[derive(Debug, Default)]
struct LookUps(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    look_ups: Vec<Arc<Shared>>,
    /// The wakers of all calls that wait for a lookup, or for room to start one. Each is listed once.
    wakers: Vec<Waker>,
}

/// A lookup that all calls with its name wait for.
#[derive(Debug)]
struct Shared {
    name: String,
    found: OnceLock<io::Result<Vec<SocketAddr>>>,
}

impl LookUps {
    /// Returns the pending lookup of a name, or a new one if there is room for it.
    fn share_or_start(
        &'static self,
        pending: &mut Pending,
        name: &str,
        resolver: Resolver,
    ) -> io::Result<Option<Arc<Shared>>> {
        if let Some(same) = pending.look_ups.iter().find(|look_up| look_up.name.eq_ignore_ascii_case(name)) {
            return Ok(Some(Arc::clone(same)));
        }
        if pending.look_ups.len() >= MAX_LOOK_UPS {
            return Ok(None);
        }
        let new = Arc::new(Shared { name: name.to_owned(), found: OnceLock::new() });
        let own = Arc::clone(&new);
        thread::Builder::new().name("libchrony-resolver".to_owned()).spawn(move || {
            let found = resolver(&own.name);
            let mut pending = self.lock();
            own.found.get_or_init(|| found);
            pending.look_ups.retain(|look_up| !Arc::ptr_eq(look_up, &own));
            let wakers = mem::take(&mut pending.wakers);
            drop(pending);
            wakers.into_iter().for_each(Waker::wake);
        })?;
        pending.look_ups.push(Arc::clone(&new));
        Ok(Some(new))
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies an error for another caller.
fn same_error(error: &io::Error) -> io::Error {
    let other = || io::Error::new(error.kind(), error.to_string());
    error.raw_os_error().map_or_else(other, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;
    use std::thread::Thread;
    use std::time::Duration;

    static LOOK_UPS: LazyLock<LookUps> = LazyLock::new(LookUps::default);
    static IS_OPEN: AtomicBool = AtomicBool::new(false);

    /// Hangs until `IS_OPEN` is set, and then finds every name but one.
    fn resolver(name: &str) -> io::Result<Vec<SocketAddr>> {
        while !IS_OPEN.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        if name == "missing" { Err(io::Error::other("no such name")) } else { Ok(vec![([192, 0, 2, 1], 0).into()]) }
    }

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn new(name: &str, end: Instant) -> LookUp {
        LookUp::new(format!("{name}:777").parse().unwrap(), end)
    }

    fn hasty(name: &str) -> Poll<io::Result<Vec<Address>>> {
        new(name, Instant::now()).poll_in(&LOOK_UPS, resolver, Waker::noop())
    }

    /// Looks up a name, and waits only for the waker.
    fn patient(name: &str) -> io::Result<Vec<Address>> {
        let mut look_up = new(name, Instant::now() + Duration::from_secs(60));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match look_up.poll_in(&LOOK_UPS, resolver, &waker) {
                Poll::Ready(found) => return found,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn a_resolver_that_hangs_has_a_bounded_number_of_threads_and_one_for_each_name() {
        for name in ["missing", "MISSING", "missing"] {
            assert!(hasty(name).is_pending());
        }
        assert_eq!(LOOK_UPS.lock().look_ups.len(), 1);
        let names: Vec<_> = (0..20).map(|number| format!("name-{number}")).collect();
        let is_crowded = |name: &&String| match hasty(name) {
            Poll::Ready(found) => found.unwrap_err().to_string().contains("16 other look-ups"),
            Poll::Pending => false,
        };
        let crowded = names.iter().filter(is_crowded).count();
        assert_eq!((LOOK_UPS.lock().look_ups.len(), crowded), (16, 5));
        assert_eq!(LOOK_UPS.lock().wakers.len(), 1);

        thread::scope(|scope| {
            let waiting: Vec<_> = names.iter().map(|name| scope.spawn(move || patient(name))).collect();
            let missing = [(); 2].map(|()| scope.spawn(|| patient("missing")));
            IS_OPEN.store(true, Ordering::Relaxed);
            for found in waiting {
                assert_eq!(found.join().unwrap().unwrap(), ["192.0.2.1:777".parse().unwrap()]);
            }
            for found in missing {
                assert_eq!(found.join().unwrap().unwrap_err().to_string(), "no such name");
            }
        });
        assert!(LOOK_UPS.lock().look_ups.is_empty());
    }

    #[test]
    fn a_call_that_is_over_leaves_no_waker() {
        let waker = Waker::from(Arc::new(Unpark(thread::current()))).clone();
        let is_kept = || super::LOOK_UPS.get().lock().wakers.iter().any(|known| known.will_wake(&waker));
        let hangs: Resolver = |_| loop {
            thread::park();
        };
        let mut look_up = new("hangs.example", Instant::now() + Duration::from_secs(60));
        assert!(look_up.poll_in(super::LOOK_UPS.get(), hangs, &waker).is_pending());
        assert!(is_kept());
        drop(look_up);
        assert!(!is_kept());
    }
}
