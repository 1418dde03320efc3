//! Tests of `check`: the line, the performance data, the options and the exit codes.

use crate::clocks::{clock, right};
use crate::support::{Ran, ask, program, run, unprivileged, wait_until};
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use testbed::{Chronyd, Fault, Pair, Scripted};

const AUTHDATA: u16 = 67;
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the performance data of a line: label, value, warning, critical, smallest, and the largest if there is one.
fn data(line: &str) -> Vec<Vec<String>> {
    let (_, data) = line.trim_end().split_once(" | ").unwrap();
    let datum = |datum: &str| {
        let (label, values) = datum.split_once('=').unwrap();
        let label = label.strip_prefix('\'').and_then(|label| label.strip_suffix('\'')).unwrap();
        [label].into_iter().chain(values.split(';')).map(str::to_owned).collect()
    };
    data.split(' ').map(datum).collect()
}

/// Returns a value of performance data as a number.
fn value(line: &str, label: &str) -> f64 {
    let data = data(line);
    let datum = data.iter().find(|datum| datum[0] == label).unwrap();
    datum[1].trim_end_matches(['s', '%']).parse().unwrap()
}

#[test]
fn it_prints_one_line_with_performance_data() {
    let ran = ask(right().socket(), "check --nts --skew ,");
    assert_eq!((ran.code, ran.out.lines().count(), &*ran.err), (Some(2), 1, ""), "{}", ran.out);
    let labels = "reference leap bound offset stratum age sources reach falsetickers agreement skew nts";
    assert_eq!(data(&ran.out).iter().map(|datum| &*datum[0]).collect::<Vec<_>>().join(" "), labels);
    let bound = value(&ran.out, "bound");
    // |current correction| + root dispersion + root delay / 2
    assert!((bound - 0.004_012).abs() < 1e-7, "{bound}");
    let age = value(&ran.out, "age");
    assert!((10.0..60.0).contains(&age), "{age}");
    for datum in [
        "'leap'=0;0;2;0",
        "'stratum'=2;1:9;1:15;0",
        "'sources'=4;4:;1:;0",
        "'reach'=100%;75:;;0;100",
        "'falsetickers'=0;0;;0",
        "'nts'=0%;100:;1:;0;100",
    ] {
        assert!(ran.out.contains(datum), "{datum}: {}", ran.out);
    }
    assert!(ran.out.contains("s;2048;4096;0"), "the age has its limits in seconds: {}", ran.out);
    let chronyd = right();
    let plain = ask(chronyd.socket(), "check").out;
    assert!(!plain.contains("nts") && !plain.contains("skew"), "what is not asked for is not there: {plain}");
}

#[test]
fn the_verdict_for_programs_is_as_its_schema_says() {
    let schema = serde_json::from_str(&run(["schema", "verdict"]).fine()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (chronyd, options, code) in [
        (right(), "", 0),
        (right(), " --nts --bound 1ms,", 2),
        (clock(&json!({"current correction": 0.02}), &json!({"sources": 1})), "", 1),
    ] {
        let text = ask(chronyd.socket(), &format!("check{options}")).out;
        let ran = ask(chronyd.socket(), &format!("check{options} --format json"));
        assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{}", ran.out);
        let verdict = serde_json::from_str(&ran.out).unwrap();
        let faults: Vec<_> = schema.iter_errors(&verdict).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}: {}", ran.out);
        let cause = verdict["causes"][0]["name"].as_str();
        let name = cause.map_or_else(String::new, |name| format!(" [{name}]"));
        let line = format!(
            "CHRONY {}: {}{name} | ",
            verdict["level"].as_str().unwrap().to_uppercase(),
            verdict["headline"].as_str().unwrap()
        );
        assert!(text.starts_with(&line), "{line}: {text}");
    }
    // A failure of the program itself has no verdict.
    let ran = run(["check", "--format", "json", "--bound", "5"]);
    assert!(ran.code == Some(3) && ran.out.starts_with("CHRONY UNKNOWN: "), "{ran:?}");
}

#[test]
fn limits_are_those_that_are_given() {
    // A bound of 4.012 ms, an offset of 12 us, stratum 2, updated 10 s ago, four sources, reach 100 %, leap normal.
    let chronyd = right();
    for (options, code) in [
        ("--bound 4ms,1", 1),
        ("--bound 4.1ms,", 0),
        ("--bound 1ms,4ms", 2),
        ("--bound ,0.004s", 2),
        ("--offset 10us,1", 1),
        ("--offset @10us:20us,", 1),
        ("--offset -1ms:1us,", 1),
        ("--stratum 1,3", 1),
        ("--stratum 1,1", 2),
        ("--stratum ~:,3:", 2),
        ("--age 5s,1h", 1),
        ("--age ,5", 2),
        ("--sources 5:,1:", 1),
        ("--sources 5:,5:", 2),
        ("--reach ,@100%", 2),
        ("--leap @0,", 1),
        ("--falsetickers 1:,", 1),
        ("--skew 0.01,0.1", 1),
        ("--reference 0,", 1),
        ("--nts 0:,0:", 0),
        ("--bound 1ms,4ms --bound", 3),
    ] {
        let ran = ask(chronyd.socket(), &format!("check {options}"));
        assert_eq!(ran.code, Some(code), "{options}: {}", ran.out);
    }
}

