//! Windows over the cubes: read, combined in blocks, handed on as whole planes.

use rayon::prelude::*;

use super::block::{LANES, Windows, Worker};
use super::options::CombineOptions;
use crate::{Hooks, KernelError, SourceError};

/// Voxels of one task: enough to hide the start of a task, few enough to share a row among threads.
const TASK: usize = 32 * LANES;
/// Bytes of a voxel in the slab of the result.
const RESULT_BYTES: usize = 16;
/// Bytes of a value.
const VALUE_BYTES: usize = 4;

/// Which numbers of a cube are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The values.
    Data,
    /// Their variances.
    Variance,
}

/// The cubes as the kernel reads them.
pub trait CubeSource: Sync {
    /// Fills `out` with the numbers of one cube from voxel `first` on, counted in the order (wave, y, x).
    ///
    /// # Contract
    /// Calls come from several threads at once; those of one cube follow each other.
    ///
    /// # Errors
    /// Whatever keeps the numbers from being read; the kernel ends with it.
    fn read(&self, cube: usize, layer: Layer, first: u64, out: &mut [f32]) -> Result<(), SourceError>;
}

/// Whole planes of the result.
///
/// # Shapes
/// All (planes, y, x), flattened.
#[derive(Debug, Clone, Copy)]
pub struct CubeSlab<'a> {
    /// First plane.
    pub first_plane: usize,
    /// Means or medians; NaN where no cube has a value.
    pub data: &'a [f32],
    /// Variances.
    pub variance: &'a [f32],
    /// Values used.
    pub used: &'a [u32],
    /// Finite values clipped.
    pub rejected: &'a [u32],
    /// What became of the values up to the last of these planes.
    pub stats: &'a CubeStats,
}

/// What became of the values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CubeStats {
    /// Values that are NaN or infinite, per cube.
    pub not_finite: Vec<u64>,
    /// Values clipped, per cube.
    pub rejected: Vec<u64>,
    /// Voxels of the result with a value.
    pub finite_voxels: u64,
    /// How often each number of used values occurs, from 0 to the number of cubes.
    pub used: Vec<u64>,
}

impl CubeStats {
    /// Returns the statistics of no planes.
    pub fn new(n_cubes: usize) -> Self {
        Self {
            not_finite: vec![0; n_cubes],
            rejected: vec![0; n_cubes],
            finite_voxels: 0,
            used: vec![0; n_cubes + 1],
        }
    }

    /// Counts voxels of the result by the values used; more than there are cubes count as all of them.
    pub fn add_voxels(&mut self, used: impl IntoIterator<Item = usize>) {
        let most = self.used.len().saturating_sub(1);
        let mut add = |used: usize, n: u64| {
            if let Some(count) = self.used.get_mut(used.min(most)) {
                *count += n;
            }
            self.finite_voxels += if used > 0 { n } else { 0 };
        };
        // Neighbours mostly have as many values: a run is counted at once.
        let (mut last, mut n) = (0, 0);
        for used in used {
            if used != last {
                add(last, n);
                (last, n) = (used, 0);
            }
            n += 1;
        }
        add(last, n);
    }
}

/// How much is held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Planes of a slab.
    pub planes: usize,
    /// Rows that are read at once; `planes` times the rows of a plane where whole planes fit.
    pub rows: usize,
}

/// Combines cubes that share a grid.
///
/// # Numerics
/// See docs/algorithms/cube-lists.md. The same bits for any number of threads and any window.
#[derive(Debug)]
pub struct CubeCombine {
    n_cubes: usize,
    shape: [usize; 3],
    options: CombineOptions,
    window: Window,
}

