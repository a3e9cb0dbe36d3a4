//! A night by the command: plan, steps, status, review, exit codes, documents.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use phoenix_testkit::peers;
use stage::{NIGHT, Stage, has_extension, job, names};

fn plan_words(more: &[&'static str]) -> Vec<&'static str> {
    let mut words = vec!["plan", "--instrument", "MUSE", "--night", NIGHT, "--archive", "store"];
    words.extend(more);
    words
}

#[test]
fn a_plan_names_jobs_inputs_and_what_was_left_out_and_writes_nothing() {
    let stage = Stage::with_night();
    let before = names(stage.path());
    let end = stage.phoenix(&plan_words(&[]));
    assert_eq!(end.code, Some(0), "{}", end.err);
    insta::assert_snapshot!(end.out);
    let document = stage.phoenix(&plan_words(&["--json"])).json_with(0);
    assert_eq!(document["jobs"].as_array().map(Vec::len), Some(2));
    assert_eq!(names(stage.path()), before);
}

#[test]
fn steps_one_by_one_give_the_same_as_the_whole_line() {
    let stage = Stage::with_night();
    stage.run("whole", &["--deliver-to", "whole-store"]).json_with(0);
    for step in ["plan", "fetch", "6", "quality", "review", "convert", "ingest"] {
        stage
            .run("steps", &["--deliver-to", "steps-store", "--step", step])
            .json_with(0);
    }
    let products = |run: &str| stage::files(&stage.path().join(run).join("products"));
    assert!(products("whole") == products("steps"));
    let again = stage.phoenix(&["resume", "steps", "--json"]).json_with(0);
    assert_eq!(job(&again, "_tpl:")["attempts"], 1);
    let status = stage.phoenix(&["status", "steps"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    assert!(
        status.out.contains("2 of 2 jobs done") || status.out.contains("2 of 2 done"),
        "{}",
        status.out
    );
}

#[test]
fn a_person_decides_and_the_run_goes_on() {
    let stage = Stage::with_night();
    let mut words = Stage::run_words("run", &[]);
    let policy = words.iter().position(|word| *word == "none").expect("a policy");
    words[policy] = "manual";
    let document = stage.phoenix(&words).json_with(1);
    assert_eq!(job(&document, "_tpl:")["halt"]["halt"], "awaits-review");
    let waiting = stage.phoenix(&["review", "run", "--json"]).json_with(0);
    let ids: Vec<&str> = waiting["waiting"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|job| job["job"].as_str())
        .collect();
    assert_eq!(ids.len(), 2);
    let combined = ids.iter().find(|id| id.contains("_tpl:")).expect("the block of four");
    let single = ids.iter().find(|id| id.contains("_pst:")).expect("the single exposure");
    let decided = stage.phoenix(&[
        "review",
        "run",
        "--accept",
        combined,
        "--reject",
        single,
        "--because",
        "satellite trail",
    ]);
    assert_eq!(decided.code, Some(0), "{}", decided.err);
    let document = stage.phoenix(&["resume", "run", "--json"]).json_with(1);
    assert_eq!(job(&document, "_tpl:")["stage"], "ingested");
    assert_eq!(job(&document, "_pst:")["halt"]["because"], "satellite trail");
    let delivered = names(&stage.store().join("products"));
    assert_eq!(
        delivered
            .iter()
            .filter(|name| name.contains("MU_SCB") && !name.contains(".png"))
            .count(),
        1,
        "{delivered:?}"
    );
    let again = stage.phoenix(&["review", "run", "--accept", combined]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("does not wait for a review"), "{}", again.err);
}

#[test]
fn the_least_memory_of_a_job_stands_in_plan_and_status() {
    let stage = Stage::with_night();
    let words = [
        "plan",
        "--instrument",
        "MUSE",
        "--night",
        stage::NIGHT,
        "--archive",
        "store",
    ];
    let plan = stage.phoenix(&words);
    assert!(plan.out.contains(" at least\n"), "{}", plan.out);
    let document = stage.run("run", &["--memory", "1M"]).json_with(1);
    let tpl = job(&document, "_tpl:");
    assert!(
        tpl["floor_bytes"].as_u64().is_some_and(|floor| floor > 1 << 20),
        "{tpl:#}"
    );
    let status = stage.phoenix(&["status", "run"]);
    assert!(
        status
            .out
            .contains("memory budget of 1048576 bytes is below the floor of"),
        "{}",
        status.out
    );
    assert!(status.out.contains("    memory: 9 MiB at least\n"), "{}", status.out);
    // With enough of it the same run goes on, and tells the least beside what was used.
    let status = stage.phoenix(&["resume", "run", "--memory", "1G"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    assert!(
        status.out.contains(", 9 at least\n") && !status.out.contains("memory: 9 MiB"),
        "{}",
        status.out
    );
}

#[test]
fn everything_delivered_passes_fitsverify_and_the_archive_s_standard() {
    let stage = Stage::with_night();
    stage.run("run", &[]).json_with(0);
    let folder = stage.store().join("products");
    let valid = stage.phoenix(&["sdp", "validate", "store/products"]);
    assert_eq!(valid.code, Some(0), "{}", valid.out);
    let paths: Vec<_> = (names(&folder).iter())
        .filter(|name| has_extension(name, "fits"))
        .map(|name| folder.join(name))
        .collect();
    // Two cubes, each with white light and exposure map.
    assert_eq!(paths.len(), 6);
    let refs: Vec<&std::path::Path> = paths.iter().map(std::path::PathBuf::as_path).collect();
    let Some(findings) = peers::fitsverify(&refs) else {
        return;
    };
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn a_job_that_is_to_be_redone_is_made_anew_and_the_others_are_left_alone() {
    let stage = Stage::with_night();
    let document = stage.run("run", &[]).json_with(0);
    let before = stage::files(&stage.path().join("run/products"));
    let id = job(&document, "_pst:")["job"].as_str().expect("a name").to_owned();
    let end = stage.phoenix(&["redo", &id, "--downstream", "--out", "run"]);
    assert_eq!(
        (end.code, end.out.as_str()),
        (Some(0), format!("{id} waits again\n").as_str())
    );
    assert_eq!(
        stage.phoenix(&["status", "run", "--json"]).json_with(0)["jobs"][1]["stage"],
        "planned"
    );
    let document = stage.phoenix(&["resume", "run", "--json"]).json_with(0);
    assert_eq!(job(&document, "_pst:")["stage"], "ingested");
    assert_eq!(job(&document, "_tpl:")["attempts"], 1);
    assert!(stage::files(&stage.path().join("run/products")) == before);
    assert_eq!(stage.phoenix(&["redo", "nothing", "--out", "run"]).code, Some(2));
}

#[test]
fn two_labelled_runs_are_set_side_by_side() {
    let stage = Stage::with_night();
    for (label, sigma) in [("a", "15"), ("b", "15"), ("c", "5")] {
        let sigma = format!("muse_exp_combine.crsigma={sigma}");
        let more = ["--label", label, "--param", &sigma, "--step", "plan"];
        stage.run("runs", &more).json_with(0);
    }
    let same = stage.phoenix(&["compare", "a", "b", "--out", "runs"]);
    assert_eq!((same.code, same.out.as_str()), (Some(0), "2 jobs equal\n"));
    let other = stage.phoenix(&["compare", "a", "runs/c", "--out", "runs"]);
    assert_eq!(other.code, Some(1));
    insta::assert_snapshot!(other.out);
    assert_eq!(
        stage.phoenix(&["compare", "a", "nowhere", "--out", "runs"]).code,
        Some(2)
    );
}

#[test]
fn a_mode_decides_which_frames_are_worked() {
    let stage = Stage::with_night();
    let document = stage.phoenix(&plan_words(&["--mode", "mcalib", "--json"])).json_with(0);
    assert_eq!(document["jobs"].as_array().map(Vec::len), Some(0));
    let text = document["left_out"].to_string();
    assert!(
        text.contains("mode MCALIB works no science, this is PIXTABLE_REDUCED"),
        "{text}"
    );
    assert_eq!(stage.phoenix(&plan_words(&["--mode", "idl"])).code, Some(2));
}

#[test]
fn events_are_json_lines_beside_one_document() {
    let stage = Stage::with_night();
    let end = stage.run("run", &[]);
    end.json_with(0);
    let events: Vec<serde_json::Value> = end
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    for kind in [
        "plan-ready",
        "step-started",
        "job-started",
        "job-finished",
        "scored",
        "delivered",
    ] {
        assert!(events.iter().any(|event| event["event"] == kind), "no {kind} event");
    }
}

#[test]
fn mistakes_of_usage_exit_with_2_and_start_nothing() {
    let stage = Stage::with_night();
    let with = |words: &[&str]| stage.phoenix(words);
    let archive = ["--archive", "store"];
    for (words, says) in [
        (
            vec!["run", "--instrument", "MUSE", "--night", "2016-13-01"],
            "2016-13-01",
        ),
        (vec!["run", "--instrument", "KMOS", "--night", NIGHT], "KMOS"),
        (vec!["run", "--instrument", "MUSE"], "--night"),
        (
            vec!["run", "--instrument", "MUSE", "--night", NIGHT, "--step", "11"],
            "step",
        ),
        (
            vec!["run", "--instrument", "MUSE", "--night", NIGHT, "--backend", "edps"],
            "edps",
        ),
        (
            vec!["run", "--instrument", "MUSE", "--night", NIGHT, "--job", "nothing"],
            "nothing",
        ),
        (
            vec!["run", "--instrument", "MUSE", "--night", NIGHT, "--memory", "lots"],
            "lots",
        ),
        (
            vec![
                "run",
                "--instrument",
                "MUSE",
                "--night",
                NIGHT,
                "--param",
                "muse_exp_combine.pixel=1",
            ],
            "pixel",
        ),
    ] {
        let words: Vec<&str> = words.into_iter().chain(archive).collect();
        let end = with(&words);
        assert_eq!(end.code, Some(2), "{words:?}: {}{}", end.out, end.err);
        assert!(end.err.contains(says), "{words:?}: {}", end.err);
    }
    for words in [
        vec!["run", "--instrument", "MUSE", "--night", NIGHT, "--archive", "nowhere"],
        vec!["status", "nowhere"],
        vec!["resume", "nowhere"],
        vec!["recipe", "muse_nothing", "a.sof"],
        vec!["recipe", "muse_exp_combine", "nowhere.sof"],
        vec!["sdp", "validate", "nowhere.fits"],
        vec!["fly"],
    ] {
        let end = with(&words);
        assert_eq!(end.code, Some(2), "{words:?}: {}{}", end.out, end.err);
        let json = with(&words.iter().copied().chain(["--json"]).collect::<Vec<_>>());
        assert_eq!(json.json_with(2)["exit"], 2);
    }
}

#[test]
fn a_run_folder_belongs_to_one_request() {
    let stage = Stage::with_night();
    stage.run("run", &["--step", "plan"]).json_with(0);
    let other = stage.run("run", &["--numerics", "eso"]).json_with(2);
    assert!(
        other["error"][0]
            .as_str()
            .is_some_and(|text| text.contains("numerics is phoenix, not eso")),
        "{other}"
    );
}
