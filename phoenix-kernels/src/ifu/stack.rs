//! Exposures to a cube, one window of planes at a time.

use super::cosmic::CosmicTest;
use super::covariance;
use super::exposure::{CoordinateState, Exposure, SliceDirection};
use super::gather::{ALONG_X, ALONG_Y, Column, GatherCounts, GatherRequest, Record};
use super::grid::{self, CubeGrid, GridRequest, Limits, spatial_scale};
use super::index::{self, BlockIndex, ScanRequest};
use super::options::StackOptions;
use super::position::Locator;
use super::resample::{Centres, Distance, Drizzle, Resample, Shape, Window};
use super::slab::{Slab, SlabBuffers, StackStats, count};
use crate::math::{Math, Numerics, Portable, System};
use crate::{Hooks, KernelError, SourceError};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Bytes for the sums of a tile.
const RING_BYTES: usize = 512 << 10;

/// A prepared combination: rows indexed, grid fixed.
pub struct Stack<'a> {
    exposures: &'a [Exposure<'a>],
    options: StackOptions,
    grid: CubeGrid,
    limits: Limits,
    index: Vec<BlockIndex>,
    left_out: GatherCounts,
    centres: Centres,
    window: usize,
}

impl std::fmt::Debug for Stack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("grid", &self.grid)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

