//! Aperture photometry and centroids of stars in a cube, beside what the truth says.

use phoenix_core::product::PlaneSource;
use phoenix_core::traits::ReadError;
use serde::{Deserialize, Serialize};

use super::Expectation;

/// Each pixel is divided into this many parts per axis at the rim of an aperture.
const PARTS: i32 = 5;

/// What was measured of one star.
///
/// # Units
/// Fluxes in the unit of the cube, summed over the aperture and averaged over the planes used; positions in array pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StarMeasure {
    /// Index of the star in the scene.
    pub star: usize,
    /// Its true position.
    pub x: f64,
    /// Its true position.
    pub y: f64,
    /// Centroid of the aperture, measured minus expected.
    pub dx: f64,
    /// Centroid of the aperture, measured minus expected.
    pub dy: f64,
    /// Mean flux in the aperture.
    pub measured: f64,
    /// The same of the expectation.
    pub expected: f64,
    /// Standard deviation of `measured` from the variance planes, without covariance; 0 without them.
    pub sigma: f64,
    /// Planes whose aperture holds no missing voxel.
    pub n_planes: usize,
}

/// The pixels of an aperture with the share of each that lies inside.
fn aperture(x: f64, y: f64, radius: f64, shape: [usize; 3]) -> Option<Vec<(usize, usize, f64)>> {
    let (low_x, low_y) = ((x - radius).floor(), (y - radius).floor());
    let (high_x, high_y) = ((x + radius).ceil(), (y + radius).ceil());
    if low_x < 0.0 || low_y < 0.0 || high_x >= shape[2] as f64 || high_y >= shape[1] as f64 {
        return None;
    }
    let mut pixels = Vec::new();
    for iy in low_y as usize..=high_y as usize {
        for ix in low_x as usize..=high_x as usize {
            let inside = (0..PARTS * PARTS)
                .filter(|part| {
                    let at = |n: i32| (f64::from(n) + 0.5) / f64::from(PARTS) - 0.5;
                    let (dx, dy) = (ix as f64 + at(part % PARTS) - x, iy as f64 + at(part / PARTS) - y);
                    dx * dx + dy * dy <= radius * radius
                })
                .count();
            if inside > 0 {
                pixels.push((ix, iy, inside as f64 / f64::from(PARTS * PARTS)));
            }
        }
    }
    Some(pixels)
}

/// Sums of flux and first moments over an aperture.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    flux: f64,
    x: f64,
    y: f64,
}

impl Moments {
    fn add(&mut self, ix: usize, iy: usize, flux: f64) {
        self.flux += flux;
        self.x += flux * ix as f64;
        self.y += flux * iy as f64;
    }
}

/// One star on its way through the planes.
struct Running {
    star: usize,
    position: (f64, f64),
    pixels: Vec<(usize, usize, f64)>,
    measured: Moments,
    expected: Moments,
    variance: f64,
    n_planes: usize,
}

impl Running {
    fn add_plane(&mut self, truth: &Expectation<'_>, plane: usize, data: &[f32], stat: Option<&[f32]>) {
        let n_x = truth.grid().shape[2];
        let is_whole = self.pixels.iter().all(|(ix, iy, _)| {
            let i = iy * n_x + ix;
            data[i].is_finite() && stat.is_none_or(|stat| stat[i].is_finite())
        });
        if !is_whole {
            return;
        }
        self.n_planes += 1;
        for (ix, iy, share) in &self.pixels {
            let i = iy * n_x + ix;
            self.measured.add(*ix, *iy, share * f64::from(data[i]));
            self.expected
                .add(*ix, *iy, share * truth.value(*ix as f64, *iy as f64, plane));
            self.variance += stat.map_or(0.0, |stat| share * share * f64::from(stat[i]));
        }
    }

    fn result(&self) -> Option<StarMeasure> {
        let n = self.n_planes as f64;
        (self.n_planes > 0).then(|| StarMeasure {
            star: self.star,
            x: self.position.0,
            y: self.position.1,
            dx: self.measured.x / self.measured.flux - self.expected.x / self.expected.flux,
            dy: self.measured.y / self.measured.flux - self.expected.y / self.expected.flux,
            measured: self.measured.flux / n,
            expected: self.expected.flux / n,
            sigma: libm::sqrt(self.variance) / n,
            n_planes: self.n_planes,
        })
    }
}

