//! The rules of deadlines, on a held clock: the moments at which a call acts, without waiting for them. Only the
//! scripted chronyds run in real time.

use crate::engine::clock::{held::Held, now};
use crate::engine::policy::{MAX_HEAD_START, MIN_PATIENCE, PATH_CHECK_INTERVAL};
use crate::nonblocking::{Call, Connection, Reply, Step};
use crate::{Address, Error};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::task::Waker;
use std::time::{Duration, Instant};
use testbed::{Fault, Scripted, Values};

const MS: Duration = Duration::from_millis(1);
const TRACKING: u16 = 33;
const COUNT: u16 = 14;
const SOURCES: u16 = 15;
const SOURCE_STATS: u16 = 34;

fn scripted(values: &str, faults: &[Fault]) -> Scripted {
    let chronyd = Scripted::start(Values::new(&values.parse().unwrap())).unwrap();
    for fault in faults {
        chronyd.set(fault.clone());
    }
    chronyd
}

fn unix(chronyd: &Scripted) -> Address {
    Address::parse(chronyd.socket()).unwrap()
}

fn udp(chronyd: &Scripted) -> Address {
    Address::udp(([127, 0, 0, 1], chronyd.command_port()).into())
}

fn to(addresses: &[Address], timeout: Duration) -> Connection {
    crate::Connection::builder().addresses(addresses.to_vec()).timeout(timeout).build_nonblocking().unwrap()
}

fn requests(chronyd: &Scripted, code: u16) -> u64 {
    chronyd.requests().get(&code).copied().unwrap_or_default()
}

/// Waits in real time, which the engine does not see.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "still not: {what}");
        std::thread::sleep(MS);
    }
}

fn advance<T: Reply>(call: &mut Call<T>) -> Step<Result<T, Error>> {
    call.advance(Waker::noop())
}

/// Advances a call that has to wait. Returns the moment of its next step.
fn waits<T: Reply + std::fmt::Debug>(call: &mut Call<T>) -> Instant {
    match advance(call) {
        Step::Wait(until) => until,
        step => panic!("{step:?} at once"),
    }
}

/// Advances a call to its end, without moving the held clock.
fn answered<T: Reply>(call: &mut Call<T>) -> Result<T, Error> {
    let mut result = None;
    wait_until("an answer", || {
        if let Step::Done(done) = advance(call) {
            result = Some(done);
        }
        result.is_some()
    });
    result.unwrap()
}

/// Advances a call that gets no response, up to its end or to the limit. Returns the times from now at which it acted,
/// and its error.
fn silence<T: Reply>(held: &Held, call: &mut Call<T>, limit: Duration) -> (Vec<Duration>, Option<Error>) {
    let (start, mut moments) = (now(), vec![]);
    loop {
        match advance(call) {
            Step::Done(result) => return (moments, result.err()),
            Step::Wait(until) if until - start > limit => return (moments, None),
            Step::Wait(until) => {
                // No socket is ready, so each step waits for a later moment.
                assert!(until > now(), "again at {:?}", until - start);
                moments.push(until - start);
                held.set(until);
            }
            Step::Resolve(host) => panic!("{host}"),
        }
    }
}

/// Returns the moment a millisecond earlier.
fn before(moment: Instant) -> Instant {
    moment.checked_sub(MS).unwrap()
}

/// Moves the clock from step to step, up to a moment at which the call acts.
fn pass<T: Reply + std::fmt::Debug>(held: &Held, call: &mut Call<T>, moment: Instant) {
    while now() < moment {
        let until = waits(call);
        assert!(until <= moment, "too late by {:?}", until - moment);
        held.set(until);
    }
}

fn seconds(seconds: &[u64]) -> Vec<Duration> {
    seconds.iter().copied().map(Duration::from_secs).collect()
}

/// Advances a call that has to end now, and returns its result.
fn over<T: Reply + std::fmt::Debug>(call: &mut Call<T>) -> Result<T, Error> {
    match advance(call) {
        Step::Done(result) => result,
        step => panic!("not over: {step:?}"),
    }
}