impl<'a> Stack<'a> {
    /// Reads the coordinates of all exposures once and fixes the grid.
    ///
    /// # Contract
    /// Exposures come in the order of their start; positions are relative to the first.
    /// # Errors
    /// `NoExposures`, `MixedStates`, `NoPixels`, `Parameter`, `EmptyGrid`, `GridTooLarge`, `Memory`, `Read`, `Shape`,
    /// `Stopped`.
    pub fn plan(
        exposures: &'a [Exposure<'a>],
        request: &GridRequest,
        options: &StackOptions,
        hooks: &Hooks<'_>,
    ) -> Result<Self, KernelError> {
        match options.numerics {
            Numerics::Eso => Self::plan_with::<System>(exposures, request, options, hooks),
            Numerics::Phoenix => Self::plan_with::<Portable>(exposures, request, options, hooks),
        }
    }

    fn plan_with<M: Math>(
        exposures: &'a [Exposure<'a>],
        request: &GridRequest,
        options: &StackOptions,
        hooks: &Hooks<'_>,
    ) -> Result<Self, KernelError> {
        options.check()?;
        let first = exposures.first().ok_or(KernelError::NoExposures)?;
        check_states(exposures)?;
        let celestial = first.state != CoordinateState::Pixel;
        let crval = [first.ra_deg, first.dec_deg];
        let start = match request {
            GridRequest::Automatic { step, axis, .. } => grid::start(celestial, crval, *step, *axis),
            GridRequest::Fixed(grid) => {
                grid.check()?;
                *grid
            }
        };
        let scan_request = ScanRequest {
            lambda_range: options.lambda_range,
            grid: start,
            origin: if celestial { crval } else { [0.0; 2] },
            is_fixed: matches!(request, GridRequest::Fixed(_)),
            positions: matches!(request, GridRequest::Automatic { limits: None, .. }),
            numerics: options.numerics,
        };
        let scan = index::scan::<M>(exposures, &scan_request, hooks)?;
        let (grid, limits) = match request {
            GridRequest::Automatic { step, axis, limits } => {
                let limits = limits.unwrap_or(scan.limits);
                (
                    grid::automatic::<M>(&limits, celestial, crval, *step, *axis, options.numerics)?,
                    limits,
                )
            }
            GridRequest::Fixed(grid) => (*grid, scan.limits),
        };
        let centres = Centres::of::<M>(&grid, crval);
        let mut stack = Self {
            exposures,
            options: options.clone(),
            grid,
            limits,
            index: scan.index,
            left_out: scan.left_out,
            centres,
            window: 1,
        };
        stack.window = stack.choose_window::<M>()?;
        Ok(stack)
    }

    /// Returns the grid.
    pub fn grid(&self) -> &CubeGrid {
        &self.grid
    }

    /// Returns the limits that the grid was made from.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the wavelength of each plane, Angstrom.
    pub fn wavelengths(&self) -> &[f64] {
        &self.centres.lambda
    }

    /// Returns the number of planes of a window.
    pub fn window_planes(&self) -> usize {
        self.window
    }

    /// Uses windows of `planes` planes, whatever the memory budget says; results do not depend on it.
    #[must_use]
    pub fn with_window_planes(mut self, planes: usize) -> Self {
        self.window = planes.clamp(1, self.grid.naxis[2]);
        self
    }

    /// Combines all planes in ascending order and hands each finished slab to `sink`.
    ///
    /// # Shapes
    /// Slabs are (planes, ny, nx), wavelength slowest; the last may be thinner.
    /// # Numerics
    /// The same bits for any number of threads and any window.
    /// # Errors
    /// `Stopped`, `Read`, `Shape`, `Sink`.
    pub fn run(
        &self,
        sink: &mut dyn FnMut(&Slab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<StackStats, KernelError> {
        match self.options.numerics {
            Numerics::Eso => self.run_with::<System>(sink, hooks),
            Numerics::Phoenix => self.run_with::<Portable>(sink, hooks),
        }
    }

    /// Measures by how much the error of a mean over `block` voxels (x, y, wavelength) exceeds what independent
    /// variances say: true error over independent error, from blocks spread evenly over the cube.
    ///
    /// # Contract
    /// `None` if no sample block is complete. 1 for `Nearest`, whose voxels share no rows.
    /// # Numerics
    /// For each block the weights of every row over all its voxels are formed as in the resampling; the factor is the
    /// root of the mean ratio of variances, so that deviations divided by it have unit mean square.
    /// # Errors
    /// `Stopped`, `Read`, `Shape`.
    /// # References
    /// `docs/algorithms/ifu-covariance.md`.
    pub fn covariance_factor(&self, block: [usize; 3], hooks: &Hooks<'_>) -> Result<Option<f64>, KernelError> {
        match self.options.numerics {
            Numerics::Eso => self.covariance_with::<System>(block, hooks),
            Numerics::Phoenix => self.covariance_with::<Portable>(block, hooks),
        }
    }

    fn covariance_with<M: Math>(&self, block: [usize; 3], hooks: &Hooks<'_>) -> Result<Option<f64>, KernelError> {
        if self.options.resample == Resample::Nearest {
            return Ok(Some(1.0));
        }
        let runs = covariance::spread_out(self.grid.naxis[2], block[2], covariance::MOST_RUNS);
        let mut ratios = Vec::new();
        for (n, &first) in runs.iter().enumerate() {
            hooks.check()?;
            let (columns, window) = self.load::<M>(&(first..first + block[2]), &mut StackStats::default(), hooks)?;
            let run = covariance::Run {
                columns: &columns,
                centres: &self.centres,
                ny: self.grid.naxis[1],
                first_plane: window.start,
                width: window.len(),
                reach: self.reach(),
            };
            ratios.extend(match self.options.resample {
                Resample::Drizzle => run.ratios(&self.drizzle(), block, first),
                _ => run.ratios(&self.distance::<M>(), block, first),
            });
            (hooks.on_tile)(n + 1, runs.len());
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        Ok((!ratios.is_empty()).then(|| mean.sqrt()))
    }

    fn run_with<M: Math>(
        &self,
        sink: &mut dyn FnMut(&Slab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<StackStats, KernelError> {
        let [nx, ny, nz] = self.grid.naxis;
        let mut stats = StackStats {
            not_finite: self.left_out.not_finite,
            outside: self.left_out.outside,
            ..StackStats::default()
        };
        let mut buffers = SlabBuffers::default();
        let windows = nz.div_ceil(self.window);
        for n in 0..windows {
            hooks.check()?;
            let planes = n * self.window..((n + 1) * self.window).min(nz);
            let (columns, window) = self.load::<M>(&planes, &mut stats, hooks)?;
            let inner = planes.start - window.start..planes.end - window.start;
            count(&columns, ny, window.len(), &inner, &mut stats);
            hooks.check()?;
            buffers.resize(planes.len() * nx * ny, self.options.counts);
            self.resample::<M>(&columns, &window, &inner, &mut buffers);
            drop(columns);
            stats.finite_voxels += buffers.data.iter().filter(|v| v.is_finite()).count() as u64;
            let slab = buffers.slab(planes.start, [planes.len(), ny, nx])?;
            sink(&slab).map_err(|source| KernelError::Sink {
                first_plane: planes.start,
                source,
            })?;
            (hooks.on_tile)(n + 1, windows);
        }
        Ok(stats)
    }

    /// Gathers and tests the rows that `planes` need; returns them with the planes they were gathered for.
    fn load<M: Math>(
        &self,
        planes: &Range<usize>,
        stats: &mut StackStats,
        hooks: &Hooks<'_>,
    ) -> Result<(Vec<Column>, Range<usize>), KernelError> {
        let nz = self.grid.naxis[2];
        let reach = self.reach();
        let has_test = self.options.cosmic.sigma > 0.0;
        let tested = planes.start.saturating_sub(reach)..(planes.end + reach).min(nz);
        let margin = usize::from(has_test);
        let window = tested.start.saturating_sub(margin)..(tested.end + margin).min(nz);
        let (mut columns, counts) =
            self.gather_request::<M>()
                .gather(self.exposures, &self.index, &window, planes, hooks)?;
        stats.not_finite += counts.not_finite;
        stats.outside += counts.outside;
        if has_test {
            hooks.check()?;
            let test = CosmicTest {
                options: self.options.cosmic,
                numerics: self.options.numerics,
                common: match self.exposures[0].slice_direction {
                    SliceDirection::X => ALONG_X,
                    SliceDirection::Y => ALONG_Y,
                    SliceDirection::None => 0,
                },
                ny: self.grid.naxis[1],
                width: window.len(),
            };
            test.run(&mut columns, &(tested.start - window.start..tested.end - window.start));
        }
        Ok((columns, window))
    }

    fn gather_request<M: Math>(&self) -> GatherRequest<M> {
        GatherRequest {
            locator: Locator::new(&self.grid, self.origin(), self.options.numerics),
            naxis: self.grid.naxis,
            lambda_range: self.options.lambda_range,
            numerics: self.options.numerics,
        }
    }

    /// Absolute position of relative 0.
    fn origin(&self) -> [f64; 2] {
        self.centres.origin
    }

    fn reach(&self) -> usize {
        if self.options.resample == Resample::Nearest {
            0
        } else {
            self.options.loop_distance
        }
    }

    fn resample<M: Math>(
        &self,
        columns: &[Column],
        window: &Range<usize>,
        inner: &Range<usize>,
        buffers: &mut SlabBuffers,
    ) {
        let [nx, ny, _] = self.grid.naxis;
        let view = Window {
            columns,
            centres: &self.centres,
            ny,
            first_plane: window.start,
            width: window.len(),
            numerics: self.options.numerics,
        };
        let reach = self.reach();
        // The sums of a tile are to stay in the second-level cache.
        let most = (RING_BYTES / ((2 * reach + 1) * ny * size_of::<[f64; 4]>())).clamp(4, 64);
        let depth = inner.len().div_ceil(rayon::current_num_threads()).clamp(1, most);
        let drizzle = self.drizzle();
        let scale = self.unit();
        buffers.tiles(depth * nx * ny).enumerate().for_each(|(n, mut tile)| {
            let first = inner.start + n * depth;
            let planes = first..(first + depth).min(inner.end);
            match self.options.resample {
                Resample::Nearest => view.nearest(scale, &planes, &mut tile),
                Resample::Drizzle => view.resample(&drizzle, reach, &planes, &mut tile),
                _ => view.resample(&self.distance::<M>(), reach, &planes, &mut tile),
            }
        });
    }

    /// Size of an input pixel along the three axes.
    fn scale(&self) -> [f64; 3] {
        let [sx, sy] = self.options.pixel_scale.unwrap_or_else(|| spatial_scale(&self.grid.cd));
        [sx, sy, self.options.pixel_height]
    }

    /// Unit of distances along the three axes; the wavelength of `Eso` is that of an input pixel whatever the step.
    fn unit(&self) -> [f64; 3] {
        match self.options.numerics {
            Numerics::Eso => self.scale(),
            Numerics::Phoenix => {
                let [sx, sy, _] = self.scale();
                [sx, sy, self.grid.spectral.step]
            }
        }
    }

    /// Size of a voxel; `Eso` takes the diagonal of a turned grid for it.
    fn voxel(&self) -> [f64; 3] {
        let [vx, vy] = match self.options.numerics {
            Numerics::Eso => [self.grid.cd[0][0].abs(), self.grid.cd[1][1].abs()],
            Numerics::Phoenix => spatial_scale(&self.grid.cd),
        };
        [vx, vy, self.grid.spectral.step]
    }

    fn drizzle(&self) -> Drizzle {
        let (scale, [vx, vy, _]) = (self.scale(), self.voxel());
        // ORDER: a division by the inverse, as the peer does; thin overlaps at the edge of the field depend on it.
        let drop = [0, 1, 2].map(|k| self.options.pixfrac[k] / (1.0 / scale[k]));
        Drizzle::new(drop, [vx, vy], &self.centres, self.grid.naxis[1], self.reach())
    }

    fn distance<M: Math>(&self) -> Distance<M> {
        let (scale, voxel) = (self.unit(), self.voxel());
        let shape = match self.options.resample {
            Resample::Linear => Shape::Linear,
            Resample::Quadratic => Shape::Quadratic,
            Resample::Lanczos => Shape::Lanczos {
                width: self.options.loop_distance as f64,
            },
            Resample::Renka | Resample::Drizzle | Resample::Nearest => {
                let d = [0, 1, 2].map(|k| voxel[k] / scale[k]);
                let norm = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
                let outside = match self.options.numerics {
                    Numerics::Eso => f64::MIN_POSITIVE,
                    Numerics::Phoenix => 0.0,
                };
                Shape::Renka {
                    radius: self.options.critical_radius * norm,
                    outside,
                }
            }
        };
        Distance {
            scale,
            shape,
            math: PhantomData,
        }
    }

    /// Finds the most planes whose rows and voxels fit the budget.
    fn choose_window<M: Math>(&self) -> Result<usize, KernelError> {
        let [nx, ny, nz] = self.grid.naxis;
        let density = self.gather_request::<M>().rows_per_plane(&self.index);
        let margin = self.reach() + usize::from(self.options.cosmic.sigma > 0.0);
        let voxel_bytes = 4 + 8 + if self.options.counts { 4 } else { 0 };
        let row_bytes = 3 * size_of::<Record>() + 8;
        let cost = |planes: usize| {
            let mut sums = vec![0.0];
            for d in &density {
                sums.push(sums[sums.len() - 1] + d);
            }
            let most = (0..nz)
                .step_by(planes)
                .map(|p| sums[(p + planes + margin).min(nz)] - sums[p.saturating_sub(margin)])
                .fold(0.0, f64::max);
            most as usize * row_bytes + (planes + 2 * margin) * nx * ny * voxel_bytes
        };
        let floor = cost(1);
        if floor > self.options.memory_bytes {
            return Err(KernelError::Memory {
                allowed_bytes: self.options.memory_bytes,
                floor_bytes: floor,
            });
        }
        let (mut fits, mut fails) = (1, nz.min(256) + 1);
        while fails - fits > 1 {
            let middle = fits.midpoint(fails);
            if cost(middle) <= self.options.memory_bytes {
                fits = middle;
            } else {
                fails = middle;
            }
        }
        Ok(fits)
    }
}

fn check_states(exposures: &[Exposure<'_>]) -> Result<(), KernelError> {
    let expected = exposures[0].state;
    for (exposure, e) in exposures.iter().enumerate() {
        if e.state != expected {
            return Err(KernelError::MixedStates {
                exposure,
                found: e.state.unit(),
                expected: expected.unit(),
            });
        }
    }
    Ok(())
}
