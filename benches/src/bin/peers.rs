//! Runs `muse_exp_combine` by PHOENIX and by ESO's pipeline in turn on the same files and prints the ratios.
//!
//! Needs the release build of `phoenix`, `esorex` with the MUSE recipes, and Python with numpy and astropy for the
//! pixel-table script. Options: `--quick` (small case only), `--large` (also N = 16 at 8e7 pixels, once), `--runs N`
//! (default 3).

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use phoenix_benches::process::{Usage, measure, median};
use phoenix_benches::table::{Line, markdown};
use phoenix_testkit::peers;

/// A size of input: exposures and the script's scale.
struct Size {
    name: &'static str,
    n_exposures: usize,
    scale: &'static str,
    /// Whether it is run only when asked for, and once.
    is_large: bool,
}

const SIZES: [Size; 3] = [
    Size {
        name: "N=4, 4e6 pixels",
        n_exposures: 4,
        scale: "0.003",
        is_large: false,
    },
    Size {
        name: "N=4, 2e7 pixels",
        n_exposures: 4,
        scale: "0.0156",
        is_large: false,
    },
    Size {
        name: "N=16, 8e7 pixels",
        n_exposures: 16,
        scale: "0.0156",
        is_large: true,
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = options.iter().any(|option| option == "--quick");
    let n_runs = match options.iter().position(|option| option == "--runs") {
        Some(place) => options.get(place + 1).ok_or("--runs needs a number")?.parse()?,
        None => 3,
    };
    let esorex = peers::esorex("muse_exp_combine").ok_or("esorex with muse_exp_combine is not installed")?;
    let python = peers::python(&["numpy", "astropy"]).ok_or("python with numpy and astropy is not there")?;
    let script = peers::script("muse_pixtable_sim.py").ok_or("the pixel-table script is not there")?;
    let phoenix = release_binary()?;
    let has_large = options.iter().any(|option| option == "--large");
    let sizes = SIZES.iter().filter(|size| has_large || !size.is_large);

    let mut lines = Vec::new();
    for size in sizes.take(if is_quick { 1 } else { SIZES.len() }) {
        let folder = tempfile::tempdir()?;
        make_tables(&python, &script, folder.path(), size)?;
        for numerics in ["eso", "phoenix"] {
            let mut theirs = Vec::new();
            let mut ours = Vec::new();
            let n_runs = if size.is_large { 1 } else { n_runs };
            for run in 0..=n_runs {
                let (their_run, our_run) = pair(&esorex, &phoenix, folder.path(), numerics)?;
                // The first pair warms the page cache.
                if run > 0 {
                    theirs.push(their_run);
                    ours.push(our_run);
                }
            }
            lines.push(Line {
                case: format!("{}, drizzle, numerics={numerics}", size.name),
                peer: median(&theirs)?,
                ours: median(&ours)?,
            });
        }
    }
    println!("`muse_exp_combine`, defaults, 2 threads, files in the page cache, median of {n_runs} pairs:\n");
    println!("{}", markdown(&lines));
    Ok(())
}

fn release_binary() -> Result<PathBuf, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("phoenix");
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is not built", path.display()).into())
    }
}

fn make_tables(python: &Path, script: &Path, folder: &Path, size: &Size) -> Result<(), Box<dyn Error>> {
    let status = Command::new(python)
        .arg(script)
        .args([
            "--scale",
            size.scale,
            "--pointing-error",
            "0.1",
            "--seed",
            "11",
            "--n-exp",
        ])
        .arg(size.n_exposures.to_string())
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

/// Runs the peer, then PHOENIX, each into its own empty folder.
fn pair(esorex: &Path, phoenix: &Path, folder: &Path, numerics: &str) -> Result<(Usage, Usage), Box<dyn Error>> {
    let theirs = folder.join("theirs");
    let ours = folder.join("ours");
    for out in [&theirs, &ours] {
        if out.exists() {
            std::fs::remove_dir_all(out)?;
        }
        std::fs::create_dir(out)?;
    }
    let mut peer = Command::new(esorex);
    peer.env("OMP_NUM_THREADS", "2")
        .arg(format!("--output-dir={}", theirs.display()))
        .arg(format!("--log-dir={}", theirs.display()))
        .args(["--suppress-prefix=TRUE", "muse_exp_combine", "combine.sof"]);
    let peer_usage = measure(&mut peer, folder)?;
    let mut own = Command::new(phoenix);
    own.args(["recipe", "muse_exp_combine", "combine.sof", "--threads", "2", "--quiet"])
        .arg(format!("--numerics={numerics}"))
        .arg("--out")
        .arg(&ours);
    Ok((peer_usage, measure(&mut own, folder)?))
}