#[test]
fn a_unix_socket_is_asked_once_and_a_port_again_after_twice_the_time() {
    let chronyd = scripted("{}", &[Fault::Silence]);
    let timeout = Duration::from_secs(10);
    for (address, moments, expected) in
        [(unix(&chronyd), seconds(&(1..=10).collect::<Vec<_>>()), 1), (udp(&chronyd), seconds(&[1, 3, 7, 10]), 4)]
    {
        let held = Held::new();
        let before = requests(&chronyd, TRACKING);
        let (found, error) = silence(&held, &mut to(&[address], timeout).tracking(), timeout);
        assert_eq!(found, moments);
        let Some(Error::TimedOut { requests: sent, waited, silence, .. }) = error else { panic!("{error:?}") };
        assert_eq!((sent, waited, silence.asleep), (expected, timeout, Duration::ZERO));
        wait_until("all requests", || requests(&chronyd, TRACKING) - before == u64::from(expected));
    }
}

/// Over UDP, the measured round trip decides when a request counts as lost.
#[test]
fn a_quick_answer_shortens_the_patience_for_the_next() {
    let chronyd = scripted("{}", &[]);
    let held = Held::new();
    let connection = to(&[udp(&chronyd)], 300 * MS);
    answered(&mut connection.tracking()).unwrap();
    chronyd.set(Fault::Silence);
    let (moments, error) = silence(&held, &mut connection.tracking(), MAX_HEAD_START);
    assert_eq!(moments, [MIN_PATIENCE, 150 * MS, 300 * MS]);
    assert!(matches!(error, Some(Error::TimedOut { requests: 3, .. })), "{error:?}");
}

/// The first request is lost, and the answer to the second comes without a delay.
#[test]
fn a_round_trip_begins_with_the_request_that_is_answered() {
    let chronyd = scripted("{}", &[Fault::Drop(1)]);
    let held = Held::new();
    let connection = to(&[udp(&chronyd)], Duration::from_secs(20));
    let mut first = connection.tracking();
    held.set(waits(&mut first));
    answered(&mut first).unwrap();
    chronyd.set(Fault::Silence);
    let mut second = connection.tracking();
    let begin = now();
    assert_eq!(waits(&mut second) - begin, MIN_PATIENCE);
}

#[test]
fn each_address_has_its_share_of_the_time_until_the_next_is_tried() {
    // An equal part of the time left, but at most a second.
    for (timeout, head_starts) in [(9000, [1000, 2000]), (1200, [400, 800])] {
        let chronyds = [(); 3].map(|()| scripted("{}", &[Fault::Silence]));
        let held = Held::new();
        let addresses = chronyds.each_ref().map(unix);
        let mut call = to(&addresses, timeout * MS).tracking();
        let begin = now();
        let asked = || chronyds.each_ref().map(|chronyd| requests(chronyd, TRACKING));
        for (number, head_start) in head_starts.into_iter().enumerate() {
            pass(&held, &mut call, begin + head_start * MS);
            wait_until("the request", || asked()[number] == 1);
            assert!(asked()[number + 1..].iter().all(|asked| *asked == 0), "{:?}", asked());
        }
        waits(&mut call);
        wait_until("the last request", || asked() == [1; 3]);
    }
}

#[test]
fn a_kept_session_has_half_of_the_time_until_the_next_address_is_tried() {
    for (timeout, head_start) in [(9000, 1000), (1200, 600)] {
        let chronyds = [(); 2].map(|()| scripted("{}", &[]));
        let held = Held::new();
        let connection = to(&chronyds.each_ref().map(unix), timeout * MS);
        answered(&mut connection.tracking()).unwrap();
        chronyds[0].set(Fault::Silence);
        let mut call = connection.tracking();
        let begin = now();
        pass(&held, &mut call, begin + head_start * MS);
        assert_eq!(requests(&chronyds[1], TRACKING), 0);
        answered(&mut call).unwrap();
        assert_eq!(connection.address(), Some(unix(&chronyds[1])));
    }
}

/// The order of a call's addresses, of which one answers just before the deadline.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// Before two silent addresses.
    First,
    /// After two addresses that fail at once.
    AfterTheAbsent,
    /// After a silent address.
    AfterASilent,
    /// Before the other address of the same chronyd.
    Twice,
}

