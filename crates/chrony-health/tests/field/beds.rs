//! Real chronyds, each in a state that administrators know. A function returns when the state is reached.

use crate::bed::{
    Bed, GPS, OLD, PATIENCE, alone, behind_a_clock, client, four, good_server, number, pair, reach, time, try_pair,
    with_responder,
};
use crate::responder::Answers;
use std::fs;
use testbed::{Builder, Chronyd, Error, FOUR, Signal};

/// A server with NTS on ports where nothing listens. Port 9 belongs to the discard protocol, which no test starts.
const DEAD: &str = "server 127.0.0.9 port 9 nts ntsport 9 minpoll 0 maxpoll 0";

// Causes of a wrong clock.

pub(crate) fn far_slow() -> Bed {
    four("offset 7495.37", client()).synchronised()
}

pub(crate) fn far_fast() -> Bed {
    four("offset -16042.55", client()).synchronised()
}

pub(crate) fn years_off() -> Bed {
    four("offset 619315200", client()).synchronised()
}

/// All chronyds of the test bed run with -x, so only the failed `makestep` makes the difference.
pub(crate) fn without_control_of_the_clock() -> Bed {
    let bed = four("offset 0.12", client()).synchronised();
    bed.chronyd.chronyc(&["makestep"]).unwrap_err();
    bed.until("tracking", |lines| lines[0][4].parse::<f64>().unwrap().abs() > 0.1)
}

pub(crate) fn stratum_16() -> Bed {
    pair(Chronyd::builder().line("local stratum 15"), FOUR, client())
        .until("tracking", |lines| lines[0][2] == "16")
        .synchronised()
}

pub(crate) fn chain_that_ends_in_a_local_clock() -> Bed {
    pair(Chronyd::builder().line("local stratum 10"), FOUR, client()).synchronised()
}

/// The clock gains a millisecond a second.
pub(crate) fn frequency_that_is_out_of_range() -> Bed {
    alone(client().line(GPS)).with_clock("GPS", Signal::Time { offset: 1.0, drift: 1e-3 }).selected("*").until(
        "tracking",
        |lines| {
            let ppm = |field: usize| lines[0][field].parse::<f64>().unwrap();
            (ppm(7) + ppm(8)).abs() > 600.0
        },
    )
}

/// No measurement of the frequency is as certain as `maxupdateskew` demands.
pub(crate) fn frequency_that_is_unknown() -> Bed {
    four("", client().line("maxupdateskew 1e-9")).synchronised()
}

pub(crate) fn distance_of_half_the_limit() -> Bed {
    behind_a_clock("delay 1.5", client()).synchronised()
}

pub(crate) fn uncertain_servers() -> Bed {
    behind_a_clock("precision 0.3", client()).synchronised()
}

/// By the drift file, the frequency is uncertain, and chronyd ignores each measurement of it.
pub(crate) fn uncertain_frequency() -> Bed {
    let drift = ["driftfile {folder}/drift", "maxupdateskew 1e-9"];
    let mut bed = four("", drift.into_iter().fold(client(), Builder::line));
    // chronyd would overwrite the file if it were terminated.
    bed.chronyd.kill();
    fs::write(bed.chronyd.folder().join("drift"), "0 50000").unwrap();
    bed.chronyd.restart().unwrap();
    bed.synchronised().until("sources", |lines| lines.iter().all(|line| number(line, 6) >= 1))
}

pub(crate) fn isolated_on_purpose() -> Bed {
    alone(client().line("server 127.127.1.1 port 9").line("local stratum 10"))
        .until("tracking", |lines| lines[0][0] == "7F7F0101")
        .asked()
}

pub(crate) fn one_server_on_purpose() -> Bed {
    pair(good_server(), &["minpoll 4 maxpoll 4"], client()).synchronised()
}

pub(crate) fn change_that_is_ignored() -> Bed {
    four("offset 5", client().line("maxchange 1 0 -1"))
        .selected_with("*", "+D")
        .until("tracking", |lines| lines[0][0] == "00000000")
}

/// A right clock with combined sources, which the command port shows, too.
pub(crate) fn good() -> Bed {
    four("", client()).synchronised().selected_with("+", "*D")
}

pub(crate) fn three_servers() -> Bed {
    pair(good_server(), &[""; 3], client()).synchronised()
}

