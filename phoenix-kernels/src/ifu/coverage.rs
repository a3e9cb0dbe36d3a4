//! How long each spaxel was exposed: the exposure times of all exposures that reach it.
//!
//! # References
//! `docs/algorithms/ifu-combine.md`, "Exposure map".

use super::cells::Cells;
use super::covariance::runs_of_planes;
use super::resample::{Only, Resample, TileMut, Window};
use super::rows::GatherWork;
use super::runs;
use super::stack::Stack;
use super::window::WindowWork;
use crate::math::Math;
use crate::{Hooks, KernelError};
use ndarray::Array2;
use rayon::prelude::*;
use std::ops::Range;

/// Most runs of planes that are looked at.
const MOST_RUNS: u8 = 3;
/// Planes of a run: one row of an exposure may fall between two planes.
const RUN_PLANES: usize = 2;

/// Which spaxels each exposure reaches in some runs of planes.
#[derive(Debug)]
pub(super) struct Coverage {
    /// Runs of planes, and whether they were looked at.
    runs: Vec<(Range<usize>, bool)>,
    exposures: Vec<Reached>,
}

/// What one exposure reaches.
#[derive(Clone, Debug, Default)]
struct Reached {
    /// Runs in which it gives any value.
    n_runs: u8,
    /// Runs in which it gives each spaxel a value.
    counts: Vec<u8>,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
struct Work {
    gather: GatherWork,
    cells: Cells,
    tile: [Vec<f32>; 2],
}

impl Coverage {
    pub(super) fn new(stack: &Stack<'_>) -> Self {
        let [nx, ny, nz] = stack.grid.naxis;
        let depth = RUN_PLANES.min(nz);
        let runs = runs_of_planes(nz, depth, usize::from(MOST_RUNS));
        let reached = Reached {
            n_runs: 0,
            counts: vec![0; nx * ny],
        };
        Self {
            runs: runs.into_iter().map(|first| (first..first + depth, false)).collect(),
            exposures: vec![reached; stack.exposures.len()],
        }
    }

    /// Looks at the runs whose rows a window has just read.
    pub(super) fn look<M: Math>(&mut self, stack: &Stack<'_>, work: &WindowWork) {
        let Self { runs, exposures } = self;
        let is_here = |run: &Range<usize>| run.start >= work.fresh.start && run.end <= work.fresh.end;
        for (run, is_seen) in runs.iter_mut().filter(|(run, is_seen)| !is_seen && is_here(run)) {
            let window = work.window(stack);
            let planes = run.start - window.first_plane..run.end - window.first_plane;
            let each = exposures.par_iter_mut().enumerate().with_max_len(1);
            each.for_each_init(Work::default, |work, (exposure, reached)| {
                let window = Window {
                    only: Some(Only {
                        exposure: exposure as u32,
                        planes: planes.clone(),
                    }),
                    ..window.clone()
                };
                reached.add::<M>(stack, &window, &planes, &mut work.tile);
            });
            *is_seen = true;
        }
    }

    /// Reads the runs that no window had.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    pub(super) fn complete<M: Math>(&mut self, stack: &Stack<'_>, hooks: &Hooks<'_>) -> Result<(), KernelError> {
        let Self { runs, exposures } = self;
        let unseen: Vec<&Range<usize>> = runs
            .iter()
            .filter(|(_, is_seen)| !is_seen)
            .map(|(run, _)| run)
            .collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let n_exposures = exposures.len();
        let mut works: Vec<Work> = Vec::new();
        works.resize_with(rayon::current_num_threads().min(n_exposures), Work::default);
        let n = works.len().max(1);
        for (turn, batch) in exposures.chunks_mut(n).enumerate() {
            works
                .par_iter_mut()
                .with_max_len(1)
                .zip(batch)
                .enumerate()
                .try_for_each(|(k, (work, reached))| {
                    (unseen.iter()).try_for_each(|run| reached.read::<M>(stack, turn * n + k, run, work, hooks))
                })?;
            (hooks.on_tile)(((turn + 1) * n).min(n_exposures), n_exposures);
        }
        for (_, is_seen) in runs {
            *is_seen = true;
        }
        Ok(())
    }

    /// Sums the times of the exposures that reach each spaxel.
    ///
    /// # Errors
    /// `Shape` if the number of times is another than that of exposures.
    pub(super) fn sum(&self, stack: &Stack<'_>, seconds: &[f64]) -> Result<Array2<f32>, KernelError> {
        if seconds.len() != self.exposures.len() {
            return Err(KernelError::Shape {
                what: "exposure times",
                found: seconds.len(),
                expected: self.exposures.len(),
            });
        }
        let [nx, ny, _] = stack.grid.naxis;
        let mut sums = vec![0.0_f64; nx * ny];
        // ORDER: times are added in the order of exposures.
        for (reached, seconds) in self.exposures.iter().zip(seconds) {
            for (sum, count) in sums.iter_mut().zip(&reached.counts) {
                *sum += if *count > 0 && 2 * count >= reached.n_runs {
                    *seconds
                } else {
                    0.0
                };
            }
        }
        Ok(Array2::from_shape_fn((ny, nx), |(j, i)| sums[j * nx + i] as f32))
    }
}

impl Reached {
    /// Reads one run of planes of exposure `exposure` and adds what it reaches there.
    fn read<M: Math>(
        &mut self,
        stack: &Stack<'_>,
        exposure: usize,
        run: &Range<usize>,
        work: &mut Work,
        hooks: &Hooks<'_>,
    ) -> Result<(), KernelError> {
        let Work { gather, cells, tile } = work;
        let units: Vec<(usize, Range<u64>)> = runs::units(&stack.index[exposure..=exposure], run)
            .into_iter()
            .map(|(_, rows)| (exposure, rows))
            .collect();
        stack.gather_request::<M>().gather(
            stack.exposures,
            &units,
            [run, &(run.start..run.start), run],
            hooks,
            std::slice::from_mut(gather),
            cells,
        )?;
        let window = Window {
            cells,
            centres: &stack.centres,
            first_plane: run.start,
            ny: stack.grid.naxis[1],
            rows: 0..stack.grid.naxis[1],
            numerics: stack.options.numerics,
            only: None,
        };
        self.add::<M>(stack, &window, &(0..run.len()), tile);
        Ok(())
    }

    /// Resamples some planes of a window and adds the spaxels that have a value there.
    fn add<M: Math>(
        &mut self,
        stack: &Stack<'_>,
        window: &Window<'_>,
        planes: &Range<usize>,
        [data, stat]: &mut [Vec<f32>; 2],
    ) {
        let n = self.counts.len();
        data.resize(planes.len() * n, 0.0);
        stat.resize(planes.len() * n, 0.0);
        let mut tile = TileMut {
            data,
            stat,
            used: None,
            rejected: None,
        };
        match stack.options.resample {
            Resample::Nearest => window.nearest(stack.unit(), planes, &mut tile),
            Resample::Drizzle => window.resample(&stack.drizzle(), stack.reach(), planes, &mut tile),
            _ => window.resample(&stack.distance::<M>(), stack.reach(), planes, &mut tile),
        }
        let mut is_there = false;
        for (spaxel, count) in self.counts.iter_mut().enumerate() {
            if data.iter().skip(spaxel).step_by(n).any(|v| v.is_finite()) {
                *count += 1;
                is_there = true;
            }
        }
        self.n_runs += u8::from(is_there);
    }
}
