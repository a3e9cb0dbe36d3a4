//! The run that both recipes share: exposures to a cube and its images, streamed slab by slab.

mod order;
mod stream;

use std::ops::Range;

use ndarray::Array2;
use phoenix_core::caveat::Caveat;
use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::{CubeHdu, CubeLayout, Outcome, ProductSink, RecipeError, RunContext};
use phoenix_kernels::ifu::grid::spatial_scale;
use phoenix_kernels::ifu::{
    CoordinateState, CubeGrid, Filter, GridRequest, Limits, Samples, SpectralAxis, Stack, StackStats, default_step,
};
use phoenix_kernels::{Hooks, KernelError};
use phoenix_kit::{stage, threads, wcs};

use self::stream::{Collected, stream};
use crate::combined::{self, CombinedTable, RejectedRows};
use crate::exposure::in_file;
use crate::filters::{self, FilterCurve};
use crate::load::Inputs;
use crate::params::{CombineParams, NumericsChoice};
use crate::place::{Placed, place};
use crate::{covariance, expmap, fault, headers, memory, offsets, quality};

/// The file of the cube.
const CUBE: &str = "DATACUBE_FINAL.fits";

/// What a recipe tells the shared run about itself.
#[derive(Debug, Clone, Copy)]
pub struct Flavour {
    /// First part of its quality keywords, e.g. `QC.EXPCOMB`.
    pub quality: &'static str,
    /// Whether sources are looked for.
    pub has_sources: bool,
}

/// Makes the products.
///
/// # Errors
/// As the step demands, naming frame and key or column.
pub fn run(
    inputs: &Inputs,
    params: &CombineParams,
    flavour: Flavour,
    out: &mut dyn ProductSink,
    ctx: &RunContext<'_>,
) -> Result<Outcome, RecipeError> {
    params.check()?;
    let (mut curves, unknown) = filters::chosen(&params.filter, &inputs.curves);
    filters::with_white(&mut curves, params.numerics);
    let mut caveats = inputs.caveats.clone();
    for name in unknown {
        caveats.push(Caveat::OutputMissing {
            tag: "IMAGE_FOV".into(),
            reason: format!("filter {name} is not in the FILTER_LIST"),
        });
    }
    let placed = place(inputs, params, &mut caveats)?;
    let seconds = expmap::seconds(&inputs.exposures, &mut caveats);
    threads::within(ctx.threads, || {
        let job = Job {
            inputs,
            params,
            flavour,
            curves: &curves,
            placed: &placed,
            seconds: seconds.as_deref(),
            ctx,
        };
        job.run(out, caveats)
    })
}

struct Job<'a> {
    inputs: &'a Inputs,
    params: &'a CombineParams,
    flavour: Flavour,
    curves: &'a [FilterCurve],
    placed: &'a Placed<'a>,
    /// Exposure times, where all headers tell them.
    seconds: Option<&'a [f64]>,
    ctx: &'a RunContext<'a>,
}

