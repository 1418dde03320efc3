//! The driver for tokio. It waits for sockets in the runtime's event queue, and for moments with the runtime's timers.
//! The decisions about a call are left to `engine`.

use crate::address::Address;
use crate::drivers::nonblocking::{Call, Connection, Step};
use crate::engine::policy::INTERRUPT_INTERVAL;
use crate::engine::ready::Interest;
use crate::error::Error;
use crate::raw::per_process::Process;
use crate::raw::socket::Socket;
use crate::raw::watch::watch;
use crate::report::Table;
use crate::report::collect::{AnyRecords, Readable, Reply, Rows};
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::net::lookup_host;
use tokio::time::{Sleep, sleep_until};

/// A connection to one chronyd for tokio, with a method for each report.
/// [`Builder::build_async`](crate::Builder::build_async) creates it.
///
/// The methods read and fail like the methods of [`Connection`](crate::Connection). The timeout of a call begins when
/// it is first polled. Clones share one connection. Tasks that share it take turns in the order of their arrival.
///
/// Dropping a call cancels it: its sockets are closed, the next task gets its turn, and the connection stays usable.
/// After a fork, the child needs a runtime of its own, and gets its own socket on its first call.
///
/// # Panics
///
/// The calls panic outside a tokio runtime, and in a runtime that was built without its I/O or time drivers.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let chronyd = testbed::Chronyd::builder().start()?;
/// # let address = libchrony::Address::parse(chronyd.socket())?;
/// use libchrony::Connection;
///
/// let chronyd = Connection::builder().address(address).build_async()?;
/// let tracking = chronyd.tracking().await?;
/// println!("{:+.9} s off {}", tracking.offset, tracking.reference_id_name);
/// // Concurrent calls take turns on the connection's session.
/// let (sources, stats) = tokio::try_join!(chronyd.sources(), chronyd.source_stats())?;
/// println!("{} sources, statistics of {}", sources.len(), stats.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AsyncConnection(Connection);

impl AsyncConnection {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Finds a chronyd and returns its address, like [`Connection::connect`](crate::Connection::connect).
    ///
    /// # Errors
    ///
    /// The errors of [`Connection::connect`](crate::Connection::connect).
    pub async fn connect(&self) -> Result<Address, Error> {
        run(self.0.connect()).await?;
        Ok(self.0.found())
    }

    /// Reads a report, like [`Connection::read`](crate::Connection::read).
    ///
    /// # Errors
    ///
    /// The errors of [`Connection::read`](crate::Connection::read).
    pub async fn read<R: Readable>(&self) -> Result<R, Error> {
        run(self.0.read::<R>()).await
    }

    /// Reads any report that has a table, like [`Connection::rows`](crate::Connection::rows).
    ///
    /// # Errors
    ///
    /// The errors of [`Connection::rows`](crate::Connection::rows).
    pub async fn rows(&self, table: &'static Table) -> Result<Rows, Error> {
        run(self.0.rows(table)).await
    }

    /// Reads any report that libchrony knows, like [`Connection::report`](crate::Connection::report).
    ///
    /// # Errors
    ///
    /// The errors of [`Connection::report`](crate::Connection::report).
    pub async fn report(&self, name: &str) -> Result<AnyRecords, Error> {
        run(self.0.report(name)?).await
    }

    /// Returns the address at which chronyd answered last, or to which [`connect`](Self::connect) has connected since.
    /// Returns `None` before either.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.0.address()
    }

    /// Closes the sockets. The next call opens new ones. A call in progress continues, and closes its socket when it
    /// ends.
    pub fn close(&self) {
        self.0.close();
    }
}

type LookUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Runs a call to its end.
async fn run<T: Reply>(mut call: Call<T>) -> Result<T, Error> {
    // Sockets must leave the event queue before the call closes them, so this is dropped first.
    let mut watched = Watched::new();
    let mut alarm = pin!(sleep_until(call.end().into()));
    let mut look_up: Option<(Address, LookUp)> = None;
    poll_fn(|task| {
        loop {
            if let Some((host, addresses)) = &mut look_up
                && let Poll::Ready(found) = addresses.as_mut().poll(task)
            {
                call.resolved(host.clone(), found);
                look_up = None;
            }
            match watched.advance(&mut call, alarm.as_mut(), task) {
                Poll::Ready(Step::Done(result)) => return Poll::Ready(result),
                Poll::Ready(Step::Resolve(host)) => {
                    let name = host.clone();
                    let found = async move { Ok(lookup_host(name.host().unwrap_or_default()).await?.collect()) };
                    look_up = Some((host, Box::pin(found)));
                }
                Poll::Ready(Step::Wait(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// The sockets of a call that are in the runtime's event queue, each with true if the call waits to write to it.
#[derive(Debug)]
struct Watched {
    process: Process,
    sockets: Vec<(AsyncFd<Arc<Socket>>, bool)>,
}

impl Watched {
    fn new() -> Self {
        Self { process: Process::this(), sockets: Vec::new() }
    }

    /// Advances a call until it is over or needs the addresses of a host. The task is woken when there is more to do.
    fn advance<T: Reply>(
        &mut self,
        call: &mut Call<T>,
        mut alarm: Pin<&mut Sleep>,
        task: &mut Context<'_>,
    ) -> Poll<Step<Result<T, Error>>> {
        loop {
            let ready = self.ready(task);
            let until = match call.advance(task.waker()) {
                Step::Wait(until) => until,
                step => return Poll::Ready(step),
            };
            let now = Instant::now();
            if until <= now {
                // There is more to receive, but other tasks come first.
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            // The call has read all datagrams since these sockets were ready.
            for mut socket in ready {
                socket.clear_ready();
            }
            let is_watched = self.watch(&call.interests());
            alarm.as_mut().reset(if is_watched { until } else { until.min(now + INTERRUPT_INTERVAL) }.into());
            if self.ready(task).is_empty() && alarm.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Returns the sockets that are ready. The task is woken when another one is.
    fn ready(&self, task: &mut Context<'_>) -> Vec<AsyncFdReadyGuard<'_, Arc<Socket>>> {
        let ready = self.sockets.iter().map(|(socket, to_write)| {
            if *to_write { socket.poll_write_ready(task) } else { socket.poll_read_ready(task) }
        });
        // An error means that the runtime is shutting down.
        ready.filter_map(|ready| if let Poll::Ready(Ok(ready)) = ready { Some(ready) } else { None }).collect()
    }

    /// Watches these sockets only. Returns false if one cannot be watched and must be checked at intervals.
    fn watch(&mut self, wanted: &[Interest<'_>]) -> bool {
        let is_same = |(socket, to_write): &(AsyncFd<Arc<Socket>>, bool), one: &Interest<'_>| {
            Arc::ptr_eq(socket.get_ref(), one.socket()) && *to_write == one.is_to_write()
        };
        self.sockets.retain(|watched| wanted.iter().any(|one| is_same(watched, one)));
        let mut is_complete = true;
        for one in wanted {
            if !self.sockets.iter().any(|watched| is_same(watched, one)) {
                match watch(one.socket(), one.is_to_write()) {
                    Ok(socket) => self.sockets.push((socket, one.is_to_write())),
                    Err(_) => is_complete = false,
                }
            }
        }
        is_complete
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.process.is_forked() {
            // A forked child shares its parent's event queue, in which the parent still watches its sockets.
            self.sockets.drain(..).for_each(mem::forget);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use std::time::Duration;
    use testbed::{Fault, Scripted, Values};

    #[tokio::test]
    async fn a_socket_that_cannot_be_watched_is_checked_at_intervals() {
        let chronyd = Scripted::start(Values::default()).unwrap();
        chronyd.set(Fault::Delay(Duration::from_millis(20)));
        let address = Address::parse(chronyd.socket()).unwrap();
        let connection = crate::Connection::builder().address(address).build_async().unwrap();
        let mut call = connection.0.tracking();
        assert!(matches!(call.advance(Waker::noop()), Step::Wait(_)));
        // An event queue takes a socket only once.
        let mut other = Watched::new();
        assert!(other.watch(&call.interests()) && !Watched::new().watch(&call.interests()));
        let start = Instant::now();
        run(call).await.unwrap();
        // Without these checks, the call would wait for a second.
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
