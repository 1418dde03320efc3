//! Which signs and colours a terminal can show.

use libchrony::{SourceMode, SourceState};
use ratatui::style::{Color, Modifier, Style};
use std::env;

/// The bits of braille, for the dots of a cell: three rows of each column, then the fourth row.
const BITS: [u8; 8] = [0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80];

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) is_unicode: bool,
    is_coloured: bool,
}

/// What something drawn is. The colours are told apart by the colour-blind, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Title,
    /// What is said beside the values.
    Aside,
    Curve,
    Band,
    Selected,
    Doubtful,
    Alarm,
    /// A line of its own, which stands out.
    Bar,
}

impl Look {
    /// By the environment: the locale, `TERM`, and `NO_COLOR` (<https://no-color.org>).
    pub(crate) fn of_environment() -> Self {
        let value = |name| env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value).unwrap_or_default();
        let locale = locale.to_string_lossy().to_lowercase();
        // The font of the Linux console has no braille.
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

    /// One of two, for terminals with Unicode and without.
    pub(crate) fn either<T>(self, unicode: T, ascii: T) -> T {
        if self.is_unicode { unicode } else { ascii }
    }

    /// How many dots a cell has, across and down.
    pub(crate) fn dots(self) -> (u16, u16) {
        self.either((2, 4), (1, 1))
    }

    /// Whether a dot within a band is drawn: so few that a curve stands out without colours.
    pub(crate) fn is_of_band(self, x: i32, y: i32) -> bool {
        self.either(x % 2 == 0 && y % 2 == 0, (x + y) % 2 == 0)
    }

    /// A cell of a curve or of its band, by its dots; bit `4 * column + row`.
    pub(crate) fn cell(self, dots: u8, role: Role) -> char {
        if !self.is_unicode {
            return if role == Role::Curve { '*' } else { ':' };
        }
        let bits = BITS.iter().enumerate().filter(|(dot, _)| dots & (1 << dot) != 0).fold(0, |all, (_, bit)| all | bit);
        char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')
    }

    /// The last eight polls, oldest first.
    pub(crate) fn polls(self, reachability: u8) -> String {
        let (answered, not) = self.either(('●', '·'), ('#', '.'));
        (0..8).rev().map(|bit| if reachability & (1 << bit) != 0 { answered } else { not }).collect()
    }
}

/// chronyc's sign for what a source is.
pub(crate) fn mode_sign(mode: SourceMode) -> char {
    match mode {
        SourceMode::Client => '^',
        SourceMode::Peer => '=',
        SourceMode::ReferenceClock => '#',
        _ => '?',
    }
}

/// chronyc's sign for what the selection made of a source.
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
