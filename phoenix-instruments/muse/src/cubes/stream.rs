//! Slabs out of the kernel into the product, from the first plane on that no interrupted attempt finished.

use phoenix_core::traits::{Finished, RecipeError, RunContext, SinkError, SlabWriter};
use phoenix_kernels::cubes::{CubeCombine, CubeSlab, CubeStats};
use phoenix_kernels::{Hooks, KernelError, SourceError};
use serde::{Deserialize, Serialize};

use super::list::CubeFiles;

/// The extensions of the product, in order.
pub(super) const EXTENSIONS: [&str; 4] = ["DATA", "STAT", "EXPMAP", "REJMAP"];
/// Where in them the numbers of values used stand.
const EXPMAP: usize = 2;
/// Bytes of finished planes that are read back at once.
const BACK_BYTES: usize = 4 << 20;
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
            writer.mark(Finished {
                planes: slab.first_plane + slab.data.len() / (ny * nx),
                note: serde_json::to_value(note)?,
            })?;
        }
        Ok(())
    };
    let keep_going = || !ctx.cancel.is_cancelled();
    let combined = |done: usize, of: usize| ctx.progress("combine", done as u64, of as u64);
    let hooks = Hooks {
        keep_going: &keep_going,
        on_tile: &combined,
        ..Hooks::none()
    };
    combination
        .run_from(first_plane, earlier, files, &mut sink, &hooks)
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
    let note = Note::deserialize(&finished.note).map_err(|error| SinkError::Invalid {
        name: "DATACUBE_FINAL.fits".to_owned(),
        reason: format!("the note of an interrupted attempt is not understood: {error}"),
    })?;
    (stats.not_finite, stats.rejected) = (note.not_finite, note.rejected);
    let [nz, ny, nx] = files.shape;
    let plane = ny * nx;
    let at_once = (BACK_BYTES / (plane * size_of::<f32>()).max(1)).clamp(1, finished.planes.max(1));
    let mut buffer = vec![0.0_f32; at_once * plane];
    let mut first = 0;
    while first < finished.planes {
        if ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        let n = at_once.min(finished.planes - first);
        let (planes, _) = buffer.split_at_mut(n * plane);
        writer.read(EXPMAP, first, planes)?;
        stats.add_voxels(planes.iter().map(|used| *used as usize));
        first += n;
        ctx.progress("read finished planes", first as u64, nz as u64);
    }
    Ok((finished.planes, stats))
}
