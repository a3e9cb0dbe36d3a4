//! How a preview is drawn.

use ndarray::Array2;
use phoenix_core::unit::Pix0;

use super::canvas::{Anchor, Canvas, Rgba};
use super::stretch::Scale;
use super::text::Style;
use super::ticks::{self, Coordinate, Tick};
use super::{ColourMap, PlotError, PreviewSpec, SkyWcs, Stretch};
use crate::measure::flux;
use crate::number::significant;

const PAPER: Rgba = [255, 255, 255, 255];
const INK: Rgba = [33, 37, 41, 255];
const FAINT_INK: Rgba = [90, 98, 106, 255];
/// No data: no colour of any map, so that it cannot be taken for a value.
const NO_DATA: Rgba = [190, 196, 203, 255];
const PANEL: Rgba = [0, 0, 0, 140];
const ON_PANEL: Rgba = [255, 255, 255, 255];

const TITLE: Style = Style {
    size_px: 21.0,
    is_bold: true,
};
const SUBTITLE: Style = Style {
    size_px: 16.0,
    is_bold: false,
};
const LABEL: Style = Style {
    size_px: 15.0,
    is_bold: false,
};
const AXIS: Style = Style {
    size_px: 16.0,
    is_bold: false,
};
const MARK: Style = Style {
    size_px: 16.0,
    is_bold: true,
};

const LEFT: f32 = 128.0;
const TOP: f32 = 72.0;
const RIGHT: f32 = 128.0;
const BOTTOM: f32 = 66.0;
const BAR_GAP: f32 = 16.0;
const BAR_WIDTH: f32 = 18.0;

/// Where the image lies on the drawing, and how many drawing pixels one of its pixels takes.
struct Place {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
    factor: f64,
    n_y: usize,
}

impl Place {
    /// The image column of a drawing column counted from the left edge of the image.
    fn column(&self, px: f64) -> Pix0 {
        Pix0(px / self.factor - 0.5)
    }

    /// The image row of a drawing row counted from the top edge; FITS rows run upwards.
    fn row(&self, px: f64) -> Pix0 {
        Pix0(self.n_y as f64 - 0.5 - px / self.factor)
    }
}

/// Draws an image as PNG.
///
/// # Contract
/// * Pixels that are not finite are neutral grey, which no colour map holds.
/// * Small images grow by a whole factor without interpolation; very large ones shrink by means over whole blocks.
/// * The same input gives the same bytes.
///
/// # Errors
/// If the image is empty or the drawing cannot be made.
pub fn render(spec: &PreviewSpec, image: &Array2<f32>, wcs: Option<&SkyWcs>) -> Result<Vec<u8>, PlotError> {
    if image.is_empty() {
        return Err(PlotError::Empty {
            title: spec.title.clone(),
        });
    }
    let (n_y, n_x) = image.dim();
    let side = spec.side_px.clamp(100, 4000) as usize;
    let longest = n_y.max(n_x);
    let block = longest.div_ceil(2 * side);
    let small = blocks(image, block);
    let grow = (side / small.nrows().max(small.ncols())).max(1);
    let (height, width) = (small.nrows() * grow, small.ncols() * grow);
    // A strip one pixel wide still needs room for its title and axes.
    let (canvas_width, canvas_height) = (
        LEFT + width.max(320) as f32 + RIGHT,
        TOP + height.max(200) as f32 + BOTTOM,
    );
    let too_large = || PlotError::TooLarge {
        title: spec.title.clone(),
        width_px: canvas_width as u32,
        height_px: canvas_height as u32,
    };
    let mut canvas = Canvas::new(canvas_width as u32, canvas_height as u32, PAPER).ok_or_else(too_large)?;
    let place = Place {
        left: LEFT,
        top: TOP,
        width: width as f32,
        height: height as f32,
        factor: grow as f64 / block as f64,
        n_y,
    };
    let values: Vec<f32> = image.iter().copied().collect();
    let scale = Scale::of(spec.stretch, &values);

    heading(&mut canvas, spec, canvas_width);
    pixels(&mut canvas, spec.colour_map, &small, grow, &scale);
    canvas.frame(place.left, place.top, place.width, place.height, INK);
    colour_bar(&mut canvas, spec, &scale, &place);
    match wcs {
        Some(wcs) => {
            axes(&mut canvas, wcs, &place);
            compass(&mut canvas, wcs, &place);
            scale_bar(&mut canvas, wcs, &place);
        }
        None => pixel_axes(&mut canvas, &place),
    }
    canvas
        .png(&[("Title", &spec.title), ("Description", &spec.subtitle)])
        .map_err(|_| too_large())
}

