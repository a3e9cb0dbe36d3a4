//! An image without its background and without lone bad pixels.

use ndarray::Array2;

use crate::stat::{median, median_and_deviation};

/// Standard deviations in a median absolute deviation, for Gaussian noise.
pub(crate) const SIGMAS: f64 = 1.482_602_218_505_602;
/// Side of the cells in which the background is measured, pixels: many times the seeing, a fraction of the field.
const CELL: usize = 48;
/// A lone pixel this many sigma, and this many times the level of its neighbours, above them is bad: a star with a full
/// width of two pixels has 2.7 times the median of its neighbours.
const LONE: [f64; 2] = [8.0, 3.0];

/// Background-free pixels.
#[derive(Clone, Debug)]
pub(crate) struct Clean {
    /// 0 where there is no pixel.
    pub(crate) pixels: Array2<f64>,
    pub(crate) is_good: Array2<bool>,
    /// Standard deviation of a pixel of the background; 0 if no pixel is good.
    pub(crate) noise: f64,
}

fn clipped(mut sample: Vec<f64>) -> Option<(f64, f64)> {
    let mut level = None;
    for _ in 0..4 {
        let (centre, deviation) = median_and_deviation(&mut sample.clone())?;
        let sigma = SIGMAS * deviation;
        level = Some((centre, sigma));
        let before = sample.len();
        sample.retain(|v| (v - centre).abs() <= 3.0 * sigma);
        if sample.len() == before || sample.is_empty() {
            break;
        }
    }
    level
}

/// Levels of cells, those without enough pixels filled from the whole, blended linearly between centres.
struct Mesh {
    levels: Array2<f64>,
    step: [f64; 2],
}

impl Mesh {
    fn measure(pixels: &Array2<f32>) -> Self {
        let (ny, nx) = pixels.dim();
        let (my, mx) = (ny.div_ceil(CELL).max(1), nx.div_ceil(CELL).max(1));
        let step = [ny as f64 / my as f64, nx as f64 / mx as f64];
        let edge = |cell: usize, step: f64| (cell as f64 * step).round() as usize;
        let mut measured: Array2<Option<f64>> = Array2::from_elem((my, mx), None);
        for ((cy, cx), level) in measured.indexed_iter_mut() {
            let rows = edge(cy, step[0])..edge(cy + 1, step[0]).min(ny);
            let columns = edge(cx, step[1])..edge(cx + 1, step[1]).min(nx);
            let area = rows.len() * columns.len();
            let sample: Vec<f64> = rows
                .flat_map(|y| columns.clone().map(move |x| (y, x)))
                .map(|at| f64::from(pixels[at]))
                .filter(|v| v.is_finite())
                .collect();
            if sample.len() * 4 >= area {
                *level = clipped(sample).map(|(centre, _)| centre);
            }
        }
        let mut known: Vec<f64> = measured.iter().flatten().copied().collect();
        let whole = median(&mut known)
            .or_else(|| {
                let all = pixels.iter().map(|v| f64::from(*v)).filter(|v| v.is_finite()).collect();
                clipped(all).map(|(centre, _)| centre)
            })
            .unwrap_or(0.0);
        Self {
            levels: measured.mapv(|level| level.unwrap_or(whole)),
            step,
        }
    }

    fn at(&self, y: usize, x: usize) -> f64 {
        let (my, mx) = self.levels.dim();
        let place = |pixel: usize, step: f64, cells: usize| {
            let position = ((pixel as f64 + 0.5) / step - 0.5).clamp(0.0, (cells - 1) as f64);
            let low = (position as usize).min(cells.saturating_sub(2));
            (low, (low + 1).min(cells - 1), position - low as f64)
        };
        let (y0, y1, fy) = place(y, self.step[0], my);
        let (x0, x1, fx) = place(x, self.step[1], mx);
        let row = |y: usize| self.levels[(y, x0)] * (1.0 - fx) + self.levels[(y, x1)] * fx;
        row(y0) * (1.0 - fy) + row(y1) * fy
    }
}

/// Takes the background and lone bad pixels out of an image.
pub(crate) fn clean(image: &Array2<f32>) -> Clean {
    let mesh = Mesh::measure(image);
    let mut is_good = image.mapv(f32::is_finite);
    let mut pixels = Array2::zeros(image.raw_dim());
    for ((y, x), value) in image.indexed_iter() {
        if value.is_finite() {
            pixels[(y, x)] = f64::from(*value) - mesh.at(y, x);
        }
    }
    let good: Vec<f64> = image
        .iter()
        .zip(&pixels)
        .filter(|(v, _)| v.is_finite())
        .map(|(_, p)| *p)
        .collect();
    let noise = clipped(good).map_or(0.0, |(_, sigma)| sigma);
    let (ny, nx) = image.dim();
    let mut lone = Vec::new();
    for ((y, x), value) in pixels.indexed_iter() {
        if !is_good[(y, x)] {
            continue;
        }
        let mut around: Vec<f64> = (y.saturating_sub(1)..(y + 2).min(ny))
            .flat_map(|v| (x.saturating_sub(1)..(x + 2).min(nx)).map(move |u| (v, u)))
            .filter(|at| *at != (y, x) && is_good[*at])
            .map(|at| pixels[at])
            .collect();
        let Some(level) = median(&mut around) else { continue };
        if (value - level).abs() > LONE[0] * noise + LONE[1] * level.max(0.0) {
            lone.push((y, x));
        }
    }
    for at in lone {
        is_good[at] = false;
        pixels[at] = 0.0;
    }
    Clean { pixels, is_good, noise }
}
