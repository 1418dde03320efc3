//! The signs and colours that a terminal can show.

use libchrony::{SourceMode, SourceState};
use ratatui::style::{Color, Modifier, Style};
use std::env;

/// The bits of braille for the dots of a cell: three rows of each column, then the fourth row.
const BITS: [u8; 8] = [0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80];

/// The abilities of a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) is_unicode: bool,
    is_coloured: bool,
}

/// The role of a drawn part. Colour-blind people can tell the colours apart, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Title,
    /// Text next to the values.
    Aside,
    Curve,
    Band,
    Selected,
    Doubtful,
    Alarm,
    /// A line that stands out.
    Bar,
}

impl Look {
    /// Reads the environment: the locale, `TERM`, and `NO_COLOR` (<https://no-color.org>).
    pub(crate) fn of_environment() -> Self {
        let value = |name| env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value).unwrap_or_default();
        let locale = locale.to_string_lossy().to_lowercase();
        // The font of the Linux console does not have braille.
        let is_console = value("TERM").is_some_and(|term| term == "linux");
        let is_unicode = (locale.contains("utf-8") || locale.contains("utf8")) && !is_console;
        Self { is_unicode, is_coloured: value("NO_COLOR").is_none() }
    }

    pub(crate) fn style(self, role: Role) -> Style {
        let (colour, modifier) = match role {
            Role::Title => (Color::Reset, Modifier::BOLD),
            Role::Aside => (Color::Reset, Modifier::DIM),
            Role::Curve => (Color::LightCyan, Modifier::empty()),
            Role::Band => (Color::Blue, Modifier::empty()),
            Role::Selected => (Color::LightCyan, Modifier::BOLD),
            Role::Doubtful => (Color::Yellow, Modifier::empty()),
            Role::Alarm => (Color::LightRed, Modifier::BOLD),
            Role::Bar => (Color::Reset, Modifier::REVERSED),
        };
        let style = Style::new().add_modifier(modifier);
        if self.is_coloured && colour != Color::Reset { style.fg(colour) } else { style }
    }

    /// Returns the first value if the terminal has Unicode, or else the second.
    pub(crate) fn either<T>(self, unicode: T, ascii: T) -> T {
        if self.is_unicode { unicode } else { ascii }
    }

    /// Returns the number of dots in a cell, across and down.
    pub(crate) fn dots(self) -> (u16, u16) {
        self.either((2, 4), (1, 1))
    }

    /// Returns true if a dot of a band is drawn. The dots are sparse, so that a curve stands out without colours.
    pub(crate) fn is_of_band(self, x: i32, y: i32) -> bool {
        self.either(x % 2 == 0 && y % 2 == 0, (x + y) % 2 == 0)
    }

    /// Returns the sign for the dots of a curve or its band. Bit `4 * column + row` is a dot.
    pub(crate) fn cell(self, dots: u8, role: Role) -> char {
        if !self.is_unicode {
            return if role == Role::Curve { '*' } else { ':' };
        }
        let bits = BITS.iter().enumerate().filter(|(dot, _)| dots & (1 << dot) != 0).fold(0, |all, (_, bit)| all | bit);
        char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')
    }

    /// Formats the last eight polls, the oldest first.
    pub(crate) fn polls(self, reachability: u8) -> String {
        let (answered, not) = self.either(('●', '·'), ('#', '.'));
        (0..8).rev().map(|bit| if reachability & (1 << bit) != 0 { answered } else { not }).collect()
    }
}

/// Returns chronyc's sign for the mode of a source.
pub(crate) fn mode_sign(mode: SourceMode) -> char {
    match mode {
        SourceMode::Client => '^',
        SourceMode::Peer => '=',
        SourceMode::ReferenceClock => '#',
        _ => '?',
    }
}

/// Returns chronyc's sign for the state of a source.
pub(crate) fn state_sign(state: SourceState) -> char {
    match state {
        SourceState::Selected => '*',
        SourceState::Unselected => '+',
        SourceState::Selectable => '-',
        SourceState::Jittery => '~',
        SourceState::Falseticker => 'x',
        _ => '?',
    }
}

pub(crate) fn role(state: SourceState) -> Role {
    match state {
        SourceState::Selected => Role::Selected,
        SourceState::Unselected | SourceState::Selectable => Role::Curve,
        _ => Role::Doubtful,
    }
}
