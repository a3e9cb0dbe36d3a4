//! A night of UVES as headers: calibrations taken beyond its noon are found, and a recipe reads what a project edits.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;
mod stand_in;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use phoenix::core::header::Header;
use phoenix::core::unit::{Mjd, Night};
use phoenix::io::{read_product, write_product};
use phoenix::sim::night::{Content, FrameSize, uves_blue};
use serde_json::Value;
use stage::{End, NIGHT, Stage, names};

/// A stage with the night as headers and an `esorex` that does `deed` when a recipe is to work on a frame.
fn night(when: (&str, &str, &str), more: &str) -> Stage {
    let stage = Stage::empty();
    let mut night = uves_blue(1, FrameSize::Small);
    for file in &mut night.files {
        if let Content::Product(product) = &mut file.content {
            product.hdus.clear();
        }
    }
    phoenix::demo::lay_down(&night, &stage.store()).expect("the night is laid down");
    let registry = phoenix::default_registry().expect("the instruments");
    let uves = registry.get("UVES").expect("UVES is built in");
    stand_in::esorex(stage.path(), uves.as_ref(), when);
    let project = format!(
        "layout = 1\nname = \"nights\"\nversion = 1\ninstrument = \"UVES\"\nmode = \"COMPLETE\"\nreview = \"none\"\n{more}\
         [archive]\nread = \"store\"\n[backend]\ndefault = \"esorex\"\n[backend.esorex]\nprogram = \"{}\"\n",
        stage.path().join("esorex").display()
    );
    std::fs::write(stage.path().join("project.toml"), project).expect("written");
    stage
}

fn command(stage: &Stage, verb: &str, more: &[&str]) -> End {
    let mut words = vec![verb, "--project", "project.toml", "--night", NIGHT, "--json"];
    words.extend(more);
    stage.phoenix(&words)
}

fn header(path: &Path) -> Header {
    read_product(path).expect("the frame reads").header
}

/// The raw frames of one kind.
fn frames(stage: &Stage, kind: &str) -> Vec<PathBuf> {
    let folder = stage.store().join("raw/UVES").join(NIGHT);
    let mut found: Vec<PathBuf> = names(&folder).iter().map(|name| folder.join(name)).collect();
    found.retain(|path| header(path).str("DPR.TYPE") == Ok(kind));
    found
}

