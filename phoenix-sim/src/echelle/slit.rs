//! How light lies along the slit, integrated over pixels.

use libm::erf;

/// Light along the slit, as a function of the distance from the slit's centre in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SlitProfile {
    /// An evenly lit slit: 1 per pixel inside, with edges as soft as the camera's image.
    Even { half_length_px: f64, sigma_px: f64 },
    /// A point source: 1 in all.
    Point { centre_px: f64, sigma_px: f64 },
}

impl SlitProfile {
    /// Distance from the slit's centre beyond which there is no light.
    pub(crate) fn reach_px(&self) -> f64 {
        match *self {
            Self::Even {
                half_length_px,
                sigma_px,
            } => half_length_px + 5.0 * sigma_px,
            Self::Point { centre_px, sigma_px } => centre_px.abs() + 6.0 * sigma_px,
        }
    }

    /// The light below a distance from the centre.
    pub(crate) fn below(&self, distance_px: f64) -> f64 {
        match *self {
            Self::Even {
                half_length_px,
                sigma_px,
            } => soft_step(distance_px + half_length_px, sigma_px) - soft_step(distance_px - half_length_px, sigma_px),
            Self::Point { centre_px, sigma_px } => gauss_below(distance_px - centre_px, sigma_px),
        }
    }
}

/// The integral of a Gaussian of area 1 up to a distance from its centre.
pub(crate) fn gauss_below(distance: f64, sigma: f64) -> f64 {
    0.5 * (1.0 + erf(distance / (sigma * std::f64::consts::SQRT_2)))
}

/// The integral of `gauss_below`.
fn soft_step(distance: f64, sigma: f64) -> f64 {
    let z = distance / sigma;
    let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
    distance * gauss_below(distance, sigma) + sigma * density
}

#[cfg(test)]
mod tests {
    use super::SlitProfile;

    #[test]
    fn an_even_slit_has_its_length_and_a_point_has_one() {
        let slit = SlitProfile::Even {
            half_length_px: 16.0,
            sigma_px: 1.2,
        };
        let star = SlitProfile::Point {
            centre_px: 2.0,
            sigma_px: 1.5,
        };
        for (profile, whole) in [(slit, 32.0), (star, 1.0)] {
            let reach = profile.reach_px();
            assert!((profile.below(reach) - profile.below(-reach) - whole).abs() < 1e-5);
        }
        assert!((slit.below(0.5) - slit.below(-0.5) - 1.0).abs() < 1e-9);
    }
}
