//! Recordings: `watch --record` writes them, `watch --replay` and `plot` read them. `docs/watch.md` has the format.
//!
//! A recording is lines of JSON: a header, then one snapshot per line. Names and units are as in the JSON of the
//! reports.

use crate::error::Failure;
use chrony_health::{Measure, Polled, expected_update_interval, is_usable};
use libchrony::{Source, SourceMode, SourceState, Tracking};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FORMAT: &str = "chrony-report recording";
const VERSION: u32 = 1;
const NOT_ONE: &str = "Give a file that `chrony-report watch --record` has written";

/// The first line.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Header {
    format: String,
    version: u32,
    /// The name of the machine that made the recording.
    pub(crate) machine: String,
    /// The time between two snapshots, in seconds.
    pub(crate) every: f64,
}

/// A reading of one moment, or the error that prevented it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Snapshot {
    /// The time of reading by the machine's clock, in seconds since the epoch.
    pub(crate) time: f64,
    /// The time of reading by a clock that cannot be set, in seconds since the start of the view or the recording.
    pub(crate) elapsed: f64,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Reading(Reading),
    Error(String),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Reading {
    /// The address that answered.
    pub(crate) host: String,
    pub(crate) tracking: Tracked,
    pub(crate) sources: Vec<Peer>,
    /// The error, if chronyd does not report its sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sources_error: Option<String>,
}

/// The recorded part of the tracking report.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Tracked {
    pub(crate) reference_id_name: String,
    pub(crate) stratum: u8,
    pub(crate) leap_status: String,
    /// The time of the last update of the clock, in seconds since the epoch. `None` if there was none.
    pub(crate) ref_time: Option<f64>,
    /// The offset with chronyd's sign: positive if the clock is slow.
    pub(crate) offset: f64,
    pub(crate) frequency: f64,
    pub(crate) residual_freq: f64,
    pub(crate) skew: f64,
    pub(crate) root_delay: f64,
    pub(crate) root_dispersion: f64,
    /// The error bound of the clock. `None` if it is unknown, and then the other values mean nothing.
    pub(crate) clock_error_bound: Option<f64>,
    /// True if chronyd follows only its local clock.
    pub(crate) is_local: bool,
    /// The time between the last two updates, in seconds. `None` in older recordings.
    #[serde(default)]
    pub(crate) update_interval: Option<f64>,
}

impl Reading {
    /// Returns the age of the last update at a moment, if the judgement calls it critical.
    pub(crate) fn is_stale(&self, time: f64) -> Option<f64> {
        // The reference time is in chronyd's idea of true time.
        let age = (time + self.tracking.offset - self.tracking.ref_time?).abs();
        let polled = |peer: &Peer| Polled {
            is_selected: peer.state == SourceState::Selected,
            is_usable: is_usable(peer.state),
            interval: f64::from(peer.poll).exp2(),
            answers: peer.reachability != 0,
        };
        let last = self.tracking.update_interval.unwrap_or_default();
        let every = expected_update_interval(last, self.sources.iter().map(polled));
        Measure::named("age").is_some_and(|measure| measure.critical.scaled(every).alerts(age)).then_some(age)
    }
}

/// The recorded part of the sources report, for one source.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) poll: i16,
    pub(crate) stratum: u8,
    #[serde(serialize_with = "word", deserialize_with = "state")]
    pub(crate) state: SourceState,
    #[serde(serialize_with = "word", deserialize_with = "mode")]
    pub(crate) mode: SourceMode,
    pub(crate) reachability: u8,
    /// The age of the last sample, in seconds. Like the next two values, `None` without a sample.
    pub(crate) last_sample_ago: Option<u32>,
    pub(crate) latest_meas: Option<f64>,
    pub(crate) latest_meas_err: Option<f64>,
}

