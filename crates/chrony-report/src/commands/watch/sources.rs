//! The sources: a row for each, with its last eight polls, and its offset as a point with error bars.

use super::app::App;
use super::chart::{cells, place};
use super::look::{Look, Role, mode_sign, role, state_sign};
use crate::timeline::recording::Peer;
use crate::timeline::series::{Axis, offsets};
use chrony_health::quantity::{offset, seconds};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The narrowest useful error bars, and their width in a table with other columns.
const BARS: u16 = 12;
const GAP: u16 = 2;
/// The shortest length to which a name is cut.
const NAME: u16 = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Stratum,
    Poll,
    Polls,
    Age,
    Offset,
    Error,
    Bars,
}

/// The columns in the order on the screen.
const ORDER: [Column; 8] = [
    Column::Name,
    Column::Stratum,
    Column::Poll,
    Column::Polls,
    Column::Age,
    Column::Offset,
    Column::Error,
    Column::Bars,
];

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Name => "   source",
            Self::Stratum => "stratum",
            Self::Poll => "poll",
            Self::Polls => "8 polls",
            Self::Age => "sample",
            Self::Offset => "offset",
            Self::Error => "error",
            Self::Bars => "",
        }
    }

    /// Returns the name that a missing column has in the footer.
    fn name(self) -> &'static str {
        match self {
            Self::Name => "source",
            Self::Polls => "last eight polls (key 4)",
            Self::Age => "last sample",
            Self::Bars => "error bars (key 5)",
            column => column.title(),
        }
    }

    fn is_right(self) -> bool {
        !matches!(self, Self::Name | Self::Polls | Self::Bars)
    }

    fn text(self, source: &Peer, look: Look) -> String {
        let unknown = || "-".to_owned();
        match self {
            Self::Name => format!("{}{} {}", mode_sign(source.mode), state_sign(source.state), source.address),
            Self::Stratum => source.stratum.to_string(),
            Self::Poll => seconds(f64::from(source.poll).exp2()),
            Self::Polls => look.polls(source.reachability),
            Self::Age => source.last_sample_ago.map_or_else(|| "never".to_owned(), |ago| seconds(ago.into())),
            Self::Offset => source.latest_meas.map_or_else(unknown, offset),
            Self::Error => {
                let error = |error| format!("{}{}", look.either("±", "+/-"), seconds(error));
                source.latest_meas_err.map_or_else(unknown, error)
            }
            Self::Bars => String::new(),
        }
    }
}

/// The columns that fit, with their widths, and the columns that do not.
pub(crate) struct Fit {
    columns: Vec<(Column, u16)>,
    missing: Vec<Column>,
}

impl Fit {
    /// Chooses the columns. `with_bars` means that the view is for the error bars.
    pub(crate) fn new(sources: &[Peer], width: u16, with_bars: bool, look: Look) -> Self {
        use Column::{Age, Bars, Error, Name, Offset, Poll, Polls, Stratum};
        let first = if with_bars {
            [Name, Bars, Offset, Error, Polls, Age, Poll, Stratum]
        } else {
            [Name, Polls, Offset, Error, Age, Poll, Stratum, Bars]
        };
        let wants = |column: Column| match column {
            Bars if with_bars => BARS.max(width / 3),
            Bars => BARS,
            column => {
                let texts = sources.iter().map(|source| cells(&column.text(source, look)));
                texts.max().unwrap_or(0).max(cells(column.title()))
            }
        };
        let name = wants(Name).min(NAME.max(width / 4)).min(width);
        let mut left = width - name;
        let mut fitting = vec![(Name, name)];
        let mut missing = Vec::new();
        for column in first.into_iter().skip(1) {
            let width = wants(column);
            if missing.is_empty() && width + GAP <= left {
                left -= width + GAP;
                fitting.push((column, width));
            } else {
                missing.push(column);
            }
        }
        let full = wants(Name).min(name + left);
        left -= full - name;
        let has_bars = fitting.iter().any(|(column, _)| *column == Bars);
        let widen = |column, width| match column {
            Name => full,
            Bars => width + left,
            _ => width,
        };
        let find = |column| {
            fitting.iter().find(|(found, _)| *found == column).map(|(_, width)| (column, widen(column, *width)))
        };
        let mut columns: Vec<_> = ORDER.into_iter().filter_map(find).collect();
        if with_bars && has_bars {
            columns.sort_by_key(|(column, _)| match column {
                Name => 0,
                Bars => 1,
                _ => 2,
            });
        }
        Self { columns, missing }
    }

