//! A thread that owns a value and runs jobs on it, and the handle that sends the jobs.
//!
//! A job is done when the call that sent it returns. The thread waits for its sockets, and a byte on another socket
//! wakes it for a job.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};

use crate::Error;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// The handle. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Worker<S> {
    /// The channel to the thread. Like `thread`, it is `None` only while dropping.
    jobs: Option<Sender<Job<S>>>,
    thread: Option<JoinHandle<()>>,
    wake: UnixStream,
}

/// The thread's end of the channel. It is readable when there are jobs.
#[derive(Debug)]
pub(crate) struct Jobs<S> {
    jobs: Receiver<Job<S>>,
    nudged: UnixStream,
}

impl<S: Send + 'static> Worker<S> {
    /// Starts a thread that runs `server`, which looks at its jobs.
    pub(crate) fn start(server: S, run: impl FnOnce(S, Jobs<S>) + Send + 'static) -> Result<Self, Error> {
        let (wake, nudged) = UnixStream::pair().map_err(Error::system("could not make a pair of sockets"))?;
        nudged.set_nonblocking(true).map_err(Error::system("could not change a socket"))?;
        let (sender, jobs) = channel();
        let thread = thread::spawn(move || run(server, Jobs { jobs, nudged }));
        Ok(Self { jobs: Some(sender), thread: Some(thread), wake })
    }

    /// Runs `job` on the thread, and returns when it is done.
    pub(crate) fn call<T: Send + 'static>(&self, job: impl FnOnce(&mut S) -> T + Send + 'static) -> T {
        let (sender, answer) = channel();
        let job: Job<S> = Box::new(move |server| {
            sender.send(job(server)).ok();
        });
        self.jobs.as_ref().expect("not dropping").send(job).expect("the thread lasts");
        self.nudge();
        answer.recv().expect("the thread answers")
    }
}

impl<S> Worker<S> {
    fn nudge(&self) {
        // If the buffer is full, the thread is already woken.
        (&self.wake).write_all(&[0]).ok();
    }
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.jobs = None;
        self.nudge();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            thread.join().ok();
        }
    }
}

impl<S> Jobs<S> {
    /// Runs all waiting jobs. Returns false once the handle is gone.
    pub(crate) fn run(&self, server: &mut S) -> bool {
        // The bytes only wake the thread. The jobs are in `jobs`.
        io::copy(&mut &self.nudged, &mut io::sink()).ok();
        loop {
            match self.jobs.try_recv() {
                Ok(job) => job(server),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }
}

impl<S> AsFd for Jobs<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.nudged.as_fd()
    }
}