impl Expectation<'_> {
    /// Measures the photometric stars of a cube, plane by plane.
    ///
    /// The expectation is summed over the same pixels of the same planes, background and neighbours included, so that
    /// the ratio of both is a test of the cube alone. Stars whose aperture leaves the cube are left out.
    ///
    /// # Errors
    /// If planes cannot be read.
    pub fn photometry(
        &self,
        data: &dyn PlaneSource,
        stat: Option<&dyn PlaneSource>,
        radius_arcsec: f64,
    ) -> Result<Vec<StarMeasure>, ReadError> {
        let shape = self.grid().shape;
        let radius = radius_arcsec / self.grid().pixel_arcsec();
        let start = |star| {
            let position = self.star_position(star)?;
            Some(Running {
                star,
                position,
                pixels: aperture(position.0, position.1, radius, shape)?,
                measured: Moments::default(),
                expected: Moments::default(),
                variance: 0.0,
                n_planes: 0,
            })
        };
        let mut stars: Vec<Running> = (0..self.scene().n_photometric).filter_map(start).collect();
        let mut flux = vec![0.0; shape[1] * shape[2]];
        let mut variance = stat.map(|_| flux.clone());
        for plane in 0..shape[0] {
            data.read(plane..plane + 1, &mut flux)?;
            if let (Some(stat), Some(variance)) = (stat, &mut variance) {
                stat.read(plane..plane + 1, variance)?;
            }
            for star in &mut stars {
                star.add_plane(self, plane, &flux, variance.as_deref());
            }
        }
        Ok(stars.iter().filter_map(Running::result).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Contribution, Expectation};
    use crate::geometry::Instrument;
    use crate::grid::Grid;
    use crate::projection::SkyPoint;
    use crate::psf::Moffat;
    use crate::scene::Scene;

    const CENTRE: SkyPoint = SkyPoint {
        ra_deg: 195.0,
        dec_deg: -30.0,
    };

    fn grid() -> Grid {
        let s = 0.2 / 3600.0;
        Grid {
            shape: [4, 60, 60],
            centre: CENTRE.offset(0.3, -0.2),
            reference: [29.0, 30.0],
            cd_deg: [[-s, 0.0], [0.0, s]],
            lambda_first_aa: 6300.0,
            step_aa: 1.25,
        }
    }

    #[test]
    fn the_expected_cube_measures_as_expected() -> Result<(), phoenix_core::traits::ReadError> {
        let scene = Scene::field(&Instrument::demo(3), CENTRE, 3);
        let parts = [0.7, 0.9].map(|fwhm_arcsec| Contribution {
            psf: Moffat { fwhm_arcsec },
            weight: 900.0,
            flux_scale: 1.0,
        });
        let truth = Expectation::new(&scene, &parts, grid());
        let measures = truth.photometry(&truth.cube(), None, 1.4)?;
        assert_eq!(measures.len(), scene.n_photometric);
        for measure in measures {
            assert!((measure.measured / measure.expected - 1.0).abs() < 1e-6);
            assert!(measure.dx.hypot(measure.dy) < 1e-5);
        }
        Ok(())
    }

    #[test]
    fn the_aperture_holds_the_flux_of_the_spectrum() -> Result<(), phoenix_core::traits::ReadError> {
        let mut scene = Scene::field(&Instrument::demo(3), CENTRE, 3);
        scene.galaxies.clear();
        scene.stars.truncate(1);
        scene.n_photometric = 1;
        let psf = Moffat { fwhm_arcsec: 0.8 };
        let part = Contribution {
            psf,
            weight: 1.0,
            flux_scale: 1.0,
        };
        let truth = Expectation::new(&scene, &[part], grid());
        let measure = truth.photometry(&truth.cube(), None, 1.6)?[0];
        let mean: f64 = (0..4)
            .map(|plane| truth.grid().lambda_aa(plane))
            .map(|lambda| scene.stars[0].spectrum(lambda) * psf.enclosed(1.6, lambda))
            .sum::<f64>()
            / 4.0;
        assert!(
            (measure.measured / mean - 1.0).abs() < 5e-3,
            "{}",
            measure.measured / mean
        );
        Ok(())
    }
}