/// Means over finite pixels of whole blocks.
fn blocks(image: &Array2<f32>, block: usize) -> Array2<f32> {
    if block <= 1 {
        return image.clone();
    }
    let (n_y, n_x) = image.dim();
    Array2::from_shape_fn((n_y.div_ceil(block), n_x.div_ceil(block)), |(by, bx)| {
        let (mut sum, mut n) = (0.0_f64, 0_u32);
        for iy in by * block..((by + 1) * block).min(n_y) {
            for ix in bx * block..((bx + 1) * block).min(n_x) {
                if image[[iy, ix]].is_finite() {
                    sum += f64::from(image[[iy, ix]]);
                    n += 1;
                }
            }
        }
        if n > 0 { (sum / f64::from(n)) as f32 } else { f32::NAN }
    })
}

fn heading(canvas: &mut Canvas, spec: &PreviewSpec, width: f32) {
    let room = width - LEFT - 12.0;
    let is_alone = spec.subtitle.is_empty();
    let y = if is_alone { TOP / 2.0 } else { 24.0 };
    canvas.text(&spec.title, (LEFT, y), Anchor::Start, TITLE, INK, room);
    if !is_alone {
        canvas.text(&spec.subtitle, (LEFT, 50.0), Anchor::Start, SUBTITLE, FAINT_INK, room);
    }
}

fn colour(map: ColourMap, place: f64) -> Rgba {
    let colour = match map {
        ColourMap::Inferno => colorous::INFERNO.eval_continuous(place),
        ColourMap::Viridis => colorous::VIRIDIS.eval_continuous(place),
        ColourMap::Cividis => colorous::CIVIDIS.eval_continuous(place),
        ColourMap::Grey => {
            let level = (255.0 * place).round() as u8;
            return [level, level, level, 255];
        }
    };
    [colour.r, colour.g, colour.b, 255]
}

fn pixels(canvas: &mut Canvas, map: ColourMap, image: &Array2<f32>, grow: usize, scale: &Scale) {
    let n_y = image.nrows();
    for ((iy, ix), value) in image.indexed_iter() {
        let fill = if value.is_finite() {
            colour(map, scale.place(f64::from(*value)))
        } else {
            NO_DATA
        };
        let (top, left) = (TOP as usize + (n_y - 1 - iy) * grow, LEFT as usize + ix * grow);
        for y in top..top + grow {
            for x in left..left + grow {
                canvas.dot(x, y, fill);
            }
        }
    }
}

