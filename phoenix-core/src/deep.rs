//! Stacks across blocks, nights and runs: what is asked for, and which exposures become one product, with every reason.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dataset::LeftOut;
use crate::id::{DatasetId, FrameId};

/// Grades of observing blocks that are taken unless the caller says otherwise: executed (A, B, D) or not graded.
///
/// # References
/// ESO night log legend: C is to be repeated, X is uncertain or not applicable.
pub const GRADES: [&str; 4] = ["A", "B", "D", "_"];

/// How exposures are put together across blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeepRequest {
    /// Farthest that an exposure may lie from the nearest other one of its group; the instrument's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_separation_arcsec: Option<f64>,
    /// Farthest that two exposures of one group may lie from each other; the instrument's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_diameter_arcsec: Option<f64>,
    /// Grades of blocks that are taken; `_` stands for a block without a grade.
    pub grades: BTreeSet<String>,
    /// Worst seeing, as the header tells it, that is taken; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_fwhm_arcsec: Option<f64>,
    /// The only instrument mode that is taken; each by itself if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whether exposures of other names and runs go along that lie within the limits of a group of the batch.
    pub takes_nearby: bool,
    /// Whether offsets, quality and weights are measured on images of the exposures.
    pub is_measured: bool,
}

impl Default for DeepRequest {
    fn default() -> Self {
        Self {
            max_separation_arcsec: None,
            max_diameter_arcsec: None,
            grades: GRADES.map(str::to_owned).into(),
            max_fwhm_arcsec: None,
            mode: None,
            takes_nearby: false,
            is_measured: true,
        }
    }
}

impl DeepRequest {
    /// Names the first limit that is no positive number.
    pub fn fault(&self) -> Option<String> {
        let limits = [
            ("largest separation", self.max_separation_arcsec),
            ("largest diameter", self.max_diameter_arcsec),
            ("worst seeing", self.max_fwhm_arcsec),
        ];
        let is_wrong = |limit: f64| !(limit > 0.0 && limit.is_finite());
        let wrong = limits
            .iter()
            .find_map(|(name, limit)| limit.filter(|l| is_wrong(*l)).map(|l| (name, l)));
        wrong.map(|(name, limit)| format!("the {name} is {limit}, not a positive number of arcsec"))
    }
}

/// What becomes of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeepKind {
    /// One exposure: its own cube is final.
    Single,
    /// Several exposures of one block: the combined cube is final.
    Combined,
    /// Exposures of two or more blocks.
    Deep,
}

/// One exposure of a group, as its header tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeepExposure {
    /// The frame.
    pub frame: FrameId,
    /// The first 23 characters of `DATE-OBS`, by which lists of offsets name it.
    pub date_obs: String,
    /// The observing block.
    pub block: String,
    /// The programme run.
    pub run: String,
    /// The night.
    pub night: String,
    /// Exposure time.
    pub exptime_s: f64,
    /// Grade of its block; `_` if none was given.
    pub grade: String,
    /// Seeing as the header tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeing_arcsec: Option<f64>,
    /// Distance from the centre of the group.
    pub distance_arcsec: f64,
}

/// A group whose fields overlap in part only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mosaic {
    /// Fields that lie apart from each other by more than a quarter of a field.
    pub n_pointings: usize,
    /// Share of the bounding box that at least one field covers.
    pub covered_share: f64,
    /// Sides of the bounding box, east and north.
    pub box_arcsec: [f64; 2],
}

/// Another group of the same selection and why the two are not one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Apart {
    /// The dataset of the other group.
    pub dataset: DatasetId,
    /// Why.
    pub because: String,
}

/// Exposures that become one product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeepGroup {
    /// The dataset that makes the product.
    pub dataset: DatasetId,
    /// What becomes of it.
    pub kind: DeepKind,
    /// Why it becomes that, in plain words.
    pub because: String,
    /// The names that the exposures give their target.
    pub targets: Vec<String>,
    /// Instrument mode.
    pub mode: String,
    /// Whether it points at the object or at the sky.
    pub pointing: String,
    /// Right ascension and declination of its centre.
    pub centre_deg: [f64; 2],
    /// Sum of the exposure times.
    pub exptime_s: f64,
    /// Largest distance of two exposures.
    pub diameter_arcsec: f64,
    /// The limits that formed it: separation and diameter.
    pub limits_arcsec: [f64; 2],
    /// How offsets and weights are found, in plain words.
    pub alignment: String,
    /// Set if its fields overlap in part only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mosaic: Option<Mosaic>,
    /// The exposures in order of time.
    pub exposures: Vec<DeepExposure>,
    /// Groups that share the target's name or lie near, and why they are others.
    pub apart: Vec<Apart>,
}

impl DeepGroup {
    /// Returns how many different values the exposures have.
    pub fn count<'a, T: Ord>(&'a self, of: impl Fn(&'a DeepExposure) -> T) -> usize {
        self.exposures.iter().map(of).collect::<BTreeSet<T>>().len()
    }
}

/// Which exposures become one product, and which become none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeepGroups {
    /// In order of their datasets.
    pub groups: Vec<DeepGroup>,
    /// Exposures that are in no group, with the reason.
    pub left_out: Vec<LeftOut>,
}

/// Parameters that a stack needs beside the recipes' defaults, by task and name.
pub type DeepParams = BTreeMap<crate::id::TaskId, BTreeMap<String, serde_json::Value>>;

#[cfg(test)]
mod tests {
    use super::DeepRequest;

    #[test]
    fn a_limit_that_is_no_positive_number_is_named() {
        let mut request = DeepRequest::default();
        assert_eq!(request.fault(), None);
        request.max_diameter_arcsec = Some(f64::NAN);
        let fault = request.fault();
        assert!(fault.is_some_and(|fault| fault.starts_with("the largest diameter is NaN")));
    }

    #[test]
    fn a_request_survives_json_and_an_unknown_limit_is_refused() {
        let request = DeepRequest::default();
        let text = serde_json::to_string(&request).unwrap_or_default();
        assert_eq!(serde_json::from_str::<DeepRequest>(&text).ok(), Some(request));
        assert!(serde_json::from_str::<DeepRequest>(r#"{"max_radius": 3}"#).is_err());
    }
}
