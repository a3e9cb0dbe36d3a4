//! Stacks more and more exposures by `muse_exp_combine` in bounded memory: peak, time against pixels and voxels, equal
//! files for every budget and number of threads; with `--full`, one stack beside `dd` on the same files.
//!
//! Needs the release build of `phoenix`, and Python with numpy and astropy for the pixel-table script. Options:
//! `--scale S` (default 0.0156: 5e6 pixels per exposure), `--most N` (default 32: 4.6 GB of tables), `--full S` (four exposures of that scale
//! under 4 GiB; 1 is the whole field, 36 GB), `--tables FOLDER` (tables that are there already).

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use phoenix_benches::process::{Usage, measure};
use phoenix_io::digest::content_of_file;
use phoenix_testkit::peers;

/// One stack.
struct Run {
    n: usize,
    numerics: &'static str,
    pixels: f64,
    voxels: f64,
    used: Usage,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let place = options.iter().position(|option| option == name)?;
        options.get(place + 1).cloned()
    };
    let phoenix = release_binary()?;
    if let Some(scale) = option("--full") {
        return full(&phoenix, &scale, option("--tables").map(PathBuf::from));
    }
    let scale = option("--scale").unwrap_or_else(|| "0.0156".into());
    let most: usize = option("--most").map_or(Ok(32), |most| most.parse())?;
    let folder = tempfile::tempdir()?;
    let tables = if let Some(made) = option("--tables") {
        tables(Path::new(&made))?
    } else {
        make_tables(folder.path(), &scale, most)?;
        tables(folder.path())?
    };
    let mut runs = Vec::new();
    for numerics in ["eso", "phoenix"] {
        for n in (2..).map(|power| 1 << power).take_while(|n| *n <= most) {
            // The first run warms the page cache.
            stack(&phoenix, folder.path(), &tables[..n], numerics, &[])?;
            runs.push(stack(&phoenix, folder.path(), &tables[..n], numerics, &[])?);
        }
    }
    println!(
        "`muse_exp_combine`, defaults, 2 threads, scale {scale}, files in the page cache; peak allowed: 1.05 times that of"
    );
    println!("N=4 and 1 MiB for each exposure more; residual of CPU = a pixels + b voxels + c:\n");
    println!("{}", table(&runs));
    same_bytes(&phoenix, folder.path(), &tables[..4])
}

fn release_binary() -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name("phoenix");
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is not built", path.display()).into())
    }
}

fn make_tables(folder: &Path, scale: &str, n: usize) -> Result<(), Box<dyn Error>> {
    let python = peers::python(&["numpy", "astropy"]).ok_or("python with numpy and astropy is not there")?;
    let script = peers::script("muse_pixtable_sim.py").ok_or("the pixel-table script is not there")?;
    let status = Command::new(python)
        .arg(script)
        .args(["--scale", scale, "--seed", "11", "--n-exp"])
        .arg(n.to_string())
        .arg("--out")
        .arg(folder)
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the pixel-table script ended with {status}").into())
    }
}

fn tables(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| name.starts_with("PIXTABLE_REDUCED")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Stacks tables into the folder `out`, which is emptied before.
fn stack(
    phoenix: &Path,
    folder: &Path,
    tables: &[PathBuf],
    numerics: &'static str,
    more: &[&str],
) -> Result<Run, Box<dyn Error>> {
    let out = folder.join("out");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir(&out)?;
    let mut list = String::new();
    for path in tables {
        writeln!(list, "{} PIXTABLE_REDUCED", path.display())?;
    }
    fs::write(folder.join("limits.sof"), list)?;
    let mut command = Command::new(phoenix);
    command
        .args(["recipe", "muse_exp_combine", "limits.sof", "--quiet"])
        .arg(format!("--numerics={numerics}"))
        .arg("--out")
        .arg(&out)
        .args(more);
    if !more.contains(&"--threads") {
        command.args(["--threads", "2"]);
    }
    let used = measure(&mut command, folder)?;
    let mut bytes = 0;
    for path in tables {
        bytes += fs::metadata(path)?.len();
    }
    let cube = fs::metadata(out.join("DATACUBE_FINAL.fits"))?.len();
    Ok(Run {
        n: tables.len(),
        numerics,
        pixels: bytes as f64 / 28.0,
        voxels: cube as f64 / 8.0,
        used,
    })
}

/// The runs of each numerics with their limits.
fn table(runs: &[Run]) -> String {
    let mut text = String::from(
        "| N | numerics | pixels | voxels | CPU s | wall s | peak MiB | allowed | residual |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for numerics in ["eso", "phoenix"] {
        let own: Vec<&Run> = runs.iter().filter(|run| run.numerics == numerics).collect();
        let Some(first) = own.first() else { continue };
        let model = fit(&own);
        for run in &own {
            let allowed = 1.05 * first.used.peak_mib + (run.n - first.n) as f64;
            let expected = model[0] * run.pixels + model[1] * run.voxels + model[2];
            // Three numbers are fitted: fewer runs say nothing.
            let residual = if own.len() > 3 {
                format!("{:+.1} %", 100.0 * (run.used.cpu_s / expected - 1.0))
            } else {
                "-".into()
            };
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {numerics} | {:.2e} | {:.2e} | {:.2} | {:.2} | {:.0} | {allowed:.0} | {} |",
                run.n, run.pixels, run.voxels, run.used.cpu_s, run.used.wall_s, run.used.peak_mib, residual,
            );
        }
    }
    text
}

