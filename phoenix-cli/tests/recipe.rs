//! `phoenix recipe`: the stand-in for `esorex NAME SOF`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use phoenix::core::product::Product;
use phoenix::io::read_product;
use phoenix::sim::night::COMBINED_OBS_ID;
use phoenix_testkit::peers;
use stage::{Stage, names};

#[test]
fn recipes_are_listed_and_explained() {
    let stage = Stage::empty();
    let list = stage.phoenix(&["recipe", "--list"]);
    assert_eq!(list.code, Some(0));
    insta::assert_snapshot!("recipe_list", list.out);
    let help = stage.phoenix(&["recipe", "muse_scipost_make_cube", "--help"]);
    assert_eq!(help.code, Some(0));
    insta::assert_snapshot!("recipe_help", help.out.replace(env!("CARGO_PKG_VERSION"), "[version]"));
    let json = stage.phoenix(&["--json", "recipe", "--list"]).json_with(0);
    assert_eq!(json["recipes"].as_array().map(Vec::len), Some(6));
}

#[test]
fn a_set_of_frames_takes_variables_and_relative_paths() {
    let stage = Stage::with_night();
    let tables = stage.tables(COMBINED_OBS_ID);
    let name = |n: usize| tables[n].file_name().expect("a name").to_string_lossy().into_owned();
    let set = format!(
        "# two of four\n$RAW/{} PIXTABLE_REDUCED\n\nstore/raw/MUSE/{}/{} PIXTABLE_REDUCED # relative\n",
        name(0),
        stage::NIGHT,
        name(1)
    );
    std::fs::write(stage.path().join("set.sof"), set).expect("written");
    let words = [
        "recipe",
        "--resample",
        "nearest",
        "muse_exp_combine",
        "--json",
        "set.sof",
        "--out=cubes",
        "--crsigma=0",
    ];
    let output = stage.command(&words).env("RAW", stage.raw()).output().expect("runs");
    let document = stage::End::from(output).json_with(0);
    assert_eq!(document["products"][0]["name"], "DATACUBE_FINAL.fits");
    let made = names(&stage.path().join("cubes"));
    assert!(
        made.contains(&"DATACUBE_FINAL.fits".to_owned()) && made.contains(&"IMAGE_FOV_0001.fits".to_owned()),
        "{made:?}"
    );
    let cube = read_product(stage.path().join("cubes/DATACUBE_FINAL.fits")).expect("reads");
    assert_eq!(cube.header.str("PRO.REC1.ID"), Ok("muse_exp_combine"));
    let without = stage.phoenix(&["recipe", "muse_exp_combine", "set.sof"]);
    assert_eq!(without.code, Some(2));
    insta::assert_snapshot!("variable_not_set", without.err);
}

#[test]
fn a_product_never_overwrites_an_input() {
    let stage = Stage::with_night();
    let tables = stage.tables(COMBINED_OBS_ID);
    let taken = stage.path().join("DATACUBE_FINAL.fits");
    std::fs::copy(&tables[0], &taken).expect("copied");
    let before = std::fs::read(&taken).expect("readable");
    let set = format!(
        "DATACUBE_FINAL.fits PIXTABLE_REDUCED\n{} PIXTABLE_REDUCED\n",
        tables[1].display()
    );
    std::fs::write(stage.path().join("set.sof"), set).expect("written");
    let end = stage.phoenix(&["recipe", "muse_exp_combine", "set.sof"]);
    assert_eq!(end.code, Some(1), "{}{}", end.out, end.err);
    assert!(end.err.contains("would overwrite"), "{}", end.err);
    assert!(std::fs::read(&taken).expect("readable") == before);
    assert!(!stage.path().join("IMAGE_FOV_0001.fits").exists());
}

