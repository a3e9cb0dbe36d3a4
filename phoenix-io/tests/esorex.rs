//! The contract of the esorex backend, against a stand-in that can misbehave in every way.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod esorex_support;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use esorex_support::{Bench, Ran, lives, making, outline, write_product};
use phoenix_core::id::RecipeId;
use phoenix_core::traits::{RecipeDyn, RecipeError};
use phoenix_io::{EsorexError, EsorexRecipe, EsorexSettings, Installation};

fn reason(ran: &Ran) -> String {
    match &ran.result {
        Err(RecipeError::Program { program, reason }) => {
            assert_eq!(program, "esorex fake_bias");
            reason.clone()
        }
        other => panic!("no failure of the program: {other:?}"),
    }
}

#[test]
fn a_product_is_taken_byte_for_byte_with_our_record_beside_it() {
    let bench = Bench::new();
    let finished = bench.path("finished.fits");
    write_product(&finished, "MASTER_BIAS");
    let bench = bench.doing(&making(&finished, "MASTER_BIAS.fits", "MASTER_BIAS"));
    let ran = bench.run();
    let products = ran.result.unwrap();
    assert_eq!(products.len(), 1);
    assert_eq!(
        (products[0].tag.as_str(), products[0].name.as_str()),
        ("MASTER_BIAS", "MASTER_BIAS.fits")
    );
    assert_eq!(fs::read(&products[0].location).unwrap(), fs::read(&finished).unwrap());
    assert_eq!(bench.left_behind(), ["MASTER_BIAS.fits", "MASTER_BIAS.provenance.json"]);
    let beside = fs::read_to_string(bench.path("run/work/night:fake_bias/MASTER_BIAS.provenance.json")).unwrap();
    let beside: serde_json::Value = serde_json::from_str(&beside).unwrap();
    assert_eq!(beside["provenance"]["pipeline"], "fake/1.2.3");
    assert_eq!(beside["provenance"]["params"], serde_json::json!({"nifu": 0}));
    assert!(ran.usage.cpu_s.is_some());
    assert!(ran.heard.has("begins with and 2 threads"));
    assert!(
        fs::read_to_string(bench.path("logs/night:fake_bias.log"))
            .unwrap()
            .contains("begins")
    );
}

#[test]
fn version_and_parameters_come_from_the_installed_recipe() {
    let bench = Bench::new().doing("exit 0");
    let installation = Installation::find(bench.settings.clone()).unwrap();
    assert_eq!(installation.version().esorex, "3.13.6");
    let recipe = EsorexRecipe::new(&installation, &outline("fake_bias", "BIAS", &["X"])).unwrap();
    assert_eq!(recipe.spec_dyn().pipeline, "fake/1.2.3");
    assert_eq!(recipe.spec_dyn().params[0].name, "nifu");
    assert_eq!(recipe.spec_dyn().params[0].values, "-1 to 24");
    assert_eq!(recipe.default_params_dyn(), serde_json::json!({"nifu": 0}));
}

#[test]
fn only_changed_parameters_reach_the_recipe_and_unknown_ones_are_refused() {
    let mut bench = Bench::new();
    let finished = bench.path("finished.fits");
    write_product(&finished, "MASTER_BIAS");
    bench = bench.doing(&making(&finished, "M.fits", "MASTER_BIAS"));
    bench.params = serde_json::json!({"nifu": 3});
    let ran = bench.run();
    assert!(ran.result.is_ok() && ran.heard.has("begins with --nifu=3 and"));
    bench.params = serde_json::json!({"nfiu": 3});
    assert!(matches!(bench.run().result, Err(RecipeError::Parameter { name, .. }) if name == "nfiu"));
}

#[test]
fn a_recipe_that_fails_gives_its_own_error_lines() {
    let bench = Bench::new().doing(
        "echo \"[ ERROR ] fake_bias: Dumping all 1 error(s):\"
         echo \"[ ERROR ] fake_bias:   [1/1] 'Data not found: No raw frames' (10) at load:x.c:7\"
         echo \"[ ERROR ] esorex: Execution of recipe 'fake_bias' failed, status = 10\" >&2; exit 10",
    );
    let ran = bench.run();
    assert_eq!(
        reason(&ran),
        "[1/1] 'Data not found: No raw frames' (10) at load:x.c:7 (exit status 10)"
    );
    assert!(bench.left_behind().is_empty(), "{:?}", bench.left_behind());
    assert!(
        bench.path("logs/night:fake_bias.log").exists(),
        "the log of a failure is kept"
    );
}

