//! Tests of all reports, on real chronyds and on scripted ones. Only the comparison with chronyc names single reports.

use crate::support::{Ran, ask, scripted, wait_until};
use libchrony::{Content, REPORTS, Shape, Table};
use serde_json::Value;
use testbed::{Chronyd, Pair, chronyc};

fn name(table: &Table) -> &'static str {
    table.name.to_str().unwrap()
}

/// Returns the schema of a report, as the program prints it.
fn schema(report: &str) -> Value {
    serde_json::from_str(&ask("/", &format!("schema {report}")).fine()).unwrap()
}

/// Checks the rows of JSON, and returns them.
#[track_caller]
fn valid(table: &Table, ran: &Ran) -> Vec<Value> {
    let validator = jsonschema::validator_for(&schema(name(table))).unwrap();
    let rows = ran.rows();
    for row in &rows {
        let errors: Vec<_> = validator.iter_errors(row).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{row}: {errors:?}");
    }
    rows
}

#[test]
fn every_report_of_real_chronyds_of_all_kinds() {
    let pair = Pair::of_all_kinds(Chronyd::builder()).unwrap();
    let sources = pair.client.chronyc(&["sources", "-a"]).unwrap();
    let sources: Vec<_> = sources.lines().map(|line| line.split(',').nth(2).unwrap()).collect();
    for table in REPORTS {
        let text = ask(pair.client.socket(), name(table));
        let json = ask(pair.client.socket(), &format!("{} --format json", name(table)));
        let rows = valid(table, &json);
        assert_eq!(text.code, json.code);
        if text.code == Some(1) {
            // This chronyd does not track a real-time clock.
            assert!(text.out.contains("is not available") && text.out.contains("chrony.conf"), "{}", text.out);
            assert!(rows[0]["error"].as_str().unwrap().contains("is not available"));
            continue;
        }
        assert!(rows.iter().all(|row| row.get("error").is_none()), "{rows:?}");
        let names: Vec<_> = rows.iter().filter_map(|row| row.get("source")?.as_str()).collect();
        let host = pair.client.socket().to_str().unwrap();
        assert!(rows.iter().all(|row| row["host"] == host && row["report"] == name(table)));
        if table.shape == Shape::Single {
            assert_eq!((rows.len(), names.len()), (1, 0));
        } else {
            assert_eq!(names, sources, "{table:?}");
            // Each source must have a line of its own.
            for source in &sources {
                assert!(text.out.lines().any(|line| line.split(' ').next() == Some(source)), "{source}: {}", text.out);
            }
        }
    }
}

/// chronyd gives the two values opposite signs.
#[test]
fn a_clock_that_is_slow_is_slow_by_the_correction_and_by_the_last_offset() {
    let is_seen = |_| {
        let line = "server 127.0.0.1 port {port} iburst minpoll 3 maxpoll 3 offset 0.05";
        let pair = Pair::start(Chronyd::builder().line(line).line("maxslewrate 100")).unwrap();
        let text = ask(pair.client.socket(), "tracking").fine();
        let value = |name| text.lines().find_map(|line: &str| line.strip_prefix(name)).unwrap().trim();
        assert!(value("current correction").ends_with("ms slow"), "{text}");
        // On a busy machine, the next update may have come before.
        value("last offset").ends_with("ms slow")
    };
    assert!((0..3).any(is_seen));
}

#[test]
fn every_report_of_a_chronyd_that_has_nothing_yet() {
    let chronyd = Chronyd::builder().start().unwrap();
    for table in REPORTS {
        let json = ask(chronyd.socket(), &format!("{} --format json", name(table)));
        let rows = valid(table, &json);
        if table.shape != Shape::Single {
            assert_eq!((json.code, rows.len()), (Some(0), 0));
            assert_eq!(ask(chronyd.socket(), name(table)).fine(), "none\n");
        }
    }
    let tracking = &ask(chronyd.socket(), "tracking --format json").rows()[0];
    for field in ["ref_time", "reference_ip", "root_delay", "root_dispersion", "skew", "residual_freq"] {
        assert_eq!(tracking[field], Value::Null, "{field}");
    }
}

