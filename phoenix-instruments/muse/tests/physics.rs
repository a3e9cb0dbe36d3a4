//! Cubes against simulated truth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::product::Product;
use phoenix_core::unit::Mjd;
use phoenix_sim::SkyPoint;
use phoenix_sim::conditions::Conditions;
use phoenix_sim::exposure::Exposure;
use phoenix_sim::geometry::{Instrument, Size};
use phoenix_sim::grid::Grid;
use phoenix_sim::observation::{Block, Observation};
use phoenix_sim::offsets;
use phoenix_sim::pixtable::{CoordinateState, Form};
use phoenix_sim::scene::Scene;
use phoenix_sim::truth::{Contribution, Expectation};
use phoenix_testkit::fake::FakeReader;
use serde_json::{Value, json};
use support::{product, run_on, values};

const START: Mjd = Mjd(57_510.15);

/// Three dithered and rotated exposures with pointing errors and unequal flux scales.
fn observations(change: impl Fn(&mut Conditions)) -> Vec<Observation> {
    let instrument = Instrument::new(
        Size {
            n_ifu: 2,
            n_slices: 48,
            width: 8,
            n_lambda: 60,
        },
        7000.0,
        3,
    );
    let centre = SkyPoint {
        ra_deg: 150.1,
        dec_deg: -27.5,
    };
    let scene = Arc::new(Scene::field(&instrument, centre, 5));
    let block = Arc::new(Block::science(1, "Field", START, 3));
    (0..3_u8)
        .map(|k| {
            let n = f64::from(k);
            let mut conditions = Conditions {
                start: Mjd(START.0 + 0.0125 * n),
                posang_deg: 90.0 * n,
                dither_arcsec: [0.37 * n, -0.21 * n],
                pointing_error_arcsec: [0.3 * n, 0.2 * n],
                flux_scale: 1.0 + 0.03 * n,
                seed: 10 + u64::from(k),
                noise_seed: 20 + u64::from(k),
                ..Conditions::default()
            };
            change(&mut conditions);
            let exposure = Exposure::new(instrument, Arc::clone(&scene), conditions);
            Observation {
                block: Arc::clone(&block),
                number: usize::from(k) + 1,
                exposure,
            }
        })
        .collect()
}

fn combine(made: &[Observation], changes: &Value) -> Product {
    let mut reader = FakeReader::new();
    let tables = made
        .iter()
        .map(|observation| observation.product(Form::Images, CoordinateState::Native));
    let mut frames: Vec<FrameRef> = tables
        .collect::<Vec<_>>()
        .into_iter()
        .map(|table| reader.add(table))
        .collect();
    frames.push(reader.add(offsets::list(made, 0.0, 1)));
    let (_, products) = run_on("muse_exp_combine", &frames, changes, &reader, (2, 1 << 30)).unwrap();
    product(&products, "DATACUBE_FINAL").clone()
}

fn contributions(made: &[Observation]) -> Vec<Contribution> {
    made.iter()
        .map(|observation| Contribution {
            psf: observation.exposure.psf(),
            weight: observation.exposure.conditions.exptime_s,
            flux_scale: 1.0,
        })
        .collect()
}

#[test]
fn stars_keep_their_flux_and_stand_where_the_header_says() {
    let made = observations(|_| {});
    let cube = combine(&made, &json!({"pixfrac": 1.0}));
    let planes = cube.planes("DATA").unwrap();
    let header = &cube.hdu("DATA").unwrap().header;
    let scene = &made[0].exposure.scene;
    let truth = Expectation::on_header(scene, &contributions(&made), header, planes.shape()).unwrap();
    let stars = truth
        .photometry(planes.as_ref(), Some(cube.planes("STAT").unwrap().as_ref()), 1.4)
        .unwrap();
    assert!(!stars.is_empty());
    for star in stars {
        let off = (star.measured - star.expected).abs();
        let limit = (0.005 * star.expected).max(3.0 * star.sigma);
        assert!(off <= limit, "{star:?}");
        assert!(star.dx.abs() < 0.1 && star.dy.abs() < 0.1, "{star:?}");
    }
}

