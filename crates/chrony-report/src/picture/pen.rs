//! The colours, sizes and captions that all parts of a picture share.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The colours of Okabe and Ito, which colour-blind people can tell apart.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
pub(super) const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
pub(super) const ORANGE: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const GREY: RGBColor = RGBColor(0x88, 0x88, 0x88);

/// The sizes at a scale of 1.
pub(super) const WIDTH: u32 = 1000;
pub(super) const CAPTION: i32 = 24;
/// The margin around a text.
pub(super) const TEXT: i32 = 12;
/// The greatest width of a letter.
const LETTER: i32 = 7;

pub(super) type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A pen that multiplies sizes by a scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) scale: i32,
}

impl Pen {
    pub(super) fn at(self, x: i32, y: i32) -> (i32, i32) {
        (x * self.scale, y * self.scale)
    }

    pub(super) fn of(self, size: i32) -> u32 {
        (size * self.scale).unsigned_abs()
    }

    pub(super) fn font(self, size: i32) -> FontDesc<'static> {
        ("sans-serif", size * self.scale).into_font()
    }

    /// Draws a title on the left, and the meanings of the signs on the right.
    pub(super) fn caption<B: DrawingBackend>(
        self,
        area: &DrawingArea<B, Shift>,
        title: &str,
        legend: &[(ShapeStyle, &str)],
    ) -> Drawn<B> {
        let middle = Pos::new(HPos::Left, VPos::Center);
        let style = self.font(12).style(FontStyle::Bold).color(&INK).pos(middle);
        area.draw_text(title, &style, self.at(TEXT, CAPTION / 2 + 4))?;
        let style = self.font(12).color(&INK).pos(Pos::new(HPos::Right, VPos::Center));
        let (mut x, y) = self.at(i32::try_from(WIDTH).unwrap_or(0) - 30, CAPTION / 2 + 4);
        for (sign, meaning) in legend.iter().rev() {
            area.draw_text(meaning, &style, (x, y))?;
            let letters = i32::try_from(meaning.len()).unwrap_or(0);
            x -= (LETTER * letters + 6) * self.scale;
            let corner = (x - 18 * self.scale, y - 5 * self.scale);
            area.draw(&Rectangle::new([corner, (x, y + 5 * self.scale)], *sign))?;
            x -= 40 * self.scale;
        }
        Ok(())
    }
}