/// Moves frames by whole days: times, template, name and folder.
fn shift(stage: &Stage, paths: &[PathBuf], days: f64) -> BTreeSet<String> {
    let moved = paths.iter().map(|path| {
        let mut product = read_product(path).expect("the frame reads");
        let taken = Mjd(product.header.f64("MJD-OBS").expect("a time") + days);
        let template = Mjd::from_iso(product.header.str("TPL.START").expect("a template")).expect("a time");
        product.header.set("MJD-OBS", taken.0, "");
        product.header.set("DATE-OBS", taken.to_iso(), "");
        product.header.set("TPL.START", Mjd(template.0 + days).to_iso(), "");
        let name = format!("UVES.{}.fits", taken.to_iso());
        let folder = stage.store().join("raw/UVES").join(Night::of(taken).to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        product.name.clone_from(&name);
        write_product(folder.join(&name), product).expect("the frame writes");
        std::fs::remove_file(path).expect("removed");
        name.trim_end_matches(".fits").to_owned()
    });
    moved.collect()
}

/// The tasks of the jobs that are ready, and the frames that all jobs take.
fn account(plan: &Value) -> (Vec<String>, BTreeSet<String>) {
    let jobs = plan["jobs"].as_array().expect("jobs");
    let ready = |job: &&Value| job["readiness"]["state"] == "ready";
    let mut tasks: Vec<String> = (jobs.iter().filter(ready))
        .map(|job| job["task"].as_str().expect("a task").to_owned())
        .collect();
    tasks.sort();
    let inputs = jobs.iter().flat_map(|job| job["inputs"].as_array().expect("inputs"));
    let frames = inputs.filter_map(|input| input["id"].as_str().map(str::to_owned));
    (tasks, frames.collect())
}

#[test]
fn calibrations_of_neighbouring_nights_are_taken_as_far_as_the_windows_reach_and_nothing_else_of_those_nights() {
    let stage = night(("", "", ""), "");
    let (whole, _) = account(&command(&stage, "plan", &[]).json_with(0));
    assert!(
        whole.contains(&"uves_cal_mbias_blue".to_owned()) && whole.contains(&"uves_obs_scired_blue".to_owned()),
        "{whole:?}"
    );

    // The biases of the next morning belong to the next night, which has science of its own.
    let biases = shift(&stage, &frames(&stage, "BIAS"), 1.0);
    let science = frames(&stage, "OBJECT,POINT");
    let copies: Vec<PathBuf> = (science.iter())
        .map(|path| {
            let copy = path.with_extension("copy.fits");
            std::fs::copy(path, &copy).expect("copied");
            copy
        })
        .collect();
    let others = shift(&stage, &copies, 1.0);
    assert!(!biases.is_empty() && !others.is_empty());
    let (next, taken) = account(&command(&stage, "plan", &[]).json_with(0));
    assert_eq!(next, whole);
    assert!(biases.is_subset(&taken) && others.is_disjoint(&taken), "{taken:?}");

    // A second set of biases three nights before is farther, so it is not worked.
    let three_before: Vec<PathBuf> = (names(&stage.store().join("raw/UVES/2016-05-02")).iter())
        .map(|name| stage.store().join("raw/UVES/2016-05-02").join(name))
        .filter(|path| header(path).str("DPR.TYPE") == Ok("BIAS"))
        .map(|path| {
            let copy = path.with_extension("copy.fits");
            std::fs::copy(&path, &copy).expect("copied");
            copy
        })
        .collect();
    let far = shift(&stage, &three_before, -4.0);
    let (again, taken) = account(&command(&stage, "plan", &[]).json_with(0));
    assert_eq!(again, whole);
    assert!(far.is_disjoint(&taken), "{taken:?}");

    // Beyond every window they are no calibrations of this night, and the science says what it lacks.
    let folder = stage.store().join("raw/UVES/2016-05-02");
    let near: Vec<PathBuf> = (names(&folder).iter())
        .map(|name| folder.join(name))
        .filter(|path| header(path).str("DPR.TYPE") == Ok("BIAS"))
        .collect();
    shift(&stage, &near, 40.0);
    std::fs::remove_dir_all(stage.store().join("raw/UVES/2016-04-28")).expect("removed");
    let told = command(&stage, "plan", &[]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    assert!(
        told.out.contains("required calibration MASTER_BIAS_BLUE is missing"),
        "{}",
        told.out
    );
}

#[test]
fn each_night_of_a_campaign_borrows_what_it_lacks() {
    let stage = night(("", "", ""), "kind = \"batch\"\nfrozen = true\n");
    shift(&stage, &frames(&stage, "BIAS"), 1.0);
    let words = [
        "run",
        "--project",
        "project.toml",
        "--from",
        NIGHT,
        "--to",
        "2016-05-02",
        "--json",
    ];
    let document = stage.phoenix(&[&words[..], &["--out", "batch"]].concat()).json_with(0);
    let nights = document["nights"].as_array().expect("nights");
    assert!(nights.iter().all(|night| night["end"] == "done"), "{document:#}");
    let status = stage
        .phoenix(&["status", &format!("batch/nights/{NIGHT}"), "--json"])
        .json_with(0);
    let bias = stage::job(&status, ":uves_cal_mbias_blue");
    assert!(
        bias["job"]
            .as_str()
            .is_some_and(|job| job.starts_with("UVES.2016-05-0")),
        "{bias:#}"
    );
    assert_eq!(
        (&bias["stage"], &bias["halt"]),
        (&Value::from("ingested"), &Value::Null),
        "{bias:#}"
    );
}

#[test]
fn a_recipe_of_eso_reads_the_header_that_the_plan_saw_and_the_file_stays_as_it_is() {
    let deed = "cp \"$(head -n 1 \"$SOF\" | cut -d' ' -f1)\" \"$HERE/seen.fits\"";
    let stage = night(
        ("uves_cal_mbias", "BIAS", deed),
        "[files]\noverlays = [\"edits.toml\"]\n",
    );
    let edits = "[[overlay]]\nwhen = { \"DPR.TYPE\" = \"BIAS\" }\nauthor = \"operator\"\nreason = \"lost\"\n\
                 set = { \"INS.TEMP1.MEAN\" = 11.5 }\nremove = [\"OBS.NAME\"]\n";
    std::fs::write(stage.path().join("edits.toml"), edits).expect("written");
    let path = frames(&stage, "BIAS").into_iter().min().expect("a bias");
    let before = std::fs::read(&path).expect("read");
    command(&stage, "run", &["--out", "run", "--step", "process"]);
    let seen = header(&stage.path().join("seen.fits"));
    assert_eq!(seen.f64("INS.TEMP1.MEAN"), Ok(11.5));
    assert!(!seen.contains("OBS.NAME"));
    assert!(
        !seen.contains("OBS.GRADE"),
        "what the night log says is for rules alone"
    );
    assert_eq!(seen.str("DATE-OBS"), header(&path).str("DATE-OBS"));
    assert_eq!(std::fs::read(&path).expect("read"), before);
    // An edit of what describes the file itself is refused.
    std::fs::write(
        stage.path().join("edits.toml"),
        edits.replace("INS.TEMP1.MEAN", "NAXIS1"),
    )
    .expect("written");
    let end = command(&stage, "plan", &[]);
    assert_eq!(end.code, Some(2), "{}", end.out);
    assert!(
        end.out.contains("NAXIS1") && end.out.contains("describes the file itself"),
        "{}",
        end.out
    );
}
