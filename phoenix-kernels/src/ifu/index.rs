//! Which rows lie at which wavelength: a coarse index by blocks of rows, made in one scan with the limits.

use super::blocks::{BlockIndex, Cut, RangeOfChunk};
use super::exposure::Exposure;
use super::extent::{Bound, extent, kept_range, range_within};
use super::gather::{GatherCounts, read};
use super::grid::{CubeGrid, Limits};
use super::pixtable::{Columns, PixelRows, RowBuffers};
use super::position::{Locator, Placer};
use super::smallfield::LANES;
use crate::math::{Math, Numerics};
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Fewest rows of a block.
const LEAST_ROWS: u64 = 32;
/// Most blocks of an exposure: 4 bytes each, 768 KiB in all, so that there is room for what else is to be known of them.
const MOST_BLOCKS: u64 = 196_608;
/// Rows read at once in the scan.
const ROWS_AT_ONCE: u64 = 1 << 16;
/// Blocks that reach farther in wavelength (Angstrom) are looked through for a place where one slice ends and the next
/// begins: such a block would be read for every window between.
const WIDE: f32 = 50.0;
/// One block of so many may be in two parts: where more are, the rows are in no order and parts would not help.
const BLOCKS_PER_CUT: usize = 16;

/// Result of the scan of all exposures.
#[derive(Debug)]
pub struct Scan {
    /// One index for each exposure.
    pub index: Vec<BlockIndex>,
    /// Limits of all rows inside the wavelength range, as [`super::grid::automatic`] wants them.
    pub limits: Limits,
    /// Rows that no window will see: wavelength not a number, or (`Phoenix`, given grid) outside the grid's.
    pub left_out: GatherCounts,
}

/// What a scan needs to know.
#[derive(Clone, Copy, Debug)]
pub struct ScanRequest {
    /// Wavelengths kept, Angstrom, both ends included.
    pub lambda_range: [f64; 2],
    /// The grid's start, for the projection, or the grid itself.
    pub grid: CubeGrid,
    /// Absolute position of relative 0.
    pub origin: [f64; 2],
    /// Whether the limits along x and y are wanted; else the grid is a given one.
    pub positions: bool,
    /// Whether the grid's wavelengths are given.
    pub is_fixed: bool,
    /// Which limits are formed.
    pub numerics: Numerics,
}

