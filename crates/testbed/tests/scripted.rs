//! The scripted chronyd, seen by chronyc: its answers follow the protocol, and its faults take effect.

use std::iter;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Fault, Scripted, Values};

fn chronyc(scripted: &Scripted, report: &str) -> Result<String, String> {
    let mut command = testbed::chronyc().unwrap();
    command.arg("-h").arg(scripted.socket()).arg(report);
    testbed::run(command).map_err(|error| error.to_string())
}

#[test]
fn chronyc_reads_tracking() {
    let scripted = Scripted::start(Values::new(&json!({"tracking": {"stratum": 7, "leap status": 1}}))).unwrap();
    let tracking = chronyc(&scripted, "tracking").unwrap();
    assert_eq!(
        tracking.trim(),
        "7F000001,127.0.0.1,7,1700000000.123456789,0.000012000,-0.000034000,0.000056000,\
         -1.500,0.003,0.050,0.001200000,0.003400000,64.2,Insert second"
    );
}

#[test]
fn chronyc_reads_sources() {
    let values = json!({"sources": [
        {},
        {"address": "2001:db8::1", "state": 2, "mode": 1, "poll": -2, "reachability": 63},
        {"reference ID": 0x4750_5300, "stratum": 0, "state": 5},
    ]});
    let scripted = Scripted::start(Values::new(&values)).unwrap();
    let sources = chronyc(&scripted, "sources").unwrap();
    assert_eq!(
        sources.trim(),
        "^,*,127.0.0.1,1,6,377,12,-0.000017000,0.000021000,0.000430000\n\
         =,x,2001:db8::1,1,-2,77,12,-0.000017000,0.000021000,0.000430000\n\
         #,-,GPS,0,6,377,12,-0.000017000,0.000021000,0.000430000"
    );
    let stats = chronyc(&scripted, "sourcestats").unwrap();
    let addresses: Vec<_> = stats.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(addresses, ["127.0.0.1", "2001:db8::1", "GPS"]);
    assert_eq!(stats.lines().next(), Some("127.0.0.1,8,4,448,0.002,0.070,-0.000011000,0.000009000"));
}

#[test]
fn chronyc_reads_the_other_reports() {
    // The layouts of chrony 4.3.
    let values = json!({"rtcdata": {}, "layouts": {"serverstats": 3, "ntpdata": 1}});
    let scripted = Scripted::start(Values::new(&values)).unwrap();
    for (report, expected) in [
        ("activity", "1,0,0,0,0"),
        ("serverstats", "1001,1004,1003,1006,1007,1002,1005,1008,1009,1010,1011"),
        ("rtcdata", "1700000000.123456789,10,5,600,0.250000,-2.500"),
        ("smoothing", "Yes,,0.000100000,0.010000,0.001000,8.0,100.0"),
        ("authdata", "127.0.0.1,-,0,0,0,4294967295,0,0,0,0"),
        ("selectdata", "*,127.0.0.1,N,-,-,-,-,-,-,-,-,-,-,12,1.0,-0.000200000,0.000200000,Normal"),
    ] {
        let output = chronyc(&scripted, report).unwrap();
        println!("{report}: {output}");
        assert_eq!(output.trim(), expected, "{report}");
    }
    let ntpdata = chronyc(&scripted, "ntpdata").unwrap();
    println!("{ntpdata}");
    assert!(ntpdata.starts_with("127.0.0.1,7F000001,123,"), "{ntpdata}");
}

