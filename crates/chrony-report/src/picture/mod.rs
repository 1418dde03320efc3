//! The picture of a recording: curves over time, and the sources at its end.

pub(crate) mod canvas;
mod pen;
mod sources;

use crate::timeline::recording::{Header, Outcome, Reading, Snapshot, shown};
use crate::timeline::series::{Curve, Point, Sample, gap, thinned, times};
use chrony_health::quantity::{offset, rate, seconds};
use pen::{BLUE, CAPTION, Drawn, GREY, INK, Pen, SKY, TEXT, WIDTH};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use std::ops::Range;

const LINE: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
const UNKNOWN: RGBColor = RGBColor(0xEE, 0xEE, 0xEE);

/// The sizes at a scale of 1.
const TITLE: u32 = 84;
const CHART: u32 = 230;
const LEFT: u32 = 130;
const CURVES: [Curve; 3] = [Curve::Bound, Curve::Offset, Curve::Frequency];
/// The number of columns to which a curve is thinned, since it is not wider in pixels.
const COLUMNS: f64 = 800.0;

/// The contents of a picture.
#[derive(Debug)]
pub(crate) struct Picture {
    header: Header,
    /// The time of the machine's clock at 0 of the time axis, in seconds since the epoch.
    clock: f64,
    points: Vec<Point>,
    last: Option<(f64, Reading)>,
}

impl Picture {
    pub(crate) fn new(header: Header) -> Self {
        Self { header, clock: 0.0, points: Vec::new(), last: None }
    }

    pub(crate) fn add(&mut self, snapshot: Snapshot) {
        if self.points.is_empty() {
            self.clock = snapshot.time - snapshot.elapsed;
        }
        self.points.push(Point::of(&snapshot));
        if let Outcome::Reading(reading) = snapshot.outcome {
            self.last = Some((snapshot.time, reading));
        }
    }

    /// Returns true if no reading succeeded.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Returns the size in pixels at a scale of 1.
    pub(crate) fn size(&self) -> (u32, u32) {
        let sources = self.last.as_ref().map_or(0, |(_, reading)| sources::height(&reading.sources));
        (WIDTH, TITLE + CHART * 3 + sources)
    }

    /// Draws the picture on white, with each size multiplied by `scale`.
    pub(crate) fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, scale: u32) -> Drawn<B> {
        let pen = Pen { scale: i32::try_from(scale).unwrap_or(1) };
        let (title, mut rest) = area.split_vertically(TITLE * scale);
        self.draw_title(&title, pen)?;
        for curve in CURVES {
            let (chart, below) = rest.split_vertically(CHART * scale);
            self.draw_curve(&chart, curve, pen)?;
            rest = below;
        }
        if let Some((_, reading)) = &self.last {
            sources::draw(&rest, reading, pen)?;
        }
        area.present()
    }

    fn draw_title<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, pen: Pen) -> Drawn<B> {
        let Some((time, reading)) = &self.last else { return Ok(()) };
        let title = format!("Clock of {} by chronyd at {}", self.header.machine, reading.host);
        let style = pen.font(16).style(FontStyle::Bold).color(&INK);
        area.draw_text(&title, &style, pen.at(TEXT, 10))?;
        let (start, end) = self.range();
        let (from, to) =
            (shown(self.clock + start, "%Y-%m-%d %H:%M:%S"), shown(self.clock + end, "%Y-%m-%d %H:%M:%S UTC"));
        let every = seconds(self.header.every);
        let lines = [format!("{from} to {to}, read each {every}"), said(*time, reading)];
        for (line, y) in lines.iter().zip([36, 56]) {
            area.draw_text(line, &pen.font(12).color(&INK), pen.at(TEXT, y))?;
        }
        Ok(())
    }

    /// Returns the first and the last moment.
    fn range(&self) -> (f64, f64) {
        let [first, last] = [self.points.first(), self.points.last()].map(|point| point.map_or(0.0, |point| point.at));
        (first, if last > first { last } else { first + self.header.every })
    }

    fn draw_curve<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, curve: Curve, pen: Pen) -> Drawn<B> {
        let pieces = curve.pieces(self.points.iter(), gap(self.header.every));
        let (start, end) = self.range();
        pen.caption(area, title(curve), &legend(curve))?;
        let Some(axis) = curve.axis(&pieces, 6) else {
            let text = "no value in this time: chronyd was away, or not synchronised";
            return area.draw_text(text, &pen.font(12).color(&GREY), pen.at(TEXT, 100));
        };
        let label =
            |at: f64| (at, shown(self.clock + at, if end - start < 172_800.0 { "%H:%M:%S" } else { "%m-%d %H:%M" }));
        let across =
            Scale { range: start..end, ticks: times(self.clock, start, end, 12).into_iter().map(label).collect() };
        let ticks = axis.ticks().into_iter().map(|tick| (tick, axis.label(tick))).collect();
        let up = Scale { range: axis.low..axis.high, ticks };
        let font = pen.font(12).color(&INK);
        let mut chart = ChartBuilder::on(area)
            .margin_top(pen.of(CAPTION + 4))
            .margin_right(pen.of(30))
            .x_label_area_size(pen.of(30))
            .y_label_area_size(LEFT * pen.scale.unsigned_abs())
            .build_cartesian_2d(across, up)?;
        for (from, to) in unknown(&pieces, start, end) {
            chart.plotting_area().draw(&Rectangle::new([(from, axis.low), (to, axis.high)], UNKNOWN.filled()))?;
        }
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(LINE.stroke_width(pen.scale.unsigned_abs()))
            .axis_style(GREY.stroke_width(pen.scale.unsigned_abs()))
            .label_style(font)
            .set_all_tick_mark_size(pen.of(4))
            .draw()?;
        let plot = chart.plotting_area();
        for piece in &pieces {
            let piece = thinned(piece, start, end, COLUMNS);
            if curve.band().is_some() {
                plot.draw(&Polygon::new(band(&piece, (end - start) / COLUMNS), SKY.mix(0.45).filled()))?;
            }
            let path: Vec<_> = piece.iter().map(|sample| (sample.at, sample.value)).collect();
            match path.as_slice() {
                [alone] => plot.draw(&Circle::new(*alone, pen.of(2), BLUE.filled()))?,
                _ => plot.draw(&PathElement::new(path, BLUE.stroke_width(pen.of(2))))?,
            }
        }
        Ok(())
    }
}

