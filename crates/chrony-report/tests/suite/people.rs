//! Tests of the text for people: scaled units, words for signs and states, and no fields without a meaning.

use crate::support::{ask, scripted};
use libchrony::{REPORTS, Shape};

/// Returns the lines of a list of fields, as pairs.
fn fields(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.split_once("  ")).map(|(title, value)| (title, value.trim_start())).collect()
}

#[test]
fn a_report_is_a_list_of_its_fields_with_units_and_words() {
    let chronyd = scripted(r#"{"tracking": {"current correction": -1.5e-6, "frequency offset": 12.25}}"#);
    let text = ask(chronyd.socket(), "tracking").fine();
    for field in [("current correction", "1.5 us fast"), ("frequency offset", "12.2 ppm fast"), ("stratum", "2")] {
        assert!(fields(&text).contains(&field), "{field:?}: {text}");
    }
    assert!(!text.contains("reference id name"), "the address has it: {text}");
}

#[test]
fn sizes_choose_their_units() {
    for (sent, shown) in [
        ("0", "0 s"),
        ("1.5e-10", "0.15 ns slow"),
        ("-9.876e-7", "988 ns fast"),
        ("0.000012345", "12.3 us slow"),
        ("0.5", "500 ms slow"),
        ("1e-17", "0 ns"),
        ("119", "119 s slow"),
        ("-86400.25", "24 h fast"),
    ] {
        let chronyd = scripted(&format!(r#"{{"tracking": {{"current correction": {sent}}}}}"#));
        let text = ask(chronyd.socket(), "tracking").fine();
        assert!(fields(&text).contains(&("current correction", shown)), "{sent}: {text}");
    }
    for (sent, shown) in [("30", "30 s"), ("900", "15 min"), ("86400", "24 h"), ("864000", "10 d")] {
        let chronyd = scripted(&format!(r#"{{"tracking": {{"last update interval": {sent}}}}}"#));
        let text = ask(chronyd.socket(), "tracking").fine();
        assert!(fields(&text).contains(&("last update interval", shown)), "{sent}: {text}");
    }
    for (sent, shown) in [("-0.0", "0 ppm"), ("0.0004", "+0.0004 ppm"), ("-12.5", "-12.5 ppm"), ("1e-9", "0 ppm")] {
        let chronyd = scripted(&format!(r#"{{"tracking": {{"residual frequency": {sent}}}}}"#));
        let text = ask(chronyd.socket(), "tracking").fine();
        assert!(fields(&text).contains(&("residual frequency", shown)), "{sent}: {text}");
    }
}

#[test]
fn polls_are_times_and_reachability_is_bits() {
    let sources = r#"{"sources": [{"poll": 10, "reachability": 5}, {"poll": -2, "reachability": 255}]}"#;
    let text = ask(scripted(sources).socket(), "sources").fine();
    assert!(text.contains("17.1 min") && text.contains("250 ms"), "{text}");
    assert!(text.contains("00000101") && text.contains("11111111"), "{text}");
}

#[test]
fn a_reference_clock_has_its_name() {
    let values =
        r#"{"tracking": {"reference ID": 1196446464, "address": null}, "sources": [{"reference ID": 1196446464}]}"#;
    let chronyd = scripted(values);
    let text = ask(chronyd.socket(), "tracking").fine();
    assert!(fields(&text).contains(&("reference ID", "47505300 (GPS)")), "{text}");
    for table in REPORTS.iter().filter(|table| table.shape != Shape::Single) {
        let text = ask(chronyd.socket(), table.name.to_str().unwrap()).fine();
        assert!(text.contains("GPS"), "{text}");
    }
}

/// authdata does not name its sources. Its records are in their order, unless the sources change meanwhile.
#[test]
fn a_source_is_not_named_while_the_sources_change() {
    let chronyd = scripted(r#"{"sources": [{"address": "192.0.2.1"}, {"address": "192.0.2.2"}]}"#);
    let rows = ask(chronyd.socket(), "authdata --format json").rows();
    assert_eq!((&rows[0]["source"], &rows[1]["source"]), (&"192.0.2.1".into(), &"192.0.2.2".into()));
    // The first source goes after the sources were read, and another one comes.
    chronyd.set(testbed::Fault::Churn { after: 3, remove: 0, add: 1 });
    let rows = ask(chronyd.socket(), "authdata --format json").rows();
    assert!(rows.iter().all(|row| row["source"].is_null()), "{rows:?}");
}

#[test]
fn each_round_has_its_time() {
    let chronyd = scripted("{}");
    let script = format!(
        "'{}' -H '{}' activity --every 10ms | head -n 8",
        crate::support::binary().display(),
        chronyd.socket().display()
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rounds = text.lines().filter(|line| line.ends_with(" UTC")).count();
    assert_eq!((rounds, text.lines().count()), (2, 8), "{text}");
}