#[test]
fn it_plays_numbers_that_have_no_name_and_hardware_timestamps() {
    let values = json!({
        "sources": [{"reference ID": 0x4750_5300}, {}, {"address": {"id": 7}}, {"address": "127.0.0.2"}],
        "authdata": [null, {"mode": 9, "key type": 12}, {"mode": 2, "last key establishment ago": 5, "NAK": 1}, {}],
        "ntpdata": [
            null,
            {"mode": 3, "leap status": 9, "transmit timestamping": 72, "receive timestamping": 0, "flags": 0xc3fd},
            {},
            {"local address": null, "transmit timestamping": 68, "poll": -7, "stratum": 16, "jitter asymmetry": -0.25},
        ],
        "selectdata": [
            {"state": 114, "configured options": 0xffff, "effective options": 0x8, "low limit": -1, "leap status": 9},
        ],
        "smoothing": {"flags": 3, "wander": -1, "remaining time": 0.5},
        "layouts": {"ntpdata": 1},
    });
    let scripted = Scripted::start(Values::new(&values)).unwrap();
    let lines = |report| chronyc(&scripted, report).unwrap();
    // chronyc hides the unresolved name, and a reference clock does not have these records.
    assert_eq!(lines("authdata"), "127.0.0.1,?,0,12,0,4294967295,0,0,0,0\n127.0.0.2,-,0,0,0,4294967295,0,0,0,0\n");
    let ntpdata = lines("ntpdata");
    let fields: Vec<Vec<&str>> = ntpdata.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        [fields[0][5], fields[0][7], fields[0][28], fields[0][29]],
        ["Invalid", "Invalid", "Hardware", "Invalid"]
    );
    assert_eq!(fields[0][23..28], ["111", "111", "1101", "Yes", "Yes"]);
    assert_eq!([fields[1][0], fields[1][3], fields[1][8]], ["127.0.0.2", "[UNSPEC]", "16"]);
    assert_eq!([fields[1][9], fields[1][22], fields[1][28]], ["-7", "-0.25", "Daemon"]);
    scripted.set("count 1".parse().unwrap());
    assert_eq!(lines("selectdata").trim(), "r,GPS,N,N,P,T,R,-,-,-,-,R,-,12,1.0,-1.000000000,0.000200000,Invalid");
    assert_eq!(lines("smoothing").trim(), "Yes,(leap second only),0.000100000,0.010000,-1.000000,8.0,0.5");
}

#[test]
fn a_source_goes_between_two_requests_about_it() {
    let scripted = Scripted::start(Values::new(&json!({"sources": 3}))).unwrap();
    // The source goes before chronyc's second request for a source by its address.
    scripted.set("only 67".parse().unwrap());
    scripted.set("churn 1 1 0".parse().unwrap());
    let output = chronyc(&scripted, "authdata").unwrap_err();
    assert!(output.contains("127.1.0.1,-,") && output.contains("503 No such source"), "{output}");
    assert_eq!(chronyc(&scripted, "authdata").unwrap().lines().count(), 2);
}

#[test]
fn it_plays_a_thousand_sources() {
    let scripted = Scripted::start(Values::new(&json!({"sources": 1000}))).unwrap();
    assert_eq!(chronyc(&scripted, "sources").unwrap().lines().count(), 1000);
    assert_eq!(scripted.requests()[&15], 1000);
}

#[test]
fn no_rtc_and_other_refusals() {
    let scripted = Scripted::start(Values::default()).unwrap();
    assert!(chronyc(&scripted, "rtcdata").unwrap_err().contains("513 RTC driver not running"));
    scripted.set(Fault::Status(2));
    assert!(chronyc(&scripted, "tracking").unwrap_err().contains("501 Not authorised"));
    scripted.clear();
    scripted.change(json!({"rtcdata": {}})).unwrap();
    chronyc(&scripted, "rtcdata").unwrap();
}

#[test]
fn faults_delay_lose_and_confuse() {
    let scripted = Scripted::start(Values::default()).unwrap();
    scripted.set(Fault::JunkBefore(25));
    chronyc(&scripted, "tracking").unwrap();
    scripted.clear();

    scripted.set(Fault::Delay(Duration::from_millis(300)));
    let start = Instant::now();
    chronyc(&scripted, "tracking").unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    scripted.clear();

    // chronyc asks again after one second.
    let before = scripted.requests()[&33];
    scripted.set(Fault::Drop(1));
    chronyc(&scripted, "tracking").unwrap();
    assert_eq!(scripted.requests()[&33], before + 2);
}

