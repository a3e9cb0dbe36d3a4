//! What the recipe promises, on small cubes in files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::id::TaskId;
use phoenix_core::observe::{Event, Observer};
use phoenix_core::product::Product;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{InputSet, Instrument, RecipeError, RunContext};
use phoenix_io::FitsReader;
use phoenix_muse::cubes::CUBE_COMBINE;
use phoenix_testkit::conformance::{self, RecipeFixture};
use phoenix_testkit::fake::FakeSink;
use serde_json::json;

use crate::files::{Cube, noisy, uniform, written};
use crate::support::{self, figure, product, run, values};

const EXTENSIONS: [&str; 4] = ["DATA", "STAT", "EXPMAP", "REJMAP"];

fn bits(products: &[Product]) -> Vec<Vec<u32>> {
    let cube = product(products, "DATACUBE_FINAL");
    EXTENSIONS
        .map(|hdu| values(cube, hdu).iter().map(|x| x.to_bits()).collect())
        .to_vec()
}

#[test]
fn the_recipe_keeps_the_contracts_of_every_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let frames = written(folder.path(), 5, [4, 5, 6], noisy);
    let muse = phoenix_muse::instrument().unwrap();
    let recipe = muse.recipe(&TaskId::from(CUBE_COMBINE)).unwrap();
    let fixture = RecipeFixture {
        frames: &frames,
        reader: &FitsReader::new(),
        params: json!({"nclip": "3"}),
    };
    conformance::recipe(recipe, &fixture).assert_clean();
}

#[test]
fn constant_cubes_give_their_mean_the_grid_of_the_inputs_and_a_full_exposure_map() {
    let folder = tempfile::tempdir().unwrap();
    let frames = written(folder.path(), 4, [3, 4, 5], |cube, _| [cube as f32, 2.0]);
    let (outcome, products) = run(CUBE_COMBINE, &frames, &json!({})).unwrap();
    let cube = product(&products, "DATACUBE_FINAL");
    assert!(values(cube, "DATA").iter().all(|&x| x == 1.5));
    assert!(values(cube, "STAT").iter().all(|&x| x == 0.5));
    assert!(values(cube, "EXPMAP").iter().all(|&x| x == 4.0));
    assert!(values(cube, "REJMAP").iter().all(|&x| x == 0.0));
    assert_eq!(figure(&outcome, "finite_voxels"), 60.0);
    assert_eq!(cube.header.f64("EXPTIME"), Ok(600.0 + 601.0 + 602.0 + 603.0));
    assert_eq!(cube.header.str("DATE-OBS").unwrap(), "2016-05-01T00:00:00.000");
    assert_eq!(cube.header.i64("QC.CUBECOMB.EXPNB"), Ok(4));
    let expected = Cube::new(0, [3, 4, 5], |_, _| [0.0; 2]).grid;
    for hdu in EXTENSIONS {
        let header = &cube.hdu(hdu).unwrap().header;
        for card in expected.cards().iter().filter(|card| card.key.as_str() != "BUNIT") {
            let found = header.get(card.key.as_str()).unwrap();
            let (text, number) = (found.as_str(), found.as_f64());
            assert_eq!(
                (text, number),
                (card.value.as_str(), card.value.as_f64()),
                "{hdu} {}",
                card.key
            );
        }
    }
    let unit = |hdu: &str| cube.hdu(hdu).unwrap().header.str("BUNIT").map(str::to_owned);
    assert_eq!(unit("STAT").unwrap(), format!("({})**2", unit("DATA").unwrap()));
}

