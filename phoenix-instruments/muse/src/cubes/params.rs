//! Parameters of `muse_cube_combine`, with the names and defaults of mpdaf's `CubeList.combine` 3.6.

use phoenix_core::traits::{ParamSpec, RecipeError};
use phoenix_kernels::cubes::{Clip, CombineOptions, Estimator, Spread, VarianceOf};
use phoenix_kit::param;
use serde::{Deserialize, Serialize};

/// `method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MethodChoice {
    /// Mean after clipping.
    Sigclip,
    /// Median.
    Median,
}

/// `var`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VarianceChoice {
    /// From the variances of the cubes.
    Propagate,
    /// From the scatter, for the combined value.
    StatMean,
    /// From the scatter, for one value.
    StatOne,
}

/// Parameters of `muse_cube_combine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CubeCombineParams {
    /// Mean after clipping, or median.
    pub method: MethodChoice,
    /// Most rounds of clipping.
    #[serde(deserialize_with = "param::count")]
    pub nmax: usize,
    /// Limits of clipping in sigma: one number, or below and above.
    #[serde(deserialize_with = "param::list_text")]
    pub nclip: String,
    /// A round that would leave fewer values is not done.
    #[serde(deserialize_with = "param::count")]
    pub nstop: usize,
    /// Where the variance comes from.
    pub var: VarianceChoice,
    /// Whether sigma comes from the median absolute deviation.
    #[serde(deserialize_with = "param::logical")]
    pub mad: bool,
}

impl Default for CubeCombineParams {
    fn default() -> Self {
        Self {
            method: MethodChoice::Sigclip,
            nmax: 2,
            nclip: "5.0".into(),
            nstop: 2,
            var: VarianceChoice::Propagate,
            mad: false,
        }
    }
}

impl CubeCombineParams {
    /// Returns the options of the kernel.
    ///
    /// # Errors
    /// `Parameter`, naming the parameter.
    pub fn options(&self) -> Result<CombineOptions, RecipeError> {
        let refuse = |name: &str, reason: String| RecipeError::Parameter {
            name: name.into(),
            reason,
        };
        let limits = match param::numbers(&self.nclip)[..] {
            [both] => [both; 2],
            [below, above] => [below, above],
            _ => [f64::NAN; 2],
        };
        if !limits.iter().all(|limit| *limit > 0.0 && limit.is_finite()) {
            return Err(refuse(
                "nclip",
                format!("{:?} is not one or two numbers above 0", self.nclip),
            ));
        }
        if self.nstop == 0 {
            return Err(refuse("nstop", "0 is not 1 or more".into()));
        }
        let mut options = CombineOptions::default();
        options.estimator = match self.method {
            MethodChoice::Median => Estimator::Median,
            MethodChoice::Sigclip => Estimator::Mean(Clip {
                rounds: self.nmax,
                limits,
                least: self.nstop,
                spread: if self.mad {
                    Spread::MedianDeviation
                } else {
                    Spread::Deviation
                },
            }),
        };
        options.variance = match self.var {
            VarianceChoice::Propagate => VarianceOf::Propagated,
            VarianceChoice::StatMean => VarianceOf::ScatterOfMean,
            VarianceChoice::StatOne => VarianceOf::ScatterOfOne,
        };
        Ok(options)
    }
}

/// Describes the parameters for help texts.
pub(super) fn specs() -> Vec<ParamSpec> {
    const ALL: [(&str, &str, &str); 6] = [
        (
            "method",
            "Mean after clipping, or median without clipping.",
            "sigclip | median",
        ),
        ("nmax", "Most rounds of clipping; 0 clips nothing.", "0 or more"),
        (
            "nclip",
            "Limits of clipping in sigma about the median: both, or below,above.",
            "1 or 2 numbers above 0",
        ),
        (
            "nstop",
            "A round that would leave fewer values is not done.",
            "1 or more",
        ),
        (
            "var",
            "Variance: from those of the cubes, or from their scatter, of the mean or of one value.",
            "propagate | stat_mean | stat_one",
        ),
        ("mad", "Take sigma from the median absolute deviation.", "true | false"),
    ];
    param::described(ALL)
}

#[cfg(test)]
mod tests {
    use super::CubeCombineParams;

    #[test]
    fn defaults_come_back_from_json() {
        let json = serde_json::to_value(CubeCombineParams::default()).unwrap();
        assert_eq!(
            serde_json::from_value::<CubeCombineParams>(json).unwrap(),
            CubeCombineParams::default()
        );
    }

    #[test]
    fn limits_are_one_number_or_two_and_nothing_else() {
        for (nclip, is_good) in [
            ("3", true),
            ("3,4.5", true),
            ("", false),
            ("0", false),
            ("1,2,3", false),
            ("x", false),
        ] {
            let params = CubeCombineParams {
                nclip: nclip.into(),
                ..CubeCombineParams::default()
            };
            assert_eq!(params.options().is_ok(), is_good, "{nclip:?}");
        }
    }
}