#[test]
fn faults_can_be_narrowed() {
    let scripted = Scripted::start(Values::new(&json!({"sources": 3}))).unwrap();
    scripted.set(Fault::Only(vec![15]));
    scripted.set(Fault::After(2));
    scripted.set(Fault::Status(4));
    assert_eq!(chronyc(&scripted, "sources").unwrap_err().matches('^').count(), 2);
    scripted.clear();
    scripted.set("count 1,2".parse().unwrap());
    for expected in [1, 2, 2] {
        assert_eq!(chronyc(&scripted, "sources").unwrap().lines().count(), expected);
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never comes");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns a client of the command port.
fn client(scripted: &Scripted) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", scripted.command_port())).unwrap();
    client
}

fn request(sequence: u8) -> [u8; 104] {
    let mut request = [0; 104];
    request[..2].copy_from_slice(&[6, 1]);
    request[5] = 33;
    request[11] = sequence;
    request
}

/// Returns byte 19 of each datagram that comes back within a second for two requests for tracking. In an answer, this
/// is the last byte of the sequence number.
fn answers(scripted: &Scripted) -> Vec<u8> {
    let client = client(scripted);
    client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    scripted.set(Fault::Unread);
    for sequence in 1..=2 {
        client.send(&request(sequence)).unwrap();
    }
    scripted.release();
    let mut answer = [0; 200];
    iter::from_fn(|| client.recv(&mut answer).ok().map(|_| answer[19])).take(4).collect()
}

#[test]
fn answers_come_twice_and_late_and_in_another_order() {
    let scripted = Scripted::start(Values::default()).unwrap();
    assert_eq!(answers(&scripted), [1, 2]);
    for (fault, expected) in [("reorder", vec![2, 1]), ("duplicate", vec![1, 1, 2, 2]), ("older", vec![2, 1, 1, 2])] {
        scripted.set(fault.parse().unwrap());
        assert_eq!(answers(&scripted), expected, "{fault}");
        scripted.clear();
    }
    // An answer that nothing overtakes is sent after a while.
    scripted.set(Fault::Reorder);
    chronyc(&scripted, "tracking").unwrap();
}

/// chronyd, too, answers one request after the other.
#[test]
fn answers_to_a_unix_socket_keep_their_order_when_the_delay_changes() {
    let scripted = Scripted::start(Values::default()).unwrap();
    let client = UnixDatagram::bind(scripted.folder().join("client")).unwrap();
    client.connect(scripted.socket()).unwrap();
    let has_received = |number| scripted.requests().get(&33) == Some(&number);
    scripted.set(Fault::Hold);
    client.send(&request(1)).unwrap();
    wait_until(|| has_received(1));
    scripted.set(Fault::Delay(Duration::ZERO));
    client.send(&request(2)).unwrap();
    wait_until(|| has_received(2));
    let mut answer = [0; 200];
    client.set_nonblocking(true).unwrap();
    assert!(client.recv(&mut answer).is_err(), "the second answer does not wait for the first");
    client.set_nonblocking(false).unwrap();
    scripted.release();
    let order = [(); 2].map(|()| client.recv(&mut answer).map(|_| answer[19]).unwrap());
    assert_eq!(order, [1, 2]);
}

/// Sends a thousand requests for tracking. Returns the numbers of those that are answered, and the number that the
/// chronyd has counted. After every fifty requests, there is a request for activity, which is not lost and is answered
/// last.
fn answered_of_a_thousand(scripted: &Scripted) -> (Vec<usize>, u64) {
    const ACTIVITY: u8 = 44;
    let client = client(scripted);
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    scripted.set(Fault::Only(vec![33]));
    let counted = || scripted.requests().get(&33).copied().unwrap_or(0);
    let (before, mut answered) = (counted(), vec![]);
    for start in (0..1000).step_by(50) {
        for number in 0..50 {
            client.send(&request(number)).unwrap();
        }
        let mut marker = request(0);
        marker[5] = ACTIVITY;
        client.send(&marker).unwrap();
        let mut answer = [0; 200];
        let answers = iter::from_fn(|| {
            client.recv(&mut answer).unwrap();
            (answer[5] != ACTIVITY).then_some(start + usize::from(answer[19]))
        });
        answered.extend(answers);
    }
    (answered, counted() - before)
}

#[test]
fn it_loses_the_given_percentage() {
    let scripted = Scripted::start(Values::default()).unwrap();
    for (percent, lost) in [(0.0, 0), (0.1, 1), (0.5, 5), (1.0, 10), (20.0, 200), (99.0, 990), (100.0, 1000)] {
        scripted.set(Fault::Loss(percent));
        let (answered, counted) = answered_of_a_thousand(&scripted);
        assert_eq!((answered.len(), counted), (1000 - lost, 1000), "{percent}");
    }
}

#[test]
fn losses_follow_from_a_seed_and_hit_requests_too() {
    let losses = |seed, unheard| {
        let scripted = Scripted::start(Values::default()).unwrap();
        scripted.set(Fault::Loss(1.0));
        scripted.set(Fault::Seed(seed));
        if unheard {
            scripted.set(Fault::Unheard);
        }
        let (answered, counted) = answered_of_a_thousand(&scripted);
        assert_eq!(counted, if unheard { answered.len() as u64 } else { 1000 });
        answered
    };
    let first = losses(1, false);
    assert!((970..1000).contains(&first.len()), "{}", first.len());
    assert_eq!(losses(1, false), first);
    assert_eq!(losses(1, true), first);
    assert_ne!(losses(2, false), first);
}

#[test]
fn sources_change_during_a_read() {
    let scripted = Scripted::start(Values::new(&json!({"sources": 4}))).unwrap();
    let addresses = || {
        let sources = chronyc(&scripted, "sources").unwrap();
        sources.lines().map(|line| line.split(',').nth(2).unwrap().to_owned()).collect::<Vec<_>>()
    };
    scripted.set("churn 2 1 1".parse().unwrap());
    // chronyc has read two sources when the second one goes, and so it misses the third one.
    assert_eq!(addresses(), ["127.1.0.1", "127.1.0.2", "127.1.0.4", "127.2.0.1"]);
    assert_eq!(addresses(), ["127.1.0.1", "127.1.0.3", "127.1.0.4", "127.2.0.1"]);
}

#[test]
fn junk_comes_until_it_is_cleared() {
    let scripted = Scripted::start(Values::default()).unwrap();
    let client = client(&scripted);
    client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    scripted.set(Fault::JunkForever);
    client.send(&request(1)).unwrap();
    assert!((0..100).all(|_| client.recv(&mut [0; 200]).is_ok()));
    scripted.clear();
    client.set_nonblocking(true).unwrap();
    while client.recv(&mut [0; 200]).is_ok() {}
    client.set_nonblocking(false).unwrap();
    assert!(client.recv(&mut [0; 200]).is_err());
}

#[test]
fn it_leaves_when_it_is_asked_for_the_third_time() {
    let scripted = Scripted::start(Values::default()).unwrap();
    scripted.set(Fault::After(2));
    scripted.set(Fault::Leave);
    chronyc(&scripted, "tracking").unwrap();
    chronyc(&scripted, "tracking").unwrap();
    assert!(scripted.socket().exists());
    chronyc(&scripted, "tracking").unwrap_err();
    assert!(!scripted.socket().exists());
    scripted.clear();
    scripted.come_back().unwrap();
    chronyc(&scripted, "tracking").unwrap();
}

#[test]
fn an_unread_socket_fills() {
    let scripted = Scripted::start(Values::default()).unwrap();
    scripted.set(Fault::Unread);
    let client = UnixDatagram::unbound().unwrap();
    client.connect(scripted.socket()).unwrap();
    client.set_nonblocking(true).unwrap();
    assert!((0..10_000).any(|_| client.send(&request(1)).is_err()));
    // Nothing was received.
    assert!(scripted.requests().is_empty() && scripted.requests().is_empty());
    scripted.clear();
    // chronyc does not wait for room in the queue.
    wait_until(|| client.send(&request(1)).is_ok());
    // Between two of these calls, the chronyd reads all that has arrived.
    let received = [(); 2].map(|()| scripted.requests());
    assert!(!received[1].is_empty());
    chronyc(&scripted, "tracking").unwrap();
}

#[test]
fn it_dies_and_comes_back_and_leaves_nothing() {
    let scripted = Scripted::start(Values::default()).unwrap();
    let folder = scripted.folder().to_owned();
    scripted.die();
    assert!(!scripted.socket().exists());
    chronyc(&scripted, "tracking").unwrap_err();
    scripted.come_back().unwrap();
    chronyc(&scripted, "tracking").unwrap();
    let left: Vec<_> = Path::new(&folder).read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["chronyd.sock"]);
    drop(scripted);
    assert!(!folder.exists());
}

#[test]
fn it_serves_udp_on_both_loopbacks() {
    let scripted = Scripted::start(Values::new(&json!({"layouts": {"serverstats": 3}}))).unwrap();
    let port = scripted.command_port().to_string();
    let over_udp = |address, report| {
        let mut command = testbed::chronyc().unwrap();
        command.args(["-h", address, "-p", &port, report]);
        testbed::run(command).map_err(|error| error.to_string())
    };
    over_udp("127.0.0.1", "tracking").unwrap();
    over_udp("::1", "tracking").unwrap();
    assert!(over_udp("127.0.0.1", "serverstats").unwrap_err().contains("501 Not authorised"));
    scripted.set(Fault::Open);
    over_udp("127.0.0.1", "serverstats").unwrap();
}
