//! Tests of the man pages and completions.

use crate::support::{Ran, binary, root, run};
use libchrony::REPORTS;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

fn generate(folder: &Path) {
    assert_eq!(run([Path::new("generate"), folder]).fine(), "");
}

#[test]
fn each_command_has_a_man_page_with_its_examples_and_fields() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let page = |name: &str| fs::read_to_string(folder.path().join(format!("man/{name}.1"))).unwrap();
    let main = page("chrony-report");
    for words in ["CHRONY_REPORT_HOST", "Exit status", "/etc/chrony\\-health.toml", "CHRONY_HEALTH_CONFIG_FILE"] {
        assert!(main.contains(words), "{words}: {main}");
    }
    for table in REPORTS {
        let name = table.name.to_str().unwrap();
        assert!(main.contains(name));
        let page = page(&format!("chrony\\-report\\-{name}").replace('\\', ""));
        assert!(page.contains("chrony\\-report") && page.contains("\\-\\-format"), "{page}");
        assert!(table.fields.iter().all(|field| page.contains(&field.name.replace('-', "\\-"))), "{page}");
    }
    assert!(!folder.path().join("man/chrony-report-generate.1").exists(), "it is hidden");
}

#[test]
fn the_schemas_are_those_that_are_published() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let read = |folder: &Path| {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        files.map(|file| (file.file_name(), fs::read_to_string(file.path()).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let (made, published) = (read(&folder.path().join("schemas")), read(&root().join("docs/schemas")));
    // One for each report, and one for a verdict.
    assert_eq!(made.len(), REPORTS.len() + 1);
    assert!(made == published, "docs/schemas is stale; run: make fields");
}

#[test]
fn completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    for file in ["chrony-report.bash", "_chrony-report", "chrony-report.fish"] {
        let text = fs::read_to_string(folder.path().join("completions").join(file)).unwrap();
        for table in REPORTS {
            assert!(text.contains(table.name.to_str().unwrap()), "{file}");
        }
    }
    // bash calls them in this way.
    for (words, expected) in [
        ("tra", "tracking"),
        ("tracking --fo", "--format"),
        ("check --rea", "--reach"),
        ("explain nts-n", "nts-no-keys"),
    ] {
        let words: Vec<_> = ["chrony-report"].into_iter().chain(words.split(' ')).collect();
        let last = words.len() - 1;
        let script = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={last}; \
             f=$(complete -p chrony-report | sed 's/.*-F //; s/ .*//'); \
             \"$f\" chrony-report {} {}; echo \"${{COMPREPLY[@]}}\"",
            folder.path().join("completions/chrony-report.bash").display(),
            words.join(" "),
            words[last],
            words[last - 1],
        );
        let completed = Ran::of(Command::new("bash").args(["--norc", "-c", &script]).output().unwrap()).fine();
        assert_eq!(completed, format!("{expected}\n"));
    }
}

#[test]
fn a_folder_that_cannot_be_created_is_reported() {
    run(["generate", "/dev/null/there"]).failed(1, &["cannot write to /dev/null/there", "Give a folder"]);
    assert!(binary().is_file());
}

/// Compares the files with the list for `make deb` in Cargo.toml.
#[test]
fn all_that_the_debian_package_takes_is_there() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let list = fs::read_to_string(root().join("crates/chrony-report/Cargo.toml")).unwrap();
    let assets = list.lines().filter_map(|line| line.trim().strip_prefix("[\"")?.split_once("\", \"usr/"));
    let sources: Vec<_> = assets.map(|(source, _)| source).collect();
    assert!(sources.contains(&"systemd/*") && sources.len() > 5, "{sources:?}");
    for source in sources {
        let place = match source.strip_prefix("../../target/deb/") {
            Some("libchrony.so.0") => root().join(".provision/libchrony/libchrony.so.0"),
            Some(made) => folder.path().join(made),
            None if source.starts_with("target/") => binary().to_owned(),
            None => root().join("crates/chrony-report").join(source),
        };
        let (parent, name) = (place.parent().unwrap(), place.file_name().unwrap().to_str().unwrap());
        let mut files = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().file_name());
        let is_there = files.any(|file| name.starts_with('*') || file == name);
        assert!(is_there, "no {}", place.display());
    }
}