impl CubeCombine {
    /// Sizes the windows for `n_cubes` cubes of `shape` (wave, y, x).
    ///
    /// # Errors
    /// `NoExposures`, `EmptyGrid`, `Parameter`; `Memory` where one row of all cubes and one plane of the result do not
    /// fit.
    pub fn plan(n_cubes: usize, shape: [usize; 3], options: CombineOptions) -> Result<Self, KernelError> {
        options.check()?;
        if n_cubes == 0 {
            return Err(KernelError::NoExposures);
        }
        let [nz, ny, nx] = shape;
        let too_large = || KernelError::GridTooLarge {
            nx: nx as f64,
            ny: ny as f64,
            nz: nz as f64,
        };
        let n_voxels = nz
            .checked_mul(ny)
            .and_then(|n| n.checked_mul(nx))
            .ok_or_else(too_large)?;
        if n_voxels == 0 {
            return Err(KernelError::EmptyGrid { nx, ny, nz });
        }
        let layers = if options.reads_variance() { 2 } else { 1 };
        let per_voxel = n_cubes * layers * VALUE_BYTES;
        let input_bytes = |rows: usize| stride(rows * nx) * per_voxel;
        let plane_bytes = ny * nx * RESULT_BYTES;
        let floor_bytes = plane_bytes + input_bytes(1);
        let allowed_bytes = options.memory_bytes;
        if floor_bytes > allowed_bytes {
            return Err(KernelError::Memory {
                allowed_bytes,
                floor_bytes,
            });
        }
        let fits = |planes: usize| planes * plane_bytes + input_bytes(planes * ny) <= allowed_bytes;
        let planes = largest(nz, fits);
        let window = if planes > 0 {
            Window {
                planes,
                rows: planes * ny,
            }
        } else {
            let rows = largest(ny, |rows| plane_bytes + input_bytes(rows) <= allowed_bytes);
            Window { planes: 1, rows }
        };
        Ok(Self {
            n_cubes,
            shape,
            options,
            window,
        })
    }

