//! A hand-written cascade of outside recipes: outlines, an instrument that has them, and the jobs of a plan.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its share; a failed step is a failed test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, Tag, TaskId};
use phoenix_core::plan::{InputSource, Plan, PlannedJob, Readiness};
use phoenix_core::prelude::*;
use phoenix_core::traits::{DeliverySpec, InputSpec, RecipeSpec, ResourceModel};
use phoenix_io::{EsorexRecipe, Installation};

/// Recipe, inputs (main first, `?` for those that may be absent and are main), products, GiB that it takes.
pub type Row = (&'static str, &'static str, &'static str, u64);

pub fn outlines(rows: &[Row]) -> impl Iterator<Item = RecipeSpec> {
    rows.iter().map(|(id, inputs, outputs, gib)| RecipeSpec {
        id: (*id).into(),
        doc: String::new(),
        pipeline: String::new(),
        inputs: (0..)
            .zip(inputs.split(' '))
            .map(|(n, tag)| InputSpec {
                tag: tag.trim_start_matches('?').into(),
                min: usize::from(!tag.starts_with('?')),
                max: None,
                is_main: n == 0 || tag.starts_with('?'),
            })
            .collect(),
        outputs: outputs.split(' ').map(Tag::from).collect(),
        params: Vec::new(),
        references: Vec::new(),
        resources: ResourceModel {
            base_bytes: gib << 30,
            bytes_per_input_byte: 0.0,
            max_threads: 2,
        },
    })
}

/// Recipes without rules.
#[derive(Debug)]
pub struct Chain {
    name: InstrumentId,
    recipes: BTreeMap<TaskId, EsorexRecipe>,
}

impl Chain {
    pub fn new(name: &str, rows: &[Row], installation: &Installation) -> Self {
        let recipes = outlines(rows).map(|outline| {
            let task = TaskId::from(outline.id.as_str());
            (task, EsorexRecipe::new(installation, &outline).unwrap())
        });
        Self {
            name: name.into(),
            recipes: recipes.collect(),
        }
    }
}

impl Instrument for Chain {
    fn id(&self) -> InstrumentId {
        self.name.clone()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        unreachable!("the plan is written by hand")
    }

    fn associator(&self) -> &dyn Associator {
        unreachable!("the plan is written by hand")
    }

    fn tasks(&self) -> Vec<TaskId> {
        self.recipes.keys().cloned().collect()
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        self.recipes.get(task).map(|recipe| recipe as &dyn RecipeDyn)
    }

    fn scorer(&self, _: &Tag) -> Option<&dyn QcScorer> {
        None
    }

    fn delivery(&self, _: &Tag, _: &Header) -> Option<DeliverySpec> {
        None
    }

    fn ingestor(&self, _: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        unreachable!("nothing is delivered here")
    }
}

pub fn frame(path: &Path, tag: &str) -> InputSource {
    let frame = FrameRef {
        id: path.file_stem().unwrap().to_string_lossy().into_owned().into(),
        tag: tag.into(),
        location: path.display().to_string(),
        size_bytes: fs::metadata(path).ok().map(|found| found.len()),
        digest: None,
    };
    InputSource::Frame { frame }
}

pub fn made(job: &str, tag: &str) -> InputSource {
    InputSource::Job {
        job: job.into(),
        tag: tag.into(),
    }
}

/// Appends a job; its memory is that of its recipe's row.
pub fn add(
    jobs: &mut Vec<PlannedJob>,
    rows: &[Row],
    (id, recipe): (&str, &str),
    inputs: Vec<InputSource>,
    params: serde_json::Value,
) {
    let gib = rows.iter().find(|known| known.0 == recipe).unwrap().3;
    jobs.push(PlannedJob {
        id: id.into(),
        dataset: id.into(),
        task: recipe.into(),
        recipe: recipe.into(),
        key: BTreeMap::new(),
        inputs,
        slots: Vec::new(),
        params,
        readiness: Readiness::Ready,
        resources: phoenix_core::plan::Resources {
            memory_bytes: gib << 30,
            threads: 2,
            floor_bytes: 0,
        },
    });
}

pub fn plan(instrument: &str, jobs: Vec<PlannedJob>) -> Plan {
    Plan {
        version: Plan::VERSION,
        instrument: instrument.into(),
        label: "chain".into(),
        overlays: Vec::new(),
        jobs,
        left_out: Vec::new(),
    }
}