/// There is one sample, and the next poll is 16 s later.
pub(crate) fn starting() -> Bed {
    pair(good_server(), &[], client().line("server 127.0.0.2 port {port} minpoll 4 maxpoll 4"))
        .until("sources", |lines| reach(&lines[0]) == 1)
}

/// Answers only these requests over the command port. chrony 4.7 introduced the directive.
pub(crate) fn open_commands(names: &str) -> Result<Bed, Error> {
    try_pair(good_server(), FOUR, client().line(format!("opencommands {names}"))).map(Bed::synchronised)
}

/// The servers are at stratum 3. chrony 4.9 introduced the directive.
pub(crate) fn stratum_out_of_range() -> Result<Bed, Error> {
    try_pair(good_server(), FOUR, client().line("maxstratum 2")).map(|bed| bed.selected("rrrr"))
}

pub(crate) fn suspended() -> Bed {
    let bed = alone(client());
    bed.chronyd.suspend().unwrap();
    bed
}

pub(crate) fn killed() -> Bed {
    let mut bed = alone(client());
    bed.chronyd.kill();
    bed
}

// Causes for which no source is usable.

pub(crate) fn no_sources() -> Bed {
    alone(client())
}

pub(crate) fn names_without_address() -> Bed {
    alone(client().line("server a.invalid").line("pool b.invalid")).until("activity", |lines| number(&lines[0], 4) > 1)
}

pub(crate) fn offline() -> Bed {
    let bed = four("", client()).synchronised();
    bed.chronyd.chronyc(&["offline"]).unwrap();
    bed.until("activity", |lines| number(&lines[0], 1) == 4).lost()
}

pub(crate) fn only_watching() -> Bed {
    four("noselect", client()).selected("NNNN").measured()
}

pub(crate) fn nts_required() -> Bed {
    four("", client().line(DEAD).line("authselectmode require")).without_keys(1).selected("NNNNM")
}

pub(crate) fn nts_with_plain_servers_by_default() -> Bed {
    four("", client().line(DEAD)).without_keys(1).selected("WWWWM")
}

pub(crate) fn nts_without_keys() -> Bed {
    let servers = (6..10).map(|at| format!("server 127.0.0.{at} port 9 nts ntsport 9 minpoll 0 maxpoll 0"));
    alone(servers.fold(client(), Builder::line)).without_keys(4)
}

pub(crate) fn nts_with_plain_servers() -> Bed {
    let other = DEAD.replace("127.0.0.9", "127.0.0.8");
    four("", client().line(DEAD).line(other).line("authselectmode ignore")).without_keys(2).selected_with("*", "+DM")
}

/// A client with one server that has NTS, with these lines.
fn with_nts(lines: &[&str]) -> Bed {
    let server = lines.iter().fold(Chronyd::builder().nts(), |server, line| server.line(*line)).start().unwrap();
    let port = server.ntp_port().unwrap();
    let certificate = server.certificate().unwrap();
    let mut bed = alone(
        client()
            .line(format!("server 127.0.0.1 port {port} nts ntsport {port} iburst minpoll 0 maxpoll 0"))
            .line("nosystemcert")
            .line(format!("ntstrustedcerts {}", certificate.display())),
    );
    bed.server = Some(server);
    bed
}

/// The server gives keys for another address, where no server listens. Each request uses one of the eight cookies, and
/// chronyd does not ask for new ones at once.
pub(crate) fn nts_without_answers() -> Bed {
    with_nts(&["bindaddress 127.0.0.1", "ntsntpserver 127.0.0.8"])
        .until("authdata", |lines| number(&lines[0], 4) > 0 && number(&lines[0], 8) == 0)
}

/// The server was restarted with other keys, and no longer hands out any.
pub(crate) fn nts_that_is_refused() -> Bed {
    let mut bed = with_nts(&[]).synchronised();
    let server = bed.server.as_mut().unwrap();
    let file = server.folder().join("chrony.conf");
    let lines = fs::read_to_string(&file).unwrap();
    fs::write(&file, lines.replace("ntsport", "#").replace("nts", "ntsport 9\nnts")).unwrap();
    server.restart().unwrap();
    bed.until("authdata", |lines| lines[0][7] == "1").lost()
}

pub(crate) fn required_source_that_is_dead() -> Bed {
    four("", client().line("server 127.0.0.9 port 9 require iburst minpoll 0 maxpoll 0")).asked().selected("WWWWM")
}

pub(crate) fn too_few_for_minsources() -> Bed {
    pair(good_server(), &["", ""], client().line("minsources 3")).selected("WW")
}

