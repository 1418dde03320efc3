//! A real chronyd of the test's own, in a temporary folder.
//!
//! It does not touch the clock (`-x`), does not need privileges, and only reads its own configuration. Dropping it
//! removes its folder. Tests compare what the product reads with [`Chronyd::chronyc`].

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;

use crate::port::{self, Port};
use crate::{Error, folder, process, secrets};

/// A chronyd usually answers within milliseconds. An overloaded machine takes longer.
const START_DEADLINE: Duration = Duration::from_secs(10);
const TERMINATE_DEADLINE: Duration = Duration::from_secs(5);
const PROBE_INTERVAL: Duration = Duration::from_millis(5);

/// The options of a chronyd.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    ntp_port: bool,
    nts: bool,
    command_port: bool,
    lines: Vec<String>,
}

impl Builder {
    /// Serves NTP on a free port, on every address, as a stratum 1 server without a source.
    #[must_use]
    pub fn server(self) -> Self {
        self.ntp_port().line("local stratum 1")
    }

    /// Serves NTP on a free port, on every address. Without a source and without a `local` line, it answers that it is
    /// not synchronised.
    #[must_use]
    pub fn ntp_port(mut self) -> Self {
        self.ntp_port = true;
        self
    }

    /// Serves NTP as [`Builder::server`] does, and NTS key establishment on the same port over TCP. See
    /// [`Chronyd::certificate`].
    #[must_use]
    pub fn nts(mut self) -> Self {
        self.nts = true;
        self.server()
    }

    /// Answers commands over UDP too, on a free port of 127.0.0.1 and `::1`.
    #[must_use]
    pub fn command_port(mut self) -> Self {
        self.command_port = true;
        self
    }

    /// Adds a line to chrony.conf. `{folder}` in it becomes the daemon's folder. A source's option `key N` works
    /// between any two chronyds of a test bed: key 1 is MD5, 2 SHA1, 3 SHA256, 4 SHA384, 5 SHA512, 6 to 9 SHA3, 13
    /// AES128, 14 AES256.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Returns the lines added so far.
    pub(crate) fn lines_mut(&mut self) -> &mut Vec<String> {
        &mut self.lines
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Result<Chronyd, Error> {
        let program = process::find("chronyd")?;
        // A missing chronyc is reported before anything is started.
        chronyc()?;
        let folder = folder::make()?;
        let socket = folder.path().join("chronyd.sock");
        let ntp_port = self.ntp_port.then(port::free);
        let command_port = self.command_port.then(port::free);
        let number = |port: &Option<Port>| port.as_ref().map(Port::number);
        let config = self.config(folder.path(), number(&ntp_port), number(&command_port));
        secrets::write_keys(&folder.path().join("keys"))?;
        if self.nts {
            secrets::write_certificate(&folder.path().join("certificate"), &folder.path().join("key"))?;
        }
        fs::write(folder.path().join("chrony.conf"), config).map_err(Error::system("could not write chrony.conf"))?;

        let mut chronyd = Chronyd { program, child: None, folder, socket, command_port, ntp_port };
        chronyd.launch()?;
        Ok(chronyd)
    }

    fn config(&self, folder: &Path, ntp_port: Option<u16>, command_port: Option<u16>) -> String {
        let folder = folder.display();
        let mut text = format!(
            "pidfile {folder}/chronyd.pid\n\
             bindcmdaddress {folder}/chronyd.sock\n\
             bindcmdaddress 127.0.0.1\n\
             bindcmdaddress ::1\n\
             cmdport {}\n\
             port {}\n\
             keyfile {folder}/keys\n",
            command_port.unwrap_or(0),
            ntp_port.unwrap_or(0),
        );
        if self.ntp_port {
            text.push_str("allow\n");
        }
        if self.nts {
            // A helper process would outlive a chronyd that is killed.
            text.push_str("ntsservercert {folder}/certificate\nntsserverkey {folder}/key\nntsprocesses 0\n");
            writeln!(text, "ntsport {}", ntp_port.expect("a server has one")).expect("a String takes all");
        }
        for line in &self.lines {
            writeln!(text, "{line}").expect("a String takes all");
        }
        text.replace("{folder}", &folder.to_string())
    }
}

/// A running chronyd. Dropping it kills it and removes its folder.
///
/// A chronyd in a `static` is not dropped. It still dies with the test's process, but leaves its folder behind.
#[derive(Debug)]
pub struct Chronyd {
    program: PathBuf,
    child: Option<Child>,
    folder: TempDir,
    socket: PathBuf,
    command_port: Option<Port>,
    ntp_port: Option<Port>,
}

impl Chronyd {
    /// Returns a builder of a chronyd that has no sources and only serves its Unix socket.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the process ID, or `None` once the process is dead.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Returns the path of the Unix command socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the UDP command port, if there is one.
    pub fn command_port(&self) -> Option<u16> {
        self.command_port.as_ref().map(Port::number)
    }

    /// Returns the port on which it serves NTP, if it does.
    pub fn ntp_port(&self) -> Option<u16> {
        self.ntp_port.as_ref().map(Port::number)
    }

    /// Returns the certificate that NTS clients have to trust (`ntstrustedcerts`), if it serves NTS. The certificate is
    /// for 127.0.0.1 to 127.0.0.99 and `::1`.
    pub fn certificate(&self) -> Option<PathBuf> {
        Some(self.folder().join("certificate")).filter(|file| file.exists())
    }

    /// Returns its private folder, which holds the socket, `chrony.conf` and `log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets the modification time of its socket, from which others learn when chronyd started.
    pub fn set_started(&self, time: SystemTime) -> Result<(), Error> {
        folder::set_modified(&self.socket, time)
    }

