//! A curve over time with its band, gaps and axes, in the cells of a terminal.

use super::look::{Look, Role};
use crate::timeline::series::{Axis, Curve, History, Sample};
use chrony_health::quantity::seconds;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// The fewest rows that have room for the labels of times.
const WITH_TIMES: u16 = 5;

/// A chart to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) curve: Curve,
    /// The first and the last moment.
    pub(crate) window: (f64, f64),
    /// The label of the last moment.
    pub(crate) end: &'a str,
    /// The longest time between two joined points.
    pub(crate) gap: f64,
    pub(crate) look: Look,
}

impl Chart<'_> {
    pub(crate) fn draw(&self, buffer: &mut Buffer, area: Rect, history: &History) {
        let Rect { x, y, width, height } = area;
        if height < 2 || width < 8 {
            return;
        }
        self.title().render(Rect { height: 1, ..area }, buffer);
        let rows = if height >= WITH_TIMES { height - 2 } else { height - 1 };
        let body = Rect { y: y + 1, height: rows, ..area };
        let pieces = self.curve.pieces(history.between(self.window.0, self.window.1), self.gap);
        let Some(axis) = self.curve.axis(&pieces, rows / 3 + 1) else {
            let text = "no value in this time: chronyd is away, or not synchronised";
            Line::styled(text, self.look.style(Role::Aside))
                .render(Rect { y: y + 1 + rows / 2, height: 1, ..area }, buffer);
            return;
        };
        let labels = self.labels(&axis, rows);
        let widest = labels.iter().map(|(_, label)| cells(label)).max().unwrap_or(0);
        let left = (widest + 2).min(width / 2);
        let (line, tick) = self.look.either(("│", "┤"), ("|", "+"));
        let aside = self.look.style(Role::Aside);
        for row in 0..rows {
            let label = labels.iter().find(|(at, _)| *at == row);
            let text = label.map_or("", |(_, label)| label);
            let mark = if label.is_some() { tick } else { line };
            let space = usize::from(left - 1);
            buffer.set_stringn(x, body.y + row, format!("{text:>0$} ", space.saturating_sub(1)), space, aside);
            buffer.set_string(x + left - 1, body.y + row, mark, aside);
        }
        let plot = Rect { x: x + left, width: width - left, ..body };
        self.plot(buffer, plot, &pieces, &axis);
        if height >= WITH_TIMES {
            self.times(buffer, Rect { y: body.bottom(), height: 1, ..plot });
        }
    }

    fn title(&self) -> Line<'static> {
        let look = self.look;
        let sign = |dots, role| Span::styled(look.cell(dots, role).to_string().repeat(2), look.style(role));
        let mut spans =
            vec![Span::styled(self.curve.title(), look.style(Role::Title)), " ".into(), sign(0x44, Role::Curve)];
        if let Some(band) = self.curve.band() {
            spans.extend([Span::from(format!("  {band} ")), sign(0x05, Role::Band)]);
        }
        spans.into()
    }

    /// Returns the rows with a tick, and its label. If ticks share a row, only the ends have labels.
    fn labels(&self, axis: &Axis, rows: u16) -> Vec<(u16, String)> {
        let (_, dots) = self.look.dots();
        let row = |value: f64| place(1.0 - axis.share(value), rows * dots) / dots;
        let label = |value: f64| (row(value), axis.label(value));
        let mut labels: Vec<_> = axis.ticks().into_iter().map(label).collect();
        let all = labels.len();
        labels.dedup_by_key(|(row, _)| *row);
        if labels.len() < all || all < 2 {
            labels = [axis.low, axis.high].map(label).into();
        }
        labels
    }

    fn plot(&self, buffer: &mut Buffer, area: Rect, pieces: &[Vec<Sample>], axis: &Axis) {
        let mut raster = Raster::new(area, self.look.dots());
        let (start, end) = self.window;
        let Raster { width, height, .. } = raster;
        let x = |sample: &Sample| i32::from(place((sample.at - start) / (end - start), width));
        let y = |value: f64| i32::from(place(1.0 - axis.share(value), height));
        if self.curve.band().is_some() {
            for piece in pieces {
                for (left, right) in neighbours(piece) {
                    let (from, to) = (x(left), x(right));
                    for column in from..=to {
                        let share = if to > from { f64::from(column - from) / f64::from(to - from) } else { 1.0 };
                        let between = |left: f64, right: f64| left + (right - left) * share;
                        let (top, bottom) = (y(between(left.high, right.high)), y(between(left.low, right.low)));
                        for row in (top..=bottom).filter(|row| self.look.is_of_band(column, *row)) {
                            raster.set(column, row, Role::Band);
                        }
                    }
                }
            }
        }
        for piece in pieces {
            for (left, right) in neighbours(piece) {
                for (x, y) in line((x(left), y(left.value)), (x(right), y(right.value))) {
                    raster.set(x, y, Role::Curve);
                }
            }
        }
        raster.draw(buffer, area, self.look);
    }

    fn times(&self, buffer: &mut Buffer, area: Rect) {
        let style = self.look.style(Role::Aside);
        let span = self.window.1 - self.window.0;
        let end = cells(self.end);
        let start = format!("{} ago", seconds(span));
        let middle = format!("{} ago", seconds(span / 2.0));
        let at = area.width.saturating_sub(cells(&middle)) / 2;
        if cells(&start) + end + 2 <= area.width {
            buffer.set_string(area.x, area.y, &start, style);
        }
        if at > cells(&start) + 1 && at + cells(&middle) + end + 1 < area.width {
            buffer.set_string(area.x + at, area.y, middle, style);
        }
        let width = area.width.min(end);
        buffer.set_stringn(area.right() - width, area.y, self.end, width.into(), style);
    }
}