fn word<S: Serializer>(word: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(word)
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SourceState, D::Error> {
    let word = String::deserialize(deserializer)?;
    let state = SourceState::ALL.iter().find(|state| state.name() == word);
    state.copied().ok_or_else(|| D::Error::custom(format!("no state of a source is called {word:?}")))
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SourceMode, D::Error> {
    let word = String::deserialize(deserializer)?;
    let mode = SourceMode::ALL.iter().find(|mode| mode.name() == word);
    mode.copied().ok_or_else(|| D::Error::custom(format!("no mode of a source is called {word:?}")))
}

impl Header {
    pub(crate) fn new(every: Duration) -> Self {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { format: FORMAT.to_owned(), version: VERSION, machine, every: every.as_secs_f64() }
    }
}

impl Tracked {
    pub(crate) fn of(tracking: &Tracking) -> Self {
        Self {
            reference_id_name: tracking.reference_id_name.clone(),
            stratum: tracking.stratum,
            leap_status: tracking.leap_status.name().to_owned(),
            ref_time: (tracking.ref_time != UNIX_EPOCH).then(|| since_epoch(tracking.ref_time)),
            offset: tracking.offset,
            frequency: tracking.frequency,
            residual_freq: tracking.residual_freq,
            skew: tracking.skew,
            root_delay: tracking.root_delay,
            root_dispersion: tracking.root_dispersion,
            clock_error_bound: tracking.clock_error_bound(),
            is_local: tracking.is_local(),
            update_interval: Some(tracking.update_interval),
        }
    }
}

impl Peer {
    pub(crate) fn of(source: &Source) -> Self {
        let is_sampled = source.has_sample();
        Self {
            address: source.address.clone(),
            poll: source.poll,
            stratum: source.stratum,
            state: source.state,
            mode: source.mode,
            reachability: source.reachability,
            last_sample_ago: is_sampled.then_some(source.last_sample_ago),
            latest_meas: is_sampled.then_some(source.latest_meas),
            latest_meas_err: is_sampled.then_some(source.latest_meas_err),
        }
    }

    /// Returns the offset of the last sample, positive if the clock is fast, and its error.
    pub(crate) fn sample(&self) -> Option<(f64, f64)> {
        self.latest_meas.zip(self.latest_meas_err)
    }

    pub(crate) fn is_selected(&self) -> bool {
        self.state == SourceState::Selected
    }
}

/// Converts a time to seconds since the epoch, rounded to the microsecond. The time of a reading is less exact.
pub(crate) fn since_epoch(time: SystemTime) -> f64 {
    rounded(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// A recording that is being written.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    file: File,
    header: Option<Header>,
}

impl Recorder {
    /// Opens the file. An existing recording is not overwritten.
    pub(crate) fn new(path: &Path, header: Header) -> Result<Self, Failure> {
        let failure =
            |source, advice| Failure::File { what: format!("cannot record to {}", path.display()), source, advice };
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let advice = "Give a file in a folder that exists and that you may write to";
        let file = open.map_err(|source| failure(source, advice))?;
        let is_taken = file.metadata().is_ok_and(|data| data.is_file() && data.len() > 0);
        if is_taken {
            return Err(failure(io::ErrorKind::AlreadyExists.into(), "Give another name, or remove the file"));
        }
        Ok(Self { path: path.to_owned(), file, header: Some(header) })
    }

    /// Adds a snapshot. It is in the file when this method returns.
    pub(crate) fn add(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mut lines = Vec::new();
        if let Some(header) = self.header.take() {
            serde_json::to_writer(&mut lines, &header)?;
            lines.push(b'\n');
        }
        serde_json::to_writer(&mut lines, snapshot)?;
        lines.push(b'\n');
        self.file.write_all(&lines)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A recording that is being read, one snapshot after another.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    pub(crate) header: Header,
    file: BufReader<File>,
    line: u64,
    last: f64,
    /// True if the last line was cut off, for example by a full disk.
    pub(crate) is_cut_off: bool,
}

impl Recording {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failure = |source| Failure::File {
            what: format!("cannot read the recording {}", path.display()),
            source,
            advice: NOT_ONE,
        };
        let mut file = BufReader::new(File::open(path).map_err(failure)?);
        let mut line = String::new();
        file.read_line(&mut line).map_err(failure)?;
        let shown = path.display();
        let header: Header = serde_json::from_str(&line)
            .ok()
            .filter(|header: &Header| header.format == FORMAT && header.every > 0.0)
            .ok_or_else(|| Failure::Data(format!("line 1 of {shown} is not that of a recording. {NOT_ONE}")))?;
        if header.version != VERSION {
            return Err(Failure::Data(format!(
                "line 1 of {shown}: this is version {} of the format, and only version {VERSION} is known. \
                 Use the version of chrony-report that has recorded it, or a newer one",
                header.version
            )));
        }
        Ok(Self { path: path.to_owned(), header, file, line: 1, last: 0.0, is_cut_off: false })
    }

    /// Returns the next snapshot, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Snapshot>, Failure> {
        let mut line = Vec::new();
        let read = self.file.read_until(b'\n', &mut line);
        self.line += 1;
        let (number, shown) = (self.line, self.path.display());
        read.map_err(|source| Failure::File {
            what: format!("cannot read line {number} of the recording {shown}"),
            source,
            advice: "Copy the file, and read the copy",
        })?;
        if line.is_empty() {
            return Ok(None);
        }
        let refused = |why: String| {
            Failure::Data(format!(
                "line {number} of {shown} is no snapshot: {why}. Remove this line, or end the file before it"
            ))
        };
        match serde_json::from_slice::<Snapshot>(&line) {
            Ok(snapshot) if snapshot.elapsed < self.last => {
                Err(refused(format!("its \"elapsed\" is {}, after {}", snapshot.elapsed, self.last)))
            }
            Ok(snapshot) => {
                self.last = snapshot.elapsed;
                Ok(Some(snapshot))
            }
            Err(_) if line.last() != Some(&b'\n') => {
                self.is_cut_off = true;
                Ok(None)
            }
            Err(error) => Err(refused(error.to_string())),
        }
    }
}

/// Converts seconds since the epoch to a moment.
pub(crate) fn moment(time: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(time).unwrap_or_default();
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Formats a moment in UTC, in a format of `strftime`.
pub(crate) fn shown(time: f64, form: &str) -> String {
    jiff::Timestamp::try_from(moment(time)).map_or_else(|_| format!("{time} s"), |time| time.strftime(form).to_string())
}
