//! Contracts of `Recipe`, checked through its erased twin.

use phoenix_core::cancel::CancelToken;
use phoenix_core::frame::FrameRef;
use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{FrameReader, InputSet, RecipeDyn, RecipeError, RunContext};

use super::Report;
use crate::fake::FakeSink;

/// What a recipe is tried on.
#[derive(Debug)]
pub struct RecipeFixture<'a> {
    /// Sound inputs.
    pub frames: &'a [FrameRef],
    /// Where they are read from.
    pub reader: &'a dyn FrameReader,
    /// Changes to the default parameters.
    pub params: serde_json::Value,
}

fn record_for(recipe: &dyn RecipeDyn, fixture: &RecipeFixture<'_>) -> Record {
    Record {
        job: "conformance".into(),
        recipe: recipe.spec_dyn().id.clone(),
        pipeline: recipe.spec_dyn().pipeline.clone(),
        raw: fixture.frames.to_vec(),
        calib: Vec::new(),
        params: merged(recipe, fixture),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    }
}

fn merged(recipe: &dyn RecipeDyn, fixture: &RecipeFixture<'_>) -> serde_json::Value {
    let mut params = recipe.default_params_dyn();
    if let (Some(all), Some(changes)) = (params.as_object_mut(), fixture.params.as_object()) {
        all.extend(changes.clone());
    }
    params
}

fn run(
    recipe: &dyn RecipeDyn,
    fixture: &RecipeFixture<'_>,
    params: &serde_json::Value,
    threads: usize,
    memory_bytes: u64,
    cancel: CancelToken,
) -> (Result<(), RecipeError>, Vec<Product>) {
    let record = record_for(recipe, fixture);
    let ctx = RunContext::new(&record.job, &record)
        .with_budget(threads, memory_bytes)
        .with_cancel(cancel);
    let mut sink = FakeSink::default();
    let outcome = recipe.execute_dyn(&InputSet::new(fixture.frames), params, fixture.reader, &mut sink, &ctx);
    (outcome.map(|_| ()), sink.into_products())
}

/// The bits of all 32-bit planes of a product, in order.
fn bits(product: &Product) -> Vec<u32> {
    let mut all = Vec::new();
    for hdu in &product.hdus {
        if let HduData::Image(Pixels::F32(planes)) = &hdu.data {
            let [n_wave, n_y, n_x] = planes.shape();
            let mut values = vec![0.0_f32; n_wave * n_y * n_x];
            if planes.read(0..n_wave, &mut values).is_ok() {
                all.extend(values.iter().map(|value| value.to_bits()));
            }
        }
    }
    all
}

/// Checks a recipe on sound inputs.
pub fn recipe(recipe: &dyn RecipeDyn, fixture: &RecipeFixture<'_>) -> Report {
    let mut report = Report::default();
    let spec = recipe.spec_dyn();
    let params = merged(recipe, fixture);
    report.check(
        "the default parameters are a JSON object",
        recipe.default_params_dyn().is_object(),
        || recipe.default_params_dyn().to_string(),
    );
    let mut unknown = params.clone();
    if let Some(object) = unknown.as_object_mut() {
        object.insert("no_such_parameter".into(), 1.into());
    }
    let refused = run(recipe, fixture, &unknown, 1, u64::MAX, CancelToken::new()).0;
    report.check(
        "an unknown parameter is an error",
        matches!(refused, Err(RecipeError::Parameter { .. })),
        || format!("{refused:?}"),
    );
    let none = RecipeFixture {
        frames: &[],
        reader: fixture.reader,
        params: fixture.params.clone(),
    };
    let empty = run(recipe, &none, &params, 1, u64::MAX, CancelToken::new()).0;
    report.check("no input at all is an error", empty.is_err(), || "it succeeded".into());

    let cancelled = CancelToken::new();
    cancelled.cancel();
    let (stopped, products) = run(recipe, fixture, &params, 1, u64::MAX, cancelled);
    report.check(
        "a cancelled run stores nothing",
        matches!(stopped, Err(RecipeError::Stopped)) && products.is_empty(),
        || format!("{stopped:?}, {} products", products.len()),
    );

    let (outcome, one) = run(recipe, fixture, &params, 1, u64::MAX, CancelToken::new());
    report.check("sound inputs give products", outcome.is_ok() && !one.is_empty(), || {
        format!("{outcome:?}")
    });
    let alien: Vec<String> = one
        .iter()
        .filter(|product| !spec.outputs.contains(&product.tag))
        .map(|product| product.name.clone())
        .collect();
    report.check("every product is of a declared kind", alien.is_empty(), || {
        format!("{alien:?}")
    });
    report.check(
        "every product carries its provenance",
        one.iter()
            .all(|product| product.header.str("PRO.REC1.ID") == Ok(spec.id.as_str())),
        || "PRO.REC1.ID is missing or names another recipe".into(),
    );
    let again = run(recipe, fixture, &params, 4, 64 << 20, CancelToken::new()).1;
    let same = one.len() == again.len() && one.iter().zip(&again).all(|(a, b)| bits(a) == bits(b));
    report.check("threads and memory budget do not change a bit", same, || {
        "the products differ".into()
    });
    report.check(
        "headers do not depend on threads and memory budget",
        one.iter().zip(&again).all(|(a, b)| a.header == b.header),
        || "the primary headers differ".into(),
    );
    report
}
