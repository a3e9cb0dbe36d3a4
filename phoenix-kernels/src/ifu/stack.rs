//! Exposures to a cube, one window of planes at a time.

use super::blocks::PlaneIndex;
use super::budget;
use super::centres::Centres;
use super::exposure::{CoordinateState, Exposure};
use super::gather::{GatherCounts, GatherRequest};
use super::grid::{self, CubeGrid, GridRequest, Limits, spatial_scale};
use super::heights::Heights;
use super::index::{self, ScanRequest};
use super::options::StackOptions;
use super::position::Locator;
use super::resample::Resample;
use super::samples::Samples;
use super::slab::{Slab, StackStats};
use super::spread::{Distance, Drizzle, Shape};
use super::window::WindowWork;
use crate::math::{Math, Numerics, Portable, System};
use crate::{Hooks, KernelError, SourceError};
use std::marker::PhantomData;
use std::ops::Range;

/// A prepared combination: rows indexed, grid fixed.
pub struct Stack<'a> {
    pub(super) exposures: &'a [Exposure<'a>],
    pub(super) options: StackOptions,
    pub(super) grid: CubeGrid,
    limits: Limits,
    pub(super) index: Vec<PlaneIndex>,
    /// Rows of all planes up to each, estimated.
    pub(super) rows_below: Vec<f64>,
    left_out: GatherCounts,
    pub(super) centres: Centres,
    /// Found once, as all centres are looked at.
    drizzle: Option<Drizzle>,
    /// Planes of a window.
    window: usize,
    /// Strips of rows of voxels that a window is worked on in, one after the other.
    pub(super) strips: Vec<Range<usize>>,
    /// What tells the rows of a strip, where there are several.
    pub(super) heights: Option<Heights>,
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
            index: Vec::new(),
            rows_below: Vec::new(),
            left_out: scan.left_out,
            centres,
            drizzle: None,
            window: 1,
            strips: Vec::new(),
            heights: None,
        };
        stack.drizzle = (options.resample == Resample::Drizzle).then(|| stack.make_drizzle());
        stack.index = stack.gather_request::<M>().plane_index(scan.index);
        stack.rows_below = budget::rows_below(&stack.index, stack.grid.naxis[2]);
        let division = stack.divide::<M>(hooks)?;
        (stack.window, stack.strips, stack.heights) = (division.planes, division.strips, division.heights);
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

    /// Returns the number of rows of voxels that are worked on at once: all, or those of a strip where not even one plane fits.
    pub fn strip_rows(&self) -> usize {
        self.strips[0].len()
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
        self.run_from(0, StackStats::default(), sink, hooks)
    }

    /// Combines the planes from `first_plane` on, as [`Stack::run`] does; `earlier` are the statistics of the last slab
    /// before it, and not looked at if there is none.
    ///
    /// # Numerics
    /// Planes and statistics are those of a run over all planes.
    /// # Errors
    /// `Stopped`, `Read`, `Shape`, `Sink`.
    pub fn run_from(
        &self,
        first_plane: usize,
        earlier: StackStats,
        sink: &mut dyn FnMut(&Slab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<StackStats, KernelError> {
        self.run_sampled(first_plane, earlier, &mut Samples::default(), sink, hooks)
    }

    /// The same, and learns for `samples` what the planes at hand tell.
    ///
    /// # Errors
    /// `Stopped`, `Read`, `Shape`, `Sink`.
    pub fn run_sampled(
        &self,
        first_plane: usize,
        earlier: StackStats,
        samples: &mut Samples,
        sink: &mut dyn FnMut(&Slab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<StackStats, KernelError> {
        match self.options.numerics {
            Numerics::Eso => self.run_with::<System>(first_plane, earlier, samples, sink, hooks),
            Numerics::Phoenix => self.run_with::<Portable>(first_plane, earlier, samples, sink, hooks),
        }
    }

    fn run_with<M: Math>(
        &self,
        first_plane: usize,
        earlier: StackStats,
        samples: &mut Samples,
        sink: &mut dyn FnMut(&Slab<'_>) -> Result<(), SourceError>,
        hooks: &Hooks<'_>,
    ) -> Result<StackStats, KernelError> {
        let [nx, ny, nz] = self.grid.naxis;
        let mut stats = match first_plane {
            0 => StackStats {
                not_finite: self.left_out.not_finite,
                outside: self.left_out.outside,
                ..StackStats::default()
            },
            _ => earlier,
        };
        let windows: Vec<Range<usize>> = (first_plane..nz)
            .step_by(self.window)
            .map(|first| first..(first + self.window).min(nz))
            .collect();
        let mut work = WindowWork::new(rayon::current_num_threads());
        for (done, planes) in (1..).zip(&windows) {
            work.fill::<M>(self, planes, hooks)?;
            if self.strips.len() == 1 {
                samples.look::<M>(self, &work);
            }
            stats.add(&work.stats);
            let slab = work.slab.slab(planes.start, [planes.len(), ny, nx], stats)?;
            sink(&slab).map_err(|source| KernelError::Sink {
                first_plane: planes.start,
                source,
            })?;
            (hooks.on_tile)(done, windows.len());
        }
        // Giving many pages back takes a thread a while; nobody has to wait for it.
        rayon::spawn(move || drop(work));
        Ok(stats)
    }

    pub(super) fn gather_request<M: Math>(&self) -> GatherRequest<M> {
        GatherRequest {
            locator: Locator::new(&self.grid, self.origin(), self.options.numerics),
            naxis: self.grid.naxis,
            lambda_range: self.options.lambda_range,
            numerics: self.options.numerics,
            trace: self.options.trace,
            strip: [0, self.grid.naxis[1]],
            counted_strip: [0, self.grid.naxis[1]],
        }
    }

    /// Absolute position of relative 0.
    fn origin(&self) -> [f64; 2] {
        self.centres.origin
    }

    /// Planes whose rows a window of `planes` needs.
    pub(super) fn gathered(&self, planes: &Range<usize>) -> Range<usize> {
        planes.start.saturating_sub(self.margin())..(planes.end + self.margin()).min(self.grid.naxis[2])
    }

    pub(super) fn reach(&self) -> usize {
        if self.options.resample == Resample::Nearest {
            0
        } else {
            self.options.loop_distance
        }
    }

    /// Size of an input pixel along the three axes.
    fn scale(&self) -> [f64; 3] {
        let [sx, sy] = self.options.pixel_scale.unwrap_or_else(|| spatial_scale(&self.grid.cd));
        [sx, sy, self.options.pixel_height]
    }

    /// Unit of distances along the three axes; the wavelength of `Eso` is that of an input pixel whatever the step.
    pub(super) fn unit(&self) -> [f64; 3] {
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

    pub(super) fn drizzle(&self) -> Drizzle {
        self.drizzle.unwrap_or_else(|| self.make_drizzle())
    }

    fn make_drizzle(&self) -> Drizzle {
        let (scale, [vx, vy, _]) = (self.scale(), self.voxel());
        // ORDER: a division by the inverse, as the peer does; thin overlaps at the edge of the field depend on it.
        let drop = [0, 1, 2].map(|k| self.options.pixfrac[k] / (1.0 / scale[k]));
        Drizzle::new(drop, [vx, vy], &self.centres, self.reach())
    }

    pub(super) fn distance<M: Math>(&self) -> Distance<M> {
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