/// Pairs each sample with the next one, or a single sample with itself.
fn neighbours(piece: &[Sample]) -> impl Iterator<Item = (&Sample, &Sample)> {
    let alone = if let [sample] = piece { Some((sample, sample)) } else { None };
    piece.iter().zip(piece.iter().skip(1)).chain(alone)
}

/// Returns the dots of a straight line (Bresenham).
fn line(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    let (dx, dy) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
    let (step_x, step_y) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
    let (mut x, mut y) = from;
    let mut error = dx - dy;
    (0..=dx.max(dy)).map(move |_| {
        let dot = (x, y);
        let twice = 2 * error;
        if twice > -dy {
            error -= dy;
            x += step_x;
        }
        if twice < dx {
            error += dx;
            y += step_y;
        }
        dot
    })
}

/// A grid of dots, several per cell.
struct Raster {
    width: u16,
    height: u16,
    dots: (u16, u16),
    columns: u16,
    /// The dots and the role of each cell. A curve replaces a band.
    cells: Vec<(u8, Role)>,
}

impl Raster {
    fn new(area: Rect, dots: (u16, u16)) -> Self {
        let cells = vec![(0, Role::Band); usize::from(area.width) * usize::from(area.height)];
        Self { width: area.width * dots.0, height: area.height * dots.1, dots, columns: area.width, cells }
    }

    fn set(&mut self, x: i32, y: i32, role: Role) {
        let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return };
        let cell = usize::from(y / self.dots.1) * usize::from(self.columns) + usize::from(x / self.dots.0);
        let dot = 1 << (4 * (x % self.dots.0) + y % self.dots.1);
        match self.cells.get_mut(cell) {
            Some((dots, old)) if *old == role => *dots |= dot,
            Some(cell) => *cell = (dot, role),
            None => {}
        }
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, look: Look) {
        let places = area.rows().flat_map(Rect::columns);
        for (place, (dots, role)) in places.zip(&self.cells).filter(|(_, (dots, _))| *dots != 0) {
            buffer[place.as_position()].set_char(look.cell(*dots, *role)).set_style(look.style(*role));
        }
    }
}

/// Returns the index of a share, from 0 to 1, among this number of places.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a u16")]
pub(crate) fn place(share: f64, places: u16) -> u16 {
    (share.clamp(0.0, 1.0) * f64::from(places.saturating_sub(1))).round() as u16
}

/// Returns the width of a text in cells. All texts are ASCII, except for a few signs.
pub(crate) fn cells(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}
