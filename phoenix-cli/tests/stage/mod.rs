//! Sets the stage: a simulated store in a folder of its own, the command run on it, what it left.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod interruption;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use phoenix::sim::night::{SimulatedNight, demo};
use serde_json::Value;

/// The night of the simulated store.
pub(crate) const NIGHT: &str = "2016-05-01";

/// The simulated night, made once per test binary.
pub(crate) fn night() -> &'static SimulatedNight {
    static NIGHT: OnceLock<SimulatedNight> = OnceLock::new();
    NIGHT.get_or_init(|| demo(1))
}

/// A temporary folder with a store in it.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

/// What a command ended with.
#[derive(Debug)]
pub(crate) struct End {
    /// The exit code; absent after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for End {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl End {
    /// Returns the one document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    /// Returns the document after checking the exit code.
    pub(crate) fn json_with(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self.json()
    }
}

impl Stage {
    /// Returns an empty stage.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Returns a stage with the simulated night in its store.
    pub(crate) fn with_night() -> Self {
        let stage = Self::empty();
        phoenix::demo::lay_down(night(), &stage.store()).expect("the night is laid down");
        stage
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    /// Returns the folder of raw frames.
    pub(crate) fn raw(&self) -> PathBuf {
        self.store().join("raw/MUSE").join(NIGHT)
    }

    /// Returns the raw pixel tables of an observing block in order of time.
    pub(crate) fn tables(&self, obs_id: i64) -> Vec<PathBuf> {
        let block = night().truth.block(obs_id).expect("the block exists");
        block
            .exposures
            .iter()
            .map(|exposure| self.raw().join(&exposure.arcfile))
            .collect()
    }

    /// Prepares the command, with the date pinned.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phoenix"));
        command
            .args(words)
            .current_dir(self.path())
            .env("SOURCE_DATE_EPOCH", "1462190400")
            .env_remove("AWS_ENDPOINT_URL");
        command
    }

    /// Runs the command.
    pub(crate) fn phoenix(&self, words: &[&str]) -> End {
        self.command(words).output().expect("the command runs").into()
    }

    /// Returns the words of a run of the night into `out`.
    pub(crate) fn run_words<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec![
            "run",
            "--instrument",
            "MUSE",
            "--night",
            NIGHT,
            "--archive",
            "store",
            "--review",
            "none",
            "--json",
            "--threads",
            "2",
            "--out",
            out,
        ];
        words.extend(more);
        words
    }

    /// Runs the night into `out`.
    pub(crate) fn run(&self, out: &str, more: &[&str]) -> End {
        self.phoenix(&Self::run_words(out, more))
    }
}

/// Returns every file below a folder by its relative path, with its content.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                found.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

/// Returns the names of every file below a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    files(folder).into_keys().collect()
}

/// Returns the jobs of a run's document by a part of their name.
pub(crate) fn job<'a>(document: &'a Value, part: &str) -> &'a Value {
    let jobs = document["jobs"].as_array().expect("jobs");
    let found = jobs
        .iter()
        .find(|job| job["job"].as_str().is_some_and(|name| name.contains(part)));
    found.unwrap_or_else(|| panic!("no job {part} in {document:#}"))
}

/// Tells whether a file name ends in an extension.
pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}
