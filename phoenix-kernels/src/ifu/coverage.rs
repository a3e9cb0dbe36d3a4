//! How long each spaxel was exposed: the exposure times of all exposures that reach it.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Exposure map".

use super::covariance::spread_out;
use super::gather::{Cells, GatherWork};
use super::resample::{Resample, TileMut, Window};
use super::runs;
use super::stack::Stack;
use crate::math::{Math, Numerics, Portable, System};
use crate::{Hooks, KernelError};
use ndarray::Array2;
use rayon::prelude::*;
use std::ops::Range;

/// Most runs of planes that are looked at.
const MOST_RUNS: usize = 3;
/// Planes of a run: one row of an exposure may fall between two planes.
const RUN_PLANES: usize = 2;

/// Buffers of one thread.
#[derive(Debug, Default)]
struct Work {
    gather: GatherWork,
    cells: Cells,
    data: Vec<f32>,
    stat: Vec<f32>,
}

impl Stack<'_> {
    /// Sums, for each spaxel, the times of the exposures that reach it.
    ///
    /// # Contract
    /// `seconds` has one time for each exposure. An exposure reaches a spaxel if, resampled alone, it gives it a value in at
    /// least half of the sampled runs of planes in which it gives any; rows that only the cosmic-ray test rejects count.
    /// # Shapes
    /// (ny, nx).
    /// # Units
    /// Those of `seconds`; 0 where no exposure reaches.
    /// # Numerics
    /// Three runs of two planes, evenly spread over the cube, stand for all. The same bits for any number of threads.
    /// # Errors
    /// `Shape` if the number of times is another than that of exposures; `Stopped`, `Read`.
    pub fn exposure_map(&self, seconds: &[f64], hooks: &Hooks<'_>) -> Result<Array2<f32>, KernelError> {
        match self.options.numerics {
            Numerics::Eso => self.exposure_map_with::<System>(seconds, hooks),
            Numerics::Phoenix => self.exposure_map_with::<Portable>(seconds, hooks),
        }
    }

    fn exposure_map_with<M: Math>(&self, seconds: &[f64], hooks: &Hooks<'_>) -> Result<Array2<f32>, KernelError> {
        if seconds.len() != self.exposures.len() {
            return Err(KernelError::Shape {
                what: "exposure times",
                found: seconds.len(),
                expected: self.exposures.len(),
            });
        }
        let [nx, ny, nz] = self.grid.naxis;
        let depth = RUN_PLANES.min(nz);
        let runs: Vec<Range<usize>> = spread_out(nz, depth, MOST_RUNS)
            .into_iter()
            .map(|first| first..first + depth)
            .collect();
        let mut sums = vec![0.0_f64; nx * ny];
        let mut works: Vec<Work> = Vec::new();
        works.resize_with(rayon::current_num_threads().min(seconds.len()), Work::default);
        let exposures: Vec<usize> = (0..seconds.len()).collect();
        // ORDER: times are added in the order of exposures, whatever the number of threads.
        for batch in exposures.chunks(works.len().max(1)) {
            let reached: Vec<Vec<bool>> = works
                .par_iter_mut()
                .with_max_len(1)
                .zip(batch)
                .map(|(work, exposure)| self.reached::<M>(*exposure, &runs, work, hooks))
                .collect::<Result<_, KernelError>>()?;
            for (exposure, reached) in batch.iter().zip(&reached) {
                for (sum, is_reached) in sums.iter_mut().zip(reached) {
                    *sum += if *is_reached { seconds[*exposure] } else { 0.0 };
                }
                (hooks.on_tile)(exposure + 1, seconds.len());
            }
        }
        Ok(Array2::from_shape_fn((ny, nx), |(j, i)| sums[j * nx + i] as f32))
    }

    /// Tells which spaxels one exposure reaches.
    fn reached<M: Math>(
        &self,
        exposure: usize,
        runs: &[Range<usize>],
        work: &mut Work,
        hooks: &Hooks<'_>,
    ) -> Result<Vec<bool>, KernelError> {
        let [nx, ny, _] = self.grid.naxis;
        let mut counts = vec![0_usize; nx * ny];
        let mut n_runs = 0;
        for run in runs {
            let units: Vec<(usize, Range<u64>)> = runs::units(&self.index[exposure..=exposure], run)
                .into_iter()
                .map(|(_, rows)| (exposure, rows))
                .collect();
            let Work {
                gather,
                cells,
                data,
                stat,
                ..
            } = work;
            self.gather_request::<M>().gather(
                self.exposures,
                &units,
                [run, &(run.start..run.start), run],
                hooks,
                std::slice::from_mut(gather),
                cells,
            )?;
            data.resize(run.len() * nx * ny, 0.0);
            stat.resize(run.len() * nx * ny, 0.0);
            let mut tile = TileMut {
                data,
                stat,
                used: None,
                rejected: None,
            };
            let window = Window {
                cells,
                centres: &self.centres,
                first_plane: run.start,
                ny,
                rows: 0..ny,
                numerics: self.options.numerics,
            };
            let planes = 0..run.len();
            match self.options.resample {
                Resample::Nearest => window.nearest(self.unit(), &planes, &mut tile),
                Resample::Drizzle => window.resample(&self.drizzle(), self.reach(), &planes, &mut tile),
                _ => window.resample(&self.distance::<M>(), self.reach(), &planes, &mut tile),
            }
            let has_value = |spaxel: usize| data.iter().skip(spaxel).step_by(nx * ny).any(|v| v.is_finite());
            let mut is_there = false;
            for (spaxel, count) in counts.iter_mut().enumerate() {
                if has_value(spaxel) {
                    *count += 1;
                    is_there = true;
                }
            }
            n_runs += usize::from(is_there);
        }
        Ok(counts.iter().map(|count| *count > 0 && 2 * count >= n_runs).collect())
    }
}
