//! The screen: a header, the panels of the chosen view that fit, and the keys in a footer.

use super::app::{App, View};
use super::chart::{Chart, cells};
use super::look::Role;
use super::sources::{Fit, draw as draw_sources};
use crate::sheet::datum::date;
use crate::timeline::recording;
use crate::timeline::recording::{Reading, Tracked};
use crate::timeline::series::Curve;
use chrony_health::quantity::{digits, offset, rate, seconds};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// The smallest screen with panels. A smaller one has only the header.
const LEAST: (u16, u16) = (24, 6);
/// The fewest useful rows of a chart.
const CHART: u16 = 4;
/// The greatest number of lines of an error.
const ERROR: usize = 3;
/// The cells that are reserved for the word PAUSED and a blank.
const PAUSED: u16 = 7;

const HELP: [(&str, &str); 11] = [
    ("1 overview", "the offset and the frequency over time, and the sources"),
    ("2 offset", "how far the clock is off, inside its error bound"),
    ("3 frequency", "how fast it would run without correction, and the skew"),
    ("4 sources", "with their last eight polls, the oldest first"),
    ("5 error bars", "the offsets of the sources with their errors"),
    ("Tab", "the next view"),
    ("s", "sort the sources; arrow keys scroll them"),
    ("+ -", "a longer or a shorter time"),
    ("b", "the offset with its error bound, or alone"),
    ("p, blank", "pause, and go on"),
    ("q, Esc, Ctrl-C", "quit; Ctrl-Z suspends"),
];
const REPLAY: [(&str, &str); 2] =
    [("n, right", "the next snapshot of the replay"), ("> <", "replay faster, or slower")];

#[derive(Clone, Copy)]
enum Panel {
    Chart(Curve),
    Sources { with_bars: bool },
}

pub(crate) fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let header = header(app, area.width);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let size = format!("{}x{} is too small", area.width, area.height);
        let lines = [Line::styled(size, app.look.style(Role::Alarm))].into_iter().chain(header);
        for (line, row) in lines.zip(area.rows()) {
            line.render(row, buffer);
        }
        return;
    }
    let header: Vec<_> = header.into_iter().take(usize::from(area.height - CHART)).collect();
    let top = u16::try_from(header.len()).unwrap_or(0);
    for (line, row) in header.into_iter().zip(area.rows()) {
        line.render(row, buffer);
    }
    let body = Rect { y: area.y + top, height: area.height - top - 2, ..area };
    let mut missing = Vec::new();
    if app.with_help {
        help(app, body, buffer);
    } else {
        let (panels, hidden) = panels(app, body);
        missing = hidden;
        for (panel, area) in panels {
            draw_panel(panel, area, app, buffer, &mut missing);
        }
    }
    footer(app, &missing, Rect { y: area.bottom() - 2, height: 2, ..area }, buffer);
}

/// Returns the areas of the view's panels, and the names of the panels without room.
fn panels(app: &App, body: Rect) -> (Vec<(Panel, Rect)>, Vec<&'static str>) {
    let offset = Panel::Chart(if app.with_bound { Curve::Bound } else { Curve::Offset });
    let frequency = Panel::Chart(Curve::Frequency);
    let sources = Panel::Sources { with_bars: false };
    let count = app.state().reading.as_ref().map_or(0, |reading| match reading.sources_error {
        Some(_) => ERROR,
        None => reading.sources.len(),
    });
    let all = u16::try_from(count + 2).unwrap_or(u16::MAX);
    let height = body.height;
    let (shares, hidden) = match app.view {
        View::Overview if height >= 18 => {
            let list = all.min(height / 3);
            let first = (height - list).div_ceil(2);
            (vec![(offset, first), (frequency, height - list - first), (sources, list)], vec![])
        }
        View::Overview if height >= 2 * CHART => {
            let list = all.min(height / 2);
            (vec![(offset, height - list), (sources, list)], vec!["frequency (key 3)"])
        }
        View::Overview => (vec![(offset, height)], vec!["frequency (key 3)", "sources (key 4)"]),
        View::Offset => (vec![(offset, height)], vec![]),
        View::Frequency if height >= 2 * CHART => {
            let first = height.div_ceil(2);
            (vec![(frequency, first), (Panel::Chart(Curve::Skew), height - first)], vec![])
        }
        View::Frequency => (vec![(frequency, height)], vec!["skew over time"]),
        View::Sources => (vec![(sources, height)], vec![]),
        View::Errors => (vec![(Panel::Sources { with_bars: true }, height)], vec![]),
    };
    let mut y = body.y;
    let place = |(panel, height)| {
        let area = Rect { y, height, ..body };
        y += height;
        (panel, area)
    };
    (shares.into_iter().map(place).collect(), hidden)
}

fn draw_panel(panel: Panel, area: Rect, app: &App, buffer: &mut Buffer, missing: &mut Vec<&'static str>) {
    match panel {
        Panel::Chart(curve) => {
            let end = match &app.state().reading {
                Some(_) if app.is_replay || app.is_paused() => clock_time(app),
                _ => "now".to_owned(),
            };
            let chart = Chart { curve, window: app.window(), end: &end, gap: app.gap, look: app.look };
            chart.draw(buffer, area, &app.history);
        }
        Panel::Sources { with_bars } => {
            let Some(reading) = &app.state().reading else { return };
            if let Some(error) = &reading.sources_error {
                let lines = wrapped(&format!("sources unknown: {error}"), area.width.into());
                for (line, row) in lines.into_iter().zip(area.rows()) {
                    Line::styled(line, app.look.style(Role::Doubtful)).render(row, buffer);
                }
                return;
            }
            let fit = Fit::new(&reading.sources, area.width, with_bars, app.look);
            missing.extend(fit.missing());
            draw_sources(buffer, area, app, &fit);
        }
    }
}