#[test]
fn errors_are_true_and_outliers_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let sigma = |voxel: usize| 1.0 + voxel as f64 % 3.0;
    let frames = written(folder.path(), 12, [6, 60, 60], |cube, voxel| {
        let noise: f64 = (0..12).map(|seed| uniform(seed, cube, voxel)).sum::<f64>() - 6.0;
        let is_hit = uniform(20, cube, voxel) < 0.01;
        let value = if is_hit { 1e4 } else { 7.0 + sigma(voxel) * noise };
        [value as f32, (sigma(voxel) * sigma(voxel)) as f32]
    });
    for changes in [json!({"mad": true, "nclip": 8}), json!({"method": "median"})] {
        let (_, products) = run(CUBE_COMBINE, &frames, &changes).unwrap();
        let cube = product(&products, "DATACUBE_FINAL");
        let (data, stat) = (values(cube, "DATA"), values(cube, "STAT"));
        let pulls = data
            .iter()
            .zip(&stat)
            .map(|(x, v)| f64::from((x - 7.0) * (x - 7.0) / v));
        let mean_square = pulls.sum::<f64>() / data.len() as f64;
        assert!((mean_square - 1.0).abs() < 0.05, "{changes}: {mean_square}");
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_memory_nor_on_the_order_of_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = written(folder.path(), 9, [7, 40, 50], noisy);
    let run = |frames: &[FrameRef], threads: usize, memory: u64| {
        let budget = (threads, memory);
        let changes = json!({"nclip": [3, 2.5]});
        let (_, products) = support::run_on(CUBE_COMBINE, frames, &changes, &FitsReader::new(), budget).unwrap();
        bits(&products)
    };
    let expected = run(&frames, 2, 1 << 30);
    for (threads, memory) in [(1, 80_000), (2, 300_000), (5, 1_000_000)] {
        assert_eq!(run(&frames, threads, memory), expected);
    }
    frames.reverse();
    assert_eq!(run(&frames, 2, 80_000), expected);
    let few = support::run_on(CUBE_COMBINE, &frames, &json!({}), &FitsReader::new(), (1, 10_000));
    assert!(matches!(few, Err(RecipeError::Memory { floor_bytes, .. }) if floor_bytes < 80_000));
}

#[test]
fn cubes_that_do_not_belong_together_are_refused_with_frame_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let small = || Cube::new(0, [2, 3, 4], |_, _| [1.0; 2]);
    small().write(&path("good.fits"));
    let refused = |name: &str, change: &dyn Fn(&mut Cube), word: &str, other: &str| {
        let mut cube = small();
        cube.primary.set("DATE-OBS", "2016-05-02T00:00:00.000", "");
        change(&mut cube);
        cube.write(&path(name));
        let frames = [path("good.fits"), path(name)].map(|path| support::frame(&path, "DATACUBE_FINAL"));
        let told = match run(CUBE_COMBINE, &frames, &json!({})) {
            Err(RecipeError::Frame { frame, reason }) => format!("{frame}: {reason}"),
            other => panic!("{name}: {other:?}"),
        };
        for word in [word, other, name.trim_end_matches(".fits")] {
            assert!(told.contains(word), "{name}: {told}");
        }
    };
    let set = |key: &'static str, value: f64| move |cube: &mut Cube| cube.grid.set(key, value, "");
    refused("shifted.fits", &set("CRVAL1", 150.101), "CRVAL1", "good");
    refused("turned.fits", &set("CD1_2", 1e-7), "CD1_2", "good");
    refused("stepped.fits", &set("CD3_3", 1.0), "CD3_3", "good");
    refused(
        "unit.fits",
        &|cube| cube.grid.set("BUNIT", "count", ""),
        "BUNIT",
        "good",
    );
    refused(
        "axis.fits",
        &|cube| cube.grid.set("CTYPE3", "WAVE", ""),
        "CTYPE3",
        "good",
    );
    refused("rows.fits", &|cube| cube.shape = [2, 4, 3], "NAXIS2", "good");
    refused("bare.fits", &|cube| cube.stat = None, "STAT", "propagate");
    let twice = [
        support::frame(&path("good.fits"), "DATACUBE_FINAL"),
        support::frame(&path("good.fits"), "DATACUBE_FINAL"),
    ];
    assert!(matches!(
        run(CUBE_COMBINE, &twice, &json!({})),
        Err(RecipeError::Inputs { .. })
    ));
    let one = &twice[..1];
    assert!(matches!(
        run(CUBE_COMBINE, one, &json!({})),
        Err(RecipeError::Inputs { .. })
    ));
    for changes in [
        json!({"nclip": 0}),
        json!({"nstop": 0}),
        json!({"nclip": "a"}),
        json!({"mode": "x"}),
    ] {
        let found = run(CUBE_COMBINE, &twice, &changes);
        assert!(
            matches!(found, Err(RecipeError::Parameter { .. } | RecipeError::Inputs { .. })),
            "{changes}"
        );
    }
}

