//! Combines the same cubes by `muse_cube_combine` and by mpdaf's `CubeList` in turn and prints the ratios.
//!
//! Each is a process of its own that reads the files, combines, and writes the result; the time in which Python imports
//! mpdaf is taken off. Needs Python with mpdaf. Options: `--quick` (small case only), `--cubes N` (one case), `--runs N`
//! (default 3).

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use phoenix_benches::process::{Usage, measure, median};
use phoenix_benches::table::{Line, markdown};
use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::id::TaskId;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{InputSet, Instrument, RunContext, SinkFactory};
use phoenix_io::fits::{ElementType, FitsWriter, ImageSpec, WriteOptions};
use phoenix_io::{FitsReader, FlatSinks};
use phoenix_muse::cubes::CUBE_COMBINE;
use phoenix_testkit::peers;
use serde_json::json;

/// Shape of each cube (wave, y, x): 4 Mvoxel, as in docs of mpdaf's speed.
const SHAPE: [usize; 3] = [400, 100, 100];
/// What Python does: nothing but importing if no file is named.
const SCRIPT: &str = "
import sys
from mpdaf.obj import CubeList
method, out, *files = sys.argv[1:]
if files:
    cubes = CubeList(files)
    if method == 'median':
        cube, expmap, _ = cubes.median()
    else:
        cube, expmap, _ = cubes.combine(nclip=float(method), mad=out.endswith('mad'))
    cube.write(out + '/cube.fits')
    expmap.write(out + '/expmap.fits')
";

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    if let [first, threads, method, out, files @ ..] = &options[..]
        && first == "--ours"
    {
        return combine(threads.parse()?, method, Path::new(out), files);
    }
    let number = |name: &str| -> Done<Option<usize>> {
        let Some(place) = options.iter().position(|option| option == name) else {
            return Ok(None);
        };
        let text = options.get(place + 1).ok_or_else(|| format!("{name} needs a number"))?;
        Ok(Some(text.parse()?))
    };
    let n_runs = number("--runs")?.unwrap_or(3);
    let sizes = match number("--cubes")? {
        Some(n_cubes) => vec![n_cubes],
        None if options.iter().any(|option| option == "--quick") => vec![10],
        None => vec![3, 10, 40, 100],
    };
    let python = peers::python(&["numpy", "mpdaf"]).ok_or("python with mpdaf is not there")?;
    let mut lines = Vec::new();
    for n_cubes in sizes {
        let folder = tempfile::tempdir()?;
        let files = make_cubes(folder.path(), n_cubes)?;
        for (method, out) in [("5", "sigma"), ("3", "sigma"), ("3", "mad"), ("median", "sigma")] {
            let (mut theirs, mut ours) = (Vec::new(), Vec::new());
            for run in 0..=n_runs {
                let (their_run, our_run) = pair(&python, folder.path(), method, out, &files)?;
                // The first pair warms the page cache.
                if run > 0 {
                    theirs.push(their_run);
                    ours.push(our_run);
                }
            }
            lines.push(Line {
                case: format!("{n_cubes} cubes, {method} {out}"),
                peer: median(&theirs)?,
                ours: median(&ours)?,
            });
        }
    }
    let n_voxels = SHAPE.iter().product::<usize>() as f64 / 1e6;
    println!(
        "{n_voxels} Mvoxel each, data and variance, 2 threads, files in the page cache, median of {n_runs} pairs:\n"
    );
    println!("{}", markdown(&lines));
    Ok(())
}

/// Runs mpdaf, then PHOENIX, each into an empty folder.
fn pair(python: &Path, folder: &Path, method: &str, out: &str, files: &[PathBuf]) -> Done<(Usage, Usage)> {
    let out = folder.join(out);
    let empty = || -> Done<()> {
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        Ok(std::fs::create_dir(&out)?)
    };
    let script = |files: &[PathBuf]| -> Done<Usage> {
        empty()?;
        let mut command = Command::new(python);
        command
            .env("OMP_NUM_THREADS", "2")
            .args(["-c", SCRIPT, method])
            .arg(&out)
            .args(files);
        Ok(measure(&mut command, folder)?)
    };
    let import = script(&[])?;
    let mut theirs = script(files)?;
    theirs.cpu_s -= import.cpu_s;
    theirs.wall_s -= import.wall_s;
    empty()?;
    let mut own = Command::new(std::env::current_exe()?);
    own.args(["--ours", "2", method]).arg(&out).args(files);
    Ok((theirs, measure(&mut own, folder)?))
}