/// Formats the time of the state, by the machine's clock.
fn clock_time(app: &App) -> String {
    let state = app.state();
    let last = state.away.as_ref().map_or(state.time, |away| away.time + (state.at - away.at));
    recording::shown(last, "%H:%M:%S UTC")
}

/// Returns the header: the facts about the clock.
fn header(app: &App, width: u16) -> Vec<Line<'static>> {
    let look = app.look;
    let state = app.state();
    let mut lines = Vec::new();
    let host = state.reading.as_ref().map_or_else(String::new, |reading| format!(" at {}", reading.host));
    if let Some(away) = &state.away {
        let since = date(recording::moment(away.time));
        let long = seconds((app.now() - away.at).max(0.0));
        lines.push(Line::styled(format!("chronyd{host} is away since {since}, {long}"), look.style(Role::Alarm)));
        lines.extend(wrapped(&away.error, width.into()).into_iter().take(ERROR).map(Line::from));
    } else if let Some(reading) = &state.reading {
        lines.push(judgement(app, reading, width));
        if reading.tracking.clock_error_bound.is_some() {
            lines.push(values(&reading.tracking, width));
        }
        let silent = app.now() - state.at;
        if !app.is_replay && !app.is_paused() && silent > 2.0 * app.every + 1.0 {
            let text = format!("no answer for {}", seconds(silent.floor()));
            lines.push(Line::styled(text, look.style(Role::Doubtful)));
        }
    } else {
        lines.push("waiting for the first answer of chronyd".into());
    }
    lines.extend(
        wrapped(&app.notice, width.into()).into_iter().map(|line| Line::styled(line, look.style(Role::Doubtful))),
    );
    if app.is_paused() {
        lines[0].spans.insert(0, Span::styled("PAUSED", look.style(Role::Bar)));
        lines[0].spans.insert(1, " ".into());
    }
    lines
}

fn judgement(app: &App, reading: &Reading, width: u16) -> Line<'static> {
    let Reading { host, tracking: clock, .. } = reading;
    let stale = reading.is_stale(app.state().time);
    let (said, role) = match clock.clock_error_bound {
        Some(_) if let Some(age) = stale => {
            let said = format!("no update for {}; last followed {}", seconds(age.floor()), clock.reference_id_name);
            (said, Role::Alarm)
        }
        Some(_) => {
            let said = format!("synchronised to {}, stratum {}", clock.reference_id_name, clock.stratum);
            let is_normal = clock.leap_status == "normal";
            (said + &if is_normal { String::new() } else { format!(", leap: {}", clock.leap_status) }, Role::Title)
        }
        None if clock.is_local => ("follows only its own clock".to_owned(), Role::Doubtful),
        None => ("not synchronised".to_owned(), Role::Alarm),
    };
    let ago = clock.ref_time.filter(|_| stale.is_none()).map_or_else(String::new, |updated| {
        let ago = (app.state().time - updated).floor();
        if ago >= 0.0 { format!(", updated {} ago", seconds(ago)) } else { String::new() }
    });
    let rest = [format!("{ago}; {host}"), ago, format!("; {host}"), String::new()];
    let fits = |rest: &String| cells(&said) + cells(rest) + PAUSED <= width;
    let rest = rest.into_iter().find(fits).unwrap_or_default();
    Line::from(vec![Span::styled(said, app.look.style(role)), Span::from(rest)])
}

fn values(clock: &Tracked, width: u16) -> Line<'static> {
    let bound = clock.clock_error_bound.map_or_else(String::new, seconds);
    let skew = digits(clock.skew);
    let offset = offset(-clock.offset);
    let frequency = format!("frequency {}", rate(clock.frequency));
    let texts = [
        format!("clock {offset}, off by {bound} at most; {frequency}, skew {skew} ppm"),
        format!("clock {offset}, off by {bound} at most; {frequency}"),
        format!("clock {offset}, off by {bound} at most"),
        format!("{offset}, at most {bound}"),
    ];
    texts.into_iter().find(|text| cells(text) <= width).unwrap_or(offset).into()
}

fn footer(app: &App, missing: &[&str], area: Rect, buffer: &mut Buffer) {
    let look = app.look;
    let [first, second] = [area.y, area.y + 1].map(|y| Rect { y, height: 1, ..area });
    let about = Span::styled(app.about.clone(), look.style(Role::Aside));
    if missing.is_empty() {
        Line::from(about).render(first, buffer);
    } else {
        let text = format!("no room for: {}  ", missing.join(", "));
        Line::from(vec![Span::styled(text, look.style(Role::Doubtful)), about]).render(first, buffer);
    }
    let keys = [
        "? help  1-5 views  s sort  +/- time  b bound  p pause  q quit",
        "? help  1-5 views  p pause  q quit",
        "? help  q quit",
    ];
    let fitting = keys.into_iter().find(|keys| cells(keys) <= area.width).unwrap_or_default();
    buffer.set_style(second, look.style(Role::Bar));
    Line::from(fitting).render(second, buffer);
    let time = if app.state().reading.is_some() { clock_time(app) } else { String::new() };
    if cells(fitting) + cells(&time) + 2 <= area.width {
        Line::from(time).alignment(Alignment::Right).render(second, buffer);
    }
}

fn help(app: &App, area: Rect, buffer: &mut Buffer) {
    let replay = if app.is_replay { &REPLAY[..] } else { &[] };
    let bold = app.look.style(Role::Title);
    for ((key, what), row) in HELP.iter().chain(replay).zip(area.rows()) {
        Line::from(vec![Span::styled(format!("{key:<16}"), bold), (*what).into()]).render(row, buffer);
    }
}

/// Breaks a text into lines of at most this width, between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
