//! Signal to noise of a spectrum.

use super::stat;

/// Returns the `DER_SNR` estimate: median flux over the noise from the spread of second differences.
///
/// # Numerics
/// Right for noise that is normal and uncorrelated over wavelength intervals of two pixels and for a signal that is
/// smooth on that scale. `None` if fewer than five values are usable; zeros and values that are not finite are padding.
///
/// # References
/// Stoehr et al. 2008, ADASS XVII, ASP Conf. Ser. 394, 505: sigma = 1.482602/sqrt(6) median |2 f(i) - f(i-2) - f(i+2)|.
pub fn der_snr(flux: &[f64]) -> Option<f64> {
    let mut usable: Vec<f64> = flux
        .iter()
        .copied()
        .filter(|value| value.is_finite() && *value != 0.0)
        .collect();
    if usable.len() < 5 {
        return None;
    }
    let mut spread: Vec<f64> = usable.windows(5).map(|w| (2.0 * w[2] - w[0] - w[4]).abs()).collect();
    let noise = stat::MAD_SCALE / 6.0_f64.sqrt() * stat::median(&mut spread);
    let signal = stat::median(&mut usable);
    (noise > 0.0).then(|| signal / noise)
}

#[cfg(test)]
mod tests {
    use super::der_snr;
    use crate::measure::noise::Normal;

    #[test]
    fn known_noise_on_a_slope_gives_the_known_ratio() {
        let flux: Vec<f64> = Normal::new(11)
            .take(4000)
            .enumerate()
            .map(|(i, z)| 100.0 + 0.001 * i as f64 + 2.0 * z)
            .collect();
        let snr = der_snr(&flux).unwrap();
        assert!((snr / 51.0 - 1.0).abs() < 0.04, "{snr}");
    }

    #[test]
    fn too_short_a_spectrum_has_no_ratio() {
        assert!(der_snr(&[1.0, 2.0, f64::NAN, 0.0, 3.0]).is_none());
    }
}
