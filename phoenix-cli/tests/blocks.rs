//! Historical association blocks: kept losslessly, worked years later, made better by the rules of today, compared.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::fs;
use std::path::PathBuf;

use phoenix::io::{read_product, write_product};
use phoenix::sim::night::COMBINED_OBS_ID;
use serde_json::Value;
use stage::{NIGHT, Stage, job, names};

/// A stage whose night was planned, and the block of the combination.
fn planned() -> (Stage, PathBuf) {
    let stage = Stage::with_night();
    stage.run("old", &["--step", "plan"]).json_with(0);
    let folder = stage.path().join("old/ab");
    let block = names(&folder)
        .into_iter()
        .find(|name| name.contains("_tpl"))
        .expect("a block");
    (stage, folder.join(block))
}

fn import(stage: &Stage, block: &std::path::Path) {
    let block = block.display().to_string();
    let end = stage.phoenix(&["ab", "import", &block, "--archive", "store"]);
    assert_eq!(end.code, Some(0), "{}{}", end.out, end.err);
}

fn plan(stage: &Stage, source: &str, more: &[&str]) -> stage::End {
    let mut words = vec![
        "plan",
        "--instrument",
        "MUSE",
        "--night",
        NIGHT,
        "--archive",
        "store",
        "--ab",
        source,
    ];
    words.extend(more);
    stage.phoenix(&words)
}

fn slot<'a>(job: &'a Value, tag: &str) -> &'a Value {
    let slots = job["slots"].as_array().expect("slots");
    slots.iter().find(|slot| slot["tag"] == tag).expect("the slot")
}

#[test]
fn a_block_lies_in_the_store_byte_for_byte_and_gives_the_same_job_again() {
    let (stage, block) = planned();
    let text = fs::read_to_string(&block).expect("the block") + "MY_KEY                 42 # kept\n";
    fs::write(&block, &text).expect("written");
    import(&stage, &block);
    let name = block.file_name().expect("a name").to_string_lossy().into_owned();
    let stored = stage.store().join("ab/MUSE").join(NIGHT).join(&name);
    assert_eq!(fs::read_to_string(&stored).expect("stored"), text);
    let again = stage.phoenix(&["ab", "import", &block.display().to_string(), "--archive", "store"]);
    assert!(again.out.contains("there already"), "{}", again.out);
    fs::write(&block, text.replace("42", "43")).expect("written");
    let other = stage.phoenix(&["ab", "import", &block.display().to_string(), "--archive", "store"]);
    assert_eq!(other.code, Some(1), "{}", other.out);
    let made = plan(&stage, "make", &["--json"]).json_with(0);
    let fetched = plan(&stage, "fetch", &["--json"]).json_with(0);
    assert_eq!(fetched["jobs"].as_array().map(Vec::len), Some(1));
    for field in ["id", "inputs", "params", "recipe", "readiness", "resources"] {
        assert_eq!(job_of(&fetched)[field], job_of(&made)[field], "{field}");
    }
    let reason = slot(job_of(&fetched), "OFFSET_LIST")["reason"].to_string();
    assert!(reason.contains(&name), "{reason}");
    assert!(
        fetched["left_out"]
            .to_string()
            .contains("no association block names it")
    );
    // Worked in full, the block keeps what it said and tells how far it came.
    stage.run("new", &[]).json_with(0);
    let kept = fs::read_to_string(stage.path().join("new/ab").join(&name)).expect("the block");
    assert!(kept.contains("MY_KEY                 42 # kept"), "{kept}");
    assert!(kept.contains("SUCCESSFUL") && kept.contains("PRODUCT"), "{kept}");
}

fn job_of(plan: &Value) -> &Value {
    let jobs = plan["jobs"].as_array().expect("jobs");
    let is_it = |job: &&Value| job["id"].as_str().is_some_and(|id| id.contains("_tpl:"));
    jobs.iter().find(is_it).expect("the combination")
}