pub(crate) fn no_majority() -> Bed {
    pair(good_server(), &["", "offset 1946.98"], client()).selected("xx")
}

pub(crate) fn trusted_sources_that_disagree() -> Bed {
    pair(good_server(), &["", "", "trust", "offset 1 trust"], client()).selected("xxxx")
}

pub(crate) fn key_that_is_missing() -> Bed {
    alone(client().line("server 127.0.0.2 port 9 key 77 minpoll 0 maxpoll 0"))
        .until("authdata", |lines| lines[0][1..5] == ["SK", "77", "0", "0"])
}

pub(crate) fn key_that_the_server_does_not_have() -> Bed {
    with_responder(Answers::WithoutKey, "key 1", client()).received()
}

pub(crate) fn answers_that_are_invalid() -> Bed {
    with_responder(Answers::ToAnotherRequest, "", client()).received()
}

pub(crate) fn kiss_of_death() -> Bed {
    with_responder(Answers::Rate, "", client()).received()
}

/// The address from which chronyd must send does not belong to this machine, so the kernel sends nothing. The samples of
/// the reference clock show that polls were due.
pub(crate) fn requests_that_cannot_be_sent() -> Bed {
    let server = "server 127.0.0.2 port 9 iburst minpoll 0 maxpoll 0";
    alone(client().line(server).line("bindacqaddress 192.0.2.1").line(format!("{GPS} noselect")))
        .with_clock("GPS", time(0.0))
        .until("sourcestats", |lines| lines.iter().any(|line| number(line, 1) >= 12))
}

pub(crate) fn unsynchronised_servers() -> Bed {
    pair(Chronyd::builder(), FOUR, client()).until("ntpdata", |lines| {
        lines.iter().all(|line| number(line, 32) >= 1 && number(line, 33) == 0 && line[24] == "101")
    })
}

/// The servers still answer, but have lost their own reference.
pub(crate) fn servers_that_lost_their_own_reference() -> Bed {
    let bed = four("", client()).synchronised();
    bed.server.as_ref().unwrap().chronyc(&["local", "off"]).unwrap();
    bed.lost()
}

/// The fourth source is a server that follows this chronyd.
pub(crate) fn servers_that_follow_each_other() -> Bed {
    let mut bed = pair(good_server(), &[""; 3], client().ntp_port()).synchronised();
    let line = format!("server 127.0.0.1 port {} iburst minpoll 0 maxpoll 0", bed.chronyd.ntp_port().unwrap());
    let follower = Chronyd::builder().ntp_port().line(line).start().unwrap();
    follower.wait_synchronised(PATIENCE).unwrap();
    let port = follower.ntp_port().unwrap().to_string();
    let options = ["iburst", "minpoll", "0", "maxpoll", "0"];
    bed.chronyd.chronyc(&[&["add", "server", "127.0.0.6", "port", &port][..], &options].concat()).unwrap();
    bed.follower = Some(follower);
    bed.until("ntpdata", |lines| lines.iter().any(|line| line[25].ends_with('0') && number(line, 32) >= 8))
}

pub(crate) fn answers_that_are_rejected() -> Bed {
    pair(good_server(), &["", "", "", "maxdelay 1e-9"], client())
        .selected_with("*", "+DM")
        .until("ntpdata", |lines| lines.iter().any(|line| line[25].starts_with('0') && number(line, 32) >= 8))
}

pub(crate) fn distance() -> Bed {
    behind_a_clock("delay 20", client()).selected("dddd")
}

/// The root distance of the servers is more than 16 s, so chronyd ignores their answers (test 7).
pub(crate) fn distance_that_chronyd_ignores() -> Bed {
    behind_a_clock("delay 40", client())
        .until("ntpdata", |lines| lines.iter().all(|line| line[24..26] == ["110", "0000"]))
}

pub(crate) fn too_variable() -> Bed {
    four("", client().line("maxjitter 1e-9")).selected("~~~~")
}

/// The reference clock is right within half a second, and the trusted servers within much less.
pub(crate) fn clock_beside_trusted_servers() -> Bed {
    pair(good_server(), &["trust"; 2], client().line(format!("{GPS} delay 1")))
        .with_clock("GPS", time(0.0))
        .selected_with("*T", "+D")
}

pub(crate) fn monitored_servers_that_contradict_the_clock() -> Bed {
    four("noselect offset 0.05", client().line(GPS)).with_clock("GPS", time(0.0)).selected("*NNNN")
}

