//! Signals during a call, and callers who want out of it.

use crate::common::system::{HANDLED, under_signals};
use crate::common::*;
use libchrony::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testbed::Fault;

#[test]
fn a_storm_of_signals_does_not_fail_a_wait() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Delay(ms(400)));
    for address in both(&chronyd) {
        let connection = connect(&address, Duration::from_secs(20));
        let before = HANDLED.load(Ordering::Relaxed);
        let start = Instant::now();
        let tracking = under_signals(|| connection.tracking());
        assert!(start.elapsed() >= ms(400));
        assert_eq!(tracking.unwrap().stratum, 2);
        assert!(HANDLED.load(Ordering::Relaxed) > before + 3, "no storm");
    }
}

#[test]
fn a_storm_of_signals_does_not_fail_a_send() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Unread);
    fill(chronyd.socket());
    thread::scope(|scope| {
        let connection = connect(&unix(chronyd.socket()), Duration::from_secs(20));
        let reader = scope.spawn(move || under_signals(|| connection.tracking()));
        wait_until("waiting", || !open::clients_in(chronyd.folder()).is_empty());
        thread::sleep(ms(200)); // Not a wait for anything: the storm has to last.
        chronyd.clear();
        reader.join().unwrap().unwrap();
    });
}

#[test]
fn signals_do_not_move_the_deadline() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let address = unix(chronyd.socket());
    let error = fails_on_time(ms(300), move || under_signals(|| connect(&address, ms(300)).tracking()));
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

#[test]
fn an_interrupt_ends_the_call_and_only_that() {
    let chronyd = scripted("{}");
    let mut all_late = Vec::new();
    for fault in [Fault::Silence, Fault::JunkForever] {
        for address in both(&chronyd) {
            let stop = Arc::new(AtomicBool::new(false));
            let asked = Arc::clone(&stop);
            let interrupt = move || asked.load(Ordering::Relaxed);
            let connection = to(&address).timeout(Duration::from_secs(30)).interrupt(interrupt).build().unwrap();
            chronyd.set(fault.clone());
            let (error, late) = thread::scope(|scope| {
                let sent = || chronyd.requests().get(&code::TRACKING).copied().unwrap_or_default();
                let before = sent();
                let call = scope.spawn(|| connection.tracking().unwrap_err());
                wait_until("asked", || sent() > before);
                stop.store(true, Ordering::Relaxed);
                let start = Instant::now();
                (call.join().unwrap(), start.elapsed())
            });
            assert!(matches!(error, Error::Interrupted) && error.kind() == ErrorKind::Interrupted, "{error:?}");
            assert_eq!(error.to_string(), "interrupted while waiting for chronyd");
            all_late.push(late);
            chronyd.clear();
            stop.store(false, Ordering::Relaxed);
            connection.tracking().unwrap();
        }
    }
    // The machine may be busy, but not each time.
    assert!(all_late.iter().filter(|late| **late < ms(200)).count() >= 2, "{all_late:?}");
}

#[test]
fn an_interrupt_is_asked_about_while_the_queue_is_full() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Unread);
    fill(chronyd.socket());
    let address = unix(chronyd.socket());
    let connection = to(&address).timeout(Duration::from_secs(60)).interrupt(|| true).build().unwrap();
    let start = Instant::now();
    assert!(matches!(connection.tracking(), Err(Error::Interrupted)));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_interrupt_is_asked_about_every_50_ms_and_not_without_waiting() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let interrupt = move || {
        count.fetch_add(1, Ordering::Relaxed);
        false
    };
    let chronyd = scripted("{}");
    let address = unix(chronyd.socket());
    let new = |timeout| to(&address).timeout(timeout).interrupt(interrupt.clone()).build().unwrap();
    let start = Instant::now();
    new(Duration::from_secs(20)).tracking().unwrap();
    let (quick, elapsed) = (asked.load(Ordering::Relaxed), start.elapsed());
    assert!(u128::from(quick) <= elapsed.as_millis() / 50, "asked {quick} times in {elapsed:?}");
    chronyd.set(Fault::Silence);
    let connection = new(ms(500));
    let times = || {
        asked.store(0, Ordering::Relaxed);
        connection.tracking().unwrap_err();
        asked.load(Ordering::Relaxed)
    };
    // Never too often, and often enough unless the machine is busy each time.
    let often = [times(), times(), times()];
    assert!(often.iter().all(|times| *times <= 15) && often.iter().any(|times| *times >= 5), "{often:?} in 500 ms");
}

#[test]
fn a_signal_has_the_interrupt_asked_about_at_once() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let interrupt = || HANDLED.load(Ordering::Relaxed) > 0;
    let address = unix(chronyd.socket());
    let connection = to(&address).timeout(Duration::from_secs(60)).interrupt(interrupt).build().unwrap();
    let start = Instant::now();
    let result = under_signals(|| connection.tracking());
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