    /// Names the columns that do not fit.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        ORDER.into_iter().filter(|column| self.missing.contains(column)).map(Column::name).collect()
    }
}

/// Draws the rows that fit, starting at the scroll position.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, app: &App, fit: &Fit) {
    let look = app.look;
    let state = app.state();
    let Some(reading) = &state.reading else { return };
    let rows = usize::from(area.height.saturating_sub(2));
    let sources = app.sort.sorted(&reading.sources);
    let first = app.scroll.min(sources.len().saturating_sub(rows));
    let shown = &sources[first..sources.len().min(first + rows)];
    let range = if shown.len() < sources.len() {
        format!("sources {}-{} of {}, {}", first + 1, first + shown.len(), sources.len(), app.sort.name())
    } else {
        let plural = if sources.len() == 1 { "" } else { "s" };
        format!("{} source{plural}, {}", sources.len(), app.sort.name())
    };
    let past = if state.away.is_some() { ", as they were" } else { "" };
    buffer.set_stringn(area.x, area.y, format!("{range}{past}"), area.width.into(), look.style(Role::Title));
    if area.height < 2 {
        return;
    }
    let axis = offsets(&reading.sources, 2);
    let mut x = area.x;
    for (column, width) in &fit.columns {
        let head = Rect { x, y: area.y + 1, width: *width, height: 1 };
        if *column == Column::Bars {
            scale(buffer, head, axis, look);
        } else {
            cell(buffer, head, column.title(), column.is_right(), look.style(Role::Aside));
        }
        for (row, source) in (area.y + 2..).zip(shown) {
            let style = if state.away.is_some() { look.style(Role::Aside) } else { look.style(role(source.state)) };
            let place = Rect { y: row, ..head };
            match (column, axis) {
                (Column::Bars, Some(axis)) => bar(buffer, place, source, axis, look, style),
                _ => cell(buffer, place, &column.text(source, look), column.is_right(), style),
            }
        }
        x += width + GAP;
    }
}

fn cell(buffer: &mut Buffer, place: Rect, text: &str, is_right: bool, style: Style) {
    let width = usize::from(place.width);
    let text = if is_right { format!("{text:>width$}") } else { text.to_owned() };
    buffer.set_stringn(place.x, place.y, text, width, style);
}

/// Draws the labels of the axis at its ends and its middle.
fn scale(buffer: &mut Buffer, place: Rect, axis: Option<Axis>, look: Look) {
    let Some(axis) = axis else { return };
    let style = look.style(Role::Aside);
    let (mut slow, mut fast) = (offset(axis.low), offset(axis.high));
    if cells(&slow) + cells(&fast) + 4 > place.width {
        (slow, fast) = ("slow".to_owned(), "fast".to_owned());
    }
    let width = usize::from(place.width);
    buffer.set_stringn(place.x, place.y, format!("{slow}{fast:>0$}", width - slow.len()), width, style);
    buffer.set_string(place.x + self::place(axis.share(0.0), place.width), place.y, "0", style);
}

/// Draws a point with its error bars. An arrow marks an offset beyond the end.
fn bar(buffer: &mut Buffer, area: Rect, source: &Peer, axis: Axis, look: Look, style: Style) {
    let zero = area.x + place(axis.share(0.0), area.width);
    buffer.set_string(zero, area.y, look.either("│", "|"), look.style(Role::Aside));
    let Some((offset, error)) = source.sample() else {
        buffer.set_stringn(area.x, area.y, "never sampled", area.width.into(), look.style(Role::Aside));
        return;
    };
    let at = |value| area.x + place(axis.share(value), area.width);
    let (left, right) = (at(offset - error), at(offset + error));
    for x in left..=right {
        buffer.set_string(x, area.y, look.either("─", "-"), style);
    }
    let ends = [(left, offset - error, look.either("├", "[")), (right, offset + error, look.either("┤", "]"))];
    for (x, value, sign) in ends {
        if (0.0..=1.0).contains(&axis.share(value)) {
            buffer.set_string(x, area.y, sign, style);
        }
    }
    let sign = match axis.share(offset) {
        ..0.0 => look.either("◀", "<"),
        1.0.. => look.either("▶", ">"),
        _ if source.is_selected() => look.either("◆", "@"),
        _ => look.either("●", "o"),
    };
    buffer.set_string(at(offset), area.y, sign, style);
}
