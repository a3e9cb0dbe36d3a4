//! Residual shift of the wavelength scale, from the bright lines of the night sky.

use super::SpectralAxis;
use super::fit::least_squares;

/// A line of the night sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkyLine {
    /// Wavelength in air.
    pub air_nm: f64,
    /// The transition.
    pub name: &'static str,
}

/// Bright lines that stand alone at a resolving power of 1,500 and more.
///
/// # References
/// Wavelengths in air from Osterbrock et al. 1996, PASP 108, 277; the oxygen lines from the NIST Atomic Spectra Database
/// (2024). Pairs of OH lines that no spectrograph of this resolution parts have their mean.
pub const SKY_LINES: [SkyLine; 12] = [
    line(557.7339, "[O I] 5577"),
    line(630.0304, "[O I] 6300"),
    line(636.3776, "[O I] 6364"),
    line(686.3955, "OH 7-2 Q1"),
    line(727.6405, "OH 8-3 P1(2.5)"),
    line(734.0885, "OH 8-3 P1(4.5)"),
    line(779.4112, "OH 9-4 P1(3.5)"),
    line(791.3708, "OH 5-1 P1(3.5)"),
    line(834.4602, "OH 6-2 P2(1.5)"),
    line(839.9170, "OH 6-2 P1(2.5)"),
    line(843.0174, "OH 6-2 P1(3.5)"),
    line(888.5850, "OH 7-3 P1(2.5)"),
];

const fn line(air_nm: f64, name: &'static str) -> SkyLine {
    SkyLine { air_nm, name }
}

/// How the lines are fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaveOptions {
    /// Half of the window around a line.
    pub half_window_nm: f64,
    /// Accepted full widths at half maximum.
    pub fwhm_nm: (f64, f64),
    /// Farthest accepted shift: beyond it the fit has caught another line.
    pub farthest_nm: f64,
    /// Fewest lines for an answer.
    pub n_least: usize,
}

impl Default for WaveOptions {
    fn default() -> Self {
        Self {
            half_window_nm: 1.0,
            fwhm_nm: (0.15, 0.5),
            farthest_nm: 0.4,
            n_least: 2,
        }
    }
}

/// The shift of one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineShift {
    /// The line.
    pub line: SkyLine,
    /// Where it stands minus where it belongs.
    pub shift_nm: f64,
}

/// Fits the sky lines in a background spectrum; `velocity_m_s` moved the data from the observatory's frame.
///
/// # Numerics
/// A Gaussian on a slope. A line counts if its height is at least ten times and the scatter of its residuals at most an
/// eighth of the height, its width is possible and its shift small: what a sky subtraction leaves behind is none of these.
pub fn line_shifts(sky: &[f32], axis: &SpectralAxis, velocity_m_s: f64, options: &WaveOptions) -> Vec<LineShift> {
    SKY_LINES
        .iter()
        .filter_map(|line| {
            let expected_nm = axis.sky_line_nm(line.air_nm, velocity_m_s);
            shift(sky, axis, expected_nm, options).map(|shift_nm| LineShift { line: *line, shift_nm })
        })
        .collect()
}

/// Returns the largest magnitude of shift in Angstrom.
///
/// # Errors
/// A sentence, if too few lines can be fitted.
pub fn largest_shift_angstrom(shifts: &[LineShift], options: &WaveOptions) -> Result<f64, String> {
    if shifts.len() < options.n_least {
        return Err(format!(
            "{} sky lines can be fitted in the background, {} are needed (was the sky taken off?)",
            shifts.len(),
            options.n_least
        ));
    }
    Ok(10.0 * shifts.iter().map(|line| line.shift_nm.abs()).fold(0.0, f64::max))
}

