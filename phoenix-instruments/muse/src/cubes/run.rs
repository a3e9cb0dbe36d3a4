//! The run: what is planned, and what comes out.

use phoenix_core::header::Header;
use phoenix_core::traits::{CubeHdu, CubeLayout, Outcome, ProductSink, ReadError, RecipeError, RunContext, SinkError};
use phoenix_kernels::KernelError;
use phoenix_kernels::cubes::{CombineOptions, CubeCombine, VarianceOf};
use phoenix_kit::threads;

use super::list::CubeFiles;
use super::params::CubeCombineParams;
use super::product;
use super::stream::{EXTENSIONS, stream};
use crate::headers;

/// Memory for windows that stays in the last-level cache; larger ones cost a second way through memory, and fresh pages.
const WINDOW_BYTES: usize = 8 << 20;
/// Least bytes of one extension of one cube in a window, so that opening a file again costs little beside reading it.
const RUN_BYTES: usize = 64 << 10;
/// Most memory for windows, unless the least that works is more.
const MOST_WINDOW_BYTES: usize = 128 << 20;

/// Makes the products.
///
/// # Errors
/// `Parameter`; `Frame` or `Read` naming the frame; `Memory`; `Sink`; `Stopped`.
pub(super) fn run(
    files: &CubeFiles,
    params: &CubeCombineParams,
    out: &mut dyn ProductSink,
    ctx: &RunContext<'_>,
) -> Result<Outcome, RecipeError> {
    let options = params.options()?;
    if options.variance == VarianceOf::Propagated
        && let Some(cube) = files.without_variance()
    {
        return Err(RecipeError::Frame {
            frame: cube.frame.id.clone(),
            reason: "extension STAT is missing, var=propagate needs it".into(),
        });
    }
    threads::within(ctx.threads, || combine(files, options, out, ctx))
}

fn combine(
    files: &CubeFiles,
    options: CombineOptions,
    out: &mut dyn ProductSink,
    ctx: &RunContext<'_>,
) -> Result<Outcome, RecipeError> {
    let fault = |error| fault(error, files, ctx.memory_bytes);
    let combination = plan(files, options, ctx.memory_bytes).map_err(fault)?;
    let name = "DATACUBE_FINAL.fits";
    let mut header = product::primary("DATACUBE_FINAL", name, files);
    headers::set_record(&mut header, ctx.record);
    // The record counts cubes; each of them may stand for several frames.
    let n_combined: i64 = files.cubes.iter().map(|cube| cube.n_combined).sum();
    header.set("PRO.DATANCOM", n_combined, "Number of combined frames");
    let mut writer = out.resume(layout(&header, name, files), ctx.record)?;
    let stats = stream(&combination, files, writer.as_mut(), ctx, &fault)?;
    product::set_quality(&mut header, &stats);
    writer.finish(header.clone())?;
    out.put(product::statistics(header, files, &stats))?;
    let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    let figures = [
        ("cubes", files.cubes.len() as f64),
        ("not_finite_values", total(&stats.not_finite)),
        ("rejected_values", total(&stats.rejected)),
        ("finite_voxels", stats.finite_voxels as f64),
    ];
    Ok(Outcome {
        caveats: Vec::new(),
        figures: figures.map(|(name, value)| (name.to_owned(), value)).to_vec(),
    })
}

/// Plans within half of the budget, the other half is for what reader and writer hold.
fn plan(files: &CubeFiles, mut options: CombineOptions, budget_bytes: u64) -> Result<CubeCombine, KernelError> {
    let allowed_bytes = usize::try_from(budget_bytes / 2).unwrap_or(usize::MAX);
    let layers = if options.variance == VarianceOf::Propagated {
        2
    } else {
        1
    };
    let runs_bytes = files.cubes.len().saturating_mul(layers * RUN_BYTES);
    options.memory_bytes = allowed_bytes.min(runs_bytes.clamp(WINDOW_BYTES, MOST_WINDOW_BYTES));
    match CubeCombine::plan(files.cubes.len(), files.shape, options) {
        Err(KernelError::Memory { floor_bytes, .. }) if floor_bytes <= allowed_bytes => {
            options.memory_bytes = floor_bytes;
            CubeCombine::plan(files.cubes.len(), files.shape, options)
        }
        planned => planned,
    }
}

fn layout(header: &Header, name: &str, files: &CubeFiles) -> CubeLayout {
    let hdu = |extension: &str| CubeHdu {
        name: extension.into(),
        shape: files.shape,
        header: product::extension(header, files, extension),
    };
    CubeLayout {
        tag: "DATACUBE_FINAL".into(),
        name: name.into(),
        header: header.clone(),
        reserve_cards: 8,
        hdus: EXTENSIONS.map(hdu).to_vec(),
    }
}

/// Tells a kernel's error with the frame's name.
fn fault(error: KernelError, files: &CubeFiles, budget_bytes: u64) -> RecipeError {
    match error {
        KernelError::Stopped => RecipeError::Stopped,
        KernelError::Memory { floor_bytes, .. } => RecipeError::Memory {
            budget_bytes,
            floor_bytes: (floor_bytes as u64).saturating_mul(2),
        },
        KernelError::Read {
            exposure,
            first,
            last,
            source,
        } => {
            let frame = files
                .cubes
                .get(exposure)
                .map_or_else(|| "?".into(), |cube| cube.frame.id.clone());
            match source.downcast::<ReadError>() {
                Ok(source) => RecipeError::Read { frame, source: *source },
                Err(source) => RecipeError::Frame {
                    frame,
                    reason: format!("voxels {first} to {last} cannot be read: {source}"),
                },
            }
        }
        KernelError::Sink { first_plane, source } => match source.downcast::<SinkError>() {
            Ok(source) => RecipeError::Sink(*source),
            Err(source) => RecipeError::NoResult {
                reason: format!("plane {first_plane}: {source}"),
            },
        },
        other => RecipeError::NoResult {
            reason: other.to_string(),
        },
    }
}
