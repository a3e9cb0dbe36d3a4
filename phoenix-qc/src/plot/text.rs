//! Text as coverage of pixels.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use ndarray::Array2;

/// The two faces of a drawing: `DejaVu` Sans, free under the Bitstream Vera licence.
#[derive(Debug, Clone)]
pub(super) struct Fonts {
    regular: Option<FontRef<'static>>,
    bold: Option<FontRef<'static>>,
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    /// Height of the face in pixels.
    pub(super) size_px: f32,
    /// Whether it is bold.
    pub(super) is_bold: bool,
}

/// A line of text as coverage, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Coverage by (y, x).
    pub(super) coverage: Array2<f32>,
    /// Rows from the top to the base line.
    pub(super) ascent_px: f32,
}

impl Fonts {
    /// Reads the embedded faces.
    pub(super) fn embedded() -> Self {
        Self {
            regular: FontRef::try_from_slice(dejavu::sans::regular()).ok(),
            bold: FontRef::try_from_slice(dejavu::sans::bold()).ok(),
        }
    }

    /// Sets a line of text.
    pub(super) fn line(&self, text: &str, style: Style) -> Line {
        let face = if style.is_bold { &self.bold } else { &self.regular };
        let Some(font) = face else {
            return Line {
                coverage: Array2::zeros((1, 1)),
                ascent_px: 0.0,
            };
        };
        let scaled = font.as_scaled(PxScale::from(style.size_px));
        let mut glyphs = Vec::new();
        let (mut x, mut before) = (0.0, None);
        for character in text.chars() {
            let id = scaled.glyph_id(character);
            if let Some(before) = before {
                x += scaled.kern(before, id);
            }
            glyphs.push(id.with_scale_and_position(style.size_px, ab_glyph::point(x, scaled.ascent())));
            x += scaled.h_advance(id);
            before = Some(id);
        }
        let (width, height) = (x.ceil() as usize + 2, scaled.height().ceil() as usize + 2);
        let mut coverage: Array2<f32> = Array2::zeros((height, width));
        for glyph in glyphs {
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|dx, dy, share| {
                    let (row, column) = (corner.y + dy as f32, corner.x + dx as f32);
                    if row >= 0.0
                        && column >= 0.0
                        && let Some(cell) = coverage.get_mut([row as usize, column as usize])
                    {
                        *cell = (*cell + share).min(1.0);
                    }
                });
            }
        }
        Line {
            coverage,
            ascent_px: scaled.ascent(),
        }
    }

    /// Shortens text with an ellipsis until it fits.
    pub(super) fn fitting(&self, text: &str, style: Style, width_px: f32) -> Line {
        let mut line = self.line(text, style);
        let mut kept: Vec<char> = text.chars().collect();
        while line.coverage.ncols() as f32 > width_px && kept.len() > 1 {
            kept.pop();
            let shorter: String = kept.iter().collect();
            line = self.line(&format!("{}…", shorter.trim_end()), style);
        }
        line
    }
}
