//! Bad nights and bad recipes: each is one failed or incomplete job, or one frame left out, with a reason that names it;
//! the exit code is not 0, the rest of the night goes on, nothing half-written is left.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;
mod stand_in;

use std::path::PathBuf;
use std::sync::OnceLock;

use phoenix::core::header::Header;
use phoenix::core::product::Product;
use phoenix::io::{read_product, write_product};
use phoenix::sim::night::{Content, FrameSize, SimulatedNight, SlitTruth, uves_blue};
use serde_json::Value;
use stage::{End, NIGHT, Stage, names};

/// The blue night of UVES, of which only headers are kept: nothing here looks at pixels.
fn headers() -> &'static SimulatedNight<SlitTruth> {
    static HEADERS: OnceLock<SimulatedNight<SlitTruth>> = OnceLock::new();
    HEADERS.get_or_init(|| {
        let mut night = uves_blue(1, FrameSize::Small);
        for file in &mut night.files {
            if let Content::Product(product) = &mut file.content {
                product.hdus.clear();
            }
        }
        night
    })
}

/// A stage with the night as headers and a well-behaved `esorex`.
fn night() -> Stage {
    let stage = Stage::empty();
    phoenix::demo::lay_down(headers(), &stage.store()).expect("the night is laid down");
    misbehaving(&stage, ("", "", ""));
    stage
}

/// Puts an `esorex` into place that does `deed` when a recipe is to work on a frame.
fn misbehaving(stage: &Stage, when: (&str, &str, &str)) {
    let registry = phoenix::default_registry().expect("the instruments");
    let uves = registry.get("UVES").expect("UVES is built in");
    stand_in::esorex(stage.path(), uves.as_ref(), when);
    let project = format!(
        "layout = 1\nname = \"bad\"\nversion = 1\ninstrument = \"UVES\"\nmode = \"COMPLETE\"\nreview = \"none\"\n\
         [archive]\nread = \"store\"\n[backend]\ndefault = \"esorex\"\n\
         [backend.esorex]\nprogram = \"{}\"\ntimeout_s = 3.0\n",
        stage.path().join("esorex").display()
    );
    std::fs::write(stage.path().join("project.toml"), project).expect("written");
}

fn run(stage: &Stage, more: &[&str]) -> End {
    let mut words = vec!["run", "--project", "project.toml", "--night", NIGHT, "--json"];
    words.extend(["--threads", "2", "--out", "run"]);
    words.extend(more);
    stage.phoenix(&words)
}

/// The raw frames of one kind in order of time.
fn frames(stage: &Stage, kind: &str) -> Vec<PathBuf> {
    let folder = stage.store().join("raw/UVES").join(NIGHT);
    let mut found: Vec<PathBuf> = names(&folder).iter().map(|name| folder.join(name)).collect();
    found.retain(|path| header(path).str("DPR.TYPE") == Ok(kind));
    found.sort();
    found
}

fn header(path: &std::path::Path) -> Header {
    read_product(path).expect("the frame reads").header
}

fn edit(path: &std::path::Path, change: impl FnOnce(&mut Product)) {
    let mut product = read_product(path).expect("the frame reads");
    change(&mut product);
    write_product(path, product).expect("the frame writes");
}

