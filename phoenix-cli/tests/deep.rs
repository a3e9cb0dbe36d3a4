//! `phoenix deep` from a store to stacked cubes: two blocks in two nights, and what a second start and a new exposure change.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod sky;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use phoenix::io::fits::FitsFile;
use phoenix_testkit::peers;
use serde_json::Value;
use sky::{Shot, lay_down};
use stage::{End, Stage, has_extension, job, names};

/// Two blocks of the target in two nights: six exposures, one of them in bad seeing, one behind clouds.
fn shots() -> Vec<Shot> {
    let good = Shot::of("SIM-DEEP", 1001);
    let second = Shot {
        block: 1002,
        night: 3,
        ..good.clone()
    };
    let mut shots = vec![
        good.at(0).seen(0.70, 1.0),
        good.at(1).seen(0.74, 0.97),
        good.at(2).seen(1.40, 1.0),
        second.at(0).seen(0.78, 0.95),
        second.at(1).seen(0.72, 0.30),
        second.at(2).seen(0.66, 0.98),
    ];
    // Another target and another mode: each a product of its own.
    shots.push(Shot {
        east_arcsec: 600.0,
        ..Shot::of("SIM-OTHER", 1003).at(8)
    });
    shots.push(Shot {
        mode: "WFM-AO-N",
        ..Shot::of("SIM-DEEP", 1004).at(5)
    });
    shots.push(Shot::of("SIM-DEEP", 1005).at(6).graded("C"));
    shots
}

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![
        "deep",
        "--target",
        "SIM-DEEP",
        "--archive",
        "store",
        "--deliver-to",
        "delivered",
    ];
    words.extend(["--review", "none", "--threads", "2"]);
    if !more.contains(&"--out") {
        words.extend(["--out", "run"]);
    }
    words.extend(more);
    words
}

/// Runs the command at a date after all exposures.
fn deep(stage: &Stage, more: &[&str]) -> End {
    let mut command = stage.command(&words(more));
    command.env("SOURCE_DATE_EPOCH", "1470000000");
    command.output().expect("the command runs").into()
}

/// Attempts and products of each job.
fn work(document: &Value) -> BTreeMap<String, (u64, String)> {
    let jobs = document["jobs"].as_array().expect("jobs");
    let of = |job: &Value| {
        let attempts = job["attempts"].as_u64().expect("a count");
        (
            job["job"].as_str().expect("a name").to_owned(),
            (attempts, job["products"].to_string()),
        )
    };
    jobs.iter().map(of).collect()
}

fn group<'a>(document: &'a Value, part: &str) -> &'a Value {
    let groups = document["groups"].as_array().expect("groups");
    let is_it = |group: &&Value| group["dataset"].as_str().is_some_and(|name| name.contains(part));
    groups
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("no group {part} in {document:#}"))
}

