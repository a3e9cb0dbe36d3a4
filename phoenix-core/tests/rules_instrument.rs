//! An instrument made of rules alone: names, groups, cascades, choices and reasons.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use phoenix_core::association::Fill;
use phoenix_core::engine::Engine;
use phoenix_core::frame::{Category, Frame};
use phoenix_core::header::{Edit, Header, Key, OverlayBook};
use phoenix_core::plan::{InputSource, Plan, Readiness};
use phoenix_core::rule_instrument::{BuildError, RuleInstrument, RuleInstrumentBuilder};
use phoenix_core::traits::{Instrument, SelectError, Selection};

const RULES: &str = r#"
// source: own example
if INSTRUME == "TOY" and DPR.TYPE == "BIAS" then { DO.CATG = "BIAS"; }
if INSTRUME == "TOY" and DPR.TYPE == "FLAT" then { DO.CATG = "FLAT"; }
if INSTRUME == "TOY" and DPR.CATG == "SCIENCE" then { DO.CATG = "OBJECT"; }
if INSTRUME == "TOY" and PRO.CATG like "MASTER%" then { DO.CATG = PRO.CATG; }
if OBS.GRADE == "X" then { DO.REJECT = "graded X by the observer"; }

minRet = 3;
select execute(toy_bias) from inputFiles where DO.CATG == "BIAS" group by TPL.START as (T, tpl);
select execute(toy_flat) from inputFiles where DO.CATG == "FLAT" group by TPL.START as (T, tpl);
select execute(toy_science) from inputFiles where DO.CATG == "OBJECT" and DPR.TYPE != "TEST";
select execute(toy_post) from inputFiles where DO.CATG == "REDUCED" group by OBS.ID as (T, post);

action toy_bias {
  recipe toy_bias { "--method=median"; }
  product MASTER_BIAS { PRO.CATG = "MASTER_BIAS"; }
}
action toy_flat {
  minRet = 1; maxRet = 1;
  select file as MASTER_BIAS from calibFiles where PRO.CATG == "MASTER_BIAS" and inputFile.DET.BINX == DET.BINX;
  recipe toy_flat;
  product MASTER_FLAT { PRO.CATG = "MASTER_FLAT"; }
}
action toy_science {
  minRet = 1; maxRet = 1;
  select file as MASTER_BIAS from calibFiles where PRO.CATG == "MASTER_BIAS" and inputFile.DET.BINX == DET.BINX;
  minRet = 1; maxRet = 1;
  select file as MASTER_FLAT from calibFiles where PRO.CATG == "MASTER_FLAT" and inputFile.DET.BINX == DET.BINX
     and inputFile.INS.FILTER == INS.FILTER;
  minRet = 0; maxRet = 1;
  select file as EXTINCTION from calibFiles where PRO.CATG == "EXTINCTION";
  recipe toy_science;
  product REDUCED { PRO.CATG = "REDUCED"; DO.CATG = "REDUCED"; }
}
action toy_post {
  recipe toy_post;
  product FINAL { PRO.CATG = "FINAL"; }
}
"#;

const VALIDITY: &str = r#"
exclusive = true
[MASTER_BIAS]
level = [{ level = 0, within_days = 1.0 }, { level = 2, within_days = 5.0 }]
[MASTER_FLAT]
level = [{ level = 0, within_days = 1.0 }, { level = 2, within_days = 5.0 }]
breakpoints = ["2020-01-02T12:00:00"]
[EXTINCTION]
rule = "valid-from"
"#;

fn toy() -> RuleInstrument {
    RuleInstrument::from_rules(RULES, VALIDITY)
        .expect("the rules are sound")
        .build()
        .expect("there is no recipe to miss")
}

fn frame(name: &str, mjd: f64, cards: &[(&str, &str)]) -> Frame {
    let mut header = Header::new();
    header.set("INSTRUME", "TOY", "");
    header.set("MJD-OBS", mjd, "");
    header.set("DET.BINX", 1_i64, "");
    header.set("INS.FILTER", "V", "");
    for (key, value) in cards {
        header.set(*key, *value, "");
    }
    Frame {
        id: name.into(),
        location: format!("{name}.fits"),
        header,
        size_bytes: Some(1000),
    }
}

fn biases(day: f64) -> impl Iterator<Item = Frame> {
    (0..3).map(move |n| {
        let name = format!("BIAS{day}_{n}");
        let start = format!("T{day}");
        frame(
            &name,
            day + 0.001 * f64::from(n),
            &[("DPR.CATG", "CALIB"), ("DPR.TYPE", "BIAS"), ("TPL.START", &start)],
        )
    })
}

