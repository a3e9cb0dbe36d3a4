//! A long stack that is killed, stopped, or meets a full disk: nothing half-visible, and the next attempt goes on behind
//! its last finished window to the same bits.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use phoenix::sim::night::COMBINED_OBS_ID;
use serde_json::Value;
use stage::{End, Stage, files, job, names};

/// Voxels so small that the cube of the simulated block takes some hundred megabytes and many windows.
const FINE: [&str; 3] = ["dlambda=0.05", "dx=0.1", "dy=0.1"];

/// A small generator for moments; its seed is printed with a failure.
struct Moments(u64);

impl Moments {
    /// Returns a number in 0..1 (Steele et al. 2014, `SplitMix64`).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Writes the set of frames and returns the words that stack it into `out`.
fn words(stage: &Stage, out: &str) -> Vec<String> {
    let lines: Vec<String> = (stage.tables(COMBINED_OBS_ID).iter())
        .map(|path| format!("{} PIXTABLE_REDUCED\n", path.display()))
        .collect();
    std::fs::write(stage.path().join("set.sof"), lines.concat()).expect("written");
    let fixed = [
        "recipe",
        "muse_exp_combine",
        "set.sof",
        "--json",
        "--threads=2",
        "--out",
    ];
    let fine = FINE.map(|param| format!("--{param}"));
    fixed.into_iter().chain([out]).map(str::to_owned).chain(fine).collect()
}

/// Reads events until one stage has come as far as `share`; returns how many planes were taken up, if any were.
fn watch(child: &mut Child, stage: &str, share: f64) -> Option<u64> {
    let mut taken = None;
    let events = BufReader::new(child.stderr.as_mut().expect("piped"));
    for line in events.lines() {
        let event: Value = serde_json::from_str(&line.expect("text")).unwrap_or_default();
        let number = |key: &str| event[key].as_f64().unwrap_or_default();
        if event["stage"] == "read finished planes" {
            taken = event["done"].as_u64();
        }
        // Another job of a run may be at the same stage.
        let is_stack = event["job"]
            .as_str()
            .is_some_and(|job| job.ends_with("muse_exp_combine"));
        if is_stack && event["stage"] == stage && number("done") >= share * number("total") {
            break;
        }
    }
    taken
}

/// Ends a child and returns its end with the planes that it took up.
fn end(mut child: Child) -> (End, Option<u64>) {
    let taken = watch(&mut child, "none", 2.0);
    let mut out = String::new();
    child
        .stdout
        .as_mut()
        .expect("piped")
        .read_to_string(&mut out)
        .expect("text");
    let code = child.wait().expect("the child ends").code();
    let err = String::new();
    (End { code, out, err }, taken)
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts")
}

/// What lies in a folder under names that people see.
fn visible(folder: &Path) -> Vec<String> {
    names(folder)
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .collect()
}

fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>, context: &str) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{context}"
    );
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{context}: {name} differs");
    }
}

