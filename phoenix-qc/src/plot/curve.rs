//! The preview of a spectrum: flux over wavelength as PNG.

use super::PlotError;
use super::canvas::{Anchor, Canvas, Rgba};
use super::text::Style;
use super::ticks::round_values;
use crate::number::significant;

const PAPER: Rgba = [255, 255, 255, 255];
const INK: Rgba = [33, 37, 41, 255];
const FAINT_INK: Rgba = [90, 98, 106, 255];
const GRID: Rgba = [226, 230, 234, 255];
const FLUX: Rgba = [38, 84, 153, 255];

const TITLE: Style = Style {
    size_px: 21.0,
    is_bold: true,
};
const LABEL: Style = Style {
    size_px: 15.0,
    is_bold: false,
};

const LEFT: usize = 96;
const TOP: usize = 72;
const WIDTH: usize = 960;
const HEIGHT: usize = 360;
const RIGHT: usize = 24;
const BOTTOM: usize = 62;

/// What a drawing of a spectrum shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePreview<'a> {
    /// The title, usually the target.
    pub title: &'a str,
    /// The line below the title.
    pub subtitle: &'a str,
    /// The unit of the flux.
    pub unit: &'a str,
    /// Wavelengths, rising.
    pub wave_nm: &'a [f64],
    /// Flux; what is not finite is left out.
    pub flux: &'a [f64],
}

/// The lowest and highest flux in every column of the drawing; `None` where there is none.
fn columns(preview: &CurvePreview<'_>, low_nm: f64, high_nm: f64) -> Vec<Option<(f64, f64)>> {
    let mut columns: Vec<Option<(f64, f64)>> = vec![None; WIDTH];
    for (wave_nm, flux) in preview
        .wave_nm
        .iter()
        .zip(preview.flux)
        .filter(|(_, flux)| flux.is_finite())
    {
        let at = ((wave_nm - low_nm) / (high_nm - low_nm) * (WIDTH - 1) as f64).round();
        if let Some(column) = columns.get_mut(at.max(0.0) as usize) {
            let (low, high) = column.unwrap_or((*flux, *flux));
            *column = Some((low.min(*flux), high.max(*flux)));
        }
    }
    columns
}

/// The range of the flux axis: all but the extreme half percent at either end, and zero.
fn flux_range(flux: &[f64]) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = flux.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 200;
    let low = values.get(cut)?.min(0.0);
    let high = values.get(values.len() - 1 - cut)?.max(0.0);
    let margin = if high > low { 0.06 * (high - low) } else { 1.0 };
    Some((low - margin, high + margin))
}

