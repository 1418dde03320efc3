//! The curves of the live view and of pictures, with their gaps and axes.
//!
//! In every curve, up is fast. Where chronyd was away or not synchronised, the curve has a gap, never a zero.

use crate::timeline::recording::{Outcome, Peer, Snapshot, Tracked};
use chrony_health::{is_usable, quantity::scale};
use std::collections::VecDeque;
use std::iter;

/// The number of points that a view keeps: 5.5 hours at one reading per second, in less than 1 MiB.
pub(crate) const KEPT: usize = 20_000;
/// The intervals between two ticks of time, in seconds.
const STEPS: [f64; 20] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0,
    43200.0, 86400.0, 172_800.0, 604_800.0,
];

/// The part of a snapshot that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// The time, as in [`Snapshot::elapsed`].
    pub(crate) at: f64,
    values: Option<Values>,
}

/// The values of the clock. Offset and frequency are positive if the clock is fast.
#[derive(Clone, Copy, Debug)]
struct Values {
    offset: f64,
    bound: f64,
    frequency: f64,
    skew: f64,
}

impl Point {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let values = match &snapshot.outcome {
            Outcome::Reading(reading) => Values::of(&reading.tracking),
            Outcome::Error(_) => None,
        };
        Self { at: snapshot.elapsed, values }
    }
}

impl Values {
    fn of(clock: &Tracked) -> Option<Self> {
        let bound = clock.clock_error_bound?;
        Some(Self { offset: -clock.offset, bound, frequency: clock.frequency, skew: clock.skew })
    }
}

/// The most recent points.
#[derive(Debug)]
pub(crate) struct History(VecDeque<Point>);

impl History {
    pub(crate) fn new() -> Self {
        Self(VecDeque::with_capacity(KEPT))
    }

    pub(crate) fn push(&mut self, point: Point) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(point);
    }

    /// Returns the points between two times, both ends included.
    pub(crate) fn between(&self, start: f64, end: f64) -> impl Iterator<Item = &Point> {
        let first = self.0.partition_point(|point| point.at < start);
        self.0.range(first..).take_while(move |point| point.at <= end)
    }
}

/// A curve over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    /// The offset, in a band for the true offset, which is at most the clock's error bound away from 0.
    Bound,
    Offset,
    /// The frequency, in a band for the true frequency, which is within the skew.
    Frequency,
    Skew,
}

/// A value, and the limits of the true value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) at: f64,
    pub(crate) low: f64,
    pub(crate) value: f64,
    pub(crate) high: f64,
}

impl Curve {
    fn sample(self, point: &Point) -> Option<Sample> {
        let Values { offset, bound, frequency, skew } = point.values?;
        let (value, error) = match self {
            // The error bound contains the offset: |offset| + root dispersion + root delay / 2.
            Self::Bound => (offset, bound - offset.abs()),
            Self::Offset => (offset, 0.0),
            Self::Frequency => (frequency, skew),
            Self::Skew => (skew, 0.0),
        };
        Some(Sample { at: point.at, low: value - error, value, high: value + error })
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bound | Self::Offset => "offset of the clock",
            Self::Frequency => "frequency of the clock",
            Self::Skew => "skew, the error bound of the frequency",
        }
    }

    /// Returns the name of the band, if the curve has one.
    pub(crate) fn band(self) -> Option<&'static str> {
        match self {
            Self::Bound => Some("error bound"),
            Self::Frequency => Some("skew"),
            Self::Offset | Self::Skew => None,
        }
    }

    fn is_signed(self) -> bool {
        self != Self::Skew
    }

    fn is_time(self) -> bool {
        matches!(self, Self::Bound | Self::Offset)
    }

    /// Splits the curve into pieces, which no line joins. `gap` is the longest time between two joined points.
    pub(crate) fn pieces<'a>(self, points: impl Iterator<Item = &'a Point>, gap: f64) -> Vec<Vec<Sample>> {
        let mut pieces: Vec<Vec<Sample>> = Vec::new();
        let mut last = None;
        for point in points {
            let sample = self.sample(point);
            if let Some(sample) = sample {
                match pieces.last_mut() {
                    Some(piece) if last.is_some_and(|last| sample.at - last <= gap) => piece.push(sample),
                    _ => pieces.push(vec![sample]),
                }
            }
            last = sample.map(|sample| sample.at);
        }
        pieces
    }

    /// Returns the axis for these pieces. `None` if there are none.
    pub(crate) fn axis(self, pieces: &[Vec<Sample>], ticks: u16) -> Option<Axis> {
        let samples = || pieces.iter().flatten();
        let low = samples().map(|sample| sample.low).reduce(f64::min)?;
        let high = samples().map(|sample| sample.high).reduce(f64::max)?;
        Some(Axis::new(low, high, ticks, self.is_time(), self.is_signed()))
    }
}

