//! Noise of planes.

use super::stat;

/// Returns the scatter of a plane's finite values around their centre, clipped at 3 sigma; sources hardly count.
pub fn plane_noise(plane: &[f32]) -> Option<f64> {
    let finite: Vec<f64> = plane
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| f64::from(*value))
        .collect();
    stat::clipped(&finite, 3.0).map(|clip| clip.sigma)
}

/// Returns the median of the square roots of variances, the noise that the product itself claims; values that are no
/// variance (negative, not finite) are left out. The sample is reordered and shortened.
pub fn claimed_noise(variances: &mut Vec<f32>) -> Option<f64> {
    variances.retain(|variance| variance.is_finite() && *variance > 0.0);
    (!variances.is_empty()).then(|| f64::from(stat::median_f32(variances)).sqrt())
}

/// Seeded normal deviates for tests (xorshift64* and the polar method; Marsaglia and Bray 1964, SIAM Rev. 6, 260).
#[cfg(test)]
pub(crate) struct Normal(u64);

#[cfg(test)]
impl Normal {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
impl Iterator for Normal {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return Some(u * (-2.0 * s.ln() / s).sqrt());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Normal, claimed_noise, plane_noise};

    #[test]
    fn the_noise_of_a_plane_is_found_below_a_bright_star() {
        let mut plane: Vec<f32> = Normal::new(1).take(10_000).map(|z| 3.0 * z as f32).collect();
        plane[500..560].fill(1e4);
        plane[0] = f32::NAN;
        assert!((plane_noise(&plane).unwrap() - 3.0).abs() < 0.1);
        assert!(plane_noise(&[f32::NAN]).is_none());
    }

    #[test]
    fn claimed_noise_leaves_out_what_is_no_variance() {
        let mut variances = vec![4.0, 4.0, 4.0, f32::NAN, -1.0, 0.0];
        assert!((claimed_noise(&mut variances).unwrap() - 2.0).abs() < 1e-6);
        assert!(claimed_noise(&mut vec![f32::NAN]).is_none());
    }
}
