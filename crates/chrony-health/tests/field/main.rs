//! Judges real chronyds in the states that administrators know (`make test-field`).
//!
//! Each state has a scripted twin in `tests/facts`, which is quick. A real chronyd must be judged like its twin. These
//! tests take minutes, so `make test` leaves them out.
#![expect(clippy::unwrap_used, reason = "tests fail")]

mod beds;

use beds::Bed;
use chrony_health::{Level, Limits, Measure, Policy, Text, assess};
use libchrony::{Address, Connection};
use std::time::Duration;
use testbed::Case;

/// Asserts that this is the first cause in the verdict on the chronyd at this address, or that nothing is wrong.
fn expect_at(address: &str, policy: Policy, cause: Option<&str>) {
    let connection = Connection::builder().address(Address::parse(address).unwrap()).build().unwrap();
    // These chronyds have just started.
    let (facts, verdict) = assess(&connection, &policy.with_grace(Duration::ZERO));
    assert!(facts.tracking.is_ok() && facts.sources.is_ok() && facts.activity.is_ok());
    assert_eq!(verdict.causes.first().map(|named| named.cause.name), cause, "{}", verdict.headline);
    assert_eq!(verdict.worst > Level::Ok, cause.is_some(), "{}", verdict.headline);
    let twins = Case::all().unwrap();
    assert!(twins.iter().any(|case| case.cause.as_deref() == cause), "no twin of {cause:?}");
}

fn expect(bed: &Bed, cause: &str) {
    expect_at(bed.chronyd.socket().to_str().unwrap(), Policy::default(), Some(cause));
}

#[test]
fn nts_with_plain_servers() {
    let bed = beds::nts_with_plain_servers();
    let policy = Policy::default().with(Measure::named("nts").unwrap(), Limits::default());
    expect_at(bed.chronyd.socket().to_str().unwrap(), policy, Some("nts-no-keys"));
}

#[test]
fn good_over_the_command_port() {
    let bed = beds::good_over_the_command_port();
    expect_at(&format!("127.0.0.1:{}", bed.chronyd.command_port().unwrap()), Policy::default(), None);
}

/// A wrong sign would double the error.
#[test]
fn the_offset_that_is_advised_corrects_a_reference_clock() {
    let bed = beds::gps_is_wrong();
    let connection = Connection::builder().address(Address::parse(bed.chronyd.socket()).unwrap()).build().unwrap();
    let (_, verdict) = assess(&connection, &Policy::default());
    let Some(Text::ChronyConf(advice)) = &verdict.causes[0].advice.steps[0].text else { panic!("{verdict:?}") };
    assert!(advice.starts_with("offset 0.12"), "{advice}");
    let corrected = beds::gps_is_corrected(advice);
    expect_at(corrected.chronyd.socket().to_str().unwrap(), Policy::default(), None);
}

macro_rules! cases {
    ($($bed:ident => $cause:literal),+ $(,)?) => {
        $(
            #[test]
            fn $bed() {
                expect(&beds::$bed(), $cause);
            }
        )+
    };
}

cases! {
    far_slow => "slewing",
    far_fast => "slewing",
    without_control_of_the_clock => "slewing",
    years_off => "years-off",
    stratum_16 => "stratum-16",
    chain_that_ends_in_a_local_clock => "server-local",
    isolated_on_purpose => "local-only",
    one_server_on_purpose => "one-source",
    change_that_is_ignored => "change-ignored",
    no_sources => "no-sources",
    names_without_address => "no-addresses",
    offline => "offline",
    only_watching => "all-noselect",
    nts_required => "nts-only",
    nts_with_plain_servers_by_default => "nts-insisted",
    nts_without_keys => "nts-no-keys",
    required_source_that_is_dead => "required-missing",
    too_few_for_minsources => "minsources",
    no_majority => "no-majority",
    trusted_sources_that_disagree => "no-majority",
    key_that_is_missing => "key-missing",
    unsynchronised_servers => "unsynchronised-servers",
    servers_that_lost_their_own_reference => "unsynchronised-servers",
    servers_that_follow_each_other => "loop",
    answers_that_are_rejected => "rejected",
    distance => "too-far",
    too_variable => "jittery",
    orphans => "orphans",
    servers_that_never_answered => "never-answered",
    servers_that_are_gone => "sources-lost",
    waiting_servers_that_are_gone => "sources-lost",
    clock_without_samples => "clock-silent",
    clock_that_is_gone => "clock-lost",
    gps_is_wrong => "clock-falseticker",
    trusted_gps_is_wrong => "trusted-wrong",
    falseticker => "falsetickers",
    uplink_that_broke_lately => "lost-answers",
    rate_limited => "lost-answers",
}
