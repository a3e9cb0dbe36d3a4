//! Which rows lie at which wavelength: a coarse index by blocks of rows, made in one scan with the limits.

use super::exposure::Exposure;
use super::gather::{GatherCounts, read};
use super::grid::{CubeGrid, Limits};
use super::pixtable::{Columns, PixelRows, RowBuffers};
use super::position::{Locator, Placer};
use crate::math::{Math, Numerics};
use crate::{Hooks, KernelError};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fewest rows of a block.
const LEAST_ROWS: u64 = 512;
/// Most blocks of an exposure: 8 bytes each, 1 MiB in all.
const MOST_BLOCKS: u64 = 131_072;
/// Rows read at once in the scan.
const ROWS_AT_ONCE: u64 = 1 << 16;

/// Wavelength range of each block of rows of one exposure.
#[derive(Clone, Debug)]
pub struct BlockIndex {
    n_rows: u64,
    block_rows: u64,
    lambda: Vec<[f32; 2]>,
}

impl BlockIndex {
    /// Returns the rows of a block.
    pub fn rows(&self, block: usize) -> Range<u64> {
        let first = block as u64 * self.block_rows;
        first..(first + self.block_rows).min(self.n_rows)
    }

    /// Returns the smallest and largest wavelength of each block; the first is above the second in a block without
    /// usable rows.
    pub fn blocks(&self) -> &[[f32; 2]] {
        &self.lambda
    }
}

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
    let chunks = |rows: &dyn PixelRows| (rows.len().div_ceil(ROWS_AT_ONCE)) as usize;
    let n_all = exposures.iter().map(|e| chunks(e.rows)).sum();
    let done = AtomicUsize::new(0);
    let mut index = Vec::with_capacity(exposures.len());
    let mut limits = Limits::empty();
    let mut left_out = GatherCounts::default();
    for (n, exposure) in exposures.iter().enumerate() {
        let n_rows = exposure.rows.len();
        let block_rows = n_rows.div_ceil(MOST_BLOCKS).max(LEAST_ROWS).next_power_of_two();
        let per_chunk = ROWS_AT_ONCE.max(block_rows);
        let placer = Placer::<M>::new(exposures, n, request.numerics);
        let found: Vec<Chunk> = (0..n_rows.div_ceil(per_chunk))
            .into_par_iter()
            .map_init(RowBuffers::default, |buffer, chunk| {
                hooks.check()?;
                let rows = chunk * per_chunk..((chunk + 1) * per_chunk).min(n_rows);
                let result = scan_chunk(n, exposure, &placer, rows, block_rows as usize, request, buffer);
                (hooks.on_tile)(done.fetch_add(1, Ordering::Relaxed) + 1, n_all);
                result
            })
            .collect::<Result<_, _>>()?;
        let mut own = Limits::empty();
        let mut lambda = Vec::with_capacity(n_rows.div_ceil(block_rows) as usize);
        for chunk in found {
            own.join(&chunk.limits);
            left_out.not_finite += chunk.left_out.not_finite;
            left_out.outside += chunk.left_out.outside;
            lambda.extend(chunk.lambda);
        }
        if own.low[2] > own.high[2] {
            return Err(KernelError::NoPixels { exposure: n });
        }
        limits.join(&own);
        let blocks = BlockIndex {
            n_rows,
            block_rows,
            lambda,
        };
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

struct Chunk {
    lambda: Vec<[f32; 2]>,
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
    for (block, lambda) in index.blocks().iter().enumerate() {
        if lambda[0] <= lambda[1] {
            hooks.check()?;
            read(
                n,
                exposure.rows,
                index.rows(block),
                Columns::DATA.union(Columns::LAMBDA),
                &mut buffer,
            )?;
            let inside = |l: f32| f64::from(l) >= range[0] && f64::from(l) <= range[1];
            if buffer
                .data
                .iter()
                .zip(&buffer.lambda)
                .any(|(d, l)| d.is_finite() && inside(*l))
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn scan_chunk<M: Math>(
    n: usize,
    exposure: &Exposure<'_>,
    placer: &Placer<M>,
    rows: Range<u64>,
    block_rows: usize,
    request: &ScanRequest,
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
    let keep = |lambda: f32| {
        let lambda = f64::from(lambda);
        lambda >= request.lambda_range[0] && lambda <= request.lambda_range[1]
    };
    let mut limits = Limits::empty();
    let mut blocks = Vec::with_capacity(n_rows.div_ceil(block_rows));
    for lambdas in buffer.lambda.chunks(block_rows) {
        let mut range = [f32::INFINITY, f32::NEG_INFINITY];
        for &lambda in lambdas.iter().filter(|l| keep(**l)) {
            range = [range[0].min(lambda), range[1].max(lambda)];
        }
        if range[0] <= range[1] {
            limits.low[2] = limits.low[2].min(f64::from(locator.medium(range[0])));
            limits.high[2] = limits.high[2].max(f64::from(locator.medium(range[1])));
        }
        blocks.push(range);
    }
    let phoenix = request.numerics == Numerics::Phoenix;
    let mut left_out = GatherCounts::default();
    if phoenix {
        left_out.not_finite = buffer.lambda.iter().filter(|l| l.is_nan()).count() as u64;
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
        placer.place(xpos, ypos);
        let mut widen = |row: usize, at: [f64; 2]| {
            if keep(lambda[row]) {
                for ((low, high), at) in limits.low.iter_mut().zip(&mut limits.high).zip(at) {
                    *low = low.min(at);
                    *high = high.max(at);
                }
            }
        };
        if phoenix {
            locator.pixels(xpos, ypos, widen);
        } else {
            for (row, (&x, &y)) in xpos.iter().zip(ypos.iter()).enumerate() {
                widen(row, [f64::from(x), f64::from(y)]);
            }
        }
    }
    Ok(Chunk {
        lambda: blocks,
        limits,
        left_out,
    })
}
