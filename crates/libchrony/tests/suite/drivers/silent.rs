//! A chronyd that does not answer, or that also sends junk.

use super::{Driver, promises};
use crate::common::*;
use libchrony::nonblocking::{Call, Step};
use libchrony::{Address, Error, ErrorKind, Tracking};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Fault, Scripted};

const TIMEOUT: Duration = Duration::from_millis(300);
const AMPLE: Duration = Duration::from_secs(20);

promises!(
    silence_ends_at_the_deadline_and_then_all_is_well,
    several_calls_end_at_one_deadline,
    a_full_queue_ends_at_the_deadline,
    a_queue_that_empties_in_time_lets_the_request_through,
    junk_is_passed_over_until_the_deadline,
    a_silent_address_is_listened_to_while_the_next_is_tried,
    a_host_stands_for_its_addresses,
    a_name_without_a_host_is_an_error,
);

fn new<D: Driver>(address: &Address, timeout: Duration) -> Arc<D> {
    Arc::new(D::new(to(address).timeout(timeout)))
}

fn on_both<D: Driver>(chronyd: &Scripted, timeout: Duration, test: impl Fn(Arc<D>) + Sync) {
    thread::scope(|scope| {
        for address in both(chronyd) {
            let test = &test;
            scope.spawn(move || test(new(&address, timeout)));
        }
    });
}

fn silence_ends_at_the_deadline_and_then_all_is_well<D: Driver>() {
    let chronyd = scripted("{}");
    for fault in [Fault::Silence, Fault::JunkForever] {
        chronyd.set(fault);
        on_both::<D>(&chronyd, TIMEOUT, |connection| {
            let shared = Arc::clone(&connection);
            let error = fails_on_time(TIMEOUT, move || shared.tracking());
            assert!(matches!(error, Error::TimedOut { requests: 1, waited: TIMEOUT, .. }), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert!(connection.address().is_none());
        });
        chronyd.clear();
        on_both::<D>(&chronyd, AMPLE, |connection| assert_eq!(connection.tracking().unwrap().stratum, 2));
    }
}

fn several_calls_end_at_one_deadline<D: Driver>() {
    let chronyd = scripted("{}");
    for address in both(&chronyd) {
        let deadline = Instant::now() + TIMEOUT;
        let connection = D::new(to(&address).timeout(AMPLE).deadline(deadline));
        assert_eq!(connection.tracking().unwrap().stratum, 2);
        chronyd.set(Fault::Silence);
        for _ in 0..2 {
            let error = connection.tracking().unwrap_err();
            assert!(matches!(error, Error::TimedOut { waited, .. } if waited < TIMEOUT), "{error:?}");
            assert!(Instant::now() >= deadline, "{error:?}");
        }
        chronyd.clear();
    }
}

fn a_full_queue_ends_at_the_deadline<D: Driver>() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Unread);
    fill(chronyd.socket());
    let connection: Arc<D> = new(&unix(chronyd.socket()), TIMEOUT);
    let error = fails_on_time(TIMEOUT, move || connection.tracking());
    assert!(matches!(error, Error::TimedOut { requests: 0, .. }), "{error:?}");
}

fn a_queue_that_empties_in_time_lets_the_request_through<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 20}"#);
    for read in [|driver: &D| driver.sources().unwrap().len(), |driver: &D| driver.ntp_data().unwrap().len()] {
        chronyd.set(Fault::Unread);
        fill(chronyd.socket());
        thread::scope(|scope| {
            let reader = scope.spawn(|| read(&new::<D>(&unix(chronyd.socket()), AMPLE)));
            wait_until("waiting", || !open::clients_in(chronyd.folder()).is_empty());
            chronyd.clear();
            assert_eq!(reader.join().unwrap(), 20);
        });
        wait_until("no client", || open::clients_in(chronyd.folder()).is_empty());
    }
}

fn junk_is_passed_over_until_the_deadline<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 3}"#);
    chronyd.set(Fault::JunkBefore(20));
    on_both::<D>(&chronyd, AMPLE, |connection| {
        assert_eq!(connection.tracking().unwrap().stratum, 2);
        assert_eq!(connection.sources().unwrap().len(), 3);
    });
}

