//! A few small dithered exposures of one field.

use std::sync::Arc;

use phoenix_core::product::Product;
use phoenix_core::unit::Mjd;
use phoenix_sim::SkyPoint;
use phoenix_sim::conditions::Conditions;
use phoenix_sim::exposure::Exposure;
use phoenix_sim::geometry::{Instrument, Size};
use phoenix_sim::observation::{Block, Observation};
use phoenix_sim::pixtable::{CoordinateState, Form};
use phoenix_sim::scene::Scene;

/// Returns the pixel tables of `n` exposures with `n_lambda` wavelengths: 768 rows for each.
pub(crate) fn tables(n_lambda: usize, n: u8) -> Vec<Product> {
    let size = Size {
        n_ifu: 2,
        n_slices: 48,
        width: 8,
        n_lambda,
    };
    let geometry = Instrument::new(size, 7000.0, 3);
    let centre = SkyPoint {
        ra_deg: 150.1,
        dec_deg: -27.5,
    };
    let scene = Arc::new(Scene::field(&geometry, centre, 5));
    let start = Mjd(57_510.15);
    let block = Arc::new(Block::science(1, "Field", start, usize::from(n)));
    let made = (0..n).map(|k| {
        let conditions = Conditions {
            start: Mjd(start.0 + 0.0125 * f64::from(k)),
            dither_arcsec: [0.37 * f64::from(k), -0.21],
            seed: 10 + u64::from(k),
            noise_seed: 20 + u64::from(k),
            ..Conditions::default()
        };
        let observation = Observation {
            block: Arc::clone(&block),
            number: usize::from(k) + 1,
            exposure: Exposure::new(geometry, Arc::clone(&scene), conditions),
        };
        observation.product(Form::Images, CoordinateState::Native)
    });
    made.collect()
}
