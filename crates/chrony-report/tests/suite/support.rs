//! Runs the program and tells what it did.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Scripted, Values};

/// A user who has no rights.
const NOBODY: u32 = 65534;
/// For a machine in trouble.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a run did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The output of a run that has read everything and has nothing to say of itself.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// The rows of JSON, whether all was read or not.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        let rows: Value = serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        rows.as_array().unwrap().clone()
    }

    /// A run that ended in this way, with one line that has these words on standard error and nothing else.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {}", self.err);
        }
    }
}

/// The program's file.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chrony-report"))
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The program, to be started. Its output is no terminal, nothing of the environment asks for colours, and no signal is
/// ignored, whoever runs the tests.
pub(crate) fn program<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(binary()).args(args).stdin(Stdio::null());
    // Where `CI` is set, even a dumb terminal gets styles.
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "CHRONY_REPORT_HOST"] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub(crate) fn run<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Ran {
    Ran::of(program(args).output().unwrap())
}

/// Arguments that are separated by blanks, for one chronyd.
pub(crate) fn args(host: impl AsRef<OsStr>, args: &str) -> Vec<std::ffi::OsString> {
    let host = [OsStr::new("-H"), host.as_ref()];
    host.into_iter().chain(args.split_whitespace().map(OsStr::new)).map(OsStr::to_owned).collect()
}

/// Runs it with arguments that are separated by blanks, for one chronyd.
pub(crate) fn ask(host: impl AsRef<OsStr>, args: &str) -> Ran {
    run(self::args(host, args))
}

/// Runs it again where it says that it was late itself, in place of what it has to say of chronyd. A busy machine does
/// that, but not each time.
pub(crate) fn on_time<T>(ran: impl Fn(&T) -> &Ran, run: impl Fn() -> T) -> T {
    let is_late = |result: &T| ran(result).out.contains("this process itself did not run");
    (0..2).map(|_| run()).find(|result| !is_late(result)).unwrap_or_else(&run)
}

/// A scripted chronyd with these values, as `testbed scripted --help` has them.
pub(crate) fn scripted(values: &str) -> Scripted {
    Scripted::start(Values::new(&values.parse().unwrap())).unwrap()
}

/// The address of its command port.
pub(crate) fn udp(chronyd: &Scripted) -> String {
    format!("127.0.0.1:{}", chronyd.command_port())
}

/// Sends a signal.
pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so after {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Copies a file, which may be run. Another process does it: a program that another test starts meanwhile would inherit
/// the descriptor, and a file that is open for writing cannot be run.
pub(crate) fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}

/// Runs the program for a chronyd as a user who may not use its socket. Such a user may not enter the checkout either, so
/// the program and libchrony are run from elsewhere.
pub(crate) fn unprivileged(chronyd: &Scripted, args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let copied = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        copy(from, &to);
        fs::set_permissions(&to, Permissions::from_mode(0o755)).unwrap();
        to
    };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = copied(Path::new(env!("CARGO_BIN_EXE_chrony-report")), "chrony-report");
    let library = copied(libchrony::Library::load().unwrap().path(), "libchrony.so.0");
    let mut command = Command::new(program);
    command.args([OsStr::new("-H"), chronyd.socket().as_os_str()]).args(args).env("LIBCHRONY_PATH", library);
    // Root has every right, and others have those to their own folders.
    fs::set_permissions(chronyd.folder(), Permissions::from_mode(0o0)).unwrap();
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    // What coverage is measured by would be written where others may not.
    command.env("LLVM_PROFILE_FILE", "/dev/null");
    let output = command.current_dir("/").stdin(Stdio::null()).output();
    fs::set_permissions(chronyd.folder(), Permissions::from_mode(0o700)).unwrap();
    Ran::of(output.unwrap())
}

/// A pseudo-terminal, to which a program writes.
#[derive(Debug)]
pub(crate) struct Terminal {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Terminal {
    /// One with so many columns.
    pub(crate) fn open(columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap().into();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).unwrap();
        Self { ours, theirs }
    }

    /// What a program is given as its output. The command that has it must be gone before the terminal is read.
    pub(crate) fn end(&self) -> Stdio {
        self.theirs.try_clone().unwrap().into()
    }

    /// All that was written.
    pub(crate) fn read(self) -> String {
        drop(self.theirs);
        let mut text = Vec::new();
        // Linux reports an error where the last one who could write has gone.
        File::from(self.ours).read_to_end(&mut text).ok();
        String::from_utf8(text).unwrap()
    }
}

impl Ran {
    /// A command line that clap refuses, with these words in what it says.
    #[track_caller]
    pub(crate) fn failed_usage(&self, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{self:?}");
        assert!(words.iter().all(|word| self.err.contains(word)), "{}", self.err);
    }
}
