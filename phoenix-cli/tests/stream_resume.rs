//! A long cube that is killed, stopped, or meets a full disk: nothing half-visible, and the next attempt goes on behind
//! its last finished window to the same bits.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use phoenix::sim::night::COMBINED_OBS_ID;
use serde_json::Value;
use stage::interruption::{Moments, assert_same, bits, kill, kills};
use stage::{End, Stage, files, job, names};

/// Voxels so small that the cube of the simulated block takes some hundred megabytes and many windows.
const FINE: [&str; 3] = ["dlambda=0.05", "dx=0.1", "dy=0.1"];

/// A cube that is made in a stage.
struct Work<'a> {
    stage: &'a Stage,
    recipe: &'a str,
    /// The part of it that writes the cube.
    part: &'a str,
    params: &'a [&'a str],
}

impl Work<'_> {
    /// Writes the set of frames.
    fn write_set(&self, frames: &[PathBuf], tag: &str) {
        let lines: Vec<String> = frames
            .iter()
            .map(|path| format!("{} {tag}\n", path.display()))
            .collect();
        std::fs::write(self.stage.path().join("set.sof"), lines.concat()).expect("written");
    }

    /// Returns the words that make the cube in `out`.
    fn words(&self, out: &str) -> Vec<String> {
        let fixed = ["recipe", self.recipe, "set.sof", "--json", "--threads=2", "--out", out];
        let params = self.params.iter().map(|param| format!("--{param}"));
        fixed.into_iter().map(str::to_owned).chain(params).collect()
    }

    fn spawn(&self, out: &str) -> Child {
        let words = self.words(out);
        spawn(
            &mut self
                .stage
                .command(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        )
    }

    /// Begins anew until the cube has come as far as `share`; returns how many planes were taken up, if any were.
    fn begin(&self, out: &str, share: f64) -> (Child, Option<u64>) {
        let mut child = self.spawn(out);
        let taken = watch(&mut child, self.recipe, self.part, share);
        (child, taken)
    }

    /// Makes the cube after an interruption, checks its bits, and returns how many planes were taken up.
    fn finish(&self, out: &str, expected: &BTreeMap<String, Vec<u8>>, context: &str) -> u64 {
        let folder = self.stage.path().join(out);
        assert!(visible(&folder).is_empty(), "{context}: {:?}", visible(&folder));
        let (whole, taken) = end(self.spawn(out));
        whole.json_with(0);
        assert_same(&files(&folder), expected, context);
        std::fs::remove_dir_all(&folder).expect("removed");
        taken.unwrap_or(0)
    }
}

/// Reads events until one stage has come as far as `share`; returns how many planes were taken up, if any were.
fn watch(child: &mut Child, recipe: &str, part: &str, share: f64) -> Option<u64> {
    let mut taken = None;
    let events = BufReader::new(child.stderr.as_mut().expect("piped"));
    for line in events.lines() {
        let event: Value = serde_json::from_str(&line.expect("text")).unwrap_or_default();
        let number = |key: &str| event[key].as_f64().unwrap_or_default();
        if event["stage"] == "read finished planes" {
            taken = event["done"].as_u64();
        }
        // Another job of a run may be at the same stage.
        let is_it = event["job"].as_str().is_some_and(|job| job.ends_with(recipe));
        if is_it && event["stage"] == part && number("done") >= share * number("total") {
            break;
        }
    }
    taken
}

