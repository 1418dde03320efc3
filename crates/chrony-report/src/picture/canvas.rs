//! A drawing backend for the pixels of a PNG.
//!
//! plotters draws the lines and areas, but its text needs a font file and a library to read it. This backend has the
//! glyphs of one font as bitmaps of some tens of KiB, and does not need a font on the machine.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle};
use std::convert::Infallible;

/// The pixels of a picture, initially white.
#[derive(Debug)]
pub(crate) struct Canvas<'a> {
    pixels: &'a mut [u8],
    size: (u32, u32),
}

impl<'a> Canvas<'a> {
    /// Returns a white canvas. `pixels` has red, green and blue for each pixel.
    pub(crate) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Self {
        pixels.fill(u8::MAX);
        Self { pixels, size }
    }
}

/// Chooses the smaller or the larger font.
fn font(style: &impl BackendTextStyle) -> (FontWeight, RasterHeight) {
    let weight = if matches!(style.style(), FontStyle::Bold) { FontWeight::Bold } else { FontWeight::Regular };
    (weight, if style.size() < 28.0 { RasterHeight::Size24 } else { RasterHeight::Size32 })
}

/// Returns the width and the height of a text.
fn extent(text: &str, (weight, height): (FontWeight, RasterHeight)) -> (i32, i32) {
    let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
    (number(text.chars().count() * get_raster_width(weight, height)), number(height.val()))
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Result<(), DrawingErrorKind<Infallible>> {
        let (Ok(x), Ok(y)) = (u32::try_from(point.0), u32::try_from(point.1)) else { return Ok(()) };
        if x < self.size.0 && y < self.size.1 {
            let first = (y as usize * self.size.0 as usize + x as usize) * 3;
            let (red, green, blue) = color.rgb;
            for (old, new) in self.pixels[first..first + 3].iter_mut().zip([red, green, blue]) {
                *old = mixed(*old, new, color.alpha);
            }
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        position: BackendCoord,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let font = font(style);
        let (width, height) = extent(text, font);
        let left = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let color = style.color();
        let mut x = left;
        for sign in text.chars() {
            let Some(raster) = get_raster(sign, font.0, font.1).or_else(|| get_raster('?', font.0, font.1)) else {
                continue;
            };
            for (y, row) in (top..).zip(raster.rows()) {
                for (x, ink) in (x..).zip(row) {
                    let (x, y) = style.transform().transform(x, y);
                    let color = BackendColor { alpha: color.alpha * f64::from(*ink) / 255.0, ..color };
                    self.draw_pixel((position.0 + x, position.1 + y), color)?;
                }
            }
            x += i32::try_from(raster.width()).unwrap_or(0);
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let (width, height) = extent(text, font(style));
        Ok((width.unsigned_abs(), height.unsigned_abs()))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two colours")]
fn mixed(old: u8, new: u8, alpha: f64) -> u8 {
    let (old, new) = (f64::from(old), f64::from(new));
    (old + (new - old) * alpha.clamp(0.0, 1.0)).round() as u8
}
