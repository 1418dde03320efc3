//! Real chronyds, each in a state that administrators know. A function returns when the state is reached.

use std::time::Duration;

use testbed::{Builder, Chronyd, FOUR, Pair, RefClock};

/// The slowest state, a lost source, takes about 20 s.
const PATIENCE: Duration = Duration::from_secs(90);
/// The age in seconds at which samples are too old, for sources that are polled every second: more than eight polls.
const OLD: u32 = 9;

/// A server with NTS on ports where nothing listens. Port 9 belongs to the discard protocol, which no test starts.
const DEAD: &str = "server 127.0.0.9 port 9 nts ntsport 9 minpoll 0 maxpoll 0";
const GPS: &str = "refclock SOCK {folder}/gps.sock refid GPS poll -2 filter 4";

/// A chronyd, and what it depends on.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) chronyd: Chronyd,
    server: Option<Chronyd>,
    clock: Option<RefClock>,
    follower: Option<Chronyd>,
}

impl Bed {
    /// Waits until a condition holds for the lines of a report, split into fields.
    fn until(self, report: &str, holds: impl Fn(&[Vec<&str>]) -> bool) -> Self {
        let holds = |output: &str| holds(&output.lines().map(|line| line.split(',').collect()).collect::<Vec<_>>());
        self.chronyd.wait_until(&[report], PATIENCE, holds).unwrap();
        self
    }

    /// Waits until the states of the sources in selectdata are these letters, in any order. An s counts as M: chrony
    /// 4.5 and older have s for a source without samples, once a selection has run.
    fn selected(self, letters: &str) -> Self {
        let sorted = |letters: String| {
            let mut letters = letters.replace('s', "M").into_bytes();
            letters.sort_unstable();
            letters
        };
        let wanted = sorted(letters.to_owned());
        self.until("selectdata", |lines| sorted(lines.iter().map(|line| line[0]).collect()) == wanted)
    }

    /// Waits until chronyd has selected a source, and has at least four samples of each source.
    fn synchronised(self) -> Self {
        self.selected_with("*", "+D").until("sourcestats", |lines| lines.iter().all(|line| number(line, 1) >= 4))
    }

    /// Waits until there are sources in these states, and all others are in one of `others`.
    fn selected_with(self, letters: &str, others: &str) -> Self {
        self.until("selectdata", |lines| {
            let has = |letter: char| lines.iter().any(|line| line[0].starts_with(letter));
            letters.chars().all(has) && lines.iter().all(|line| letters.contains(line[0]) || others.contains(line[0]))
        })
    }

    /// Waits until no source answers any more, and all samples are too old.
    fn lost(self) -> Self {
        self.until("sources", |lines| lines.iter().all(|line| line[5] == "0" && number(line, 6) >= OLD))
    }

    /// Waits until attempts to get NTS keys have failed for `sources` sources.
    fn without_keys(self, sources: usize) -> Self {
        let failed = |line: &Vec<&str>| line[1] == "NTS" && number(line, 4) == 0 && number(line, 6) >= 1;
        self.until("authdata", |lines| lines.iter().filter(|line| failed(line)).count() == sources)
    }

    /// Waits until at least one message was sent to each source.
    fn asked(self) -> Self {
        self.until("ntpdata", |lines| lines.iter().all(|line| number(line, 30) >= 1))
    }
}

fn number(line: &[&str], field: usize) -> u32 {
    line[field].parse().unwrap()
}

fn reach(line: &[&str]) -> u8 {
    u8::from_str_radix(line[5], 8).unwrap()
}

fn client() -> Builder {
    Chronyd::builder()
}

fn good_server() -> Builder {
    Chronyd::builder().line("local stratum 3")
}

/// A client of a server, with a source for each of these options.
fn pair(server: Builder, sources: &[&str], client: Builder) -> Bed {
    let Pair { client, server } = Pair::of(server, sources, client).unwrap();
    Bed { chronyd: client, server: Some(server), clock: None, follower: None }
}

/// A client of four good servers, with these options.
fn four(options: &str, client: Builder) -> Bed {
    pair(good_server(), &[options; 4], client)
}

fn alone(client: Builder) -> Bed {
    Bed { chronyd: client.start().unwrap(), server: None, clock: None, follower: None }
}

/// Sends samples to [`GPS`], by which the system clock is slow by `offset` seconds.
fn with_gps(mut bed: Bed, offset: f64) -> Bed {
    bed.clock = Some(RefClock::start(&bed.chronyd.folder().join("gps.sock"), offset).unwrap());
    bed
}

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

/// A right clock, with a command port.
pub(crate) fn good_over_the_command_port() -> Bed {
    four("", client().command_port()).synchronised().selected_with("+", "*D")
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
    four("noselect", client()).selected("NNNN")
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
    four("", client().line(DEAD).line(other).line("authselectmode ignore")).without_keys(2).selected_with("*", "+DMs")
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
        .selected_with("*", "+DMs")
        .until("ntpdata", |lines| lines.iter().any(|line| line[25].starts_with('0') && number(line, 32) >= 8))
}

pub(crate) fn distance() -> Bed {
    four("", client().line("maxdistance 1e-9")).selected("dddd")
}

pub(crate) fn too_variable() -> Bed {
    four("", client().line("maxjitter 1e-9")).selected("~~~~")
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
    let mut bed = with_gps(alone(client().line(GPS)), 0.0).selected_with("*", "");
    bed.clock = None;
    bed.lost()
}

// Usable sources.

pub(crate) fn gps_is_wrong() -> Bed {
    with_gps(four("", client().line(GPS)), -0.125).selected_with("x*", "+D")
}

/// The same receiver, with the advised option in its line.
pub(crate) fn gps_is_corrected(advice: &str) -> Bed {
    with_gps(four("", client().line(format!("{GPS} {advice}"))), -0.125)
        .until("sources", |lines| lines.iter().all(|line| "*+-".contains(line[1])))
}

/// The clock already agrees with the receiver, because chronyd cannot adjust it with -x.
pub(crate) fn trusted_gps_is_wrong() -> Bed {
    with_gps(four("offset -0.07", client().line(format!("{GPS} trust"))), 0.0).selected("*xxxx")
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
