//! Runs the program in a pseudo-terminal, with an emulator of the screen that a person sees.

use pty_process::Size;
use pty_process::blocking::{Command, Pts, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use vt100::{Parser, Screen};

/// The time limit for each wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program in a terminal. Dropping it kills the program.
pub(crate) struct Tty {
    pty: Arc<Pty>,
    pts: Pts,
    child: Child,
    before: Termios,
    screen: Arc<(Mutex<Parser>, Condvar)>,
}

/// The properties of a terminal, and the environment.
pub(crate) struct Setup {
    pub(crate) size: (u16, u16),
    pub(crate) locale: &'static str,
    pub(crate) env: &'static [(&'static str, &'static str)],
}

/// A terminal of the usual size, with Unicode and colours.
pub(crate) const USUAL: Setup = Setup { size: (80, 24), locale: "C.UTF-8", env: &[] };

impl Setup {
    /// Starts the program in a folder.
    pub(crate) fn start<I: AsRef<OsStr>>(&self, folder: &Path, args: impl IntoIterator<Item = I>) -> Tty {
        let (pty, pts) = open().unwrap();
        let (columns, rows) = self.size;
        pty.resize(Size::new(rows, columns)).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_chrony-report")).args(args).current_dir(folder);
        let command =
            ["NO_COLOR", "LC_CTYPE", "LANG", "COLUMNS", "LINES"].into_iter().fold(command, Command::env_remove);
        let mut command =
            command.env("TERM", "xterm-256color").env("LC_ALL", self.locale).envs(self.env.iter().copied());
        let before = tcgetattr(pts.as_fd()).unwrap();
        let child = command.spawn_borrowed(&pts).unwrap();
        let [rows, columns] = [rows, columns].map(|number| NonZeroU16::new(number).unwrap());
        let screen = Arc::new((Mutex::new(Parser::new(rows, columns, 0)), Condvar::new()));
        let pty = Arc::new(pty);
        let (reading, shown) = (Arc::clone(&pty), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Reading fails once the other end is closed.
            while let Ok(number @ 1..) = (&*reading).read(&mut bytes) {
                shown.0.lock().unwrap().process(&bytes[..number]);
                shown.1.notify_all();
            }
        });
        Tty { pty, pts, child, before, screen }
    }
}

impl Tty {
    /// Waits until the screen is as wanted, and returns it as text.
    pub(crate) fn wait(&self, what: &str, is_wanted: impl Fn(&Screen) -> bool) -> String {
        let parser = self.screen.0.lock().unwrap();
        let (parser, _) =
            self.screen.1.wait_timeout_while(parser, PATIENCE, |parser| !is_wanted(parser.screen())).unwrap();
        let text = rows(parser.screen());
        assert!(is_wanted(parser.screen()), "never {what}; the screen is\n{text}");
        text
    }

    /// Waits until a row of the screen contains this text.
    pub(crate) fn shows(&self, text: &str) -> String {
        self.wait(&format!("{text:?}"), |screen| rows(screen).contains(text))
    }

    /// Waits until the screen contains all of these texts. A screen is drawn in pieces, so a single text does not
    /// suffice.
    pub(crate) fn shows_all(&self, texts: &[&str]) -> String {
        self.wait(&format!("{texts:?}"), |screen| texts.iter().all(|text| rows(screen).contains(text)))
    }

    /// Waits until the screen does not contain this text.
    pub(crate) fn shows_no(&self, text: &str) -> String {
        self.wait(&format!("without {text:?}"), |screen| !rows(screen).contains(text))
    }

    /// Waits until the screen is the one in `screens/`. With SCREENS=write in the environment, and one test at a time,
    /// the screen is written there half a second after it shows the text. A person should then look at it.
    pub(crate) fn is_screen(&self, name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/screens").join(format!("{name}.txt"));
        if env::var_os("SCREENS").is_some_and(|value| value == "write") {
            self.shows(text);
            thread::sleep(Duration::from_millis(500));
            fs::write(&path, self.shows(text)).unwrap();
        }
        let wanted = fs::read_to_string(&path).unwrap();
        self.wait(&format!("as {name}.txt has it:\n{wanted}\n"), |screen| rows(screen) == wanted);
    }

    pub(crate) fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let [lines, width] = [rows, columns].map(|number| NonZeroU16::new(number).unwrap());
        self.screen.0.lock().unwrap().set_size(lines, width);
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the program is stopped, or until it runs again.
    pub(crate) fn wait_stopped(&self, is_wanted: bool) {
        let path = format!("/proc/{}/stat", self.pid().as_raw_nonzero());
        let until = Instant::now() + PATIENCE;
        while fs::read_to_string(&path).unwrap().contains(") T ") != is_wanted {
            assert!(Instant::now() < until, "never stopped: {is_wanted}");
            thread::yield_now();
        }
    }

    /// Returns true if the terminal is as it was before the program.
    pub(crate) fn is_given_back(&self) -> bool {
        let now = tcgetattr(self.pts.as_fd()).unwrap();
        let modes = |termios: &Termios| (termios.local_modes, termios.input_modes, termios.output_modes);
        modes(&now) == modes(&self.before) && now.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits until the terminal shows its own screen with the cursor, and its mode is as before.
    pub(crate) fn wait_given_back(&self) {
        self.wait("its own screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
        assert!(self.is_given_back());
    }

    /// Waits until the program exits.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)).unwrap();
        assert_eq!(ready, 1, "the program has not ended");
        self.child.wait().unwrap()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the rows of the screen, without trailing blanks.
pub(crate) fn rows(screen: &Screen) -> String {
    let (_, columns) = screen.size();
    screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
}
