//! Which backend runs which task, and what the doctor finds.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

#[path = "../../phoenix-io/tests/esorex_support/mod.rs"]
mod esorex_support;

use std::path::Path;
use std::sync::Arc;

use esorex_support::{fake_esorex, outline};
use phoenix::backend::{Backed, Backend, BackendSettings, TaskState, doctor};
use phoenix_core::header::Header;
use phoenix_core::id::{InstrumentId, Tag, TaskId};
use phoenix_core::prelude::*;
use phoenix_core::traits::{
    DeliverySpec, FrameReader, InputSet, Outcome, ParamSpec, ProductSink, RecipeError, RecipeSpec, RunContext,
};
use phoenix_io::EsorexSettings;

/// A native recipe that is never run here.
#[derive(Debug)]
struct Native(RecipeSpec);

impl RecipeDyn for Native {
    fn spec_dyn(&self) -> &RecipeSpec {
        &self.0
    }

    fn default_params_dyn(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    fn execute_dyn(
        &self,
        _: &InputSet<'_>,
        _: &serde_json::Value,
        _: &dyn FrameReader,
        _: &mut dyn ProductSink,
        _: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        Err(RecipeError::Stopped)
    }
}

/// `fake_bias` is outlined only, `native_only` native only, `fake_lost` outlined and installed nowhere.
#[derive(Debug)]
struct Small {
    native: Native,
    outlines: Vec<RecipeSpec>,
}

impl Small {
    fn shared(option: Option<(&str, &str)>) -> Arc<dyn Instrument> {
        let mut bias = outline("fake_bias", "BIAS", &["MASTER_BIAS"]);
        bias.params = option
            .map(|(name, value)| ParamSpec {
                name: name.into(),
                doc: String::new(),
                values: value.into(),
            })
            .into_iter()
            .collect();
        Arc::new(Self {
            native: Native(outline("native_only", "A", &["B"])),
            outlines: vec![bias, outline("fake_lost", "C", &["D"])],
        })
    }
}

impl Instrument for Small {
    fn id(&self) -> InstrumentId {
        "SMALL".into()
    }

    fn selector(&self) -> &dyn DatasetSelector {
        unreachable!("nothing is selected here")
    }

    fn associator(&self) -> &dyn Associator {
        unreachable!("nothing is associated here")
    }

    fn tasks(&self) -> Vec<TaskId> {
        vec!["native_only".into()]
    }

    fn recipe(&self, task: &TaskId) -> Option<&dyn RecipeDyn> {
        (task.as_str() == "native_only").then_some(&self.native as &dyn RecipeDyn)
    }

    fn outline(&self, task: &TaskId) -> Option<&RecipeSpec> {
        self.outlines
            .iter()
            .find(|outline| outline.id.as_str() == task.as_str())
    }

    fn outlined(&self) -> Vec<TaskId> {
        self.outlines
            .iter()
            .map(|outline| TaskId::from(outline.id.as_str()))
            .collect()
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

fn settings(folder: &Path) -> BackendSettings {
    BackendSettings::default().with_esorex(EsorexSettings {
        program: fake_esorex(folder, "exit 0"),
        ..EsorexSettings::default()
    })
}

fn pipeline(backed: &Backed, task: &str) -> Option<String> {
    backed
        .recipe(&task.into())
        .map(|recipe| recipe.spec_dyn().pipeline.clone())
}

#[test]
fn what_phoenix_lacks_is_run_by_esorex_and_what_is_asked_for_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let backed = Backed::new(Small::shared(None), settings.clone());
    assert_eq!(pipeline(&backed, "native_only").as_deref(), Some("outline"));
    assert_eq!(pipeline(&backed, "fake_bias").as_deref(), Some("fake/1.2.3"));
    assert_eq!(pipeline(&backed, "fake_lost"), None);
    let tasks: Vec<String> = backed.tasks().iter().map(ToString::to_string).collect();
    assert_eq!(tasks, ["fake_bias", "native_only"]);
    let asked = Backed::new(Small::shared(None), settings.with_task("native_only", Backend::Esorex));
    assert_eq!(pipeline(&asked, "native_only"), None);
    assert!(
        asked
            .lack(&"native_only".into())
            .unwrap()
            .contains("native_only is not installed")
    );
}

#[test]
fn options_of_the_rule_book_are_the_recipe_s_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let of = |option| Backed::new(Small::shared(Some(option)), settings(folder.path()));
    let backed = of(("--nifu", "7"));
    let recipe = backed.recipe(&"fake_bias".into()).unwrap();
    assert_eq!(recipe.default_params_dyn(), serde_json::json!({"nifu": 7}));
    let wrong = of(("--nifus", "7"));
    assert!(wrong.recipe(&"fake_bias".into()).is_none());
    assert!(wrong.lack(&"fake_bias".into()).unwrap().contains("parameter nifus"));
}

#[test]
fn without_esorex_native_tasks_go_on_and_the_others_say_why_not() {
    let settings = BackendSettings::default().with_esorex(EsorexSettings {
        program: "/nowhere/esorex".into(),
        ..EsorexSettings::default()
    });
    let backed = Backed::new(Small::shared(None), settings);
    assert!(backed.recipe(&"native_only".into()).is_some());
    let lack = backed.lack(&"fake_bias".into());
    assert_eq!(lack.as_deref(), Some("program /nowhere/esorex is not there"));
}

#[test]
fn the_doctor_tells_every_task_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let report = doctor(&Small::shared(None), &settings(folder.path()), folder.path());
    assert_eq!(report.esorex.version.as_deref(), Some("3.13.6"));
    assert_eq!((report.esorex.n_recipes, report.esorex.problem.as_deref()), (1, None));
    assert!(matches!(&report.tasks[0].state, TaskState::Esorex { pipeline } if pipeline == "fake/1.2.3"));
    assert!(matches!(&report.tasks[2].state, TaskState::Native { .. }));
    let missing: Vec<&str> = report.missing().map(|task| task.task.as_str()).collect();
    assert_eq!(missing, ["fake_lost"]);
    assert!(!report.is_healthy());
    assert!(report.machine.free_disk_bytes.unwrap() > 0);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["tasks"][1]["state"], "missing");
}

#[test]
fn settings_survive_toml_and_refuse_what_they_do_not_know() {
    let text = "default = \"esorex\"\n[tasks]\nmuse_exp_combine = \"native\"\n[esorex]\nthreads = 4\n";
    let settings: BackendSettings = toml::from_str(text).unwrap();
    assert_eq!(settings.backend(&"muse_exp_combine".into()), Backend::Native);
    assert_eq!(settings.backend(&"muse_bias".into()), Backend::Esorex);
    assert_eq!(
        toml::from_str::<BackendSettings>(&toml::to_string(&settings).unwrap()).unwrap(),
        settings
    );
    assert!(toml::from_str::<BackendSettings>("defualt = \"esorex\"").is_err());
}