#[test]
fn nts_is_judged_when_it_is_asked_for() {
    let nts = json!({"mode": 2, "key ID": 3, "key type": 15, "key length": 256, "cookies": 8});
    // Keys that were never established do not count.
    let none = json!({"mode": 2, "key ID": 0});
    let plain = json!({"mode": 0});
    for (auth_data, code, percent) in [
        (json!([nts, nts, nts, nts]), 0, 100.0),
        (json!([nts, nts, nts, plain]), 1, 75.0),
        (json!([none, none, plain, plain]), 2, 0.0),
    ] {
        let sources: Vec<_> = (1..=4).map(|last| json!({"address": format!("192.0.2.{last}")})).collect();
        let chronyd = clock(&json!({}), &json!({"sources": sources, "authdata": auth_data}));
        let ran = ask(chronyd.socket(), "check --nts");
        assert_eq!((ran.code, value(&ran.out, "nts")), (Some(code), percent), "{}", ran.out);
        let asked = chronyd.requests().get(&AUTHDATA).copied();
        assert_eq!(ask(chronyd.socket(), "check").code, Some(0));
        assert_eq!(chronyd.requests().get(&AUTHDATA).copied(), asked, "it is not asked for otherwise");
    }
    // The command port does not have authdata.
    let chronyd = right();
    let ran = ask(format!("127.0.0.1:{}", chronyd.command_port()), "check --nts");
    assert_eq!(ran.code, Some(3), "{}", ran.out);
}

#[test]
fn a_reference_clock_has_nothing_to_authenticate() {
    let sources = json!([{"reference ID": 0x4750_5300}, {"address": "192.0.2.1", "state": 4}]);
    let auth_data = json!([null, {"mode": 2, "key ID": 1}]);
    let ran = ask(clock(&json!({}), &json!({"sources": sources, "authdata": auth_data})).socket(), "check --nts");
    assert_eq!((ran.code, value(&ran.out, "nts")), (Some(0), 100.0), "{}", ran.out);
}

/// Asks a real chronyd until the exit code is this one. chronyd may have no source for a moment at each selection.
fn ask_until(code: i32, socket: &Path, args: &str) -> Ran {
    let mut ran = ask(socket, args);
    wait_until(&format!("{args}: {code}"), || {
        let is_so = ran.code == Some(code);
        if !is_so {
            ran = ask(socket, args);
        }
        is_so
    });
    ran
}

#[test]
fn the_grace_is_that_which_is_given() {
    let pair = Pair::start(Chronyd::builder()).unwrap();
    let socket = pair.client.socket();
    let ran = ask(socket, "check --grace 1h");
    assert_eq!(ran.code, Some(0), "one source, and just started: {}", ran.out);
    assert!(ran.out.contains("and alarms begin in"), "{}", ran.out);
    let ran = ask_until(1, socket, "check --grace 0 --reach 0:,0: --bound ~:,~: --age ~:,~:");
    assert!(ran.out.contains("there is only one source"), "{}", ran.out);
}

#[test]
fn a_synchronised_chronyd_is_within_its_bound() {
    let pair =
        Pair::start(Chronyd::builder().line("server 127.0.0.1 {server}").line("server 127.0.0.2 {server}")).unwrap();
    let ran = ask_until(0, pair.client.socket(), "check --grace 0 --sources 2:, --reach 0:,0:");
    assert!(ran.out.contains("synchronised to 127.0.0."), "{}", ran.out);
    let tracking = pair.client.chronyc(&["tracking"]).unwrap();
    let stratum: f64 = tracking.split(',').nth(2).unwrap().parse().unwrap();
    assert_eq!((value(&ran.out, "stratum"), value(&ran.out, "sources")), (stratum, 2.0), "{}", ran.out);
}

#[test]
fn a_chronyd_without_sources_is_critical() {
    let chronyd = Chronyd::builder().start().unwrap();
    let ran = ask(chronyd.socket(), "check --grace 0");
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.out.contains("chronyd has no sources [no-sources] | ") && ran.out.contains("'bound'=U"), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    let ran = ask(chronyd.socket(), "check --grace 0 -v");
    let lines: Vec<_> = ran.out.lines().collect();
    // The cause explains that the clock follows no source. That is not said again.
    let expected = "CRITICAL: chronyd has no sources [no-sources]. Add servers, or a pool (chrony.conf; restart \
                    chronyd): pool pool.ntp.org iburst. Check that chronyd reads the file that you expect.";
    assert_eq!(lines[1..], [expected]);
}

#[test]
fn a_chronyd_that_follows_only_its_local_clock_is_critical() {
    let chronyd = Chronyd::builder().line("local stratum 3").start().unwrap();
    let ran = ask(chronyd.socket(), "check --grace 0");
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.out.contains("(local mode)") && ran.out.contains("'bound'=U"), "{}", ran.out);
    let ran = ask(chronyd.socket(), "check --grace 0 --reference ,0: --sources 0:,0: --stratum 1:15,");
    assert_eq!(ran.code, Some(0), "as the document has it: {}", ran.out);
}