fn colour_bar(canvas: &mut Canvas, spec: &PreviewSpec, scale: &Scale, place: &Place) {
    let left = place.left + place.width + BAR_GAP;
    let rows = place.height as usize;
    for row in 0..rows {
        let fill = colour(spec.colour_map, 1.0 - (row as f64 + 0.5) / rows as f64);
        for column in 0..BAR_WIDTH as usize {
            canvas.dot(left as usize + column, place.top as usize + row, fill);
        }
    }
    canvas.frame(left, place.top, BAR_WIDTH, place.height, INK);
    let mut lowest = f32::INFINITY;
    for value in bar_values(scale, place.height, spec.stretch) {
        let y = place.top + place.height * (1.0 - scale.place(value) as f32);
        // The asinh stretch crowds its upper values; those that would touch are left out.
        if lowest - y < 20.0 {
            continue;
        }
        lowest = y;
        canvas.line((left + BAR_WIDTH + 1.0, y), (left + BAR_WIDTH + 6.0, y), 1.0, INK);
        canvas.text(
            &significant(value, 4),
            (left + BAR_WIDTH + 9.0, y),
            Anchor::Start,
            LABEL,
            INK,
            56.0,
        );
    }
    let stretch = match spec.stretch {
        Stretch::Asinh => "asinh",
        Stretch::ZScale => "zscale",
    };
    let unit = pretty_unit(&spec.unit);
    let text = if unit.is_empty() {
        stretch.to_owned()
    } else {
        format!("{unit}  ({stretch})")
    };
    let at = (left + BAR_WIDTH + 80.0, place.top + place.height / 2.0);
    canvas.text_upwards(&text, at, AXIS, FAINT_INK, place.height.max(180.0));
}

/// Round values from below upwards: a ladder of 1, 2, 5 over the decades where the stretch spans them, else even steps.
fn bar_values(scale: &Scale, height: f32, stretch: Stretch) -> Vec<f64> {
    let n_most = ((height / 48.0) as usize).clamp(3, 12);
    let even = ticks::round_values(scale.low, scale.high, n_most);
    if stretch == Stretch::ZScale {
        return even;
    }
    let top = scale.high.abs().max(scale.low.abs()).log10().floor() as i32;
    let rungs = (top - 5..=top)
        .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10.0_f64.powi(decade)))
        .filter(|rung| *rung >= 0.2 * scale.linear_extent());
    let mut ladder: Vec<f64> = rungs
        .flat_map(|rung| [-rung, rung])
        .chain([0.0])
        .filter(|value| (scale.low..=scale.high).contains(value))
        .collect();
    ladder.sort_by(f64::total_cmp);
    // Rungs that crowd on the drawing give way to the rounder ones: zero and powers of ten first.
    let roundness = |value: &f64| {
        let digit = value.abs() / 10.0_f64.powf(value.abs().log10().floor());
        if value.abs() < f64::MIN_POSITIVE {
            0
        } else if (digit - 1.0).abs() < 0.1 {
            1
        } else {
            2
        }
    };
    let mut chosen: Vec<f64> = Vec::new();
    for rank in 0..=2 {
        for value in ladder.iter().filter(|value| roundness(value) == rank) {
            let is_free = |other: &f64| (scale.place(*other) - scale.place(*value)).abs() * f64::from(height) >= 28.0;
            if chosen.iter().all(is_free) {
                chosen.push(*value);
            }
        }
    }
    chosen.sort_by(f64::total_cmp);
    if chosen.len() >= 5.min(n_most) { chosen } else { even }
}

fn pretty_unit(unit: &str) -> String {
    let Ok(parsed) = flux::FluxUnit::parse(unit) else {
        return unit.to_owned();
    };
    let exponent = parsed.erg_s_cm2_angstrom.log10().round() as i32;
    let raised: String = exponent
        .to_string()
        .chars()
        .map(|digit| match digit {
            '-' => '⁻',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            _ => '⁹',
        })
        .collect();
    let body = "erg s⁻¹ cm⁻² Å⁻¹";
    if exponent == 0 {
        body.into()
    } else {
        format!("10{raised} {body}")
    }
}

fn bottom_tick(canvas: &mut Canvas, place: &Place, tick: &Tick) {
    let (x, y) = (place.left + tick.at_px as f32, place.top + place.height);
    canvas.line((x, y + 1.0), (x, y + 6.0), 1.0, INK);
    canvas.text(&tick.text, (x, y + 17.0), Anchor::Middle, LABEL, INK, 200.0);
}

fn left_tick(canvas: &mut Canvas, place: &Place, tick: &Tick) {
    let y = place.top + tick.at_px as f32;
    canvas.line((place.left - 6.0, y), (place.left - 1.0, y), 1.0, INK);
    canvas.text(&tick.text, (place.left - 9.0, y), Anchor::End, LABEL, INK, 96.0);
}

