//! A fleet, seen by chronyc and by bare sockets: each address is a daemon of its own, and obeys its commands.

use std::iter;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Error, Fleet, Values};

const TRACKING: u8 = 33;

fn chronyc(fleet: &Fleet, number: u32, report: &str) -> String {
    try_chronyc(fleet, number, report).unwrap()
}

fn try_chronyc(fleet: &Fleet, number: u32, report: &str) -> Result<String, Error> {
    let address = fleet.address(number);
    let mut command = testbed::chronyc().unwrap();
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string(), report]);
    testbed::run(command)
}

fn client() -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

/// Asks a daemon for tracking.
fn ask(client: &UdpSocket, fleet: &Fleet, number: u32) {
    let mut request = [0; 104];
    request[..2].copy_from_slice(&[6, 1]);
    request[5] = TRACKING;
    request[8..12].copy_from_slice(&number.to_be_bytes());
    client.send_to(&request, fleet.address(number)).unwrap();
}

/// Returns the number of the daemon that answers next. Checks the sender, the request and the content of the answer.
fn answer(client: &UdpSocket, fleet: &Fleet) -> Option<u32> {
    let mut answer = [0; 200];
    let (length, from) = client.recv_from(&mut answer).ok()?;
    assert_eq!(length, 104);
    let number = u32::from_be_bytes(answer[16..20].try_into().unwrap());
    let address = fleet.address(number);
    assert_eq!(from, SocketAddr::from(address));
    // The reference ID, and the address.
    assert_eq!([&answer[28..32], &answer[32..36]], [address.ip().octets(); 2]);
    Some(number)
}

#[test]
fn each_of_ten_thousand_answers_as_itself() {
    let fleet = Fleet::start(10_000, Values::default()).unwrap();
    let client = client();
    for first in (0..10_000).step_by(100) {
        let numbers: Vec<_> = (first..first + 100).collect();
        for &number in &numbers {
            ask(&client, &fleet, number);
        }
        let answers: Vec<_> = numbers.iter().map(|_| answer(&client, &fleet).unwrap()).collect();
        assert_eq!(answers, numbers);
    }
    let tally = fleet.tally();
    assert_eq!((tally.answers, tally.least, tally.most), (10_000, 1, 1));
    assert_eq!(tally.requests[&u16::from(TRACKING)], 10_000);
}

#[test]
fn chronyc_reads_reports() {
    let fleet = Fleet::start(300, Values::new(&json!({"sources": 3, "tracking": {"stratum": 4}}))).unwrap();
    assert!(chronyc(&fleet, 0, "tracking").starts_with("7F100001,127.16.0.1,4,"));
    assert!(chronyc(&fleet, 299, "tracking").starts_with("7F10012C,127.16.1.44,4,"));
    let addresses = |number, report, column| -> Vec<String> {
        let lines = chronyc(&fleet, number, report);
        lines.lines().map(|line| line.split(',').nth(column).unwrap().to_owned()).collect()
    };
    assert_eq!(addresses(255, "sources", 2), ["fd00::7f10:100:0:0", "fd00::7f10:100:0:1", "fd00::7f10:100:0:2"]);
    assert_eq!(addresses(1, "sourcestats", 0), ["fd00::7f10:2:0:0", "fd00::7f10:2:0:1", "fd00::7f10:2:0:2"]);
    fleet.change(json!({"sources": 1, "tracking": {"stratum": 5}})).unwrap();
    assert_eq!(addresses(1, "sources", 2).len(), 1);
    assert!(chronyc(&fleet, 0, "tracking").starts_with("7F100001,127.16.0.1,5,"));
}

