//! An exposure as part of an observing block, which gives it its name and the cards that are not about pixels.

use std::sync::Arc;

use phoenix_core::unit::Mjd;

use crate::exposure::Exposure;

/// What an observing block says in all its headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// `OBS ID`.
    pub obs_id: i64,
    /// `OBS NAME`.
    pub obs_name: String,
    /// `OBS PROG ID`.
    pub prog_id: String,
    /// `OBS TARG NAME` and `OBJECT`.
    pub target: String,
    /// `OBS START`.
    pub start: Mjd,
    /// `TPL ID`.
    pub template_id: String,
    /// `TPL NAME`.
    pub template_name: String,
    /// `TPL START`.
    pub template_start: Mjd,
    /// `TPL NEXP`.
    pub n_exposures: usize,
    /// `INS MODE`.
    pub ins_mode: String,
    /// `DPR CATG`.
    pub dpr_catg: String,
    /// `DPR TYPE`.
    pub dpr_type: String,
    /// When the arc of the wavelength calibration was taken; it names the master in the provenance.
    pub arc_start: Mjd,
    /// Largest wavelength shift that the basic reduction applied.
    pub lambda_shift_aa: f64,
}

impl Block {
    /// Returns a block of science exposures in wide-field mode whose template starts at `template_start`.
    pub fn science(obs_id: i64, target: &str, template_start: Mjd, n_exposures: usize) -> Self {
        Self {
            obs_id,
            obs_name: format!("WFM-{target}"),
            prog_id: "097.B-0001(A)".to_owned(),
            target: target.to_owned(),
            start: Mjd(template_start.0 - 300.0 / 86_400.0),
            template_id: "MUSE_wfm-noao_obs_genericoffset".to_owned(),
            template_name: "Observation in WFM with user defined offsets".to_owned(),
            template_start,
            n_exposures,
            ins_mode: "WFM-NOAO-N".to_owned(),
            dpr_catg: "SCIENCE".to_owned(),
            dpr_type: "OBJECT".to_owned(),
            // The calibrations of the morning after are the usual ones for a night's science.
            arc_start: Mjd((template_start.0 - 0.5).floor() + 1.5 - 0.05),
            lambda_shift_aa: 0.06,
        }
    }
}

/// An exposure with its place in a block.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The block.
    pub block: Arc<Block>,
    /// `TPL EXPNO`, from 1.
    pub number: usize,
    /// The pixels.
    pub exposure: Exposure,
}

impl Observation {
    /// Returns `DATE-OBS`.
    pub fn date_obs(&self) -> String {
        self.exposure.conditions.start.to_iso()
    }

    /// Returns `ARCFILE`, the name in the archive.
    pub fn arcfile(&self) -> String {
        format!("MUSE.{}.fits", self.date_obs())
    }
}
