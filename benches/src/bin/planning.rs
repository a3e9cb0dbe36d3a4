//! Plans sixteen years of four instruments from catalogues on disk, cold and after changes, reads headers, and runs
//! Snakemake's dry run and astropy's header reading beside them.
//!
//! Options: `--nights N` (default 5840), `--files N` (default 20000), `--jobs N` for Snakemake (default 40000),
//! `--no-peers`. Snakemake is `PHOENIX_SNAKEMAKE` or `snakemake` of the search path, Python is `PHOENIX_PYTHON` or
//! `python3`. A peer that is not there is printed as absent.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;
use std::process::Command;

use phoenix_benches::planning::{self, Fault, INSTRUMENTS, catalogues, changes, headers, peers};
use phoenix_benches::process::{Usage, measure, median};
use serde_json::{Value, json};

/// Nights that give about 40,000 and 200,000 jobs.
const PARTS: [usize; 2] = [330, 1530];

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [step, rest @ ..] = words.as_slice()
        && !step.starts_with("--")
    {
        return child(step, rest);
    }
    let number = |name: &str, default: usize| -> Result<usize, Fault> {
        match words.iter().position(|word| word == name) {
            Some(place) => Ok(words.get(place + 1).ok_or("a number is missing")?.parse()?),
            None => Ok(default),
        }
    };
    let n_nights = number("--nights", 5840)?;
    let with_peers = !words.iter().any(|word| word == "--no-peers");
    let snakemake = peers::snakemake().filter(|_| with_peers);
    let n_jobs = number("--jobs", 40_000)?;

    println!("| cold plan from the catalogues | nights | headers | catalogues MB | jobs | wall s | CPU s | peak MiB |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let folder = tempfile::tempdir()?;
    for n in PARTS.into_iter().filter(|n| *n < n_nights).chain([n_nights]) {
        let part = folder.path().join(n.to_string());
        std::fs::create_dir(&part)?;
        run("make", &part, &[&n.to_string()])?;
        plan_line(&part, n)?;
    }
    println!();
    change_lines(&folder.path().join(n_nights.to_string()))?;
    header_lines(folder.path(), number("--files", 20_000)?, with_peers)?;
    match snakemake {
        Some((program, version)) => {
            let part = folder.path().join(PARTS[0].min(n_nights).to_string());
            let needs = peers::needs_of(&planning::cold_plans(&part)?, n_jobs)?;
            let n_edges: usize = needs.iter().map(Vec::len).sum();
            let used = peers::dry_run(&program, &needs)?;
            println!(
                "Snakemake {version}, dry run of {} of these jobs with {n_edges} edges among them: {:.1} s wall, {:.1} s CPU, {:.0} MiB.",
                n_jobs + 1,
                used.wall_s,
                used.cpu_s,
                used.peak_mib
            );
        }
        None => println!("Snakemake: absent."),
    }
    Ok(())
}

/// Does one step in a process of its own; its result stands in `result.json`.
fn child(step: &str, rest: &[String]) -> Result<(), Fault> {
    let folder = Path::new(rest.first().ok_or("a folder is missing")?);
    let result: Value = match step {
        "make" => {
            let n_nights = rest.get(1).ok_or("the nights are missing")?.parse()?;
            json!({ "n_frames": catalogues::make(folder, n_nights)? })
        }
        "plan" => {
            let drafts = planning::cold_plans(folder)?;
            let n_jobs: usize = drafts.iter().map(|(_, draft)| draft.len()).sum();
            let n_frames: usize = drafts.iter().map(|(_, draft)| draft.frames_of().len()).sum();
            // What a process owns at its end need not be given back piece by piece.
            std::mem::forget(drafts);
            json!({ "n_jobs": n_jobs, "n_frames": n_frames })
        }
        "change" => json!(changes::measure(
            folder,
            rest.get(1).ok_or("the instrument is missing")?
        )?),
        "needs" => {
            let n_jobs = rest.get(1).ok_or("the number of jobs is missing")?.parse()?;
            json!(peers::needs_of(&planning::cold_plans(folder)?, n_jobs)?)
        }
        _ => return Err(format!("{step} is no step").into()),
    };
    std::fs::write(folder.join("result.json"), result.to_string())?;
    Ok(())
}

/// Runs a step and returns what it took and what it says.
fn run(step: &str, folder: &Path, rest: &[&str]) -> Result<(Usage, Value), Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(step).arg(folder).args(rest);
    // The rules are found from the folder that the bench was started in.
    let used = measure(&mut command, &std::env::current_dir()?)?;
    Ok((
        used,
        serde_json::from_slice(&std::fs::read(folder.join("result.json"))?)?,
    ))
}

fn plan_line(folder: &Path, n_nights: usize) -> Result<(), Fault> {
    let mut runs = Vec::new();
    let mut said = Value::Null;
    for _ in 0..3 {
        let (used, result) = run("plan", folder, &[])?;
        runs.push(used);
        said = result;
    }
    let used = median(&runs)?;
    let mut bytes = 0;
    for name in INSTRUMENTS {
        bytes += std::fs::metadata(planning::catalogue_path(folder, name))?.len();
    }
    println!(
        "| four instruments, 2 threads | {n_nights} | {} | {:.1} | {} | {:.2} | {:.2} | {:.0} |",
        said["n_frames"],
        bytes as f64 / 1e6,
        said["n_jobs"],
        used.wall_s,
        used.cpu_s,
        used.peak_mib
    );
    Ok(())
}

fn change_lines(folder: &Path) -> Result<(), Fault> {
    println!("| plan after one change | instrument | wall s | CPU s | slots looked at | of |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for name in INSTRUMENTS {
        let (_, figures) = run("change", folder, &[name])?;
        for figure in figures.as_array().into_iter().flatten() {
            println!(
                "| {} | {name} | {:.2} | {:.2} | {} | {} |",
                figure["what"].as_str().unwrap_or_default(),
                figure["wall_s"].as_f64().unwrap_or(f64::NAN),
                figure["cpu_s"].as_f64().unwrap_or(f64::NAN),
                figure["n_chosen"],
                figure["n_slots"]
            );
        }
    }
    println!();
    Ok(())
}

fn header_lines(folder: &Path, n_files: usize, with_peers: bool) -> Result<(), Fault> {
    let folder = folder.join("headers");
    std::fs::create_dir(&folder)?;
    let paths = headers::make(&folder, n_files)?;
    headers::read(&paths)?;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(headers::read(&paths)?);
    }
    runs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    let ours = runs.get(runs.len() / 2).ok_or("no run was measured")?;
    println!(
        "Headers of 400 cards, files in the page cache, 2 threads: {:.0} files/s ({n_files} files).",
        ours.rate()
    );
    let part = paths.get(..n_files.min(500)).unwrap_or_default();
    match with_peers.then(|| peers::astropy(part)).transpose()?.flatten() {
        Some(theirs) => {
            let same = headers::read(part)?;
            let is_same = (same.sum_mjd - theirs.sum_mjd).abs() < 1e-6;
            println!(
                "astropy.io.fits.getheader on {} of them: {:.0} files/s, the same MJD-OBS: {is_same}.",
                theirs.n_files,
                theirs.rate()
            );
        }
        None => println!("astropy: absent."),
    }
    Ok(())
}
