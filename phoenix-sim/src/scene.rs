//! The sky to be observed: stars and a rotating galaxy, as surface brightness at any position and wavelength.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::geometry::Instrument;
use crate::projection::{SkyPoint, sin_cos};
use crate::psf::{Moffat, REFERENCE_AA};
use crate::random::{Purpose, Stream};

/// Speed of light in km/s, exact by definition.
const LIGHT_KM_S: f64 = 299_792.458;

/// Stars farther than this from a pixel add less than 1e-5 of their peak and are left out of its sum.
///
/// The expectation and the noisy frames use the same cut, so that it is part of the truth and not an error.
const REACH_ARCSEC: f64 = 8.0;

/// An emission line, its width as the spectrograph delivers it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Central wavelength in air.
    pub lambda_aa: f64,
    /// Gaussian width.
    pub sigma_aa: f64,
    /// Peak over the continuum, in units of the continuum at 7000 A.
    pub peak: f64,
}

impl Line {
    fn value(&self, lambda_aa: f64) -> f64 {
        let t = (lambda_aa - self.lambda_aa) / self.sigma_aa;
        if t.abs() > 8.0 {
            0.0
        } else {
            self.peak * libm::exp(-0.5 * t * t)
        }
    }
}

/// A point source.
///
/// # Units
/// Offsets on the tangent plane about the scene's centre; flux density in 1e-20 erg/s/cm2/A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Star {
    /// Offset to the east.
    pub east_arcsec: f64,
    /// Offset to the north.
    pub north_arcsec: f64,
    /// Flux density of the continuum at 7000 A.
    pub flux: f64,
    /// Exponent of the continuum, `(lambda / 7000 A)^slope`.
    pub slope: f64,
    /// Emission lines (absorption if the peak is negative).
    pub lines: Vec<Line>,
}

impl Star {
    /// Returns the flux density at a wavelength in 1e-20 erg/s/cm2/A.
    pub fn spectrum(&self, lambda_aa: f64) -> f64 {
        self.spectrum_at(lambda_aa, libm::log(lambda_aa / REFERENCE_AA))
    }

    fn spectrum_at(&self, lambda_aa: f64, log_ratio: f64) -> f64 {
        let continuum = libm::exp(self.slope * log_ratio);
        self.flux * (continuum + self.lines.iter().map(|line| line.value(lambda_aa)).sum::<f64>())
    }
}

/// An exponential disc with a flat rotation curve and one emission line; its profile is that after the seeing.
///
/// # Units
/// Surface brightness in 1e-20 erg/s/cm2/A per square arcsec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Galaxy {
    /// Offset of the centre to the east.
    pub east_arcsec: f64,
    /// Offset of the centre to the north.
    pub north_arcsec: f64,
    /// Exponential scale length along the major axis.
    pub scale_arcsec: f64,
    /// Minor over major axis.
    pub axis_ratio: f64,
    /// Position angle of the receding major axis, from north through east.
    pub position_angle_deg: f64,
    /// Central surface brightness of the continuum.
    pub brightness: f64,
    /// The line at the systemic velocity, its peak in units of the local continuum.
    pub line: Line,
    /// Asymptotic rotation velocity along the line of sight.
    pub velocity_km_s: f64,
    /// Radius at which the rotation curve turns over.
    pub turnover_arcsec: f64,
}

impl Galaxy {
    /// Returns the coordinates in the plane of the disc: along the major axis, and the radius.
    fn disc(&self, east: f64, north: f64) -> (f64, f64) {
        let (sin_p, cos_p) = sin_cos(self.position_angle_deg.to_radians());
        let (de, dn) = (east - self.east_arcsec, north - self.north_arcsec);
        let (along, across) = (de * sin_p + dn * cos_p, (dn * sin_p - de * cos_p) / self.axis_ratio);
        // The seeing rounds the centre off.
        (along, libm::sqrt(along * along + across * across + 0.04))
    }

    /// Returns the line-of-sight velocity of the gas at a place, in km/s.
    pub fn velocity(&self, east_arcsec: f64, north_arcsec: f64) -> f64 {
        let (along, radius) = self.disc(east_arcsec, north_arcsec);
        self.velocity_km_s * 2.0 / PI * libm::atan(radius / self.turnover_arcsec) * along / radius
    }