/// Reads all exposures once for their limits and index.
///
/// # Errors
/// `Stopped`, `Read`, `Shape`, `NoPixels`.
pub fn scan<M: Math>(
    exposures: &[Exposure<'_>],
    request: &ScanRequest,
    hooks: &Hooks<'_>,
) -> Result<Scan, KernelError> {
    let chunks = |rows: &dyn PixelRows| (rows.len().div_ceil(rows_per_chunk(rows.len()))) as usize;
    let n_all = exposures.iter().map(|e| chunks(e.rows)).sum();
    let done = AtomicUsize::new(0);
    // What all threads have found so far: which rows it spares depends on their order, the result does not.
    let known = Mutex::new(Limits::empty());
    let mut index = Vec::with_capacity(exposures.len());
    let mut limits = Limits::empty();
    let mut left_out = GatherCounts::default();
    for (n, exposure) in exposures.iter().enumerate() {
        let n_rows = exposure.rows.len();
        let block_rows = rows_per_block(n_rows);
        let per_chunk = rows_per_chunk(n_rows);
        let placer = Placer::<M>::new(exposures, n, request.numerics);
        let locator = Locator::<M>::new(&request.grid, request.origin, request.numerics);
        let bound = Bound::new(exposures, n, &request.grid, &locator, request.numerics);
        let n_chunks = n_rows.div_ceil(per_chunk);
        let found: Vec<Chunk> = (0..n_chunks)
            .into_par_iter()
            .map_init(RowBuffers::default, |buffer, k| {
                hooks.check()?;
                // First and last rows in turn: the edges of a field come early.
                let chunk = if k % 2 == 0 { k / 2 } else { n_chunks - 1 - k / 2 };
                let rows = chunk * per_chunk..((chunk + 1) * per_chunk).min(n_rows);
                let rows_per_block = block_rows as usize;
                let result = scan_chunk(
                    n,
                    exposure,
                    &placer,
                    rows,
                    rows_per_block,
                    request,
                    bound.as_ref(),
                    &known,
                    buffer,
                )?;
                known
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .join(&result.limits);
                (hooks.on_tile)(done.fetch_add(1, Ordering::Relaxed) + 1, n_all);
                Ok((chunk, result))
            })
            .collect::<Result<Vec<_>, _>>()
            .map(|mut found| {
                found.sort_by_key(|(chunk, _)| *chunk);
                found.into_iter().map(|(_, result)| result).collect()
            })?;
        let mut own = Limits::empty();
        let mut blocks = BlockIndex::new(n_rows, block_rows, per_chunk / block_rows);
        for chunk in found {
            blocks.add(chunk.range, chunk.blocks, chunk.cuts);
            own.join(&chunk.limits);
            left_out.not_finite += chunk.left_out.not_finite;
            left_out.outside += chunk.left_out.outside;
        }
        if own.low[2] > own.high[2] {
            return Err(KernelError::NoPixels { exposure: n });
        }
        limits.join(&own);
        if !has_value(n, exposure, &blocks, request.lambda_range, hooks)? {
            return Err(KernelError::NoPixels { exposure: n });
        }
        index.push(blocks);
    }
    if request.numerics == Numerics::Eso && request.grid.celestial {
        for k in 0..2 {
            limits.low[k] = f64::from((limits.low[k] + request.grid.crval[k]) as f32);
            limits.high[k] = f64::from((limits.high[k] + request.grid.crval[k]) as f32);
        }
    }
    Ok(Scan {
        index,
        limits,
        left_out,
    })
}

/// Rows of a block of a table of `n_rows`.
fn rows_per_block(n_rows: u64) -> u64 {
    n_rows.div_ceil(MOST_BLOCKS).next_multiple_of(16).max(LEAST_ROWS)
}

/// Rows of the blocks that are scanned at once.
fn rows_per_chunk(n_rows: u64) -> u64 {
    let rows = rows_per_block(n_rows);
    (ROWS_AT_ONCE / rows).max(1) * rows
}

struct Chunk {
    range: RangeOfChunk,
    blocks: Vec<[u16; 2]>,
    cuts: Vec<Cut>,
    limits: Limits,
    left_out: GatherCounts,
}

/// Looks for one finite value inside the wavelength range; seldom reads more than one block.
fn has_value(
    n: usize,
    exposure: &Exposure<'_>,
    index: &BlockIndex,
    range: [f64; 2],
    hooks: &Hooks<'_>,
) -> Result<bool, KernelError> {
    let mut buffer = RowBuffers::default();
    let mut found = Ok(false);
    index.each(|rows, lambda| {
        if lambda[0] > lambda[1] || !matches!(found, Ok(false)) {
            return;
        }
        let columns = Columns::DATA.union(Columns::LAMBDA);
        found = hooks
            .check()
            .and_then(|()| read(n, exposure.rows, rows, columns, &mut buffer))
            .map(|()| {
                let inside = |l: f32| f64::from(l) >= range[0] && f64::from(l) <= range[1];
                let mut pairs = buffer.data.iter().zip(&buffer.lambda);
                pairs.any(|(d, l)| d.is_finite() && inside(*l))
            });
    });
    found
}

#[expect(clippy::too_many_arguments, reason = "inputs, and what the threads share")]
fn scan_chunk<M: Math>(
    n: usize,
    exposure: &Exposure<'_>,
    placer: &Placer<M>,
    rows: Range<u64>,
    block_rows: usize,
    request: &ScanRequest,
    bound: Option<&Bound>,
    known: &Mutex<Limits>,
    buffer: &mut RowBuffers,
) -> Result<Chunk, KernelError> {
    let columns = if request.positions {
        Columns::COORDINATES
    } else {
        Columns::LAMBDA
    };
    let n_rows = (rows.end - rows.start) as usize;
    read(n, exposure.rows, rows, columns, buffer)?;
    let locator = Locator::<M>::new(&request.grid, request.origin, request.numerics);
    let kept = kept_range(request.lambda_range);
    let mut limits = Limits::empty();
    let mut known = *known.lock().unwrap_or_else(PoisonError::into_inner);
    let mut blocks = Vec::with_capacity(n_rows.div_ceil(block_rows));
    let mut cuts = Vec::new();
    for lambdas in buffer.lambda.chunks(block_rows) {
        let mut range = range_within(lambdas, kept);
        if range[0] <= range[1] {
            limits.low[2] = limits.low[2].min(f64::from(locator.medium(range[0])));
            limits.high[2] = limits.high[2].max(f64::from(locator.medium(range[1])));
        }
        if range[1] - range[0] > WIDE
            && let Some(rows) = jump(lambdas, 0.5 * (range[1] - range[0]))
        {
            let (before, behind) = lambdas.split_at(rows);
            range = range_within(before, kept);
            cuts.push(Cut {
                block: blocks.len() as u64,
                rows: rows as u64,
                lambda: range_within(behind, kept),
            });
        }
        blocks.push(range);
    }
    if cuts.len() > blocks.len() / BLOCKS_PER_CUT + 1 {
        for cut in cuts.drain(..) {
            let range: &mut [f32; 2] = &mut blocks[cut.block as usize];
            *range = [range[0].min(cut.lambda[0]), range[1].max(cut.lambda[1])];
        }
    }
    let phoenix = request.numerics == Numerics::Phoenix;
    let mut left_out = GatherCounts::default();
    if phoenix {
        left_out.not_finite = buffer.lambda.iter().map(|l| u64::from(l.is_nan())).sum();
    }
    if phoenix && request.is_fixed {
        let mut lambda = buffer.lambda.clone();
        let mut planes = Vec::new();
        locator.planes(&mut lambda, request.lambda_range, &mut planes);
        let inside = 0..request.grid.naxis[2] as i32;
        left_out.outside = planes.iter().filter(|l| **l != i32::MIN && !inside.contains(l)).count() as u64;
    }
    if request.positions {
        let RowBuffers { xpos, ypos, lambda, .. } = buffer;
        let lanes = xpos.chunks_mut(LANES).zip(ypos.chunks_mut(LANES));
        for ((x, y), lambda) in lanes.zip(lambda.chunks(LANES)) {
            // Most rows of a field lie nearer to its middle than its edges do, and cannot widen the limits.
            if bound.is_some_and(|bound| bound.holds(y, &known)) {
                continue;
            }
            placer.place(x, y);
            let [low, high] = if phoenix {
                locator.extent(x, y, lambda, kept)
            } else {
                extent(x, y, lambda, kept).map(|corner| corner.map(f64::from))
            };
            limits.widen(low);
            limits.widen(high);
            known.join(&limits);
        }
    }
    let range = RangeOfChunk::of(&blocks);
    Ok(Chunk {
        range,
        blocks: blocks.into_iter().map(|block| range.pack(block)).collect(),
        cuts,
        limits,
        left_out,
    })
}

/// Finds the first row whose wavelength differs by more than `size` from the one before.
fn jump(lambda: &[f32], size: f32) -> Option<usize> {
    (1..lambda.len()).find(|&row| (lambda[row] - lambda[row - 1]).abs() > size)
}
