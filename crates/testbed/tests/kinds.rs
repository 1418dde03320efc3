//! A pair of real chronyds has values for the reports about authentication, selection, measurements and serving, as
//! chronyc shows them.

use std::time::Duration;

use testbed::{Chronyd, Pair};

const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the output of chronyc, as lines of fields.
fn table(chronyd: &Chronyd, args: &[&str]) -> Vec<Vec<String>> {
    parse(&chronyd.chronyc(args).unwrap())
}

fn parse(printed: &str) -> Vec<Vec<String>> {
    printed.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Returns the line of this source, without the fields before its name.
fn line(table: &[Vec<String>], name: &str) -> String {
    let from = |line: &Vec<String>| line.iter().position(|field| field == name).map(|first| line[first..].join(","));
    table.iter().find_map(from).unwrap_or_else(|| panic!("{name} is not in {table:?}"))
}

#[test]
fn a_client_has_sources_of_every_kind() {
    let pair = Pair::of_all_kinds(Chronyd::builder()).unwrap();
    authentication(&pair.client);
    selection(&pair.client);
    measurements(&pair.client);
    activity(&pair.client);
    smoothing(&pair.client);
    serving(&pair.server);
}

fn authentication(client: &Chronyd) {
    // Mode, key ID, type, length, age, attempts, NAK, cookies, length of a cookie.
    // NTS takes a cookie for each request, and gets one with each response.
    let cookies_of = |printed: &str| -> Option<u32> {
        let nts = printed.lines().find(|line| line.starts_with("127.0.0.1,"))?;
        nts.split(',').nth(8)?.parse().ok()
    };
    let has_cookies = |printed: &str| cookies_of(printed).is_some_and(|cookies| (7..=8).contains(&cookies));
    let authdata = parse(&client.wait_until(&["authdata", "-a"], PATIENCE, has_cookies).unwrap());
    let nts: Vec<u32> = line(&authdata, "127.0.0.1").split(',').skip(2).map(|field| field.parse().unwrap()).collect();
    let &[id, kind, length, age, _attempts, nak, cookies, cookie_length] = nts.as_slice() else { panic!("{nts:?}") };
    // AEAD-AES-SIV-CMAC-256, or AEAD-AES-128-GCM-SIV if both support it.
    assert!((kind, length) == (15, 256) || (kind, length) == (30, 128), "{nts:?}");
    // A key that was established again has the next number.
    assert!(id >= 1 && age < 120 && nak == 0 && (7..=8).contains(&cookies) && cookie_length >= 64, "{nts:?}");
    for (name, expected) in [
        ("127.0.0.2", "SK,3,3,256,4294967295,0,0,0,0"),
        ("127.0.0.3", "-,0,0,0,4294967295,0,0,0,0"),
        ("127.0.0.7", "SK,13,13,128,4294967295,0,0,0,0"),
        ("127.0.0.101", "NTS,0,0,0,4294967295,1,0,0,0"),
        ("127.0.0.102", "NTS,0,0,0,4294967295,1,0,0,0"),
        ("127.0.0.104", "SK,4294967295,0,0,4294967295,0,0,0,0"),
        ("ID#0000000001", "-,0,0,0,4294967295,0,0,0,0"),
    ] {
        // A key establishment that failed is tried again after a while.
        let mut fields: Vec<_> = line(&authdata, name).split(',').map(str::to_owned).collect();
        if fields[1] == "NTS" && fields[6] != "0" {
            "1".clone_into(&mut fields[6]);
        }
        assert_eq!(fields.join(","), format!("{name},{expected}"));
    }
    let log = client.log();
    assert!(log.contains("name in the certificate does not match") && log.contains("Connection refused"), "{log}");
}

fn selection(client: &Chronyd) {
    // At each selection, no source is selected for a moment, while the preferred source waits for a measurement.
    let is_selected = |printed: &str| printed.lines().filter(|line| line.starts_with('*')).count() == 1;
    let selectdata = parse(&client.wait_until(&["selectdata", "-a"], PATIENCE, is_selected).unwrap());
    // Authentication, and the options that are configured.
    for (name, expected) in [
        ("GPS", "N,-,-,-,-"),
        ("127.0.0.1", "Y,-,-,-,-"),
        ("127.0.0.2", "Y,-,-,-,-"),
        ("127.0.0.3", "N,-,-,-,-"),
        ("127.0.0.4", "N,N,-,-,-"),
        ("127.0.0.5", "N,-,P,-,-"),
        ("127.0.0.6", "N,-,-,T,-"),
        ("127.0.0.7", "Y,-,-,-,R"),
        ("ID#0000000001", "N,-,-,-,-"),
    ] {
        let line = line(&selectdata, name);
        assert!(line.starts_with(&format!("{name},{expected},")), "{line}");
    }
    // If only some sources are authenticated, chronyd gives them the options trust and require.
    assert!(line(&selectdata, "127.0.0.1").starts_with("127.0.0.1,Y,-,-,-,-,-,-,-,T,R,"), "{selectdata:?}");
    // The state of a source without a sample in chrony 4.3, and in newer versions.
    assert!(["s", "M"].contains(&selectdata[0][0].as_str()), "{selectdata:?}");
    assert_eq!(selectdata[0][1], "GPS");
}

fn measurements(client: &Chronyd) {
    // A late or lost response ends the interleaved mode of a source for a while.
    let is_as_told = |printed: &str| {
        [("127.0.0.1", "No", "Yes"), ("127.0.0.2", "No", "Yes"), ("127.0.0.3", "Yes", "No"), ("127.0.0.4", "No", "No")]
            .into_iter()
            .all(|(name, interleaved, authenticated)| {
                let line = line(&parse(printed), name);
                let fields: Vec<&str> = line.split(',').collect();
                (fields[7], fields[26], fields[27]) == ("Server", interleaved, authenticated)
            })
    };
    let ntpdata = parse(&client.wait_until(&["ntpdata"], PATIENCE, is_as_told).unwrap());
    // There is a line for a source that has never answered, but none for the reference clock and for the name.
    let silent = line(&ntpdata, "127.0.0.103");
    assert!(silent.starts_with("127.0.0.103,7F000067,9,[UNSPEC],00000000,Normal,0,Invalid,0,"), "{silent}");
    assert_eq!((ntpdata.len(), table(client, &["sources", "-a"]).len()), (11, 13));
}

fn activity(client: &Chronyd) {
    assert_eq!(table(client, &["activity"])[0].join(","), "10,1,0,0,1");
    // The source that is offline, and an online source that does not answer, either.
    client.chronyc(&["burst", "4/4", "127.0.0.103"]).unwrap();
    client.chronyc(&["burst", "4/4", "127.0.0.104"]).unwrap();
    client.wait_until(&["activity"], PATIENCE, |activity| activity == "9,0,1,1,1\n").unwrap();
}

fn smoothing(client: &Chronyd) {
    assert!(client.chronyc(&["smoothing"]).unwrap().starts_with("Yes,,"));
}

fn serving(server: &Chronyd) {
    let serverstats = server.chronyc(&["serverstats"]).unwrap();
    let counts: Vec<u64> = serverstats.trim().split(',').map(|count| count.parse().unwrap()).collect();
    let [received, dropped, commands, _, _, accepted, _, authenticated, interleaved, held, ..] = counts[..] else {
        panic!("{serverstats}")
    };
    // At least four measurements of each of seven sources, three of which are authenticated.
    assert!(received >= 28 && dropped == 0 && commands >= 1, "{serverstats}");
    // A connection is accepted before the client looks at the certificate. Either may have been tried again.
    assert!(accepted >= 2, "{serverstats}");
    assert!(authenticated >= 12 && interleaved >= 2 && held >= 2, "{serverstats}");
}

#[test]
fn a_server_that_is_not_asked_for_nts_has_no_certificate() {
    let pair = Pair::start(Chronyd::builder().line("server 127.0.0.9 {server} key 14")).unwrap();
    assert_eq!(pair.server.certificate(), None);
    assert!(pair.client.chronyc(&["authdata"]).unwrap().starts_with("127.0.0.9,SK,14,14,256,"));
    let refused = pair.client.chronyc(&["smoothing"]).unwrap_err().to_string();
    assert!(refused.contains("505 Facility not enabled"), "{refused}");
}

#[test]
fn each_key_has_the_type_of_its_number() {
    let numbers = (1..=9).chain([13, 14]);
    let client = numbers.clone().fold(Chronyd::builder(), |client, number| {
        client.line(format!("server 127.0.0.{number} {{server}} key {number}"))
    });
    let pair = Pair::start(client).unwrap();
    let authdata = table(&pair.client, &["authdata"]);
    for number in numbers {
        let line = line(&authdata, &format!("127.0.0.{number}"));
        assert!(line.contains(&format!(",SK,{number},{number},")), "{line}");
    }
}