#[test]
fn an_old_calibration_stays_unless_better_ones_are_asked_for_and_the_difference_is_told() {
    let (stage, block) = planned();
    let own = stage
        .store()
        .join(format!("calib/MUSE/OFFSET_LIST_{COMBINED_OBS_ID}.fits"));
    let mut list = read_product(&own).expect("the list");
    list.header.set("OBS.ID", 7_i64, "");
    for hdu in &mut list.hdus {
        let phoenix::core::product::HduData::Table(table) = &mut hdu.data else {
            continue;
        };
        for column in &mut table.columns {
            if let phoenix::core::product::ColumnData::Text(dates) = &mut column.data {
                for date in dates {
                    *date = date.replace("2016", "2013");
                }
            }
        }
    }
    write_product(own.with_file_name("OFFSET_LIST_OTHER.fits"), list).expect("written");
    let text = fs::read_to_string(&block).expect("the block");
    let text = text.replace(&format!("OFFSET_LIST_{COMBINED_OBS_ID}"), "OFFSET_LIST_OTHER");
    fs::write(&block, text).expect("written");
    import(&stage, &block);
    let kept = plan(&stage, "prefer", &["--json"]).json_with(0);
    assert_eq!(kept["jobs"].as_array().map(Vec::len), Some(2));
    let old = slot(job_of(&kept), "OFFSET_LIST");
    assert_eq!(old["frames"][0]["id"], "OFFSET_LIST_OTHER", "{old:#}");
    let text = plan(&stage, "optimise", &[]).out;
    let change = format!("OFFSET_LIST: OFFSET_LIST_OTHER (level 9) → OFFSET_LIST_{COMBINED_OBS_ID} (level 0), taken");
    assert!(
        text.contains(&change) || text.contains("OFFSET_LIST_OTHER (level 0)"),
        "{text}"
    );
    let document = stage.run("best", &["--ab", "optimise", "--step", "plan"]).json_with(0);
    let new = slot(job_of(&document), "OFFSET_LIST");
    assert_eq!(new["frames"][0]["id"], format!("OFFSET_LIST_{COMBINED_OBS_ID}"));
    let changes = fs::read_to_string(stage.path().join("best/ab/changes.json")).expect("the changes");
    assert!(changes.contains("\"is_taken\": true"), "{changes}");
    let written = fs::read_to_string(stage.path().join("best/ab").join(block.file_name().expect("a name")));
    assert!(written.is_ok_and(|text| text.contains("# differs from")));
    let compared = stage.phoenix(&["ab", "compare", "old/ab", "best/ab"]);
    assert_eq!(compared.code, Some(1), "{}", compared.err);
    assert!(
        compared.out.contains("OFFSET_LIST_OTHER") && compared.out.contains("1 block equal"),
        "{}",
        compared.out
    );
}

#[test]
fn a_block_of_other_origin_is_worked_and_one_that_names_a_lost_file_is_one_incomplete_job() {
    let stage = Stage::with_night();
    let made = plan(&stage, "make", &["--json"]).json_with(0);
    let dataset = job_of(&made)["dataset"].as_str().expect("a dataset").to_owned();
    let tables = stage.tables(COMBINED_OBS_ID);
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let raw: Vec<String> = tables
        .iter()
        .map(|path| format!("RAWFILE      {}\n", name(path)))
        .collect();
    let raw = raw.concat();
    let text = format!(
        "# of the old association tool\nTOOL_VERSION 2.3\nINSTRUMENT MUSE\nAB_NAME {dataset}.ab\nDATE 2016-05-01\n\
         RECIPE muse_exp_combine\nRAW_TYPE PIXTABLE_OBJECT\n{raw}\
         MCALIB REAL OFFSET_LIST_{COMBINED_OBS_ID}.fits OFFSET_LIST\nPPAR crsigma=12.5\n"
    );
    let folder = stage.store().join("ab/MUSE").join(NIGHT);
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{dataset}.ab"));
    fs::write(&path, &text).expect("written");
    let document = plan(&stage, "prefer", &["--json"]).json_with(0);
    let found = job_of(&document);
    assert_eq!(
        (&found["params"]["crsigma"], &found["readiness"]["state"]),
        (&12.5.into(), &"ready".into())
    );
    assert_eq!(found["inputs"], job_of(&made)["inputs"]);
    // What was asked for now wins over the block.
    let now = plan(&stage, "prefer", &["--json", "--param", "muse_exp_combine.crsigma=9"]).json_with(0);
    assert_eq!(job_of(&now)["params"]["crsigma"], 9.0);
    fs::write(
        &path,
        text.replace(&format!("OFFSET_LIST_{COMBINED_OBS_ID}.fits"), "OFFSET_LIST_LOST.fits"),
    )
    .expect("ok");
    let end = stage.run("run", &[]);
    let document = end.json_with(1);
    let reasons = job(&document, "_tpl:")["readiness"].to_string();
    assert!(
        reasons.contains("names OFFSET_LIST_LOST, which is not in the store"),
        "{reasons}"
    );
    assert_eq!(job(&document, "_pst:")["stage"], "ingested");
    fs::write(&path, "RECIPE muse_exp_combine\n").expect("written");
    let document = plan(&stage, "prefer", &["--json"]).json_with(1);
    assert!(
        document["left_out"]
            .to_string()
            .contains("qualifier AB_NAME is missing"),
        "{document:#}"
    );
    assert_eq!(document["jobs"], made["jobs"]);
}