/// Draws a spectrum.
///
/// # Contract
/// * A column of the drawing shows lowest and highest flux of its wavelengths, so that no line is lost.
/// * The same input gives the same bytes.
///
/// # Errors
/// `Empty` if there is no finite flux over a range of wavelengths; `TooLarge` if the drawing cannot be made.
pub fn curve(preview: &CurvePreview<'_>) -> Result<Vec<u8>, PlotError> {
    let empty = || PlotError::Empty {
        title: preview.title.to_owned(),
    };
    let (Some(low_nm), Some(high_nm)) = (preview.wave_nm.first().copied(), preview.wave_nm.last().copied()) else {
        return Err(empty());
    };
    let (low, high) = flux_range(preview.flux)
        .filter(|_| high_nm > low_nm)
        .ok_or_else(empty)?;
    let (width, height) = ((LEFT + WIDTH + RIGHT) as u32, (TOP + HEIGHT + BOTTOM) as u32);
    let too_large = || PlotError::TooLarge {
        title: preview.title.to_owned(),
        width_px: width,
        height_px: height,
    };
    let mut canvas = Canvas::new(width, height, PAPER).ok_or_else(too_large)?;
    let (left, top) = (LEFT as f32, TOP as f32);
    let room = (WIDTH + RIGHT) as f32;
    canvas.text(preview.title, (left, 24.0), Anchor::Start, TITLE, INK, room);
    canvas.text(preview.subtitle, (left, 50.0), Anchor::Start, LABEL, FAINT_INK, room);

    let x_of = |wave_nm: f64| left + ((wave_nm - low_nm) / (high_nm - low_nm) * (WIDTH - 1) as f64) as f32;
    let row_of = |flux: f64| (((high - flux) / (high - low)) * (HEIGHT - 1) as f64).clamp(0.0, (HEIGHT - 1) as f64);
    let bottom = top + HEIGHT as f32;
    for value in round_values(low_nm, high_nm, 10) {
        let x = x_of(value);
        canvas.area(x, top, 1.0, HEIGHT as f32, GRID);
        canvas.text(
            &significant(value, 6),
            (x, bottom + 14.0),
            Anchor::Middle,
            LABEL,
            INK,
            90.0,
        );
    }
    for value in round_values(low, high, 6) {
        let y = top + row_of(value) as f32;
        canvas.area(left, y, WIDTH as f32, 1.0, GRID);
        canvas.text(&significant(value, 4), (left - 8.0, y), Anchor::End, LABEL, INK, 60.0);
    }
    let mut before: Option<(f64, f64)> = None;
    for (x, column) in columns(preview, low_nm, high_nm).into_iter().enumerate() {
        if let Some((lowest, highest)) = column {
            // Neighbouring columns touch, so that the curve is one line.
            let (from, to) = before.map_or((lowest, highest), |(a, b)| (lowest.min(b), highest.max(a)));
            for y in row_of(to).round() as usize..=row_of(from).round() as usize {
                canvas.dot(LEFT + x, TOP + y, FLUX);
            }
        }
        before = column;
    }
    canvas.frame(left, top, WIDTH as f32, HEIGHT as f32, INK);
    let middle = left + WIDTH as f32 / 2.0;
    canvas.text(
        "wavelength (nm)",
        (middle, bottom + 40.0),
        Anchor::Middle,
        LABEL,
        INK,
        WIDTH as f32,
    );
    let name = if preview.unit.is_empty() {
        "flux".to_owned()
    } else {
        format!("flux ({})", preview.unit)
    };
    canvas.text_upwards(&name, (18.0, top + HEIGHT as f32 / 2.0), LABEL, INK, HEIGHT as f32);
    canvas
        .png(&[("Title", preview.title), ("Description", preview.subtitle)])
        .map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use super::{CurvePreview, PlotError, columns, curve};

    fn preview<'a>(wave_nm: &'a [f64], flux: &'a [f64]) -> CurvePreview<'a> {
        CurvePreview {
            title: "HD 1",
            subtitle: "2016-05-01",
            unit: "adu",
            wave_nm,
            flux,
        }
    }

    #[test]
    fn a_line_of_one_element_is_not_lost_among_many() {
        let wave: Vec<f64> = (0..50_000).map(|i| 400.0 + 0.002 * f64::from(i)).collect();
        let mut flux = vec![1.0; wave.len()];
        flux[25_000] = 9.0;
        let highest = columns(&preview(&wave, &flux), 400.0, wave[wave.len() - 1]);
        assert!(highest.iter().flatten().any(|(_, high)| (high - 9.0).abs() < 1e-12));
        assert!(highest.iter().all(Option::is_some));
    }

    #[test]
    fn a_drawing_is_a_png_and_the_same_every_time() {
        let (wave, flux) = ([500.0, 501.0, 502.0], [1.0, f64::NAN, 3.0]);
        let first = curve(&preview(&wave, &flux)).unwrap();
        assert!(first.starts_with(b"\x89PNG"));
        assert_eq!(first, curve(&preview(&wave, &flux)).unwrap());
    }

    #[test]
    fn what_holds_no_flux_is_not_drawn() {
        for (wave, flux) in [(&[][..], &[][..]), (&[500.0, 501.0][..], &[f64::NAN, f64::NAN][..])] {
            assert!(matches!(curve(&preview(wave, flux)), Err(PlotError::Empty { .. })));
        }
    }
}