#[test]
fn records_by_address_are_served_once_it_is_open() {
    let values = json!({
        "sources": [{}, {"reference ID": 0x4750_5300}, {"address": "127.0.0.2"}],
        "authdata": [{"mode": 1}, null, {"mode": 2, "cookies": 7}],
        "ntpdata": [{"stratum": 4}, null, {"stratum": 5}],
        "layouts": {"ntpdata": 1},
    });
    let fleet = Fleet::start(3, Values::new(&values)).unwrap();
    assert!(chronyc(&fleet, 2, "sources").contains("#,*,GPS,"));
    let first_two = |line: &str| line.split(',').take(2).map(str::to_owned).collect::<Vec<_>>().join(",");
    let refused = try_chronyc(&fleet, 0, "authdata").unwrap_err().to_string();
    assert!(refused.contains("501 Not authorised"), "{refused}");
    fleet.open();
    for number in 0..3 {
        let authdata = chronyc(&fleet, number, "authdata");
        let [first, last] = ["0:0", "0:2"].map(|index| format!("fd00::7f10:{}:{index}", number + 1));
        let lines: Vec<_> = authdata.lines().map(first_two).collect();
        assert_eq!(lines, [format!("{first},SK"), format!("{last},NTS")]);
        let ntpdata = chronyc(&fleet, number, "ntpdata");
        let lines: Vec<_> = ntpdata.lines().map(|line| line.split(',').collect::<Vec<_>>()).collect();
        assert_eq!((lines[0][0], lines[0][8]), (first.as_str(), "4"));
        assert_eq!((lines[1][0], lines[1][8]), (last.as_str(), "5"));
    }
}

#[test]
fn they_come_and_go_and_are_slow() {
    let fleet = Fleet::start(10, Values::default()).unwrap();
    let client = client();
    let ask_all = || (0..10).for_each(|number| ask(&client, &fleet, number));
    fleet.leave([3, 4, 5]).unwrap();
    fleet.delay(Duration::from_secs(1), 8..10).unwrap();
    let start = Instant::now();
    ask_all();
    let answers: Vec<_> = (0..7).map(|_| answer(&client, &fleet).unwrap()).collect();
    assert_eq!(answers, [0, 1, 2, 6, 7, 8, 9]);
    assert!(start.elapsed() >= Duration::from_secs(1));

    // A daemon that leaves drops its delayed answers.
    fleet.come(3..6).unwrap();
    ask_all();
    assert_eq!((0..8).map(|_| answer(&client, &fleet).unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    fleet.leave([8]).unwrap();
    assert_eq!(answer(&client, &fleet), Some(9));
    assert!(fleet.come([10]).is_err());
    let tally = fleet.tally();
    assert_eq!((tally.least, tally.most, tally.answers), (2, 2, 16));
}

#[test]
fn answers_are_lost_by_a_seed() {
    let answered = |percent, seed| {
        let fleet = Fleet::start(1000, Values::default()).unwrap();
        fleet.lose(percent, seed);
        let client = client();
        client.set_nonblocking(true).unwrap();
        let mut answers = vec![];
        for first in (0..1000).step_by(100) {
            (first..first + 100).for_each(|number| ask(&client, &fleet, number));
            // What has been counted has been answered, or lost.
            while fleet.tally().requests.get(&u16::from(TRACKING)) != Some(&u64::from(first + 100)) {}
            answers.extend(iter::from_fn(|| answer(&client, &fleet)));
        }
        assert_eq!(fleet.tally().answers, answers.len() as u64);
        answers
    };
    assert_eq!(answered(0.0, 1).len(), 1000);
    let ten = answered(10.0, 1);
    assert!((850..950).contains(&ten.len()), "{}", ten.len());
    assert_eq!(answered(10.0, 1), ten);
    assert_ne!(answered(10.0, 2), ten);
}

#[test]
fn a_fleet_has_a_size() {
    assert!(Fleet::start(0, Values::default()).is_err());
    assert!(Fleet::start(u32::MAX, Values::default()).is_err());
    assert_eq!(*Fleet::start(1, Values::default()).unwrap().address(0).ip(), Ipv4Addr::new(127, 16, 0, 1));
}
