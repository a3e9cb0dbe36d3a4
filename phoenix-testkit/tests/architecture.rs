//! The one-way rules between the crates of the workspace, read from `cargo metadata` and from the sources.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test cannot go on without its material"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use phoenix_testkit::peers::workspace_root;

/// Direct, non-dev dependencies of each workspace member by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace_root())
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap_or_default().to_owned();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().cloned().unwrap_or_default();
            let normal = all
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(name)
                .collect();
            (name(package), normal)
        })
        .collect()
}

fn assert_none(crate_name: &str, forbidden: &[&str]) {
    let all = dependencies();
    let of_crate = all
        .get(crate_name)
        .unwrap_or_else(|| panic!("{crate_name} is no member of the workspace"));
    let found: Vec<&&str> = forbidden.iter().filter(|name| of_crate.contains(**name)).collect();
    assert!(found.is_empty(), "{crate_name} depends on {found:?}");
}

const INSTRUMENTS: [&str; 4] = ["phoenix-giraffe", "phoenix-muse", "phoenix-uves", "phoenix-xshooter"];

#[test]
fn core_knows_no_io_no_threads_and_no_tables() {
    assert_none(
        "phoenix-core",
        &[
            "tokio",
            "fitsrs",
            "object_store",
            "polars",
            "rayon",
            "rusqlite",
            "phoenix-io",
            "phoenix-kernels",
            "memmap2",
        ],
    );
}

#[test]
fn kernels_know_no_other_crate_of_the_house() {
    let all = dependencies();
    let house: Vec<&String> = all["phoenix-kernels"]
        .iter()
        .filter(|name| name.starts_with("phoenix"))
        .collect();
    assert!(house.is_empty(), "phoenix-kernels depends on {house:?}");
}

#[test]
fn instruments_see_only_kit_core_and_kernels() {
    let allowed = BTreeSet::from(["phoenix-kit", "phoenix-core", "phoenix-kernels"].map(str::to_owned));
    let all = dependencies();
    for instrument in INSTRUMENTS {
        let house: BTreeSet<String> = all[instrument]
            .iter()
            .filter(|name| name.starts_with("phoenix"))
            .cloned()
            .collect();
        assert!(house.is_subset(&allowed), "{instrument} depends on {house:?}");
    }
}

#[test]
fn state_and_files_stay_in_their_crates() {
    for (name, needs) in dependencies() {
        let holds = |dependency: &str| needs.contains(dependency);
        assert!(!holds("rusqlite") || name == "phoenix-io", "{name} depends on rusqlite");
        assert!(!holds("fitsrs") || name == "phoenix-io", "{name} depends on fitsrs");
        assert!(
            !holds("object_store") || name == "phoenix-archive",
            "{name} depends on object_store"
        );
        let may_table = ["phoenix-qc", "phoenix-archive"].contains(&name.as_str());
        assert!(!holds("polars") || may_table, "{name} depends on polars");
    }
}

/// Every Rust source file of the workspace with its crate's folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder is readable") {
        let path = entry.expect("entry is readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The part of a source file before its unit tests.
fn code_of(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("source is readable");
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// Relative paths of library sources: no tests, benches, examples.
fn library_sources() -> Vec<(String, String)> {
    let root = workspace_root();
    let mut found = Vec::new();
    sources(&root, &mut found);
    found
        .into_iter()
        .filter_map(|path| {
            let relative = path.strip_prefix(&root).ok()?.to_string_lossy().into_owned();
            let is_library =
                relative.contains("/src/") && !relative.ends_with("/tests.rs") && !relative.contains("/tests/");
            is_library.then(|| (relative, code_of(&path)))
        })
        .collect()
}

fn offenders(is_allowed: impl Fn(&str) -> bool, words: &[&str]) -> Vec<String> {
    library_sources()
        .into_iter()
        .filter(|(path, _)| !is_allowed(path))
        .flat_map(|(path, code)| {
            let hits: Vec<String> = code
                .lines()
                .zip(1..)
                .filter(|(line, _)| {
                    !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word))
                })
                .map(|(line, n)| format!("{path}:{n}: {}", line.trim()))
                .collect();
            hits
        })
        .collect()
}

#[test]
fn only_io_archive_and_the_ends_touch_files_and_processes() {
    let allowed = |path: &str| {
        [
            "phoenix-io/",
            "phoenix-archive/",
            "phoenix-cli/",
            "phoenix-testkit/",
            "benches/",
            "phoenix/",
        ]
        .iter()
        .any(|prefix| path.starts_with(prefix))
    };
    let found = offenders(
        allowed,
        &["std::fs", " File::open", "(File::open", "std::process", "std::net"],
    );
    assert!(
        found.is_empty(),
        "files or processes outside phoenix-io and phoenix-archive:\n{}",
        found.join("\n")
    );
}

#[test]
fn only_the_command_prints() {
    let allowed = |path: &str| path.starts_with("phoenix-cli/") || path.starts_with("benches/");
    let found = offenders(allowed, &["println!", "eprintln!", "print!(", "eprint!(", "dbg!("]);
    assert!(found.is_empty(), "printing outside phoenix-cli:\n{}", found.join("\n"));
}

#[test]
fn async_bodies_stay_in_the_archive() {
    let allowed = |path: &str| {
        path.starts_with("phoenix-archive/")
            || path.starts_with("phoenix-testkit/")
            || path.ends_with("traits/ingestor.rs")
            || path.ends_with("/ingest.rs")
            || path.ends_with("kit/src/policy.rs")
    };
    let found = offenders(allowed, &["async fn", "async move", "async {"]);
    assert!(found.is_empty(), "async outside phoenix-archive:\n{}", found.join("\n"));
}

#[test]
fn unsafe_stays_in_its_two_places_and_is_justified() {
    for (path, code) in library_sources() {
        let lines: Vec<&str> = code.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            let is_unsafe = line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl");
            if !is_unsafe || line.trim_start().starts_with("//") {
                continue;
            }
            let is_home = path.starts_with("phoenix-kernels/") || path == "phoenix-io/src/fits/map.rs";
            assert!(is_home, "{path}:{}: unsafe outside kernels and fits/map.rs", n + 1);
            let is_justified = lines[n.saturating_sub(6)..=n]
                .iter()
                .any(|above| above.contains("// SAFETY:"));
            assert!(is_justified, "{path}:{}: unsafe without // SAFETY:", n + 1);
        }
    }
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let root = workspace_root();
    let mut found = Vec::new();
    sources(&root, &mut found);
    let long: Vec<String> = found
        .iter()
        .filter_map(|path| {
            let n = std::fs::read_to_string(path)
                .expect("source is readable")
                .lines()
                .count();
            (n > 600).then(|| format!("{} has {n} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
