//! What the subtraction of the sky leaves at its strong lines.

use super::SpectralAxis;
use super::stat;
use super::wave::SKY_LINES;

/// Planes whose centre is this near belong to a line: its full width at a resolving power of 1,500 and more.
const LINE_NM: f64 = 0.25;
/// Planes this far from a line are its neighbours.
const NEIGHBOUR_NM: (f64, f64) = (0.6, 2.0);
/// Planes this near to any other line are no neighbours.
const OTHER_NM: f64 = 0.4;
/// Fewest planes of a line, and of its neighbours.
const LEAST: (usize, usize) = (2, 6);

/// Returns the robust rms of background voxels in the planes of strong sky lines, in units of the noise, over that of
/// neighbouring planes: 1 if nothing but noise is left, the median over all lines.
///
/// # Contract
/// `sky`, `scatter` and `noise` are median, scatter and claimed noise of background voxels in each plane.
///
/// # Numerics
/// Lines stand where the observatory has them; a velocity of 30 km/s moves them by less than half a plane of 0.125 nm.
/// In a plane the rms is the root of the squares of its scatter and of its median less the median of the line's neighbours.
///
/// # Errors
/// Why there is none.
pub fn sky_residual(axis: &SpectralAxis, sky: &[f32], scatter: &[f32], noise: &[f32]) -> Result<f64, String> {
    let lambda: Vec<f64> = (0..sky.len()).map(|plane| axis.lambda_nm(plane as f64)).collect();
    // Lines are listed in air.
    let lines: Vec<f64> = SKY_LINES
        .iter()
        .map(|line| axis.sky_line_nm(line.air_nm, 0.0))
        .collect();
    let planes = |is_in: &dyn Fn(f64) -> bool| -> Vec<usize> {
        let is_good = |plane: &usize| {
            let noise = noise.get(*plane).copied().unwrap_or(f32::NAN);
            is_in(lambda[*plane]) && sky[*plane].is_finite() && noise.is_finite() && noise > 0.0
        };
        (0..sky.len()).filter(is_good).collect()
    };
    let mut ratios: Vec<f64> = Vec::new();
    for line in &lines {
        let own = planes(&|at| (at - line).abs() <= LINE_NM);
        let near = planes(&|at| {
            let distance = (at - line).abs();
            (NEIGHBOUR_NM.0..=NEIGHBOUR_NM.1).contains(&distance)
                && lines.iter().all(|other| (at - other).abs() > OTHER_NM)
        });
        if own.len() < LEAST.0 || near.len() < LEAST.1 {
            continue;
        }
        let level = stat::median(&mut near.iter().map(|plane| f64::from(sky[*plane])).collect::<Vec<_>>());
        let rms = |planes: &[usize]| {
            let mut all: Vec<f64> = planes
                .iter()
                .map(|plane| {
                    (f64::from(sky[*plane]) - level).hypot(f64::from(scatter[*plane])) / f64::from(noise[*plane])
                })
                .collect();
            stat::median(&mut all)
        };
        let ratio = rms(&own) / rms(&near);
        if ratio.is_finite() {
            ratios.push(ratio);
        }
    }
    if ratios.is_empty() {
        return Err("no strong line of the sky lies in the cube with neighbours that have a noise".into());
    }
    Ok(stat::median(&mut ratios))
}

#[cfg(test)]
mod tests {
    use super::super::{Medium, SpectralAxis};
    use super::sky_residual;

    fn axis() -> SpectralAxis {
        SpectralAxis::linear(480.0, 0.125, Medium::Air)
    }

    /// Background spectrum, scatter and noise: lines of a height in units of their own noise.
    fn spectra(height: f32, excess: f32) -> [Vec<f32>; 3] {
        let n = 3600;
        let (mut sky, mut scatter, mut noise) = (vec![3.0_f32; n], vec![2.0_f32; n], vec![2.0_f32; n]);
        for plane in 0..n {
            let at = axis().lambda_nm(plane as f64);
            if super::SKY_LINES.iter().any(|line| (line.air_nm - at).abs() < 0.3) {
                noise[plane] = 6.0;
                scatter[plane] = 6.0 * excess;
                sky[plane] += 6.0 * height;
            }
        }
        [sky, scatter, noise]
    }

    #[test]
    fn more_noise_at_a_line_is_no_residual_if_the_variance_knows_it() {
        let [sky, scatter, noise] = spectra(0.0, 1.0);
        let ratio = sky_residual(&axis(), &sky, &scatter, &noise).unwrap();
        assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
    }

    #[test]
    fn a_remaining_line_and_more_scatter_add_in_squares() {
        let [sky, scatter, noise] = spectra(2.0, 1.5);
        let ratio = sky_residual(&axis(), &sky, &scatter, &noise).unwrap();
        assert!((ratio - 2.5).abs() < 1e-6, "{ratio}");
    }

    #[test]
    fn a_cube_without_lines_has_none() {
        assert!(sky_residual(&axis(), &[1.0; 50], &[1.0; 50], &[1.0; 50]).is_err());
    }
}
