//! A white-light image of one pixel table, without a cube on the disk: `muse_exp_image`.

use std::sync::Arc;

use ndarray::{Array2, ArrayView3};
use phoenix_core::caveat::Caveat;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::{
    FrameReader, InputSet, InputSpec, Outcome, ProductSink, Recipe, RecipeError, RecipeSpec, ResourceModel, RunContext,
};
use phoenix_kernels::ifu::{
    Filter, GridRequest, ImageAccumulator, Slab, SpectralAxis, Stack, StackStats, default_step,
};
use phoenix_kernels::{KernelError, SourceError};
use phoenix_kit::{param, stage, threads, units};
use serde::{Deserialize, Serialize};

use crate::filters::FilterCurve;
use crate::load::{self, Inputs};
use crate::params::{CombineParams, NumericsChoice, WeightChoice};
use crate::place::place;
use crate::{fault, headers};

/// The recipe and its task.
pub const IMAGE: &str = "muse_exp_image";

/// Largest image: data and variance of a field of 60 arcsec at any angle, in pixels of 0.2 arcsec, and headers.
const MOST_IMAGE_BYTES: u64 = 2 << 20;

/// Name of the extension with the variance of the image.
pub(super) const STAT: &str = "STAT";

/// Parameters of `muse_exp_image`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageParams {
    /// Planes over which the image is collapsed are this wide, Angstrom: ten pixels, so that cosmic rays stand out.
    #[serde(deserialize_with = "param::number")]
    pub dlambda: f64,
    /// Limit of the cosmic-ray test; 0 or below switches it off.
    #[serde(deserialize_with = "param::number")]
    pub crsigma: f64,
    /// Smallest wavelength in Angstrom.
    #[serde(deserialize_with = "param::number")]
    pub lambdamin: f64,
    /// Largest wavelength in Angstrom.
    #[serde(deserialize_with = "param::number")]
    pub lambdamax: f64,
    /// Which numbers are wanted.
    pub numerics: NumericsChoice,
}

impl Default for ImageParams {
    fn default() -> Self {
        let combine = CombineParams::default();
        Self {
            dlambda: 12.5,
            crsigma: 15.0,
            lambdamin: combine.lambdamin,
            lambdamax: combine.lambdamax,
            numerics: combine.numerics,
        }
    }
}

impl From<&ImageParams> for CombineParams {
    fn from(image: &ImageParams) -> Self {
        Self {
            dlambda: image.dlambda,
            crsigma: image.crsigma,
            lambdamin: image.lambdamin,
            lambdamax: image.lambdamax,
            weight: WeightChoice::None,
            numerics: image.numerics,
            ..Self::default()
        }
    }
}

/// Makes a white-light image of one pixel table.
#[derive(Debug)]
pub struct ExpImage {
    spec: RecipeSpec,
}

impl Default for ExpImage {
    fn default() -> Self {
        let params = [
            (
                "dlambda",
                "Width of the planes that are collapsed, Angstrom.",
                "above 0",
            ),
            (
                "crsigma",
                "Limit of the cosmic-ray test; 0 or below switches it off.",
                "number",
            ),
            ("lambdamin", "Smallest wavelength in Angstrom.", "number"),
            ("lambdamax", "Largest wavelength in Angstrom.", "number"),
            (
                "numerics",
                "Which numbers: phoenix repairs known defects, eso has the pipeline's bits.",
                "phoenix | eso",
            ),
        ];
        Self {
            spec: RecipeSpec {
                id: IMAGE.into(),
                doc: "Make a white-light image of one pixel table, with its variance.".into(),
                pipeline: concat!("phoenix/", env!("CARGO_PKG_VERSION")).into(),
                inputs: vec![InputSpec {
                    tag: "PIXTABLE_REDUCED".into(),
                    min: 1,
                    max: Some(1),
                    is_main: true,
                }],
                outputs: vec!["IMAGE_FOV".into()],
                params: param::described(params),
                references: vec!["docs/algorithms/deep-weights.md".into()],
                // As of a cube of the same table, but nothing of it is kept.
                resources: ResourceModel {
                    base_bytes: 96 << 20,
                    bytes_per_input_byte: 0.3,
                    max_threads: 64,
                },
            },
        }
    }
}

impl Recipe for ExpImage {
    type Params = ImageParams;
    type Inputs = Inputs;

    fn spec(&self) -> &RecipeSpec {
        &self.spec
    }

    fn product_bytes(&self, read_bytes: u64) -> u64 {
        read_bytes.min(MOST_IMAGE_BYTES)
    }

    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Inputs, RecipeError> {
        let tables: Vec<_> = inputs.tagged("PIXTABLE_REDUCED").collect();
        load::load(&tables, inputs, reader, true)
    }

    fn run(
        &self,
        inputs: Inputs,
        params: &ImageParams,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        let combine = CombineParams::from(params);
        combine.check()?;
        if params.dlambda <= 0.0 {
            return Err(RecipeError::Parameter {
                name: "dlambda".into(),
                reason: format!("{} is not above 0", params.dlambda),
            });
        }
        let mut caveats = inputs.caveats.clone();
        let (image, stats) = threads::within(ctx.threads, || collapse(&inputs, &combine, &mut caveats, ctx))?;
        out.put(product(&inputs, image, params, &caveats, ctx))?;
        let figures = vec![
            ("used_pixels".to_owned(), stats.used as f64),
            ("rejected_pixels".to_owned(), stats.rejected as f64),
        ];
        Ok(Outcome { caveats, figures })
    }
}

