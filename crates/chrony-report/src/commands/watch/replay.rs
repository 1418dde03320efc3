//! Plays a recording at its original speed, or at another.

use crate::error::Failure;
use crate::timeline::recording::{Header, Recording, Snapshot};
use chrony_health::quantity::seconds;
use std::path::Path;
use std::time::{Duration, Instant};

/// The number of snapshots that are played before the next check for keys.
const BATCH: usize = 1000;

#[derive(Debug)]
pub(crate) struct Player {
    recording: Recording,
    next: Option<Snapshot>,
    /// The position at `since`, in seconds of the recording.
    position: f64,
    since: Instant,
    pub(crate) speed: f64,
    /// The length of the recording, in seconds.
    length: f64,
}

impl Player {
    /// Opens a recording, and checks all of it before the replay starts.
    pub(crate) fn new(path: &Path, speed: f64) -> Result<Self, Failure> {
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let text = format!("{} is no file, and a recording is read twice here. Save it as a file", path.display());
            return Err(Failure::Data(text));
        }
        let mut checked = Recording::open(path)?;
        let mut length = 0.0;
        while let Some(snapshot) = checked.next()? {
            length = snapshot.elapsed;
        }
        let mut recording = Recording::open(path)?;
        let next = recording.next()?;
        let position = next.as_ref().map_or(0.0, |snapshot| snapshot.elapsed);
        Ok(Self { recording, next, position, since: Instant::now(), speed, length: length - position })
    }

    pub(crate) fn every(&self) -> f64 {
        self.recording.header.every
    }

    /// Returns the time until the next snapshot, or `None` at the end.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let next = self.next.as_ref()?;
        let seconds = (next.elapsed - self.position) / self.speed;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or_default().saturating_sub(self.since.elapsed()))
    }

    /// Returns the snapshots that are due.
    pub(crate) fn due(&mut self) -> Result<Vec<Snapshot>, Failure> {
        self.go_on();
        let mut due = Vec::new();
        while due.len() < BATCH && self.next.as_ref().is_some_and(|next| next.elapsed <= self.position) {
            due.extend(self.step()?);
        }
        Ok(due)
    }

    /// Returns the next snapshot, due or not.
    pub(crate) fn step(&mut self) -> Result<Option<Snapshot>, Failure> {
        let next = self.next.take();
        self.next = self.recording.next()?;
        if let Some(snapshot) = &next {
            self.position = self.position.max(snapshot.elapsed);
        }
        self.hold();
        Ok(next)
    }

    /// Multiplies the speed.
    pub(crate) fn faster(&mut self, factor: f64) {
        self.go_on();
        self.speed *= factor;
    }

    /// Skips the time since the last call, as in a pause.
    pub(crate) fn hold(&mut self) {
        self.since = Instant::now();
    }

    fn go_on(&mut self) {
        self.position += self.since.elapsed().as_secs_f64() * self.speed;
        self.hold();
    }

    /// Describes the recording and the speed of its replay.
    pub(crate) fn about(&self, path: &Path) -> String {
        let Header { machine, .. } = &self.recording.header;
        let cut = if self.recording.is_cut_off { ", whose last line is cut off" } else { "" };
        let state = match self.next {
            Some(_) => format!("at {} times the speed", self.speed),
            None => format!("the end{cut}"),
        };
        format!("replay of {}, {} of {machine}: {state}", path.display(), seconds(self.length))
    }
}