/// Ends a child and returns its end with the planes that it took up.
fn end(mut child: Child) -> (End, Option<u64>) {
    let taken = watch(&mut child, "none", "none", 2.0);
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

/// Interrupts the making of a cube of at least `least_bytes` in every way.
fn assert_interruptions_leave_no_trace(work: &Work<'_>, least_bytes: u64) {
    let (quiet, taken) = end(work.spawn("quiet"));
    quiet.json_with(0);
    assert_eq!(taken, None);
    let expected = files(&work.stage.path().join("quiet"));
    let cube_bytes = expected["DATACUBE_FINAL.fits"].len() as u64;
    assert!(cube_bytes > least_bytes, "the cube has only {cube_bytes} bytes");

    // kill -9 at random moments, again and again in the same folder.
    let (seed, kills) = (20_261_123, kills("PHOENIX_STACK_KILLS", 3));
    let mut moments = Moments(seed);
    let out = work.stage.path().join("killed");
    let mut first = 0;
    for n in 1..=kills {
        let (mut child, taken) = work.begin("killed", 0.2 + 0.8 * moments.next());
        kill(&mut child);
        let context = format!("seed {seed}, kill {n}");
        assert!(visible(&out).is_empty(), "{context}: {:?}", visible(&out));
        // What was finished stays finished, however often it is killed.
        assert!(taken.unwrap_or(0) >= first, "{context}: {taken:?} after {first}");
        first = taken.unwrap_or(0);
    }
    let last = work.finish("killed", &expected, &format!("seed {seed}, {kills} kills"));
    assert!(
        last >= first.max(1),
        "seed {seed}: {last} planes were finished after {first}"
    );

    // Ctrl-C.
    let (child, _) = work.begin("stopped", 0.7);
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.is_ok_and(|status| status.success()));
    end(child).0.json_with(130);
    assert!(work.finish("stopped", &expected, "Ctrl-C") > 0);

    // A disk that is full within the last extension: no file may grow beyond a limit.
    let limit = cube_bytes * 7 / 8 / 512;
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &script, env!("CARGO_BIN_EXE_phoenix")])
        .args(work.words("full"))
        .current_dir(work.stage.path())
        .env("SOURCE_DATE_EPOCH", "1462190400");
    let (failed, _) = end(spawn(&mut limited));
    let document = failed.json_with(1);
    let error = document["error"].to_string();
    assert!(
        error.contains("DATACUBE_FINAL.fits cannot be written") && error.contains("File too large"),
        "{document:#}"
    );
    assert!(work.finish("full", &expected, "full disk") > 0);
}

#[test]
fn a_long_stack_that_is_interrupted_goes_on_behind_its_last_window_to_the_same_bits() {
    let stage = Stage::with_night();
    let work = Work {
        stage: &stage,
        recipe: "muse_exp_combine",
        part: "resample",
        params: &FINE,
    };
    work.write_set(&stage.tables(COMBINED_OBS_ID), "PIXTABLE_REDUCED");
    assert_interruptions_leave_no_trace(&work, 250 << 20);
}

#[test]
fn a_long_combination_of_cubes_that_is_interrupted_goes_on_behind_its_last_window_to_the_same_bits() {
    let stage = Stage::with_night();
    let stack = Work {
        stage: &stage,
        recipe: "muse_exp_combine",
        part: "resample",
        params: &FINE,
    };
    stack.write_set(&stage.tables(COMBINED_OBS_ID), "PIXTABLE_REDUCED");
    end(stack.spawn("cubes")).0.json_with(0);
    let cube = stage.path().join("cubes/DATACUBE_FINAL.fits");
    let frames: Vec<PathBuf> = (0..3).map(|n| stage.path().join(format!("cube_{n}.fits"))).collect();
    for frame in &frames {
        std::fs::hard_link(&cube, frame).expect("linked");
    }
    let work = Work {
        stage: &stage,
        recipe: "muse_cube_combine",
        part: "combine",
        params: &["nclip=3"],
    };
    work.write_set(&frames, "DATACUBE_FINAL");
    assert_interruptions_leave_no_trace(&work, 500 << 20);
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
    watch(&mut child, "muse_exp_combine", "resample", 0.8);
    kill(&mut child);
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
        let of = |run: &str| bits(&stage.path().join(run).join(folder));
        assert_same(&of("run"), &of("quiet"), folder);
    }
}
