//! Parameters of `muse_exp_align`, with ESO's names where they mean the same.

use phoenix_core::traits::{ParamSpec, RecipeError};
use phoenix_kernels::align::AlignOptions;
use phoenix_kit::param;
use serde::{Deserialize, Serialize};

/// Parameters of `muse_exp_align`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlignParams {
    /// Search radii in arcsec, the first for the first guess.
    #[serde(deserialize_with = "param::list_text")]
    pub rsearch: String,
    /// Full width at half maximum of the detection filter, pixels.
    #[serde(deserialize_with = "param::number")]
    pub fwhm: f64,
    /// Minus the least significance of a source in sigma.
    #[serde(deserialize_with = "param::number")]
    pub threshold: f64,
    /// Most sources of an exposure.
    #[serde(deserialize_with = "param::count")]
    pub srcmax: usize,
    /// Least roundness.
    #[serde(deserialize_with = "param::number")]
    pub roundmin: f64,
    /// Greatest roundness.
    #[serde(deserialize_with = "param::number")]
    pub roundmax: f64,
    /// Least sharpness.
    #[serde(deserialize_with = "param::number")]
    pub sharpmin: f64,
    /// Greatest sharpness.
    #[serde(deserialize_with = "param::number")]
    pub sharpmax: f64,
    /// Whether to write an exposure map.
    #[serde(deserialize_with = "param::logical")]
    pub expmap: bool,
}

impl Default for AlignParams {
    fn default() -> Self {
        let options = AlignOptions::default();
        Self {
            rsearch: "30.,4.,2.,0.8".into(),
            fwhm: options.fwhm_pixels,
            threshold: -options.threshold_sigma,
            srcmax: options.most_sources,
            roundmin: options.roundness[0],
            roundmax: options.roundness[1],
            sharpmin: options.sharpness[0],
            sharpmax: options.sharpness[1],
            expmap: true,
        }
    }
}

impl AlignParams {
    /// Returns the options of the kernel, which checks their ranges.
    ///
    /// # Errors
    /// `Parameter`, naming the parameter.
    pub fn options(&self) -> Result<AlignOptions, RecipeError> {
        let refuse = |name: &str, reason: String| {
            Err(RecipeError::Parameter {
                name: name.into(),
                reason,
            })
        };
        if self.threshold > 0.0 {
            let reason = format!(
                "{} is an absolute level, which this backend does not use; minus a number of sigma is expected",
                self.threshold
            );
            return refuse("threshold", reason);
        }
        if self.srcmax == 0 {
            return refuse("srcmax", "0 is not 1 or more".into());
        }
        let mut options = AlignOptions::default();
        options.radii_arcsec = param::numbers(&self.rsearch);
        options.fwhm_pixels = self.fwhm;
        options.threshold_sigma = -self.threshold;
        options.most_sources = self.srcmax;
        options.roundness = [self.roundmin, self.roundmax];
        options.sharpness = [self.sharpmin, self.sharpmax];
        Ok(options)
    }
}

/// Describes the parameters for help texts.
pub(super) fn specs() -> Vec<ParamSpec> {
    param::described([
        (
            "rsearch",
            "Search radii in arcsec: of the first guess, then of the matching.",
            "comma-separated numbers above 0",
        ),
        (
            "fwhm",
            "Full width at half maximum of the detection filter in pixels.",
            "1 to 30",
        ),
        (
            "threshold",
            "Minus the least significance of a source in sigma.",
            "-3 or below",
        ),
        ("srcmax", "Most sources of an exposure, the best ones.", "1 or more"),
        ("roundmin", "Least roundness of a source.", "number"),
        ("roundmax", "Greatest roundness of a source.", "number"),
        ("sharpmin", "Least sharpness of a source.", "number"),
        ("sharpmax", "Greatest sharpness of a source.", "number"),
        ("expmap", "Write a map of the exposure time.", "true | false"),
    ])
}