impl Job<'_> {
    fn run(&self, out: &mut dyn ProductSink, caveats: Vec<Caveat>) -> Result<Outcome, RecipeError> {
        self.check_columns()?;
        let n_rows: u64 = self.placed.exposures.iter().map(|exposure| exposure.rows.len()).sum();
        let mut figures = vec![
            ("exposures".to_owned(), self.placed.exposures.len() as f64),
            ("input_pixels".to_owned(), n_rows as f64),
        ];
        if !self.params.saves("cube") {
            self.table(out, &caveats, None)?;
            return Ok(Outcome { caveats, figures });
        }
        let stats = self.cube(out, &caveats)?;
        figures.extend([
            ("saturated_pixels".to_owned(), stats.saturated as f64),
            ("rejected_pixels".to_owned(), stats.rejected as f64),
            ("cosmic_pixels_in".to_owned(), stats.cosmic_in as f64),
            ("cosmic_pixels".to_owned(), stats.cosmic_out as f64),
            ("used_pixels".to_owned(), stats.used as f64),
            ("not_finite_pixels".to_owned(), stats.not_finite as f64),
            ("outside_pixels".to_owned(), stats.outside as f64),
            ("finite_voxels".to_owned(), stats.finite_voxels as f64),
        ]);
        Ok(Outcome { caveats, figures })
    }

    fn cube(&self, out: &mut dyn ProductSink, caveats: &[Caveat]) -> Result<StackStats, RecipeError> {
        let ctx = self.ctx;
        let mut options = self.params.stack_options();
        options.pixel_scale = self.pixel_scale();
        options.trace = self.params.saves("combined");
        let n_rows = || self.placed.exposures.iter().map(|exposure| exposure.rows.len());
        options.window_bytes = memory::wanted_window_bytes(n_rows());
        options.memory_bytes = memory::allowed_window_bytes(ctx.memory_bytes, n_rows());
        let request = self.grid_request();
        let fault = |error: KernelError| self.error(error);
        let mut stack = stage::run(ctx, "read coordinates", |hooks| {
            Stack::plan(&self.placed.exposures, &request, &options, hooks)
        })
        .map_err(fault)?;
        let sorted = order::sorted(&stack, &self.placed.exposures, options.trace, out, ctx, &fault)?;
        let in_order = order::in_order(&self.placed.exposures, &sorted);
        if sorted.iter().any(Option::is_some) {
            let plan = |hooks: &Hooks<'_>| Stack::plan(&in_order, &request, &options, hooks);
            stack = stage::run(ctx, "read coordinates", plan).map_err(fault)?;
        }
        let grid = *stack.grid();
        let rejected = (options.trace)
            .then(|| RejectedRows::new(&self.placed.exposures, &sorted, out))
            .transpose()?;

        let part = covariance::part(&self.params.covariance)?;
        if let Some(part) = &part {
            covariance::check_inside(part, &grid)?;
        }
        let mut header = self.primary("DATACUBE_FINAL", CUBE, caveats);
        let unit = &self.inputs.exposures[0].table.unit;
        let [nx, ny, nz] = grid.naxis;
        let layout = CubeLayout {
            tag: "DATACUBE_FINAL".into(),
            name: CUBE.into(),
            header: header.clone(),
            reserve_cards: 8 + quality::FIXED_CARDS + 4 * most_sources(&grid),
            hdus: vec![
                CubeHdu {
                    name: "DATA".into(),
                    shape: [nz, ny, nx],
                    header: headers::cube_data(&header, &grid, unit),
                },
                CubeHdu {
                    name: "STAT".into(),
                    shape: [nz, ny, nx],
                    header: headers::cube_stat(&header, &grid, unit),
                },
            ],
        };
        let mut writer = out.resume(layout, ctx.record)?;
        let filters: Vec<Filter> = self.curves.iter().map(|curve| curve.filter.clone()).collect();
        let mut samples = Samples::default();
        if self.seconds.is_some() {
            samples = samples.with_exposure_map(&stack);
        }
        // The pipeline's header says nothing about covariance, and its numbers are to be had at its cost.
        if self.params.numerics == NumericsChoice::Phoenix {
            samples = samples.with_covariance(&stack, &covariance::BLOCKS);
        }
        let collected = stream(
            &stack,
            &filters,
            &mut samples,
            writer.as_mut(),
            rejected.as_ref(),
            ctx,
            &fault,
        )?;
        self.set_quality(&mut header, &collected, &grid);
        if self.params.numerics == NumericsChoice::Phoenix {
            self.set_covariance(&mut header, &stack, &mut samples)?;
        }
        let exposed = self.exposed(&mut header, &stack, &mut samples)?;
        let matrix = self.matrix(part.as_ref(), &stack)?;
        writer.finish(header.clone())?;
        self.images(out, &grid, &header, collected.images)?;
        if let Some(map) = exposed {
            out.put(expmap::product(map, &header, &grid))?;
        }
        if let Some((matrix, part)) = matrix.zip(part) {
            out.put(covariance::product(matrix, &part, &header, unit))?;
        }
        if let Some(rejected) = &rejected {
            self.table(out, caveats, Some((rejected, grid.spectral.axis)))?;
        }
        Ok(collected.stats)
    }

    /// Writes the combined pixel table; `tested` is what the cube tells about the rows.
    fn table(
        &self,
        out: &mut dyn ProductSink,
        caveats: &[Caveat],
        tested: Option<(&RejectedRows<'_>, SpectralAxis)>,
    ) -> Result<(), RecipeError> {
        let table = CombinedTable {
            inputs: self.inputs,
            params: self.params,
            placed: self.placed,
            axis: tested.map(|(_, axis)| axis),
            rejected: tested.map(|(rejected, _)| rejected),
            ctx: self.ctx,
        };
        table.write(self.primary(combined::TAG, combined::NAME, caveats), out)
    }

    fn images(
        &self,
        out: &mut dyn ProductSink,
        grid: &CubeGrid,
        cube: &Header,
        images: Vec<Array2<f32>>,
    ) -> Result<(), RecipeError> {
        let s = &grid.spectral;
        let edge = |plane: f64| s.crval + (plane - s.crpix) * s.step;
        let range_aa = [edge(1.0), edge(grid.naxis[2] as f64 + 1.0)];
        for (n, (curve, image)) in (1..).zip(self.curves.iter().zip(images)) {
            let name = format!("IMAGE_FOV_{n:04}.fits");
            let mut header = cube.clone();
            header.set("PIPEFILE", name.as_str(), "");
            header.set("PRO.CATG", "IMAGE_FOV", "");
            let object = cube.str("OBJECT").unwrap_or("UNKNOWN");
            header.set("OBJECT", format!("{object} ({})", curve.name), "");
            curve.set_keys(&mut header, range_aa);
            out.put(Product {
                tag: "IMAGE_FOV".into(),
                name,
                header,
                hdus: vec![Hdu {
                    name: "DATA".into(),
                    header: headers::image_data(grid, &self.inputs.exposures[0].table.unit),
                    data: HduData::Image(Pixels::F32(std::sync::Arc::new(image))),
                }],
            })?;
        }
        Ok(())
    }

    fn primary(&self, tag: &str, name: &str, caveats: &[Caveat]) -> Header {
        let mut header = headers::primary(tag, name, &self.inputs.exposures, self.params.numerics);
        let mut record = self.ctx.record.clone();
        record.caveats.extend_from_slice(caveats);
        headers::set_record(&mut header, &record);
        header.set("PRO.DATANCOM", self.inputs.exposures.len(), "Number of combined frames");
        offsets::set_keys(&mut header, &self.placed.applied);
        if let Some(list) = &self.inputs.offsets {
            list.set_quality(&mut header);
        }
        header
    }

    fn set_quality(&self, header: &mut Header, collected: &Collected, grid: &CubeGrid) {
        let root = self.flavour.quality;
        if self.flavour.has_sources {
            quality::set_sources(header, &collected.middle, grid, most_sources(grid));
        }
        header.set(
            format!("{root}.NSATURATED"),
            collected.stats.saturated as i64,
            "Number of saturated pixels in the input",
        );
        header.set(
            format!("{root}.NREJECTED"),
            collected.stats.rejected as i64,
            "Number of pixels rejected as cosmic rays",
        );
        if let Some(shift) = headers::largest_shift_aa(&self.inputs.exposures) {
            header.set(
                format!("{root}.LSHIFT.MAX"),
                shift,
                "[Angstrom] Largest wavelength shift of any input",
            );
        }
    }

    /// Computes the whole covariance of a part of the cube.
    fn matrix(&self, part: Option<&[Range<usize>; 3]>, stack: &Stack<'_>) -> Result<Option<Array2<f64>>, RecipeError> {
        let compute = |part| {
            let matrix = stage::run(self.ctx, "compute covariance", |hooks| stack.covariance(part, hooks));
            matrix.map_err(|error| self.error(error))
        };
        part.map(compute).transpose()
    }

    /// Maps how long each spaxel was exposed and writes the median.
    fn exposed(
        &self,
        header: &mut Header,
        stack: &Stack<'_>,
        samples: &mut Samples,
    ) -> Result<Option<Array2<f32>>, RecipeError> {
        let measure = |seconds| expmap::measure(stack, samples, seconds, self.ctx).map_err(|error| self.error(error));
        let map = self.seconds.map(measure).transpose()?;
        if let Some(map) = &map {
            expmap::set_median(header, map);
        }
        Ok(map)
    }

    /// Writes how much more uncertain means over blocks of voxels are than the variances say.
    fn set_covariance(&self, header: &mut Header, stack: &Stack<'_>, samples: &mut Samples) -> Result<(), RecipeError> {
        let factors = stage::run(self.ctx, "measure covariance", |hooks| {
            samples.covariance_factors(stack, hooks)
        })
        .map_err(|error| self.error(error))?;
        covariance::set_factors(header, &factors);
        Ok(())
    }

    fn grid_request(&self) -> GridRequest {
        if let Some(grid) = self.inputs.fixed {
            return GridRequest::Fixed(grid);
        }
        let first = &self.inputs.exposures[0];
        let axis = SpectralAxis::Awav;
        let mut step = default_step(first.mode(), axis);
        if first.table.state == CoordinateState::Pixel {
            step[0] = 1.0;
            step[1] = 1.0;
        }
        for (own, asked) in step
            .iter_mut()
            .zip([self.params.dx, self.params.dy, self.params.dlambda])
        {
            if asked > 0.0 {
                *own = asked;
            }
        }
        GridRequest::Automatic {
            step,
            axis,
            limits: self.stated_limits(),
        }
    }

    /// The limits that a positioned table's header states; the pipeline trusts them, seven digits and 32 bits and all.
    fn stated_limits(&self) -> Option<Limits> {
        let first = &self.inputs.exposures[0];
        if self.params.numerics != NumericsChoice::Eso || first.table.state == CoordinateState::NativeSpherical {
            return None;
        }
        let read = |end: &str| -> Option<[f64; 3]> {
            let real = |axis: &str| {
                first
                    .header
                    .f64(format!("DRS.MUSE.PIXTABLE.LIMITS.{axis}.{end}"))
                    .ok()
                    .map(|limit| f64::from(limit as f32))
            };
            Some([real("X")?, real("Y")?, real("LAMBDA")?])
        };
        let mut limits = Limits {
            low: read("LOW")?,
            high: read("HIGH")?,
        };
        limits.low[2] = limits.low[2].max(self.params.lambdamin);
        limits.high[2] = limits.high[2].min(self.params.lambdamax);
        Some(limits)
    }

    fn pixel_scale(&self) -> Option<[f64; 2]> {
        let first = &self.inputs.exposures[0];
        if first.table.state == CoordinateState::Pixel {
            return None;
        }
        wcs::linear_part(&first.header).map(|cd| spatial_scale(&cd))
    }

    /// Refuses a table without any value; of the others no more is read than the first pages.
    fn check_columns(&self) -> Result<(), RecipeError> {
        for file in &self.inputs.exposures {
            if self.ctx.cancel.is_cancelled() {
                return Err(RecipeError::Stopped);
            }
            if let Some(column) = file.table.empty_column().map_err(in_file(&file.frame))? {
                return Err(RecipeError::Frame {
                    frame: file.frame.id.clone(),
                    reason: format!("column {column} holds no finite value"),
                });
            }
        }
        Ok(())
    }

    /// Tells a kernel's error with the frame's name.
    fn error(&self, error: KernelError) -> RecipeError {
        fault::of_kernel(error, &self.inputs.exposures, self.params, self.ctx.memory_bytes)
    }
}

/// How many sources of a field may get keywords: one per 20 x 20 voxels.
fn most_sources(grid: &CubeGrid) -> usize {
    (grid.naxis[0] * grid.naxis[1] / 400).clamp(4, quality::MOST_SOURCES)
}
