//! Tests of JSON, lines of JSON, and CSV: their common rules, and their values for never, unknown and none.

use crate::support::{args, ask, program, run, scripted};
use libchrony::{REPORTS, Shape, Table};
use serde_json::{Value, json};
use std::io::Read;
use std::process::Stdio;

fn name(table: &Table) -> &'static str {
    table.name.to_str().unwrap()
}

#[test]
fn a_schema_refuses_what_is_no_row() {
    let chronyd = scripted("{}");
    for table in REPORTS.iter().filter(|table| table.shape == Shape::PerSource) {
        let schema: Value = serde_json::from_str(&run(["schema", name(table)]).fine()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let row = ask(chronyd.socket(), &format!("{} --format json", name(table))).rows()[0].clone();
        assert!(validator.is_valid(&row));
        for field in row.as_object().unwrap().keys() {
            let mut less = row.clone();
            less.as_object_mut().unwrap().remove(field);
            assert!(!validator.is_valid(&less), "without {field}");
            let mut other = row.clone();
            other[field] = json!({ "no": "value" });
            assert!(!validator.is_valid(&other), "{field}");
        }
        let mut more = row.clone();
        more["surplus"] = json!(1);
        assert!(!validator.is_valid(&more));
        let failure = json!({"report": name(table), "host": "192.0.2.1", "time": 1.5, "error": "silent"});
        assert!(validator.is_valid(&failure));
    }
}

const NEVER: u32 = u32::MAX;

#[test]
fn never_unknown_and_none_are_words_for_people_null_in_json_and_nothing_in_csv() {
    let values = json!({
        "tracking": {"reference ID": 0x4750_5300, "address": null, "reference time": 0},
        "sources": [{"address": "192.0.2.1", "last sample ago": NEVER}, {"reference ID": 0x5050_5300}],
        "layouts": {"serverstats": 1},
    });
    let chronyd = scripted(&values.to_string());
    for (report, field, title, word) in [
        ("tracking", "ref_time", "reference time", "never"),
        ("tracking", "reference_ip", "address", "none"),
        ("serverstats", "held_ntp_timestamps", "held NTP timestamps", "unknown"),
        ("sources", "last_sample_ago", "last sample ago", "never"),
        ("sources", "latest_meas", "adjusted last sample offset", "none"),
    ] {
        let text = ask(chronyd.socket(), report).fine();
        assert!(text.contains(word), "{report}: {text}");
        let line = text.lines().find(|line| line.starts_with(&format!("{title}  ")));
        assert!(line.is_none_or(|line| line.ends_with(word)), "{line:?}");
        let json = ask(chronyd.socket(), &format!("{report} --format json")).rows();
        assert_eq!(json[0].get(field), Some(&Value::Null), "{report} {field}");
        let text = ask(chronyd.socket(), &format!("{report} --format csv")).fine();
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let place = csv.headers().unwrap().iter().position(|header| header == field).unwrap();
        assert_eq!(csv.records().next().unwrap().unwrap().get(place), Some(""), "{report} {field}");
    }
    // A reference clock has an entry with its name in these lists.
    for table in REPORTS.iter().filter(|table| table.shape == Shape::PerNtpSource) {
        let row = &ask(chronyd.socket(), &format!("{} --format json", name(table))).rows()[1];
        assert_eq!(row["source"], "PPS");
        assert!(table.fields.iter().all(|field| row[field.name].is_null()), "{row}");
    }
}

#[test]
fn constants_are_words_and_those_without_one_numbers() {
    let values = json!({"selectdata": [{"state": 42, "configured options": 0x105}, {"state": 200}], "sources": 2});
    let chronyd = scripted(&values.to_string());
    let rows = ask(chronyd.socket(), "selectdata --format json").rows();
    assert_eq!((&rows[0]["state"], &rows[1]["state"]), (&json!("best"), &json!(200)));
    assert_eq!(rows[0]["configured_options"], json!(["noselect", "trust", 0x100]));
    assert!(ask(chronyd.socket(), "selectdata --format csv").fine().contains(",noselect trust 0x100,"));
}

#[test]
fn numbers_keep_all_their_digits() {
    let chronyd = scripted("{}");
    let json = ask(chronyd.socket(), "tracking --format json").fine();
    assert!(json.contains(r#""ref_time":1700000000.123456789,"#), "{json}");
    let csv = ask(chronyd.socket(), "tracking --format csv").fine();
    assert!(csv.contains(",1700000000.123456789,"), "{csv}");
}

#[test]
fn csv_has_a_header_and_rows_of_its_length() {
    let chronyd = scripted(r#"{"rtcdata": {}, "sources": 3}"#);
    for table in REPORTS {
        let text = ask(chronyd.socket(), &format!("{} --format csv", name(table))).fine();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().unwrap().clone();
        assert_eq!(headers.iter().take(4).collect::<Vec<_>>(), ["report", "host", "time", "index"]);
        assert_eq!(headers.iter().next_back(), Some("error"));
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), if table.shape == Shape::Single { 1 } else { 3 });
        let json = ask(chronyd.socket(), &format!("{} --format json", name(table))).rows();
        for (row, json) in rows.iter().zip(&json) {
            for (header, value) in headers.iter().zip(row) {
                match json.get(header) {
                    Some(Value::String(text)) => assert_eq!(value, text),
                    Some(Value::Number(number)) if header != "time" => {
                        let (value, number) = (value.parse::<f64>().unwrap(), number.as_f64().unwrap());
                        assert!((value - number).abs() <= number.abs() * 1e-15, "{header}: {value}, {number}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn csv_of_several_reports_is_refused() {
    for command in ["all", "get tracking sources"] {
        ask("/", &format!("{command} --format csv")).failed(2, &["CSV has one header", "jsonl"]);
    }
}

/// The header comes once for any number of rounds.
#[test]
fn rounds_of_csv_are_one_table_and_those_of_lines_go_on() {
    let chronyd = scripted("{}");
    for (format, lines) in [("csv", 4), ("jsonl", 3)] {
        let mut child = program(args(chronyd.socket(), &format!("tracking --every 10ms --format {format}")))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut text = String::new();
        while text.lines().count() < lines || !text.ends_with('\n') {
            let mut some = [0; 1024];
            let count = out.read(&mut some).unwrap();
            assert!(count > 0, "it ended after {text}");
            text.push_str(std::str::from_utf8(&some[..count]).unwrap());
        }
        drop(out);
        // The reader is gone, so the program exits.
        assert_eq!(child.wait().unwrap().code(), Some(141));
        assert_eq!(text.lines().filter(|line| line.starts_with("report,host")).count(), lines - 3, "{text}");
    }
}

#[test]
fn what_only_a_newer_libchrony_knows_is_shown_as_it_describes_it() {
    let stub = testbed::stub_library().unwrap();
    let run = |asked: &[&str]| {
        let mut command = program(asked);
        command.env("LIBCHRONY_PATH", &stub).env("CHRONY_REPORT_HOST", "/future");
        crate::support::Ran::of(command.output().unwrap())
    };
    let text = run(&["get", "future"]).fine();
    assert!(text.lines().any(|line| line == "future delay    500 ms"), "{text}");
    let list = run(&["list"]).fine();
    assert!(list.contains("future") && list.contains("unknown"), "{list}");
    let rows = run(&["get", "future", "--format", "json"]).rows();
    assert_eq!(rows[0]["future_poll"], -6);
    // A bit without a word must not get lost.
    assert_eq!(rows[0]["future_flags"], 2_147_483_717_u32);
    let all = run(&["all", "--format", "jsonl"]);
    assert!(all.out.contains(r#""report":"future""#), "{all:?}");
    let list = run(&["get", "future list", "tracking", "--format", "jsonl"]).fine();
    assert!(list.starts_with(r#"{"report":"future list""#) && list.contains(r#""report":"tracking""#), "{list}");
    // Silent chronyds cost one timeout together, since many are asked at once.
    let hosts: Vec<_> =
        (1..=30).map(|number| format!("/silent;records={number}")).chain(["/future".to_owned()]).collect();
    let asked = ["get", "future", "future list", "--format", "json", "--timeout", "500ms"].into_iter();
    let start = std::time::Instant::now();
    let ran = run(&asked.chain(hosts.iter().flat_map(|host| ["-H", host])).collect::<Vec<_>>());
    assert!(start.elapsed().as_secs() < 7, "{:?}", start.elapsed());
    let rows = ran.rows();
    for report in ["future", "future list"] {
        let rows: Vec<_> = rows.iter().filter(|row| row["report"] == report).collect();
        assert_eq!(rows[..31].iter().map(|row| row["host"].as_str().unwrap()).collect::<Vec<_>>(), hosts);
        assert!(rows[..30].iter().all(|row| row["error"].is_string()), "{rows:?}");
        assert!(rows[30..].iter().all(|row| row["error"].is_null()), "{rows:?}");
    }
    assert_eq!((ran.code, &rows[30]["future_poll"]), (Some(1), &(-6).into()));
}

#[test]
fn an_unknown_report_is_refused_with_the_known_ones() {
    ask("/", "get nonsense").failed(2, &["no report \"nonsense\"", "tracking, sources"]);
    ask("/", "schema nonsense").failed(2, &["\"nonsense\"", "tracking, sources"]);
}