#[test]
fn two_blocks_become_a_deep_cube_and_nothing_is_done_twice() {
    let stage = Stage::empty();
    lay_down(&shots(), &stage.store());
    let told = deep(&stage, &["--explain"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    insta::assert_snapshot!(told.out);
    assert!(!stage.path().join("run").exists());

    let first = deep(&stage, &["--json"]).json_with(0);
    let cube = job(&first, "_dpc:muse_exp_combine");
    assert_eq!(cube["stage"], "ingested", "{cube:#}");
    let stack = group(&first["deep"], "_dpc");
    let left_out: Vec<&str> = (stack["measured"].as_array().expect("rows").iter())
        .filter_map(|row| row["left_out"].as_str())
        .collect();
    assert_eq!(left_out.len(), 2, "{stack:#}");
    assert!(
        left_out[0].contains("seeing is") && left_out[1].contains("transparency is"),
        "{left_out:?}"
    );
    check_cube(cube, 4);
    let delivered = names(&stage.path().join("delivered"));
    let count = |code: &str| delivered.iter().filter(|name| name.contains(code)).count();
    assert_eq!(
        (
            count("MU_SCBD_"),
            count("MU_SIMD_"),
            count("MU_SXPM_"),
            count("MU_SCBS_")
        ),
        (3, 1, 1, 3),
        "{delivered:#?}"
    );
    check_delivered(&stage.path().join("delivered"));

    let weight = |date: &str| {
        let rows = stack["measured"].as_array().expect("rows");
        let row = rows
            .iter()
            .find(|row| row["date_obs"].as_str().is_some_and(|found| found.starts_with(date)));
        row.and_then(|row| row["weight"].as_f64()).expect("a weight")
    };
    // Sharper and clearer is worth more.
    assert!(weight("2016-05-05T01:00") > weight("2016-05-05T00:00"), "{stack:#}");
    let status = stage.phoenix(&["status", "run"]);
    assert!(
        status.out.contains("6 exposures of 2 blocks in 2 nights: a deep cube"),
        "{}",
        status.out
    );
    assert!(status.out.contains("left out: its transparency is"), "{}", status.out);
    let kept = std::fs::read_to_string(stage.path().join("run/report/deep.json")).expect("a report");
    assert_eq!(serde_json::from_str::<Value>(&kept).expect("a document"), first["deep"]);

    let again = deep(&stage, &["--json"]).json_with(0);
    assert_eq!(work(&again), work(&first));
    assert_eq!(group(&again["deep"], "_dpc")["update"], "unchanged");
}

/// What is delivered is what the archive takes: the cube names its companions, and only what went in is its origin.
fn check_delivered(folder: &Path) {
    let paths: Vec<PathBuf> = (names(folder).iter())
        .filter(|name| has_extension(name, "fits"))
        .map(|name| folder.join(name))
        .collect();
    let cube = paths.iter().find(|path| path.to_string_lossy().contains("MU_SCBD_"));
    let file = FitsFile::open(cube.expect("a deep cube")).expect("opens");
    let header = &file.hdus()[0].header;
    assert_eq!(header.i64("NCOMBINE"), Ok(4));
    assert!(header.contains("PROV4") && !header.contains("PROV5"));
    for (key, code) in [("ASSON1", "MU_SIMD_"), ("ASSON2", "MU_SXPM_")] {
        assert!(header.str(key).is_ok_and(|name| name.starts_with(code)), "{key}");
    }
    let map = paths.iter().find(|path| path.to_string_lossy().contains("MU_SXPM_"));
    let file = FitsFile::open(map.expect("an exposure map")).expect("opens");
    assert_eq!(file.hdus()[0].header.str("PRODCATG"), Ok("ANCILLARY.EXPMAP"));
    let longest = file
        .image(1)
        .expect("an image")
        .pixels
        .to_f32()
        .into_iter()
        .fold(0.0, f32::max);
    assert!((longest - 3600.0).abs() < 0.1, "{longest}");
    let refs: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    if let Some(findings) = peers::fitsverify(&refs) {
        assert_eq!(findings, Vec::<String>::new());
    }
}

/// Opens the product: as many exposures as stayed, with their weights and times.
fn check_cube(job: &Value, n: i64) {
    let products = job["products"].as_array().expect("products");
    let cube = products
        .iter()
        .find(|product| product["tag"] == "DATACUBE_FINAL")
        .expect("a cube");
    let file = FitsFile::open(Path::new(cube["location"].as_str().expect("a place"))).expect("opens");
    let header = &file.hdus()[0].header;
    assert_eq!(header.i64("PRO.DATANCOM").expect("a count"), n);
    assert_eq!(header.i64("PHX.NOB").expect("a count"), 2);
    assert!((header.f64("EXPTIME").expect("a time") - 900.0 * n as f64).abs() < 1e-6);
    let data = file.find("DATA").expect("data");
    let pixels = file.image(data.index).expect("an image").pixels.to_f32();
    assert!(pixels.iter().filter(|value| value.is_finite()).count() > pixels.len() / 2);
}

#[test]
fn a_new_exposure_begins_the_deep_cube_anew_and_leaves_everything_else() {
    let stage = Stage::empty();
    let good = Shot::of("SIM-DEEP", 1001);
    let second = Shot {
        block: 1002,
        night: 3,
        ..good.clone()
    };
    let other_mode = Shot {
        mode: "WFM-AO-N",
        ..Shot::of("SIM-DEEP", 1004).at(5)
    };
    let mut shots = vec![good.at(0), good.at(1), second.at(0), other_mode];
    lay_down(&shots, &stage.store());
    let first = deep(&stage, &["--json"]).json_with(0);

    // An exposure that is not taken changes nothing.
    shots.push(Shot::of("SIM-DEEP", 1005).at(7).graded("X"));
    lay_down(&shots, &stage.store());
    let same = deep(&stage, &["--json"]).json_with(0);
    assert_eq!(work(&same), work(&first));
    assert_eq!(same["deep"]["left_out"].as_array().map(Vec::len), Some(1));

    shots.push(second.at(1));
    lay_down(&shots, &stage.store());
    let told = deep(&stage, &["--explain", "--json"]).json_with(0);
    let update = group(&told, "_dpc");
    assert_eq!(update["update"], "restart");
    let because = update["because"].as_str().expect("a reason");
    assert!(because.contains("of 2 blocks"), "{because}");
    let why = told["groups"][0]["update_because"].as_str().expect("a reason");
    assert!(
        why.starts_with("1 exposure more (MUSE.2016-05-05T00:30:00.000): the rejection of cosmic rays"),
        "{why}"
    );
    assert!(why.ends_with("images of the 3 known ones are kept"), "{why}");
    assert_eq!(group(&told, "_pst")["update"], "unchanged");

    let next = deep(&stage, &["--json"]).json_with(0);
    let (before, after) = (work(&first), work(&next));
    for (job, done) in &before {
        let is_redone = ["_aln:", "_wgt:", "_dpc:"].iter().any(|part| job.contains(part));
        assert_eq!(after[job] != *done, is_redone, "{job}");
    }
    assert_eq!(after.len(), before.len() + 1);
    let delivered = names(&stage.path().join("delivered"));
    // Three and four exposures that begin with the same one: two products, side by side.
    let is_cube = |name: &&String| name.contains("MU_SCBD_") && has_extension(name, "fits");
    let cubes: Vec<&String> = delivered.iter().filter(is_cube).collect();
    assert_eq!(cubes.len(), 2, "{delivered:#?}");
}

#[test]
fn two_deep_sets_of_one_size_are_delivered_side_by_side() {
    let good = Shot::of("SIM-DEEP", 1001);
    let second = |number| {
        Shot {
            block: 1002,
            night: 3,
            ..good.clone()
        }
        .at(number)
    };
    let stage = Stage::empty();
    for (number, out) in [(0, "one"), (1, "two")] {
        let raw = stage.store().join("raw");
        if raw.exists() {
            std::fs::remove_dir_all(&raw).expect("removed");
        }
        lay_down(&[good.at(0), good.at(1), second(number)], &stage.store());
        let document = deep(&stage, &["--json", "--out", out]).json_with(0);
        assert_eq!(job(&document, "_dpc:")["stage"], "ingested", "{document:#}");
    }
    let delivered = names(&stage.path().join("delivered"));
    let marks: BTreeSet<&str> = (delivered.iter())
        .filter(|name| name.contains("MU_SCBD_") && has_extension(name, "fits"))
        .filter_map(|name| name.rsplit('_').nth(1))
        .collect();
    assert_eq!(marks.len(), 2, "{delivered:#?}");
}

/// Attempts and content of the images of single exposures, by job.
fn images(document: &Value) -> BTreeMap<String, (u64, String)> {
    let jobs = document["jobs"].as_array().expect("jobs").iter();
    let image = jobs.filter(|job| job["task"] == "muse_exp_image").map(|job| {
        let attempts = job["attempts"].as_u64().expect("a count");
        let digest = job["products"][0]["digest"].to_string();
        (job["job"].as_str().expect("a name").to_owned(), (attempts, digest))
    });
    image.collect()
}

#[test]
fn another_run_takes_the_images_of_an_earlier_one_if_their_content_is_the_same() {
    let good = Shot::of("SIM-DEEP", 1001);
    let second = Shot {
        block: 1002,
        night: 3,
        ..good.clone()
    };
    let stage = Stage::empty();
    let mut shots = vec![good.at(0), good.at(1), second.at(0)];
    lay_down(&shots, &stage.store());
    let first = images(&deep(&stage, &["--json", "--out", "one"]).json_with(0));
    assert_eq!(first.len(), 3);

    // One exposure more, and one that has the same name and another content.
    shots.push(second.at(1));
    shots[1] = shots[1].seen(0.9, 0.9);
    lay_down(&shots, &stage.store());
    let more = ["--out", "two", "--history", "one/state.db"];
    let told = deep(&stage, &[&["--explain"], &more[..]].concat());
    assert!(
        told.out.contains("3 images lie in ") && told.out.contains("taken if their content is the same"),
        "{}",
        told.out
    );
    let document = deep(&stage, &[&["--json"], &more[..]].concat()).json_with(0);
    let next = images(&document);
    assert_eq!(next.len(), 4);
    let taken: BTreeSet<&String> = (next.iter())
        .filter(|(_, (attempts, _))| *attempts == 0)
        .map(|(job, _)| job)
        .collect();
    assert_eq!(taken.len(), 2, "{next:#?}");
    for job in &taken {
        assert_eq!(next[*job].1, first[*job].1);
    }
    let lent = &group(&document["deep"], "_dpc")["lent"];
    assert_eq!(
        (lent["jobs"].as_array().map(Vec::len), &lent["is_taken"]),
        (Some(2), &Value::Bool(true))
    );

    // What a person wants done again is made anew, and gives the same bits.
    let job = (*taken.first().expect("a job")).clone();
    let end = stage.phoenix(&["redo", &job, "--out", "two"]);
    assert_eq!(end.code, Some(0), "{}", end.err);
    let again = images(&stage.phoenix(&["resume", "two", "--json"]).json_with(0));
    assert_eq!(again[&job], (1, first[&job].1.clone()));
}

#[test]
fn other_names_go_along_if_asked_for_and_what_a_person_rejected_stays_away() {
    let stage = Stage::empty();
    let good = Shot::of("SIM-DEEP", 1001);
    let elsewhere = Shot {
        run: "098.B-0002(A)",
        night: 3,
        ..Shot::of("S-DEEP (2)", 2001)
    };
    lay_down(&[good.at(0), good.at(1), elsewhere.at(0)], &stage.store());
    let sizes = |more: &[&str]| -> Vec<usize> {
        let told = deep(&stage, &[&["--explain", "--json"], more].concat()).json_with(0);
        let groups = told["groups"].as_array().expect("groups");
        groups
            .iter()
            .map(|group| group["exposures"].as_array().map_or(0, Vec::len))
            .collect()
    };
    assert_eq!(sizes(&[]), [2]);
    assert_eq!(sizes(&["--nearby"]), [3]);

    let night = elsewhere.night().to_string();
    let single = [
        "run",
        "--instrument",
        "MUSE",
        "--night",
        &night,
        "--archive",
        "store",
        "--review",
        "manual",
    ];
    let ended = stage
        .phoenix(&[&single[..], &["--json", "--out", "single"]].concat())
        .json_with(1);
    let id = job(&ended, "_pst:")["job"].as_str().expect("a name").to_owned();
    let decided = stage.phoenix(&["review", "single", "--reject", &id, "--because", "satellite trail"]);
    assert_eq!(decided.code, Some(0), "{}", decided.err);
    let more = ["--explain", "--json", "--nearby", "--history", "single/state.db"];
    let told = deep(&stage, &more).json_with(0);
    assert_eq!(told["groups"][0]["exposures"].as_array().map(Vec::len), Some(2));
    let reason = told["left_out"][0]["reason"].as_str().expect("a reason");
    assert_eq!(
        reason,
        format!("its product was rejected in review ({id}): satellite trail")
    );
}

#[test]
fn what_cannot_be_asked_for_is_told_before_anything_is_done() {
    let stage = Stage::empty();
    lay_down(&[Shot::of("SIM-DEEP", 1001)], &stage.store());
    let refused = |more: &[&str], part: &str| {
        let end = deep(&stage, more);
        assert_eq!(end.code, Some(2), "{}", end.err);
        assert!(end.err.contains(part), "{}", end.err);
        assert!(!stage.path().join("run").exists());
    };
    refused(
        &["--max-separation", "0"],
        "the largest separation is 0, not a positive number of arcsec",
    );
    refused(&["--run", "097.B-0001(A)"], "cannot be used with");
    refused(&["--instrument", "UVES"], "");
    let lone = stage.phoenix(&["deep", "--target", "NOWHERE", "--archive", "store"]);
    assert_eq!(lone.code, Some(2));
    assert!(
        lone.err.contains("no science frame of MUSE is of batch") && lone.err.contains("SIM-DEEP"),
        "{}",
        lone.err
    );
}
