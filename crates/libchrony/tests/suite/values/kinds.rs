//! Real chronyds with sources of every kind, compared with the output of chronyc.

use super::real::{chronyc, connect_to, seconds};
use crate::common::*;
use libchrony::{
    AuthData, AuthMode, Connection, KeyType, LeapStatus, NtpData, NtpFlags, NtpMode, Open, SelectData, SelectOptions,
    SelectState, ServerStats, SmoothingFlags, Timestamping,
};
use testbed::{Chronyd, Pair};

/// The word that chronyc prints for a constant.
fn word<T: PartialEq>(value: &Open<T>, words: &[(T, &'static str)]) -> &'static str {
    words.iter().find(|(constant, _)| value == constant).map_or("Invalid", |(_, word)| word)
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "Yes" } else { "No" }
}

fn authentication(name: &str, one: &AuthData) -> String {
    let AuthData { key_id, key_length, last_key_establishment_ago: last, cookies, cookie_length, .. } = one;
    let mode = word(&one.mode, &[(AuthMode::None, "-"), (AuthMode::SymmetricKey, "SK"), (AuthMode::Nts, "NTS")]);
    let kind = match one.key_type {
        Open::Known(kind) => u64::from(kind.number()),
        Open::Unknown(number) => number,
    };
    let (attempts, nak) = (one.key_establishment_attempts, u8::from(one.nak));
    format!("{name},{mode},{key_id},{kind},{key_length},{last},{attempts},{nak},{cookies},{cookie_length}")
}

fn selection(name: &str, one: &SelectData) -> String {
    let state = match one.state {
        Open::Known(state) => char::from(state.number()),
        Open::Unknown(number) => panic!("{number} has no name"),
    };
    let options = |options: SelectOptions| {
        let all = [SelectOptions::NOSELECT, SelectOptions::PREFER, SelectOptions::TRUST, SelectOptions::REQUIRE];
        let letters = all.into_iter().zip(["N", "P", "T", "R"]);
        let letters: Vec<_> =
            letters.map(|(option, letter)| if options.contains(option) { letter } else { "-" }).collect();
        letters.join(",") + ",-"
    };
    let leap =
        word(&one.leap_status, &[(LeapStatus::Normal, "Normal"), (LeapStatus::NotSynchronized, "Not synchronised")]);
    let SelectData { last_sample_ago: last, score, low_limit: low, high_limit: high, .. } = one;
    format!(
        "{state},{name},{},{},{},{last},{score:.1},{low:.9},{high:.9},{leap}",
        if one.authentication { "Y" } else { "N" },
        options(one.configured_options),
        options(one.effective_options)
    )
}

/// The columns from the version to the last one that all versions of chronyc have, except for the name of the
/// reference.
fn measurement(one: &NtpData) -> String {
    let tests = |all: &[NtpFlags]| -> String {
        all.iter().map(|test| if one.flags.contains(*test) { '1' } else { '0' }).collect()
    };
    let mode = word(&one.mode, &[(NtpMode::Server, "Server")]);
    let stamps = [(Timestamping::Daemon, "Daemon"), (Timestamping::Kernel, "Kernel")];
    [
        one.version.to_string(),
        mode.to_owned(),
        one.stratum.to_string(),
        one.poll.to_string(),
        format!("{:.0}", f64::from(one.poll).exp2()),
        one.precision.to_string(),
        format!("{:.9}", f64::from(one.precision).exp2()),
        format!("{:.6}", one.root_delay),
        format!("{:.6}", one.root_dispersion),
        one.reference_id.to_string(),
        seconds(one.ref_time),
        format!("{:.9}", one.offset),
        format!("{:.9}", one.peer_delay),
        format!("{:.9}", one.peer_dispersion),
        format!("{:.9}", one.response_time),
        format!("{:.2}", one.jitter_asymmetry),
        tests(&[NtpFlags::TEST_1, NtpFlags::TEST_2, NtpFlags::TEST_3]),
        tests(&[NtpFlags::TEST_5, NtpFlags::TEST_6, NtpFlags::TEST_7]),
        tests(&[NtpFlags::TEST_A, NtpFlags::TEST_B, NtpFlags::TEST_C, NtpFlags::TEST_D]),
        yes(one.flags.contains(NtpFlags::INTERLEAVED)).to_owned(),
        yes(one.flags.contains(NtpFlags::AUTHENTICATED)).to_owned(),
        word(&one.transmit_timestamping, &stamps).to_owned(),
        word(&one.receive_timestamping, &stamps).to_owned(),
        one.transmitted_messages.to_string(),
        one.received_messages.to_string(),
        one.received_valid_messages.to_string(),
        one.received_good_messages.to_string(),
    ]
    .join(",")
}

/// The columns that all versions of chronyc have, except for the command requests, which chronyc itself sends, too.
fn served(one: &ServerStats) -> String {
    let counts = [
        Some(one.received_ntp_requests),
        Some(one.dropped_ntp_requests),
        Some(one.dropped_command_requests),
        Some(one.dropped_client_log_records),
        one.accepted_nts_ke_connections,
        one.dropped_nts_ke_connections,
        one.received_authenticated_ntp_requests,
        one.received_interleaved_ntp_requests,
        one.held_ntp_timestamps,
        one.ntp_timestamp_span,
    ];
    counts.map(|count| count.unwrap().to_string()).join(",")
}

/// Returns true if each number lies between the two that chronyc shows before and after it. The numbers change all the
/// time, so this is false if one reverses in between.
fn is_smoothed(connection: &Connection, chronyd: &Chronyd) -> bool {
    let before = chronyc(chronyd, "smoothing").remove(0);
    let found = connection.smoothing().unwrap();
    let after = chronyc(chronyd, "smoothing").remove(0);
    assert_eq!([yes(found.flags.contains(SmoothingFlags::ACTIVE)), ""], before[..2]);
    let numbers = [found.offset, found.freq_offset, found.wander, found.last_update_ago, found.remaining_time];
    numbers.into_iter().zip(before[2..].iter().zip(&after[2..])).all(|(number, shown)| {
        let [one, other]: [f64; 2] = [shown.0, shown.1].map(|text| text.parse().unwrap());
        let decimals = shown.0.split_once('.').unwrap().1.len();
        let digit = 0.1_f64.powi(i32::try_from(decimals).unwrap());
        (one.min(other) - digit..=one.max(other) + digit).contains(&number)
    })
}

fn lines(chronyd: &Chronyd, report: &[&str]) -> Vec<String> {
    chronyd.chronyc(report).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn sources_of_every_kind_are_as_chronyc_has_them() {
    let Pair { client, server } = Pair::of_all_kinds(Chronyd::builder()).unwrap();
    // A late or lost response ends the interleaved mode of a source for a while, and costs NTS a cookie.
    let connection = connect_to(&client);
    wait_until("127.0.0.3 in interleaved mode", || {
        let records = connection.ntp_data().unwrap();
        let mut interleaved = records.iter().flatten().filter(|one| one.flags.contains(NtpFlags::INTERLEAVED));
        interleaved.any(|one| one.remote_address.as_deref() == Some("127.0.0.3"))
    });
    wait_until("a cookie for each of the next requests", || {
        connection.auth_data().unwrap()[1].as_ref().is_some_and(|one| (7..=8).contains(&one.cookies))
    });
    // Postpone further measurements. `offline` would make chronyd forget the last ones.
    for number in 1..=7 {
        client.chronyc(&["minpoll", &format!("127.0.0.{number}"), "10"]).unwrap();
    }
    let names: Vec<_> = connection.sources().unwrap().into_iter().map(|source| source.address).collect();
    assert_eq!((names.len(), &*names[0], &*names[12]), (13, "GPS", "ID#0000000001"));

    wait_until("the same authdata as chronyc's", || {
        let records = connection.auth_data().unwrap();
        assert!(records[0].is_none() && records[1..].iter().all(Option::is_some));
        let records = names.iter().zip(&records).filter_map(|(name, one)| Some(authentication(name, one.as_ref()?)));
        records.eq(lines(&client, &["authdata", "-a"]))
    });
    let records: Vec<_> = connection.auth_data().unwrap().into_iter().flatten().collect();
    // The ID of a key is the number of its key establishment, of which there may have been several.
    assert!(records[0].mode == Open::Known(AuthMode::Nts) && records[0].key_id >= 1, "{:?}", records[0]);
    assert!((1..=8).contains(&records[0].cookies) && records[0].key_length >= 128, "{:?}", records[0]);
    assert_eq!((records[1].key_type, records[1].key_length), (Open::Known(KeyType::Sha256), 256));
    assert_eq!((records[7].mode, records[7].key_type), (Open::Known(AuthMode::Nts), Open::Unknown(0)));
    assert_eq!(records[7].key_type.to_string(), "unknown(0)");
    assert!(records[7].key_establishment_attempts >= 1 && records[7].last_key_establishment_ago == u32::MAX);

    wait_until("the same selectdata as chronyc's", || {
        let records = connection.select_data().unwrap();
        let records = names.iter().zip(&records).map(|(name, one)| selection(name, one));
        records.eq(lines(&client, &["selectdata", "-a"]))
    });
    let records = connection.select_data().unwrap();
    assert_eq!(
        (records[4].state, records[4].configured_options),
        (Open::Known(SelectState::Ignored), SelectOptions::NOSELECT)
    );
    assert_eq!(records[1].effective_options, SelectOptions::TRUST | SelectOptions::REQUIRE);

    wait_until("the same ntpdata as chronyc's", || {
        let records = connection.ntp_data().unwrap();
        assert!(records[0].is_none());
        // chronyc hides sources without an address.
        let records: Vec<_> = records[..12].iter().flatten().collect();
        let shown = chronyc(&client, "ntpdata");
        records.iter().zip(&shown).all(|(one, shown)| {
            let local = one.local_address.as_deref().unwrap_or("[UNSPEC]");
            one.remote_address.as_deref() == Some(&shown[0])
                && one.remote_port.to_string() == shown[2]
                && local == shown[3]
                && measurement(one) == [&shown[6..16], &shown[17..34]].concat().join(",")
        }) && records.len() == shown.len()
    });
    let records = connection.ntp_data().unwrap();
    let interleaved = records.iter().flatten().filter(|one| one.flags.contains(NtpFlags::INTERLEAVED));
    assert!(interleaved.map(|one| one.remote_address.as_deref()).eq([Some("127.0.0.3")]));
    let unresolved = records[12].as_ref().unwrap();
    assert_eq!((unresolved.remote_address.as_deref(), unresolved.mode), (Some("ID#0000000001"), Open::Unknown(0)));

    wait_until("the same smoothing as chronyc's", || is_smoothed(&connection, &client));

    let connection = connect_to(&server);
    wait_until("the same serverstats as chronyc's", || {
        let shown = &chronyc(&server, "serverstats")[0];
        served(&connection.server_stats().unwrap()) == [&shown[..2], &shown[3..11]].concat().join(",")
    });
    let stats = connection.server_stats().unwrap();
    assert!(stats.received_ntp_requests >= 28 && stats.received_interleaved_ntp_requests >= Some(2), "{stats:?}");
    assert!(stats.received_authenticated_ntp_requests >= Some(12) && stats.received_command_requests > 0, "{stats:?}");

    let connection = connect_to(&client);
    let shows = |numbers: [u32; 5]| {
        let found = connection.activity().unwrap();
        let online = [found.online_sources, found.offline_sources];
        let bursts = [found.burst_online_sources, found.burst_offline_sources];
        [&online[..], &bursts, &[found.unresolved_sources]].concat() == numbers
            && lines(&client, &["activity"]) == [numbers.map(|number| number.to_string()).join(",")]
    };
    wait_until("a source offline, and one without an address", || shows([10, 1, 0, 0, 1]));
    client.chronyc(&["burst", "4/4", "127.0.0.103"]).unwrap();
    client.chronyc(&["burst", "4/4", "127.0.0.104"]).unwrap();
    wait_until("two bursts", || shows([9, 0, 1, 1, 1]));
}
