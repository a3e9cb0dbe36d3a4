//! Slabs out of the kernel into the product, from the first plane on that no interrupted attempt finished.

use ndarray::{Array2, ArrayView3};
use phoenix_core::traits::{RecipeError, RunContext, SlabWriter};
use phoenix_kernels::ifu::{Filter, ImageAccumulator, RowId, Samples, Slab, Stack, StackStats};
use phoenix_kernels::{Hooks, KernelError, SourceError};
use phoenix_kit::{finished, stage};
use serde::{Deserialize, Serialize};

use super::CUBE;
use crate::combined::RejectedRows;
use crate::quality;

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
    if let Some(rejected) = rejected.filter(|_| first_plane > 0) {
        let mut add = |rows: &[RowId]| rejected.add(rows);
        stage::run(ctx, "test finished planes", |hooks| {
            stack.rejected_rows(0..first_plane, &mut add, hooks)
        })
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
        finished::mark(writer, slab.first_plane + slab.data.dim().0, &note)
    };
    let sums = || {
        if let Some(form) = &deferred {
            form();
        }
    };
    let stats = stage::run(ctx, "resample", |hooks| {
        let hooks = Hooks {
            beside: &sums,
            ..*hooks
        };
        stack.run_sampled(first_plane, earlier, samples, &mut sink, &hooks)
    })
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
    let note: Note = finished::note(finished, CUBE)?;
    let collect = |first: usize, values: &[f32]| {
        let n = values.len() / (nx * ny);
        let planes = ArrayView3::from_shape([n, ny, nx], values).map_err(|error| RecipeError::NoResult {
            reason: error.to_string(),
        })?;
        collector.add(first, &planes).map_err(fault)
    };
    finished::read_back(writer, 0, finished.planes, [nz, ny, nx], ctx, collect)?;
    Ok((finished.planes, StackStats::from_array(note.counts)))
}