/// Summarises the last reading in a line.
fn said(time: f64, reading: &Reading) -> String {
    let (at, clock) = (shown(time, "%H:%M:%S UTC"), &reading.tracking);
    match clock.clock_error_bound {
        Some(_) if let Some(age) = reading.is_stale(time) => {
            let (age, last) = (seconds(age.floor()), &clock.reference_id_name);
            format!("At {at}: no update for {age}; last followed {last}")
        }
        Some(bound) => format!(
            "At {at}: {}, off by {} at most; {}, skew {} ppm; synchronised to {}, stratum {}",
            offset(-clock.offset),
            seconds(bound),
            rate(clock.frequency),
            chrony_health::quantity::digits(clock.skew),
            clock.reference_id_name,
            clock.stratum,
        ),
        None if clock.is_local => format!("At {at}: following only its own clock"),
        None => format!("At {at}: not synchronised"),
    }
}

fn title(curve: Curve) -> &'static str {
    match curve {
        Curve::Bound => "offset of the clock inside its error bound",
        Curve::Offset => "offset of the clock alone",
        Curve::Frequency => "frequency of the clock within its skew",
        Curve::Skew => curve.title(),
    }
}

/// Returns the signs of a curve with their meanings.
fn legend(curve: Curve) -> Vec<(ShapeStyle, &'static str)> {
    let line = match curve {
        Curve::Frequency => "frequency",
        Curve::Skew => "skew",
        Curve::Bound | Curve::Offset => "offset",
    };
    let band = curve.band().map(|band| (SKY.mix(0.45).filled(), band));
    [(BLUE.filled(), line)].into_iter().chain(band).chain([(UNKNOWN.filled(), "unknown")]).collect()
}

/// Returns the outline of a band. A single sample is one pixel wide.
fn band(piece: &[Sample], pixel: f64) -> Vec<(f64, f64)> {
    if let [Sample { at, low, high, .. }] = *piece {
        return vec![(at, high), (at + pixel, high), (at + pixel, low), (at, low)];
    }
    let high = piece.iter().map(|sample| (sample.at, sample.high));
    high.chain(piece.iter().rev().map(|sample| (sample.at, sample.low))).collect()
}

/// Returns the times without a value.
fn unknown(pieces: &[Vec<Sample>], start: f64, end: f64) -> Vec<(f64, f64)> {
    let ends = pieces.iter().filter_map(|piece| Some((piece.first()?.at, piece.last()?.at)));
    let mut from = start;
    let mut times = Vec::new();
    for (first, last) in ends.chain([(end, end)]) {
        if first > from {
            times.push((from, first));
        }
        from = last;
    }
    times
}

/// An axis with given ticks and labels.
struct Scale {
    range: Range<f64>,
    ticks: Vec<(f64, String)>,
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        first + (share.clamp(0.0, 1.0) * f64::from(last - first)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.ticks.iter().map(|(tick, _)| *tick).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick.total_cmp(value).is_eq());
        tick.map_or_else(String::new, |(_, name)| name.clone())
    }
}
