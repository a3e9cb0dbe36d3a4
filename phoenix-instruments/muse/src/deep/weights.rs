//! Quality and weights of exposures, and which are left out: `muse_exp_weights`.

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::traits::{
    FrameReader, HduKind, InputSet, InputSpec, Outcome, ProductSink, Recipe, RecipeError, RecipeSpec, ResourceModel,
    RunContext,
};
use phoenix_kit::{param, threads};
use serde::{Deserialize, Serialize};

use super::image::STAT;
use super::judge::judge;
use super::list;
use crate::align::{ExpAlign, Fovs};
use crate::exposure::in_file;
use crate::offsets::OffsetList;

/// The recipe and its task.
pub const WEIGHTS: &str = "muse_exp_weights";

/// Parameters of `muse_exp_weights`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightParams {
    /// Robust standard deviations beyond which an exposure is unlike the others; 0 leaves none out.
    #[serde(deserialize_with = "param::number")]
    pub clip: f64,
    /// Share of the exposures that stay in any case.
    #[serde(deserialize_with = "param::number")]
    pub keep: f64,
    /// Seeing above the median by less than this share of it is harmless.
    #[serde(deserialize_with = "param::number")]
    pub dfwhm: f64,
    /// Transparency below the median by less than this share of it is harmless.
    #[serde(deserialize_with = "param::number")]
    pub dtransparency: f64,
    /// Offsets from the median by less than this are harmless, arcsec: the blind pointing of the telescope.
    /// Source: ESO, telescope overview: 3 arcsec.
    #[serde(deserialize_with = "param::number")]
    pub doffset: f64,
    /// A sky level off the median by less than so many times the noise of a pixel is harmless.
    #[serde(deserialize_with = "param::number")]
    pub dbackground: f64,
    /// Power of the seeing in the weight: 1 for point sources measured in the stack, 2 for fluxes measured in each exposure
    /// and averaged, 0 for extended light.
    #[serde(deserialize_with = "param::number")]
    pub fwhmpower: f64,
}

impl Default for WeightParams {
    fn default() -> Self {
        Self {
            clip: 4.0,
            keep: 0.5,
            dfwhm: 0.3,
            dtransparency: 0.2,
            doffset: 3.0,
            dbackground: 5.0,
            fwhmpower: 1.0,
        }
    }
}

impl WeightParams {
    fn check(&self) -> Result<(), RecipeError> {
        let refuse = |name: &str, value: f64, allowed: &str| {
            Err(RecipeError::Parameter {
                name: name.into(),
                reason: format!("{value} is outside {allowed}"),
            })
        };
        let limits = [
            ("clip", self.clip),
            ("dfwhm", self.dfwhm),
            ("dtransparency", self.dtransparency),
            ("doffset", self.doffset),
            ("dbackground", self.dbackground),
        ];
        if let Some((name, value)) = limits.into_iter().find(|(_, v)| !(*v >= 0.0 && v.is_finite())) {
            return refuse(name, value, "0 and above");
        }
        if !(0.0..=1.0).contains(&self.keep) {
            return refuse("keep", self.keep, "0 to 1");
        }
        if !(0.0..=4.0).contains(&self.fwhmpower) {
            return refuse("fwhmpower", self.fwhmpower, "0 to 4");
        }
        Ok(())
    }
}

/// The images of all exposures with their variances, and the offsets.
#[derive(Debug)]
pub struct Inputs {
    pub(super) fovs: Fovs,
    pub(super) variances: Vec<Option<Vec<f32>>>,
    pub(super) offsets: OffsetList,
    /// Header of the list of offsets.
    pub(super) origins: Header,
}

/// Measures the quality of exposures, leaves out the odd ones and weighs the others.
#[derive(Debug)]
pub struct ExpWeights {
    spec: RecipeSpec,
}