#[test]
fn an_answer_just_before_the_end_is_used_whichever_others_are_asked() {
    let silent = scripted("{}", &[Fault::Silence]);
    let late = scripted("{}", &[]);
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for order in [Order::First, Order::AfterTheAbsent, Order::AfterASilent, Order::Twice] {
        for (own, other) in [(unix(&late), udp(&late)), (udp(&late), unix(&late))] {
            for is_kept in [false, true] {
                for timeout in [200, 500, 1000, 5000] {
                    let addresses = match order {
                        Order::First => vec![own.clone(), udp(&silent), unix(&silent)],
                        Order::AfterTheAbsent => {
                            vec!["/nonexistent/chronyd.sock".parse().unwrap(), Address::udp(closed), own.clone()]
                        }
                        Order::AfterASilent => vec![unix(&silent), own.clone()],
                        Order::Twice => vec![own.clone(), other.clone()],
                    };
                    let connection = to(&addresses, timeout * MS);
                    late.clear();
                    if is_kept {
                        // On a held clock, the first call skips the wait for the silent address.
                        let held = Held::new();
                        let mut call = connection.tracking();
                        if matches!(order, Order::AfterASilent) {
                            held.set(waits(&mut call));
                        }
                        answered(&mut call).unwrap();
                    }
                    late.set(Fault::Hold);
                    let asked = requests(&late, TRACKING);
                    let held = Held::new();
                    let mut call = connection.tracking();
                    let end = call.end();
                    let mut until = now();
                    while until < end {
                        held.set(until);
                        until = match advance(&mut call) {
                            Step::Wait(until) => until.max(now() + MS),
                            step => panic!("{order:?}, {own}, {is_kept}, {timeout}: {step:?}"),
                        };
                    }
                    held.set(before(end));
                    wait_until("asked", || requests(&late, TRACKING) > asked);
                    late.release();
                    let result = answered(&mut call);
                    assert!(result.is_ok(), "{order:?}, {own}, {is_kept}, {timeout}: {result:?}");
                }
            }
        }
    }
}

/// The first address is late. The second loses the first request to it, and refuses the retry.
#[test]
fn a_refusal_leaves_the_address_before_it_its_time() {
    for answers in [true, false] {
        let late = scripted("{}", &[if answers { Fault::Hold } else { Fault::Silence }]);
        let refusing = scripted("{}", &[Fault::Drop(1), Fault::Status(2)]);
        let held = Held::new();
        let mut call = to(&[udp(&late), udp(&refusing)], 3200 * MS).tracking();
        let begin = now();
        for second in 1..=2 {
            pass(&held, &mut call, begin + Duration::from_secs(second));
            wait_until("the request before", || requests(&refusing, TRACKING) == second - 1);
        }
        // Both addresses have been asked twice. After the refusal, only the two requests to the first are in flight.
        wait_until("the refusal", || {
            waits(&mut call);
            call.interests().len() == 2
        });
        assert_eq!(requests(&refusing, TRACKING), 2);
        held.set(before(call.end()));
        if answers {
            late.release();
            assert!(answered(&mut call).is_ok());
        } else {
            waits(&mut call);
            held.pass(MS);
            let result = over(&mut call);
            assert!(matches!(result, Err(Error::Unauthorized { .. })), "{result:?}");
        }
    }
}

