//! Peers and reference data that may be absent, with one rule for their absence.
//!
//! A test begins with `let Some(x) = peers::esorex("muse_exp_combine") else { return };`. Without the peer it ends at
//! once and its name is appended to `target/skipped.txt`; with `PHOENIX_REQUIRE_PEERS=1` (or `PHOENIX_REQUIRE_DATA=1`
//! for reference data) it fails instead.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the root of the workspace that the running test belongs to.
pub fn workspace_root() -> PathBuf {
    let mut folder = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    while !folder.join("Cargo.lock").exists() {
        if !folder.pop() {
            return PathBuf::from(".");
        }
    }
    folder
}

/// Tells whether an environment switch is on.
fn is_required(switch: &str) -> bool {
    std::env::var(switch).is_ok_and(|value| value == "1")
}

/// Notes a skipped test, or fails it if the switch asks for that.
fn absent<T>(what: &str, switch: &str) -> Option<T> {
    assert!(
        !is_required(switch),
        "{what} is not there and {switch}=1 forbids to go on without it"
    );
    let thread = std::thread::current();
    let line = format!("{}: skipped, {what} is not there\n", thread.name().unwrap_or("test"));
    let folder = workspace_root().join("target");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join("skipped.txt"))
        })
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if written.is_err() {
        // The note is a courtesy; the test's own output still says nothing ran.
        return None;
    }
    None
}

/// Finds an executable on `PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    });
    found.or_else(|| absent(&format!("program {name}"), "PHOENIX_REQUIRE_PEERS"))
}

/// Finds `esorex` with a recipe installed.
pub fn esorex(recipe: &str) -> Option<PathBuf> {
    let esorex = program("esorex")?;
    let known = Command::new(&esorex)
        .args(["--man-page", recipe])
        .current_dir(std::env::temp_dir())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if known {
        Some(esorex)
    } else {
        absent(&format!("recipe {recipe} of esorex"), "PHOENIX_REQUIRE_PEERS")
    }
}

/// Finds a Python interpreter (`PHOENIX_PYTHON`, else `python3`) that can import the modules.
pub fn python(modules: &[&str]) -> Option<PathBuf> {
    let python = std::env::var_os("PHOENIX_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let imports = format!("import {}", modules.join(", "));
    let works = Command::new(&python)
        .args(["-c", &imports])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if works {
        Some(python)
    } else {
        absent(&format!("python with {}", modules.join(", ")), "PHOENIX_REQUIRE_PEERS")
    }
}

/// Finds a file or folder of the reference data (`PHOENIX_TEST_DATA`, else `../shared/data` beside the workspace).
pub fn data(relative: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("PHOENIX_TEST_DATA").map_or_else(|| workspace_root().join("../shared/data"), PathBuf::from);
    existing(&root, relative, "PHOENIX_REQUIRE_DATA")
}

/// Finds a peer script (`PHOENIX_PEER_SCRIPTS`, else `../shared/peer` beside the workspace).
pub fn script(relative: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("PHOENIX_PEER_SCRIPTS").map_or_else(|| workspace_root().join("../shared/peer"), PathBuf::from);
    existing(&root, relative, "PHOENIX_REQUIRE_PEERS")
}

fn existing(root: &Path, relative: &str, switch: &str) -> Option<PathBuf> {
    let path = root.join(relative);
    if path.exists() {
        Some(path)
    } else {
        absent(&format!("{relative} below {}", root.display()), switch)
    }
}

/// Runs `fitsverify` on files and returns its complaints; an empty list means 0 warnings and 0 errors.
///
/// `None` if the program is absent and may be.
///
/// # Panics
/// If `fitsverify` cannot be started.
#[expect(clippy::expect_used, reason = "a test cannot go on without its checker")]
pub fn fitsverify(files: &[&Path]) -> Option<Vec<String>> {
    let checker = program("fitsverify")?;
    let mut complaints = Vec::new();
    for file in files {
        let output = Command::new(&checker).arg(file).output().expect("fitsverify starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let is_clean = text.contains("found 0 warning(s) and 0 error(s)");
        if !is_clean {
            complaints.push(format!("{}:\n{text}", file.display()));
        }
    }
    Some(complaints)
}