    fn brightness(&self, east: f64, north: f64, lambda_aa: f64) -> f64 {
        let (along, radius) = self.disc(east, north);
        if radius > 12.0 * self.scale_arcsec {
            return 0.0;
        }
        let velocity = self.velocity_km_s * 2.0 / PI * libm::atan(radius / self.turnover_arcsec) * along / radius;
        let rest = lambda_aa / (1.0 + velocity / LIGHT_KM_S);
        self.brightness * libm::exp(-radius / self.scale_arcsec) * (1.0 + self.line.value(rest))
    }
}

/// Everything on the sky, about one centre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The tangent point of all offsets.
    pub centre: SkyPoint,
    /// The stars, brightest purpose first: see `n_photometric`.
    pub stars: Vec<Star>,
    /// How many of the first stars are bright and far from any other, for aperture photometry.
    pub n_photometric: usize,
    /// The galaxies.
    pub galaxies: Vec<Galaxy>,
}

/// The stars that matter to one part of the field.
pub(crate) struct Neighbourhood<'a> {
    scene: &'a Scene,
    stars: Vec<&'a Star>,
}

impl Scene {
    /// Returns a scene without sources.
    pub fn empty(centre: SkyPoint) -> Self {
        Self {
            centre,
            stars: Vec::new(),
            n_photometric: 0,
            galaxies: Vec::new(),
        }
    }

    /// Makes a field that suits an instrument: photometric stars, faint stars and one galaxy within its field and range.
    pub fn field(instrument: &Instrument, centre: SkyPoint, seed: u64) -> Self {
        let mut random = Stream::new(seed, Purpose::Scene, 0);
        let (half_x, half_y) = instrument.half_field_arcsec();
        let (low, high) = instrument.lambda_range_aa();
        let half = half_x.min(half_y);
        let galaxy = Galaxy {
            east_arcsec: 0.42 * half,
            north_arcsec: 0.38 * half,
            scale_arcsec: (0.12 * half).clamp(0.3, 2.0),
            axis_ratio: 0.6,
            position_angle_deg: 40.0,
            brightness: 2500.0,
            line: Line {
                lambda_aa: low + 0.57 * (high - low),
                sigma_aa: 1.6,
                peak: 2.5,
            },
            velocity_km_s: 180.0,
            turnover_arcsec: 0.3,
        };
        let mut scene = Self {
            centre,
            stars: Vec::new(),
            n_photometric: 0,
            galaxies: vec![galaxy],
        };
        scene.add_photometric(&mut random, half, (low, high));
        scene.n_photometric = scene.stars.len();
        scene.add_faint(&mut random, (half_x, half_y), (low, high));
        scene
    }

    /// Stars on a ring about the centre, inside the field under every rotation, away from the galaxy.
    fn add_photometric(&mut self, random: &mut Stream, half: f64, range: (f64, f64)) {
        for (i, angle) in [20.0_f64, 95.0, 170.0, 245.0].into_iter().enumerate() {
            let (sin_a, cos_a) = sin_cos((angle + random.uniform(-4.0, 4.0)).to_radians());
            let radius = half * random.uniform(0.50, 0.56);
            self.stars.push(Star {
                east_arcsec: -radius * sin_a,
                north_arcsec: radius * cos_a,
                flux: [6.0e4, 4.0e4, 2.5e4, 1.5e4][i],
                slope: random.uniform(-1.5, 1.5),
                lines: random_lines(random, range, 1, 0.8),
            });
        }
    }

    fn add_faint(&mut self, random: &mut Stream, half: (f64, f64), range: (f64, f64)) {
        let wanted = ((4.0 * half.0 * half.1 / 25.0) as usize).clamp(4, 400);
        for _ in 0..wanted * 20 {
            if self.stars.len() >= self.n_photometric + wanted {
                break;
            }
            let place = (random.uniform(-1.1, 1.1) * half.0, random.uniform(-1.1, 1.1) * half.1);
            let flux = libm::exp10(random.uniform(2.0, 3.3));
            let (slope, lines) = (random.uniform(-1.0, 1.0), random_lines(random, range, 2, 6.0));
            let is_clear = self.stars[..self.n_photometric]
                .iter()
                .all(|star| libm::hypot(star.east_arcsec - place.0, star.north_arcsec - place.1) > 3.2);
            if is_clear {
                self.stars.push(Star {
                    east_arcsec: place.0,
                    north_arcsec: place.1,
                    flux,
                    slope,
                    lines,
                });
            }
        }
    }

