//! A small sky for stacks: exposures of blocks in several nights, laid down as a store.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use phoenix::core::unit::{Mjd, Night};
use phoenix::sim::SkyPoint;
use phoenix::sim::conditions::Conditions;
use phoenix::sim::exposure::Exposure;
use phoenix::sim::geometry::{Instrument, Size};
use phoenix::sim::observation::{Block, Observation};
use phoenix::sim::pixtable::{CoordinateState, Form};
use phoenix::sim::scene::Scene;
use serde_json::json;

/// Midnight of the first night.
const MIDNIGHT: f64 = 57_510.0;
/// The middle of the sky.
const CENTRE: SkyPoint = SkyPoint {
    ra_deg: 201.3663,
    dec_deg: -29.4411,
};

/// A field of 14.4 arcsec, large enough for the apertures of its stars.
fn instrument() -> Instrument {
    let size = Size {
        n_ifu: 6,
        n_slices: 48,
        width: 18,
        n_lambda: 60,
    };
    Instrument::new(size, 6250.0, 1)
}

/// One exposure.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) target: &'static str,
    pub(crate) run: &'static str,
    pub(crate) block: i64,
    pub(crate) grade: &'static str,
    pub(crate) mode: &'static str,
    /// Nights after the first.
    pub(crate) night: u32,
    /// Number in its night.
    pub(crate) number: u32,
    /// Where it points, from the middle of the sky.
    pub(crate) east_arcsec: f64,
    pub(crate) north_arcsec: f64,
    pub(crate) fwhm_arcsec: f64,
    pub(crate) transparency: f64,
}

impl Shot {
    /// Returns a good exposure of a block.
    pub(crate) fn of(target: &'static str, block: i64) -> Self {
        Self {
            target,
            run: "097.B-0001(A)",
            block,
            grade: "A",
            mode: "WFM-NOAO-N",
            night: 0,
            number: 0,
            east_arcsec: 0.0,
            north_arcsec: 0.0,
            fwhm_arcsec: 0.7,
            transparency: 1.0,
        }
    }

    /// Returns the exposure of that number in its night, a small step aside.
    pub(crate) fn at(&self, number: u32) -> Self {
        let step = f64::from(number % 3);
        Self {
            number,
            east_arcsec: self.east_arcsec + 0.4 * step,
            north_arcsec: self.north_arcsec - 0.3 * step,
            ..self.clone()
        }
    }

    /// Returns it in other seeing and through another sky.
    pub(crate) fn seen(&self, fwhm_arcsec: f64, transparency: f64) -> Self {
        Self {
            fwhm_arcsec,
            transparency,
            ..self.clone()
        }
    }

    /// Returns it with another grade of its block.
    pub(crate) fn graded(&self, grade: &'static str) -> Self {
        Self { grade, ..self.clone() }
    }

    fn start(&self) -> Mjd {
        Mjd(MIDNIGHT + f64::from(self.night) + f64::from(self.number) / 48.0)
    }

    /// Returns the night.
    pub(crate) fn night(&self) -> Night {
        Night::of(self.start())
    }

    fn observation(&self) -> Observation {
        let instrument = instrument();
        // One sky for all targets: a scene has its stars about its own centre.
        let centre = CENTRE.offset(
            100.0 * (self.east_arcsec / 100.0).round(),
            100.0 * (self.north_arcsec / 100.0).round(),
        );
        let scene = Arc::new(Scene::field(&instrument, centre, 1));
        let [east, north] =
            [self.east_arcsec, self.north_arcsec].map(|offset| offset - 100.0 * (offset / 100.0).round());
        let seed = u64::from(100 * self.night + self.number) + 7;
        let conditions = Conditions {
            start: self.start(),
            exptime_s: 900.0,
            posang_deg: 90.0 * f64::from(self.number % 4),
            dither_arcsec: [east, north],
            pointing_error_arcsec: [0.2 * f64::from(self.number % 3), -0.15 * f64::from(self.night % 2)],
            fwhm_arcsec: self.fwhm_arcsec,
            flux_scale: self.transparency,
            seed,
            noise_seed: seed,
            ..Conditions::default()
        };
        // The template of a block begins with its night.
        let template = Mjd(MIDNIGHT + f64::from(self.night) - 0.01);
        let mut block = Block::science(self.block, self.target, template, 3);
        self.mode.clone_into(&mut block.ins_mode);
        self.run.clone_into(&mut block.prog_id);
        Observation {
            block: Arc::new(block),
            number: self.number as usize + 1,
            exposure: Exposure::new(instrument, scene, conditions),
        }
    }

    /// Returns its name in the archive.
    pub(crate) fn arcfile(&self) -> String {
        self.observation().arcfile()
    }
}

/// Writes exposures and the logs of their nights into a store.
pub(crate) fn lay_down(shots: &[Shot], store: &Path) {
    let mut logs: BTreeMap<String, BTreeMap<i64, &str>> = BTreeMap::new();
    for shot in shots {
        let night = shot.night().to_string();
        let folder = store.join("raw/MUSE").join(&night);
        std::fs::create_dir_all(&folder).expect("a folder");
        let observation = shot.observation();
        let product = observation.product(Form::Images, CoordinateState::Native);
        phoenix::io::write_product(folder.join(observation.arcfile()), product).expect("the frame is written");
        logs.entry(night).or_default().insert(shot.block, shot.grade);
    }
    std::fs::create_dir_all(store.join("info")).expect("a folder");
    for (night, blocks) in logs {
        let blocks: Vec<_> = (blocks.iter())
            .map(|(block, grade)| json!({"obs_id": block, "grade": grade}))
            .collect();
        let log = json!({"night": night, "blocks": blocks}).to_string();
        std::fs::write(store.join("info").join(format!("{night}.json")), log).expect("the log is written");
    }
}
