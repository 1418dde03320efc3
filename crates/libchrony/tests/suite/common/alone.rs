//! Tests that need a process of their own: for its descriptors, its user, its environment or its children.
//!
//! The test starts its program again, to run only this test there.

use std::env;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

const MARK: &str = "LIBCHRONY_TEST_ALONE";

/// Returns true in a process that its parent has prepared to run one test alone.
pub(crate) fn is_alone() -> bool {
    env::var_os(MARK).is_some()
}

/// A process for one test, or for one case of it.
pub(crate) struct Alone {
    test: &'static str,
    case: String,
    command: Command,
}

/// Runs `body` in a process of its own. `test` is the calling test, with its module.
pub(crate) fn alone(test: &'static str, body: impl FnOnce()) {
    Alone::new(test, "only").run(body);
}

impl Alone {
    pub(crate) fn new(test: &'static str, case: &str) -> Self {
        Self::from(test, case, &env::current_exe().unwrap())
    }

    /// Like `new`, but with a copy of this program.
    pub(crate) fn from(test: &'static str, case: &str, program: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(MARK, case);
        Self { test, case: case.to_owned(), command }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Makes the process call `prepare` before it becomes this program.
    pub(crate) fn prepared(mut self, prepare: fn() -> std::io::Result<()>) -> Self {
        // SAFETY: every `prepare` here makes system calls and nothing else, as is allowed between fork and exec.
        #[expect(unsafe_code, reason = "runs between fork and exec")]
        unsafe {
            self.command.pre_exec(prepare);
        }
        self
    }

    pub(crate) fn run(mut self, body: impl FnOnce()) {
        if let Some(mark) = env::var_os(MARK) {
            if mark == *self.case {
                thread::spawn(|| {
                    thread::sleep(Duration::from_secs(180));
                    eprintln!("not done after 180 s");
                    process::abort();
                });
                body();
            }
            return;
        }
        let output = self.command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let passed = output.status.success() && text.contains("1 passed");
        assert!(passed, "{} ({}), {}:\n{text}", self.test, self.case, output.status);
    }
}