#[test]
fn the_variance_is_that_of_repeated_noise() {
    let quiet = |conditions: &mut Conditions| {
        conditions.cosmic_rate = 0.0;
    };
    let changes = json!({"crsigma": 0});
    let twins: Vec<Observation> = observations(quiet)
        .into_iter()
        .map(|mut observation| {
            observation.exposure = observation.exposure.twin();
            observation
        })
        .collect();
    let expected = values(&combine(&twins, &changes), "DATA");
    let (mut sum, mut n) = (0.0, 0_u32);
    let mut blocks = Blocks::default();
    for seed in 0..4 {
        let noisy = combine(
            &observations(|conditions| {
                quiet(conditions);
                conditions.noise_seed += 100 * (seed + 1);
            }),
            &changes,
        );
        blocks.add(&noisy, &expected);
        for ((found, variance), expected) in values(&noisy, "DATA").iter().zip(values(&noisy, "STAT")).zip(&expected) {
            if found.is_finite() && expected.is_finite() && variance > 0.0 {
                sum += f64::from(found - expected).powi(2) / f64::from(variance);
                n += 1;
            }
        }
    }
    let mean = sum / f64::from(n);
    assert!(n > 100_000, "{n}");
    assert!((mean - 1.0).abs() < 0.02, "mean z^2 is {mean} over {n} voxels");
    let ratio = blocks.scatter() / blocks.factor;
    assert!(
        (ratio - 1.0).abs() < 0.05,
        "3x3x1 means scatter {ratio} times what the header says, {blocks:?}"
    );
}

/// Means over 3 x 3 voxels of a plane, in units of what the variances alone say.
#[derive(Debug, Default)]
struct Blocks {
    factor: f64,
    sum: f64,
    n: u32,
}

impl Blocks {
    fn add(&mut self, cube: &Product, expected: &[f32]) {
        assert_eq!(cube.header.str("PHX.COVAR1.BLOCK"), Ok("3x3x1"));
        self.factor = cube.header.f64("PHX.COVAR1.FACTOR").unwrap();
        let [n_wave, n_y, n_x] = cube.planes("DATA").unwrap().shape();
        let (data, stat) = (values(cube, "DATA"), values(cube, "STAT"));
        for (iw, iy, ix) in
            (0..n_wave).flat_map(|w| (0..n_y / 3).flat_map(move |y| (0..n_x / 3).map(move |x| (w, 3 * y, 3 * x))))
        {
            let (mut difference, mut variance) = (0.0, 0.0);
            for at in (0..9).map(|k| (iw * n_y + iy + k / 3) * n_x + ix + k % 3) {
                difference += f64::from(data[at] - expected[at]);
                variance += f64::from(stat[at]);
            }
            let ratio = difference * difference / variance;
            if ratio.is_finite() {
                self.sum += ratio;
                self.n += 1;
            }
        }
    }

    fn scatter(&self) -> f64 {
        (self.sum / f64::from(self.n)).sqrt()
    }
}

#[test]
fn the_grid_of_the_header_leads_to_the_sky_and_back_to_a_millionth_of_a_pixel() {
    let made = observations(|_| {});
    let cube = combine(&made, &json!({}));
    let header = &cube.hdu("DATA").unwrap().header;
    let grid = Grid::from_header(header, cube.planes("DATA").unwrap().shape()).unwrap();
    // The pointing of the first exposure is the tangent point once its error is taken off.
    let truth = made[0].exposure.true_pointing();
    let (x, y) = grid.pixel(truth);
    let (crpix1, crpix2) = (header.f64("CRPIX1").unwrap(), header.f64("CRPIX2").unwrap());
    let (x1, y1) = (x + 1.0, y + 1.0);
    assert!(
        (x1 - crpix1).abs() < 1e-6 && (y1 - crpix2).abs() < 1e-6,
        "{x1} {y1} {crpix1} {crpix2}"
    );
}