fn flat(name: &str, mjd: f64) -> Frame {
    frame(
        name,
        mjd,
        &[("DPR.CATG", "CALIB"), ("DPR.TYPE", "FLAT"), ("TPL.START", name)],
    )
}

fn science(name: &str, mjd: f64, block: &str) -> Frame {
    frame(
        name,
        mjd,
        &[("DPR.CATG", "SCIENCE"), ("DPR.TYPE", "OBJECT"), ("OBS.ID", block)],
    )
}

/// 2020-01-01T00:00 UTC.
const JANUARY: f64 = 58_849.0;

fn plan(frames: Vec<Frame>) -> Plan {
    Engine::new(Arc::new(toy()))
        .plan(frames, &Selection::new(), "test")
        .expect("a plan can be made")
}

fn fill<'p>(plan: &'p Plan, job: &str, tag: &str) -> &'p Fill {
    let job = plan
        .jobs
        .iter()
        .find(|found| found.id.as_str() == job)
        .expect("the job is planned");
    let slot = job
        .slots
        .iter()
        .find(|slot| slot.tag.as_str() == tag)
        .expect("the slot is there");
    &slot.fill
}

#[test]
fn a_whole_cascade_is_planned_from_raw_frames_before_anything_runs() {
    let mut frames: Vec<Frame> = biases(JANUARY).collect();
    frames.push(flat("FLAT1", JANUARY + 0.1));
    frames.push(science("SCI1", JANUARY + 0.2, "42"));
    frames.push(science("SCI2", JANUARY + 0.3, "42"));
    let plan = plan(frames);
    let jobs: Vec<&str> = plan.jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(
        jobs,
        [
            "BIAS58849_0_tpl:toy_bias",
            "FLAT1_tpl:toy_flat",
            "SCI1_sgl:toy_science",
            "SCI2_sgl:toy_science",
            "SCI1_post:toy_post",
        ]
    );
    assert!(matches!(
        fill(&plan, "SCI1_sgl:toy_science", "MASTER_FLAT"),
        Fill::Pending { producer } if producer.as_str() == "FLAT1_tpl"
    ));
    let post = plan.jobs.last().expect("there are jobs");
    let producers: Vec<&str> = post.producers().map(phoenix_core::id::JobId::as_str).collect();
    assert_eq!(producers, ["SCI1_sgl:toy_science", "SCI2_sgl:toy_science"]);
    assert!(matches!(&post.inputs[0], InputSource::Job { tag, .. } if tag.as_str() == "REDUCED"));
    assert!(
        plan.jobs
            .iter()
            .all(|job| matches!(&job.readiness, Readiness::Unsupported { reason } if reason.contains("esorex")))
    );
    assert_eq!(plan.jobs[0].params, serde_json::json!({ "method": "median" }));
    assert_eq!(plan.jobs[0].recipe.as_str(), "toy_bias");
}

#[test]
fn an_outline_tells_inputs_and_products_of_a_recipe() {
    let toy = toy();
    let outline = toy.outline(&"toy_flat".into()).expect("the action names a recipe");
    let inputs: Vec<(&str, bool)> = outline
        .inputs
        .iter()
        .map(|input| (input.tag.as_str(), input.is_main))
        .collect();
    assert_eq!(inputs, [("FLAT", true), ("MASTER_BIAS", false)]);
    assert_eq!(outline.outputs, ["MASTER_FLAT".into()]);
    assert_eq!(outline.id.as_str(), "toy_flat");
    assert_eq!(toy.id().as_str(), "TOY");
    assert!(toy.recipe(&"toy_flat".into()).is_none());
}

#[test]
fn too_few_frames_make_no_master_and_the_reason_is_told() {
    let mut frames: Vec<Frame> = biases(JANUARY).take(2).collect();
    frames.push(flat("FLAT1", JANUARY + 0.1));
    let plan = plan(frames);
    let Fill::Missing { reason } = fill(&plan, "FLAT1_tpl:toy_flat", "MASTER_BIAS") else {
        panic!("two biases make no master");
    };
    assert_eq!(reason, "there is no MASTER_BIAS");
}

