//! The whole covariance of a small part of a cube: what each pair of its voxels has in common.
//!
//! # References
//! `docs/algorithms/ifu-covariance.md`, "Whole covariance" (own derivation).

use super::covariance::{Part, each};
use super::resample::Resample;
use super::spread::Spread;
use super::stack::Stack;
use super::window::WindowWork;
use crate::math::{Math, Numerics, Portable, System};
use crate::{Hooks, KernelError};
use ndarray::Array2;
use std::ops::Range;

/// Most voxels of a part: the matrix then takes 32 MiB.
pub const MOST_VOXELS: usize = 2048;

/// A part of a cube and what is summed over it.
struct SubCube<'a> {
    block: &'a [Range<usize>; 3],
    sums: Vec<f64>,
    matrix: Vec<f64>,
    /// Voxels that the present row reaches, with its weights.
    reached: Vec<(usize, f64)>,
}

impl SubCube<'_> {
    fn n(&self) -> usize {
        self.block.iter().map(Range::len).product()
    }

    /// Number of a voxel, x fastest, then y, then wavelength.
    fn place(block: &[Range<usize>; 3], i: usize, j: usize, l: usize) -> usize {
        let [x, y, wave] = block;
        ((l - wave.start) * y.len() + (j - y.start)) * x.len() + (i - x.start)
    }

    /// Adds the weights of the rows of a part of the planes.
    fn weigh<S: Spread>(&mut self, part: &Part<'_>, method: &S) {
        let (block, sums) = (self.block, &mut self.sums);
        each(part, block, |near, record| {
            method.spread(near, record, |i, j, l, weight| {
                sums[Self::place(block, i, j, l)] += weight * f64::from(record.weight);
            });
        });
    }

    /// Adds what the rows of a part of the planes give to each pair of voxels.
    fn correlate<S: Spread>(&mut self, part: &Part<'_>, method: &S) {
        let n = self.n();
        let Self {
            block,
            sums,
            matrix,
            reached,
        } = self;
        each(part, block, |near, record| {
            reached.clear();
            method.spread(near, record, |i, j, l, weight| {
                let voxel = Self::place(block, i, j, l);
                if weight != 0.0 {
                    reached.push((voxel, weight * f64::from(record.weight) / sums[voxel]));
                }
            });
            let variance = f64::from(record.stat);
            for (a, first) in reached.iter() {
                for (b, second) in reached.iter() {
                    matrix[a * n + b] += first * second * variance;
                }
            }
        });
    }

    /// The matrix; no number where a voxel has no value.
    fn finish(self) -> Array2<f64> {
        let n = self.n();
        let has_value = |voxel: usize| self.sums[voxel].is_normal();
        Array2::from_shape_fn((n, n), |(a, b)| {
            if has_value(a) && has_value(b) {
                self.matrix[a * n + b]
            } else {
                f64::NAN
            }
        })
    }
}

