//! The exposure map that comes with each cube.

use std::sync::Arc;

use ndarray::Array2;
use phoenix_core::caveat::Caveat;
use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::{RecipeError, RunContext};
use phoenix_kernels::KernelError;
use phoenix_kernels::ifu::{CubeGrid, Samples, Stack};
use phoenix_kernels::stat::median;
use phoenix_kit::stage;

use crate::exposure::ExposureFile;
use crate::headers;

/// Its tag, as `muse_exp_align` calls the map of its preview.
pub const TAG: &str = "EXPOSURE_MAP";

/// Returns the exposure times; without one of them there is no map, which is told.
pub fn seconds(exposures: &[ExposureFile], caveats: &mut Vec<Caveat>) -> Option<Vec<f64>> {
    match exposures
        .iter()
        .map(ExposureFile::exptime_s)
        .collect::<Result<_, RecipeError>>()
    {
        Ok(seconds) => Some(seconds),
        Err(error) => {
            caveats.push(Caveat::OutputMissing {
                tag: TAG.into(),
                reason: error.to_string(),
            });
            None
        }
    }
}

/// Measures the map.
///
/// # Errors
/// Those of [`Samples::exposure_map`].
pub fn measure(
    stack: &Stack<'_>,
    samples: &mut Samples,
    seconds: &[f64],
    ctx: &RunContext<'_>,
) -> Result<Array2<f32>, KernelError> {
    stage::run(ctx, "map exposures", |hooks| {
        samples.exposure_map(stack, seconds, hooks)
    })
}

/// Writes the median of the map, which the archive's standard calls the exposure time of a mosaic.
pub fn set_median(header: &mut Header, map: &Array2<f32>) {
    let mut exposed: Vec<f64> = map.iter().filter(|s| **s > 0.0).map(|s| f64::from(*s)).collect();
    if let Some(median) = median(&mut exposed) {
        header.set(
            "PHX.EXPMAP.MEDIAN",
            median,
            "[s] median of the exposure map where above 0",
        );
    }
}

/// Makes the product: seconds for each spaxel, 0 where nothing was exposed.
pub fn product(map: Array2<f32>, cube: &Header, grid: &CubeGrid) -> Product {
    let name = format!("{TAG}.fits");
    let mut header = cube.clone();
    header.set("PIPEFILE", name.as_str(), "");
    header.set("PRO.CATG", TAG, "");
    Product {
        tag: TAG.into(),
        name,
        header,
        hdus: vec![Hdu {
            name: "DATA".into(),
            header: headers::image_data(grid, "s"),
            data: HduData::Image(Pixels::F32(Arc::new(map))),
        }],
    }
}