fn a_silent_address_is_listened_to_while_the_next_is_tried<D: Driver>() {
    let (silent, late, chronyd) = (scripted("{}"), scripted("{}"), scripted("{}"));
    silent.set(Fault::Silence);
    late.set(Fault::Hold);
    let connect = |others: Vec<Address>| {
        let missing = "/nonexistent/chronyd.sock".parse().unwrap();
        let addresses = [missing, unix(silent.socket())].into_iter().chain(others).collect();
        D::new(libchrony::Connection::builder().addresses(addresses).timeout(AMPLE))
    };
    let good = unix(chronyd.socket());
    let connection = connect(vec![good.clone()]);
    connection.tracking().unwrap();
    assert_eq!(connection.address(), Some(good));
    // The late address has not answered yet when the silent address after it is tried.
    let port = udp(late.command_port());
    let connection = connect(vec![port.clone(), udp(silent.command_port())]);
    let asked = || silent.requests()[&code::TRACKING];
    let before = asked();
    thread::scope(|scope| {
        let call = scope.spawn(|| connection.tracking());
        wait_until("both requests to the silent one", || asked() >= before + 2);
        late.release();
        call.join().unwrap().unwrap();
    });
    assert_eq!(connection.address(), Some(port));
}

fn a_host_stands_for_its_addresses<D: Driver>() {
    let test = format!("drivers::silent::{}::a_host_stands_for_its_addresses", D::NAME);
    alone::Alone::new(test.leak(), "only").prepared(system::own_empty_run).run(|| {
        let _hosts = system::own_hosts("127.0.0.1 localhost\n127.0.0.9 chrony.test\n127.0.0.1 chrony.test\n");
        let chronyd = scripted("{}");
        let port = chronyd.command_port();
        for name in ["localhost", "chrony.test"] {
            let connection: Arc<D> = new(&format!("{name}:{port}").parse().unwrap(), AMPLE);
            assert_eq!(connection.connect().unwrap(), udp(port));
        }
    });
}

fn a_name_without_a_host_is_an_error<D: Driver>() {
    let connection: Arc<D> = new(&"no-such-host.invalid".parse().unwrap(), AMPLE);
    let error = connection.tracking().unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error:?}");
    assert!(error.to_string().starts_with("Failed to connect to chronyd at no-such-host.invalid:323: "), "{error}");
}

/// A caller that waits only for the resolver does not advance the call meanwhile.
#[test]
fn a_wait_for_the_resolver_does_not_count_as_a_stop_of_the_process() {
    let chronyd = scripted("{}");
    chronyd.set(Fault::Silence);
    let address: Address = format!("chrony.test:{}", chronyd.command_port()).parse().unwrap();
    let connection = to(&address).timeout(ms(1000)).build_nonblocking().unwrap();
    let asleep = || {
        let mut call = connection.tracking();
        let Step::Resolve(host) = call.advance(Waker::noop()) else { panic!("no question") };
        thread::sleep(ms(600));
        call.resolved(host, Ok(vec![SocketAddr::from(([127, 0, 0, 1], chronyd.command_port()))]));
        loop {
            match call.advance(Waker::noop()) {
                Step::Done(Err(Error::TimedOut { silence, .. })) => return silence.asleep,
                Step::Done(other) => panic!("{other:?}"),
                Step::Resolve(_) | Step::Wait(_) => thread::sleep(ms(1)),
            }
        }
    };
    // A busy machine may stop this process, but not each time.
    assert!((0..9).any(|_| asleep().is_zero()));
}

/// A caller that waits for the resolver and for sockets at the same time advances the call meanwhile.
#[test]
fn a_call_goes_on_while_a_host_is_looked_up() {
    let chronyd = scripted("{}");
    let address: Address = format!("chrony.test:{}", chronyd.command_port()).parse().unwrap();
    let resolved = || Ok(vec![SocketAddr::from(([127, 0, 0, 1], chronyd.command_port()))]);
    let advance = |reading: &mut Call<Tracking>| reading.advance(Waker::noop());
    let connection = to(&address).timeout(AMPLE).build_nonblocking().unwrap();

    let mut reading = connection.tracking();
    let Step::Resolve(host) = advance(&mut reading) else { panic!("no question") };
    assert_eq!(host, address);
    let Step::Wait(until) = advance(&mut reading) else { panic!("does not wait for the answer") };
    assert!(until == reading.end() && reading.interests().is_empty());
    reading.resolved(host, resolved());
    wait_until("an answer", || matches!(advance(&mut reading), Step::Done(Ok(_))));

    // The kept session is late, so its host is looked up again. Meanwhile, the session answers.
    chronyd.set(Fault::Hold);
    let mut reading = connection.tracking();
    wait_until("the question", || matches!(advance(&mut reading), Step::Resolve(_)));
    chronyd.release();
    wait_until("an answer", || matches!(advance(&mut reading), Step::Done(Ok(_))));

    let connection = to(&address).timeout(ms(1000)).build_nonblocking().unwrap();
    let mut reading = connection.tracking();
    assert!(matches!(advance(&mut reading), Step::Resolve(_)));
    wait_until("the deadline", || match advance(&mut reading) {
        Step::Done(result) => matches!(result, Err(Error::Resolve { .. })),
        step => {
            assert!(matches!(step, Step::Wait(until) if until == reading.end()), "{step:?}");
            false
        }
    });
}