impl Stack<'_> {
    /// Computes the covariance of all pairs of voxels of a part of the cube: ranges along x, y and wavelength, from 0.
    ///
    /// # Shapes
    /// (n, n), n voxels counted x fastest, then y, then wavelength.
    /// # Units
    /// Those of the variance. No number in row and column of a voxel without a value.
    /// # Numerics
    /// Each row's weights are those of the resampling: sum over rows of `W_vp W_up s_p`. The diagonal is the cube's variance.
    /// # Errors
    /// `Parameter` if the part is empty, leaves the cube or has more than [`MOST_VOXELS`] voxels; `Stopped`, `Read`, `Shape`.
    /// # References
    /// `docs/algorithms/ifu-covariance.md`, "Whole covariance".
    pub fn covariance(&self, block: &[Range<usize>; 3], hooks: &Hooks<'_>) -> Result<Array2<f64>, KernelError> {
        for (range, n) in block.iter().zip(self.grid.naxis) {
            if range.is_empty() || range.end > n {
                return Err(KernelError::Parameter {
                    name: "end of a part of the cube",
                    value: range.end as f64,
                    allowed: "a range inside the cube that is not empty",
                });
            }
        }
        let n: usize = block.iter().map(Range::len).product();
        if n > MOST_VOXELS {
            return Err(KernelError::Parameter {
                name: "voxels of a part of the cube",
                value: n as f64,
                allowed: "1 to 2048",
            });
        }
        match self.options.numerics {
            Numerics::Eso => self.covariance_of::<System>(block, n, hooks),
            Numerics::Phoenix => self.covariance_of::<Portable>(block, n, hooks),
        }
    }

    fn covariance_of<M: Math>(
        &self,
        block: &[Range<usize>; 3],
        n: usize,
        hooks: &Hooks<'_>,
    ) -> Result<Array2<f64>, KernelError> {
        if self.options.resample == Resample::Nearest {
            return self.variances::<M>(block, n, hooks);
        }
        let mut cube = SubCube {
            block,
            sums: vec![0.0; n],
            matrix: vec![0.0; n * n],
            reached: Vec::new(),
        };
        let mut worker = WindowWork::new(rayon::current_num_threads());
        let windows = self.windows(&block[2]);
        // Weights are complete only when all windows have been seen.
        for is_second in [false, true] {
            for (step, planes) in windows.iter().enumerate() {
                hooks.check()?;
                worker.load::<M>(self, planes, &block[1], hooks)?;
                let window = worker.window(self);
                let part = Part {
                    window: &window,
                    reach: self.reach(),
                    planes: self.source(planes, &block[2]),
                };
                match (self.options.resample, is_second) {
                    (Resample::Drizzle, false) => cube.weigh(&part, &self.drizzle()),
                    (Resample::Drizzle, true) => cube.correlate(&part, &self.drizzle()),
                    (_, false) => cube.weigh(&part, &self.distance::<M>()),
                    (_, true) => cube.correlate(&part, &self.distance::<M>()),
                }
                let done = step + 1 + if is_second { windows.len() } else { 0 };
                (hooks.on_tile)(done, 2 * windows.len());
            }
        }
        Ok(cube.finish())
    }

    /// Planes of the part, as many at a time as fit the memory.
    fn windows(&self, wave: &Range<usize>) -> Vec<Range<usize>> {
        let step = self.window_planes();
        wave.clone()
            .step_by(step)
            .map(|first| first..(first + step).min(wave.end))
            .collect()
    }

    /// Planes whose rows a window hands out, so that each row that reaches the part is met once.
    fn source(&self, planes: &Range<usize>, wave: &Range<usize>) -> Range<usize> {
        let reach = self.reach();
        let first = if planes.start == wave.start {
            planes.start.saturating_sub(reach)
        } else {
            planes.start
        };
        let last = if planes.end == wave.end {
            (planes.end + reach).min(self.grid.naxis[2])
        } else {
            planes.end
        };
        first..last
    }

    /// Voxels that share no rows have variances only.
    fn variances<M: Math>(
        &self,
        block: &[Range<usize>; 3],
        n: usize,
        hooks: &Hooks<'_>,
    ) -> Result<Array2<f64>, KernelError> {
        let [nx, ny, _] = self.grid.naxis;
        let mut matrix = Array2::zeros((n, n));
        let mut worker = WindowWork::new(rayon::current_num_threads());
        for planes in self.windows(&block[2]) {
            worker.fill::<M>(self, &planes, hooks)?;
            let slab = worker.slab.slab(planes.start, [planes.len(), ny, nx], worker.stats)?;
            for l in planes.clone() {
                for j in block[1].clone() {
                    for i in block[0].clone() {
                        let voxel = SubCube::place(block, i, j, l);
                        let variance = slab.stat[(l - planes.start, j, i)];
                        if variance.is_finite() {
                            matrix[(voxel, voxel)] = f64::from(variance);
                        } else {
                            matrix.row_mut(voxel).fill(f64::NAN);
                            matrix.column_mut(voxel).fill(f64::NAN);
                        }
                    }
                }
            }
        }
        Ok(matrix)
    }
}
