//! The two recipes, by ESO's names.

use phoenix_core::caveat::Caveat;
use phoenix_core::frame::FrameRef;
use phoenix_core::id::Tag;
use phoenix_core::plan::Resources;
use phoenix_core::traits::{
    FrameReader, InputSet, InputSpec, Outcome, ProductSink, Recipe, RecipeError, RecipeSpec, ResourceModel, RunContext,
};

use crate::combine::{self, Flavour};
use crate::load::{self, Inputs};
use crate::params::{self, CombineParams, CubeParams};
use crate::{COMBINE, MAKE_CUBE, combined, memory};

const PIPELINE: &str = concat!("phoenix/", env!("CARGO_PKG_VERSION"));

/// Where the numbers come from.
const REFERENCES: [&str; 3] = [
    "Weilbacher et al. 2020, A&A 641, A28",
    "docs/algorithms/ifu-combine.md",
    "docs/muse.md",
];

/// Kinds of table that `muse_scipost_make_cube` takes, in order of preference.
const CUBE_INPUTS: [&str; 5] = [
    "PIXTABLE_REDUCED",
    "PIXTABLE_OBJECT",
    "PIXTABLE_POSITIONED",
    "PIXTABLE_COMBINED",
    "PIXTABLE_SKY",
];

fn input(tag: &str, min: usize, max: Option<usize>, is_main: bool) -> InputSpec {
    InputSpec {
        tag: tag.into(),
        min,
        max,
        is_main,
    }
}

fn spec(id: &str, doc: &str, inputs: Vec<InputSpec>, outputs: &[&str], names: &[&str]) -> RecipeSpec {
    RecipeSpec {
        id: id.into(),
        doc: doc.into(),
        pipeline: PIPELINE.into(),
        inputs,
        outputs: outputs.iter().map(|tag| Tag::from(*tag)).collect(),
        params: params::specs(names),
        references: REFERENCES.iter().map(|text| (*text).into()).collect(),
        // Windows take at most a quarter of the input; images, index and output buffers are bounded by the field.
        resources: ResourceModel {
            base_bytes: 96 << 20,
            bytes_per_input_byte: 0.3,
            max_threads: memory::MOST_THREADS,
        },
    }
}

/// Combines several exposures into one cube.
#[derive(Debug)]
pub struct ExpCombine {
    spec: RecipeSpec,
}

impl Default for ExpCombine {
    fn default() -> Self {
        let inputs = vec![
            input("PIXTABLE_REDUCED", 2, None, true),
            input("OFFSET_LIST", 0, Some(1), false),
            input("FILTER_LIST", 0, Some(1), false),
            input("OUTPUT_WCS", 0, Some(1), false),
        ];
        let names = [
            "save",
            "resample",
            "dx",
            "dy",
            "dlambda",
            "crtype",
            "crsigma",
            "rc",
            "pixfrac",
            "ld",
            "format",
            "weight",
            "filter",
            "lambdamin",
            "lambdamax",
            "covariance",
            "numerics",
        ];
        let outputs = [
            "DATACUBE_FINAL",
            "IMAGE_FOV",
            "EXPOSURE_MAP",
            "COVARIANCE",
            combined::TAG,
        ];
        Self {
            spec: spec(
                COMBINE,
                "Combine several exposures into one datacube.",
                inputs,
                &outputs,
                &names,
            ),
        }
    }
}

impl Recipe for ExpCombine {
    type Params = CombineParams;
    type Inputs = Inputs;

    fn spec(&self) -> &RecipeSpec {
        &self.spec
    }

    fn resources(&self, inputs: &[FrameRef]) -> Resources {
        memory::resources(inputs)
    }

    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Inputs, RecipeError> {
        let tables: Vec<_> = inputs.tagged("PIXTABLE_REDUCED").collect();
        let mut inputs = load::load(&tables, inputs, reader, true)?;
        leave_out(&mut inputs)?;
        Ok(inputs)
    }

    fn run(
        &self,
        inputs: Inputs,
        params: &CombineParams,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        let flavour = Flavour {
            quality: "QC.EXPCOMB",
            has_sources: true,
        };
        combine::run(&inputs, params, flavour, out, ctx)
    }
}

/// Leaves out the exposures that the list of offsets says are not to be used.
fn leave_out(inputs: &mut Inputs) -> Result<(), RecipeError> {
    let Some(offsets) = &inputs.offsets else { return Ok(()) };
    let opened = std::mem::take(&mut inputs.exposures);
    for exposure in opened {
        match offsets.refusal(exposure.identity()) {
            Some(reason) => inputs.caveats.push(Caveat::InputLeftOut {
                frame: exposure.frame.id.clone(),
                reason: reason.to_owned(),
            }),
            None => inputs.exposures.push(exposure),
        }
    }
    if inputs.exposures.is_empty() {
        let reason = "the OFFSET_LIST leaves out every exposure".to_owned();
        return Err(RecipeError::Inputs { reason });
    }
    Ok(())
}

/// Makes a cube from one pixel table.
#[derive(Debug)]
pub struct MakeCube {
    spec: RecipeSpec,
}

impl Default for MakeCube {
    fn default() -> Self {
        let mut inputs: Vec<InputSpec> = CUBE_INPUTS.iter().map(|tag| input(tag, 0, Some(1), true)).collect();
        inputs.push(input("FILTER_LIST", 0, Some(1), false));
        inputs.push(input("OUTPUT_WCS", 0, Some(1), false));
        let names = [
            "lambdamin",
            "lambdamax",
            "resample",
            "dx",
            "dy",
            "dlambda",
            "crtype",
            "crsigma",
            "rc",
            "pixfrac",
            "ld",
            "format",
            "stacked",
            "filter",
            "covariance",
            "numerics",
        ];
        let outputs = ["DATACUBE_FINAL", "IMAGE_FOV", "EXPOSURE_MAP", "COVARIANCE"];
        Self {
            spec: spec(
                MAKE_CUBE,
                "Make a datacube from one pixel table.",
                inputs,
                &outputs,
                &names,
            ),
        }
    }
}

impl Recipe for MakeCube {
    type Params = CubeParams;
    type Inputs = Inputs;

    fn spec(&self) -> &RecipeSpec {
        &self.spec
    }

    fn resources(&self, inputs: &[FrameRef]) -> Resources {
        memory::resources(inputs)
    }

    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Inputs, RecipeError> {
        let tables: Vec<_> = CUBE_INPUTS.iter().flat_map(|tag| inputs.tagged(tag)).collect();
        if tables.len() != 1 {
            let reason = format!("{MAKE_CUBE} needs 1 pixel table, there are {}", tables.len());
            return Err(RecipeError::Inputs { reason });
        }
        load::load(&tables, inputs, reader, false)
    }

    fn run(
        &self,
        inputs: Inputs,
        params: &CubeParams,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        if params.stacked {
            return Err(RecipeError::Parameter {
                name: "stacked".into(),
                reason: "a stacked image is not written by this backend".into(),
            });
        }
        let flavour = Flavour {
            quality: "QC.MAKECUBE",
            has_sources: false,
        };
        combine::run(&inputs, &CombineParams::from(params), flavour, out, ctx)
    }
}