fn axis_names(canvas: &mut Canvas, place: &Place, bottom: &str, left: &str) {
    let (x, y) = (place.left + place.width / 2.0, place.top + place.height + 44.0);
    canvas.text(bottom, (x, y), Anchor::Middle, AXIS, FAINT_INK, place.width.max(300.0));
    let middle = (16.0, place.top + place.height / 2.0);
    canvas.text_upwards(left, middle, AXIS, FAINT_INK, place.height.max(180.0));
}

fn axes(canvas: &mut Canvas, wcs: &SkyWcs, place: &Place) {
    let along_bottom = |px: f64| wcs.sky(place.column(px), place.row(f64::from(place.height)));
    let along_left = |px: f64| wcs.sky(place.column(0.0), place.row(px));
    let bottom: Option<Vec<(f64, f64)>> = (0..=place.width as usize).map(|px| along_bottom(px as f64)).collect();
    let left: Option<Vec<(f64, f64)>> = (0..=place.height as usize).map(|px| along_left(px as f64)).collect();
    let (Some(bottom), Some(left)) = (bottom, left) else {
        return pixel_axes(canvas, place);
    };
    // A field that is turned by more than 45 degrees has declination along the bottom.
    let span = |edge: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| match (edge.first(), edge.last()) {
        (Some(first), Some(last)) => (of(last) - of(first)).abs(),
        _ => 0.0,
    };
    let cos_dec = bottom.first().map_or(1.0, |sky| sky.1.to_radians().cos());
    let is_turned = span(&bottom, |sky| sky.1) > span(&bottom, |sky| sky.0).min(360.0) * cos_dec;
    let ra = |edge: &[(f64, f64)]| edge.iter().map(|sky| sky.0).collect::<Vec<_>>();
    let dec = |edge: &[(f64, f64)]| edge.iter().map(|sky| sky.1).collect::<Vec<_>>();
    let (n_bottom, n_left) = ((place.width / 125.0) as usize, (place.height / 70.0) as usize);
    let (bottom_ticks, left_ticks, names) = if is_turned {
        (
            ticks::celestial(&dec(&bottom), Coordinate::Declination, n_bottom),
            ticks::celestial(&ra(&left), Coordinate::RightAscension, n_left),
            ("Declination", "Right ascension"),
        )
    } else {
        (
            ticks::celestial(&ra(&bottom), Coordinate::RightAscension, n_bottom),
            ticks::celestial(&dec(&left), Coordinate::Declination, n_left),
            ("Right ascension", "Declination"),
        )
    };
    for tick in &bottom_ticks {
        bottom_tick(canvas, place, tick);
    }
    for tick in &left_ticks {
        left_tick(canvas, place, tick);
    }
    let frame = wcs.frame();
    let named = |name: &str| {
        if frame.is_empty() {
            name.to_owned()
        } else {
            format!("{name} ({frame})")
        }
    };
    axis_names(canvas, place, &named(names.0), &named(names.1));
}

fn pixel_axes(canvas: &mut Canvas, place: &Place) {
    let (n_x, n_y) = (
        f64::from(place.width) / place.factor,
        f64::from(place.height) / place.factor,
    );
    for value in ticks::round_values(0.5, n_x + 0.5, (place.width / 80.0) as usize) {
        let tick = Tick {
            at_px: (value - 0.5) * place.factor,
            text: significant(value, 6),
        };
        bottom_tick(canvas, place, &tick);
    }
    for value in ticks::round_values(0.5, n_y + 0.5, (place.height / 60.0) as usize) {
        let tick = Tick {
            at_px: f64::from(place.height) - (value - 0.5) * place.factor,
            text: significant(value, 6),
        };
        left_tick(canvas, place, &tick);
    }
    axis_names(canvas, place, "column (pixel)", "row (pixel)");
}

