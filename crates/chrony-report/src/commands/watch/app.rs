//! The state of the view, and its response to keys. This module does not draw and does not wait.

use super::look::Look;
use crate::timeline::recording::{Outcome, Peer, Reading, Snapshot};
use crate::timeline::series::{History, Point, gap};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The spans of time that charts can have, in seconds: from a minute to a week.
const SPANS: [f64; 7] = [60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0, 604_800.0];
/// The number of readings that the initial span has room for.
const READINGS: f64 = 240.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Overview,
    Offset,
    Frequency,
    Sources,
    Errors,
}

impl View {
    const ALL: [Self; 5] = [Self::Overview, Self::Offset, Self::Frequency, Self::Sources, Self::Errors];
}

/// The order of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Chronyd,
    State,
    Offset,
    Error,
    Age,
    Name,
}

impl Sort {
    const ALL: [Self; 6] = [Self::Chronyd, Self::State, Self::Offset, Self::Error, Self::Age, Self::Name];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chronyd => "in chronyd's order",
            Self::State => "by state",
            Self::Offset => "by offset",
            Self::Error => "by error",
            Self::Age => "by last sample",
            Self::Name => "by name",
        }
    }

    /// Returns the sources in this order. If samples decide, sources without one come last.
    pub(crate) fn sorted(self, sources: &[Peer]) -> Vec<&Peer> {
        let mut sources: Vec<_> = sources.iter().collect();
        let number = |number: Option<f64>| number.map_or(f64::INFINITY, f64::abs);
        match self {
            Self::Chronyd => {}
            Self::State => sources.sort_by_key(|source| rank(source)),
            Self::Offset => sources.sort_by(|a, b| number(a.latest_meas).total_cmp(&number(b.latest_meas))),
            Self::Error => sources.sort_by(|a, b| number(a.latest_meas_err).total_cmp(&number(b.latest_meas_err))),
            Self::Age => sources.sort_by_key(|source| source.last_sample_ago.map_or(u64::MAX, u64::from)),
            Self::Name => sources.sort_by(|a, b| a.address.cmp(&b.address)),
        }
        sources
    }
}

/// Returns the rank of a source. The best have the lowest.
fn rank(source: &Peer) -> usize {
    "*+-~x?".find(super::look::state_sign(source.state)).unwrap_or(usize::MAX)
}

/// The latest readings.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The last reading that succeeded.
    pub(crate) reading: Option<Reading>,
    /// The time of the last successful reading, in seconds since the epoch.
    pub(crate) time: f64,
    /// The time of the last snapshot, as in [`Snapshot::elapsed`].
    pub(crate) at: f64,
    pub(crate) away: Option<Away>,
}

/// A period in which chronyd cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Away {
    /// The start, in seconds since the epoch.
    pub(crate) time: f64,
    /// The start, as in [`Snapshot::elapsed`].
    pub(crate) at: f64,
    pub(crate) error: String,
}

/// A request from a key to the loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wish {
    Nothing,
    Quit,
    Suspend,
    /// Show the next snapshot of a replay.
    Step,
    /// Multiply the speed of a replay.
    Faster(f64),
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) look: Look,
    pub(crate) view: View,
    pub(crate) sort: Sort,
    pub(crate) with_bound: bool,
    pub(crate) with_help: bool,
    pub(crate) is_replay: bool,
    pub(crate) scroll: usize,
    pub(crate) history: History,
    pub(crate) gap: f64,
    /// The time between two readings, in seconds.
    pub(crate) every: f64,
    /// A message next to the values, for example that the recording has ended.
    pub(crate) notice: String,
    /// A description in the footer, for example of the recording.
    pub(crate) about: String,
    span: usize,
    now: f64,
    latest: State,
    paused: Option<State>,
}

impl App {
    pub(crate) fn new(look: Look, every: f64, is_replay: bool) -> Self {
        let span = SPANS.iter().position(|span| *span >= READINGS * every).unwrap_or(SPANS.len() - 1);
        Self {
            look,
            view: View::Overview,
            sort: Sort::Chronyd,
            with_bound: true,
            with_help: false,
            is_replay,
            scroll: 0,
            history: History::new(),
            gap: gap(every),
            every,
            notice: String::new(),
            about: String::new(),
            span,
            now: 0.0,
            latest: State::default(),
            paused: None,
        }
    }

    /// Adds a snapshot. A paused live view continues to read.
    pub(crate) fn take(&mut self, snapshot: Snapshot) {
        self.history.push(Point::of(&snapshot));
        let Snapshot { time, elapsed, outcome } = snapshot;
        self.latest.at = elapsed;
        match outcome {
            Outcome::Reading(reading) => {
                self.latest.time = time;
                self.latest.reading = Some(reading);
                self.latest.away = None;
            }
            Outcome::Error(error) => {
                let since = self.latest.away.take().map_or((time, elapsed), |away| (away.time, away.at));
                self.latest.away = Some(Away { time: since.0, at: since.1, error });
            }
        }
        if self.is_replay {
            self.now = elapsed;
            if self.is_paused() {
                self.paused = Some(self.latest.clone());
            }
        }
    }

    /// Moves the right edge of a live view.
    pub(crate) fn tick(&mut self, now: f64) {
        if !self.is_paused() {
            self.now = now;
        }
    }

    pub(crate) fn state(&self) -> &State {
        self.paused.as_ref().unwrap_or(&self.latest)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    pub(crate) fn now(&self) -> f64 {
        self.now
    }

    /// Returns the first and the last moment of the charts.
    pub(crate) fn window(&self) -> (f64, f64) {
        (self.now - SPANS[self.span], self.now)
    }

    pub(crate) fn key(&mut self, key: KeyEvent) -> Wish {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Wish::Quit,
                KeyCode::Char('z') => Wish::Suspend,
                _ => Wish::Nothing,
            };
        }
        let with_help = self.with_help;
        self.with_help = false;
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Esc if !with_help => return Wish::Quit,
            KeyCode::Char('?' | 'h') => self.with_help = !with_help,
            KeyCode::Char(digit @ '1'..='5') => self.show(usize::from(digit as u8 - b'1')),
            KeyCode::Tab => self.show(self.view as usize + 1),
            KeyCode::BackTab => self.show(self.view as usize + View::ALL.len() - 1),
            KeyCode::Char('s') => self.sort = Sort::ALL[(self.sort as usize + 1) % Sort::ALL.len()],
            KeyCode::Char('b') => self.with_bound = !self.with_bound,
            KeyCode::Char('+' | '=') => self.span = (self.span + 1).min(SPANS.len() - 1),
            KeyCode::Char('-') => self.span = self.span.saturating_sub(1),
            KeyCode::Char('p' | ' ') => self.paused = if self.is_paused() { None } else { Some(self.latest.clone()) },
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down => self.scroll += 1,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::PageDown => self.scroll += 10,
            KeyCode::Home => self.scroll = 0,
            KeyCode::End => self.scroll = usize::MAX,
            KeyCode::Char('n') | KeyCode::Right if self.is_replay => {
                self.paused.get_or_insert_with(|| self.latest.clone());
                return Wish::Step;
            }
            KeyCode::Char('>') if self.is_replay => return Wish::Faster(2.0),
            KeyCode::Char('<') if self.is_replay => return Wish::Faster(0.5),
            _ => {}
        }
        let sources = self.state().reading.as_ref().map_or(0, |reading| reading.sources.len());
        self.scroll = self.scroll.min(sources.saturating_sub(1));
        Wish::Nothing
    }

    fn show(&mut self, view: usize) {
        self.view = View::ALL[view % View::ALL.len()];
        self.scroll = 0;
    }
}
