//! Cubes against simulated truth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::traits::{Grade, Instrument as _};
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
use support::{Run, product, run_on, values};

const START: Mjd = Mjd(57_510.15);

/// Wavelengths of a small exposure.
const N_LAMBDA: usize = 60;
/// Voxels with a value in the cube of three small exposures, at least.
const SMALL_VOXELS: usize = 25_000;

/// Three dithered and rotated exposures with pointing errors and unequal flux scales.
fn observations(change: impl Fn(&mut Conditions)) -> Vec<Observation> {
    observations_of(N_LAMBDA, change)
}

fn observations_of(n_lambda: usize, change: impl Fn(&mut Conditions)) -> Vec<Observation> {
    let instrument = Instrument::new(
        Size {
            n_ifu: 2,
            n_slices: 48,
            width: 8,
            n_lambda,
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
    product(&combine_all(made, changes), "DATACUBE_FINAL").clone()
}

fn combine_all(made: &[Observation], changes: &Value) -> Vec<Product> {
    try_combine(made, changes).unwrap().1
}

fn try_combine(made: &[Observation], changes: &Value) -> Run {
    with_list(made, offsets::list(made, 0.0, 1), changes)
}

fn with_list(made: &[Observation], list: Product, changes: &Value) -> Run {
    let mut reader = FakeReader::new();
    let tables = made
        .iter()
        .map(|observation| observation.product(Form::Images, CoordinateState::Native));
    let mut frames: Vec<FrameRef> = tables
        .collect::<Vec<_>>()
        .into_iter()
        .map(|table| reader.add(table))
        .collect();
    frames.push(reader.add(list));
    run_on("muse_exp_combine", &frames, changes, &reader, (2, 1 << 30))
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
fn an_exposure_map_and_white_light_come_with_each_cube() {
    let made = observations(|_| {});
    let total_s: f64 = made.iter().map(|one| one.exposure.conditions.exptime_s).sum();
    let single_s = made[0].exposure.conditions.exptime_s;
    for numerics in ["phoenix", "eso"] {
        // There is no FILTER_LIST, and a filter that it would have is asked for.
        let products = combine_all(&made, &json!({"filter": "SDSS_r", "numerics": numerics}));
        let white = product(&products, "IMAGE_FOV");
        assert_eq!(white.header.str("DRS.MUSE.FILTER.NAME"), Ok("white"));
        let map = product(&products, "EXPOSURE_MAP");
        assert_eq!(map.name, "EXPOSURE_MAP.fits");
        assert_eq!(map.hdu("DATA").unwrap().header.str("BUNIT"), Ok("s"));
        let cube = product(&products, "DATACUBE_FINAL");
        let [_, n_y, n_x] = cube.planes("DATA").unwrap().shape();
        assert_eq!(map.planes("DATA").unwrap().shape(), [1, n_y, n_x]);
        assert_eq!(cube.header.f64("PHX.EXPMAP.MEDIAN"), Ok(total_s));
        let seconds = values(map, "DATA");
        let image = values(white, "DATA");
        assert_eq!(f64::from(seconds[n_y / 2 * n_x + n_x / 2]), total_s);
        let is_sum = |s: f32| (0..=made.len()).any(|n| (f64::from(s) - single_s * n as f64).abs() < 1e-3);
        assert!(
            seconds.iter().all(|s| is_sum(*s)),
            "{numerics}: a time that no number of exposures has"
        );
        let unlike = seconds
            .iter()
            .zip(&image)
            .filter(|(s, v)| (**s > 0.0) != v.is_finite())
            .count();
        assert!(unlike * 50 < seconds.len(), "{numerics}: {unlike} of {}", seconds.len());
    }
}

#[test]
fn what_the_alignment_measured_of_the_exposures_stands_in_the_cube_and_is_scored() {
    let made = observations(|_| {});
    let mut list = offsets::list(&made, 0.0, 1);
    list.header.set("QC.EXPALIGN.SEAM.SIGMA", 1.5, "");
    list.header.set("QC.EXPALIGN.FWHM.SCATTER", 0.1, "");
    let products = with_list(&made, list, &json!({})).unwrap().1;
    let cube = product(&products, "DATACUBE_FINAL");
    assert_eq!(cube.header.f64("QC.EXPALIGN.SEAM.SIGMA"), Ok(1.5));
    let muse = phoenix_muse::instrument().unwrap();
    let scorer = muse.scorer(&cube.tag).unwrap();
    let report = scorer.score(&scorer.measure(cube).unwrap(), &()).unwrap();
    let grade = |name: &str| {
        report
            .scores
            .iter()
            .find(|score| score.parameter.name == name)
            .unwrap()
            .grade
    };
    assert_eq!((grade("seam"), grade("fwhm_scatter")), (Grade::Fail, Grade::Pass));
}

#[test]
fn the_whole_covariance_of_a_part_is_a_product() {
    let made = observations(|_| {});
    let products = combine_all(&made, &json!({"covariance": "11:13,9:10,20:22"}));
    let cube = product(&products, "DATACUBE_FINAL");
    let covariance = product(&products, "COVARIANCE");
    assert_eq!(covariance.name, "COVARIANCE.fits");
    let hdu = covariance.hdu("COVARIANCE").unwrap();
    let HduData::Image(Pixels::F64(matrix)) = &hdu.data else {
        panic!("double precision")
    };
    assert_eq!(matrix.shape(), [18, 18]);
    assert_eq!(
        (hdu.header.i64("PHX.COVMAT.X1"), hdu.header.i64("PHX.COVMAT.Z2")),
        (Ok(11), Ok(22))
    );
    assert_eq!(
        hdu.header.str("BUNIT").unwrap(),
        cube.hdu("STAT").unwrap().header.str("BUNIT").unwrap()
    );
    let stat = values(cube, "STAT");
    let [_, n_y, n_x] = cube.planes("STAT").unwrap().shape();
    for (n, (l, j, i)) in (19..22)
        .flat_map(|l| (8..10).flat_map(move |j| (10..13).map(move |i| (l, j, i))))
        .enumerate()
    {
        let variance = f64::from(stat[(l * n_y + j) * n_x + i]);
        assert!((matrix[[n, n]] / variance - 1.0).abs() < 1e-5, "voxel {n}");
        assert!(matrix[[n, (n + 1) % 18]] != 0.0 || n % 3 == 2, "neighbours share rows");
    }
    for wrong in ["1:2,3:4", "1:9999,1,1"] {
        let text = try_combine(&made, &json!({"covariance": wrong}))
            .unwrap_err()
            .to_string();
        assert!(text.contains("covariance"), "{text}");
    }
}

/// A number from the environment, for the long runs of the night.
fn asked(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("the variable holds a number"))
}

#[test]
fn the_variance_is_that_of_repeated_noise() {
    let n_seeds = asked("PHOENIX_TWIN_SEEDS", 4);
    let n_voxels = asked("PHOENIX_TWIN_VOXELS", 4 * SMALL_VOXELS);
    let n_lambda = N_LAMBDA * n_voxels.div_ceil(n_seeds * SMALL_VOXELS);
    // As many voxels as the issue asks for are to agree within 1 %.
    let limit = if n_voxels < 1_000_000 { 0.02 } else { 0.01 };
    let quiet = |conditions: &mut Conditions| {
        conditions.cosmic_rate = 0.0;
    };
    let changes = json!({"crsigma": 0});
    let twins: Vec<Observation> = observations_of(n_lambda, quiet)
        .into_iter()
        .map(|mut observation| {
            observation.exposure = observation.exposure.twin();
            observation
        })
        .collect();
    let expected = values(&combine(&twins, &changes), "DATA");
    let (mut sum, mut within, mut n) = (0.0, 0_usize, 0_usize);
    let mut blocks = BLOCKS.map(Blocks::new);
    for seed in 0..n_seeds as u64 {
        let noisy = combine(
            &observations_of(n_lambda, |conditions| {
                quiet(conditions);
                conditions.noise_seed += 100 * (seed + 1);
            }),
            &changes,
        );
        for block in &mut blocks {
            block.add(&noisy, &expected);
        }
        for ((found, variance), expected) in values(&noisy, "DATA").iter().zip(values(&noisy, "STAT")).zip(&expected) {
            if found.is_finite() && expected.is_finite() && variance > 0.0 {
                let z2 = f64::from(found - expected).powi(2) / f64::from(variance);
                sum += z2;
                within += usize::from(z2 < 1.0);
                n += 1;
            }
        }
    }
    let (mean, share) = (sum / n as f64, within as f64 / n as f64);
    println!("mean z^2 {mean:.4}, {share:.4} within 1 sigma, {n} voxels, {n_seeds} seeds");
    assert!(n >= n_voxels, "{n} voxels of {n_voxels}");
    assert!((mean - 1.0).abs() < limit, "mean z^2 is {mean} over {n} voxels");
    assert!(
        (share - 0.6827).abs() < 0.01,
        "{share} of {n} voxels lie within 1 sigma"
    );
    for block in &blocks {
        let ratio = block.scatter() / block.factor;
        println!("{:?}: {:.4} of the header's {:.4}", block.size, ratio, block.factor);
        assert!(
            (ratio - 1.0).abs() < 0.05,
            "means scatter {ratio} times what the header says, {block:?}"
        );
    }
}

/// Blocks (x, y, wave) of which the header tells the covariance.
const BLOCKS: [[usize; 3]; 3] = [[3, 3, 1], [5, 5, 1], [1, 1, 10]];

/// Means over blocks of voxels, in units of what the variances alone say.
#[derive(Debug)]
struct Blocks {
    size: [usize; 3],
    factor: f64,
    sum: f64,
    n: u32,
}

impl Blocks {
    fn new(size: [usize; 3]) -> Self {
        Self {
            size,
            factor: f64::NAN,
            sum: 0.0,
            n: 0,
        }
    }

    fn add(&mut self, cube: &Product, expected: &[f32]) {
        let [x, y, wave] = self.size;
        let name = format!("{x}x{y}x{wave}");
        let number = (1..=3)
            .find(|n| cube.header.str(format!("PHX.COVAR{n}.BLOCK")) == Ok(name.as_str()))
            .expect("the header knows the block");
        self.factor = cube.header.f64(format!("PHX.COVAR{number}.FACTOR")).unwrap();
        let [n_wave, n_y, n_x] = cube.planes("DATA").unwrap().shape();
        let (data, stat) = (values(cube, "DATA"), values(cube, "STAT"));
        let starts = (0..n_wave / wave)
            .flat_map(|w| (0..n_y / y).flat_map(move |j| (0..n_x / x).map(move |i| [w * wave, j * y, i * x])));
        for [iw, iy, ix] in starts {
            let (mut difference, mut variance) = (0.0, 0.0);
            for k in 0..x * y * wave {
                let (dw, dy, dx) = (k / (x * y), k / x % y, k % x);
                let at = ((iw + dw) * n_y + iy + dy) * n_x + ix + dx;
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
