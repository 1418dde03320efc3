//! Runs the program, and collects its output.

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

/// A user without permissions.
const NOBODY: u32 = 65534;
/// The environment variable that names the file with the limits of a site.
pub(crate) const SITE: &str = "CHRONY_HEALTH_CONFIG_FILE";
/// The timeout of each wait, for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The result of a run.
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

    /// Returns the output of a run that has read everything and printed no message.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// Returns the rows of JSON, even if some reports could not be read.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        let rows: Value = serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        rows.as_array().unwrap().clone()
    }

    /// Checks that a run failed with this code, and printed one line with these words on standard error and nothing
    /// else.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {}", self.err);
        }
    }
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chrony-report"))
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Returns a command that runs the program. Its output is not a terminal. It does not inherit colour settings and
/// ignored signals from the tests.
pub(crate) fn program<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(binary()).args(args).stdin(Stdio::null());
    // If `CI` is set, even a dumb terminal gets styles.
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "CHRONY_REPORT_HOST"] {
        command.env_remove(name);
    }
    // The machine may have limits of its own. If it was booted just now, a chronyd cannot have started a day ago, and
    // would have a grace period.
    command.env(SITE, Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/no_grace.toml"));
    command
}

/// Runs the program to its end.
pub(crate) fn run<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Ran {
    Ran::of(program(args).output().unwrap())
}

/// Returns arguments for one chronyd, from words that are separated by blanks.
pub(crate) fn args(host: impl AsRef<OsStr>, args: &str) -> Vec<std::ffi::OsString> {
    let host = [OsStr::new("-H"), host.as_ref()];
    host.into_iter().chain(args.split_whitespace().map(OsStr::new)).map(OsStr::to_owned).collect()
}

/// Runs the program for one chronyd, with words that are separated by blanks.
pub(crate) fn ask(host: impl AsRef<OsStr>, args: &str) -> Ran {
    run(self::args(host, args))
}

/// Runs the program again if it reports that it was late itself. A busy machine causes that, but not every time.
pub(crate) fn on_time<T>(ran: impl Fn(&T) -> &Ran, run: impl Fn() -> T) -> T {
    let is_late = |result: &T| ran(result).out.contains("this process itself did not run");
    (0..2).map(|_| run()).find(|result| !is_late(result)).unwrap_or_else(&run)
}

/// Starts a scripted chronyd with these values, which `testbed scripted --help` describes.
pub(crate) fn scripted(values: &str) -> Scripted {
    Scripted::start(Values::new(&values.parse().unwrap())).unwrap()
}

/// Returns the address of the command port.
pub(crate) fn udp(chronyd: &Scripted) -> String {
    format!("127.0.0.1:{}", chronyd.command_port())
}

pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so after {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Copies an executable file in another process. Otherwise, a program that another test starts meanwhile would inherit
/// the descriptor, and a file that is open for writing cannot be run.
pub(crate) fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}

/// Runs the program for a chronyd as a user who may not use its socket. The user may not enter the checkout, either, so
/// the program and libchrony are copied.
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
    command.args([OsStr::new("-H"), chronyd.socket().as_os_str()]).args(args);
    command.env("LIBCHRONY_PATH", library).env(SITE, "/dev/null");
    // Root may use every socket, and other users may use the sockets in their own folders.
    fs::set_permissions(chronyd.folder(), Permissions::from_mode(0o0)).unwrap();
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    // Coverage data would be written to a place where the user may not write.
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
    /// Opens a pseudo-terminal with this many columns.
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

    /// Returns the end for a program's output. Drop the command that has it before you read the terminal.
    pub(crate) fn end(&self) -> Stdio {
        self.theirs.try_clone().unwrap().into()
    }

    /// Returns all output.
    pub(crate) fn read(self) -> String {
        drop(self.theirs);
        let mut text = Vec::new();
        // Linux reports an error once the last writer has gone.
        File::from(self.ours).read_to_end(&mut text).ok();
        String::from_utf8(text).unwrap()
    }
}

impl Ran {
    /// Checks that clap refused the command line with these words.
    #[track_caller]
    pub(crate) fn failed_usage(&self, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{self:?}");
        assert!(words.iter().all(|word| self.err.contains(word)), "{}", self.err);
    }
}
