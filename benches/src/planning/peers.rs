//! The peers: Snakemake's dry run of the same jobs, astropy's reading of the same headers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use phoenix_core::rule_instrument::{Draft, DraftFill};
use phoenix_testkit::peers::python;

use super::Fault;
use super::headers::Read;
use crate::process::{Usage, measure};

/// A workflow whose jobs and edges stand in a file of JSON.
const SNAKEFILE: &str = r#"import json

NEEDS = json.load(open("needs.json"))

rule all:
    input: [f"out/{n}" for n in range(len(NEEDS))]

rule job:
    input: lambda wildcards: [f"out/{n}" for n in NEEDS[int(wildcards.n)]]
    output: "out/{n}"
    shell: "touch {output}"
"#;

/// Reads headers as astropy's users do and prints seconds and the sum of `MJD-OBS`.
const ASTROPY: &str = r#"
import sys, time
from astropy.io import fits
paths = open(sys.argv[1]).read().splitlines()
for path in paths[:20]:
    fits.getheader(path)
start = time.perf_counter()
total = 0.0
for path in paths:
    header = fits.getheader(path)
    header.get("HIERARCH ESO DPR CATG")
    total += header["MJD-OBS"]
print(time.perf_counter() - start, repr(total))
"#;

/// Returns Snakemake: `PHOENIX_SNAKEMAKE`, else `snakemake` of the search path; `None` if neither runs.
pub fn snakemake() -> Option<(PathBuf, String)> {
    let program = std::env::var_os("PHOENIX_SNAKEMAKE").map_or_else(|| PathBuf::from("snakemake"), PathBuf::from);
    let output = Command::new(&program).arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some((program, version))
}

/// Returns what each of the first jobs of some drafts needs of the others, by their numbers.
///
/// # Contract
/// * No circle: MUSE's rule book alone lets `muse_scipost` take the offsets that `muse_exp_align` will make of its own
///   images, which its instrument crate forbids; of such edges those to later jobs are left out.
///
/// # Errors
/// If there are fewer jobs.
pub fn needs_of(drafts: &[(&str, Draft)], n_jobs: usize) -> Result<Vec<Vec<usize>>, Fault> {
    let mut needs: Vec<Vec<usize>> = Vec::new();
    for (_, draft) in drafts {
        let base = needs.len();
        let n_taken = draft.len().min(n_jobs - base);
        for work in 0..n_taken {
            let makers = draft.needs(work).iter().copied();
            let pending = draft.slots(work).into_iter().filter_map(|(_, fill)| match fill {
                DraftFill::Pending(producer) => Some(producer),
                _ => None,
            });
            let makers = makers.chain(pending).map(|maker| maker as usize);
            let mut edges: Vec<usize> = makers
                .filter(|maker| *maker < n_taken)
                .map(|maker| base + maker)
                .collect();
            edges.sort_unstable();
            edges.dedup();
            needs.push(edges);
        }
    }
    if needs.len() == n_jobs {
        let is_free = free_of_circles(&needs);
        for (job, makers) in needs.iter_mut().enumerate() {
            makers
                .retain(|maker| is_free.get(job) == Some(&true) || is_free.get(*maker) == Some(&true) || *maker < job);
        }
        Ok(needs)
    } else {
        Err(format!("the drafts have {} jobs, not {n_jobs}", needs.len()).into())
    }
}

/// Tells which jobs wait for no circle of jobs.
fn free_of_circles(needs: &[Vec<usize>]) -> Vec<bool> {
    let mut waits: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut takers: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (job, makers) in needs.iter().enumerate() {
        for maker in makers {
            if let Some(takers) = takers.get_mut(*maker) {
                takers.push(job);
            }
        }
    }
    let mut free = vec![false; needs.len()];
    let mut ready: Vec<usize> = (0..needs.len()).filter(|job| waits.get(*job) == Some(&0)).collect();
    while let Some(job) = ready.pop() {
        if let Some(place) = free.get_mut(job) {
            *place = true;
        }
        for taker in takers.get(job).into_iter().flatten() {
            if let Some(wait) = waits.get_mut(*taker) {
                *wait -= 1;
                if *wait == 0 {
                    ready.push(*taker);
                }
            }
        }
    }
    free
}

/// Measures Snakemake's dry run of jobs with what each needs of the others, and one job above all.
///
/// # Errors
/// If the run fails, with the end of what it says.
pub fn dry_run(snakemake: &Path, needs: &[Vec<usize>]) -> Result<Usage, Fault> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("Snakefile"), SNAKEFILE)?;
    std::fs::write(folder.path().join("needs.json"), serde_json::to_vec(needs)?)?;
    let arguments = ["--dry-run", "--quiet", "all", "--cores", "2"];
    measure(Command::new(snakemake).args(arguments), folder.path()).map_err(|error| {
        let said = Command::new(snakemake)
            .args(arguments)
            .current_dir(folder.path())
            .output();
        let said = said
            .map(|said| String::from_utf8_lossy(&said.stderr).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = said
            .lines()
            .rev()
            .take(5)
            .map(|line| line.get(..300).unwrap_or(line))
            .collect();
        format!("{error}: {}", lines.join(" | ")).into()
    })
}

/// Measures astropy on some files; `None` if there is no Python with it.
///
/// # Errors
/// If the run fails.
pub fn astropy(paths: &[PathBuf]) -> Result<Option<Read>, Fault> {
    let Some(python) = python(&["astropy"]) else {
        return Ok(None);
    };
    let mut list = tempfile::NamedTempFile::new()?;
    for path in paths {
        writeln!(list, "{}", path.display())?;
    }
    let output = Command::new(python).args(["-c", ASTROPY]).arg(list.path()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(wall_s), Some(sum_mjd)) => Ok(Some(Read {
            n_files: paths.len(),
            wall_s: wall_s?,
            sum_mjd: sum_mjd?,
        })),
        _ => Err(format!("astropy failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
