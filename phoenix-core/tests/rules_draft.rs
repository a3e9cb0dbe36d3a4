//! A draft of numbers says the same as a plan in full.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

#[path = "oracle/dice.rs"]
mod dice;

use std::collections::BTreeSet;
use std::sync::Arc;

use dice::Dice;
use phoenix_core::association::Fill;
use phoenix_core::engine::Engine;
use phoenix_core::frame::Frame;
use phoenix_core::header::Header;
use phoenix_core::plan::InputSource;
use phoenix_core::rule_instrument::{Draft, DraftFill, DraftFrames, RuleInstrument, RuleInstrumentBuilder};
use phoenix_core::traits::Selection;

const RULES: &str = r#"
if DPR.CATG == "CALIB" then { DO.CATG = DPR.TYPE; }
if DPR.CATG == "SCIENCE" then { DO.CATG = "OBJECT"; }
if PRO.CATG like "MASTER%" then { DO.CATG = PRO.CATG; }
minRet = 2; maxRet = 4;
select execute(bias) from inputFiles where DO.CATG == "BIAS" group by DET.BINX as (T, tpl);
select execute(flat) from inputFiles where DO.CATG == "FLAT" group by TPL.START, DET.BINX as (T, tpl);
select execute(science) from inputFiles where DO.CATG == "OBJECT";
select execute(post) from inputFiles where DO.CATG == "REDUCED" group by OBS.ID as (T, post);
action bias { recipe bias; product MASTER_BIAS { PRO.CATG = "MASTER_BIAS"; } }
action flat {
  select file as MASTER_BIAS from calibFiles where PRO.CATG == "MASTER_BIAS" and inputFile.DET.BINX == DET.BINX;
  recipe flat; product MASTER_FLAT { PRO.CATG = "MASTER_FLAT"; }
}
action science {
  select file as MASTER_BIAS from calibFiles where PRO.CATG == "MASTER_BIAS" and inputFile.DET.BINX == DET.BINX;
  minRet = 0; maxRet = 2;
  select file as MASTER_FLAT from calibFiles where PRO.CATG == "MASTER_FLAT" and inputFile.DET.BINX == DET.BINX;
  minRet = 0; maxRet = 1;
  select file as RAW_FLAT from rawFiles where DO.CATG == "FLAT" and inputFile.OBS.ID == OBS.ID;
  recipe science; product REDUCED { PRO.CATG = "REDUCED"; DO.CATG = "REDUCED"; }
}
action post { recipe post; }
"#;

const VALIDITY: &str = r#"
instrument = "TOY"
[MASTER_BIAS]
level = [{ level = 0, within_days = 1.0 }, { level = 1, within_days = 4.0 }]
[MASTER_FLAT]
level = [{ level = 0, within_days = 2.0 }]
prefer = "nearest"
"#;

fn frames(seed: u64) -> Vec<Frame> {
    let mut dice = Dice::new(seed);
    let frame = |n: i64| {
        let mut header = Header::new();
        header.set("MJD-OBS", 57_000.0 + dice.range(0, 640) as f64 / 64.0, "");
        header.set("DET.BINX", dice.pick(&[1_i64, 1, 2]), "");
        header.set("OBS.ID", dice.range(1, 6), "");
        let kind = dice.pick(&[
            "BIAS",
            "BIAS",
            "BIAS",
            "FLAT",
            "FLAT",
            "OBJECT",
            "OBJECT",
            "MASTER_BIAS",
            "MASTER_FLAT",
        ]);
        match kind {
            "MASTER_BIAS" | "MASTER_FLAT" => header.set("PRO.CATG", kind, ""),
            "OBJECT" => header.set("DPR.CATG", "SCIENCE", ""),
            _ => {
                header.set("DPR.CATG", "CALIB", "");
                header.set("DPR.TYPE", kind, "");
                if !dice.once_in(12) {
                    header.set("TPL.START", format!("T{}", dice.range(0, 12)), "");
                }
            }
        }
        let name = format!("F{:03}", (n * 89) % 211);
        Frame {
            id: name.as_str().into(),
            location: name,
            header,
            size_bytes: None,
        }
    };
    (0..120).map(frame).collect()
}