fn stem(path: &std::path::Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn jobs(document: &Value) -> &Vec<Value> {
    document["jobs"].as_array().expect("jobs")
}

/// Checks that nothing unfinished lies anywhere, neither in the run nor in the archive.
fn nothing_half_written(stage: &Stage) {
    for name in names(stage.path()) {
        assert!(!name.contains(".part") && !name.contains(".esorex-"), "{name} is left");
    }
}

/// The reason for which a frame was left out.
fn left_out<'a>(document: &'a Value, frame: &str) -> (&'a str, &'a str) {
    let all = document["left_out"].as_array().expect("a list");
    let found = all.iter().find(|left| left["frame"] == frame);
    let found = found.unwrap_or_else(|| panic!("{frame} is not left out: {all:#?}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    (text("severity"), text("reason"))
}

#[test]
fn the_stand_in_itself_lets_the_whole_night_pass() {
    let stage = night();
    let document = run(&stage, &[]).json_with(0);
    assert!(jobs(&document).len() > 10, "{document:#}");
    for job in jobs(&document) {
        assert_eq!(job["stage"], "ingested", "{job:#}");
    }
    nothing_half_written(&stage);
}

/// How a recipe misbehaves on one of four science frames, and what the job says of it.
const DEEDS: [(&str, &str, &[&str]); 6] = [
    (
        "crash",
        "kill -SEGV $$",
        &["esorex uves_obs_scired", "signal 11 (segmentation fault)"],
    ),
    (
        "failure",
        "echo \"[ ERROR ] x:   [1/1] 'Data not found: no order' (10) at load:x.c:7\"; exit 10",
        &["esorex uves_obs_scired", "Data not found: no order", "exit status 10"],
    ),
    (
        "hang",
        "sleep 600 & wait",
        &["esorex uves_obs_scired", "did not end within 3 s and was killed"],
    ),
    (
        "nothing",
        "exit 0",
        &["esorex uves_obs_scired", "wrote no product, expected was"],
    ),
    (
        "wrong category",
        "cp \"$HERE/made/foreign.fits\" \"$OUT/f.fits\"; echo '[{\"name\": \"f.fits\", \"category\": \"X\"}]' > \"$LIST\"",
        &["esorex uves_obs_scired", stand_in::FOREIGN, "expected was"],
    ),
    (
        "cut short",
        "head -c 1000 \"$HERE/made/foreign.fits\" > \"$OUT/f.fits\"; \
         echo '[{\"name\": \"f.fits\", \"category\": \"X\"}]' > \"$LIST\"",
        &["esorex uves_obs_scired", "product f.fits is damaged"],
    ),
];

#[test]
fn a_recipe_that_misbehaves_on_one_frame_is_one_failed_job_and_the_night_goes_on() {
    for (name, deed, says) in DEEDS {
        let stage = night();
        let victim = stem(&frames(&stage, "OBJECT,POINT")[1]);
        misbehaving(&stage, ("uves_obs_scired", &victim, deed));
        let document = run(&stage, &[]).json_with(1);
        for job in jobs(&document) {
            let is_victim = job["job"].as_str().is_some_and(|id| id.starts_with(&victim));
            if !is_victim {
                assert_eq!(job["stage"], "ingested", "{name}: {job:#}");
                continue;
            }
            assert_eq!(job["halt"]["halt"], "failed", "{name}: {job:#}");
            let reason = job["halt"]["error"].as_str().unwrap_or_default();
            for word in says {
                assert!(reason.contains(word), "{name}: no {word:?} in {reason}");
            }
            assert_eq!(job["products"], serde_json::json!([]), "{name}: {job:#}");
        }
        nothing_half_written(&stage);
        let run = stage.path().join("run");
        let visible: Vec<String> = names(&run)
            .into_iter()
            .filter(|file| file.contains(&victim) && file.contains(".fits"))
            .collect();
        assert_eq!(visible, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_needs_a_failed_master_is_blocked_by_name_and_the_rest_is_made() {
    let stage = night();
    let form = stem(&frames(&stage, "LAMP,FMTCHK")[0]);
    misbehaving(&stage, ("uves_cal_predict", &form, "kill -SEGV $$"));
    let document = run(&stage, &[]).json_with(1);
    for job in jobs(&document) {
        let expected = match job["recipe"].as_str().unwrap_or_default() {
            "uves_cal_mbias" | "uves_cal_mdark" => Value::Null,
            "uves_cal_predict" => "failed".into(),
            _ => "blocked".into(),
        };
        assert_eq!(job["halt"]["halt"], expected, "{job:#}");
        if expected == "blocked" {
            assert!(
                job["halt"]["because"]
                    .as_str()
                    .is_some_and(|text| text.contains("uves_")),
                "{job:#}"
            );
        }
    }
    nothing_half_written(&stage);
}

#[test]
fn an_instrument_that_is_not_known_is_named_with_those_that_are() {
    let stage = night();
    for word in ["plan", "run"] {
        let end = stage.phoenix(&[word, "--instrument", "KMOS", "--night", NIGHT, "--archive", "store"]);
        assert_eq!(end.code, Some(2), "{}", end.err);
        for name in ["KMOS", "UVES", "MUSE", "GIRAFFE", "XSHOOTER"] {
            assert!(end.err.contains(name), "{}", end.err);
        }
    }
}

#[test]
fn an_empty_night_tells_what_it_looked_for_and_what_it_saw() {
    let stage = night();
    for words in [
        vec!["--night", "2016-05-03"],
        vec!["--from", "2016-06-01", "--to", "2016-06-30"],
    ] {
        let mut all = vec!["run", "--instrument", "UVES", "--archive", "store", "--out", "run"];
        all.extend(&words);
        let end = stage.phoenix(&all);
        assert_eq!(end.code, Some(2), "{}{}", end.out, end.err);
        let first = format!("0 in raw/UVES/{}", words[1]);
        for word in ["UVES has no frame in", &first, "4 in calib/UVES", NIGHT] {
            assert!(end.err.contains(word), "no {word:?} in {}", end.err);
        }
        assert!(!stage.path().join("run").exists());
    }
}

#[test]
fn a_night_without_biases_says_which_master_is_missing_and_makes_what_needs_none() {
    let stage = night();
    for bias in frames(&stage, "BIAS") {
        std::fs::remove_file(bias).expect("removed");
    }
    let document = run(&stage, &[]).json_with(1);
    let state = |recipe: &str| -> Vec<&Value> {
        let jobs = jobs(&document).iter().filter(|job| job["recipe"] == recipe);
        jobs.collect()
    };
    for job in state("uves_obs_scired") {
        let text = job["readiness"].to_string();
        assert!(
            text.contains("incomplete") && text.contains("MASTER_BIAS_BLUE"),
            "{job:#}"
        );
        assert_eq!(job["attempts"], 0, "{job:#}");
    }
    assert_eq!(state("uves_cal_predict")[0]["stage"], "ingested", "{document:#}");
    nothing_half_written(&stage);
}

#[test]
fn a_raw_frame_without_its_kind_is_named_with_the_keys_and_the_night_goes_on() {
    let stage = night();
    let victim = frames(&stage, "OBJECT,POINT").remove(0);
    edit(&victim, |product| {
        for key in ["DPR.CATG", "DPR.TYPE", "DPR.TECH"] {
            product.header.remove(key);
        }
    });
    let document = run(&stage, &[]).json_with(1);
    let (severity, reason) = left_out(&document, &stem(&victim));
    assert_eq!(severity, "error");
    assert!(reason.contains("DPR.CATG, DPR.TYPE, DPR.TECH"), "{reason}");
    assert!(
        jobs(&document).iter().all(|job| job["stage"] == "ingested"),
        "{document:#}"
    );
}

#[test]
fn a_frame_whose_clock_is_wrong_is_named_with_both_times_and_the_night_goes_on() {
    let stage = night();
    let victim = frames(&stage, "OBJECT,POINT").remove(0);
    edit(&victim, |product| product.header.set("MJD-OBS", 56_510.25, ""));
    let document = run(&stage, &[]).json_with(1);
    let (severity, reason) = left_out(&document, &stem(&victim));
    assert_eq!(severity, "error");
    assert!(
        reason.contains("MJD-OBS 56510.25") && reason.contains("DATE-OBS 2016-05-0"),
        "{reason}"
    );
    assert!(
        jobs(&document).iter().all(|job| job["stage"] == "ingested"),
        "{document:#}"
    );
}

#[test]
fn of_two_frames_with_one_name_one_is_used_and_the_other_is_told() {
    let stage = night();
    let first = frames(&stage, "OBJECT,POINT").remove(0);
    let twin = stage
        .store()
        .join("calib/UVES")
        .join(first.file_name().expect("a name"));
    std::fs::copy(&first, &twin).expect("copied");
    let document = run(&stage, &[]).json_with(1);
    let (severity, reason) = left_out(&document, &stem(&first));
    assert_eq!(severity, "error");
    assert!(reason.contains("has the same name as"), "{reason}");
    assert!(
        jobs(&document).iter().all(|job| job["stage"] == "ingested"),
        "{document:#}"
    );
}

/// A second class for what UVES' own rules call a science target.
const SECOND_CLASS: &str = r#"
// source: made up: it contradicts the rule above
if INSTRUME == "UVES" and PRO.CATG is undefined and DPR.CATG == "SCIENCE" and DPR.TYPE == "OBJECT,POINT" then
{
    DO.CATG = "SOMETHING_ELSE";
}
"#;

#[test]
fn a_frame_that_two_rules_name_differently_is_told_with_both_names_and_the_calibrations_are_made() {
    let stage = night();
    let own = phoenix_testkit::peers::workspace_root().join("phoenix-instruments/uves/rules/uves.oca");
    let rules = std::fs::read_to_string(own).expect("the rules read") + SECOND_CLASS;
    std::fs::write(stage.path().join("mine.oca"), rules).expect("written");
    let path = stage.path().join("project.toml");
    let project = std::fs::read_to_string(&path).expect("reads") + "[files]\nrules = [\"mine.oca\"]\n";
    std::fs::write(&path, project).expect("written");
    let document = run(&stage, &[]).json_with(1);
    for target in frames(&stage, "OBJECT,POINT") {
        let (severity, reason) = left_out(&document, &stem(&target));
        assert_eq!(severity, "error");
        assert!(
            reason.contains("is both") && reason.contains("SOMETHING_ELSE"),
            "{reason}"
        );
    }
    assert!(jobs(&document).len() > 5, "{document:#}");
    assert!(
        jobs(&document).iter().all(|job| job["stage"] == "ingested"),
        "{document:#}"
    );
}
