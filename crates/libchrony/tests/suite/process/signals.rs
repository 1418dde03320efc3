//! Signals during a call, and interrupts by the caller.

use crate::common::system::{HANDLED, under_signals};
use crate::common::*;
use libchrony::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Fault, Scripted};

#[test]
fn a_storm_of_signals_does_not_fail_a_wait() {
    let chronyd = scripted("{}");
    for address in both(&chronyd) {
        let connection = connect(&address, Duration::from_secs(20));
        let before = requests(&chronyd);
        chronyd.set(Fault::Hold);
        thread::scope(|scope| {
            let reader = scope.spawn(|| under_signals(|| connection.tracking()));
            wait_until("asked", || requests(&chronyd) > before);
            a_storm_lasts();
            chronyd.release();
            assert_eq!(reader.join().unwrap().unwrap().stratum, 2);
        });
    }
}

fn requests(chronyd: &Scripted) -> u64 {
    chronyd.requests().get(&code::TRACKING).copied().unwrap_or_default()
}

/// Waits for 50 further signals.
fn a_storm_lasts() {
    let before = HANDLED.load(Ordering::Relaxed);
    wait_until("a storm", || HANDLED.load(Ordering::Relaxed) > before + 50);
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
        a_storm_lasts();
        chronyd.release();
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
    for fault in [Fault::Silence, Fault::JunkForever] {
        for address in both(&chronyd) {
            let stop = Arc::new(AtomicBool::new(false));
            let asked = Arc::clone(&stop);
            let interrupt = move || asked.load(Ordering::Relaxed);
            let connection = to(&address).timeout(Duration::from_secs(30)).interrupt(interrupt).build().unwrap();
            chronyd.set(fault.clone());
            let error = thread::scope(|scope| {
                let before = requests(&chronyd);
                let call = scope.spawn(|| connection.tracking().unwrap_err());
                wait_until("asked", || requests(&chronyd) > before);
                stop.store(true, Ordering::Relaxed);
                call.join().unwrap()
            });
            assert!(matches!(error, Error::Interrupted) && error.kind() == ErrorKind::Interrupted, "{error:?}");
            assert_eq!(error.to_string(), "interrupted while waiting for chronyd");
            chronyd.clear();
            stop.store(false, Ordering::Relaxed);
            connection.tracking().unwrap();
        }
    }
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
    const TIMES: usize = 20;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let moments = Arc::clone(&asked);
    let interrupt = move || {
        let mut moments = moments.lock().unwrap();
        moments.push(Instant::now());
        moments.len() >= TIMES
    };
    let chronyd = scripted("{}");
    // If the interrupt were asked about only every second, the timeout would come first.
    let builder = to(&unix(chronyd.socket())).timeout(Duration::from_secs(20));
    let connection = builder.interrupt(interrupt).build().unwrap();
    let mut last = Instant::now();
    connection.tracking().unwrap();
    let quick = asked.lock().unwrap().len();
    assert!(quick as u128 <= last.elapsed().as_millis() / 50, "asked {quick} times in {:?}", last.elapsed());
    asked.lock().unwrap().clear();
    chronyd.set(Fault::Silence);
    last = Instant::now();
    let result = connection.tracking();
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    for moment in &*asked.lock().unwrap() {
        assert!(*moment - last >= ms(50), "asked again after {:?}", *moment - last);
        last = *moment;
    }
}

#[test]
fn a_signal_has_the_interrupt_asked_about_at_once() {
    /// Without signals, these take ten seconds.
    const TIMES: u32 = 200;
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let asked = AtomicU32::new(0);
    let interrupt = move || asked.fetch_add(1, Ordering::Relaxed) >= TIMES;
    let address = unix(chronyd.socket());
    let connection = to(&address).timeout(Duration::from_secs(60)).interrupt(interrupt).build().unwrap();
    let start = Instant::now();
    let result = under_signals(|| connection.tracking());
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    assert!(start.elapsed() < ms(50) * TIMES, "{:?}", start.elapsed());
}
