//! Every example in the help texts and in the README is run.

use crate::support::{binary, root, run, scripted, udp};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::{Command, Stdio};

/// The lines that show a command.
fn examples(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("$ "))
        .filter(|line| line.contains("chrony-report ") || line.ends_with("chrony-report"))
        .map(str::to_owned)
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = run(["--help"]).fine();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    list.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_example_runs() {
    let mut found: BTreeSet<_> = examples(&run(["--help"]).fine()).collect();
    assert!(found.len() >= 3, "{found:?}");
    for command in commands() {
        if command == "help" {
            continue;
        }
        let help = run([&command, "--help"]).fine();
        let mut of_command = examples(&help).peekable();
        assert!(of_command.peek().is_some(), "the help of {command} has no example");
        found.extend(of_command);
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    found.extend(examples(&readme));

    let chronyd = scripted(r#"{"rtcdata": {}, "sources": 4, "open": true}"#);
    let folder = tempfile::tempdir().unwrap();
    let path = env::join_paths(
        [binary().parent().unwrap().into()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    for example in found {
        // The reader's own chronyds.
        let script = example
            .replace("192.0.2.1", &udp(&chronyd))
            .replace("/run/chrony/chronyd.sock", chronyd.socket().to_str().unwrap());
        let mut command = Command::new("sh");
        command.args(["-euc", &script]).env("PATH", path.as_ref().unwrap()).env("CHRONY_REPORT_HOST", chronyd.socket());
        let output = command.current_dir(&folder).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{example}: {output:?}");
    }
}
