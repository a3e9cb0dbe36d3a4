//! What the tests share: running a recipe on files, and reading planes back.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test uses its share"
)]

pub(crate) mod fov;
pub(crate) mod peer;
pub(crate) mod small;

use std::path::{Path, PathBuf};

use phoenix_core::frame::FrameRef;
use phoenix_core::id::TaskId;
use phoenix_core::product::Product;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{FrameReader, InputSet, Instrument, Outcome, RecipeDyn, RecipeError, RunContext};
use phoenix_io::FitsReader;
use phoenix_io::fits::FitsFile;
use phoenix_testkit::fake::FakeSink;
use serde_json::{Value, json};

/// A frame of a set of frames.
pub(crate) fn frame(path: &Path, tag: &str) -> FrameRef {
    FrameRef {
        id: path.file_stem().unwrap().to_str().unwrap().into(),
        tag: tag.into(),
        location: path.to_str().unwrap().to_owned(),
        size_bytes: std::fs::metadata(path).map(|meta| meta.len()).ok(),
        digest: None,
    }
}

/// Reads a set-of-frames file.
pub(crate) fn sof(path: &Path) -> Vec<FrameRef> {
    let folder = path.parent().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(file, tag)| frame(&folder.join(file), tag.trim())).collect()
}

/// Default parameters with changes.
pub(crate) fn params(recipe: &dyn RecipeDyn, changes: &Value) -> Value {
    let mut all = recipe.default_params_dyn();
    all.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    all
}

/// The outcome of a run and its products.
pub(crate) type Run = Result<(Outcome, Vec<Product>), RecipeError>;

/// Runs a recipe through any reader.
pub(crate) fn run_on(
    task: &str,
    frames: &[FrameRef],
    changes: &Value,
    reader: &dyn FrameReader,
    budget: (usize, u64),
) -> Run {
    let instrument = phoenix_muse::instrument().unwrap();
    let recipe = instrument.recipe(&TaskId::from(task)).expect("the task is native");
    let params = params(recipe, changes);
    let (raw, calib): (Vec<FrameRef>, Vec<FrameRef>) = frames
        .iter()
        .cloned()
        .partition(|frame| frame.tag.as_str().starts_with("PIXTABLE"));
    let record = Record {
        job: "test".into(),
        recipe: task.into(),
        pipeline: "phoenix/test".into(),
        raw,
        calib,
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let ctx = RunContext::new(&record.job, &record).with_budget(budget.0, budget.1);
    let mut sink = FakeSink::default();
    let outcome = recipe.execute_dyn(&InputSet::new(frames), &params, reader, &mut sink, &ctx)?;
    Ok((outcome, sink.into_products()))
}

/// Runs a recipe on files with two threads.
pub(crate) fn run(task: &str, frames: &[FrameRef], changes: &Value) -> Run {
    run_on(task, frames, changes, &FitsReader::new(), (2, 1 << 30))
}

/// Runs in the pipeline's numerics.
pub(crate) fn run_eso(task: &str, frames: &[FrameRef], changes: &Value) -> Run {
    let mut all = changes.clone();
    all["numerics"] = json!("eso");
    run(task, frames, &all)
}

/// All values of an extension of a product.
pub(crate) fn values(product: &Product, hdu: &str) -> Vec<f32> {
    let planes = product.planes(hdu).expect("the extension holds planes");
    let [n_wave, n_y, n_x] = planes.shape();
    let mut values = vec![0.0; n_wave * n_y * n_x];
    planes.read(0..n_wave, &mut values).unwrap();
    values
}

/// All values and the header of an extension of a file.
pub(crate) fn file_values(path: &Path, hdu: &str) -> (Vec<f32>, phoenix_core::header::Header) {
    let file = FitsFile::open(path).unwrap();
    let hdu = file.find(hdu).unwrap();
    let values = file.image(hdu.index).unwrap().pixels.to_f32();
    (values, hdu.header.clone())
}

/// A figure of an outcome.
pub(crate) fn figure(outcome: &Outcome, name: &str) -> f64 {
    outcome
        .figures
        .iter()
        .find(|(known, _)| known == name)
        .unwrap_or_else(|| panic!("no figure {name}"))
        .1
}

/// The products of a kind.
pub(crate) fn product<'a>(products: &'a [Product], tag: &str) -> &'a Product {
    products
        .iter()
        .find(|product| product.tag.as_str() == tag)
        .unwrap_or_else(|| panic!("no {tag}"))
}

/// World-coordinate keys of a cube.
pub(crate) const WCS_KEYS: [&str; 12] = [
    "CRPIX1", "CRPIX2", "CRPIX3", "CRVAL1", "CRVAL2", "CRVAL3", "CD1_1", "CD1_2", "CD2_1", "CD2_2", "CD3_3", "CD1_3",
];

/// Fails unless a cube's extension equals that of a file: bits, shape, world coordinates.
pub(crate) fn assert_same_cube(ours: &Product, theirs: &Path, what: &str) {
    for hdu in ["DATA", "STAT"] {
        let (expected, header) = file_values(theirs, hdu);
        let found = values(ours, hdu);
        let shape = ours.planes(hdu).unwrap().shape();
        let naxis = [3, 2, 1].map(|axis| header.i64(format!("NAXIS{axis}")).unwrap_or(-1));
        let is_shape_known = naxis.iter().all(|n| *n > 0);
        assert!(
            !is_shape_known || naxis == shape.map(|n| n as i64),
            "{what}: {shape:?} against {naxis:?}"
        );
        assert_eq!(found.len(), expected.len(), "{what} {hdu}");
        let difference = phoenix_testkit::golden::compare(&found, &expected, None);
        assert!(difference.is_none(), "{what} {hdu}: {difference:?}");
        let own = &ours.hdu(hdu).unwrap().header;
        for key in WCS_KEYS {
            let (a, b) = (own.f64(key).unwrap(), header.f64(key).unwrap());
            assert!(
                (a - b).abs() <= 1e-12 * b.abs(),
                "{what} {hdu}: {key} is {a:?}, the pipeline's is {b:?}"
            );
        }
    }
}

/// The folder of reference data, if it is there.
pub(crate) fn reference() -> Option<PathBuf> {
    phoenix_testkit::peers::data("muse-combine-reference")
}