/// The scripted chronyd has a value for every field, and none of them is 0.
#[test]
fn every_field_of_every_report_is_in_every_format() {
    let keys = r#"[{"key length": 256, "key type": 15, "last key establishment ago": 60}]"#;
    let chronyd = scripted(&format!(r#"{{"rtcdata": {{}}, "sources": 1, "authdata": {keys}}}"#));
    for table in REPORTS {
        let row = &valid(table, &ask(chronyd.socket(), &format!("{} --format json", name(table))))[0];
        let text = ask(chronyd.socket(), name(table)).fine();
        let csv = ask(chronyd.socket(), &format!("{} --format csv", name(table))).fine();
        let line = ask(chronyd.socket(), &format!("{} --format jsonl", name(table))).fine();
        let line: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
        for field in table.fields {
            assert!(!row[field.name].is_null(), "{table:?} {field:?}");
            assert_eq!(row[field.name], line[field.name]);
            assert!(csv.lines().next().unwrap().split(',').any(|name| name == field.name));
            // The text for people leaves out fields without a meaning, and repeated values.
            let is_word = field.content != Content::Plain && field.or.is_none() && field.content != Content::Address;
            let title = field.libchrony.to_str().unwrap().split(' ').next().unwrap();
            assert!(!is_word || text.contains(title), "{table:?} {field:?}: {text}");
        }
    }
}

/// libchrony describes records independently of our tables.
#[test]
fn a_report_by_its_name_is_what_libchrony_describes() {
    let chronyd = scripted(r#"{"rtcdata": {}, "sources": 2}"#);
    for table in REPORTS {
        let by_get = ask(chronyd.socket(), &format!("get {} --format json", name(table))).rows();
        let by_name = ask(chronyd.socket(), &format!("{} --format json", name(table))).rows();
        assert_eq!(by_get.len(), by_name.len());
        for (get, name) in by_get.iter().zip(&by_name) {
            let without_time = |row: &Value| {
                let mut row = row.as_object().unwrap().clone();
                row.remove("time").unwrap();
                row
            };
            assert_eq!(without_time(get), without_time(name));
        }
    }
}

#[test]
fn several_reports_are_read_in_one_run_and_in_the_order_asked_for() {
    let chronyd = scripted(r#"{"sources": 3}"#);
    let names = REPORTS.iter().rev().filter(|table| table.shape != Shape::Single).map(|table| name(table));
    let names: Vec<_> = names.collect();
    let rows = ask(chronyd.socket(), &format!("get {} --format json", names.join(" "))).rows();
    let reports: Vec<_> = rows.iter().map(|row| row["report"].as_str().unwrap()).collect();
    let expected: Vec<_> = names.iter().flat_map(|name| [*name; 3]).collect();
    assert_eq!(reports, expected);
    let text = ask(chronyd.socket(), &format!("get {}", names.join(" "))).fine();
    assert!(names.iter().all(|name| text.lines().any(|line| line == *name)), "{text}");
}

#[test]
fn all_has_every_report_and_one_that_chronyd_is_not_configured_to_have_is_no_failure() {
    let chronyd = scripted("{}");
    let text = ask(chronyd.socket(), "all").fine();
    let rows = ask(chronyd.socket(), "all --format jsonl").fine();
    for table in REPORTS {
        assert!(text.lines().any(|line| line == name(table)), "{text}");
        assert!(rows.contains(&format!("{{\"report\":\"{}\"", name(table))), "{rows}");
    }
    assert!(text.contains("RTC tracking is not available"), "{text}");
    // A refused report is a failure, and over UDP some are refused.
    let ran = ask(format!("127.0.0.1:{}", chronyd.command_port()), "all");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("refuses this report here") && ran.out.starts_with("tracking\nreference ID "),
        "{}",
        ran.out
    );
}

#[test]
fn the_list_has_every_report_that_libchrony_knows() {
    let text = ask("/", "list").fine();
    let rows = ask("/", "list --format json").rows();
    for table in REPORTS {
        assert!(text.lines().any(|line| line.split(' ').next() == Some(name(table))), "{text}");
        let row = rows.iter().find(|row| row["name"] == name(table)).unwrap();
        assert_eq!(row["since"].as_str(), table.since);
        assert!(!row["about"].as_str().unwrap().contains('('), "{row}");
    }
}

/// Returns true if chronyc shows the value, with fewer digits.
fn is_same(value: &str, shown: &str) -> bool {
    let places = shown.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let rounded = value.parse::<f64>().map(|number| format!("{number:.places$}"));
    let words = match value {
        "true" => "1",
        "false" => "0",
        value => value,
    };
    words == shown || rounded.is_ok_and(|rounded| rounded == shown)
}

/// The columns of `chronyc -c -n`, starting with the first. `-` is a column that chronyc formats in its own way.
const COLUMNS: [(&str, &str); 8] = [
    (
        "tracking",
        "- reference_id_name stratum ref_time offset last_offset rms_offset frequency residual_freq skew root_delay \
         root_dispersion update_interval -",
    ),
    ("sources", "- - address stratum poll - last_sample_ago latest_meas orig_latest_meas latest_meas_err"),
    ("sourcestats", "source samples runs span resid_freq skew offset std_dev"),
    ("activity", "online_sources offline_sources burst_online_sources burst_offline_sources unresolved_sources"),
    ("selectdata", "- source - - - - - - - - - - - last_sample_ago score low_limit high_limit"),
    (
        "authdata",
        "source - key_id - key_length last_key_establishment_ago key_establishment_attempts nak cookies cookie_length",
    ),
    (
        "ntpdata",
        "remote_address - remote_port local_address - - version - stratum poll - precision - root_delay \
         root_dispersion - - ref_time offset peer_delay peer_dispersion response_time jitter_asymmetry - - - - - - - \
         transmitted_messages received_messages received_valid_messages received_good_messages",
    ),
    (
        "serverstats",
        "received_ntp_requests dropped_ntp_requests - dropped_command_requests dropped_client_log_records \
         accepted_nts_ke_connections dropped_nts_ke_connections received_authenticated_ntp_requests \
         received_interleaved_ntp_requests held_ntp_timestamps ntp_timestamp_span",
    ),
];

/// Returns the differences between our rows, in CSV, and chronyc's lines. chronyc shows values without a meaning as
/// sent.
fn differences(report: &str, columns: &str, csv: &str, chronyc: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let place = |column: &str| headers.iter().position(|header| header == column).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).filter(|row| row.len() > 5 && !row[5].is_empty()).collect();
    let lines: Vec<_> = chronyc.lines().collect();
    if rows.len() != lines.len() {
        return vec![format!("{report}: {csv}chronyc: {chronyc}")];
    }
    let mut wrong = Vec::new();
    for (row, line) in rows.iter().zip(lines) {
        for (column, shown) in columns.split_whitespace().zip(line.split(',')).filter(|(column, _)| *column != "-") {
            let value = &row[place(column)];
            if !value.is_empty() && !is_same(value, shown) {
                wrong.push(format!("{report} {column}: {value}, chronyc has {shown}"));
            }
        }
    }
    wrong
}

#[test]
fn values_are_chronycs() {
    let scripted = scripted(r#"{"sources": [{"address": "192.0.2.1"}]}"#);
    let pair =
        Pair::start(Chronyd::builder().line("server 127.0.0.1 {server}").line("server 127.0.0.2 {server} key 3"))
            .unwrap();
    pair.client.chronyc(&["offline"]).unwrap();
    for (report, columns) in COLUMNS {
        let asked = format!("{report} --format csv");
        let args: &[&str] = if report == "authdata" { &["authdata", "-a"] } else { &[report] };
        // The layout of these two depends on the version of chronyc.
        if !matches!(report, "ntpdata" | "serverstats") {
            let mut command = chronyc().unwrap();
            command.arg("-h").arg(scripted.socket()).args(args);
            let shown = testbed::run(command).unwrap();
            let wrong = differences(report, columns, &ask(scripted.socket(), &asked).fine(), &shown);
            assert_eq!(wrong, Vec::<String>::new());
        }
        // These values change between the two commands.
        let columns = columns.replace(" offset last_offset", " - last_offset").replace("root_dispersion u", "- u");
        let columns = columns.replace(" offset std_dev", " - std_dev");
        // The last responses may still be in flight.
        let mut last = Vec::new();
        wait_until(&format!("{report} is chronyc's"), || {
            let shown = pair.client.chronyc(args).unwrap();
            last = differences(report, &columns, &ask(pair.client.socket(), &asked).fine(), &shown);
            if !last.is_empty() {
                eprintln!("{last:?}");
            }
            last.is_empty()
        });
    }
}
