//! The truth about simulated exposures, and how far a combined cube is from it.

mod cosmic;
mod photometry;

use ndarray::Array3;
use phoenix_core::header::{Header, HeaderError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;
use crate::cosmic::Hit;
use crate::geometry::SPAXEL_ARCSEC;
use crate::grid::Grid;
use crate::observation::Observation;
use crate::offsets::Offset;
use crate::projection::SkyPoint;
use crate::psf::Moffat;
use crate::scene::Scene;
use crate::slice::SliceTable;

pub use cosmic::{CosmicScore, SignificanceBin};
pub use photometry::StarMeasure;

/// What is true of a simulated night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The civil date of its evening.
    pub night: String,
    /// The seed that makes it again.
    pub seed: u64,
    /// Its observing blocks.
    pub blocks: Vec<BlockTruth>,
}

/// What is true of one observing block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockTruth {
    /// `OBS ID`.
    pub obs_id: i64,
    /// `OBS NAME`.
    pub obs_name: String,
    /// The sky.
    pub scene: Scene,
    /// The exposures in the order of time.
    pub exposures: Vec<ExposureTruth>,
}

/// What is true of one exposure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExposureTruth {
    /// `ARCFILE`.
    pub arcfile: String,
    /// Its conditions, flux scale and errors included.
    pub conditions: Conditions,
    /// Where the telescope pointed.
    pub true_pointing: SkyPoint,
    /// Where the header says that it pointed.
    pub header_pointing: SkyPoint,
    /// The row of an `OFFSET_LIST` without error.
    pub offset: Offset,
    /// Pixels of its table.
    pub n_pixels: u64,
    /// The cosmic rays, by row of its table.
    pub hits: Vec<Hit>,
}

impl ExposureTruth {
    /// Takes the truth from an observation and its table.
    pub fn of(observation: &Observation, table: &SliceTable) -> Self {
        let exposure = &observation.exposure;
        Self {
            arcfile: observation.arcfile(),
            conditions: exposure.conditions.clone(),
            true_pointing: exposure.true_pointing(),
            header_pointing: exposure.header_pointing(),
            offset: Offset::of(observation),
            n_pixels: table.len() as u64,
            hits: table.hits.clone(),
        }
    }
}

/// One exposure's part in a combined cube.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// Its point-spread function.
    pub psf: Moffat,
    /// Its weight; only ratios count.
    pub weight: f64,
    /// What its flux is multiplied by in the end: 1 if the flux scale was corrected.
    pub flux_scale: f64,
}

impl BlockTruth {
    /// Returns the contributions for weights by exposure time.
    pub fn contributions(&self, is_flux_corrected: bool) -> Vec<Contribution> {
        let of = |exposure: &ExposureTruth| Contribution {
            psf: Moffat {
                fwhm_arcsec: exposure.conditions.fwhm_arcsec,
            },
            weight: exposure.conditions.exptime_s,
            flux_scale: if is_flux_corrected {
                1.0
            } else {
                exposure.conditions.flux_scale
            },
        };
        self.exposures.iter().map(of).collect()
    }
}

impl Truth {
    /// Returns the truth as JSON with a final newline.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads the truth back.
    ///
    /// # Errors
    /// If the text is no truth.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns the block of that `OBS ID`.
    pub fn block(&self, obs_id: i64) -> Option<&BlockTruth> {
        self.blocks.iter().find(|block| block.obs_id == obs_id)
    }
}

/// The expected flux of a scene on a grid.
#[derive(Debug, Clone)]
pub struct Expectation<'a> {
    scene: &'a Scene,
    contributions: Vec<Contribution>,
    grid: Grid,
}

impl<'a> Expectation<'a> {
    /// Lays a scene on a grid, seen through the contributing exposures where all of them overlap.
    pub fn new(scene: &'a Scene, contributions: &[Contribution], grid: Grid) -> Self {
        let sum: f64 = contributions.iter().map(|part| part.weight).sum();
        let normalised = |part: &Contribution| Contribution {
            weight: part.weight / sum,
            ..*part
        };
        Self {
            scene,
            contributions: contributions.iter().map(normalised).collect(),
            grid,
        }
    }

    /// Lays a scene on the grid of a cube's data extension.
    ///
    /// # Errors
    /// If the header gives no linear grid.
    pub fn on_header(
        scene: &'a Scene,
        contributions: &[Contribution],
        header: &Header,
        shape: [usize; 3],
    ) -> Result<Self, HeaderError> {
        Grid::from_header(header, shape).map(|grid| Self::new(scene, contributions, grid))
    }

    /// Returns the grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Returns the scene.
    pub fn scene(&self) -> &Scene {
        self.scene
    }

    /// Returns the expected flux of a spaxel of 0.2 arcsec at an array position.
    ///
    /// The combination is a weighted mean, so the unit stays that of the input spaxels whatever the output's size.
    pub fn value(&self, x: f64, y: f64, plane: usize) -> f64 {
        let (east, north) = self.scene.centre.offset_of(self.grid.sky(x, y));
        let lambda = self.grid.lambda_aa(plane);
        let part =
            |part: &Contribution| part.weight * part.flux_scale * self.scene.brightness(part.psf, east, north, lambda);
        SPAXEL_ARCSEC * SPAXEL_ARCSEC * self.contributions.iter().map(part).sum::<f64>()
    }

    /// Returns the whole expected cube, in units of 1e-20 erg/s/cm2/A per spaxel of 0.2 arcsec.
    ///
    /// # Shapes
    /// `(wave, y, x)` of the grid.
    pub fn cube(&self) -> Array3<f32> {
        let [n_wave, n_y, n_x] = self.grid.shape;
        let mut cube = Array3::zeros((n_wave, n_y, n_x));
        let plane_len = (n_y * n_x).max(1);
        if let Some(values) = cube.as_slice_mut() {
            values
                .par_chunks_mut(plane_len)
                .enumerate()
                .for_each(|(plane, values)| {
                    for (i, value) in values.iter_mut().enumerate() {
                        *value = self.value((i % n_x) as f64, (i / n_x) as f64, plane) as f32;
                    }
                });
        }
        cube
    }

    /// Returns the array position (x, y) of a star.
    pub fn star_position(&self, star: usize) -> Option<(f64, f64)> {
        let star = self.scene.stars.get(star)?;
        Some(
            self.grid
                .pixel(self.scene.centre.offset(star.east_arcsec, star.north_arcsec)),
        )
    }
}
