//! Combination of cubes that share a grid: `muse_cube_combine`.
//!
//! `params` are its parameters, `list` opens the cubes and compares their grids, `product` makes headers, `run` plans,
//! `stream` pushes slabs into the product.

mod list;
mod params;
mod product;
mod run;
mod stream;

use phoenix_core::id::Tag;
use phoenix_core::traits::{
    FrameReader, InputSet, InputSpec, Outcome, ProductSink, Recipe, RecipeError, RecipeSpec, ResourceModel, RunContext,
};

pub use list::{CubeFile, CubeFiles};
pub use params::{CubeCombineParams, MethodChoice, VarianceChoice};

/// The recipe; ESO's pipelines have none of this kind.
pub const CUBE_COMBINE: &str = "muse_cube_combine";

/// Combines cubes that share a grid into one.
#[derive(Debug)]
pub struct CubeCombine {
    spec: RecipeSpec,
}

impl Default for CubeCombine {
    fn default() -> Self {
        Self {
            spec: RecipeSpec {
                id: CUBE_COMBINE.into(),
                doc: "Combine datacubes of one grid into one by clipped mean or median.".into(),
                pipeline: concat!("phoenix/", env!("CARGO_PKG_VERSION")).into(),
                inputs: vec![InputSpec {
                    tag: "DATACUBE_FINAL".into(),
                    min: 2,
                    max: None,
                    is_main: true,
                }],
                outputs: ["DATACUBE_FINAL", "CUBE_STATISTICS"].map(Tag::from).to_vec(),
                params: params::specs(),
                references: vec!["docs/algorithms/cube-lists.md".into()],
                // Windows are bounded; headers of many cubes are small beside them.
                resources: ResourceModel {
                    base_bytes: 256 << 20,
                    bytes_per_input_byte: 0.0,
                    max_threads: 64,
                },
            },
        }
    }
}

impl Recipe for CubeCombine {
    type Params = CubeCombineParams;
    type Inputs = CubeFiles;

    fn spec(&self) -> &RecipeSpec {
        &self.spec
    }

    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<CubeFiles, RecipeError> {
        let frames: Vec<_> = inputs.tagged("DATACUBE_FINAL").collect();
        CubeFiles::open(&frames, reader)
    }

    fn run(
        &self,
        inputs: CubeFiles,
        params: &CubeCombineParams,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        run::run(&inputs, params, out, ctx)
    }
}
