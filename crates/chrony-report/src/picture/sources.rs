//! The sources in a picture: a row for each, with its last eight polls, and its offset with error bars.

use super::pen::{BLUE, CAPTION, Drawn, GREY, INK, ORANGE, Pen};
use crate::timeline::recording::{Peer, Reading};
use crate::timeline::series::offsets;
use chrony_health::quantity::{offset, seconds};
use libchrony::{SourceMode, SourceState};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The greatest number of rows.
const MOST: usize = 40;
/// The sizes at a scale of 1.
const ROW: i32 = 22;
const HEAD: i32 = 22;
const NAME: i32 = 12;
const STATE: i32 = 280;
const POLLS: i32 = 385;
const BARS: (i32, i32) = (500, 800);
const VALUE: i32 = 970;

/// Returns the height of the rows, at a scale of 1.
pub(super) fn height(sources: &[Peer]) -> u32 {
    let rows = sources.len().min(MOST) + usize::from(sources.len() > MOST);
    u32::try_from(rows).unwrap_or(0) * ROW.unsigned_abs() + (CAPTION + HEAD + 16).unsigned_abs()
}

pub(super) fn draw<B: DrawingBackend>(area: &DrawingArea<B, Shift>, reading: &Reading, pen: Pen) -> Drawn<B> {
    if reading.sources_error.is_some() {
        return pen.caption(area, "chronyd does not tell its sources", &[]);
    }
    let legend = [(ORANGE.filled(), "selected"), (BLUE.filled(), "combined or left out"), (GREY.filled(), "other")];
    pen.caption(area, "sources at the end", &legend)?;
    let axis = offsets(&reading.sources, 2);
    let font = |color: &'static RGBColor, h_pos| pen.font(12).color(color).pos(Pos::new(h_pos, VPos::Center));
    let (left, right) = BARS;
    #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
    let place = |share: f64| left + (share.clamp(0.0, 1.0) * f64::from(right - left)).round() as i32;
    let head = CAPTION + HEAD / 2;
    for (x, title) in [(NAME, "source"), (STATE, "state"), (POLLS, "last 8 polls")] {
        area.draw_text(title, &font(&GREY, HPos::Left), pen.at(x, head))?;
    }
    area.draw_text("offset and error", &font(&GREY, HPos::Right), pen.at(VALUE, head))?;
    if let Some(axis) = axis {
        for tick in [axis.low, 0.0, axis.high] {
            let x = place(axis.share(tick));
            area.draw_text(&offset(tick), &font(&GREY, HPos::Center), pen.at(x, head))?;
        }
    }
    let shown = &reading.sources[..reading.sources.len().min(MOST)];
    for (number, source) in (0..).zip(shown) {
        let y = CAPTION + HEAD + ROW * number + ROW / 2;
        let color = color(source);
        let name = format!("{}{}", source.address, kind(source.mode));
        area.draw_text(&name, &font(&INK, HPos::Left), pen.at(NAME, y))?;
        area.draw_text(source.state.name(), &font(color, HPos::Left), pen.at(STATE, y))?;
        for poll in 0..8 {
            // The oldest poll is in the highest bit.
            let is_answered = source.reachability & (0x80 >> poll) != 0;
            let style = if is_answered { INK.filled() } else { GREY.stroke_width(pen.of(1)) };
            let corner = (POLLS + 11 * poll, y - 4);
            area.draw(&Rectangle::new([pen.at(corner.0, corner.1), pen.at(corner.0 + 8, corner.1 + 8)], style))?;
        }
        let (Some(axis), Some((value, error))) = (axis, source.sample()) else {
            area.draw_text("never sampled", &font(&GREY, HPos::Right), pen.at(VALUE, y))?;
            continue;
        };
        let text = format!("{} +/- {}", offset(value), seconds(error));
        area.draw_text(&text, &font(&INK, HPos::Right), pen.at(VALUE, y))?;
        let [low, middle, high] = [value - error, value, value + error].map(|value| axis.share(value));
        let style = color.stroke_width(pen.of(2));
        let bar = |from: (i32, i32), to: (i32, i32)| {
            PathElement::new(vec![pen.at(from.0, from.1), pen.at(to.0, to.1)], style)
        };
        area.draw(&bar((place(low), y), (place(high), y)))?;
        for end in [low, high].into_iter().filter(|end| (0.0..=1.0).contains(end)) {
            area.draw(&bar((place(end), y - 5), (place(end), y + 5)))?;
        }
        let x = place(middle);
        let corners = match middle {
            // An arrow marks an offset beyond the end.
            ..0.0 => vec![(x - 2, y), (x + 6, y - 5), (x + 6, y + 5)],
            1.0.. => vec![(x + 2, y), (x - 6, y - 5), (x - 6, y + 5)],
            _ if source.is_selected() => vec![(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)],
            _ => vec![(x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4)],
        };
        let corners: Vec<_> = corners.into_iter().map(|(x, y)| pen.at(x, y)).collect();
        area.draw(&Polygon::new(corners, color.filled()))?;
    }
    let bottom = CAPTION + HEAD + ROW * i32::try_from(shown.len()).unwrap_or(0);
    if let Some(axis) = axis {
        let x = place(axis.share(0.0));
        let line = vec![pen.at(x, CAPTION + HEAD), pen.at(x, bottom)];
        area.draw(&PathElement::new(line, GREY.mix(0.6).stroke_width(pen.of(1))))?;
    }
    if reading.sources.len() > MOST {
        let text = format!("and {} more", reading.sources.len() - MOST);
        area.draw_text(&text, &font(&GREY, HPos::Left), pen.at(NAME, bottom + ROW / 2))?;
    }
    Ok(())
}

fn kind(mode: SourceMode) -> &'static str {
    match mode {
        SourceMode::Peer => " (peer)",
        SourceMode::ReferenceClock => " (clock)",
        _ => "",
    }
}

fn color(source: &Peer) -> &'static RGBColor {
    match source.state {
        SourceState::Selected => &ORANGE,
        SourceState::Unselected | SourceState::Selectable => &BLUE,
        _ => &GREY,
    }
}
