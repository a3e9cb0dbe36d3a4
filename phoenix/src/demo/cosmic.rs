//! How well the rejection of cosmic rays works, by taking known hits out of the exposures: what it finds, and what it
//! costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;
use phoenix_core::frame::FrameRef;
use phoenix_core::product::{ColumnData, HduData, Pixels, Product};
use phoenix_io::read_product;
use phoenix_sim::Hit;
use phoenix_sim::night::{Content, SimulatedNight};
use phoenix_sim::truth::{BlockTruth, StarMeasure};
use serde::Serialize;
use serde_json::Map;

use super::{DemoError, compare};
use crate::controls::Controls;
use crate::single;

/// Hits above this are those that harm.
const BRIGHT_SIGMA: f32 = 10.0;

/// Radius of the core of a star: about half of the width of the simulated profile.
const CORE_ARCSEC: f64 = 0.4;

/// How well cosmic rays are rejected.
///
/// Runs on the same exposures: without any hit, with bright hits, with all. What a run rejects more than the first one is
/// owed to hits; what the first one rejects is false. A run without hits and without rejection tells what the false
/// ones take from the cores of stars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RejectionQuality {
    /// Pixels hit.
    pub n_hits: u64,
    /// Pixels hit by more than 10 standard deviations.
    pub n_bright: u64,
    /// Share of all hits that were rejected.
    pub completeness: f64,
    /// Share of the bright hits that were rejected.
    pub completeness_bright: f64,
    /// Share of the pixels without hit that were rejected.
    pub false_rate: f64,
    /// Median over the stars of the flux that rejection takes from their cores, in percent.
    pub core_loss_percent: f64,
    /// Largest of them by size, in percent.
    pub core_loss_max_percent: f64,
}

/// Measures the rejection on the exposures of a block with the recipe's defaults.
///
/// `scratch` is a folder for exposures with fewer hits; it is left empty.
///
/// # Errors
/// If a frame cannot be written or the recipe fails.
pub fn rejection(
    registry: &phoenix_core::registry::Registry,
    night: &SimulatedNight,
    block: &BlockTruth,
    offsets: Option<&FrameRef>,
    scratch: &Path,
    controls: &Controls,
) -> Result<RejectionQuality, DemoError> {
    let run = |keep: &dyn Fn(&Hit) -> bool, rejects: bool| -> Result<Combined, DemoError> {
        let combined = combine(registry, night, block, offsets, scratch, controls, keep, rejects);
        let removed = std::fs::remove_dir_all(scratch);
        let combined = combined?;
        removed.map_err(|source| DemoError::Folder {
            path: scratch.display().to_string(),
            source,
        })?;
        Ok(combined)
    };
    let is_bright = |hit: &Hit| hit.significance >= BRIGHT_SIGMA;
    let (whole, clean) = (run(&|_| false, false)?, run(&|_| false, true)?);
    let (none, bright, all) = (
        clean.rejected,
        run(&is_bright, true)?.rejected,
        run(&|_| true, true)?.rejected,
    );
    let losses = core_losses(&whole.cores, &clean.cores);
    let hits = || block.exposures.iter().flat_map(|exposure| &exposure.hits);
    let (n_hits, n_bright) = (
        hits().count() as u64,
        hits().filter(|hit| is_bright(hit)).count() as u64,
    );
    let n_pixels: u64 = block.exposures.iter().map(|exposure| exposure.n_pixels).sum();
    Ok(RejectionQuality {
        n_hits,
        n_bright,
        completeness: (all - none) / n_hits as f64,
        completeness_bright: (bright - none) / n_bright as f64,
        false_rate: none / (n_pixels - n_hits) as f64,
        core_loss_percent: losses.get(losses.len() / 2).copied().unwrap_or(f64::NAN),
        core_loss_max_percent: losses
            .iter()
            .copied()
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or(f64::NAN),
    })
}

/// What a run made.
struct Combined {
    /// Pixels that it rejected.
    rejected: f64,
    /// Fluxes of the cores of stars.
    cores: Vec<StarMeasure>,
}