/// A collapsed table.
struct White {
    data: Array2<f32>,
    variance: Array2<f32>,
    grid: phoenix_kernels::ifu::CubeGrid,
}

fn collapse(
    inputs: &Inputs,
    params: &CombineParams,
    caveats: &mut Vec<Caveat>,
    ctx: &RunContext<'_>,
) -> Result<(White, StackStats), RecipeError> {
    let of_kernel = |error: KernelError| fault::of_kernel(error, &inputs.exposures, params, ctx.memory_bytes);
    let placed = place(inputs, params, caveats)?;
    let mut options = params.stack_options();
    options.memory_bytes = usize::try_from(ctx.memory_bytes / 2).unwrap_or(usize::MAX);
    let mode = inputs.exposures.first().map(crate::exposure::ExposureFile::mode);
    let mut step = default_step(mode.unwrap_or_default(), SpectralAxis::Awav);
    step[2] = params.dlambda;
    let request = GridRequest::Automatic {
        step,
        axis: SpectralAxis::Awav,
        limits: None,
    };
    let stack = stage::run(ctx, "read coordinates", |hooks| {
        Stack::plan(&placed.exposures, &request, &options, hooks)
    })
    .map_err(of_kernel)?;
    let grid = *stack.grid();
    let [nx, ny, _] = grid.naxis;
    let filter = Filter::white();
    let mut images = ImageAccumulator::new(std::slice::from_ref(&filter), stack.wavelengths(), ny, nx);
    let weights: Vec<f64> = stack.wavelengths().iter().map(|lambda| filter.at(*lambda)).collect();
    let mut noise = Noise::new(ny * nx);
    let mut sink = |slab: &Slab<'_>| -> Result<(), SourceError> {
        images.add(slab)?;
        noise.add(&weights[slab.first_plane..], &slab.data, &slab.stat);
        Ok(())
    };
    let stats = stage::run(ctx, "resample", |hooks| stack.run(&mut sink, hooks)).map_err(of_kernel)?;
    let data = images.finish().pop().unwrap_or_default();
    let variance = Array2::from_shape_vec((ny, nx), noise.finish()).map_err(|error| RecipeError::NoResult {
        reason: error.to_string(),
    })?;
    Ok((White { data, variance, grid }, stats))
}

/// Variance of a collapse: sum of squared weights times variance over the squared sum of weights.
struct Noise {
    sums: Vec<[f64; 2]>,
}

impl Noise {
    fn new(n: usize) -> Self {
        Self {
            sums: vec![[0.0; 2]; n],
        }
    }

    fn add(&mut self, weights: &[f64], data: &ArrayView3<'_, f32>, stat: &ArrayView3<'_, f32>) {
        for ((plane, variances), weight) in data.outer_iter().zip(stat.outer_iter()).zip(weights) {
            for ((value, variance), sum) in plane.iter().zip(variances.iter()).zip(&mut self.sums) {
                if value.is_finite() && variance.is_finite() {
                    sum[0] += weight * weight * f64::from(*variance);
                    sum[1] += weight;
                }
            }
        }
    }

    fn finish(self) -> Vec<f32> {
        self.sums
            .into_iter()
            .map(|[sum, weight]| (sum / (weight * weight)) as f32)
            .collect()
    }
}

fn product(inputs: &Inputs, white: White, params: &ImageParams, caveats: &[Caveat], ctx: &RunContext<'_>) -> Product {
    let name = "IMAGE_FOV_0001.fits";
    let mut header = headers::primary("IMAGE_FOV", name, &inputs.exposures, params.numerics);
    let mut record = ctx.record.clone();
    record.caveats.extend_from_slice(caveats);
    headers::set_record(&mut header, &record);
    header.set("PRO.SCIENCE", false, "Scientific product if T");
    header.set("PRO.DATANCOM", inputs.exposures.len(), "Number of combined frames");
    let spectral = &white.grid.spectral;
    let edge = |plane: f64| spectral.crval + (plane - spectral.crpix) * spectral.step;
    let range_aa = [edge(1.0), edge(white.grid.naxis[2] as f64 + 1.0)];
    FilterCurve::white().set_keys(&mut header, range_aa);
    let unit = inputs
        .exposures
        .first()
        .map_or("", |exposure| exposure.table.unit.as_str());
    let mut stat = headers::image_data(&white.grid, &units::variance(unit));
    headers::set_class(&mut stat, "ERROR");
    let hdu = |name: &str, header, pixels: Array2<f32>| Hdu {
        name: name.into(),
        header,
        data: HduData::Image(Pixels::F32(Arc::new(pixels))),
    };
    Product {
        tag: "IMAGE_FOV".into(),
        name: name.into(),
        header,
        hdus: vec![
            hdu("DATA", headers::image_data(&white.grid, unit), white.data),
            hdu(STAT, stat, white.variance),
        ],
    }
}
