//! `watch`: a live view of one chronyd, or of a recording.
//!
//! One thread reads chronyd, one the keys, one the signals. The main thread draws, and waits for the others, so that a
//! silent chronyd or a slow disk does not delay a key. `docs/watch.md` has the keys and the format of recordings.

mod app;
mod chart;
mod look;
mod replay;
mod sources;
mod terminal;
mod view;

use crate::args::{Chronyds, duration};
use crate::error::{Code, FINE, Failure};
use crate::read::open::connection;
use crate::timeline::live::{self, Stopwatch};
use crate::timeline::recording::{Header, Recorder, Snapshot};
use app::{App, Wish};
use look::Look;
use ratatui::crossterm::event::{Event, KeyEventKind};
use replay::Player;
use signal_hook::consts::{SIGCONT, SIGTSTP};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use terminal::{Said, Terminal};

/// The interval for drawing values that change by themselves, such as the time that chronyd has been away.
const TICK: Duration = Duration::from_secs(1);
/// The number of messages that the queue holds. A full queue blocks the sender.
const QUEUE: usize = 64;

/// A live view: the offset inside its error bound, the frequency, and the sources.
///
/// It goes on through restarts of chronyd. What it shows can be recorded, and replayed without a chronyd.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  $ chrony-report watch\n  $ chrony-report watch --record night.jsonl\n  \
                        $ chrony-report watch --replay night.jsonl --speed 60")]
pub(crate) struct Watch {
    /// Read each TIME
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, conflicts_with = "replay")]
    every: Duration,
    /// Record what is read to FILE, for `--replay` and `plot`
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Show the recording in FILE, at the speed at which it was recorded
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Multiply the speed of the replay by FACTOR
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor, requires = "replay")]
    speed: f64,
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "not a number greater than 0, such as 10 or 0.5".to_owned())
}

enum Message {
    Said(Said),
    Snapshot(Box<Snapshot>),
    Notice(String),
}

/// The source of snapshots.
enum Origin {
    Live(Stopwatch),
    Replay(Box<Player>, PathBuf),
}

/// Shows the view until the user or a signal ends it.
pub(crate) fn run(chronyds: &Chronyds, options: &Watch) -> Result<Code, Failure> {
    if !terminal::is_there() {
        let advice = "a view needs a terminal for input and output. Use `--every` of a report, or `plot`";
        return Err(Failure::Usage(advice.to_owned()));
    }
    let (sender, messages) = sync_channel(QUEUE);
    let look = Look::of_environment();
    let (mut app, origin) = if let Some(path) = &options.replay {
        chronyds.refuse()?;
        let player = Player::new(path, options.speed)?;
        (App::new(look, player.every(), true), Origin::Replay(Box::new(player), path.clone()))
    } else {
        (App::new(look, options.every.as_secs_f64(), false), Origin::Live(read(chronyds, options, sender.clone())?))
    };
    if let Some(path) = &options.record {
        app.about = format!("recording to {}", path.display());
    }
    // Signals are handled first, so that none kills the program while the terminal is in raw mode.
    terminal::listen(move |said| sender.send(Message::Said(said)).is_ok())
        .map_err(Failure::system("listen to keys and signals"))?;
    let mut terminal = Terminal::take().map_err(Failure::output)?;
    watch(&mut app, origin, &messages, &mut terminal)
}

/// Starts to read chronyd, and to record the readings.
fn read(chronyds: &Chronyds, options: &Watch, sender: SyncSender<Message>) -> Result<Stopwatch, Failure> {
    let connection = connection(chronyds)?;
    let header = Header::new(options.every);
    let mut recorder = options.record.as_deref().map(|path| Recorder::new(path, header)).transpose()?;
    let stopwatch = Stopwatch::start();
    let take = move |snapshot: Snapshot| {
        if let Some(failed) = &mut recorder
            && let Err(error) = failed.add(&snapshot)
        {
            let notice = format!(
                "the recording to {} has ended: {error}. Free some space, and record to another file",
                failed.path().display()
            );
            recorder = None;
            if sender.send(Message::Notice(notice)).is_err() {
                return false;
            }
        }
        sender.send(Message::Snapshot(Box::new(snapshot))).is_ok()
    };
    live::start(connection, options.every, stopwatch, take).map_err(Failure::system("start a thread"))?;
    Ok(stopwatch)
}

fn watch(
    app: &mut App,
    mut origin: Origin,
    messages: &Receiver<Message>,
    terminal: &mut Terminal,
) -> Result<Code, Failure> {
    loop {
        let wait = origin.catch_up(app)?;
        terminal.draw(|frame| view::draw(frame, app)).map_err(Failure::output)?;
        let first = match messages.recv_timeout(wait) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(FINE),
        };
        // All waiting messages are taken before the next drawing, so that a slow terminal does not fall behind.
        for message in first.into_iter().chain(messages.try_iter().take(QUEUE)) {
            match message {
                Message::Snapshot(snapshot) => app.take(*snapshot),
                Message::Notice(notice) => {
                    app.about.clear();
                    app.notice = notice;
                }
                Message::Said(Said::Gone(error)) => return Err(Failure::output(error)),
                Message::Said(Said::Signal(SIGTSTP)) => terminal.suspend().map_err(Failure::output)?,
                Message::Said(Said::Signal(SIGCONT)) => terminal.resume().map_err(Failure::output)?,
                Message::Said(Said::Signal(signal)) => {
                    // A shell gives this code to a program that a signal killed.
                    return Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX));
                }
                Message::Said(Said::Event(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    match app.key(key) {
                        Wish::Nothing => {}
                        Wish::Quit => return Ok(FINE),
                        Wish::Suspend => terminal.suspend().map_err(Failure::output)?,
                        wish => origin.heed(wish, app)?,
                    }
                }
                // The next drawing queries the size of the terminal.
                Message::Said(Said::Event(_)) => {}
            }
        }
    }
}

impl Origin {
    /// Hands over the snapshots that are due, and returns the time until the next one.
    fn catch_up(&mut self, app: &mut App) -> Result<Duration, Failure> {
        match self {
            Self::Live(stopwatch) => {
                app.tick(stopwatch.elapsed());
                Ok(TICK)
            }
            Self::Replay(player, path) => {
                if app.is_paused() {
                    player.hold();
                } else {
                    player.due()?.into_iter().for_each(|snapshot| app.take(snapshot));
                }
                app.about = player.about(path);
                Ok(player.wait().unwrap_or(TICK).min(TICK))
            }
        }
    }

    /// Serves a key's request that only a replay can serve.
    fn heed(&mut self, wish: Wish, app: &mut App) -> Result<(), Failure> {
        if let Self::Replay(player, _) = self {
            match wish {
                Wish::Step => player.step()?.into_iter().for_each(|snapshot| app.take(snapshot)),
                Wish::Faster(factor) => player.faster(factor),
                _ => {}
            }
        }
        Ok(())
    }
}