#[test]
fn a_client_whose_server_was_stopped_is_critical_again() {
    let mut pair = Pair::start(Chronyd::builder()).unwrap();
    // After these eight polls, only the age can raise an alarm.
    let options = "check --grace 0 --sources 0:,0: --reach 0:,0: --bound ~:,~:";
    pair.client.wait_until(&["sources"], PATIENCE, |sources| sources.contains(",377,")).unwrap();
    assert_eq!(ask(pair.client.socket(), options).code, Some(0));
    pair.server.terminate().unwrap();
    let is_old = |tracking: &str| {
        let fields: Vec<_> = tracking.split(',').collect();
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        time.as_secs_f64() - fields[3].parse::<f64>().unwrap() > 8.0
    };
    pair.client.wait_until(&["tracking"], PATIENCE, is_old).unwrap();
    let ran = ask(pair.client.socket(), options);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.out.contains("gave no valid answer to the last 8 polls"), "{}", ran.out);
}

#[test]
fn a_wrong_command_line_is_unknown_and_is_reported_where_a_monitoring_system_reads() {
    for args in [
        "check --nonsense",
        "check --bound 5",
        "check --bound 5,x",
        "check --bound 5:1,2",
        "check --leap 1h,2h",
        "check --grace -5",
        "--timeout never check",
        "-H /a.sock -H /b.sock check",
        "--hosts-file /nonexistent check",
        "-H /a.sock check -H /b.sock",
        "--timeout=0 check",
        "--timeout 0 -v check",
        "--hostfile x check",
    ] {
        let ran = run(args.split_whitespace());
        assert_eq!((ran.code, ran.out.lines().count(), &*ran.err), (Some(3), 1, ""), "{args}: {}", ran.out);
        assert!(ran.out.starts_with("CHRONY UNKNOWN: ") && !ran.out.contains("Usage"), "{args}: {}", ran.out);
    }
    // Another command exits as usual, although one of its words is "check".
    let ran = run(["get", "check", "--nonsense"]);
    assert_eq!((ran.code, &*ran.out), (Some(2), ""));
    assert_eq!(run(["check", "--help"]).code, Some(0));
}

#[test]
fn no_chronyd_is_critical_and_says_what_to_do() {
    for (host, words) in [
        ("/nonexistent/chronyd.sock", "Is chronyd running"),
        // Port 9 is the discard port. No program of a test listens on it.
        ("127.0.0.1:9", "No chronyd listens on this port"),
        ("name.invalid", "Is the host name right"),
    ] {
        // A slow resolver must not run into the timeout.
        let ran = ask(host, "--timeout 60s check -v");
        let lines: Vec<_> = ran.out.lines().collect();
        assert_eq!((ran.code, lines.len()), (Some(2), 2), "{host}: {}", ran.out);
        assert!(lines[0].starts_with("CHRONY CRITICAL: ") && lines[1].contains(words), "{host}: {}", ran.out);
        assert!(data(lines[0]).iter().all(|datum| datum[1] == "U"), "{host}: {}", ran.out);
    }
}

#[test]
fn a_chronyd_that_falls_silent_costs_one_timeout() {
    let chronyd = right();
    chronyd.set(Fault::Silence);
    chronyd.set(Fault::Only(vec![14, 15, 44, 69]));
    let ran = ask(chronyd.socket(), "--timeout 2s check");
    assert_eq!(ran.code, Some(3), "{}", ran.out);
    assert_eq!(chronyd.requests().get(&44), None);
    assert_eq!(chronyd.requests().get(&69), None);
}

#[test]
fn no_right_to_ask_is_unknown() {
    let chronyd = right();
    let ran = unprivileged(&chronyd, &["check", "-v"]);
    assert_eq!(ran.code, Some(3), "{}", ran.out);
    assert!(ran.out.starts_with("CHRONY UNKNOWN: Permission denied"), "{}", ran.out);
    assert!(ran.out.contains("Run as root or as chronyd's user"), "{}", ran.out);
}

#[test]
fn no_libchrony_is_unknown() {
    let output = program(["check", "-v"]).env("LIBCHRONY_PATH", "/nonexistent/libchrony.so.0").output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{line}");
    assert!(line.starts_with("CHRONY UNKNOWN: ") && line.contains("Install libchrony"), "{line}");
}

#[test]
fn what_cannot_be_written_is_unknown_and_never_a_warning() {
    let chronyd: Scripted = right();
    let mut full = program(["-H".as_ref(), chronyd.socket().as_os_str(), "check".as_ref()]);
    full.stdout(Stdio::from(File::options().write(true).open("/dev/full").unwrap()));
    assert_eq!(full.status().unwrap().code(), Some(3));
    let mut closed = program(["-H".as_ref(), chronyd.socket().as_os_str(), "check".as_ref()]);
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    closed.stdout(write);
    assert_eq!(closed.status().unwrap().code(), Some(3));
}
