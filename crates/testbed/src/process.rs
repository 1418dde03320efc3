//! Finds programs and starts children that cannot outlive this process.
//!
//! The kernel's parent-death signal is sent when the parent *thread* ends, and a test's thread ends with its test. So
//! one thread, which lasts as long as the process, starts all children.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::Error;

const PLACES: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Finds `program` on `PATH`, or in a folder of system programs that may be missing from a user's `PATH`.
pub(crate) fn find(program: &'static str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(PLACES.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| Error::Missing { program, places: PLACES.join(", ") })
}

type Job = (Command, Sender<io::Result<Child>>);

/// Starts `command` so that it dies with this process.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    static STARTER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
        let (sender, jobs) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, answer) in jobs {
                // If the caller's thread is gone, the result is not needed.
                answer.send(command.spawn()).ok();
            }
        });
        Mutex::new(sender)
    });

    // SAFETY: runs in the child between fork and exec; a single prctl system call is async-signal-safe.
    unsafe {
        command.pre_exec(|| set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from));
    }
    let (sender, answer) = channel();
    STARTER.lock().expect("no panic while starting").send((command, sender)).expect("the starter lasts");
    answer.recv().expect("the starter answers")
}