    /// Returns the surface brightness in 1e-20 erg/s/cm2/A per square arcsec, noise-free.
    pub fn brightness(&self, psf: Moffat, east_arcsec: f64, north_arcsec: f64, lambda_aa: f64) -> f64 {
        let everything = self.near((east_arcsec, east_arcsec), (north_arcsec, north_arcsec));
        everything.brightness(psf, east_arcsec, north_arcsec, lambda_aa)
    }

    /// Returns what can be seen from a rectangle of the field.
    pub(crate) fn near(&self, east: (f64, f64), north: (f64, f64)) -> Neighbourhood<'_> {
        let within = |star: &&Star| {
            (east.0 - REACH_ARCSEC..=east.1 + REACH_ARCSEC).contains(&star.east_arcsec)
                && (north.0 - REACH_ARCSEC..=north.1 + REACH_ARCSEC).contains(&star.north_arcsec)
        };
        Neighbourhood {
            scene: self,
            stars: self.stars.iter().filter(within).collect(),
        }
    }
}

impl Neighbourhood<'_> {
    pub(crate) fn brightness(&self, psf: Moffat, east: f64, north: f64, lambda_aa: f64) -> f64 {
        let alpha = Moffat::alpha(psf.fwhm_at(lambda_aa));
        let alpha_squared = alpha * alpha;
        let log_ratio = libm::log(lambda_aa / REFERENCE_AA);
        let mut sum = 0.0;
        for star in &self.stars {
            let (dx, dy) = (east - star.east_arcsec, north - star.north_arcsec);
            let squared = dx * dx + dy * dy;
            if squared < REACH_ARCSEC * REACH_ARCSEC {
                sum += Moffat::value(alpha_squared, squared) * star.spectrum_at(lambda_aa, log_ratio);
            }
        }
        for galaxy in &self.scene.galaxies {
            sum += galaxy.brightness(east, north, lambda_aa);
        }
        sum
    }
}

fn random_lines(random: &mut Stream, range: (f64, f64), n: usize, peak: f64) -> Vec<Line> {
    (0..n)
        .map(|_| Line {
            lambda_aa: random.uniform(range.0, range.1),
            sigma_aa: random.uniform(1.3, 3.0),
            peak: random.uniform(0.2, 1.0) * peak,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Scene;
    use crate::geometry::Instrument;
    use crate::projection::SkyPoint;
    use crate::psf::Moffat;

    const CENTRE: SkyPoint = SkyPoint {
        ra_deg: 195.0,
        dec_deg: -30.0,
    };

    #[test]
    fn photometric_stars_are_alone() {
        let scene = Scene::field(&Instrument::demo(5), CENTRE, 5);
        for (i, bright) in scene.stars[..scene.n_photometric].iter().enumerate() {
            for (_, other) in scene.stars.iter().enumerate().filter(|(j, _)| *j != i) {
                let distance = (bright.east_arcsec - other.east_arcsec).hypot(bright.north_arcsec - other.north_arcsec);
                assert!(distance > 2.5, "{distance}");
            }
        }
    }

    #[test]
    fn the_flux_of_a_star_integrates_to_its_spectrum() {
        let mut scene = Scene::field(&Instrument::demo(5), CENTRE, 5);
        scene.galaxies.clear();
        scene.stars.truncate(1);
        let psf = Moffat { fwhm_arcsec: 0.7 };
        let star = &scene.stars[0];
        let (step, radius, lambda) = (0.05, 2.5, 6300.0);
        let n = 50;
        let mut sum = 0.0;
        for iy in -n..=n {
            for ix in -n..=n {
                let (dx, dy) = (f64::from(ix) * step, f64::from(iy) * step);
                if dx.hypot(dy) <= radius {
                    let (east, north) = (star.east_arcsec + dx, star.north_arcsec + dy);
                    sum += scene.brightness(psf, east, north, lambda) * step * step;
                }
            }
        }
        let expected = star.spectrum(lambda) * psf.enclosed(radius, lambda);
        assert!((sum / expected - 1.0).abs() < 2e-4, "{}", sum / expected);
    }

    #[test]
    fn the_galaxy_recedes_on_the_side_of_its_position_angle() {
        let scene = Scene::field(&Instrument::demo(5), CENTRE, 5);
        let galaxy = &scene.galaxies[0];
        let (sin_p, cos_p) = galaxy.position_angle_deg.to_radians().sin_cos();
        let at = |r: f64| galaxy.velocity(galaxy.east_arcsec + r * sin_p, galaxy.north_arcsec + r * cos_p);
        assert!(at(2.0) > 100.0 && (at(2.0) + at(-2.0)).abs() < 1e-9);
    }
}