#[test]
fn a_certified_master_of_the_same_level_goes_before_one_still_to_be_made() {
    let mut frames: Vec<Frame> = biases(JANUARY).collect();
    frames.push(flat("FLAT1", JANUARY + 0.1));
    frames.push(frame("CERTIFIED", JANUARY - 0.8, &[("PRO.CATG", "MASTER_BIAS")]));
    let near = plan(frames.clone());
    let Fill::Filled {
        frames: taken,
        level,
        dt_days,
        ..
    } = fill(&near, "FLAT1_tpl:toy_flat", "MASTER_BIAS")
    else {
        panic!("the archive has one");
    };
    assert_eq!(taken[0].id.as_str(), "CERTIFIED");
    assert_eq!(level.0, 0);
    assert!((dt_days + 0.9).abs() < 1e-9);
    frames.pop();
    frames.push(frame("CERTIFIED", JANUARY - 2.0, &[("PRO.CATG", "MASTER_BIAS")]));
    let far = plan(frames);
    assert!(matches!(
        fill(&far, "FLAT1_tpl:toy_flat", "MASTER_BIAS"),
        Fill::Pending { .. }
    ));
}

#[test]
fn a_window_ends_exactly_where_it_ends_and_a_breakpoint_separates() {
    let science = science("SCI", JANUARY + 2.25, "1");
    let master = |name: &str, mjd: f64, kind: &str| frame(name, mjd, &[("PRO.CATG", kind)]);
    let at_the_edge = plan(vec![science.clone(), master("EDGE", JANUARY + 7.25, "MASTER_BIAS")]);
    assert!(matches!(
        fill(&at_the_edge, "SCI_sgl:toy_science", "MASTER_BIAS"),
        Fill::Filled { level, .. } if level.0 == 2
    ));
    let beyond = plan(vec![
        science.clone(),
        master("OVER", JANUARY + 7.25 + 1.2e-8, "MASTER_BIAS"),
    ]);
    let Fill::Missing { reason } = fill(&beyond, "SCI_sgl:toy_science", "MASTER_BIAS") else {
        panic!("a millisecond is too much");
    };
    assert_eq!(reason, "none of 1 fits: 1 × it lies outside every window");
    let before = plan(vec![science, master("BEFORE", JANUARY + 1.4, "MASTER_FLAT")]);
    let Fill::Missing { reason } = fill(&before, "SCI_sgl:toy_science", "MASTER_FLAT") else {
        panic!("the breakpoint lies between");
    };
    assert_eq!(
        reason,
        "none of 1 fits: 1 × the breakpoint 2020-01-02T12:00:00.000 lies between"
    );
}

#[test]
fn every_candidate_is_explained_by_the_first_rule_that_refused_it() {
    let toy = toy();
    let engine = Engine::new(Arc::new(self::toy()));
    let other_filter = {
        let mut frame = frame("OTHER", JANUARY, &[("PRO.CATG", "MASTER_FLAT")]);
        frame.header.set("INS.FILTER", "R", "");
        frame
    };
    let frames = vec![
        science("SCI", JANUARY, "1"),
        other_filter,
        frame("NEAR", JANUARY + 0.5, &[("PRO.CATG", "MASTER_FLAT")]),
        frame("FAR", JANUARY + 0.75, &[("PRO.CATG", "MASTER_FLAT")]),
        frame("AWAY", JANUARY - 9.0, &[("PRO.CATG", "MASTER_FLAT")]),
    ];
    let (classified, _) = engine.classify(frames).expect("frames can be named");
    let selected = toy
        .selector()
        .select(&classified, &Selection::new())
        .expect("frames can be grouped");
    let masters: Vec<_> = classified
        .into_iter()
        .filter(|frame| frame.category == Category::Master)
        .collect();
    let pool = phoenix_core::association::CalibPool::new(&masters, &[]);
    let dataset = selected
        .datasets
        .iter()
        .find(|dataset| dataset.id.as_str() == "SCI_sgl")
        .expect("the exposure is a dataset");
    let explained = toy
        .rule_associator()
        .explain(dataset, &pool)
        .expect("the task is known");
    let flat = explained
        .iter()
        .find(|slot| slot.tag.as_str() == "MASTER_FLAT")
        .expect("the slot is there");
    insta::assert_json_snapshot!(flat);
}

#[test]
fn a_rule_says_what_a_grade_does() {
    let mut graded = science("SCI", JANUARY, "1");
    graded.header.set("OBS.GRADE", "X", "");
    let error = toy().selector().classify(&graded);
    assert!(matches!(error, Err(SelectError::Rejected { reason, .. }) if reason == "graded X by the observer"));
    let plan = plan(vec![graded]);
    assert_eq!(plan.left_out.len(), 1);
    assert!(plan.jobs.is_empty());
}

