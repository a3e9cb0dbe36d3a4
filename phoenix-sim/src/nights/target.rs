//! What the telescope looks at: stars with lines.

use serde::{Deserialize, Serialize};

use crate::projection::SkyPoint;
use crate::random::{Purpose, Stream};

/// Planck's constant times the velocity of light, erg nm.
const HC_ERG_NM: f64 = 1.986_445_857e-9;

/// Light-collecting area of a unit telescope in cm²: 8.2 m less the central obstruction.
const AREA_CM2: f64 = 5.17e5;

/// An absorption line of Gaussian shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Absorption {
    /// Wavelength in air, at the observer.
    pub lambda_nm: f64,
    /// Share of the continuum missing at the centre.
    pub depth: f64,
    /// Width.
    pub sigma_nm: f64,
}

/// A star: a power law with absorption lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Star {
    /// `OBS TARG NAME` and `OBJECT`.
    pub name: String,
    /// Where it stands.
    pub place: SkyPoint,
    /// Continuum at 550 nm, erg/s/cm²/Å.
    pub flux_550: f64,
    /// Exponent of the continuum.
    pub slope: f64,
    /// The lines, by wavelength.
    pub lines: Vec<Absorption>,
}

impl Star {
    /// Returns the flux above the atmosphere in erg/s/cm²/Å, as seen by a spectrograph of a resolution.
    pub fn flux(&self, lambda_nm: f64, resolution: f64) -> f64 {
        let blur_nm = lambda_nm / resolution / crate::echelle::paint::FWHM_PER_SIGMA;
        let reach_nm = 12.0;
        let first = self.lines.partition_point(|line| line.lambda_nm < lambda_nm - reach_nm);
        let mut left = 1.0;
        for line in self.lines.iter().skip(first) {
            if line.lambda_nm > lambda_nm + reach_nm {
                break;
            }
            let sigma_nm = line.sigma_nm.hypot(blur_nm);
            let z = (lambda_nm - line.lambda_nm) / sigma_nm;
            if z.abs() < 6.0 {
                left *= 1.0 - line.depth * line.sigma_nm / sigma_nm * libm::exp(-0.5 * z * z);
            }
        }
        self.flux_550 * libm::pow(lambda_nm / 550.0, self.slope) * left
    }

    /// Returns the photons per second and nanometre that a telescope collects above the atmosphere.
    pub(crate) fn photons(&self, lambda_nm: f64, resolution: f64) -> f64 {
        10.0 * self.flux(lambda_nm, resolution) * AREA_CM2 * lambda_nm / HC_ERG_NM
    }

    /// Returns a star with a forest of narrow lines.
    pub(crate) fn with_forest(
        name: &str,
        place: SkyPoint,
        flux_550: f64,
        range_nm: (f64, f64),
        (seed, index): (u64, u64),
    ) -> Self {
        let mut random = Stream::new(seed, Purpose::Targets, index);
        let mut lines = Vec::new();
        let mut lambda_nm = range_nm.0;
        while lambda_nm < range_nm.1 {
            lambda_nm += 0.15 + random.exponential(0.6);
            lines.push(Absorption {
                lambda_nm,
                depth: random.uniform(0.2, 0.8),
                sigma_nm: lambda_nm * random.uniform(0.8e-5, 2.0e-5),
            });
        }
        let slope = random.uniform(-1.5, 0.5);
        Self {
            name: name.to_owned(),
            place,
            flux_550,
            slope,
            lines,
        }
    }
}

/// Returns photons per second and nanometre of a sky brightness in erg/s/cm²/Å/arcsec² times a solid angle.
pub(crate) fn sky_photons(lambda_nm: f64, brightness: f64, area_arcsec2: f64) -> f64 {
    10.0 * brightness * area_arcsec2 * AREA_CM2 * lambda_nm / HC_ERG_NM
}