/// Fits CPU = a pixels + b voxels + c with equal relative weights; a and b in seconds per element.
fn fit(runs: &[&Run]) -> [f64; 3] {
    let mut normal = [[0.0; 4]; 3];
    for run in runs {
        let row = [run.pixels, run.voxels, 1.0, run.used.cpu_s].map(|value| value / run.used.cpu_s);
        for i in 0..3 {
            for j in 0..4 {
                normal[i][j] += row[i] * row[j];
            }
        }
    }
    for i in 0..3 {
        // Hardly varying voxels and the constant are told apart only as far as they can be.
        normal[i][i] *= 1.0 + 1e-9;
        let pivot = normal[i];
        for (k, row) in normal.iter_mut().enumerate() {
            if k != i {
                let factor = row[i] / pivot[i];
                for (value, pivot) in row.iter_mut().zip(pivot) {
                    *value -= factor * pivot;
                }
            }
        }
    }
    [0, 1, 2].map(|i| normal[i][3] / normal[i][i])
}

/// Compares the cubes of all budgets and numbers of threads.
fn same_bytes(phoenix: &Path, folder: &Path, tables: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    for numerics in ["eso", "phoenix"] {
        let mut found = Vec::new();
        for memory in ["12MiB", "24MiB", "256MiB", "1GiB", "8GiB"] {
            for threads in ["1", "2", "5"] {
                stack(
                    phoenix,
                    folder,
                    tables,
                    numerics,
                    &["--memory", memory, "--threads", threads],
                )?;
                found.push(content_of_file(folder.join("out/DATACUBE_FINAL.fits"))?);
            }
        }
        let is_same = found.windows(2).all(|pair| pair[0] == pair[1]);
        println!(
            "{numerics}: cubes of budgets 12 MiB (in strips), 24 MiB, 256 MiB, 1 GiB, 8 GiB and 1, 2, 5 threads are {}",
            if is_same { "equal in every byte" } else { "DIFFERENT" }
        );
    }
    Ok(())
}

/// Stacks four exposures under 4 GiB from disk, and reads the same files by `dd` before and after.
fn full(phoenix: &Path, scale: &str, made: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let folder = if let Some(folder) = made {
        folder
    } else {
        make_tables(own.path(), scale, 4)?;
        own.path().to_path_buf()
    };
    let tables = tables(&folder)?;
    let before = read_all(&tables)?;
    forget(&tables)?;
    let run = stack(phoenix, &folder, &tables, "phoenix", &["--memory", "4GiB"])?;
    let cube = folder.join("out/DATACUBE_FINAL.fits");
    let after = read_all(&tables)?;
    let copy = own.path().join("copy");
    let start = Instant::now();
    dd(&[
        format!("if={}", cube.display()),
        format!("of={}", copy.display()),
        "conv=fsync".into(),
    ])?;
    let write = start.elapsed().as_secs_f64();
    let floor = before.max(after) + write;
    println!(
        "N={}, scale {scale}, {:.2e} pixels, {:.2e} voxels, 4 GiB: {:.1} s wall, {:.1} s CPU, peak {:.0} MiB; dd reads the tables in \
         {before:.1} s before and {after:.1} s after and writes the cube in {write:.1} s: {:.2} times that",
        run.n,
        run.pixels,
        run.voxels,
        run.used.wall_s,
        run.used.cpu_s,
        run.used.peak_mib,
        run.used.wall_s / floor,
    );
    Ok(())
}

/// Seconds in which `dd` reads files past the page cache.
fn read_all(tables: &[PathBuf]) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for path in tables {
        dd(&[
            format!("if={}", path.display()),
            "of=/dev/null".into(),
            "iflag=direct".into(),
            "bs=4M".into(),
        ])?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Takes files out of the page cache.
fn forget(tables: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    for path in tables {
        dd(&[
            format!("of={}", path.display()),
            "oflag=nocache".into(),
            "conv=notrunc,fdatasync".into(),
            "count=0".into(),
        ])?;
    }
    Ok(())
}

fn dd(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let status = Command::new("dd").args(arguments).stderr(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("dd {} ended with {status}", arguments.join(" ")).into())
    }
}
