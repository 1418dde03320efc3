//! Runs the program and tells what it did.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use testbed::{Scripted, Values};

/// What a run did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program, to be started. Its output is no terminal, and nothing of the environment asks for colours.
pub(crate) fn program<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chrony-report"));
    command.args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub(crate) fn run<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Ran {
    let Output { status, stdout, stderr } = program(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Runs it with arguments that are separated by blanks, for one chronyd.
pub(crate) fn ask(host: impl AsRef<OsStr>, args: &str) -> Ran {
    let host = [OsStr::new("-H"), host.as_ref()];
    run(host.into_iter().chain(args.split_whitespace().map(OsStr::new)))
}

/// A scripted chronyd with these values, as `testbed scripted --help` has them.
pub(crate) fn scripted(values: &str) -> Scripted {
    Scripted::start(Values::new(&values.parse().unwrap())).unwrap()
}
