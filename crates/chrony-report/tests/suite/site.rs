//! Tests of the file with the limits of a site: the programs that read it, the options that win, and its errors.

use crate::clocks::{clock, local, right, started, unsynchronised, updated};
use crate::support::{Ran, SITE, args, binary, program, root};
use chrony_health::Site;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use testbed::Scripted;

/// Runs the program with this file of limits.
fn ask_with(site: &str, chronyd: &Scripted, words: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    fs::write(&file, site).unwrap();
    Ran::of(program(args(chronyd.socket(), words)).env(SITE, file).output().unwrap())
}

#[test]
fn check_and_the_page_judge_by_the_limits_of_the_site() {
    // A bound of 4.012 ms, stratum 2, updated 10 s ago, four sources.
    for (site, code) in [
        ("", 0),
        ("[limits]\nbound = '4ms,1'", 1),
        ("[limits]\nbound = '1ms,4ms'", 2),
        ("limits.stratum = '1,'", 1),
        ("limits.age = '5s,1h'", 1),
        ("limits.skew = '0.01,0.1'", 1),
        ("limits.nts = ','", 2),
        ("one-source-is-enough = true", 0),
    ] {
        let chronyd = right();
        for words in ["check", ""] {
            let ran = ask_with(site, &chronyd, words);
            assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{site} {words}: {}", ran.out);
        }
    }
}

#[test]
fn one_source_is_enough_where_the_site_says_so() {
    let chronyd = clock(&json!({}), &json!({"sources": 1}));
    let none = clock(&json!({}), &json!({"sources": [{"state": 1}], "selectdata": [{"state": 100}]}));
    for words in ["check", ""] {
        let code = |site: &str, chronyd| ask_with(site, chronyd, words).code;
        assert_eq!(code("", &chronyd), Some(1));
        assert_eq!(code("one-source-is-enough = false", &chronyd), Some(1));
        assert_eq!(code("one-source-is-enough = true", &chronyd), Some(0));
        assert_eq!(code("one-source-is-enough = true", &none), Some(2));
    }
}

#[test]
fn the_grace_is_that_of_the_site() {
    let chronyd = clock(&unsynchronised(), &json!({}));
    started(chronyd.socket(), 600);
    for (site, words, code) in [
        ("", "check", 2),
        ("grace = '1h'", "check", 0),
        ("grace = 3600", "check", 0),
        ("grace = '1h'", "check --grace 0", 2),
        ("grace = 0", "check --grace 1h", 0),
        // The screen has no grace period, but says that chronyd was started a while ago.
        ("grace = '1h'", "", 2),
    ] {
        let ran = ask_with(site, &chronyd, words);
        assert_eq!(ran.code, Some(code), "{site} {words}: {}", ran.out);
    }
    assert!(ask_with("grace = '1h'", &chronyd, "").out.starts_with("Is the clock right? Not yet"));
}

#[test]
fn an_option_wins_over_the_site_and_leaves_it_the_other_limit() {
    let chronyd = right();
    for (site, words, code) in [
        ("limits.bound = '1ms,2ms'", "check --bound 5ms,5ms", 0),
        ("limits.bound = '1ms,2ms'", "check --bound 5ms,", 2),
        ("limits.bound = '1ms,2ms'", "check --bound ,5ms", 1),
        ("limits.nts = '0:,0:'", "check --nts", 0),
        ("one-source-is-enough = true", "check --sources 5:,1:", 1),
    ] {
        let ran = ask_with(site, &chronyd, words);
        assert_eq!(ran.code, Some(code), "{site} {words}: {}", ran.out);
    }
}

#[test]
fn wait_takes_the_limits_of_what_it_looks_at() {
    let isolated = "[limits]\nreference = ',0:'\nstratum = '1:15,'\n";
    for (tracking, site, words, code) in [
        (json!({}), "limits.bound = '1ms,4ms'", "", 1),
        (json!({}), "limits.bound = '1ms,5ms'", "", 0),
        (json!({}), "limits.bound = '1ms,4ms'", " --within 5ms", 0),
        (json!({"root dispersion": 2}), "limits.bound = ',3'", "", 0),
        (updated(3600), "limits.age = ',2h'", "", 0),
        (updated(100), "limits.age = '10,60'", "", 1),
        (json!({"leap status": 1}), "limits.leap = ',0'", "", 1),
        (local(), "", "", 1),
        (local(), isolated, "", 0),
        (json!({"stratum": 10}), "limits.stratum = '1:12,1:15'", "", 0),
        (json!({"stratum": 3}), "limits.stratum = '1:2,'", "", 1),
        (json!({"stratum": 3}), "limits.stratum = '1:2,'", " --stratum 3", 0),
        // It does not wait for values that are not critical, or for values that it does not look at.
        (json!({}), "limits.bound = '1ms,1'", "", 0),
        (json!({}), "limits.sources = '9:,9:'\nlimits.offset = '1us,1us'\nlimits.nts = ','", "", 0),
    ] {
        let chronyd = clock(&tracking, &json!({}));
        let ran = ask_with(site, &chronyd, &format!("wait{words} --timeout 0.3s"));
        assert_eq!(ran.code, Some(code), "{tracking} {site} {words}: {} {}", ran.out, ran.err);
    }
}

