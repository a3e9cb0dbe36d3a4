//! Offsets from whole images: the peak of their phase correlation, with its error.
//!
//! # References
//! Kuglin and Hines 1975, Proc. IEEE Int. Conf. on Cybernetics and Society, 163; the weights and the error are our own
//! derivation in docs/algorithms/alignment.md, "Phase correlation".

use std::f64::consts::PI;

use rayon::prelude::*;

use super::background::{Clean, SIGMAS};
use super::fourier::{Complex, Fourier};
use super::image::{Plane, SkyImage};
use super::votes::Link;
use crate::stat::median_and_deviation;
use crate::{Hooks, KernelError};

/// A peak below this many sigma of the correlation surface is chance: some thousand independent places are searched.
const LEAST_SIGNIFICANCE: f64 = 6.0;
/// The greatest side of a transform.
const MOST_SIDE: usize = 2048;

/// The transform of an image, and the cell of the common grid at which its square begins.
struct Spectrum {
    exposure: usize,
    origin: [i64; 2],
    extent: [i64; 2],
    values: Vec<Complex>,
}

/// Corner cells of an image in the common grid.
fn corners(image: &SkyImage, plane: &Plane, offset: [f64; 2], scale: f64) -> ([i64; 2], [i64; 2]) {
    let (ny, nx) = image.pixels().dim();
    let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for x in [0.0, nx as f64 - 1.0] {
        for y in [0.0, ny as f64 - 1.0] {
            let position = plane.position(image.wcs(), [x, y], offset);
            for k in 0..2 {
                low[k] = low[k].min(position[k] / scale);
                high[k] = high[k].max(position[k] / scale);
            }
        }
    }
    (low.map(|v| v.floor() as i64), high.map(|v| v.ceil() as i64 + 1))
}

fn bilinear(clean: &Clean, at: [f64; 2]) -> f64 {
    let (ny, nx) = clean.pixels.dim();
    let (x, y) = (at[0].floor(), at[1].floor());
    if x < 0.0 || y < 0.0 || x + 1.0 >= nx as f64 || y + 1.0 >= ny as f64 {
        return 0.0;
    }
    let (fx, fy) = (at[0] - x, at[1] - y);
    let (x, y) = (x as usize, y as usize);
    let value = |v: usize, u: usize| clean.pixels[(v, u)];
    (value(y, x) * (1.0 - fx) + value(y, x + 1) * fx) * (1.0 - fy)
        + (value(y + 1, x) * (1.0 - fx) + value(y + 1, x + 1) * fx) * fy
}

/// Correlates every pair of the asked exposures and returns the links whose peak is no chance.
///
/// `sigma_arcsec` is the standard deviation of stars; `wanted` tells which pairs are worth the time.
pub(crate) fn links(
    images: &[SkyImage],
    cleans: &[Clean],
    plane: &Plane,
    offsets: &[[f64; 2]],
    (sigma_arcsec, radius_arcsec): (f64, f64),
    wanted: &(dyn Fn(usize, usize) -> bool + Sync),
    hooks: &Hooks<'_>,
) -> Result<Vec<Link>, KernelError> {
    let scale = images.iter().map(SkyImage::pixel_arcsec).fold(f64::MAX, f64::min);
    let n = images.len();
    let boxes: Vec<_> = images
        .iter()
        .zip(offsets)
        .map(|(image, offset)| corners(image, plane, *offset, scale))
        .collect();
    let radius = (radius_arcsec / scale).ceil() as i64;
    let is_near = |a: usize, b: usize| {
        (0..2).all(|k| boxes[a].0[k] - radius < boxes[b].1[k] && boxes[b].0[k] - radius < boxes[a].1[k])
    };
    let pairs: Vec<(usize, usize)> = (0..n)
        .flat_map(|a| (a + 1..n).map(move |b| (a, b)))
        .filter(|(a, b)| wanted(*a, *b) && is_near(*a, *b))
        .collect();
    let is_used = |k: usize| pairs.iter().any(|(a, b)| *a == k || *b == k);
    let extent = |k: usize| [0, 1].map(|axis| boxes[k].1[axis] - boxes[k].0[axis]);
    // Lags are counted between the beginnings of the squares, so that only sizes and the search radius need room.
    let largest = (0..n).filter(|k| is_used(*k)).flat_map(extent).max().unwrap_or(0);
    let apart = pairs
        .iter()
        .flat_map(|(a, b)| [0, 1].map(|k| (boxes[*a].0[k] - boxes[*b].0[k]).abs()))
        .max()
        .unwrap_or(0);
    let fourier = Fourier::new((largest + apart + radius).max(0) as usize);
    if fourier.side() > MOST_SIDE {
        return Ok(Vec::new());
    }
    let mut spectra: Vec<Option<Spectrum>> = Vec::with_capacity(n);
    for k in 0..n {
        hooks.check()?;
        spectra.push(is_used(k).then(|| {
            let side = fourier.side();
            let extent = extent(k);
            let mut values = vec![[0.0; 2]; side * side];
            values
                .par_chunks_exact_mut(side)
                .take(extent[1] as usize)
                .enumerate()
                .for_each(|(y, row)| {
                    for (x, value) in row.iter_mut().take(extent[0] as usize).enumerate() {
                        let cell = [boxes[k].0[0] + x as i64, boxes[k].0[1] + y as i64];
                        let position = cell.map(|v| v as f64 * scale);
                        let corrected = plane.corrected(images[k].wcs(), offsets[k]);
                        value[0] = bilinear(&cleans[k], plane.pixel(&corrected, position));
                    }
                });
            fourier.forward(&mut values);
            Spectrum {
                exposure: k,
                origin: boxes[k].0,
                extent,
                values,
            }
        }));
    }
    let mut links = Vec::new();
    for (done, (a, b)) in pairs.iter().enumerate() {
        hooks.check()?;
        (hooks.on_tile)(done, pairs.len());
        if let (Some(a), Some(b)) = (&spectra[*a], &spectra[*b]) {
            links.extend(peak(&fourier, a, b, (sigma_arcsec / scale, radius), scale));
        }
    }
    Ok(links)
}