    /// Returns how much is held at once.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Reads, combines, hands on; slabs come in the order of planes.
    ///
    /// # Contract
    /// Every number is asked for once. Threads are those of the current rayon pool.
    ///
    /// # Errors
    /// `Stopped`, `Read` with positions of voxels, `Sink`.
    pub fn run(
        &self,
        source: &dyn CubeSource,
        sink: &mut dyn FnMut(&CubeSlab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<CubeStats, KernelError> {
        self.run_from(0, CubeStats::new(self.n_cubes), source, sink, hooks)
    }

    /// Combines the planes from `first_plane` on, as [`CubeCombine::run`] does; `earlier` are the statistics of the planes
    /// before it.
    ///
    /// # Numerics
    /// Planes and statistics are those of a run over all planes.
    ///
    /// # Errors
    /// `Shape` if the statistics are of another number of cubes; `Stopped`, `Read`, `Sink`.
    pub fn run_from(
        &self,
        first_plane: usize,
        earlier: CubeStats,
        source: &dyn CubeSource,
        sink: &mut dyn FnMut(&CubeSlab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<CubeStats, KernelError> {
        let mut stats = earlier;
        let counts = [&stats.not_finite, &stats.rejected].map(Vec::len);
        if counts != [self.n_cubes; 2] || stats.used.len() != self.n_cubes + 1 {
            return Err(KernelError::Shape {
                what: "statistics of cubes",
                found: stats.not_finite.len(),
                expected: self.n_cubes,
            });
        }
        let [nz, ny, nx] = self.shape;
        let mut input = Input::new(self.n_cubes, self.window.rows * nx, self.options.reads_variance());
        let mut slab = Slab::new(self.window.planes * ny * nx);
        for first_plane in (first_plane..nz).step_by(self.window.planes) {
            let planes = self.window.planes.min(nz - first_plane);
            let n_rows = planes * ny;
            for first_row in (0..n_rows).step_by(self.window.rows) {
                hooks.check()?;
                let rows = self.window.rows.min(n_rows - first_row);
                let first = (first_plane * ny + first_row) as u64 * nx as u64;
                input.fill(source, first, rows * nx)?;
                slab.combine(first_row * nx, rows * nx, &input, &self.options, &mut stats);
            }
            slab.hand_on(first_plane, n_rows * nx, &mut stats, sink)?;
            (hooks.on_tile)(first_plane + planes, nz);
        }
        Ok(stats)
    }
}

/// Largest number from 0 to `most` for which `fits` holds; it must hold for all smaller ones too.
fn largest(most: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut good, mut bad) = (0, most + 1);
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if fits(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}

/// Values from one cube to the next: whole blocks, an odd number of them, so that cubes do not share cache sets.
fn stride(values: usize) -> usize {
    (values.div_ceil(LANES) | 1) * LANES
}

/// The windows of all cubes.
#[derive(Debug)]
struct Input {
    data: Vec<f32>,
    variance: Vec<f32>,
    stride: usize,
    n_cubes: usize,
}

impl Input {
    fn new(n_cubes: usize, values: usize, with_variance: bool) -> Self {
        let stride = stride(values);
        let n = stride * n_cubes;
        Self {
            data: vec![f32::NAN; n],
            variance: if with_variance { vec![f32::NAN; n] } else { Vec::new() },
            stride,
            n_cubes,
        }
    }

    fn fill(&mut self, source: &dyn CubeSource, first: u64, values: usize) -> Result<(), KernelError> {
        let read = |exposure: usize, layer: Layer, row: &mut [f32]| {
            let (wanted, rest) = row.split_at_mut(values);
            // What an earlier, longer window left would be taken for voxels of the last block.
            let (padding, _) = rest.split_at_mut(rest.len().min(LANES));
            padding.fill(f32::NAN);
            let failed = |source| KernelError::Read {
                exposure,
                first,
                last: first + values as u64,
                source,
            };
            source.read(exposure, layer, first, wanted).map_err(failed)
        };
        let rows = self.data.par_chunks_mut(self.stride).enumerate();
        if self.variance.is_empty() {
            return rows.try_for_each(|(cube, data)| read(cube, Layer::Data, data));
        }
        rows.zip(self.variance.par_chunks_mut(self.stride))
            .try_for_each(|((cube, data), variance)| {
                read(cube, Layer::Data, data)?;
                read(cube, Layer::Variance, variance)
            })
    }
}

/// Planes of the result while they are made.
#[derive(Debug)]
struct Slab {
    data: Vec<f32>,
    variance: Vec<f32>,
    used: Vec<u32>,
    rejected: Vec<u32>,
}

impl Slab {
    fn new(values: usize) -> Self {
        Self {
            data: vec![0.0; values],
            variance: vec![0.0; values],
            used: vec![0; values],
            rejected: vec![0; values],
        }
    }

    /// Combines a window into `values` voxels from `start` on.
    fn combine(&mut self, start: usize, values: usize, input: &Input, options: &CombineOptions, stats: &mut CubeStats) {
        let windows = Windows {
            data: &input.data,
            variance: &input.variance,
            stride: input.stride,
            n_cubes: input.n_cubes,
        };
        let range = start..start + values;
        let new = || Worker::new(input.n_cubes, options);
        let counts = self.data[range.clone()]
            .par_chunks_mut(TASK)
            .zip(self.variance[range.clone()].par_chunks_mut(TASK))
            .zip(self.used[range.clone()].par_chunks_mut(TASK))
            .zip(self.rejected[range].par_chunks_mut(TASK))
            .enumerate()
            .fold(new, |mut worker, (task, (((data, variance), used), rejected))| {
                for at in (0..data.len()).step_by(LANES) {
                    let n = LANES.min(data.len() - at);
                    let results = worker.combine(&windows, task * TASK + at);
                    data[at..at + n].copy_from_slice(&results.data[..n]);
                    variance[at..at + n].copy_from_slice(&results.variance[..n]);
                    used[at..at + n].copy_from_slice(&results.used[..n]);
                    rejected[at..at + n].copy_from_slice(&results.rejected[..n]);
                }
                worker
            })
            .reduce(new, |own, other| own.merged(&other));
        for (cube, (valid, rejected)) in counts.valid.iter().zip(&counts.rejected).enumerate() {
            stats.not_finite[cube] += values as u64 - valid;
            stats.rejected[cube] += rejected;
        }
    }

    fn hand_on(
        &self,
        first_plane: usize,
        values: usize,
        stats: &mut CubeStats,
        sink: &mut dyn FnMut(&CubeSlab<'_>) -> Result<(), SourceError>,
    ) -> Result<(), KernelError> {
        stats.add_voxels(self.used[..values].iter().map(|&used| used as usize));
        let slab = CubeSlab {
            first_plane,
            data: &self.data[..values],
            variance: &self.variance[..values],
            used: &self.used[..values],
            rejected: &self.rejected[..values],
            stats,
        };
        sink(&slab).map_err(|source| KernelError::Sink { first_plane, source })
    }
}
