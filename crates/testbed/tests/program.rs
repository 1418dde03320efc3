//! The program, as the Python tests use it: a line when ready, a line for each command, nothing left at the end.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

struct Program {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start(args: &[&str]) -> (Self, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, answers };
        let ready = program.answer();
        (program, ready)
    }

    fn say(&mut self, line: &str) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.parse().unwrap()
    }
}

fn is_there(value: &Value) -> bool {
    Path::new(value.as_str().unwrap()).exists()
}

fn runs(pid: &Value) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_pair_obeys_and_leaves_nothing() {
    let (mut program, pair) = Program::start(&["pair", "--command-port", "--line", "refclock SHM 0 refid GPS"]);
    assert!(pair["command_port"].is_u64() && pair["server"]["ntp_port"].is_u64(), "{pair}");
    for command in ["suspend", "resume", "wait-synchronised 5", "kill", "terminate"] {
        assert_eq!(program.say(command)["done"], command.split(' ').next().unwrap());
    }
    let again = program.say("restart");
    assert_eq!(again["command_port"], pair["command_port"]);
    assert!(program.say("chronyc sources")["output"].as_str().unwrap().contains("GPS"));
    assert!(program.say("dance")["error"].as_str().unwrap().contains("unknown command"));

    drop(program.child.stdin.take());
    assert!(program.child.wait().unwrap().success());
    assert!(!is_there(&pair["folder"]) && !is_there(&pair["server"]["folder"]));
    assert!(!runs(&again["pid"]) && !runs(&pair["server"]["pid"]));
}

#[test]
fn a_pair_has_all_kinds_of_sources_and_two_ends() {
    let (mut program, pair) = Program::start(&["pair", "--all-kinds", "--line", "local stratum 9"]);
    assert!(is_there(&pair["server"]["certificate"]) && pair["certificate"].is_null(), "{pair}");
    let sources = program.say("chronyc authdata")["output"].to_string();
    // A key that was never established has the number 0.
    assert!(sources.contains("127.0.0.1,NTS,") && !sources.contains("127.0.0.1,NTS,0,"), "{sources}");
    assert!(sources.contains("127.0.0.2,SK,3,"), "{sources}");
    assert_eq!(program.say("server chronyc sources")["output"], "");
    assert!(program.say("server dance")["error"].as_str().unwrap().contains("unknown command"));
}

#[test]
fn a_chronyd_serves_nts_from_its_folder() {
    let lines = ["chronyd", "--nts", "--line", "refclock SOCK {folder}/refclock.sock refid GPS"];
    let (_program, ready) = Program::start(&lines);
    assert!(is_there(&ready["certificate"]) && ready["ntp_port"].is_u64(), "{ready}");
    assert!(Path::new(ready["folder"].as_str().unwrap()).join("refclock.sock").exists());
}

#[test]
fn a_signal_ends_it_cleanly() {
    let (mut program, ready) = Program::start(&["chronyd", "--server"]);
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert!(program.child.wait().unwrap().success());
    assert!(!is_there(&ready["folder"]) && !runs(&ready["pid"]));
}

#[test]
fn a_failed_start_is_reported() {
    let (mut program, answer) = Program::start(&["chronyd", "--line", "nonsense"]);
    assert!(answer["error"].as_str().unwrap().contains("Invalid directive"), "{answer}");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_scripted_one_obeys() {
    let (mut program, ready) = Program::start(&["scripted"]);
    assert!(is_there(&ready["socket"]));
    let change = "values {\"tracking\": {\"stratum\": 5}}";
    for command in ["fault loss 50", "clear", "fault hold", "release", change, "die", "come-back"] {
        assert_eq!(program.say(command)["done"], command);
    }
    assert!(program.say("requests")["requests"].is_object());
    for bad in ["fault loss", "values {\"tracking\": {\"stratun\": 5}}", "values", "dance"] {
        assert!(program.say(bad)["error"].is_string(), "{bad}");
    }
    drop(program.child.stdin.take());
    assert!(program.child.wait().unwrap().success());
    assert!(!is_there(&ready["folder"]));
}

#[test]
fn each_fault_of_the_help_is_known() {
    let help = Command::new(env!("CARGO_BIN_EXE_testbed")).args(["scripted", "--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let (_, listed) = help.split_once("add a fault:").unwrap();
    let (listed, _) = listed.split_once(" narrow the").unwrap();
    let listed = listed.replace("[,N…]", "").replace("[,CODE…]", "").replace(" and ", ",").replace(';', ",");
    let (mut program, _) = Program::start(&["scripted"]);
    let faults = listed.split(',').map(|fault| fault.split_whitespace().collect::<Vec<_>>());
    for fault in faults.filter(|words| !words.is_empty()) {
        let command = ["fault", fault[0], &vec!["1"; fault.len() - 1].join(" ")].join(" ");
        assert!(program.say(&command)["done"].is_string(), "{command}");
    }
}

#[test]
fn a_fleet_obeys() {
    let (mut program, ready) = Program::start(&["fleet", "--count", "3000", "--silent", "2", "--sources", "5"]);
    assert_eq!((&ready["first"], &ready["count"]), (&"127.16.0.1".into(), &3000.into()));
    for command in
        ["leave 0-9,2999", "come all", "delay 0.5 7,8", "loss 1.5 3", "loss 0", "open", "values {\"sources\": 2}"]
    {
        assert_eq!(program.say(command)["done"], command);
    }
    assert!(program.say("tally")["requests"].is_object());
    for bad in ["leave 3000", "come x", "delay 1", "loss", "loss 1 2 3", "values {\"trackin\": {}}", "tally 1"] {
        assert!(program.say(bad)["error"].is_string(), "{bad}");
    }
    drop(program.child.stdin.take());
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn the_stub_is_found() {
    let (mut program, answer) = Program::start(&["stub"]);
    assert!(is_there(&answer["library"]));
    assert!(program.child.wait().unwrap().success());
}
