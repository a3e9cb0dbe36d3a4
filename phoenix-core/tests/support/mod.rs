//! A small instrument with fakes for every port, shared by the engine's tests.
//!
//! `DARK` frames make a `MASTER_DARK` (task `fake_dark`); `SCIENCE` frames of one block make an `OBJECT` with the
//! master of the same setup (task `fake_science`); a block whose frames carry `PAIR` is combined from two others
//! (task `fake_combine`); `RAW` frames ask for a task without recipe (`fake_basic`).
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "each test uses its share; a failed step is a failed test"
)]

pub mod ports;
pub mod rules;

use std::fmt;
use std::sync::Arc;

use phoenix_core::engine::{Engine, Inline, MemoryJobs, RunIo, RunReport};
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, RecipeId, Tag, TaskId};
use phoenix_core::plan::Plan;
use phoenix_core::prelude::*;
use phoenix_core::product::Product;
use phoenix_core::traits::{
    DeliverySpec, FrameReader, InputSet, InputSpec, Outcome, ProductSink, RecipeError, RecipeSpec, ResourceModel,
    RunContext, Selection,
};

use ports::{FakeReader, FakeSinks};
use rules::Rules;

/// What a fake recipe does beside making its product.
pub type Deed = Arc<dyn Fn(&RunContext<'_>) -> Result<Outcome, RecipeError> + Send + Sync>;

/// A recipe that puts one product per run, whose content is the digests of its inputs.
pub struct FakeRecipe {
    spec: RecipeSpec,
    deed: Deed,
}

impl fmt::Debug for FakeRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRecipe")
            .field("id", &self.spec.id)
            .finish_non_exhaustive()
    }
}

impl RecipeDyn for FakeRecipe {
    fn spec_dyn(&self) -> &RecipeSpec {
        &self.spec
    }

    fn default_params_dyn(&self) -> serde_json::Value {
        serde_json::json!({"sigma": 3.0, "method": "median"})
    }

    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        _params: &serde_json::Value,
        _reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        inputs.check(&self.spec)?;
        let outcome = (self.deed)(ctx)?;
        let mut header = Header::new();
        ctx.record.stamp(&mut header);
        for frame in inputs.frames() {
            let digest = frame.digest.as_ref().map_or("none", |digest| digest.as_str());
            header.note("HISTORY", &format!("{} {digest}", frame.tag));
        }
        let tag = self.spec.outputs[0].clone();
        sink.put(Product {
            name: format!("{tag}.fits"),
            tag,
            header,
            hdus: Vec::new(),
        })?;
        Ok(outcome)
    }
}

/// The instrument; each of its tasks can be given a deed and a resource model.
#[derive(Debug)]
pub struct Fake {
    rules: Rules,
    recipes: Vec<FakeRecipe>,
}

impl Fake {
    pub fn new() -> Self {
        let input = |tag: &str, is_main: bool, min: usize| InputSpec {
            tag: tag.into(),
            min,
            max: if is_main { Some(16) } else { Some(1) },
            is_main,
        };
        let recipe = |id: &str, inputs: Vec<InputSpec>, output: &str| FakeRecipe {
            spec: RecipeSpec {
                id: RecipeId::from(id),
                doc: "Makes a fake".into(),
                pipeline: "fake/1".into(),
                inputs,
                outputs: vec![output.into()],
                params: Vec::new(),
                references: Vec::new(),
                resources: ResourceModel {
                    base_bytes: 1000,
                    bytes_per_input_byte: 2.0,
                    max_threads: 4,
                },
            },
            deed: Arc::new(|_| Ok(Outcome::default())),
        };
        Self {
            rules: Rules,
            recipes: vec![
                recipe("fake_dark", vec![input("DARK", true, 2)], "MASTER_DARK"),
                recipe(
                    "fake_science",
                    vec![input("SCIENCE", true, 1), input("MASTER_DARK", false, 1)],
                    "OBJECT",
                ),
                recipe("fake_combine", vec![input("OBJECT", true, 1)], "COMBINED"),
            ],
        }
    }

    pub fn doing(
        mut self,
        task: &str,
        deed: impl Fn(&RunContext<'_>) -> Result<Outcome, RecipeError> + Send + Sync + 'static,
    ) -> Self {
        let deed: Deed = Arc::new(deed);
        for recipe in &mut self.recipes {
            if recipe.spec.id.as_str() == task {
                recipe.deed = deed.clone();
            }
        }
        self
    }

    pub fn with_resources(mut self, base_bytes: u64, max_threads: usize) -> Self {
        for recipe in &mut self.recipes {
            recipe.spec.resources = ResourceModel {
                base_bytes,
                bytes_per_input_byte: 0.0,
                max_threads,
            };
        }
        self
    }

    pub fn engine(self) -> Engine {
        Engine::new(Arc::new(self))
    }
}

impl Instrument for Fake {
    fn id(&self) -> InstrumentId {
        "FAKE".into()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        &self.rules
    }

    fn associator(&self) -> &dyn Associator {
        &self.rules
    }

    fn tasks(&self) -> Vec<TaskId> {
        self.recipes
            .iter()
            .map(|recipe| TaskId::from(recipe.spec.id.as_str()))
            .collect()
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        self.recipes
            .iter()
            .find(|recipe| recipe.spec.id.as_str() == task.as_str())
            .map(|recipe| recipe as &dyn RecipeDyn)
    }

    fn scorer(&self, _tag: &Tag) -> Option<&dyn QcScorer> {
        None
    }

    fn delivery(&self, _tag: &Tag, _header: &Header) -> Option<DeliverySpec> {
        None
    }

    fn ingestor(&self, _transport: Arc<dyn Ingestor>) -> Box<dyn Ingestor> {
        unreachable!("nothing is delivered here")
    }
}

/// Returns a frame of a kind, a setup and a block.
pub fn frame(name: &str, kind: &str, setup: &str, block: &str) -> Frame {
    let mut header = Header::new();
    header.set("DPR.CATG", kind, "");
    header.set("INS.MODE", setup, "");
    if !block.is_empty() {
        header.set("OBS.ID", block, "");
    }
    Frame {
        id: name.into(),
        location: format!("mem/{name}.fits"),
        header,
        size_bytes: Some(100),
    }
}

/// A night with two darks, two science blocks and their combination.
pub fn night() -> Vec<Frame> {
    vec![
        frame("d1", "DARK", "FAST", "900"),
        frame("d2", "DARK", "FAST", "900"),
        frame("s1", "SCIENCE", "FAST", "100"),
        frame("s2", "SCIENCE", "FAST", "100"),
        frame("s3", "SCIENCE", "FAST", "200"),
        frame("p1", "PAIR", "FAST", "100,200"),
    ]
}

pub fn plan(engine: &Engine, frames: Vec<Frame>) -> Plan {
    engine
        .plan(frames, &Selection::new(), "2016-05-01")
        .expect("the night can be planned")
}

/// The ports of one run, kept between runs.
#[derive(Debug, Default)]
pub struct Bench {
    pub jobs: MemoryJobs,
    pub sinks: FakeSinks,
}

impl Bench {
    pub fn run(&self, engine: &Engine, plan: &Plan) -> RunReport {
        self.run_on(engine, plan, &Inline)
    }

    pub fn run_on(&self, engine: &Engine, plan: &Plan, executor: &dyn phoenix_core::engine::Executor) -> RunReport {
        let reader = FakeReader(self.sinks.store());
        let io = RunIo {
            reader: &reader,
            sinks: &self.sinks,
            jobs: &self.jobs,
        };
        engine.execute(plan, &io, executor).expect("the state can be kept")
    }
}
