//! The terminal: taken over, and restored at any exit of the program and while it is suspended.

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

/// An input from the user or the system.
#[derive(Debug)]
pub(crate) enum Said {
    Event(Event),
    /// The terminal is gone.
    Gone(io::Error),
    Signal(i32),
}

/// Returns true if a view can be shown and keys can be read.
pub(crate) fn is_there() -> bool {
    stdout().is_terminal() && io::stdin().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The terminal in raw mode. Dropping this value restores it, and so does a panic, before the message.
pub(crate) struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes over the terminal.
    pub(crate) fn take() -> io::Result<Self> {
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore())
    }

    /// Restores the terminal, stops the process, and takes over the terminal again when the process continues.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.0.show_cursor()?;
        ratatui::try_restore()?;
        emulate_default_handler(SIGTSTP)?;
        self.resume()
    }

    /// Sets the mode again, since a shell may have changed it while the process was stopped.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        ratatui::try_restore()?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        // Everything is drawn again. `clear` would query the position of the cursor, and the thread for keys would take
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
        // A terminal that is gone does not need to be restored.
        drop(self.0.show_cursor());
        drop(ratatui::try_restore());
    }
}

/// Listens to keys and signals in threads. They end when `say` returns false.
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
