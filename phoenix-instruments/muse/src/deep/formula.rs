//! What an exposure is worth for a point source.

/// What is known of an exposure's quality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Full width at half maximum of a point source, arcsec.
    pub fwhm_arcsec: f64,
    /// Standard deviation of a pixel of the sky, in the unit of the image.
    pub noise: f64,
    /// Share of the light that came through, in any common unit.
    pub transparency: f64,
}

/// Returns the weights of exposures, 1 in their median.
///
/// # Contract
/// Above 0 and finite for every quality above 0 and finite; 0 for any other. Only ratios matter.
///
/// # Numerics
/// w = T^2 / (s^2 F^p), p being `fwhm_power`. With p = 1 the signal to noise of a point source in the weighted mean is largest
/// (to first order in the scatter of the seeing), with p = 2 w is the inverse variance of its flux in the single exposure.
/// The noise s is that of the whole exposure, so exposure time and sky brightness are in it: s^2 ~ sky / time.
///
/// # References
/// docs/algorithms/deep-weights.md; King 1983, PASP 95, 163, for the noise area of a profile.
pub fn weights(qualities: &[Quality], fwhm_power: f64) -> Vec<f64> {
    use phoenix_kernels::math::{Math, Portable};

    let power = |base: f64| Portable::exp(fwhm_power * Portable::ln(base));
    let raw: Vec<f64> = qualities
        .iter()
        .map(|quality| {
            let weight = (quality.transparency / quality.noise).powi(2) / power(quality.fwhm_arcsec);
            let is_sound = quality.fwhm_arcsec > 0.0 && quality.noise > 0.0 && quality.transparency > 0.0;
            if is_sound && weight.is_finite() { weight } else { 0.0 }
        })
        .collect();
    let mut sound: Vec<f64> = raw.iter().copied().filter(|weight| *weight > 0.0).collect();
    let middle = phoenix_kernels::stat::median(&mut sound).unwrap_or(1.0);
    raw.iter().map(|weight| weight / middle).collect()
}

#[cfg(test)]
mod tests {
    use super::{Quality, weights};

    const GOOD: Quality = Quality {
        fwhm_arcsec: 0.7,
        noise: 2.0,
        transparency: 1.0,
    };

    fn ratio(of: Quality) -> f64 {
        let found = weights(&[GOOD, of], 2.0);
        found[1] / found[0]
    }

    #[test]
    fn twice_the_time_is_worth_twice_and_half_the_light_a_quarter() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        near(
            ratio(Quality {
                noise: GOOD.noise / 2.0_f64.sqrt(),
                ..GOOD
            }),
            2.0,
        );
        near(
            ratio(Quality {
                transparency: 0.5,
                ..GOOD
            }),
            0.25,
        );
        near(
            ratio(Quality {
                fwhm_arcsec: 1.4,
                ..GOOD
            }),
            0.25,
        );
        near(
            weights(
                &[
                    GOOD,
                    Quality {
                        fwhm_arcsec: 1.4,
                        ..GOOD
                    },
                ],
                0.0,
            )[1],
            1.0,
        );
    }

    #[test]
    fn a_quality_that_is_no_number_is_worth_nothing() {
        assert_eq!(
            weights(
                &[
                    GOOD,
                    Quality {
                        noise: f64::NAN,
                        ..GOOD
                    }
                ],
                2.0
            ),
            [1.0, 0.0]
        );
        assert_eq!(
            weights(
                &[Quality {
                    transparency: 0.0,
                    ..GOOD
                }],
                2.0
            ),
            [0.0]
        );
    }

    fn qualities() -> Vec<Quality> {
        (0..6)
            .map(|k| Quality {
                fwhm_arcsec: 0.6 + 0.1 * f64::from(k),
                noise: 1.0 + 0.3 * f64::from((k * 5) % 4),
                transparency: 1.0 - 0.08 * f64::from((k * 3) % 5),
            })
            .collect()
    }

    /// Signal to noise of the mean over exposures of the flux of a star, each measured by its own profile.
    fn of_fluxes(qualities: &[Quality], weights: &[f64]) -> f64 {
        let variance = |q: &Quality| (q.noise * q.fwhm_arcsec / q.transparency).powi(2);
        let sum: f64 = weights.iter().sum();
        let noise: f64 = qualities.iter().zip(weights).map(|(q, w)| w * w * variance(q)).sum();
        sum / noise.sqrt()
    }

    /// Signal to noise of a star in the mean of the exposures, measured by the profile that it has there.
    fn of_stack(qualities: &[Quality], weights: &[f64]) -> f64 {
        let mut signal = 0.0;
        for (one, v) in qualities.iter().zip(weights) {
            for (other, w) in qualities.iter().zip(weights) {
                signal += v * w / (one.fwhm_arcsec.powi(2) + other.fwhm_arcsec.powi(2));
            }
        }
        let noise = |(q, w): (&Quality, &f64)| (w * q.noise / q.transparency).powi(2);
        (signal / qualities.iter().zip(weights).map(noise).sum::<f64>()).sqrt()
    }

    #[test]
    fn no_other_weights_give_a_flux_averaged_over_exposures_a_smaller_error() {
        let qualities = qualities();
        let best = weights(&qualities, 2.0);
        let reference = of_fluxes(&qualities, &best);
        for (k, change) in [(0, 1.1), (2, 0.9), (5, 1.3), (3, 0.5)] {
            let mut other = best.clone();
            other[k] *= change;
            assert!(of_fluxes(&qualities, &other) < reference);
        }
        assert!(of_fluxes(&qualities, &[1.0; 6]) < 0.97 * reference);
    }

    #[test]
    fn in_the_stack_the_first_power_of_the_seeing_is_best_to_a_thousandth() {
        let qualities = qualities();
        let sn = |weights: &[f64]| of_stack(&qualities, weights);
        let first = weights(&qualities, 1.0);
        // Power iteration of the generalised eigenvector: the true optimum.
        let mut best = first.clone();
        for _ in 0..200 {
            let next = |q: &Quality| {
                let near = |(o, w): (&Quality, &f64)| w / (q.fwhm_arcsec.powi(2) + o.fwhm_arcsec.powi(2));
                (q.transparency / q.noise).powi(2) * qualities.iter().zip(&best).map(near).sum::<f64>()
            };
            let raw: Vec<f64> = qualities.iter().map(next).collect();
            let sum: f64 = raw.iter().sum();
            best = raw.into_iter().map(|weight| weight / sum).collect();
        }
        assert!(sn(&first) <= sn(&best) && sn(&first) > 0.999 * sn(&best));
        for power in [0.0, 2.0] {
            assert!(sn(&weights(&qualities, power)) < sn(&first));
        }
    }
}