#[test]
fn a_crash_names_the_signal_and_the_last_words() {
    let bench = Bench::new().doing("echo '[ INFO  ] fake_bias: reading frame 1'; kill -SEGV $$");
    let text = reason(&bench.run());
    assert!(
        text.contains("signal 11 (segmentation fault)") && text.contains("reading frame 1"),
        "{text}"
    );
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_recipe_that_hangs_is_killed_with_its_children_after_the_time_limit() {
    let mut bench = Bench::new();
    let note = bench.path("child");
    bench = bench.doing(&format!("sleep 600 & echo $! > '{}'; wait", note.display()));
    bench.settings.timeout_s = Some(0.6);
    let start = Instant::now();
    let text = reason(&bench.run());
    assert!(text.starts_with("it did not end within 0.6 s and was killed"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(20));
    let child: u32 = fs::read_to_string(note).unwrap().trim().parse().unwrap();
    assert!(!lives(child), "a child of the recipe lives on");
    assert!(bench.left_behind().is_empty());
}

#[test]
fn cancelling_ends_the_whole_process_group() {
    let bench = Bench::new();
    let note = bench.path("child");
    let bench = bench.doing(&format!("sleep 600 & echo $! > '{}'; wait", note.display()));
    let cancel = bench.cancel.clone();
    let canceller = thread::spawn({
        let note = note.clone();
        move || {
            while !fs::read_to_string(&note).is_ok_and(|text| text.ends_with('\n')) {
                thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel();
        }
    });
    let ran = bench.run();
    canceller.join().unwrap();
    assert!(matches!(ran.result, Err(RecipeError::Stopped)));
    let child: u32 = fs::read_to_string(note).unwrap().trim().parse().unwrap();
    assert!(!lives(child));
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_child_that_outlives_its_recipe_is_ended_too() {
    let bench = Bench::new();
    let (note, finished) = (bench.path("child"), bench.path("finished.fits"));
    write_product(&finished, "MASTER_BIAS");
    let deed = format!(
        "sleep 600 & echo $! > '{}'; {}",
        note.display(),
        making(&finished, "M.fits", "MASTER_BIAS")
    );
    let bench = bench.doing(&deed);
    let start = Instant::now();
    assert!(bench.run().result.is_ok());
    assert!(start.elapsed() < Duration::from_secs(20));
    let child: u32 = fs::read_to_string(note).unwrap().trim().parse().unwrap();
    assert!(!lives(child));
}

#[cfg(target_os = "linux")]
#[test]
fn a_recipe_that_takes_more_memory_than_its_share_is_ended_and_says_how_much() {
    let mut bench = Bench::new().doing("head -c 400000000 /dev/zero | tail -c 399999999 | sleep 600");
    bench.memory_bytes = 100 << 20;
    let ran = bench.run();
    match ran.result {
        Err(RecipeError::Memory {
            budget_bytes,
            floor_bytes,
        }) => assert!(budget_bytes == 100 << 20 && floor_bytes > budget_bytes),
        other => panic!("{other:?}"),
    }
    assert!(ran.usage.peak_bytes.unwrap() > 100 << 20);
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_recipe_that_writes_nothing_or_the_wrong_category_fails_by_name() {
    let bench = Bench::new().doing("exit 0");
    assert_eq!(
        reason(&bench.run()),
        "it ended well and wrote no product, expected was MASTER_BIAS"
    );
    let bench = Bench::new();
    let finished = bench.path("finished.fits");
    write_product(&finished, "MASTER_DARK");
    // The list lies; what the header says counts.
    let bench = bench.doing(&making(&finished, "M.fits", "MASTER_BIAS"));
    assert_eq!(
        reason(&bench.run()),
        "it wrote MASTER_DARK (M.fits), expected was MASTER_BIAS"
    );
    assert!(bench.left_behind().is_empty());
}

#[test]
fn a_product_that_was_cut_short_fails_the_job() {
    let bench = Bench::new();
    let finished = bench.path("finished.fits");
    write_product(&finished, "MASTER_BIAS");
    let deed = making(&finished, "M.fits", "MASTER_BIAS")
        .replace("cp ", "head -c 2000 <")
        .replace("\" \"$OUT", "\" > \"$OUT");
    let deed = deed.replace("' \"$OUT", "' > \"$OUT");
    let text = reason(&bench.doing(&deed).run());
    assert!(text.starts_with("product M.fits is damaged"), "{text}");
}

#[test]
fn output_that_is_no_text_or_has_no_end_does_no_harm() {
    let bench = Bench::new();
    let finished = bench.path("finished.fits");
    write_product(&finished, "MASTER_BIAS");
    let deed = format!(
        "head -c 3000000 /dev/zero; head -c 100000 /dev/urandom; {}",
        making(&finished, "M.fits", "MASTER_BIAS")
    );
    assert!(bench.doing(&deed).run().result.is_ok());
}

#[test]
fn what_is_not_there_or_is_no_esorex_is_said_so() {
    let find = |program: &str| {
        Installation::find(EsorexSettings {
            program: program.into(),
            ..EsorexSettings::default()
        })
    };
    assert!(matches!(find("/nowhere/esorex"), Err(EsorexError::Missing { .. })));
    assert!(matches!(find("true"), Err(EsorexError::Unusable { .. })));
    let bench = Bench::new().doing("exit 0");
    let installation = Installation::find(bench.settings.clone()).unwrap();
    let error = installation.recipe(&RecipeId::from("fake_flat")).unwrap_err();
    assert!(
        error.to_string().starts_with("recipe fake_flat is not installed for "),
        "{error}"
    );
}

/// Set in a process that this test starts and kills.
const CHILD: &str = "PHOENIX_TEST_ESOREX_CHILD";

/// Not a test of its own: the process that `a_recipe_dies_with_the_process_that_started_it` kills.
#[test]
fn the_process_that_is_killed() {
    let Some(note) = std::env::var_os(CHILD) else { return };
    let note = std::path::PathBuf::from(note);
    let bench = Bench::new().doing(&format!("echo $$ > '{}'; exec sleep 600", note.display()));
    let _ = bench.run();
}

#[cfg(target_os = "linux")]
#[test]
fn a_recipe_dies_with_the_process_that_started_it() {
    if phoenix_testkit::peers::program("setpriv").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("recipe");
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed"])
        .env(CHILD, &note)
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let recipe: u32 = loop {
        if let Ok(text) = fs::read_to_string(&note)
            && text.ends_with('\n')
        {
            break text.trim().parse().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    };
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while lives(recipe) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!lives(recipe), "the recipe outlived the process that started it");
}