/// Returns the longest time between two joined points, for readings at this interval.
pub(crate) fn gap(every: f64) -> f64 {
    3.0 * every + 1.0
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    step: f64,
    /// The factor for the unit of the labels, and the unit.
    unit: (f64, &'static str),
    is_signed: bool,
}

impl Axis {
    pub(crate) fn new(low: f64, high: f64, ticks: u16, is_time: bool, is_signed: bool) -> Self {
        let size = low.abs().max(high.abs());
        // Nearly equal values would fill the axis with their noise.
        let least = if size > 0.0 { size * 1e-4 } else { 1e-9 };
        let pad = 0.05 * (high - low).max(least);
        let (low, high) = (low - pad, high + pad);
        let unit = if is_time { scale(low.abs().max(high.abs())) } else { (1.0, "ppm") };
        // A step is round in the unit of the labels.
        let rough = unit.0 * (high - low) / f64::from(ticks.max(1));
        let power = 10f64.powf(rough.log10().floor());
        let step = [5.0, 2.0].into_iter().map(|factor| factor * power).find(|step| *step <= rough).unwrap_or(power);
        Self { low, high, step: step / unit.0, unit, is_signed }
    }

    pub(crate) fn ticks(&self) -> Vec<f64> {
        multiples(self.step, self.low, self.high)
    }

    /// Returns the position of a value on the axis, from 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Formats a tick: `20 us fast`. All ticks share a unit, and have enough digits to tell them apart.
    pub(crate) fn label(&self, tick: f64) -> String {
        let (factor, unit) = self.unit;
        let exponent = (self.step * factor * (1.0 + 1e-9)).log10().floor();
        let places = (0..12).find(|places| exponent + f64::from(*places) >= 0.0).unwrap_or(12);
        let is_zero = tick.abs() < self.step / 2.0;
        let sign = match tick {
            _ if is_zero || !self.is_signed => "",
            0.0.. => " fast",
            _ => " slow",
        };
        let size = if is_zero { 0.0 } else { tick.abs() * factor };
        let places = if is_zero { 0 } else { usize::try_from(places).unwrap_or(0) };
        format!("{size:.places$} {unit}{sign}")
    }
}

/// Returns ticks at whole seconds, minutes, hours or days, by a clock that shows `clock` at 0.
pub(crate) fn times(clock: f64, start: f64, end: f64, ticks: u16) -> Vec<f64> {
    let rough = (end - start) / f64::from(ticks.max(1));
    let step = STEPS.into_iter().find(|step| *step >= rough).unwrap_or(rough);
    multiples(step, start + clock, end + clock).into_iter().map(|time| time - clock).collect()
}

fn multiples(step: f64, low: f64, high: f64) -> Vec<f64> {
    let mut index = (low / step).ceil();
    iter::from_fn(|| {
        let tick = index * step;
        index += 1.0;
        (tick <= high).then_some(tick)
    })
    .take(1000)
    .collect()
}

/// Thins a piece to at most four samples per column: the first, the last and the extremes, so that no peak is lost.
/// Each sample of a thinned column gets the band of the whole column.
pub(crate) fn thinned(piece: &[Sample], start: f64, end: f64, columns: f64) -> Vec<Sample> {
    let column = |sample: &Sample| ((sample.at - start) / (end - start) * columns).floor();
    let mut kept = Vec::new();
    for samples in piece.chunk_by(|left, right| column(left).total_cmp(&column(right)).is_eq()) {
        let low = samples.iter().map(|sample| sample.low).fold(f64::INFINITY, f64::min);
        let high = samples.iter().map(|sample| sample.high).fold(f64::NEG_INFINITY, f64::max);
        let by_value = |left: &&Sample, right: &&Sample| left.value.total_cmp(&right.value);
        let extremes = [samples.iter().min_by(by_value), samples.iter().max_by(by_value)];
        let mut few: Vec<_> = [samples.first(), samples.last()].into_iter().chain(extremes).flatten().collect();
        few.sort_by(|left, right| left.at.total_cmp(&right.at));
        few.dedup();
        kept.extend(
            few.into_iter().map(|sample| if samples.len() > 4 { Sample { low, high, ..*sample } } else { *sample }),
        );
    }
    kept
}

/// Returns an axis for the offsets of sources. `None` if no source has a sample.
///
/// A source that chronyd does not trust may lie beyond the ends, so that it does not squeeze the others.
pub(crate) fn offsets(sources: &[Peer], ticks: u16) -> Option<Axis> {
    let is_good = |source: &&Peer| is_usable(source.state);
    let span = |sources: &mut dyn Iterator<Item = &Peer>| {
        let ends = sources.filter_map(Peer::sample).map(|(offset, error)| offset.abs() + error);
        ends.reduce(f64::max)
    };
    let most = span(&mut sources.iter().filter(is_good)).or_else(|| span(&mut sources.iter()))?;
    Some(Axis::new(-most, most, ticks, true, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_in_the_unit_of_the_axis() {
        for (low, high, labels) in [
            (-1e-5, 0.0, "10 us slow, 8 us slow, 6 us slow, 4 us slow, 2 us slow, 0 us"),
            (0.0, 100.0, "0 s, 20 s fast, 40 s fast, 60 s fast, 80 s fast, 100 s fast"),
            (-2000.0, 2000.0, "30 min slow, 20 min slow, 10 min slow, 0 min, 10 min fast, 20 min fast, 30 min fast"),
            (7400.0, 7500.0, "2.055 h fast, 2.060 h fast, 2.065 h fast, 2.070 h fast, 2.075 h fast, 2.080 h fast"),
            (0.0, 259_200.0, "0 d, 0.5 d fast, 1.0 d fast, 1.5 d fast, 2.0 d fast, 2.5 d fast, 3.0 d fast"),
        ] {
            let axis = Axis::new(low, high, 5, true, true);
            let found: Vec<_> = axis.ticks().into_iter().map(|tick| axis.label(tick)).collect();
            assert_eq!(found.join(", "), labels);
        }
    }
}