#[test]
fn a_static_file_is_valid_from_its_time_on() {
    let frames = vec![
        science("SCI", JANUARY, "1"),
        frame("OLD", JANUARY - 4000.0, &[("PRO.CATG", "EXTINCTION")]),
        frame("NEWER", JANUARY - 1000.0, &[("PRO.CATG", "EXTINCTION")]),
        frame("FUTURE", JANUARY + 1.0, &[("PRO.CATG", "EXTINCTION")]),
    ];
    let plan = plan(frames);
    assert!(matches!(
        fill(&plan, "SCI_sgl:toy_science", "EXTINCTION"),
        Fill::Filled { frames, .. } if frames[0].id.as_str() == "NEWER"
    ));
}

#[test]
fn an_exclusive_book_refuses_two_kinds_for_one_frame() {
    let rules = r#"
        if INSTRUME == "TOY" then { DO.CATG = "A"; }
        if OBJECT == "LAMP" then { DO.CATG = "B"; }
    "#;
    let toy = RuleInstrument::from_rules(rules, "exclusive = true").and_then(RuleInstrumentBuilder::build);
    let toy = toy.expect("the rules are sound");
    let lamp = frame("LAMP", JANUARY, &[("OBJECT", "LAMP")]);
    assert!(matches!(
        toy.selector().classify(&lamp),
        Err(SelectError::Ambiguous { first, second, .. }) if first.as_str() == "A" && second.as_str() == "B"
    ));
}

#[test]
fn an_unknown_word_in_the_validity_table_is_an_error() {
    for (validity, message) in [
        ("exclusiv = true", "exclusiv is no key of a validity table"),
        ("[MASTER_BIAS]\nlevl = []", "unknown field `levl`"),
        ("[MASTER_BIAS]\nlevel = [{ level = 1 }]", "level 1 has no window"),
        ("[MASTER_BIAS]\nbreakpoints = [\"soon\"]", "\"soon\" is no time"),
        ("exclusive = ", "line 1"),
    ] {
        let error = RuleInstrument::from_rules(RULES, validity).expect_err("the table is wrong");
        let BuildError::Rules(error) = error else {
            panic!("{error}");
        };
        assert!(error.to_string().contains(message), "{error}");
    }
    let error = RuleInstrument::from_rules(RULES, "[MASTER_BIOS]").expect_err("no slot asks for it");
    assert_eq!(
        error.to_string(),
        "validity table: no slot of any action has the kind MASTER_BIOS"
    );
}

#[test]
fn a_frame_that_cannot_be_grouped_is_a_finding_and_the_night_goes_on() {
    let mut nameless = flat("FLAT1", JANUARY);
    nameless.header.remove("TPL.START");
    let plan = plan(vec![nameless, flat("FLAT2", JANUARY)]);
    assert_eq!(plan.jobs.len(), 1);
    assert_eq!(plan.left_out.len(), 1);
    assert_eq!(plan.left_out[0].severity, phoenix_core::dataset::Severity::Error);
    assert_eq!(
        plan.left_out[0].reason,
        "key TPL.START is missing, it is needed to group FLAT for toy_flat"
    );
}

#[test]
fn an_overlay_sets_a_grade_before_frames_are_named_and_the_plan_lists_it() {
    let mut overlays = OverlayBook::default();
    let grade = Edit {
        key: Key::new("OBS.GRADE"),
        value: Some("X".into()),
        author: "night astronomer".into(),
        reason: "clouds".into(),
        source: String::new(),
        is_note: true,
    };
    overlays.add(Key::new("OBS.ID"), "1".into(), vec![grade]);
    let frames = vec![science("BAD", JANUARY, "1"), science("GOOD", JANUARY + 0.1, "2")];
    let plan = Engine::new(Arc::new(toy()))
        .with_overlays(overlays)
        .plan(frames, &Selection::new(), "test")
        .expect("a plan can be made");
    assert!(plan.jobs.iter().all(|job| job.id.as_str().starts_with("GOOD")));
    assert_eq!(plan.overlays.len(), 1);
    assert_eq!(plan.overlays[0].frame.as_str(), "BAD");
    assert_eq!(plan.overlays[0].edits[0].reason, "clouds");
}

#[test]
fn the_engine_explains_a_job_by_its_name() {
    let frames = vec![
        science("SCI", JANUARY, "1"),
        frame("NEAR", JANUARY + 0.5, &[("PRO.CATG", "MASTER_FLAT")]),
    ];
    let engine = Engine::new(Arc::new(toy()));
    let explain = |job: &str| engine.explain(frames.clone(), &Selection::new(), &job.into());
    let slots = explain("SCI_sgl:toy_science")
        .expect("frames are sound")
        .expect("the job is planned");
    assert_eq!(slots.len(), 3);
    assert_eq!(slots[1].candidates.len(), 1);
    assert_eq!(explain("SCI_sgl:other").expect("frames are sound"), None);
}
