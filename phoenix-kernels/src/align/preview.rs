//! The aligned images added up, and how long each place was exposed.

use ndarray::{Array2, Zip};
use rayon::prelude::*;

use super::image::{Plane, SkyImage};
use crate::KernelError;
use crate::ifu::celestial::Gnomonic;
use crate::math::Portable;

/// The most pixels that a preview may have along an axis.
const MOST_PIXELS: f64 = 20_000.0;

/// A mosaic of aligned images.
#[derive(Clone, Debug)]
pub struct Preview {
    /// World coordinates of both arrays: those of the first image, moved.
    pub wcs: Gnomonic,
    /// Mean weighted by exposure time, (y, x); NaN where there is none.
    pub mean: Array2<f32>,
    /// Sum of exposure times in seconds, (y, x).
    pub exptime_s: Array2<f32>,
}

/// Adds images up with their offsets taken out.
///
/// # Contract
/// `chosen` holds, for each image to add, its number, its offset in coordinates (degrees, to be subtracted), its flux
/// scale and its exposure time in seconds. Pixels are blended linearly from the four nearest; where one of them is missing,
/// the image says nothing.
///
/// # Errors
/// `NoExposures` without an image, `GridTooLarge` if the images lie too far apart.
pub fn preview(images: &[SkyImage], chosen: &[(usize, [f64; 2], f64, f64)]) -> Result<Preview, KernelError> {
    let &(first, first_offset, ..) = chosen.first().ok_or(KernelError::NoExposures)?;
    let frame = moved(images[first].wcs(), first_offset);
    let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for &(k, offset, ..) in chosen {
        let own = moved(images[k].wcs(), offset);
        let (ny, nx) = images[k].pixels().dim();
        for corner in [[1.0, 1.0], [nx as f64, 1.0], [1.0, ny as f64], [nx as f64, ny as f64]] {
            let [ra, dec] = own.sky::<Portable>(corner[0], corner[1]);
            let place = frame.pixel::<Portable>(ra, dec);
            for axis in 0..2 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
    }
    let low = low.map(f64::floor);
    let size = [0, 1].map(|k| high[k].ceil() - low[k] + 1.0);
    if size.iter().any(|s| s.is_nan() || *s > MOST_PIXELS) {
        return Err(KernelError::GridTooLarge {
            nx: size[0],
            ny: size[1],
            nz: 1.0,
        });
    }
    let wcs = Gnomonic {
        crpix: [frame.crpix[0] - low[0] + 1.0, frame.crpix[1] - low[1] + 1.0],
        ..frame
    };
    let shape = (size[1] as usize, size[0] as usize);
    let (mut sum, mut time) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
    let scale = images[first].pixel_arcsec();
    for &(k, offset, factor, exptime_s) in chosen {
        let rows = resampled(&images[k], offset, factor, (&wcs, scale), shape);
        for (y, row) in rows.outer_iter().enumerate() {
            for (x, value) in row.iter().enumerate().filter(|(_, v)| v.is_finite()) {
                sum[(y, x)] += value * exptime_s;
                time[(y, x)] += exptime_s;
            }
        }
    }
    let mean = Zip::from(&sum)
        .and(&time)
        .map_collect(|s, t| if *t > 0.0 { (s / t) as f32 } else { f32::NAN });
    Ok(Preview {
        wcs,
        mean,
        exptime_s: time.mapv(|t| t as f32),
    })
}

/// World coordinates with an offset taken out.
fn moved(wcs: &Gnomonic, offset: [f64; 2]) -> Gnomonic {
    Gnomonic {
        crval: [wcs.crval[0] - offset[0], wcs.crval[1] - offset[1]],
        ..*wcs
    }
}

/// An image with its offset taken out and its flux scaled, on the pixels of `wcs`, whose side is `scale` arcsec; no number where
/// it says nothing.
pub(super) fn resampled(
    image: &SkyImage,
    offset: [f64; 2],
    factor: f64,
    (wcs, scale): (&Gnomonic, f64),
    shape: (usize, usize),
) -> Array2<f64> {
    let plane = Plane::about(wcs.crval);
    let own = moved(image.wcs(), offset);
    let area = (image.pixel_arcsec() / scale).powi(2).recip();
    let mut values = Array2::zeros(shape);
    values
        .as_slice_mut()
        .unwrap_or_default()
        .par_chunks_mut(shape.1.max(1))
        .enumerate()
        .for_each(|(y, row)| {
            for (x, value) in row.iter_mut().enumerate() {
                let place = plane.position(wcs, [x as f64, y as f64], [0.0; 2]);
                *value = blend(image.pixels(), plane.pixel(&own, place)) * factor * area;
            }
        });
    values
}

fn blend(pixels: &Array2<f32>, at: [f64; 2]) -> f64 {
    let (ny, nx) = pixels.dim();
    // Rounding must not cost the border of an image that is not shifted at all.
    let [x, y] = at.map(|v| if (v - v.round()).abs() < 1e-6 { v.round() } else { v });
    if x < 0.0 || y < 0.0 || x > nx as f64 - 1.0 || y > ny as f64 - 1.0 {
        return f64::NAN;
    }
    let (ix, iy) = (x as usize, y as usize);
    let (fx, fy) = (x - ix as f64, y - iy as f64);
    let mut sum = 0.0;
    for (v, wy) in [(iy, 1.0 - fy), (iy + 1, fy)] {
        for (u, wx) in [(ix, 1.0 - fx), (ix + 1, fx)] {
            if wx * wy > 0.0 {
                sum += wx * wy * f64::from(pixels[(v, u)]);
            }
        }
    }
    sum
}
