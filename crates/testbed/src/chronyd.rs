//! A real chronyd of the test's own, in a temporary folder.
//!
//! It never touches the clock (`-x`), needs no privileges, reads no configuration but its own, and disappears with
//! its folder when dropped. It says nothing about what the product should read from it: tests compare with
//! [`Chronyd::chronyc`].

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

/// A chronyd answers within milliseconds; this is for a machine in trouble.
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
    /// Serve NTP on a free port, on every address, as a stratum 1 server without a source.
    #[must_use]
    pub fn server(self) -> Self {
        self.ntp_port().line("local stratum 1")
    }

    /// Serve NTP on a free port, on every address. Without a source and without a line with `local`, it answers that
    /// it is not synchronised.
    #[must_use]
    pub fn ntp_port(mut self) -> Self {
        self.ntp_port = true;
        self
    }

    /// Serve NTP as [`Builder::server`] does, and NTS key establishment on the same port over TCP. See
    /// [`Chronyd::certificate`].
    #[must_use]
    pub fn nts(mut self) -> Self {
        self.nts = true;
        self.server()
    }

    /// Answer commands over UDP too, on a free port of 127.0.0.1 and `::1`.
    #[must_use]
    pub fn command_port(mut self) -> Self {
        self.command_port = true;
        self
    }

    /// Add a line of chrony.conf as it stands, but for `{folder}`, which is the daemon's own. A source's option `key N`
    /// works between any two chronyds of a test bed: key 1 is MD5, 2 SHA1, 3 SHA256, 4 SHA384, 5 SHA512, 6 to 9 SHA3,
    /// 13 AES128, 14 AES256.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Its lines so far.
    pub(crate) fn lines_mut(&mut self) -> &mut Vec<String> {
        &mut self.lines
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Result<Chronyd, Error> {
        let program = process::find("chronyd")?;
        // Missing is told before anything is started.
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
            // No process beside chronyd, which would outlive one that is killed.
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
/// One kept in a `static` is never dropped: its process still dies with the test's, its folder stays behind.
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
    /// A chronyd without sources, that serves nothing but its Unix socket, unless more is asked.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its process, None once it is dead.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The path of its Unix command socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its UDP command port, if it has one.
    pub fn command_port(&self) -> Option<u16> {
        self.command_port.as_ref().map(Port::number)
    }

    /// The port it serves NTP on, if it does.
    pub fn ntp_port(&self) -> Option<u16> {
        self.ntp_port.as_ref().map(Port::number)
    }

    /// The certificate that a client has to trust (`ntstrustedcerts`) for its NTS, if it serves that. It is for
    /// 127.0.0.1 to 127.0.0.99, and for `::1`.
    pub fn certificate(&self) -> Option<PathBuf> {
        Some(self.folder().join("certificate")).filter(|file| file.exists())
    }

    /// Its folder, which holds the socket, `chrony.conf`, `log` and nothing of anyone else's.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets the modification time of its socket, which is its start for those who look.
    pub fn set_started(&self, time: SystemTime) -> Result<(), Error> {
        folder::set_modified(&self.socket, time)
    }

    /// All it has logged.
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

    /// Waits until what [`Chronyd::chronyc`] prints is as it shall be, for at most `patience`; returns it.
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

    /// Stops it where it is; returns once the kernel says it is stopped.
    pub fn suspend(&self) -> Result<(), Error> {
        let pid = self.signal(Signal::STOP)?;
        // NOWAIT and EXITED: neither reap it nor hang, should it just have died.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), options).map_err(Error::system("could not wait for chronyd to stop"))?;
        Ok(())
    }

    /// Lets it go on after [`Chronyd::suspend`].
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Kills it without warning, as a crash would: its socket's file stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Neither can fail on a child that has not been reaped.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Asks it to end, as a service manager would: it removes its socket.
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

    /// Ends it if it runs, and starts it again: the same configuration and ports.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.terminate()?;
        self.launch()
    }

    fn launch(&mut self) -> Result<(), Error> {
        let log = File::options().create(true).append(true).open(self.folder().join("log"));
        let log = log.map_err(Error::system("could not open the log"))?;
        // What a killed predecessor left; chronyd itself refuses to start beside the file of a living process.
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
    /// SIGKILL ends a suspended process too; the folder goes with its field.
    fn drop(&mut self) {
        self.kill();
    }
}

/// The command line `chronyc -c -n`, to which options and a command are to be added.
///
/// In chrony 4.8 and later, root's chronyc becomes another user, who may not enter a test bed's folder, unless it is
/// started with `-u root`.
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