/// Finds the peak of one pair.
fn peak(fourier: &Fourier, a: &Spectrum, b: &Spectrum, (sigma, radius): (f64, i64), scale: f64) -> Option<Link> {
    let side = fourier.side();
    let frequency = |k: usize| {
        let k = if k > side / 2 { k as f64 - side as f64 } else { k as f64 };
        k / side as f64
    };
    let mut surface: Vec<Complex> = (0..side * side)
        .into_par_iter()
        .map(|at| {
            let (p, q) = (a.values[at], b.values[at]);
            let cross = [p[0] * q[0] + p[1] * q[1], q[0] * p[1] - q[1] * p[0]];
            let size = (cross[0] * cross[0] + cross[1] * cross[1]).sqrt();
            if size <= 0.0 || at == 0 {
                return [0.0; 2];
            }
            let k2 = frequency(at % side).powi(2) + frequency(at / side).powi(2);
            let weight = libm::exp(-4.0 * PI * PI * sigma * sigma * k2) / size;
            // The conjugate of the cross power makes a forward transform serve as the inverse.
            [cross[0] * weight, cross[1] * weight]
        })
        .collect();
    fourier.forward(&mut surface);
    let value = |lag: [i64; 2]| {
        let [x, y] = lag.map(|v| v.rem_euclid(side as i64) as usize);
        surface[y * side + x][0]
    };
    let nominal = [0, 1].map(|k| a.origin[k] - b.origin[k]);
    let mut places = Vec::new();
    for y in -radius..=radius {
        for x in -radius..=radius {
            let lag = [nominal[0] + x, nominal[1] + y];
            // A lag at which the images share less than half of the smaller one along an axis shows their borders.
            let shared = |k: usize| {
                let begin = lag[k].max(0);
                let end = (lag[k] + a.extent[k]).min(b.extent[k]);
                2 * (end - begin) >= a.extent[k].min(b.extent[k])
            };
            if x * x + y * y <= radius * radius && shared(0) && shared(1) {
                places.push(lag);
            }
        }
    }
    let best = *places.iter().max_by(|p, q| value(**p).total_cmp(&value(**q)))?;
    let slope = |at: [i64; 2], k: usize| {
        let mut ends = [at, at];
        ends[0][k] -= 1;
        ends[1][k] += 1;
        0.5 * (value(ends[1]) - value(ends[0]))
    };
    let apart = (5.0 * sigma).max(4.0);
    let away: Vec<[i64; 2]> = places
        .iter()
        .filter(|p| (((p[0] - best[0]).pow(2) + (p[1] - best[1]).pow(2)) as f64) > apart * apart)
        .copied()
        .collect();
    let spread = |of: &dyn Fn([i64; 2]) -> f64| {
        let mut sample: Vec<f64> = away.iter().map(|at| of(*at)).collect();
        median_and_deviation(&mut sample).map(|(_, deviation)| SIGMAS * deviation)
    };
    let noise = spread(&value)?;
    let significance = value(best) / noise.max(f64::MIN_POSITIVE);
    if significance < LEAST_SIGNIFICANCE {
        return None;
    }
    let curvature = [0, 1].map(|k| {
        let mut ends = [best, best];
        ends[0][k] -= 1;
        ends[1][k] += 1;
        2.0 * value(best) - value(ends[0]) - value(ends[1])
    });
    if curvature.iter().any(|c| *c <= 0.0) {
        return None;
    }
    let deviation = [spread(&|at| slope(at, 0))?, spread(&|at| slope(at, 1))?];
    let step = [0, 1].map(|k| {
        let fine = (slope(best, k) / curvature[k]).clamp(-1.0, 1.0);
        (best[k] - nominal[k]) as f64 + fine
    });
    Some(Link {
        from: a.exposure,
        to: b.exposure,
        step: step.map(|v| v * scale),
        variance: [0, 1].map(|k| (deviation[k] / curvature[k] * scale).powi(2)),
        trust: significance,
    })
}
