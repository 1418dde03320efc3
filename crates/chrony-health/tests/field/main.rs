//! Judges real chronyds in the states that administrators know (`make test-field`).
//!
//! Each state has a scripted twin in `tests/facts`, which is quick. A real chronyd must be judged like its twin. These
//! tests take a minute, so `make test` leaves them out.
#![expect(clippy::panic, clippy::unwrap_used, reason = "tests fail")]

mod bed;
mod beds;
mod responder;

use bed::Bed;
use chrony_health::{Cause, Level, Limits, Measure, Policy, Text, Verdict, assess};
use libchrony::{Address, Connection};
use rustix::process::{Uid, geteuid};
use rustix::thread::set_thread_uid;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;
use testbed::Case;

/// The time that a chronyd has to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The causes without a real chronyd, each with the reason.
const WITHOUT_A_BED: &[(&str, &str)] = &[
    ("no-libchrony", "it is a fault of the reading program"),
    ("other-machine", "all chronyds on one machine have the same clock"),
    ("leap-second", "chronyd announces one only on the last days of June and December"),
];

#[test]
fn each_cause_has_a_bed_or_a_reason_to_have_none() {
    let is_named = |name: &&str| include_str!("main.rs").contains(&format!("\"{name}\""));
    let forgotten: Vec<_> = Cause::ALL.iter().map(|cause| cause.name).filter(|name| !is_named(name)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
    assert!(WITHOUT_A_BED.iter().all(|(name, _)| Cause::named(name).is_some()));
}

/// Asserts that this is the first cause in the verdict on the chronyd at this address, or that nothing is wrong.
fn expect_at(address: &str, policy: Policy, cause: Option<&str>) {
    let connection = Connection::builder().address(Address::parse(address).unwrap()).timeout(TIMEOUT).build().unwrap();
    // These chronyds have just started.
    let (_, verdict) = assess(&connection, &policy.with_grace(Duration::ZERO));
    assert_eq!(verdict.causes.first().map(|named| named.cause.name), cause, "{}", verdict.headline);
    assert_eq!(verdict.worst > Level::Ok, cause.is_some(), "{}", verdict.headline);
    let is_it = |name: &Option<String>| name.as_deref() == cause;
    let has_twin = Case::all().unwrap().iter().any(|case| is_it(&case.cause) || is_it(&case.over_the_port));
    assert!(has_twin, "no twin of {cause:?}");
}

fn expect(bed: &Bed, policy: Policy, cause: &str) {
    expect_at(bed.chronyd.socket().to_str().unwrap(), policy, Some(cause));
}

fn expect_over_the_port(bed: &Bed, policy: Policy, cause: Option<&str>) {
    expect_at(&format!("127.0.0.1:{}", bed.chronyd.command_port().unwrap()), policy, cause);
}

/// Changes the user of this thread only. A test without root's rights takes away its own rights to the folder.
fn become_another_user(bed: &Bed) {
    if geteuid().is_root() {
        set_thread_uid(Uid::from_raw(65534)).unwrap();
    } else {
        fs::set_permissions(bed.chronyd.folder(), Permissions::from_mode(0o600)).unwrap();
    }
}

fn with_nts() -> Policy {
    Policy::default().with(Measure::named("nts").unwrap(), Limits::default())
}

#[test]
fn nts_with_plain_servers() {
    expect(&beds::nts_with_plain_servers(), with_nts(), "nts-no-keys");
}

#[test]
fn good() {
    let bed = beds::good();
    expect(&bed, with_nts(), "no-nts");
    expect_over_the_port(&bed, with_nts(), Some("authentication-unknown"));
    expect_over_the_port(&bed, Policy::default(), None);
}

/// The Unix socket refuses another user. The command port of chrony 4.7 and later refuses what `opencommands` omits.
#[test]
fn no_permission() {
    let bed = beds::no_sources();
    thread::scope(|scope| {
        scope.spawn(|| {
            become_another_user(&bed);
            expect(&bed, Policy::default(), "no-permission");
        });
    });
    // Otherwise its folder could not be removed.
    fs::set_permissions(bed.chronyd.folder(), Permissions::from_mode(0o700)).unwrap();
    refused("activity", "no-permission");
}

#[test]
fn sources_that_are_refused() {
    refused("tracking activity", "sources-unknown");
}

fn refused(open: &str, cause: &str) {
    match beds::open_commands(open) {
        Ok(bed) => expect_over_the_port(&bed, Policy::default(), Some(cause)),
        Err(error) => assert!(error.to_string().contains("Invalid directive"), "{error}"),
    }
}

#[test]
fn stratum_out_of_range() {
    match beds::stratum_out_of_range() {
        Ok(bed) => expect(&bed, Policy::default(), "stratum-out-of-range"),
        Err(error) => assert!(error.to_string().contains("Invalid directive"), "{error}"),
    }
}

/// The bound is still good, and its growth with time is the largest part of it.
#[test]
fn bounds_that_grow() {
    let bound = Measure::named("bound").unwrap();
    let policy = || Policy::default().with(bound, Limits::parse("1us,10s", bound).unwrap());
    expect(&beds::uncertain_frequency(), policy(), "long-polls");
    expect(&beds::frequency_that_is_unknown(), policy(), "frequency-unknown");
}

/// An offset with the wrong sign would double the error.
#[test]
fn the_offset_that_is_advised_corrects_a_reference_clock() {
    let bed = beds::gps_is_wrong();
    let connection = Connection::builder().address(Address::parse(bed.chronyd.socket()).unwrap()).build().unwrap();
    let (_, verdict) = assess(&connection, &Policy::default());
    let corrected = beds::gps_is_corrected(&advised(&verdict, "offset 0.12"));
    expect_at(corrected.chronyd.socket().to_str().unwrap(), Policy::default(), None);
}

/// Once the messages are right, the pulses get their seconds, so that no source lacks samples.
#[test]
fn the_offset_that_is_advised_numbers_the_pulses() {
    let bed = beds::messages_that_are_late();
    let connection = Connection::builder().address(Address::parse(bed.chronyd.socket()).unwrap()).build().unwrap();
    let (_, verdict) = assess(&connection, &Policy::default());
    let corrected = beds::pulses_without_numbers(&advised(&verdict, "offset 0.45"));
    corrected.until("sources", |lines| lines.iter().all(|line| "*+-".contains(line[1])));
}

/// Returns the line of chrony.conf that the first cause advises.
fn advised(verdict: &Verdict, start: &str) -> String {
    let Some(Text::ChronyConf(advice)) = &verdict.causes[0].advice.steps[0].text else { panic!("{verdict:?}") };
    assert!(advice.starts_with(start), "{advice}");
    advice.clone()
}

macro_rules! cases {
    ($($bed:ident => $cause:literal $(, over the port $port:literal)?;)+) => {
        $(
            #[test]
            fn $bed() {
                let bed = beds::$bed();
                expect(&bed, Policy::default(), $cause);
                $(expect_over_the_port(&bed, Policy::default(), Some($port));)?
            }
        )+
    };
}

cases! {
    far_slow => "slewing";
    far_fast => "slewing";
    without_control_of_the_clock => "slewing";
    years_off => "years-off";
    stratum_16 => "stratum-16";
    chain_that_ends_in_a_local_clock => "server-local", over the port "chain-local";
    isolated_on_purpose => "local-only";
    one_server_on_purpose => "one-source";
    change_that_is_ignored => "change-ignored";
    frequency_that_is_out_of_range => "frequency-broken";
    distance_of_half_the_limit => "far-servers";
    uncertain_servers => "dispersion";
    three_servers => "few-sources";
    starting => "starting";
    suspended => "silence";
    killed => "no-chronyd";
    no_sources => "no-sources";
    names_without_address => "no-addresses";
    offline => "offline";
    only_watching => "all-noselect", over the port "unusable";
    nts_required => "nts-only";
    nts_with_plain_servers_by_default => "nts-insisted";
    nts_without_keys => "nts-no-keys";
    nts_without_answers => "nts-silent";
    nts_that_is_refused => "nts-refused";
    required_source_that_is_dead => "required-missing", over the port "waits";
    too_few_for_minsources => "minsources";
    no_majority => "no-majority";
    trusted_sources_that_disagree => "no-majority";
    key_that_is_missing => "key-missing";
    key_that_the_server_does_not_have => "key-rejected";
    answers_that_are_invalid => "invalid-answers";
    kiss_of_death => "rate-limited";
    requests_that_cannot_be_sent => "not-sent";
    unsynchronised_servers => "unsynchronised-servers";
    servers_that_lost_their_own_reference => "unsynchronised-servers";
    servers_that_follow_each_other => "loop";
    answers_that_are_rejected => "rejected";
    distance => "too-far";
    distance_that_chronyd_ignores => "too-far";
    too_variable => "jittery";
    clock_beside_trusted_servers => "not-trusted";
    monitored_servers_that_contradict_the_clock => "disagree";
    orphans => "orphans";
    servers_that_never_answered => "never-answered", over the port "no-usable-answer";
    servers_that_are_gone => "sources-lost";
    waiting_servers_that_are_gone => "sources-lost";
    clock_without_samples => "clock-silent";
    clock_that_is_gone => "clock-lost";
    messages_that_are_late => "clocks-wait";
    messages_that_are_late_and_only_number_pulses => "clocks-wait";
    messages_without_pulses => "clock-silent";
    gps_is_wrong => "clock-falseticker";
    trusted_gps_is_wrong => "trusted-wrong";
    falseticker => "falsetickers";
    uplink_that_broke_lately => "lost-answers";
    rate_limited => "lost-answers";
}
