//! Pixel tables whose rows lie in no order: sorted on the way, and the same products.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod support;

use std::sync::{Arc, Mutex};

use ndarray::{Array2, ArrayD, IxDyn};
use phoenix_core::frame::FrameRef;
use phoenix_core::observe::{Event, Observer};
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{InputSet, Instrument, RunContext, SinkFactory};
use phoenix_io::{DirSinks, read_product};
use phoenix_testkit::fake::FakeReader;
use serde_json::json;
use support::{params, small, values};

const TASK: &str = "muse_exp_combine";

/// Puts the rows of a table into no order, all columns alike.
fn shuffled(mut table: Product) -> Product {
    let planes = table.planes("data").expect("a column").shape();
    let n: usize = planes.iter().product();
    let mut order: Vec<usize> = (0..n).collect();
    let mut state = 1_u64;
    for at in (1..n).rev() {
        // Knuth, MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    for hdu in &mut table.hdus {
        let HduData::Image(pixels) = &mut hdu.data else {
            continue;
        };
        match pixels {
            Pixels::F32(source) => {
                let [n_wave, n_y, n_x] = source.shape();
                let mut old = vec![0.0; n_wave * n_y * n_x];
                source.read(0..n_wave, &mut old).unwrap();
                let new: Vec<f32> = order.iter().map(|row| old[*row]).collect();
                *source = Arc::new(Array2::from_shape_vec((n, 1), new).unwrap());
            }
            Pixels::I32(old) => {
                let flat: Vec<i32> = old.iter().copied().collect();
                let new = order.iter().map(|row| flat[*row]).collect();
                *old = ArrayD::from_shape_vec(IxDyn(&[n, 1]), new).unwrap();
            }
            _ => panic!("column {} is of another type", hdu.name),
        }
    }
    table
}

/// Notes which stages there were.
#[derive(Debug, Default)]
struct Stages(Mutex<Vec<String>>);

impl Observer for Stages {
    fn on(&self, event: &Event<'_>) {
        if let Event::Progress { stage, .. } = event {
            self.0.lock().unwrap().push((*stage).to_owned());
        }
    }
}

/// Combines tables within a budget; returns the bits of the cube, the combined table, and whether rows were sorted.
fn combine(tables: Vec<Product>, numerics: &str, memory_bytes: u64) -> ((Vec<u32>, Vec<u8>), bool) {
    let mut reader = FakeReader::new();
    let frames: Vec<FrameRef> = tables.into_iter().map(|table| reader.add(table)).collect();
    let instrument = phoenix_muse::instrument().unwrap();
    let recipe = instrument.recipe(&TASK.into()).unwrap();
    let params = params(recipe, &json!({"numerics": numerics, "save": "cube,combined"}));
    let record = Record {
        job: "stack".into(),
        recipe: TASK.into(),
        pipeline: "phoenix/test".into(),
        raw: frames.clone(),
        calib: Vec::new(),
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let stages = Arc::new(Stages::default());
    let ctx = RunContext::new(&record.job, &record)
        .with_budget(2, memory_bytes)
        .with_observer(Arc::clone(&stages) as Arc<dyn Observer>);
    let folder = tempfile::tempdir().unwrap();
    let mut sink = DirSinks::new(folder.path()).open(&record.job).unwrap();
    recipe
        .execute_dyn(&InputSet::new(&frames), &params, &reader, sink.as_product_sink(), &ctx)
        .unwrap();
    let stored = sink.commit(&record).unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path().join("work")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let place = |name: &str| &stored.iter().find(|product| product.name == name).unwrap().location;
    let cube = read_product(place("DATACUBE_FINAL.fits")).unwrap();
    let table = std::fs::read(place("PIXTABLE_COMBINED.fits")).unwrap();
    let bits = ["DATA", "STAT"].map(|hdu| values(&cube, hdu).into_iter().map(f32::to_bits).collect::<Vec<_>>());
    let was_sorted = stages.0.lock().unwrap().iter().any(|stage| stage == "sort rows");
    ((bits.concat(), table), was_sorted)
}

#[test]
fn a_shuffled_table_gives_the_products_that_it_gives_read_as_it_lies() {
    let tables = || {
        let mut tables = small::tables(120, 2);
        let last = tables.pop().unwrap();
        tables.push(shuffled(last));
        tables
    };
    for numerics in ["phoenix", "eso"] {
        // In one window nothing is read in vain.
        let (direct, was_sorted) = combine(tables(), numerics, 1 << 30);
        assert!(!was_sorted, "{numerics}");
        let (windowed, was_sorted) = combine(tables(), numerics, 3 << 20);
        assert!(was_sorted, "{numerics}");
        assert!(windowed == direct, "{numerics}");
        let (_, was_sorted) = combine(small::tables(120, 2), numerics, 3 << 20);
        assert!(!was_sorted, "{numerics}: rows in order were sorted");
    }
}