/// Returns what each star lost between two cubes of the same exposures, in percent of its true flux, in order.
fn core_losses(before: &[StarMeasure], after: &[StarMeasure]) -> Vec<f64> {
    let mut losses: Vec<f64> = before
        .iter()
        .filter_map(|before| {
            let after = after.iter().find(|after| after.star == before.star)?;
            Some(100.0 * (before.measured - after.measured) / before.expected)
        })
        .collect();
    losses.sort_by(f64::total_cmp);
    losses
}

#[expect(clippy::too_many_arguments, reason = "the block, its surroundings and two choices")]
fn combine(
    registry: &phoenix_core::registry::Registry,
    night: &SimulatedNight,
    block: &BlockTruth,
    offsets: Option<&FrameRef>,
    scratch: &Path,
    controls: &Controls,
    keep: &dyn Fn(&Hit) -> bool,
    rejects: bool,
) -> Result<Combined, DemoError> {
    std::fs::create_dir_all(scratch).map_err(|source| DemoError::Folder {
        path: scratch.display().to_string(),
        source,
    })?;
    let products: BTreeMap<&str, &Product> = (night.files.iter())
        .filter_map(|file| match &file.content {
            Content::Product(product) => Some((product.name.as_str(), product)),
            _ => None,
        })
        .collect();
    let mut frames = Vec::new();
    for exposure in &block.exposures {
        let Some(product) = products.get(exposure.arcfile.as_str()) else {
            continue;
        };
        let mut product = Product::clone(product);
        let unwanted: Vec<&Hit> = exposure.hits.iter().filter(|hit| !keep(hit)).collect();
        take_out(&mut product, &unwanted);
        let path = scratch.join(&product.name);
        let frame = FrameRef {
            id: product.name.trim_end_matches(".fits").into(),
            tag: product.tag.clone(),
            location: path.display().to_string(),
            size_bytes: None,
            digest: None,
        };
        phoenix_io::write_product(&path, product)?;
        frames.push(frame);
    }
    frames.extend(offsets.cloned());
    let recipe = "muse_exp_combine";
    let instrument = single::find(registry, recipe)?;
    let mut params = Map::new();
    if !rejects {
        params.insert("crsigma".into(), 0.0.into());
    }
    let report = single::run(instrument, recipe, frames, params, &scratch.join("out"), controls)?;
    let rejected = report.figures.iter().find(|(name, _)| name == "rejected_pixels");
    let cube = report
        .products
        .iter()
        .find(|product| product.tag.as_str() == "DATACUBE_FINAL");
    let cores = match cube {
        Some(cube) => compare::stars(block, &read_product(&cube.location)?, offsets.is_some(), CORE_ARCSEC)?,
        None => Vec::new(),
    };
    Ok(Combined {
        rejected: rejected.map_or(f64::NAN, |(_, value)| *value),
        cores,
    })
}

/// Subtracts the flux of hits from a pixel table, in either file form.
fn take_out(product: &mut Product, hits: &[&Hit]) {
    let subtract = |values: &mut [f32]| {
        for hit in hits {
            if let Some(value) = values.get_mut(hit.row as usize) {
                *value -= hit.flux;
            }
        }
    };
    for hdu in &mut product.hdus {
        match &mut hdu.data {
            HduData::Table(table) => {
                let data = table.columns.iter_mut().find(|column| column.name == "data");
                if let Some(ColumnData::F32(values)) = data.map(|column| &mut column.data) {
                    subtract(values);
                }
            }
            HduData::Image(Pixels::F32(planes)) if hdu.name == "data" => {
                let [n_wave, n_y, n_x] = planes.shape();
                let mut values = vec![0.0; n_wave * n_y * n_x];
                if planes.read(0..n_wave, &mut values).is_ok() {
                    subtract(&mut values);
                    if let Ok(array) = Array2::from_shape_vec((n_y, n_x), values) {
                        *planes = Arc::new(array);
                    }
                }
            }
            _ => {}
        }
    }
}