    /// Returns its whole log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Runs `chronyc -h SOCKET -c -n ARGS…` and returns what it prints.
    pub fn chronyc(&self, args: &[&str]) -> Result<String, Error> {
        let mut command = chronyc()?;
        command.arg("-h").arg(&self.socket).args(args);
        run(command)
    }

    /// Waits until it answers on its socket.
    pub fn wait_until_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                self.child = None;
                return Err(self.failure(format!("chronyd ended with {status}")));
            }
            if self.socket.exists() && self.chronyc(&["tracking"]).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.failure("chronyd did not answer".into()));
            }
            thread::sleep(PROBE_INTERVAL);
        }
    }

    /// Waits until it has a reference, for at most `patience`.
    pub fn wait_synchronised(&self, patience: Duration) -> Result<(), Error> {
        self.wait_until(&["tracking"], patience, |tracking| {
            // Reference ID first, leap status last: "7F000001,127.0.0.1,2,…,Normal".
            let fields: Vec<&str> = tracking.trim().split(',').collect();
            fields.last() != Some(&"Not synchronised") && fields.first() != Some(&"00000000")
        })
        .map(drop)
    }

    /// Waits until the output of [`Chronyd::chronyc`] meets the condition, for at most `patience`, and returns the
    /// output.
    pub fn wait_until(
        &self,
        args: &[&str],
        patience: Duration,
        condition: impl Fn(&str) -> bool,
    ) -> Result<String, Error> {
        let deadline = Instant::now() + patience;
        loop {
            let output = self.chronyc(args)?;
            if condition(&output) {
                return Ok(output);
            }
            if Instant::now() > deadline {
                let args = args.join(" ");
                return Err(self.failure(format!("after {patience:?}, chronyc {args} still prints:\n{output}")));
            }
            thread::sleep(PROBE_INTERVAL);
        }
    }

    /// Suspends the process, and returns once the kernel reports it as stopped.
    pub fn suspend(&self) -> Result<(), Error> {
        let pid = self.signal(Signal::STOP)?;
        // NOWAIT does not reap it. Without EXITED, this would hang if it has just died.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), options).map_err(Error::system("could not wait for chronyd to stop"))?;
        Ok(())
    }

    /// Resumes the process after [`Chronyd::suspend`].
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Kills the process. Its socket stays behind, as after a crash.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // These calls do not fail on a child that has not been reaped.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Terminates the process, as a service manager would. It removes its socket.
    pub fn terminate(&mut self) -> Result<(), Error> {
        if self.child.is_none() {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        self.resume()?;
        let deadline = Instant::now() + TERMINATE_DEADLINE;
        while let Some(child) = &mut self.child {
            if child.try_wait().map_err(Error::system("could not wait for chronyd"))?.is_some() {
                self.child = None;
            } else if Instant::now() > deadline {
                self.kill();
            } else {
                thread::sleep(PROBE_INTERVAL);
            }
        }
        Ok(())
    }

    /// Terminates the process if it runs, and starts it again with the same configuration and ports.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.terminate()?;
        self.launch()
    }

    fn launch(&mut self) -> Result<(), Error> {
        let log = File::options().create(true).append(true).open(self.folder().join("log"));
        let log = log.map_err(Error::system("could not open the log"))?;
        // A killed predecessor leaves these behind, and chronyd does not start if a running process has the number in
        // its PID file.
        fs::remove_file(&self.socket).ok();
        fs::remove_file(self.folder().join("chronyd.pid")).ok();

        let mut command = Command::new(&self.program);
        command.args(["-x", "-d", "-f"]).arg(self.folder().join("chrony.conf"));
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "root"]);
        } else {
            let mut id = Command::new("id");
            id.arg("-un");
            command.arg("-U").args(["-u", run(id)?.trim()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(process::spawn(command).map_err(Error::system("could not start chronyd"))?);
        self.wait_until_ready()
    }

    fn signal(&self, signal: Signal) -> Result<Pid, Error> {
        let child = self.child.as_ref().ok_or_else(|| self.failure("chronyd is not running".into()))?;
        let pid = Pid::from_child(child);
        kill_process(pid, signal).map_err(Error::system("could not signal chronyd"))?;
        Ok(pid)
    }

    fn failure(&self, what: String) -> Error {
        Error::Chronyd { what, log: self.log() }
    }
}

impl Drop for Chronyd {
    /// Kills the process, even if it is suspended. Dropping the field `folder` removes the folder.
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the command line `chronyc -c -n`. The caller adds options and a command.
///
/// Since chrony 4.8, root's chronyc changes to another user, who may not enter a test bed's folder. `-u root` prevents
/// this.
pub fn chronyc() -> Result<Command, Error> {
    static TAKES_A_USER: OnceLock<bool> = OnceLock::new();
    let program = process::find("chronyc")?;
    let takes_a_user = TAKES_A_USER.get_or_init(|| {
        let mut help = Command::new(&program);
        help.arg("--help");
        run(help).is_ok_and(|help| help.contains("-u USER"))
    });
    let mut command = Command::new(program);
    command.args(["-c", "-n"]);
    if *takes_a_user {
        command.args(["-u", "root"]);
    }
    Ok(command)
}

/// Runs a helper program to its end and returns its standard output.
pub fn run(mut command: Command) -> Result<String, Error> {
    let program = format!("{command:?}");
    let output = command.output().map_err(Error::system(format!("could not run {program}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Error::Program { program, output: format!("{text}{errors}").trim().to_owned() })
}