#[test]
fn a_long_stack_that_is_interrupted_goes_on_behind_its_last_window_to_the_same_bits() {
    let kills: usize = std::env::var("PHOENIX_STACK_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let stage = Stage::with_night();
    let command = |out: &str| {
        let words = words(&stage, out);
        stage.command(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (quiet, taken) = end(spawn(&mut command("quiet")));
    quiet.json_with(0);
    assert_eq!(taken, None);
    let expected = files(&stage.path().join("quiet"));
    let cube_bytes = expected["DATACUBE_FINAL.fits"].len() as u64;
    assert!(cube_bytes > 250 << 20, "the cube has only {cube_bytes} bytes");

    // kill -9 at random moments of the stack, again and again in the same folder.
    let seed = 20_261_123;
    let mut moments = Moments(seed);
    let (mut killed, mut went_on) = (0, 0);
    let out = stage.path().join("killed");
    let mut first = 0;
    while killed < kills {
        let mut child = spawn(&mut command("killed"));
        let taken = watch(&mut child, "resample", 0.2 + 0.8 * moments.next());
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        killed += 1;
        let context = format!("seed {seed}, kill {killed}");
        assert!(visible(&out).is_empty(), "{context}: {:?}", visible(&out));
        // What was finished stays finished, however often the stack is killed.
        assert!(taken.unwrap_or(0) >= first, "{context}: {taken:?} after {first}");
        first = taken.unwrap_or(0);
        went_on += usize::from(first > 0);
    }
    let (whole, taken) = end(spawn(&mut command("killed")));
    whole.json_with(0);
    went_on += usize::from(taken.is_some_and(|planes| planes > 0));
    assert!(went_on > 0, "seed {seed}: no attempt went on behind a finished window");
    assert_same(&files(&out), &expected, &format!("seed {seed}, {kills} kills"));
    std::fs::remove_dir_all(&out).expect("removed");

    // Ctrl-C.
    let out = stage.path().join("stopped");
    let mut child = spawn(&mut command("stopped"));
    watch(&mut child, "resample", 0.7);
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.is_ok_and(|status| status.success()));
    end(child).0.json_with(130);
    assert!(visible(&out).is_empty(), "{:?}", visible(&out));
    let (whole, taken) = end(spawn(&mut command("stopped")));
    whole.json_with(0);
    assert!(taken.is_some_and(|planes| planes > 0), "{taken:?}");
    assert_same(&files(&out), &expected, "Ctrl-C");
    std::fs::remove_dir_all(&out).expect("removed");

    // A disk that is full when three quarters of the file are written: no file may grow beyond a limit.
    let out = stage.path().join("full");
    let words = words(&stage, "full");
    let limit = cube_bytes * 3 / 4 / 512;
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &script, env!("CARGO_BIN_EXE_phoenix")])
        .args(&words)
        .current_dir(stage.path())
        .env("SOURCE_DATE_EPOCH", "1462190400");
    let (failed, _) = end(spawn(&mut limited));
    let document = failed.json_with(1);
    let error = document["error"].to_string();
    assert!(
        error.contains("DATACUBE_FINAL.fits cannot be written") && error.contains("File too large"),
        "{document:#}"
    );
    assert!(visible(&out).is_empty(), "{:?}", visible(&out));
    let (whole, taken) = end(spawn(&mut command("full")));
    whole.json_with(0);
    assert!(taken.is_some_and(|planes| planes > 0), "{taken:?}");
    assert_same(&files(&out), &expected, "full disk");
}

#[test]
fn a_run_that_was_killed_in_a_long_stack_resumes_in_the_middle_of_it() {
    let stage = Stage::with_night();
    let fine = FINE.map(|param| format!("--param=muse_exp_combine.{param}"));
    let command = |out, store| {
        let more: Vec<&str> = fine.iter().map(String::as_str).chain(["--deliver-to", store]).collect();
        stage.command(&Stage::run_words(out, &more))
    };
    end(spawn(&mut command("quiet", "quiet-store"))).0.json_with(0);
    let mut child = spawn(&mut command("run", "run-store"));
    watch(&mut child, "resample", 0.8);
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
    let (whole, taken) = end(spawn(&mut stage.command(&[
        "resume",
        "run",
        "--json",
        "--threads",
        "2",
    ])));
    let document = whole.json_with(0);
    assert_eq!(job(&document, "_tpl:")["stage"], "ingested");
    assert!(taken.is_some_and(|planes| planes > 0), "{taken:?}");
    for folder in ["work", "products"] {
        let of = |run: &str| {
            let mut all = files(&stage.path().join(run).join(folder));
            // What was asked for names the folders of the run; everything else must be equal.
            all.retain(|name, _| !name.ends_with("settings.json"));
            all
        };
        assert_same(&of("run"), &of("quiet"), folder);
    }
}
