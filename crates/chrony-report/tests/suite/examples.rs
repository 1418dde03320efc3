//! Every example in the help texts, in the README and in the command's documents is run.

use crate::clocks;
use crate::support::{binary, root, run, udp, wait_until};
use crate::tty::USUAL;
use serde_json::json;
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
    for page in ["README.md", "crates/chrony-report/README.md", "docs/watch.md", "docs/judgement.md"] {
        found.extend(examples(&fs::read_to_string(root().join(page)).unwrap()));
    }

    let chronyd = clocks::clock(&json!({}), &json!({"rtcdata": {}, "open": true}));
    let folder = tempfile::tempdir().unwrap();
    // Examples have the reader's own chronyds, and the patience to wait for them.
    let (udp, socket) = (udp(&chronyd), chronyd.socket().to_str().unwrap());
    let here = |example: &str| {
        example.replace("192.0.2.1", &udp).replace("/run/chrony/chronyd.sock", socket).replace("--for 10m", "--for 1s")
    };
    // A live view needs a terminal. The one that records comes first, since others need its file.
    let (mut views, others): (Vec<_>, Vec<_>) = found.iter().partition(|example| example.contains(" watch"));
    views.sort_by_key(|example| !example.contains("--record"));
    for example in views {
        let example = here(example);
        // A recording has its own chronyd.
        let host = if example.contains("--replay") { &[][..] } else { &["-H", socket] };
        let args = example.split("  ").next().unwrap_or_default().split(' ').skip(1).chain(host.iter().copied());
        let mut view = USUAL.start(folder.path(), args);
        view.shows_all(&["offset", "frequency"]);
        if example.contains("--record") {
            let path = folder.path().join("night.jsonl");
            wait_until("something is recorded", || fs::metadata(&path).is_ok_and(|data| data.len() > 0));
        }
        view.press("q");
        assert!(view.end().success(), "{example}");
    }
    let path = env::join_paths(
        [binary().parent().unwrap().into()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    for example in others {
        let mut command = Command::new("sh");
        command.args(["-euc", &here(example)]).env("PATH", path.as_ref().unwrap()).env("CHRONY_REPORT_HOST", socket);
        let output = command.current_dir(&folder).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{example}: {output:?}");
    }
}
