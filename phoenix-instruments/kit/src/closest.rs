//! Choice of a calibration by level, time and name.

use phoenix_core::association::{Fill, MatchLevel};
use phoenix_core::frame::{ClassifiedFrame, Frame};
use phoenix_core::unit::Mjd;

/// A candidate that fits, with how well.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The frame.
    pub frame: &'a ClassifiedFrame,
    /// How well it fits.
    pub level: MatchLevel,
    /// Time from the dataset to it in days, signed.
    pub dt_days: f64,
    /// Why it fits.
    pub reason: String,
}

/// Returns the start of an exposure: `DATE-OBS`, else `MJD-OBS`.
pub fn start(frame: &Frame) -> Option<Mjd> {
    let text = frame.header.str("DATE-OBS").ok();
    text.and_then(|text| Mjd::from_iso(text).ok())
        .or_else(|| frame.header.f64("MJD-OBS").ok().map(Mjd))
}

/// Returns the best candidate as a filled slot: lowest level, then smallest |dt|, then name.
pub fn best(candidates: Vec<Candidate<'_>>) -> Option<Fill> {
    candidates
        .into_iter()
        .min_by(|a, b| {
            a.level
                .cmp(&b.level)
                .then(a.dt_days.abs().total_cmp(&b.dt_days.abs()))
                .then_with(|| a.frame.frame.id.cmp(&b.frame.frame.id))
        })
        .map(|candidate| Fill::Filled {
            frames: vec![candidate.frame.to_ref()],
            level: candidate.level,
            dt_days: candidate.dt_days,
            reason: candidate.reason,
        })
}