#[test]
fn rounding_of_world_coordinates_and_absent_cross_terms_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let frames = [0, 1].map(|n| {
        let mut cube = Cube::new(n, [2, 3, 4], |_, _| [1.0; 2]);
        if n == 1 {
            cube.grid.set("CRVAL1", 150.1 * (1.0 + 1e-14), "");
            cube.grid.remove("CD1_2");
            cube.grid.set("BUNIT", "10**(-20) * erg/s/cm**2/angstrom", "");
        }
        let path = folder.path().join(format!("{n}.fits"));
        cube.write(&path);
        support::frame(&path, "DATACUBE_FINAL")
    });
    assert!(run(CUBE_COMBINE, &frames, &json!({})).is_ok());
}

/// Notes how many files the process has open whenever a window is done.
#[derive(Debug, Default)]
struct OpenFiles {
    most: AtomicUsize,
    windows: AtomicUsize,
}

impl Observer for OpenFiles {
    fn on(&self, event: &Event<'_>) {
        if let Event::Progress { .. } = event {
            let n_open = std::fs::read_dir("/proc/self/fd").map_or(usize::MAX, Iterator::count);
            self.most.fetch_max(n_open, Ordering::Relaxed);
            self.windows.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_thousand_cubes_take_a_bounded_number_of_file_handles() {
    let folder = tempfile::tempdir().unwrap();
    let frames = written(folder.path(), 1000, [3, 4, 10], |cube, _| [cube as f32, 1.0]);
    let muse = phoenix_muse::instrument().unwrap();
    let recipe = muse.recipe(&TaskId::from(CUBE_COMBINE)).unwrap();
    let params = recipe.default_params_dyn();
    let record = Record {
        job: "test".into(),
        recipe: CUBE_COMBINE.into(),
        pipeline: "phoenix/test".into(),
        raw: frames.clone(),
        calib: Vec::new(),
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let observer = Arc::new(OpenFiles::default());
    let ctx = RunContext::new(&record.job, &record)
        .with_budget(2, 1_100_000)
        .with_observer(observer.clone());
    let mut sink = FakeSink::default();
    recipe
        .execute_dyn(&InputSet::new(&frames), &params, &FitsReader::new(), &mut sink, &ctx)
        .unwrap();
    let products = sink.into_products();
    let cube = product(&products, "DATACUBE_FINAL");
    assert!(values(cube, "DATA").iter().all(|&x| x == 499.5));
    assert!(values(cube, "EXPMAP").iter().all(|&x| x == 1000.0));
    assert_eq!(observer.windows.load(Ordering::Relaxed), 3);
    // 64 of the reader, its threads, and what the tests beside this one hold.
    let most = observer.most.load(Ordering::Relaxed);
    assert!(most < 250, "{most} files are open");
}

#[test]
fn the_headers_of_the_product_say_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let frames = written(folder.path(), 3, [2, 3, 4], noisy);
    let (_, products) = run(CUBE_COMBINE, &frames, &json!({"nclip": 2})).unwrap();
    let told = |header: &Header, key: &str| header.get(key).map(phoenix_core::header::Value::display);
    let cube = product(&products, "DATACUBE_FINAL");
    assert_eq!(told(&cube.header, "PRO.CATG").as_deref(), Some("DATACUBE_FINAL"));
    assert_eq!(told(&cube.header, "PRO.REC1.ID").as_deref(), Some(CUBE_COMBINE));
    assert_eq!(cube.header.i64("PRO.DATANCOM"), Ok(3));
    let statistics = product(&products, "CUBE_STATISTICS");
    assert_eq!(told(&statistics.header, "PRO.CATG").as_deref(), Some("CUBE_STATISTICS"));
}
