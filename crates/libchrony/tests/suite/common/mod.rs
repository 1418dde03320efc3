//! Helpers for all tests: short ways to a connection, watchdogs, and views of the open descriptors.

pub(crate) mod alone;
pub(crate) mod open;
pub(crate) mod system;

use libchrony::{Address, Builder, Connection, Error, Library};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Scripted, Values, stub_library};

/// The request codes that the scripted chronyd counts by.
pub(crate) mod code {
    pub(crate) const COUNT: u16 = 14;
    pub(crate) const SOURCES: u16 = 15;
    pub(crate) const TRACKING: u16 = 33;
    pub(crate) const SOURCE_STATS: u16 = 34;
    pub(crate) const NTP_DATA: u16 = 57;
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Makes this process ready for many tests at once, if it is not yet.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        drop(thread::spawn(end_what_hangs));
        // The usual 1024 are too few for the fleets.
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let enough = maximum.unwrap_or(u64::MAX).min(16_384);
        if current.is_some_and(|current| current < enough) {
            setrlimit(Resource::Nofile, Rlimit { current: Some(enough), maximum }).unwrap();
        }
    });
}

/// A scripted chronyd with these values (JSON).
pub(crate) fn scripted(values: &str) -> Scripted {
    prepare();
    Scripted::start(Values::new(&values.parse().unwrap())).unwrap()
}

pub(crate) fn unix(socket: &Path) -> Address {
    Address::parse(socket).unwrap()
}

pub(crate) fn udp(port: u16) -> Address {
    format!("127.0.0.1:{port}").parse().unwrap()
}

/// A scripted chronyd's two addresses.
pub(crate) fn both(scripted: &Scripted) -> [Address; 2] {
    [unix(scripted.socket()), udp(scripted.command_port())]
}

pub(crate) fn connect(address: &Address, timeout: Duration) -> Connection {
    to(address).timeout(timeout).build().unwrap()
}

pub(crate) fn to(address: &Address) -> Builder {
    Connection::builder().address(address.clone())
}

/// A connection to a scripted chronyd's Unix socket with the usual timeout.
pub(crate) fn connect_to(scripted: &Scripted) -> Connection {
    to(&unix(scripted.socket())).build().unwrap()
}

/// A connection through the stub library; see its script's grammar in `crates/testbed/stub/src/script.rs`.
pub(crate) fn stub(script: &str) -> Connection {
    hasty_stub(script, Duration::from_secs(20))
}

/// Like `stub`, for scripts in which no answer arrives.
pub(crate) fn hasty_stub(script: &str, timeout: Duration) -> Connection {
    let library = Library::open(stub_library().unwrap()).unwrap();
    to(&script.parse().unwrap()).library(library).timeout(timeout).build().unwrap()
}

/// Aborts after 20 minutes. All tests together take a few minutes on a busy machine, so a test hangs by then.
fn end_what_hangs() {
    thread::sleep(Duration::from_secs(1200));
    eprintln!("a test hangs");
    std::process::abort();
}

/// Runs `body`, and fails if it does not return within `limit`.
pub(crate) fn watched<T: Send + 'static>(limit: Duration, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || sender.send(body()).ok());
    result.recv_timeout(limit).unwrap_or_else(|error| panic!("not done after {limit:?}: {error}"))
}

/// The error of a call that fails at its deadline: never early, and late only on a busy machine. The tests of the
/// engine prove the exact moment.
pub(crate) fn fails_on_time<T: Send + 'static>(
    timeout: Duration,
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Error {
    watched(timeout + Duration::from_secs(10), move || {
        let start = Instant::now();
        let error = call().err().expect("no answer, so an error");
        let elapsed = start.elapsed();
        assert!(elapsed >= timeout, "{elapsed:?} instead of {timeout:?}: {error}");
        awake(error)
    })
}

/// The error without the time for which a busy machine stopped this process.
pub(crate) fn awake(mut error: Error) -> Error {
    if let Error::TimedOut { silence, .. } = &mut error {
        silence.asleep = Duration::ZERO;
    }
    error
}

/// Waits until `done` returns true, and fails after 20 s.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "still not: {what}");
        thread::sleep(ms(1));
    }
}

/// Fills the queue of a chronyd that does not read its Unix socket.
pub(crate) fn fill(socket: &Path) {
    let stranger = UnixDatagram::unbound().unwrap();
    stranger.connect(socket).unwrap();
    stranger.set_nonblocking(true).unwrap();
    assert!((0..10_000).any(|_| stranger.send(&[0; 100]).is_err()), "the queue never fills");
}

/// The messages of an error and all its sources.
pub(crate) fn chain(error: &Error) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        words.push(source.to_string());
        next = source.source();
    }
    words
}