/// The answer can come only from the new socket at the path.
#[test]
fn the_path_of_a_silent_unix_socket_is_checked_for_another_chronyd() {
    let chronyd = scripted(r#"{"sources": 9}"#, &[Fault::Silence]);
    let held = Held::new();
    let mut call = to(&[unix(&chronyd)], Duration::from_secs(20)).tracking();
    let begin = now();
    assert_eq!(waits(&mut call), begin + PATH_CHECK_INTERVAL);
    wait_until("the request", || requests(&chronyd, TRACKING) == 1);
    held.set(begin + PATH_CHECK_INTERVAL);
    // The path has not changed.
    assert_eq!(waits(&mut call), begin + PATH_CHECK_INTERVAL * 2);
    chronyd.die();
    chronyd.clear();
    chronyd.come_back().unwrap();
    held.set(before(begin + PATH_CHECK_INTERVAL * 2));
    advance(&mut call);
    assert_eq!(requests(&chronyd, TRACKING), 1, "looked too soon");
    held.pass(MS);
    answered(&mut call).unwrap();
    assert_eq!(requests(&chronyd, TRACKING), 2);
}

#[test]
fn a_lost_record_of_a_list_is_asked_for_again_after_twice_the_time() {
    let chronyd = scripted(r#"{"sources": 5}"#, &[Fault::Only(vec![SOURCES]), Fault::Silence]);
    let held = Held::new();
    let connection = to(&[udp(&chronyd)], Duration::from_secs(1));
    let mut call = connection.sources();
    wait_until("the list", || {
        advance(&mut call);
        requests(&chronyd, SOURCES) == 1
    });
    // The last record is asked for alone.
    let (moments, error) = silence(&held, &mut call, MAX_HEAD_START);
    assert_eq!(moments, [50, 150, 350, 750, 1000].map(|moment| moment * MS));
    let Some(Error::TimedOut { requests: sent, silence, .. }) = error else { panic!("{error:?}") };
    assert_eq!((sent, silence.records), (5, Some((0, 5))));
    assert_eq!(requests(&chronyd, COUNT), 1);
}

#[test]
fn a_list_ends_at_the_deadline_of_its_call() {
    let chronyd = scripted(r#"{"sources": 5}"#, &[Fault::Hold]);
    for address in [unix(&chronyd), udp(&chronyd)] {
        let held = Held::new();
        let mut call = to(&[address], Duration::from_secs(2)).sources();
        // The response to the first request comes late, and no other response comes.
        held.pass(1960 * MS);
        let before = requests(&chronyd, COUNT);
        wait_until("the request", || {
            advance(&mut call);
            requests(&chronyd, COUNT) > before
        });
        chronyd.set(Fault::Only(vec![SOURCES]));
        chronyd.set(Fault::Silence);
        chronyd.release();
        let asked = requests(&chronyd, SOURCES);
        wait_until("the list", || {
            advance(&mut call);
            requests(&chronyd, SOURCES) > asked
        });
        let (moments, error) = silence(&held, &mut call, MAX_HEAD_START);
        assert_eq!(moments, [40 * MS]);
        let Some(Error::TimedOut { waited, silence, .. }) = error else { panic!("{error:?}") };
        assert_eq!((waited, silence.records), (Duration::from_secs(2), Some((0, 5))));
        chronyd.clear();
        chronyd.set(Fault::Hold);
    }
}

/// The old chronyd has received the requests for records. The new one has not.
#[test]
fn the_path_of_a_silent_list_is_checked_for_another_chronyd() {
    let chronyd = scripted(r#"{"sources": 5}"#, &[Fault::Only(vec![SOURCES]), Fault::Silence]);
    let held = Held::new();
    let mut call = to(&[unix(&chronyd)], Duration::from_secs(20)).sources();
    wait_until("the list", || {
        advance(&mut call);
        requests(&chronyd, SOURCES) > 0
    });
    chronyd.die();
    chronyd.clear();
    chronyd.come_back().unwrap();
    // The step that requests the list again may already return it.
    let mut list = None;
    wait_until("the list of the other", || match advance(&mut call) {
        Step::Done(result) => list.insert(result).is_ok(),
        Step::Wait(until) => {
            if requests(&chronyd, COUNT) == 1 {
                held.set(until);
            }
            false
        }
        Step::Resolve(host) => panic!("{host}"),
    });
    assert_eq!(list.unwrap().unwrap().len(), 5);
}

fn is_readable<T: Reply>(call: &Call<T>) -> bool {
    let interests = call.interests();
    let mut fds: Vec<_> = interests.iter().map(|interest| PollFd::new(interest, PollFlags::IN)).collect();
    poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
}

/// An edge-triggered epoll set does not report a datagram again that a step has left on the socket.
#[test]
fn a_second_request_that_cannot_be_sent_leaves_no_response_on_the_socket() {
    let chronyd = scripted(r#"{"sources": 12}"#, &[Fault::Only(vec![SOURCE_STATS]), Fault::Hold]);
    let _held = Held::new();
    let mut call = to(&[unix(&chronyd)], Duration::from_secs(20)).auth_data();
    wait_until("a request on each of three lanes", || {
        waits(&mut call);
        requests(&chronyd, SOURCE_STATS) == 3
    });
    chronyd.release();
    chronyd.set(Fault::Unread);
    wait_until("the first response", || is_readable(&call));
    // The thread of chronyd sends all three responses before it answers this.
    chronyd.requests();
    let stranger = UnixDatagram::unbound().unwrap();
    stranger.connect(chronyd.socket()).unwrap();
    stranger.set_nonblocking(true).unwrap();
    while stranger.send(&[0; 100]).is_ok() {}
    waits(&mut call);
    assert!(!is_readable(&call));
    chronyd.clear();
    assert_eq!(answered(&mut call).unwrap().len(), 12);
}

#[test]
fn a_turn_that_comes_at_the_deadline_is_too_late() {
    let chronyd = scripted("{}", &[Fault::Silence]);
    let held = Held::new();
    let connection = to(&[unix(&chronyd)], Duration::from_secs(5));
    let (mut first, mut second) = (connection.tracking(), connection.tracking());
    waits(&mut first);
    assert_eq!(waits(&mut second), second.end());
    held.set(second.end());
    drop(first);
    let result = over(&mut second);
    assert!(matches!(result, Err(Error::Busy { waited, .. }) if waited == Duration::from_secs(5)), "{result:?}");
}

/// The second call gets its turn two seconds after its start.
#[test]
fn the_time_in_the_queue_is_not_chronyds() {
    let chronyd = scripted("{}", &[Fault::Silence]);
    let held = Held::new();
    let connection = to(&[unix(&chronyd)], Duration::from_secs(5));
    let (mut first, mut second) = (connection.tracking(), connection.tracking());
    waits(&mut first);
    waits(&mut second);
    held.pass(Duration::from_secs(2));
    drop(first);
    let (_, error) = silence(&held, &mut second, Duration::from_secs(5));
    let Some(Error::TimedOut { waited, silence, .. }) = error else { panic!("{error:?}") };
    assert_eq!((waited, silence.queued), (Duration::from_secs(3), Duration::from_secs(2)));
}

#[test]
fn a_slow_first_step_does_not_count_as_time_in_the_queue() {
    let chronyd = scripted("{}", &[Fault::Silence]);
    for (address, late) in [(unix(&chronyd), 50), (udp(&chronyd), 50), (unix(&chronyd), 9000), (udp(&chronyd), 9000)] {
        let held = Held::new();
        let mut call = to(&[address], 200 * MS).tracking();
        held.pass(late * MS);
        let (_, error) = silence(&held, &mut call, MAX_HEAD_START);
        let Some(Error::TimedOut { silence, .. }) = error else { panic!("{error:?}") };
        assert_eq!(silence.queued, Duration::ZERO);
    }
}

#[test]
fn the_error_says_how_long_a_process_was_stopped() {
    let chronyd = scripted("{}", &[Fault::Silence]);
    let held = Held::new();
    let mut call = to(&[unix(&chronyd)], Duration::from_secs(5)).tracking();
    held.set(waits(&mut call) + Duration::from_secs(3));
    waits(&mut call);
    held.set(call.end());
    let error = over(&mut call).unwrap_err();
    assert!(error.to_string().contains("this process itself did not run for 3.0s of the 5s"), "{error}");
}

/// A call that is first advanced after its deadline still asks one address.
#[test]
fn one_address_is_tried_whatever_the_time() {
    let chronyd = scripted("{}", &[Fault::Silence]);
    let held = Held::new();
    let mut call = to(&[unix(&chronyd), udp(&chronyd)], MS).tracking();
    held.pass(Duration::from_secs(60));
    let result = over(&mut call);
    assert!(matches!(result, Err(Error::TimedOut { requests: 1, .. })), "{result:?}");
    wait_until("the request", || requests(&chronyd, TRACKING) == 1);
}

#[test]
fn a_host_that_is_not_found_by_the_deadline_is_an_error() {
    let held = Held::new();
    let mut call = to(&["chrony.test".parse().unwrap()], Duration::from_secs(5)).tracking();
    assert!(matches!(advance(&mut call), Step::Resolve(_)));
    assert_eq!(waits(&mut call), call.end());
    held.set(call.end());
    let result = over(&mut call);
    assert!(matches!(result, Err(Error::Resolve { .. })), "{result:?}");
}