/// Writes cubes of noise with one value in a thousand far off.
fn make_cubes(folder: &Path, n_cubes: usize) -> Done<Vec<PathBuf>> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut files = Vec::new();
    for n in 0..n_cubes {
        let path = folder.join(format!("cube_{n:03}.fits"));
        let mut file = FitsWriter::create(&path, &WriteOptions::default())?;
        file.append_image(ImageSpec::header_only(Header::new()))?;
        let n_voxels = SHAPE.iter().product();
        let mut noise = || -> f32 {
            let sum: f32 = (0..4).map(|_| uniform()).sum();
            if uniform() < 1e-3 {
                1e3
            } else {
                10.0 + 2.0 * (sum - 2.0)
            }
        };
        let data: Vec<f32> = (0..n_voxels).map(|_| noise()).collect();
        for (name, numbers) in [("DATA", data), ("STAT", vec![1.3; n_voxels])] {
            let hdu = file.append_image(ImageSpec::new(ElementType::F32, &SHAPE, grid()).name(name))?;
            file.write_planes(hdu, 0, &numbers)?;
        }
        file.finish()?;
        files.push(path);
    }
    Ok(files)
}

fn grid() -> Header {
    let mut header = Header::new();
    let texts = [
        ("CTYPE1", "RA---TAN"),
        ("CTYPE2", "DEC--TAN"),
        ("CUNIT1", "deg"),
        ("CUNIT2", "deg"),
    ];
    for (key, text) in texts.into_iter().chain([("CTYPE3", "AWAV"), ("CUNIT3", "Angstrom")]) {
        header.set(key, text, "");
    }
    let numbers = [
        ("CRPIX1", 50.0),
        ("CRPIX2", 50.0),
        ("CRPIX3", 1.0),
        ("CRVAL1", 150.1),
        ("CRVAL2", -27.5),
    ];
    let steps = [
        ("CRVAL3", 4750.0),
        ("CD1_1", -5.5e-5),
        ("CD2_2", 5.5e-5),
        ("CD3_3", 1.25),
    ];
    for (key, number) in numbers.into_iter().chain(steps) {
        header.set(key, number, "");
    }
    header
}

/// Runs the recipe on files, products and provenance into `out`.
fn combine(threads: usize, method: &str, out: &Path, files: &[String]) -> Done<()> {
    let muse = phoenix_muse::instrument()?;
    let recipe = muse
        .recipe(&TaskId::from(CUBE_COMBINE))
        .ok_or("the recipe is not there")?;
    let mut params = recipe.default_params_dyn();
    if method == "median" {
        params["method"] = json!("median");
    } else {
        params["nclip"] = json!(method);
        params["mad"] = json!(out.ends_with("mad"));
    }
    let frame = |path: &String| FrameRef {
        id: path.as_str().into(),
        tag: "DATACUBE_FINAL".into(),
        location: path.clone(),
        size_bytes: None,
        digest: None,
    };
    let frames: Vec<FrameRef> = files.iter().map(frame).collect();
    let record = Record {
        job: "bench".into(),
        recipe: CUBE_COMBINE.into(),
        pipeline: "phoenix/bench".into(),
        raw: frames.clone(),
        calib: Vec::new(),
        params: params.clone(),
        rules: None,
        overlays: Vec::new(),
        caveats: Vec::new(),
    };
    let ctx = RunContext::new(&record.job, &record).with_budget(threads, 1 << 30);
    let mut sink = FlatSinks::new(out).open(&record.job)?;
    recipe.execute_dyn(
        &InputSet::new(&frames),
        &params,
        &FitsReader::new(),
        sink.as_product_sink(),
        &ctx,
    )?;
    sink.commit(&record)?;
    Ok(())
}