/// A job by its task, its frames and its slots, however it is named and stored.
type Spelled = (String, Vec<String>, Vec<String>);

fn from_plan(frames: Vec<Frame>) -> (BTreeSet<String>, Vec<Spelled>) {
    let toy = RuleInstrument::from_rules(RULES, VALIDITY).and_then(RuleInstrumentBuilder::build);
    let plan = Engine::new(Arc::new(toy.expect("the rules are sound")))
        .plan(frames, &Selection::new(), "test")
        .expect("a plan can be made");
    let names = plan.jobs.iter().map(|job| job.dataset.to_string()).collect();
    let mut jobs: Vec<Spelled> = plan
        .jobs
        .iter()
        .map(|job| {
            let slots: Vec<String> = job
                .slots
                .iter()
                .map(|slot| match &slot.fill {
                    Fill::Missing { .. } => format!("{} missing", slot.tag),
                    Fill::Pending { producer } => format!("{} pending {producer}", slot.tag),
                    Fill::Filled { frames, level, .. } => {
                        let names: Vec<&str> = frames.iter().map(|frame| frame.id.as_str()).collect();
                        format!("{} {} at {}", slot.tag, names.join(","), level.0)
                    }
                })
                .collect();
            let taken: BTreeSet<&str> = job
                .slots
                .iter()
                .filter_map(|slot| match &slot.fill {
                    Fill::Filled { frames, .. } => Some(frames),
                    _ => None,
                })
                .flatten()
                .map(|frame| frame.location.as_str())
                .collect();
            let mains = job.inputs.iter().filter_map(|input| match input {
                InputSource::Frame { frame } if !taken.contains(frame.location.as_str()) => Some(frame.id.to_string()),
                _ => None,
            });
            (job.task.to_string(), mains.collect(), slots)
        })
        .collect();
    jobs.sort();
    (names, jobs)
}

fn from_draft(frames: &[Frame]) -> (BTreeSet<String>, Vec<Spelled>) {
    let toy = RuleInstrument::from_rules(RULES, VALIDITY).and_then(RuleInstrumentBuilder::build);
    let toy = toy.expect("the rules are sound");
    let mut catalogue = DraftFrames::new(toy.policy().clone());
    for frame in frames {
        catalogue.push_header(frame.id.as_str(), &frame.header);
    }
    let draft = Draft::new(catalogue, &Selection::new());
    let ids: Vec<String> = (0..draft.len())
        .map(|n| draft.dataset_id(n).expect("every piece of work has a name").to_string())
        .collect();
    let names = ids.iter().cloned().collect();
    let mut jobs: Vec<Spelled> = (0..draft.len())
        .map(|n| {
            let slots = draft.slots(n).into_iter().map(|(tag, fill)| match fill {
                DraftFill::Missing => format!("{tag} missing"),
                DraftFill::Pending(producer) => format!("{tag} pending {}", ids[producer as usize]),
                DraftFill::Filled { level, .. } => format!("{tag} {} at {}", draft.taken(fill).join(","), level.0),
            });
            let task = draft.task(n).expect("every piece of work has a task").to_string();
            let mains = draft.frames(n).into_iter().map(str::to_owned).collect();
            (task, mains, slots.collect())
        })
        .collect();
    jobs.sort();
    (names, jobs)
}

#[test]
fn a_draft_decides_what_the_plan_decides() {
    let mut n_jobs = 0;
    for seed in 0..60 {
        let frames = frames(seed);
        let (draft_names, draft_jobs) = from_draft(&frames);
        let (plan_names, plan_jobs) = from_plan(frames);
        n_jobs += plan_jobs.len();
        assert_eq!(draft_names, plan_names, "seed {seed}");
        for (draft, plan) in draft_jobs.iter().zip(&plan_jobs) {
            assert_eq!(draft, plan, "seed {seed}");
        }
    }
    assert!(n_jobs > 2000, "{n_jobs} jobs");
}
