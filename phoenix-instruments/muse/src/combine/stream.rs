//! Slabs out of the kernel into the product, from the first plane on that no interrupted attempt finished.

use ndarray::{Array2, ArrayView3};
use phoenix_core::traits::{Finished, RecipeError, RunContext, SinkError, SlabWriter};
use phoenix_kernels::ifu::{Filter, ImageAccumulator, Samples, Slab, Stack, StackStats};
use phoenix_kernels::{Hooks, KernelError, SourceError};
use serde::{Deserialize, Serialize};

use crate::combined::RejectedRows;
use crate::quality;

/// Bytes of finished planes that are read back at once.
const BACK_BYTES: usize = 4 << 20;

/// What comes out of the slabs beside the cube itself.
pub(super) struct Collected {
    pub(super) stats: StackStats,
    pub(super) images: Vec<Array2<f32>>,
    pub(super) middle: Vec<f32>,
}

/// What is noted beside finished planes; everything else is in the planes themselves.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// [`StackStats::to_array`].
    counts: [u64; 9],
}

/// What is collected while planes pass, in ascending order.
struct Collector {
    images: ImageAccumulator,
    wanted: usize,
    middle: Vec<f32>,
}

impl Collector {
    fn add(&mut self, first_plane: usize, data: &ArrayView3<'_, f32>) -> Result<(), KernelError> {
        if let Some(offset) = self
            .wanted
            .checked_sub(first_plane)
            .filter(|offset| *offset < data.dim().0)
        {
            self.middle = data.outer_iter().nth(offset).into_iter().flatten().copied().collect();
        }
        self.images.add_planes(first_plane, data)
    }
}

/// Pulls slabs out of the kernel and pushes them into the product, and rejected rows, where they are asked for.
///
/// # Numerics
/// The same bits wherever an earlier attempt was interrupted: its planes are read back as they were written, and their
/// rows tested again where those that are rejected are asked for.
///
/// # Errors
/// As kernel and writer demand; `fault` tells the kernel's errors.
pub(super) fn stream(
    stack: &Stack<'_>,
    filters: &[Filter],
    samples: &mut Samples,
    writer: &mut dyn SlabWriter,
    rejected: Option<&RejectedRows<'_>>,
    ctx: &RunContext<'_>,
    fault: &dyn Fn(KernelError) -> RecipeError,
) -> Result<Collected, RecipeError> {
    let grid = stack.grid();
    let [nx, ny, _] = grid.naxis;
    let mut collector = Collector {
        images: ImageAccumulator::new(filters, stack.wavelengths(), ny, nx),
        wanted: quality::middle_plane(grid),
        middle: Vec::new(),
    };
    let (first_plane, earlier) = take_up(&mut collector, writer, grid.naxis, ctx, fault)?;
    let keep_going = || !ctx.cancel.is_cancelled();
    if let Some(rejected) = rejected.filter(|_| first_plane > 0) {
        let tested = |done: usize, of: usize| ctx.progress("test finished planes", done as u64, of as u64);
        let hooks = Hooks {
            keep_going: &keep_going,
            on_tile: &tested,
            ..Hooks::none()
        };
        stack
            .rejected_rows(0..first_plane, &mut |rows| rejected.add(rows), &hooks)
            .map_err(fault)?;
    }
    let deferred = writer.defer();
    let mut sink = |slab: &Slab<'_>| -> Result<(), SourceError> {
        let (Some(data), Some(stat)) = (slab.data.as_slice(), slab.stat.as_slice()) else {
            return Err("a slab is not contiguous".into());
        };
        collector.add(slab.first_plane, &slab.data)?;
        writer.write(0, slab.first_plane, data)?;
        writer.write(1, slab.first_plane, stat)?;
        if let Some(rejected) = rejected {
            rejected.add(slab.rejected_rows)?;
        }
        let note = Note {
            counts: slab.stats.to_array(),
        };
        writer.mark(Finished {
            planes: slab.first_plane + slab.data.dim().0,
            note: serde_json::to_value(note)?,
        })?;
        Ok(())
    };
    let resampled = |done: usize, of: usize| ctx.progress("resample", done as u64, of as u64);
    let sums = || {
        if let Some(form) = &deferred {
            form();
        }
    };
    let hooks = Hooks {
        keep_going: &keep_going,
        on_tile: &resampled,
        beside: &sums,
    };
    let stats = stack
        .run_sampled(first_plane, earlier, samples, &mut sink, &hooks)
        .map_err(fault)?;
    if let Some(form) = deferred {
        rayon::spawn(move || form());
    }
    Ok(Collected {
        stats,
        images: collector.images.finish(),
        middle: collector.middle,
    })
}

/// Collects from the planes of an interrupted attempt, and returns the first plane behind them and the statistics there.
fn take_up(
    collector: &mut Collector,
    writer: &dyn SlabWriter,
    [nx, ny, nz]: [usize; 3],
    ctx: &RunContext<'_>,
    fault: &dyn Fn(KernelError) -> RecipeError,
) -> Result<(usize, StackStats), RecipeError> {
    let Some(finished) = writer.finished() else {
        return Ok((0, StackStats::default()));
    };
    let note = Note::deserialize(&finished.note).map_err(|error| SinkError::Invalid {
        name: "DATACUBE_FINAL.fits".to_owned(),
        reason: format!("the note of an interrupted attempt is not understood: {error}"),
    })?;
    let plane = nx * ny;
    let at_once = (BACK_BYTES / (plane * size_of::<f32>()).max(1)).clamp(1, finished.planes.max(1));
    let mut buffer = vec![0.0_f32; at_once * plane];
    let mut first = 0;
    while first < finished.planes {
        if ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        let n = at_once.min(finished.planes - first);
        let (planes, _) = buffer.split_at_mut(n * plane);
        writer.read(0, first, planes)?;
        let view = ArrayView3::from_shape([n, ny, nx], &*planes).map_err(|error| RecipeError::NoResult {
            reason: error.to_string(),
        })?;
        collector.add(first, &view).map_err(fault)?;
        first += n;
        ctx.progress("read finished planes", first as u64, nz as u64);
    }
    Ok((finished.planes, StackStats::from_array(note.counts)))
}