#[test]
fn a_budget_below_the_floor_is_refused_with_the_floor_and_a_budget_at_the_floor_is_enough() {
    let stage = Stage::with_night();
    let tables = stage.tables(COMBINED_OBS_ID);
    let lines: Vec<String> = (tables.iter().take(2))
        .map(|table| format!("{} PIXTABLE_REDUCED", table.display()))
        .collect();
    std::fs::write(stage.path().join("set.sof"), lines.join("\n")).expect("written");
    let with = |memory: &str| {
        let words = [
            "recipe",
            "muse_exp_combine",
            "set.sof",
            "--resample=nearest",
            "--crsigma=0",
        ];
        stage.phoenix(&[&words[..], &["--memory", memory, "--out", "cubes"]].concat())
    };
    let refused = with("1M");
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(
        refused
            .err
            .contains("memory budget of 1048576 bytes is below the floor of"),
        "{}",
        refused.err
    );
    assert!(names(&stage.path().join("cubes")).is_empty(), "nothing is visible");
    // What is told is enough, or names the larger floor of this very field.
    let mut memory = floor(&refused.err);
    let enough = with(&memory);
    if enough.code != Some(0) {
        memory = floor(&enough.err);
        let enough = with(&memory);
        assert_eq!(enough.code, Some(0), "{memory}: {}", enough.err);
    }
}

/// The floor that an error names, as `--memory` takes it.
fn floor(error: &str) -> String {
    let (_, rest) = error.split_once("bytes (").expect("a floor");
    let (mib, _) = rest.split_once(" MiB").expect("in MiB");
    format!("{mib}M")
}

#[test]
fn mistakes_in_parameters_are_named_before_anything_is_read() {
    let stage = Stage::with_night();
    std::fs::write(stage.path().join("set.sof"), "nowhere.fits PIXTABLE_REDUCED\n").expect("written");
    let error = |words: &[&str]| {
        let words: Vec<&str> = ["recipe", "muse_exp_combine", "set.sof"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        let end = stage.phoenix(&words);
        assert_eq!(end.code, Some(2), "{}", end.err);
        end.err
    };
    let errors = [
        error(&["--pixfraction=0.8"]),
        error(&["--crsigma=many"]),
        error(&["--resample"]),
        error(&["--numerics=idl"]),
        error(&[]),
    ];
    insta::assert_snapshot!("parameter_mistakes", errors.join("\n"));
}

fn values(product: &Product, extension: &str) -> Vec<u32> {
    let planes = product.planes(extension).expect("an extension of planes");
    let [n_wave, n_y, n_x] = planes.shape();
    let mut values = vec![0.0_f32; n_wave * n_y * n_x];
    planes.read(0..n_wave, &mut values).expect("reads");
    // All NaN are one: which bits a missing value has is not part of the result.
    values
        .iter()
        .map(|value| {
            if value.is_nan() {
                f32::NAN.to_bits()
            } else {
                value.to_bits()
            }
        })
        .collect()
}

#[test]
fn the_reference_cubes_of_the_pipeline_come_out_bit_for_bit() {
    let Some(folder) = peers::data("muse-combine-reference") else {
        return;
    };
    let stage = Stage::empty();
    for method in ["nearest", "linear", "quadratic", "renka", "drizzle", "lanczos"] {
        let resample = format!("--resample={method}");
        let out = stage.path().join(method);
        let out = out.to_string_lossy();
        let words = [
            "recipe",
            "muse_exp_combine",
            "combine_off.sof",
            &resample,
            "--numerics=eso",
            "--out",
            &out,
            "--json",
        ];
        let output = stage.command(&words).current_dir(&folder).output().expect("runs");
        stage::End::from(output).json_with(0);
        let ours = read_product(stage.path().join(method).join("DATACUBE_FINAL.fits")).expect("reads");
        let theirs = read_product(folder.join(format!("cube_{method}.fits"))).expect("reads");
        for extension in ["DATA", "STAT"] {
            let differing = values(&ours, extension)
                .iter()
                .zip(values(&theirs, extension))
                .filter(|(a, b)| **a != *b)
                .count();
            assert_eq!(differing, 0, "{method} {extension}");
        }
    }
}
