//! The contracts of the traits, on a simulated night.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed step is a failed test"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::association::CalibPool;
use phoenix_core::dataset::{Completeness, Dataset};
use phoenix_core::frame::{ClassifiedFrame, Frame, FrameRef};
use phoenix_core::id::{Tag, TaskId};
use phoenix_core::product::Product;
use phoenix_core::rules::{RuleBook, Validity};
use phoenix_core::traits::{Instrument, Selection};
use phoenix_muse::{Muse, instrument, kinds};
use phoenix_sim::night::{self, Content};
use phoenix_testkit::conformance::{self, RecipeFixture};
use phoenix_testkit::fake::FakeReader;
use phoenix_testkit::matrix;
use serde_json::json;

const VALIDITY: &str = include_str!("../rules/validity.toml");

fn products() -> Vec<Product> {
    let files = night::demo(1).files.into_iter();
    let products = files.filter_map(|file| match file.content {
        Content::Product(product) => Some(product),
        _ => None,
    });
    products.collect()
}

fn frames(products: &[Product]) -> Vec<Frame> {
    products
        .iter()
        .map(|product| Frame {
            id: product.name.trim_end_matches(".fits").into(),
            location: product.name.clone(),
            header: product.header.clone(),
            size_bytes: None,
        })
        .collect()
}

fn classified(muse: &Muse, frames: &[Frame]) -> Vec<ClassifiedFrame> {
    let named = frames.iter().filter_map(|frame| {
        let (tag, category) = muse.selector().classify(frame).unwrap()?;
        Some(ClassifiedFrame {
            frame: frame.clone(),
            tag,
            category,
        })
    });
    named.collect()
}

#[test]
fn selection_and_association_keep_their_contracts() {
    let (muse, frames) = (instrument().unwrap(), frames(&products()));
    conformance::selector(&muse, &frames, &Selection::new()).assert_clean();
    let members = classified(&muse, &frames);
    let selected = muse.selector().select(&members, &Selection::new()).unwrap();
    assert_eq!(selected.datasets.len(), 2, "{:?}", selected.left_out);
    conformance::associator(&muse, &selected.datasets, &members).assert_clean();
}

#[test]
fn the_rules_tell_their_sources_and_the_linter_finds_no_error() {
    conformance::rules("MUSE", kinds::RULES, VALIDITY).assert_clean();
}

#[test]
fn every_calibration_has_its_tasks_levels_and_makers() {
    let validity = Validity::parse(VALIDITY).unwrap();
    insta::assert_yaml_snapshot!(matrix::matrix(&instrument().unwrap(), &validity).unwrap());
}

#[test]
fn a_task_needs_what_its_rule_says_and_asks_for_nothing_else() {
    let (muse, book) = (instrument().unwrap(), RuleBook::parse(kinds::RULES).unwrap());
    let pool = CalibPool::new(&[], &[]);
    for task in muse.outlined() {
        let dataset = Dataset {
            id: "MUSE.2016-05-02T00:00:00.000".into(),
            task: task.clone(),
            key: BTreeMap::new(),
            frames: Vec::new(),
            needs: Vec::new(),
            completeness: Completeness::Complete,
        };
        let slots = muse.associator().associate(&dataset, &pool).unwrap().slots;
        let declared = &book.task(&task).unwrap().slots;
        let needed = declared.iter().filter(|slot| slot.bounds.min != Some(0));
        let needed: BTreeSet<&Tag> = needed.map(|slot| &slot.tag).collect();
        let known: BTreeSet<&Tag> = declared.iter().map(|slot| &slot.tag).collect();
        let required: BTreeSet<&Tag> = slots
            .iter()
            .filter(|slot| slot.required)
            .map(|slot| &slot.tag)
            .collect();
        assert_eq!(required, needed, "{task}");
        for slot in &slots {
            assert!(known.contains(&slot.tag), "{task}: no rule speaks of {}", slot.tag);
        }
    }
}

#[test]
fn recipes_and_scorer_keep_their_contracts() {
    let muse = instrument().unwrap();
    let mut reader = FakeReader::new();
    let mut set: Vec<FrameRef> = Vec::new();
    let tables = products().into_iter().filter(|product| {
        let is_block = product.header.i64("OBS.ID") == Ok(night::COMBINED_OBS_ID);
        is_block && product.header.str("DPR.CATG").unwrap_or("SCIENCE") == "SCIENCE"
    });
    for product in tables {
        if matches!(product.tag.as_str(), "PIXTABLE_REDUCED" | "OFFSET_LIST") {
            set.push(reader.add(product));
        }
    }
    let one = [set
        .iter()
        .find(|frame| frame.tag.as_str() == "PIXTABLE_REDUCED")
        .unwrap()
        .clone()];
    for (task, frames) in [("muse_exp_combine", &set[..]), ("muse_scipost_make_cube", &one[..])] {
        let recipe = muse.recipe(&TaskId::from(task)).unwrap();
        let fixture = RecipeFixture {
            frames,
            reader: &reader,
            params: json!({}),
        };
        conformance::recipe(recipe, &fixture).assert_clean();
    }
    let (_, made) = support::run_on("muse_exp_combine", &set, &json!({}), &reader, (2, 1 << 30)).unwrap();
    let cube = support::product(&made, "DATACUBE_FINAL");
    let scorer = muse.scorer(&cube.tag).unwrap();
    conformance::scorer(scorer, cube).assert_clean();
    let report = scorer.score(&scorer.measure(cube).unwrap(), &()).unwrap();
    let told: Vec<String> = report
        .scores
        .iter()
        .map(|score| format!("{} {:?} {}", score.parameter.name, score.grade, score.reason))
        .collect();
    insta::assert_yaml_snapshot!(json!({"scores": told, "flags": report.flag_string(), "setup": report.heading.setup}));
}