impl Default for ExpWeights {
    fn default() -> Self {
        let params = [
            (
                "clip",
                "Robust sigmas beyond which an exposure is left out; 0 leaves none out.",
                "0 or above",
            ),
            ("keep", "Share of the exposures that stay in any case.", "0 to 1"),
            (
                "dfwhm",
                "Harmless excess of the seeing, share of the median.",
                "0 or above",
            ),
            (
                "dtransparency",
                "Harmless loss of light, share of the median.",
                "0 or above",
            ),
            ("doffset", "Harmless offset from the median, arcsec.", "0 or above"),
            (
                "dbackground",
                "Harmless deviation of the sky level, sigmas of a pixel.",
                "0 or above",
            ),
            (
                "fwhmpower",
                "Power of the seeing in the weight: 1 for point sources in the stack, 0 for extended light.",
                "0 to 4",
            ),
        ];
        let input = |tag: &str, min, max, is_main| InputSpec {
            tag: tag.into(),
            min,
            max,
            is_main,
        };
        Self {
            spec: RecipeSpec {
                id: WEIGHTS.into(),
                doc: "Measure the quality of exposures, leave out the odd ones, weigh the others.".into(),
                pipeline: concat!("phoenix/", env!("CARGO_PKG_VERSION")).into(),
                inputs: vec![
                    input("IMAGE_FOV", 2, None, true),
                    input("OFFSET_LIST", 1, Some(1), true),
                ],
                outputs: vec!["OFFSET_LIST".into()],
                params: param::described(params),
                references: vec!["docs/algorithms/deep-weights.md".into()],
                resources: ResourceModel {
                    base_bytes: 64 << 20,
                    bytes_per_input_byte: 8.0,
                    max_threads: 64,
                },
            },
        }
    }
}

impl Recipe for ExpWeights {
    type Params = WeightParams;
    type Inputs = Inputs;

    fn spec(&self) -> &RecipeSpec {
        &self.spec
    }

    fn product_bytes(&self, read_bytes: u64) -> u64 {
        // A row per exposure.
        read_bytes.min(1 << 20)
    }

    fn load(&self, inputs: &InputSet<'_>, reader: &dyn FrameReader) -> Result<Inputs, RecipeError> {
        let fovs = ExpAlign::default().load(inputs, reader)?;
        let variances = fovs
            .fovs
            .iter()
            .map(|fov| variance(&fov.frame, fov.image.pixels().dim(), reader))
            .collect::<Result<_, _>>()?;
        let Some(list) = inputs.tagged("OFFSET_LIST").next() else {
            return Err(RecipeError::Inputs {
                reason: format!("{WEIGHTS} needs an OFFSET_LIST"),
            });
        };
        let hdus = reader.hdus(list).map_err(in_file(list))?;
        Ok(Inputs {
            fovs,
            variances,
            offsets: OffsetList::read(list, reader)?,
            origins: hdus.into_iter().next().map(|hdu| hdu.header).unwrap_or_default(),
        })
    }

    fn run(
        &self,
        inputs: Inputs,
        params: &WeightParams,
        out: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        params.check()?;
        threads::within(ctx.threads, || {
            let (judged, caveats) = judge(&inputs, params, ctx)?;
            let n_used = judged.rows.iter().filter(|row| row.left_out.is_none()).count();
            let figures = vec![
                ("exposures".to_owned(), judged.rows.len() as f64),
                ("left_out".to_owned(), (judged.rows.len() - n_used) as f64),
            ];
            let mut product = list::product(&inputs.fovs, &judged, params, &caveats, ctx.record);
            inputs.offsets.set_quality(&mut product.header);
            out.put(product)?;
            Ok(Outcome { caveats, figures })
        })
    }
}

/// Reads the variance that an image of ours has beside its data.
fn variance(
    frame: &FrameRef,
    (n_y, n_x): (usize, usize),
    reader: &dyn FrameReader,
) -> Result<Option<Vec<f32>>, RecipeError> {
    let hdus = reader.hdus(frame).map_err(in_file(frame))?;
    let stat = hdus
        .iter()
        .find(|hdu| hdu.kind == HduKind::Image && hdu.name == STAT && hdu.shape == [n_y, n_x]);
    let Some(stat) = stat else { return Ok(None) };
    let mut values = vec![0.0_f32; n_y * n_x];
    let planes = reader.planes(frame, stat.index).map_err(in_file(frame))?;
    planes.read(0..1, &mut values).map_err(in_file(frame))?;
    Ok(Some(values))
}
