//! Offsets between exposures: `muse_exp_align`.
//!
//! `params` are its parameters, `load` reads images, `product` makes headers and tables, `quality` their
//! quality keywords, this file runs the kernel.

mod load;
mod params;
mod product;
mod quality;

use phoenix_core::caveat::Caveat;
use phoenix_core::traits::{
    FrameReader, InputSet, InputSpec, Outcome, ProductSink, Recipe, RecipeError, RecipeSpec, ResourceModel, RunContext,
};
use phoenix_kernels::KernelError;
use phoenix_kernels::align::{Alignment, Method, SkyImage, align_to, preview, seams};
use phoenix_kit::{stage, threads};

pub use load::{AnchorContent, AnchorFile, Fov, Fovs};
pub use params::AlignParams;
pub(crate) use product::NOT_INHERITED;
pub(crate) use quality::KEPT;

/// The recipe and its task, by ESO's name.
pub const ALIGN: &str = "muse_exp_align";

/// Finds the offsets of exposures.
#[derive(Debug)]
pub struct ExpAlign {
    spec: RecipeSpec,
}

fn input(tag: &str, min: usize, max: Option<usize>, is_main: bool) -> InputSpec {
    InputSpec {
        tag: tag.into(),
        min,
        max,
        is_main,
    }
}

impl Default for ExpAlign {
    fn default() -> Self {
        Self {
            spec: RecipeSpec {
                id: ALIGN.into(),
                doc: "Measure the coordinate offsets of exposures on their images.".into(),
                pipeline: concat!("phoenix/", env!("CARGO_PKG_VERSION")).into(),
                inputs: vec![
                    input("IMAGE_FOV", 2, None, true),
                    input(load::CATALOGUE, 0, Some(1), false),
                    input(load::IMAGE, 0, Some(1), false),
                ],
                outputs: ["OFFSET_LIST", "SOURCE_LIST", "PREVIEW_FOV", "EXPOSURE_MAP"]
                    .map(Into::into)
                    .to_vec(),
                params: params::specs(),
                references: vec![
                    "docs/algorithms/alignment.md".into(),
                    "Weilbacher et al. 2020, A&A 641, A28".into(),
                ],
                // Each image is held with its mask and in double precision; transforms are of a few images' size.
                resources: ResourceModel {
                    base_bytes: 128 << 20,
                    bytes_per_input_byte: 30.0,
                    max_threads: 64,
                },
            },
        }
    }
}

impl Recipe for ExpAlign {
    type Params = AlignParams;
    type Inputs = Fovs;

    fn spec(&self) -> &RecipeSpec {
        &self.spec
    }

    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Fovs, RecipeError> {
        load::load(inputs, reader)
    }

    fn run(
        &self,
        inputs: Fovs,
        params: &AlignParams,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        let options = params.options()?;
        threads::within(ctx.threads, || {
            let images: Vec<SkyImage> = inputs.fovs.iter().map(|fov| fov.image.clone()).collect();
            let anchor = inputs.anchor.as_ref().map(AnchorFile::anchor);
            let alignment = stage::run(ctx, "correlate", |hooks| {
                let alignment = align_to(&images, anchor, &options, hooks)?;
                hooks.check().map(|()| alignment)
            })
            .map_err(of_kernel)?;
            let caveats = caveats(&inputs, &alignment);
            let chosen: Vec<_> = inputs
                .fovs
                .iter()
                .zip(&alignment.exposures)
                .enumerate()
                .filter(|(_, (_, found))| found.method != Method::None)
                .map(|(k, (fov, found))| {
                    let factor = found.flux_scale.map_or(1.0, |[scale, _]| scale);
                    (k, found.offset_deg, factor, fov.exptime_s)
                })
                .collect();
            let shown = preview(&images, &chosen).map_err(of_kernel)?;
            let found = seams(&images, &chosen, &shown);
            let mut steps = vec![None; images.len()];
            for ((k, ..), seam) in chosen.iter().zip(found) {
                steps[*k] = seam;
            }
            let maker = product::Maker {
                seams: &steps,
                inputs: &inputs,
                alignment: &alignment,
                record: ctx.record,
                caveats: &caveats,
            };
            out.put(maker.offsets())?;
            for k in 0..images.len() {
                out.put(maker.sources(k))?;
            }
            out.put(maker.preview(&shown))?;
            if params.expmap {
                out.put(maker.exposure_map(&shown))?;
            }
            let aligned = alignment
                .exposures
                .iter()
                .filter(|found| found.method != Method::None)
                .count();
            let figures = vec![
                ("exposures".to_owned(), images.len() as f64),
                ("aligned_exposures".to_owned(), aligned as f64),
                (
                    "sources".to_owned(),
                    alignment.sources.iter().map(Vec::len).sum::<usize>() as f64,
                ),
                ("excess_arcsec".to_owned(), alignment.excess_arcsec),
            ];
            Ok(Outcome { caveats, figures })
        })
    }
}

fn caveats(inputs: &Fovs, alignment: &Alignment) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    if let Some(anchor) = inputs.anchor.as_ref().filter(|_| !alignment.is_anchored) {
        let reason = format!(
            "frame {}: too few exposures are tied to it; offsets are relative to an exposure",
            anchor.frame.id
        );
        caveats.push(Caveat::Partial { reason });
    }
    for ((fov, found), sources) in inputs.fovs.iter().zip(&alignment.exposures).zip(&alignment.sources) {
        if found.method == Method::None {
            let reason = format!(
                "frame {}: nothing ties the exposure to the others ({} sources found); its offset is 0 and not measured",
                fov.frame.id,
                sources.len()
            );
            caveats.push(Caveat::Partial { reason });
        }
    }
    if alignment
        .exposures
        .iter()
        .all(|found| matches!(found.method, Method::None | Method::Reference))
    {
        let reason = "no exposure could be aligned with another: all offsets are 0 and not measured".to_owned();
        caveats.push(Caveat::Partial { reason });
    }
    caveats
}

fn of_kernel(error: KernelError) -> RecipeError {
    match error {
        KernelError::Stopped => RecipeError::Stopped,
        KernelError::Parameter { name, value, allowed } => RecipeError::Parameter {
            name: name.into(),
            reason: format!("{value} is outside {allowed}"),
        },
        other => RecipeError::NoResult {
            reason: other.to_string(),
        },
    }
}
