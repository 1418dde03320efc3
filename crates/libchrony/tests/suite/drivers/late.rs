//! Answers that are late or lost, or come from another chronyd by now.

use super::{Driver, promises};
use crate::common::open::clients_in;
use crate::common::*;
use libchrony::{Connection, Error};
use std::iter;
use std::thread;
use std::time::Duration;
use testbed::{Fault, Scripted};

const AMPLE: Duration = Duration::from_secs(20);

promises!(
    an_answer_before_the_deadline_is_used,
    over_udp_a_further_request_is_sent_while_the_first_is_in_flight,
    a_lost_answer_is_asked_for_again_over_udp,
    a_chronyd_that_has_become_slower_is_asked_once,
    a_refusal_of_a_further_request_leaves_the_other_address_its_time,
    a_restart_goes_unnoticed,
    a_chronyd_that_dies_in_the_middle_is_an_error_and_found_again,
    a_chronyd_that_restarts_in_the_middle_is_asked_anew,
);

fn requests(chronyd: &Scripted, code: u16) -> u64 {
    chronyd.requests().get(&code).copied().unwrap_or_default()
}

fn an_answer_before_the_deadline_is_used<D: Driver>() {
    for is_kept in [false, true] {
        let chronyd = scripted("{}");
        for address in both(&chronyd) {
            let connection = D::new(to(&address).timeout(AMPLE));
            if is_kept {
                connection.tracking().unwrap();
            }
            chronyd.set(Fault::Hold);
            let before = requests(&chronyd, code::TRACKING);
            // Over UDP, the request is sent again meanwhile.
            let sent = if address.path().is_some() { 1 } else { 2 };
            thread::scope(|scope| {
                let call = scope.spawn(|| connection.tracking());
                wait_until("the requests", || requests(&chronyd, code::TRACKING) >= before + sent);
                chronyd.release();
                call.join().unwrap().unwrap();
            });
            assert!(requests(&chronyd, code::TRACKING) == before + 1 || sent == 2, "sent again on a Unix socket");
        }
    }
}

/// At first, only the second request is answered, and later only the first one.
fn over_udp_a_further_request_is_sent_while_the_first_is_in_flight<D: Driver>() {
    let chronyd = scripted("{}");
    let connection = D::new(to(&udp(chronyd.command_port())).timeout(AMPLE));
    connection.tracking().unwrap();
    chronyd.set(Fault::Drop(1));
    connection.tracking().unwrap();
    assert!(requests(&chronyd, code::TRACKING) >= 3);
    // The only answer is the answer to the first request.
    chronyd.set(Fault::Hold);
    let before = requests(&chronyd, code::TRACKING);
    thread::scope(|scope| {
        let call = scope.spawn(|| connection.tracking());
        wait_until("the first request", || requests(&chronyd, code::TRACKING) > before);
        chronyd.set(Fault::Silence);
        wait_until("another request", || requests(&chronyd, code::TRACKING) > before + 1);
        chronyd.release();
        call.join().unwrap().unwrap();
    });
}

fn a_lost_answer_is_asked_for_again_over_udp<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 64}"#);
    for unheard in [false, true] {
        chronyd.set(Fault::Only(vec![code::SOURCES]));
        chronyd.set(Fault::Loss(10.0));
        if unheard {
            chronyd.set(Fault::Unheard);
        }
        let connection = D::new(to(&udp(chronyd.command_port())).timeout(AMPLE));
        let sources = connection.sources().unwrap();
        assert_eq!((sources.len(), &*sources[63].address), (64, "127.1.0.64"));
        chronyd.clear();
    }
}

fn a_chronyd_that_has_become_slower_is_asked_once<D: Driver>() {
    let chronyd = scripted("{}");
    let connection = D::new(to(&udp(chronyd.command_port())).timeout(AMPLE));
    connection.tracking().unwrap();
    chronyd.set(Fault::Delay(ms(200)));
    let asked = || {
        let before = requests(&chronyd, code::TRACKING);
        connection.tracking().unwrap();
        requests(&chronyd, code::TRACKING) - before
    };
    let asked: Vec<_> = iter::repeat_with(asked).take(8).collect();
    assert!(asked.contains(&1), "{asked:?}");
}

/// The first address is late. The second address loses the first request, and refuses the further one.
fn a_refusal_of_a_further_request_leaves_the_other_address_its_time<D: Driver>() {
    let (late, refusing) = (scripted("{}"), scripted("{}"));
    late.set(Fault::Hold);
    refusing.set(Fault::Drop(1));
    refusing.set(Fault::Status(2));
    let addresses = [&late, &refusing].map(|chronyd| udp(chronyd.command_port()));
    let connection = D::new(Connection::builder().addresses(addresses.to_vec()).timeout(AMPLE));
    thread::scope(|scope| {
        let call = scope.spawn(|| connection.tracking());
        wait_until("the refusal", || requests(&refusing, code::TRACKING) == 2);
        // The call has the refusal by now, and sends again to the late address.
        let before = requests(&late, code::TRACKING);
        wait_until("another request", || requests(&late, code::TRACKING) > before);
        late.release();
        call.join().unwrap().unwrap();
    });
    assert_eq!(requests(&refusing, code::TRACKING), 2);
}

fn a_restart_goes_unnoticed<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 9}"#);
    for address in both(&chronyd) {
        let connection = D::new(to(&address).timeout(AMPLE));
        for _ in 0..2 {
            connection.tracking().unwrap();
            chronyd.die();
            chronyd.come_back().unwrap();
            assert_eq!(connection.sources().unwrap().len(), 9);
        }
    }
}

fn a_chronyd_that_dies_in_the_middle_is_an_error_and_found_again<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 30}"#);
    for address in both(&chronyd) {
        for after in [0, 1, 7, 30] {
            let connection = D::new(to(&address).timeout(ms(3000)));
            connection.tracking().unwrap();
            chronyd.set(Fault::Only(vec![code::SOURCES]));
            chronyd.set(Fault::After(after));
            chronyd.set(Fault::Leave);
            let error = connection.sources().unwrap_err();
            assert!(!matches!(error, Error::Field { .. } | Error::Rejected { .. }), "{error:?}");
            assert!(clients_in(chronyd.folder()).is_empty(), "a socket is kept after {error}");
            chronyd.clear();
            chronyd.come_back().unwrap();
            assert_eq!(connection.sources().unwrap().len(), 30);
        }
    }
}

/// The old chronyd receives a request and does not answer it, before its first answer or in a list.
fn a_chronyd_that_restarts_in_the_middle_is_asked_anew<D: Driver>() {
    let chronyd = scripted(r#"{"sources": 30}"#);
    for (request, after) in [(code::COUNT, 0), (code::SOURCES, 11)] {
        for address in both(&chronyd) {
            let connection = D::new(to(&address).timeout(AMPLE));
            connection.tracking().unwrap();
            chronyd.set(Fault::Only(vec![request]));
            chronyd.set(Fault::After(after));
            chronyd.set(Fault::Silence);
            let before = requests(&chronyd, request);
            thread::scope(|scope| {
                let call = scope.spawn(|| connection.sources());
                wait_until("the middle", || requests(&chronyd, request) > before + u64::from(after));
                chronyd.die();
                chronyd.clear();
                chronyd.come_back().unwrap();
                match call.join().unwrap() {
                    Ok(sources) => assert_eq!(sources.len(), 30),
                    // A request between the two chronyds is refused.
                    Err(error) => assert!(matches!(error, Error::Exchange { .. }), "{error:?}"),
                }
            });
            assert_eq!(connection.sources().unwrap().len(), 30);
        }
    }
}