#[test]
fn a_wrong_file_is_an_error_of_every_program_that_judges_and_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    fs::write(&file, "[limits]\nbond = '1ms,2ms'\n").unwrap();
    let missing = folder.path().join("missing.toml");
    let chronyd = right();
    let ran =
        |file: &Path, words: &str| Ran::of(program(args(chronyd.socket(), words)).env(SITE, file).output().unwrap());
    for (file, why) in [
        (&file, "line 2, limits.bond: there is no such measure; did you mean bound?"),
        (&missing, "cannot be read: No such file or directory"),
    ] {
        let place = file.display().to_string();
        let check = ran(file, "check");
        assert_eq!((check.code, &*check.err, check.out.lines().count()), (Some(3), "", 1), "{}", check.out);
        assert!(check.out.starts_with(&format!("CHRONY UNKNOWN: {place}")) && check.out.contains(why), "{}", check.out);
        ran(file, "").failed(3, &["chrony-report: ", &place, why]);
        ran(file, "wait").failed(2, &["chrony-report: ", &place, why]);
        assert_eq!(ran(file, "tracking").code, Some(0));
    }
}

#[test]
fn the_file_of_the_machine_is_read_unless_the_variable_names_another() {
    let chronyd = right();
    for (command, variable, code) in [
        ("echo \"limits.bound = '1ms,4ms'\" >/etc/chrony-health.toml", None, 2),
        ("echo \"limits.bound = '1ms,4ms'\" >/etc/chrony-health.toml", Some(""), 2),
        ("echo \"limits.bound = '1ms,4ms'\" >/etc/chrony-health.toml", Some("/dev/null"), 0),
        ("mkdir /etc/chrony-health.toml", None, 3),
        ("true", None, 0),
    ] {
        let script = format!("mount -t tmpfs tmpfs /etc; {command}; exec \"$@\"");
        let mut alone = Command::new("unshare");
        alone.args(["--mount", "sh", "-euc", &script, "sh"]).arg(binary()).args(args(chronyd.socket(), "check"));
        match variable {
            Some(name) => alone.env(SITE, name),
            None => alone.env_remove(SITE),
        };
        let ran = Ran::of(alone.output().unwrap());
        assert_eq!((ran.code, &*ran.err), (Some(code), ""), "{command} {variable:?}: {}", ran.out);
    }
}

/// Returns the files of limits that the documentation shows.
fn documented(name: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join(name)).unwrap();
    let blocks = page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    let blocks: Vec<_> = blocks.collect();
    assert!(!blocks.is_empty(), "{name}");
    blocks
}

#[test]
fn the_files_in_the_documentation_are_right() {
    for site in ["docs/command.md", "docs/judgement.md"].into_iter().flat_map(documented) {
        assert!(Site::parse(&site).unwrap().limits.len() > 1, "{site}");
    }
    let isolated_clock = clock(&local(), &json!({"sources": [{"state": 1, "reachability": 0}]}));
    assert_eq!(ask_with("", &isolated_clock, "check").code, Some(2));
    let isolated = &documented("docs/judgement.md")[0];
    assert_eq!(ask_with(isolated, &isolated_clock, "check").code, Some(0));
}

#[test]
fn the_example_in_the_package_sets_nothing_until_a_line_is_uncommented() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(package.join("chrony-health.toml")).unwrap();
    let site = Site::parse(&example).unwrap();
    assert_eq!((site.grace, site.limits.len()), (None, 0));
    let (above, below) = example.split_once("\n[limits]\n").unwrap();
    let settings = |text: &str, header: &str| -> Vec<Site> {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.is_empty() && !line.starts_with(' '));
        lines.map(|line| Site::parse(&format!("{header}{line}")).unwrap()).collect()
    };
    assert_eq!(settings(above, "").len(), 2);
    assert!(settings(below, "[limits]\n").iter().all(|site| site.limits.len() == 1));
    let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("[\"chrony-health.toml\", \"usr/share/doc/chrony-report/examples/\", \"644\"]"));
}
