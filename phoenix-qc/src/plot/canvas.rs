//! Lines, areas and text on pixels.

use std::borrow::Cow;

use ndarray::Array2;
use png::{BitDepth, ColorType, Compression, Encoder};
use tiny_skia::{Color, FillRule, LineCap, Paint, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::text::{Fonts, Line, Style};

/// A colour: red, green, blue, opacity.
pub(super) type Rgba = [u8; 4];

/// Where text stands relative to its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Right of it.
    Start,
    /// Around it.
    Middle,
    /// Left of it.
    End,
}

/// A drawing surface.
#[derive(Debug)]
pub(super) struct Canvas {
    pixmap: Pixmap,
    fonts: Fonts,
}

impl Canvas {
    /// Returns a surface of one colour, or nothing if it cannot be had.
    pub(super) fn new(width: u32, height: u32, background: Rgba) -> Option<Self> {
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(colour(background));
        Some(Self {
            pixmap,
            fonts: Fonts::embedded(),
        })
    }

    /// Sets one pixel.
    pub(super) fn dot(&mut self, x: usize, y: usize, [red, green, blue, _]: Rgba) {
        let width = self.pixmap.width() as usize;
        if let Some(pixel) = self
            .pixmap
            .data_mut()
            .get_mut(4 * (y * width + x)..4 * (y * width + x) + 4)
        {
            pixel.copy_from_slice(&[red, green, blue, 255]);
        }
    }

    /// Fills a rectangle.
    pub(super) fn area(&mut self, x: f32, y: f32, width: f32, height: f32, fill: Rgba) {
        if let Some(rect) = Rect::from_xywh(x, y, width, height) {
            self.pixmap.fill_rect(rect, &paint(fill), Transform::identity(), None);
        }
    }

    /// Draws the outline of a rectangle with crisp edges just outside it.
    pub(super) fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, stroke: Rgba) {
        self.area(x - 1.0, y - 1.0, width + 2.0, 1.0, stroke);
        self.area(x - 1.0, y + height, width + 2.0, 1.0, stroke);
        self.area(x - 1.0, y, 1.0, height, stroke);
        self.area(x + width, y, 1.0, height, stroke);
    }

    /// Draws a line.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, stroke: Rgba) {
        let mut path = PathBuilder::new();
        path.move_to(from.0, from.1);
        path.line_to(to.0, to.1);
        if let Some(path) = path.finish() {
            let stroke_style = Stroke {
                width,
                line_cap: LineCap::Round,
                ..Stroke::default()
            };
            self.pixmap
                .stroke_path(&path, &paint(stroke), &stroke_style, Transform::identity(), None);
        }
    }

    /// Fills a polygon.
    pub(super) fn polygon(&mut self, corners: &[(f32, f32)], fill: Rgba) {
        let mut path = PathBuilder::new();
        for (index, (x, y)) in corners.iter().enumerate() {
            if index == 0 {
                path.move_to(*x, *y);
            } else {
                path.line_to(*x, *y);
            }
        }
        path.close();
        if let Some(path) = path.finish() {
            self.pixmap
                .fill_path(&path, &paint(fill), FillRule::Winding, Transform::identity(), None);
        }
    }

    /// Writes a line of text; `y` is its vertical middle. Text that is wider than `width_px` ends in an ellipsis.
    pub(super) fn text(&mut self, text: &str, at: (f32, f32), anchor: Anchor, style: Style, fill: Rgba, width_px: f32) {
        let line = self.fonts.fitting(text, style, width_px);
        let width = line.coverage.ncols() as f32;
        let left = match anchor {
            Anchor::Start => at.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::End => at.0 - width,
        };
        let top = at.1 - middle(&line, style);
        self.blend(&line.coverage, left, top, fill);
    }

    /// Writes a line of text that reads upwards, centred at `at`.
    pub(super) fn text_upwards(&mut self, text: &str, at: (f32, f32), style: Style, fill: Rgba, length_px: f32) {
        let line = self.fonts.fitting(text, style, length_px);
        let (rows, columns) = line.coverage.dim();
        let turned = Array2::from_shape_fn((columns, rows), |(y, x)| line.coverage[[x, columns - 1 - y]]);
        self.blend(&turned, at.0 - middle(&line, style), at.1 - columns as f32 / 2.0, fill);
    }

    fn blend(&mut self, coverage: &Array2<f32>, left: f32, top: f32, fill: Rgba) {
        let (width, height) = (self.pixmap.width() as i64, i64::from(self.pixmap.height()));
        let (left, top) = (left.round() as i64, top.round() as i64);
        let pixels = self.pixmap.data_mut();
        for ((row, column), share) in coverage.indexed_iter().filter(|(_, share)| **share > 0.0) {
            let (x, y) = (left + column as i64, top + row as i64);
            if !(0..width).contains(&x) || !(0..height).contains(&y) {
                continue;
            }
            let start = 4 * (y * width + x) as usize;
            let share = share * f32::from(fill[3]) / 255.0;
            for (under, over) in pixels[start..start + 3].iter_mut().zip(fill) {
                *under = (f32::from(*under) * (1.0 - share) + f32::from(over) * share).round() as u8;
            }
        }
    }

    /// Returns the drawing as PNG with the given texts; the same drawing gives the same bytes.
    pub(super) fn png(&self, texts: &[(&str, &str)]) -> Result<Vec<u8>, png::EncodingError> {
        let rgb: Vec<u8> = self
            .pixmap
            .data()
            .chunks_exact(4)
            .flat_map(|pixel| pixel[..3].iter().copied())
            .collect();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.pixmap.width(), self.pixmap.height());
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::High);
        for (key, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            encoder.add_itxt_chunk((*key).to_owned(), (*text).to_owned())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&Cow::from(rgb))?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// Rows from the top of a line to the middle of its capitals, where the eye sees its middle.
fn middle(line: &Line, style: Style) -> f32 {
    // Capitals of DejaVu Sans are 0.729 em high; an em is 0.859 of the face's height.
    line.ascent_px - 0.5 * 0.729 * 0.859 * style.size_px
}

fn colour([red, green, blue, opacity]: Rgba) -> Color {
    Color::from_rgba8(red, green, blue, opacity)
}

fn paint(fill: Rgba) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(colour(fill));
    paint.anti_alias = true;
    paint
}
