//! Slabs out of the kernel into the product, from the first plane on that no interrupted attempt finished.

use phoenix_core::traits::{RecipeError, RunContext, SlabWriter};
use phoenix_kernels::cubes::{CubeCombine, CubeSlab, CubeStats};
use phoenix_kernels::{KernelError, SourceError};
use phoenix_kit::{finished, stage};
use serde::{Deserialize, Serialize};

use super::list::CubeFiles;

/// The extensions of the product, in order.
pub(super) const EXTENSIONS: [&str; 4] = ["DATA", "STAT", "EXPMAP", "REJMAP"];
/// Where in them the numbers of values used stand.
const EXPMAP: usize = 2;
/// Most cubes whose counts a note holds; a sink takes a few kilobytes.
const MOST_NOTED: usize = 1000;

/// What is noted beside finished planes: what the planes themselves do not tell.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    not_finite: Vec<u64>,
    rejected: Vec<u64>,
}

/// Pulls slabs out of the kernel and pushes them into the product.
///
/// # Contract
/// An interrupted run goes on behind its last finished slab; one of more than `MOST_NOTED` cubes begins anew.
///
/// # Numerics
/// The same bits wherever an earlier attempt was interrupted.
///
/// # Errors
/// As kernel and writer demand; `fault` tells the kernel's errors.
pub(super) fn stream(
    combination: &CubeCombine,
    files: &CubeFiles,
    writer: &mut dyn SlabWriter,
    ctx: &RunContext<'_>,
    fault: &dyn Fn(KernelError) -> RecipeError,
) -> Result<CubeStats, RecipeError> {
    let (first_plane, earlier) = take_up(files, writer, ctx)?;
    let mut counts: Vec<f32> = Vec::new();
    let mut sink = |slab: &CubeSlab<'_>| -> Result<(), SourceError> {
        writer.write(0, slab.first_plane, slab.data)?;
        writer.write(1, slab.first_plane, slab.variance)?;
        for (hdu, numbers) in [(EXPMAP, slab.used), (3, slab.rejected)] {
            counts.clear();
            counts.extend(numbers.iter().map(|n| *n as f32));
            writer.write(hdu, slab.first_plane, &counts)?;
        }
        let [_, ny, nx] = files.shape;
        if files.cubes.len() <= MOST_NOTED {
            let note = Note {
                not_finite: slab.stats.not_finite.clone(),
                rejected: slab.stats.rejected.clone(),
            };
            finished::mark(writer, slab.first_plane + slab.data.len() / (ny * nx), &note)?;
        }
        Ok(())
    };
    stage::run(ctx, "combine", |hooks| {
        combination.run_from(first_plane, earlier, files, &mut sink, hooks)
    })
    .map_err(fault)
}

/// Returns the first plane behind those of an interrupted attempt, and the statistics up to there.
fn take_up(
    files: &CubeFiles,
    writer: &dyn SlabWriter,
    ctx: &RunContext<'_>,
) -> Result<(usize, CubeStats), RecipeError> {
    let mut stats = CubeStats::new(files.cubes.len());
    let Some(finished) = writer.finished() else {
        return Ok((0, stats));
    };
    let note: Note = finished::note(finished, "DATACUBE_FINAL.fits")?;
    (stats.not_finite, stats.rejected) = (note.not_finite, note.rejected);
    let count = |_: usize, used: &[f32]| {
        stats.add_voxels(used.iter().map(|used| *used as usize));
        Ok(())
    };
    finished::read_back(writer, EXPMAP, finished.planes, files.shape, ctx, count)?;
    Ok((finished.planes, stats))
}