pub(crate) fn orphans() -> Bed {
    four("", client().line("local stratum 3 orphan")).selected("OOOO")
}

pub(crate) fn servers_that_never_answered() -> Bed {
    let servers = [6, 7].map(|at| format!("server 127.0.0.{at} port 9 iburst minpoll 0 maxpoll 0"));
    alone(servers.into_iter().fold(client(), Builder::line)).asked()
}

/// In chrony 4.5 and older, no selection runs while the sources die, so only their reach and age show it.
pub(crate) fn servers_that_are_gone() -> Bed {
    let mut bed = four("", client()).synchronised();
    bed.server.as_mut().unwrap().kill();
    bed.lost()
}

/// The states of these sources were W when their server died, and stay W in chrony 4.5 and older.
pub(crate) fn waiting_servers_that_are_gone() -> Bed {
    let mut bed = too_few_for_minsources();
    bed.server.as_mut().unwrap().kill();
    bed.lost()
}

pub(crate) fn clock_without_samples() -> Bed {
    alone(client().line(GPS))
}

pub(crate) fn clock_that_is_gone() -> Bed {
    let mut bed = alone(client().line(GPS)).with_clock("GPS", time(0.0)).selected_with("*", "");
    bed.clocks.clear();
    bed.lost()
}

/// chronyd takes the seconds of the pulses of PPS from the messages of NMEA.
fn with_pulses(nmea: &str, client: Builder) -> Builder {
    client
        .line(format!("refclock SOCK {{folder}}/NMEA refid NMEA poll -2 filter 4 {nmea}"))
        .line("refclock SOCK {folder}/PPS refid PPS lock NMEA poll -2 filter 4")
}

/// The messages come 452 ms late, too late to number the pulses.
pub(crate) fn pulses_without_numbers(nmea: &str) -> Bed {
    pair(good_server(), &[""; 3], with_pulses(nmea, client()))
        .with_clock("NMEA", time(-0.452))
        .with_clock("PPS", Signal::Pulses)
}

pub(crate) fn messages_that_are_late() -> Bed {
    pulses_without_numbers("").selected_with("*xM", "+D")
}

pub(crate) fn messages_that_are_late_and_only_number_pulses() -> Bed {
    pulses_without_numbers("noselect").selected_with("*NM", "+D")
}

pub(crate) fn messages_without_pulses() -> Bed {
    let client = with_pulses("noselect", client());
    pair(good_server(), &[""; 3], client).with_clock("NMEA", time(0.0)).selected_with("*NM", "+D")
}

// Usable sources.

pub(crate) fn gps_is_wrong() -> Bed {
    four("", client().line(GPS)).with_clock("GPS", time(-0.125)).selected_with("x*", "+D")
}

/// The same receiver, with the advised option in its line.
pub(crate) fn gps_is_corrected(advice: &str) -> Bed {
    four("", client().line(format!("{GPS} {advice}")))
        .with_clock("GPS", time(-0.125))
        .until("sources", |lines| lines.iter().all(|line| "*+-".contains(line[1])))
}

/// The clock already agrees with the receiver, because chronyd cannot adjust it with -x.
pub(crate) fn trusted_gps_is_wrong() -> Bed {
    four("offset -0.07", client().line(format!("{GPS} trust"))).with_clock("GPS", time(0.0)).selected("*xxxx")
}

pub(crate) fn falseticker() -> Bed {
    pair(good_server(), &["", "", "", "", "offset 5"], client()).selected_with("x*", "+D")
}

pub(crate) fn uplink_that_broke_lately() -> Bed {
    let bed = four("", client()).synchronised();
    bed.server.as_ref().unwrap().suspend().unwrap();
    let broke = |line: &Vec<&str>| (3..8).contains(&reach(line).trailing_zeros());
    bed.until("sources", |lines| lines.iter().all(broke))
}

/// The server drops requests that are too frequent, so no source has more than a few samples.
pub(crate) fn rate_limited() -> Bed {
    let server = good_server().line("ratelimit interval 4 burst 2 leak 2");
    let lost = |line: &Vec<&str>| {
        reach(line) > 0 && reach(line).count_zeros() > 2 && number(line, 6) < OLD && "*+-".contains(line[1])
    };
    pair(server, FOUR, client())
        .until("tracking", |lines| lines[0][0] != "00000000")
        .until("sources", |lines| lines.iter().all(lost) && lines.iter().any(|line| line[1] == "*"))
}