fn shift(sky: &[f32], axis: &SpectralAxis, expected_nm: f64, options: &WaveOptions) -> Option<f64> {
    let low = axis.index(expected_nm - options.half_window_nm).ceil();
    let high = axis.index(expected_nm + options.half_window_nm).floor();
    if low < 0.0 || high >= sky.len() as f64 || high - low < 8.0 {
        return None;
    }
    let window = &sky[low as usize..=high as usize];
    if window.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let offsets: Vec<f64> = (0..window.len())
        .map(|i| axis.lambda_nm(low + i as f64) - expected_nm)
        .collect();
    let mut sorted: Vec<f64> = window.iter().map(|value| f64::from(*value)).collect();
    sorted.sort_by(f64::total_cmp);
    // The lower quartile is continuum as long as the line fills less than three quarters of the window.
    let floor = sorted[sorted.len() / 4];
    let peak = sorted[sorted.len() - 1] - floor;
    if peak <= 0.0 {
        return None;
    }
    let data: Vec<f64> = window.iter().map(|value| (f64::from(*value) - floor) / peak).collect();
    let start = (0..data.len()).max_by(|a, b| data[*a].total_cmp(&data[*b]))?;
    let sigma = 0.5 * (options.fwhm_nm.0 + options.fwhm_nm.1) / 2.354_82;
    let fit = least_squares(
        &data,
        [0.0, 0.0, 1.0, offsets[start], sigma],
        [1.0, 1.0, 1.0, 0.1, 0.1],
        |p, i| p[0] + p[1] * offsets[i] + p[2] * (-0.5 * ((offsets[i] - p[3]) / p[4]).powi(2)).exp(),
    )?;
    let [_, _, height, centre_nm, sigma_nm] = fit.parameters;
    let fwhm_nm = 2.354_82 * sigma_nm.abs();
    let continuum_scatter = fit.rms;
    let is_line = height > 10.0 * continuum_scatter
        && height > 0.3
        && fit.rms < height / 8.0
        && (options.fwhm_nm.0..=options.fwhm_nm.1).contains(&fwhm_nm)
        && centre_nm.abs() <= options.farthest_nm;
    is_line.then_some(centre_nm)
}

#[cfg(test)]
mod tests {
    use super::{SKY_LINES, WaveOptions, largest_shift_angstrom, line_shifts};
    use crate::measure::noise::Normal;
    use crate::measure::{Medium, SpectralAxis};

    fn sky(axis: &SpectralAxis, velocity_m_s: f64, shift_nm: impl Fn(f64) -> f64, scale: f64) -> Vec<f32> {
        let mut noise = Normal::new(41);
        (0..3681)
            .map(|i| {
                let lambda_nm = axis.lambda_nm(f64::from(i));
                let lines: f64 = SKY_LINES
                    .iter()
                    .map(|line| {
                        let centre = axis.sky_line_nm(line.air_nm, velocity_m_s) + shift_nm(line.air_nm);
                        500.0 * (-0.5 * ((lambda_nm - centre) / 0.11).powi(2)).exp()
                    })
                    .sum();
                (20.0 + scale * lines + 2.0 * noise.next().unwrap()) as f32
            })
            .collect()
    }

    #[test]
    fn a_known_shift_is_found_to_a_fiftieth_of_a_pixel() {
        for medium in [Medium::Air, Medium::Vacuum] {
            let axis = SpectralAxis::linear(475.0, 0.125, medium);
            let spectrum = sky(&axis, 12_000.0, |air_nm| if air_nm > 800.0 { -0.06 } else { 0.02 }, 1.0);
            let shifts = line_shifts(&spectrum, &axis, 12_000.0, &WaveOptions::default());
            assert_eq!(shifts.len(), SKY_LINES.len());
            let largest = largest_shift_angstrom(&shifts, &WaveOptions::default()).unwrap();
            assert!((largest - 0.6).abs() < 0.025, "{largest}");
        }
    }

    #[test]
    fn a_subtracted_sky_gives_a_reason_and_no_number() {
        let axis = SpectralAxis::linear(475.0, 0.125, Medium::Air);
        let shifts = line_shifts(&sky(&axis, 0.0, |_| 0.0, 0.0), &axis, 0.0, &WaveOptions::default());
        let reason = largest_shift_angstrom(&shifts, &WaveOptions::default()).unwrap_err();
        assert!(reason.contains("sky lines can be fitted"), "{reason}");
    }

    #[test]
    fn lines_outside_the_range_are_left_out() {
        let axis = SpectralAxis::linear(475.0, 0.025, Medium::Air);
        let spectrum = vec![1.0_f32; 3681];
        assert!(line_shifts(&spectrum, &axis, 0.0, &WaveOptions::default()).is_empty());
    }
}
