//! The provenance record: what a product was made of and how, in its header and as JSON beside it.

use serde::{Deserialize, Serialize};

use crate::caveat::Caveat;
use crate::frame::FrameRef;
use crate::header::Header;
use crate::id::{Digest, JobId, RecipeId};
use crate::plan::Overlaid;

/// Everything that is needed to make a product again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The job.
    pub job: JobId,
    /// The recipe.
    pub recipe: RecipeId,
    /// The software that ran it, e.g. `phoenix/0.1.0`.
    pub pipeline: String,
    /// Main inputs in recipe order, with digests.
    pub raw: Vec<FrameRef>,
    /// Calibrations in recipe order, with digests.
    pub calib: Vec<FrameRef>,
    /// The complete parameter set, sorted by name.
    pub params: serde_json::Value,
    /// Digest of the rules that chose the inputs, where rules did; of the whole project, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Digest>,
    /// Inputs whose headers were edited before they were named, with the edits; the files are as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<Overlaid>,
    /// Reservations, known when the recipe has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<Caveat>,
}

fn file_name(location: &str) -> &str {
    location.rsplit(['/', '\\']).next().unwrap_or(location)
}

impl Record {
    /// Writes the record as `PRO.REC1.*` and `PRO.DATANCOM` into a product header.
    ///
    /// Times of day are left out on purpose: the same input gives the same bits.
    ///
    /// # References
    /// ESO DICD, PRO dictionary: `REC1 ID`, `PIPE ID`, `RAWi`, `CALi`, `PARAMi`.
    pub fn stamp(&self, header: &mut Header) {
        header.retain(|card| !card.key.as_str().starts_with("ESO.PRO.REC1."));
        header.set(
            "PRO.REC1.ID",
            self.recipe.as_str(),
            "Pipeline recipe (unique) identifier",
        );
        header.set(
            "PRO.REC1.DRS.ID",
            self.pipeline.as_str(),
            "Data Reduction System identifier",
        );
        header.set(
            "PRO.REC1.PIPE.ID",
            self.pipeline.as_str(),
            "Pipeline (unique) identifier",
        );
        for (n, frame) in (1..).zip(&self.raw) {
            header.set(
                format!("PRO.REC1.RAW{n}.NAME"),
                file_name(&frame.location),
                "File name of raw frame",
            );
            header.set(
                format!("PRO.REC1.RAW{n}.CATG"),
                frame.tag.as_str(),
                "Category of raw frame",
            );
            if let Some(digest) = &frame.digest {
                header.set(
                    format!("PRO.REC1.RAW{n}.DIGEST"),
                    short(digest),
                    "First 32 digits of BLAKE3",
                );
            }
        }
        for (n, frame) in (1..).zip(&self.calib) {
            header.set(
                format!("PRO.REC1.CAL{n}.NAME"),
                file_name(&frame.location),
                "File name of calibration frame",
            );
            header.set(
                format!("PRO.REC1.CAL{n}.CATG"),
                frame.tag.as_str(),
                "Category of calibration frame",
            );
            if let Some(digest) = &frame.digest {
                header.set(
                    format!("PRO.REC1.CAL{n}.DIGEST"),
                    short(digest),
                    "First 32 digits of BLAKE3",
                );
            }
        }
        if let Some(params) = self.params.as_object() {
            for (n, (name, value)) in (1..).zip(params) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                header.set(format!("PRO.REC1.PARAM{n}.NAME"), name.as_str(), "");
                header.set(format!("PRO.REC1.PARAM{n}.VALUE"), text, "");
            }
        }
        if let Some(rules) = &self.rules {
            header.set("PRO.REC1.RULES", short(rules), "First 32 digits of BLAKE3 of the rules");
        }
        for (n, caveat) in (1..).zip(&self.caveats) {
            header.set(
                format!("PRO.REC1.CAVEAT{n}"),
                caveat.code(),
                "Reservation, see provenance record",
            );
        }
        header.set("PRO.DATANCOM", self.raw.len(), "Number of combined frames");
    }
}

/// A value that fits beside a long hierarchical keyword.
fn short(digest: &Digest) -> &str {
    let digits = digest.as_str().rsplit(':').next().unwrap_or_default();
    digits.get(..32).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::frame::FrameRef;
    use crate::header::Header;

    #[test]
    fn a_stamped_header_names_inputs_parameters_and_count() -> Result<(), crate::header::HeaderError> {
        let frame = |name: &str, tag: &str| FrameRef {
            id: name.into(),
            tag: tag.into(),
            location: format!("/data/{name}.fits"),
            size_bytes: None,
            digest: Some(format!("sha256:{}", "ab".repeat(32)).into()),
        };
        let record = Record {
            job: "j".into(),
            recipe: "muse_exp_combine".into(),
            pipeline: "phoenix/0.1.0".into(),
            raw: vec![frame("a", "PIXTABLE_REDUCED"), frame("b", "PIXTABLE_REDUCED")],
            calib: vec![frame("o", "OFFSET_LIST")],
            params: serde_json::json!({"resample": "drizzle", "pixfrac": 0.6}),
            rules: None,
            overlays: Vec::new(),
            caveats: Vec::new(),
        };
        let mut header = Header::new();
        header.set("PRO.REC1.RAW7.NAME", "from an earlier step", "");
        record.stamp(&mut header);
        assert_eq!(header.i64("PRO.DATANCOM")?, 2);
        assert_eq!(header.str("PRO.REC1.RAW2.NAME")?, "b.fits");
        assert_eq!(header.str("PRO.REC1.CAL1.CATG")?, "OFFSET_LIST");
        assert_eq!(header.str("PRO.REC1.PARAM1.NAME")?, "pixfrac");
        assert_eq!(header.str("PRO.REC1.RAW1.DIGEST")?.len(), 32);
        assert!(!header.contains("PRO.REC1.RAW7.NAME"));
        Ok(())
    }
}
