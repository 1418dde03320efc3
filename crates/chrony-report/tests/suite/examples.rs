//! Runs every example in the help texts, in the READMEs and in the documents.

use crate::clocks;
use crate::support::{SITE, binary, root, run, udp, wait_until};
use crate::tty::USUAL;
use serde_json::json;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::{Command, Stdio};

/// Returns the commands in the lines that show one, without their comments.
fn examples(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("$ "))
        .filter_map(|line| line.split("  #").next())
        .map(|line| line.trim_end().to_owned())
        .filter(|line| line.contains("chrony-report ") || line.ends_with("chrony-report"))
}

/// Returns the READMEs and the documents.
fn pages() -> impl Iterator<Item = String> {
    let documents = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    ["README.md", "crates/chrony-report/README.md"]
        .map(|page| root().join(page))
        .into_iter()
        .chain(documents.filter(|path| path.extension().is_some_and(|extension| extension == "md")))
        .map(|path| fs::read_to_string(path).unwrap())
}

/// Returns the commands that the help lists.
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
    for page in pages() {
        found.extend(examples(&page));
    }

    let chronyd = clocks::clock(&json!({}), &json!({"rtcdata": {}, "open": true}));
    let folder = tempfile::tempdir().unwrap();
    // The examples are for the reader's own chronyd, and may wait for a long time.
    let (udp, socket) = (udp(&chronyd), chronyd.socket().to_str().unwrap());
    let here = |example: &str| {
        example.replace("192.0.2.1", &udp).replace("/run/chrony/chronyd.sock", socket).replace("--for 10m", "--for 1s")
    };
    // A live view needs a terminal. The view that records comes first, since other examples need its file.
    let (mut views, others): (Vec<_>, Vec<_>) = found.iter().partition(|example| example.contains(" watch"));
    views.sort_by_key(|example| !example.contains("--record"));
    for example in views {
        let example = here(example);
        // A recording cannot be combined with a host.
        let has_host = example.contains("--replay") || example.contains("-H");
        let host = if has_host { &[][..] } else { &["-H", socket] };
        let args = example.split(' ').skip(1).chain(host.iter().copied());
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
        command.env(SITE, "/dev/null");
        let output = command.current_dir(&folder).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{example}: {output:?}");
    }
}

#[test]
fn the_front_page_shows_the_screen() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, shown) = page.split_once("$ chrony-report | head -8\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let chronyd = clocks::right();
    let screen = run(["-H", chronyd.socket().to_str().unwrap()]).fine();
    let answer = "Is the clock right? Yes: error bound ";
    assert!(shown.starts_with(answer) && screen.starts_with(answer), "{screen}");
    let names = |text: &str| -> Vec<String> {
        let known = text.split("\n\n").nth(1).unwrap_or_default();
        known.lines().take(5).map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(shown), names(&screen));
    assert_eq!(shown.lines().count(), 8);
}
