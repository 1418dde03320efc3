//! The terminal: taken over, given back however the program ends, and given back for a while when it is suspended.

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io::{self, IsTerminal, stdout};
use std::ops::{Deref, DerefMut};
use std::{env, thread};

/// What a person or the system says.
#[derive(Debug)]
pub(crate) enum Said {
    Event(Event),
    /// The terminal is gone.
    Gone(io::Error),
    Signal(i32),
}

/// Whether a view can be shown and keys be read.
pub(crate) fn is_there() -> bool {
    stdout().is_terminal() && io::stdin().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The terminal in its other mode. Dropping it gives it back; so does a panic, before its message.
pub(crate) struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes the terminal over.
    pub(crate) fn take() -> io::Result<Self> {
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore())
    }

    /// Gives the terminal back, stops the process until it is continued, and takes the terminal over again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.0.show_cursor()?;
        ratatui::try_restore()?;
        emulate_default_handler(SIGTSTP)?;
        self.resume()
    }

    /// Sets the mode again, as a shell may have changed it while the process was stopped.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        ratatui::try_restore()?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        // All is drawn anew. `clear` would ask the terminal where its cursor is, and the thread of the keys would take
        // the answer.
        let area = self.0.size()?.into();
        self.0.resize(area)
    }
}

impl Deref for Terminal {
    type Target = DefaultTerminal;

    fn deref(&self) -> &DefaultTerminal {
        &self.0
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut DefaultTerminal {
        &mut self.0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        drop(self.0.show_cursor());
        drop(ratatui::try_restore());
    }
}

/// Listens to keys and signals in threads, which end when `say` wants no more.
pub(crate) fn listen(say: impl Fn(Said) -> bool + Clone + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT])?;
    let tell = say.clone();
    let signals = move || signals.forever().take_while(|signal| tell(Said::Signal(*signal))).for_each(drop);
    thread::Builder::new().name("signals".to_owned()).spawn(signals)?;
    let keys = move || {
        loop {
            let read = event::read();
            let is_gone = read.is_err();
            if !say(read.map_or_else(Said::Gone, Said::Event)) || is_gone {
                break;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(keys).map(drop)
}
