//! Which kind of frame a MUSE file is, from its header keys.

use phoenix_core::frame::{Category, Frame};

/// Instrument modes that this backend knows.
/// Source: ESO MUSE user manual, observing modes; spelled as `INS.MODE`.
pub const MODES: [&str; 6] = [
    "WFM-NOAO-N",
    "WFM-NOAO-E",
    "WFM-AO-N",
    "WFM-AO-E",
    "NFM-AO-N",
    "NFM-AO-E",
];

/// Kinds of pipeline product by `PRO.CATG`, with what they are to the line.
/// Source: recipe manual pages of the MUSE pipeline 2.8.7 and its shipped rule file.
const PRODUCTS: [(&str, Category); 42] = [
    ("PIXTABLE_REDUCED", Category::Science),
    ("PIXTABLE_POSITIONED", Category::Product),
    ("PIXTABLE_COMBINED", Category::Product),
    ("PIXTABLE_OBJECT", Category::Product),
    ("PIXTABLE_SKY", Category::Product),
    ("PIXTABLE_STD", Category::Product),
    ("PIXTABLE_ASTROMETRY", Category::Product),
    ("DATACUBE_FINAL", Category::Product),
    ("DATACUBE_STD", Category::Product),
    ("IMAGE_FOV", Category::Product),
    ("OBJECT_RESAMPLED", Category::Product),
    ("SOURCE_LIST", Category::Product),
    ("PREVIEW_FOV", Category::Product),
    ("EXPOSURE_MAP", Category::Product),
    ("OFFSET_LIST", Category::Master),
    ("FILTER_LIST", Category::Master),
    ("OUTPUT_WCS", Category::Master),
    ("MASTER_BIAS", Category::Master),
    ("MASTER_DARK", Category::Master),
    ("MASTER_FLAT", Category::Master),
    ("TRACE_TABLE", Category::Master),
    ("WAVECAL_TABLE", Category::Master),
    ("LSF_PROFILE", Category::Master),
    ("GEOMETRY_TABLE", Category::Master),
    ("TWILIGHT_CUBE", Category::Master),
    ("BADPIX_TABLE", Category::Master),
    ("NONLINEARITY_GAIN", Category::Master),
    ("VIGNETTING_MASK", Category::Master),
    ("LINE_CATALOG", Category::Master),
    ("EXTINCT_TABLE", Category::Master),
    ("STD_FLUX_TABLE", Category::Master),
    ("STD_RESPONSE", Category::Master),
    ("STD_TELLURIC", Category::Master),
    ("STD_FLUXES", Category::Product),
    ("TELLURIC_REGIONS", Category::Master),
    ("SKY_LINES", Category::Master),
    ("SKY_CONTINUUM", Category::Master),
    ("SKY_MASK", Category::Master),
    ("ASTROMETRY_REFERENCE", Category::Master),
    ("ASTROMETRY_WCS", Category::Master),
    ("RAMAN_LINES", Category::Master),
    ("AUTOCAL_FACTORS", Category::Master),
];

/// Names a frame's kind; `None` if it is no MUSE file or of no known kind.
pub fn classify(frame: &Frame) -> Option<(&'static str, Category)> {
    let header = &frame.header;
    if header.str("INSTRUME").ok()? != "MUSE" {
        return None;
    }
    if let Ok(catg) = header.str("PRO.CATG") {
        return PRODUCTS.into_iter().find(|(tag, _)| *tag == catg);
    }
    let catg = header.str("DPR.CATG").ok()?;
    let kind = header.str("DPR.TYPE").unwrap_or_default();
    if catg == "ACQUISITION" || catg == "TEST" || catg == "TECHNICAL" {
        return Some(("OTHER", Category::Other));
    }
    if header.str("DPR.TECH").unwrap_or_default() != "IFU" {
        return None;
    }
    raw(catg, kind, header.str("TPL.ID").unwrap_or_default())
}

/// Kinds of raw frame. The more special kind stands first: `WAVE,LSF` is no `WAVE`, `FLAT,LAMP,ILLUM` no `FLAT,LAMP`.
fn raw(catg: &str, kind: &str, template: &str) -> Option<(&'static str, Category)> {
    let has = |part: &str| kind.contains(part);
    let calib = catg == "CALIB";
    let found = match kind {
        "BIAS" if calib => ("BIAS", Category::RawCalib),
        "DARK" if calib => ("DARK", Category::RawCalib),
        "STD" if calib => ("STD", Category::RawCalib),
        "ASTROMETRY" if calib => ("ASTROMETRY", Category::RawCalib),
        "OBJECT" if catg == "SCIENCE" => ("OBJECT", Category::Science),
        "SKY" if calib || catg == "SCIENCE" => ("SKY", Category::Science),
        _ if calib && has("WAVE") && has("MASK") => ("MASK", Category::RawCalib),
        _ if calib && has("WAVE") && has("LSF") => ("ARC_LSF", Category::RawCalib),
        _ if calib && has("WAVE") => ("ARC", Category::RawCalib),
        _ if calib && has("FLAT") && has("SKY") => ("SKYFLAT", Category::RawCalib),
        _ if calib && has("FLAT") && has("ILLUM") || template.ends_with("fm_cal_illum") => {
            ("ILLUM", Category::RawCalib)
        }
        _ if calib && has("FLAT") && has("LAMP") && !has("LINEARITY") => ("FLAT", Category::RawCalib),
        _ => return None,
    };
    Some(found)
}

/// Coordinate state of a pixel table as its primary header tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    /// Native spherical coordinates: what `muse_exp_combine` takes.
    Projected,
    /// Positioned on the sky.
    Positioned,
    /// Detector-like pixels.
    Pixel,
}

impl TableState {
    /// Reads the state from `DRS.MUSE.PIXTABLE.WCS`; without that key the table is in pixels.
    pub fn of(frame: &Frame) -> Self {
        match frame.header.str("DRS.MUSE.PIXTABLE.WCS") {
            Ok(text) if text.starts_with("projected") => Self::Projected,
            Ok(text) if text.starts_with("positioned") => Self::Positioned,
            _ => Self::Pixel,
        }
    }

    /// Returns the words for messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Projected => "projected (intermediate)",
            Self::Positioned => "positioned (final)",
            Self::Pixel => "in pixels",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::raw;

    #[test]
    fn the_special_kind_wins_over_the_general_one() {
        for (kind, tag) in [
            ("WAVE", "ARC"),
            ("WAVE,LSF", "ARC_LSF"),
            ("WAVE,MASK", "MASK"),
            ("FLAT,LAMP", "FLAT"),
            ("FLAT,LAMP,ILLUM", "ILLUM"),
            ("FLAT,SKY", "SKYFLAT"),
            ("BIAS", "BIAS"),
        ] {
            assert_eq!(raw("CALIB", kind, "").map(|(tag, _)| tag), Some(tag), "{kind}");
        }
        assert_eq!(raw("CALIB", "OBJECT", ""), None);
    }
}
