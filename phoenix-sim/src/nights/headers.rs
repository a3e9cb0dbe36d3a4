//! Nights of headers alone, for the planning of instruments whose pixels are not simulated, and catalogues of many nights.
//!
//! `catalogue` repeats prototypes of nights over years; `muse` and `xshooter` plan one night each.

pub mod catalogue;
pub(crate) mod muse;
pub(crate) mod xshooter;

use phoenix_core::unit::Mjd;

use super::MIDNIGHT;
use super::cards::Cards;
use super::shot::{Block, Dpr, Shot, Site, Template};
use crate::projection::SkyPoint;

/// A run of like exposures of a template.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// When the template starts, hours after midnight UTC.
    pub(crate) hour: f64,
    pub(crate) n: usize,
    /// Exposures of the same template before these, and in all.
    pub(crate) within: (usize, usize),
    pub(crate) exptime_s: f64,
    pub(crate) dpr: Dpr,
    pub(crate) template: &'static str,
    /// What is looked at and where; none for lamps.
    pub(crate) target: Option<(&'static str, SkyPoint)>,
    /// The observing block.
    pub(crate) block: (i64, &'static str),
}

impl Run {
    /// Returns a daytime run.
    pub(crate) fn calib(
        hour: f64,
        n: usize,
        exptime_s: f64,
        (kind, tech): (&'static str, &'static str),
        template: &'static str,
    ) -> Self {
        Self {
            hour,
            n,
            within: (0, n),
            exptime_s,
            dpr: Dpr {
                catg: "CALIB",
                kind,
                tech,
            },
            template,
            target: None,
            block: (200_170_000, "Calibration"),
        }
    }

    /// Returns the same on the sky, as part of a block.
    pub(crate) fn on(self, catg: &'static str, target: (&'static str, SkyPoint), block: i64) -> Self {
        Self {
            dpr: Dpr { catg, ..self.dpr },
            target: Some(target),
            block: (block, target.0),
            ..self
        }
    }

    /// Returns the exposures, `gap_s` apart; `late_s` tells arms that start together apart.
    pub(crate) fn shots(&self, gap_s: f64, late_s: f64) -> Vec<Shot> {
        let start = Mjd(MIDNIGHT + self.hour / 24.0);
        let prog_id = if self.dpr.catg == "SCIENCE" {
            "097.D-0004(A)"
        } else {
            "60.A-9022(C)"
        };
        let (before, n_exposures) = self.within;
        (before..before + self.n)
            .map(|index| Shot {
                start: Mjd(start.0 + (7.233 + late_s + index as f64 * (self.exptime_s + gap_s)) / 86_400.0),
                exptime_s: self.exptime_s,
                dpr: self.dpr,
                object: self
                    .target
                    .map_or_else(|| self.dpr.kind.to_owned(), |target| target.0.to_owned()),
                place: self.target.map(|target| target.1),
                template: Template {
                    id: self.template.to_owned(),
                    start,
                    number: index + 1,
                    n_exposures,
                },
                block: Block {
                    id: self.block.0,
                    name: self.block.1.to_owned(),
                    prog_id,
                },
            })
            .collect()
    }
}

/// Begins the header of an exposure; calibrations by day have no telescope cards in these headers.
pub(crate) fn begin(shot: &Shot, site: &Site, origin: &str) -> Cards {
    let mut cards = Cards::new();
    shot.cards(&mut cards, site);
    if shot.place.is_none() {
        cards.0.retain(|card| !card.key.as_str().starts_with("ESO.TEL."));
    }
    let clock: String = shot.date_obs().chars().filter(char::is_ascii_digit).collect();
    cards.push("ORIGFILE", format!("{origin}_{clock}.fits"), "Original File Name");
    cards
}

#[cfg(test)]
mod tests;