/// The direction on the drawing in which a small step on the sky goes.
fn direction(wcs: &SkyWcs, place: &Place, d_ra_arcsec: f64, d_dec_arcsec: f64) -> Option<(f32, f32)> {
    let (x, y) = (
        place.column(f64::from(place.width) / 2.0),
        place.row(f64::from(place.height) / 2.0),
    );
    let (ra, dec) = wcs.sky(x, y)?;
    let cos_dec = dec.to_radians().cos().max(1e-6);
    let (to_x, to_y) = wcs.pixel(ra + d_ra_arcsec / 3600.0 / cos_dec, dec + d_dec_arcsec / 3600.0)?;
    let (dx, dy) = (to_x.0 - x.0, -(to_y.0 - y.0));
    let length = dx.hypot(dy);
    (length > 0.0).then(|| ((dx / length) as f32, (dy / length) as f32))
}

fn compass(canvas: &mut Canvas, wcs: &SkyWcs, place: &Place) {
    const SIDE: f32 = 92.0;
    const REACH: f32 = 26.0;
    if place.width < 2.2 * SIDE || place.height < 1.5 * SIDE {
        return;
    }
    let (Some(north), Some(east)) = (direction(wcs, place, 0.0, 1.0), direction(wcs, place, 1.0, 0.0)) else {
        return;
    };
    let (left, top) = (
        place.left + place.width - SIDE - 10.0,
        place.top + place.height - SIDE - 10.0,
    );
    canvas.area(left, top, SIDE, SIDE, PANEL);
    // The corner of the two arrows is put where both fit into the panel.
    let centre = |part: f32| SIDE / 2.0 - part * REACH / 2.0;
    let (x, y) = (left + centre(north.0 + east.0), top + centre(north.1 + east.1));
    for ((dx, dy), name) in [(north, "N"), (east, "E")] {
        let tip = (x + dx * REACH, y + dy * REACH);
        canvas.line((x, y), tip, 2.0, ON_PANEL);
        let base = (tip.0 - dx * 3.0, tip.1 - dy * 3.0);
        let head = [
            (base.0 + dx * 9.0, base.1 + dy * 9.0),
            (base.0 - dy * 4.5, base.1 + dx * 4.5),
            (base.0 + dy * 4.5, base.1 - dx * 4.5),
        ];
        canvas.polygon(&head, ON_PANEL);
        canvas.text(
            name,
            (tip.0 + dx * 15.0, tip.1 + dy * 15.0),
            Anchor::Middle,
            MARK,
            ON_PANEL,
            SIDE,
        );
    }
}

fn scale_bar(canvas: &mut Canvas, wcs: &SkyWcs, place: &Place) {
    let px_per_arcsec = place.factor / wcs.scale_arcsec();
    let longest = 0.3 * f64::from(place.width) / px_per_arcsec;
    let lengths = [
        0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    ];
    let Some(length) = lengths.iter().copied().rev().find(|length| *length <= longest) else {
        return;
    };
    let text = if length < 60.0 {
        format!("{}″", significant(length, 3))
    } else {
        format!("{}′", significant(length / 60.0, 3))
    };
    let bar = (length * px_per_arcsec) as f32;
    let width = bar.max(40.0) + 24.0;
    if place.height < 120.0 || place.width < width + 120.0 {
        return;
    }
    let (left, top) = (place.left + 10.0, place.top + place.height - 54.0);
    canvas.area(left, top, width, 44.0, PANEL);
    let (x, y) = (left + (width - bar) / 2.0, top + 31.0);
    canvas.line((x, y), (x + bar, y), 2.0, ON_PANEL);
    canvas.line((x, y - 5.0), (x, y + 5.0), 2.0, ON_PANEL);
    canvas.line((x + bar, y - 5.0), (x + bar, y + 5.0), 2.0, ON_PANEL);
    canvas.text(
        &text,
        (left + width / 2.0, top + 14.0),
        Anchor::Middle,
        MARK,
        ON_PANEL,
        width,
    );
}

#[cfg(test)]
mod tests;
