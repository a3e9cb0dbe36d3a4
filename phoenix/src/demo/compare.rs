//! A cube against the truth: fluxes and positions of stars, and whether the variance tells the scatter.

use std::sync::Arc;

use phoenix_core::product::{PlaneSource, Product};
use phoenix_core::traits::ReadError;
use phoenix_sim::SkyPoint;
use phoenix_sim::scene::Scene;
use phoenix_sim::truth::{BlockTruth, Expectation, StarMeasure};
use serde::Serialize;

use super::DemoError;

/// Radius of the apertures; wide enough for the wings of the profile at the simulated seeing.
const APERTURE_ARCSEC: f64 = 2.0;

/// Voxels count as sky if less than this share of their noise is expected from sources.
const SKY_SHARE: f64 = 0.1;

/// Voxels farther off than this are cosmic rays that were not found, and are counted apart.
const OUTLIER_SIGMA: f64 = 8.0;

/// How far one cube is from the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockQuality {
    /// The observing block.
    pub obs_name: String,
    /// The product.
    pub product: String,
    /// Exposures combined.
    pub n_exposures: usize,
    /// Shape `(wave, y, x)`.
    pub shape: [usize; 3],
    /// Stars measured.
    pub n_stars: usize,
    /// Median of the flux errors of the stars in percent, without sign.
    pub flux_error_percent: f64,
    /// Largest of them, in percent.
    pub flux_error_max_percent: f64,
    /// Root mean square of the position errors of the stars, after the pointing that the header claims.
    pub position_rms_arcsec: f64,
    /// Mean square of (measured - true) over the claimed standard deviation in blank sky; 1 is perfect.
    pub variance_z2: f64,
    /// Blank-sky voxels used for it.
    pub n_sky: u64,
    /// Share of blank-sky voxels more than 8 standard deviations off.
    pub outlier_share: f64,
}

/// Compares a cube with what is true of its block; `has_offsets` tells whether pointing and flux were corrected.
///
/// Without an offset list a cube is as wrong about its place on the sky as the telescope was, and as wrong about its
/// flux as the atmosphere: the truth is then seen through the same errors.
///
/// # Errors
/// If the cube has no grid or cannot be read.
pub fn compare(block: &BlockTruth, cube: &Product, has_offsets: bool) -> Result<BlockQuality, DemoError> {
    let data = planes(cube, "DATA")?;
    let stat = planes(cube, "STAT")?;
    let scene = seen_scene(block, has_offsets);
    let truth = expectation(&scene, block, cube, has_offsets)?;
    let stars = truth.photometry(data.as_ref(), Some(stat.as_ref()), APERTURE_ARCSEC)?;
    let sky = sky_scatter(&truth, data.as_ref(), stat.as_ref())?;
    let mut errors: Vec<f64> = stars
        .iter()
        .map(|star| 100.0 * (star.measured / star.expected - 1.0).abs())
        .collect();
    errors.sort_by(f64::total_cmp);
    let scale = truth.grid().pixel_arcsec();
    let square = |star: &StarMeasure| (star.dx * star.dx + star.dy * star.dy) * scale * scale;
    Ok(BlockQuality {
        obs_name: block.obs_name.clone(),
        product: cube.name.clone(),
        n_exposures: block.exposures.len(),
        shape: data.shape(),
        n_stars: stars.len(),
        flux_error_percent: errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN),
        flux_error_max_percent: errors.last().copied().unwrap_or(f64::NAN),
        position_rms_arcsec: (stars.iter().map(square).sum::<f64>() / stars.len() as f64).sqrt(),
        variance_z2: sky.sum_z2 / sky.n as f64,
        n_sky: sky.n,
        outlier_share: sky.n_outliers as f64 / (sky.n + sky.n_outliers) as f64,
    })
}

/// Measures the stars of a cube in apertures of a radius.
///
/// # Errors
/// If the cube has no grid or cannot be read.
pub(super) fn stars(
    block: &BlockTruth,
    cube: &Product,
    has_offsets: bool,
    radius_arcsec: f64,
) -> Result<Vec<StarMeasure>, DemoError> {
    let scene = seen_scene(block, has_offsets);
    let truth = expectation(&scene, block, cube, has_offsets)?;
    Ok(truth.photometry(planes(cube, "DATA")?.as_ref(), None, radius_arcsec)?)
}

fn planes<'a>(cube: &'a Product, name: &str) -> Result<&'a Arc<dyn PlaneSource>, ReadError> {
    cube.planes(name).ok_or_else(|| lacking(cube, name))
}

fn lacking(cube: &Product, name: &str) -> ReadError {
    ReadError::Lacks {
        location: cube.name.clone(),
        what: format!("extension {name}"),
    }
}

/// Returns what a cube of the block should hold on its own grid.
fn expectation<'a>(
    scene: &'a Scene,
    block: &BlockTruth,
    cube: &Product,
    has_offsets: bool,
) -> Result<Expectation<'a>, DemoError> {
    let header = cube
        .hdu("DATA")
        .map(|hdu| &hdu.header)
        .ok_or_else(|| lacking(cube, "DATA"))?;
    let shape = planes(cube, "DATA")?.shape();
    Expectation::on_header(scene, &block.contributions(has_offsets), header, shape).map_err(|source| {
        DemoError::Header {
            name: cube.name.clone(),
            source,
        }
    })
}

/// Returns the scene where the headers say that it is.
fn seen_scene(block: &BlockTruth, has_offsets: bool) -> Scene {
    let mut scene = block.scene.clone();
    if let (false, [exposure]) = (has_offsets, block.exposures.as_slice()) {
        let (truth, header) = (exposure.true_pointing, exposure.header_pointing);
        scene.centre = SkyPoint {
            ra_deg: scene.centre.ra_deg + header.ra_deg - truth.ra_deg,
            dec_deg: scene.centre.dec_deg + header.dec_deg - truth.dec_deg,
        };
    }
    scene
}

#[derive(Debug, Default)]
struct SkyScatter {
    n: u64,
    sum_z2: f64,
    n_outliers: u64,
}

fn sky_scatter(
    truth: &Expectation<'_>,
    data: &dyn PlaneSource,
    stat: &dyn PlaneSource,
) -> Result<SkyScatter, ReadError> {
    let [n_wave, n_y, n_x] = data.shape();
    let mut flux = vec![0.0_f32; n_y * n_x];
    let mut variance = flux.clone();
    let mut scatter = SkyScatter::default();
    let expected = truth.cube();
    for plane in 0..n_wave {
        data.read(plane..plane + 1, &mut flux)?;
        stat.read(plane..plane + 1, &mut variance)?;
        let expected = expected.index_axis(ndarray::Axis(0), plane);
        for ((flux, variance), expected) in flux.iter().zip(&variance).zip(expected.iter()) {
            let (flux, sigma, expected) = (f64::from(*flux), f64::from(*variance).sqrt(), f64::from(*expected));
            let z = (flux - expected) / sigma;
            if !z.is_finite() || expected > SKY_SHARE * sigma {
                continue;
            }
            if z.abs() > OUTLIER_SIGMA {
                scatter.n_outliers += 1;
            } else {
                scatter.n += 1;
                scatter.sum_z2 += z * z;
            }
        }
    }
    Ok(scatter)
}
