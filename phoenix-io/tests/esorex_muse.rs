//! MUSE's whole chain through `esorex`, from simulated raw frames of three IFUs to the combined cube, in one plan.
//!
//! It takes half an hour and 5 GB of memory, so it runs only where `PHOENIX_MUSE_CHAIN` is set: to `1`, or to a folder
//! with `raw/` and `static/` made before. `PHOENIX_MUSE_IFUS` names other IFUs than `1 2 3`: the first must be among
//! them, or the twilight recipe finds no pixels, and there must be three neighbours, or the field is too narrow for the
//! profile of the standard star (both measured with the MUSE pipeline 2.8.7).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod chain_support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chain_support::{Chain, Row, add, frame, made, plan};
use phoenix_core::engine::{Basis, Budget, Engine, MemoryCosts, MemoryJobs, RunIo, RunReport};
use phoenix_core::id::JobId;
use phoenix_core::plan::{InputSource, Plan, PlannedJob};
use phoenix_io::fits::FitsFile;
use phoenix_io::{DirSinks, EsorexSettings, FitsReader, Installation, ThreadExecutor};
use phoenix_testkit::peers;

const RECIPES: [Row; 10] = [
    ("muse_bias", "BIAS", "MASTER_BIAS", 1),
    ("muse_flat", "FLAT MASTER_BIAS", "MASTER_FLAT TRACE_TABLE", 1),
    (
        "muse_wavecal",
        "ARC MASTER_BIAS MASTER_FLAT TRACE_TABLE LINE_CATALOG",
        "WAVECAL_TABLE",
        1,
    ),
    (
        "muse_lsf",
        "ARC MASTER_BIAS MASTER_FLAT TRACE_TABLE WAVECAL_TABLE LINE_CATALOG",
        "LSF_PROFILE",
        2,
    ),
    (
        "muse_twilight",
        "SKYFLAT MASTER_BIAS MASTER_FLAT TRACE_TABLE WAVECAL_TABLE GEOMETRY_TABLE",
        "TWILIGHT_CUBE",
        2,
    ),
    (
        "muse_scibasic",
        "?STD ?OBJECT ILLUM MASTER_BIAS MASTER_FLAT TRACE_TABLE WAVECAL_TABLE GEOMETRY_TABLE TWILIGHT_CUBE",
        "PIXTABLE_STD PIXTABLE_OBJECT",
        2,
    ),
    (
        "muse_standard",
        "PIXTABLE_STD EXTINCT_TABLE STD_FLUX_TABLE",
        "STD_RESPONSE STD_TELLURIC",
        2,
    ),
    (
        "muse_scipost",
        "PIXTABLE_OBJECT EXTINCT_TABLE STD_RESPONSE STD_TELLURIC SKY_LINES ASTROMETRY_WCS LSF_PROFILE",
        "DATACUBE_FINAL IMAGE_FOV PIXTABLE_REDUCED",
        4,
    ),
    ("muse_exp_align", "IMAGE_FOV", "OFFSET_LIST", 1),
    ("muse_exp_combine", "PIXTABLE_REDUCED OFFSET_LIST", "DATACUBE_FINAL", 6),
];

/// The plan as it is written.
struct Draft {
    data: PathBuf,
    jobs: Vec<PlannedJob>,
}

impl Draft {
    fn raw(&self, tag: &str) -> Vec<InputSource> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.data.join("raw"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_stem().unwrap().to_string_lossy();
                name.starts_with(tag) && path.extension().is_some_and(|extension| extension == "fits")
            })
            .collect();
        files.sort();
        assert!(!files.is_empty(), "no {tag} frames were simulated");
        files.iter().map(|path| frame(path, tag)).collect()
    }

    fn fixed(&self, name: &str) -> InputSource {
        let path = self.data.join("static").join(format!("{}.fits", name.to_lowercase()));
        frame(&path, name)
    }

    fn add(&mut self, id: &str, recipe: &str, inputs: Vec<InputSource>, params: serde_json::Value) {
        add(&mut self.jobs, &RECIPES, (id, recipe), inputs, params);
    }

    fn write(mut self, ifus: &[u8]) -> Plan {
        for ifu in ifus {
            let params = || serde_json::json!({"nifu": ifu});
            let (bias, flat, wave) = (format!("bias{ifu}"), format!("flat{ifu}"), format!("wave{ifu}"));
            self.add(&bias, "muse_bias", self.raw("BIAS"), params());
            let inputs = [self.raw("FLAT"), vec![made(&bias, "MASTER_BIAS")]].concat();
            self.add(
                &flat,
                "muse_flat",
                inputs,
                serde_json::json!({"nifu": ifu, "samples": true}),
            );
            let lines = self.fixed("LINE_CATALOG");
            let inputs = [self.raw("ARC"), flat_of(*ifu), vec![lines.clone()]].concat();
            self.add(&wave, "muse_wavecal", inputs, params());
            let inputs = [self.raw("ARC"), wave_of(*ifu), vec![lines]].concat();
            self.add(&format!("lsf{ifu}"), "muse_lsf", inputs, params());
        }
        let geometry = self.fixed("GEOMETRY_TABLE");
        let all: Vec<InputSource> = ifus.iter().flat_map(|ifu| wave_of(*ifu)).collect();
        let inputs = [self.raw("SKYFLAT"), all, vec![geometry.clone()]].concat();
        self.add("twilight", "muse_twilight", inputs, serde_json::json!({}));
        let exposures: Vec<(String, InputSource)> = [("STD", self.raw("STD")), ("OBJECT", self.raw("OBJECT"))]
            .into_iter()
            .flat_map(|(tag, frames)| (1..).zip(frames).map(move |(n, frame)| (format!("{tag}{n}"), frame)))
            .collect();
        for (name, exposure) in &exposures {
            for ifu in ifus {
                let rest = vec![geometry.clone(), made("twilight", "TWILIGHT_CUBE")];
                let inputs = [vec![exposure.clone()], self.raw("ILLUM"), wave_of(*ifu), rest].concat();
                self.add(
                    &format!("basic_{name}_{ifu}"),
                    "muse_scibasic",
                    inputs,
                    serde_json::json!({"nifu": ifu}),
                );
            }
        }
        let basic = |name: &str, tag: &str| -> Vec<InputSource> {
            ifus.iter()
                .map(|ifu| made(&format!("basic_{name}_{ifu}"), tag))
                .collect()
        };
        let fixed = ["EXTINCT_TABLE", "STD_FLUX_TABLE"].map(|name| self.fixed(name));
        let inputs = [basic("STD1", "PIXTABLE_STD"), fixed.into()].concat();
        self.add(
            "standard",
            "muse_standard",
            inputs,
            serde_json::json!({"filter": "white"}),
        );
        let objects: Vec<&str> = exposures
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| name.starts_with('O'))
            .collect();
        for name in &objects {
            let fixed = ["EXTINCT_TABLE", "SKY_LINES", "ASTROMETRY_WCS"].map(|name| self.fixed(name));
            let response = ["STD_RESPONSE", "STD_TELLURIC"].map(|tag| made("standard", tag));
            let lsf: Vec<InputSource> = ifus
                .iter()
                .map(|ifu| made(&format!("lsf{ifu}"), "LSF_PROFILE"))
                .collect();
            let inputs = [basic(name, "PIXTABLE_OBJECT"), fixed.into(), response.into(), lsf].concat();
            let params = serde_json::json!({"save": "cube,individual", "filter": "white"});
            self.add(&format!("post_{name}"), "muse_scipost", inputs, params);
        }
        let of_all =
            |tag: &str| -> Vec<InputSource> { objects.iter().map(|name| made(&format!("post_{name}"), tag)).collect() };
        self.add("align", "muse_exp_align", of_all("IMAGE_FOV"), serde_json::json!({}));
        let inputs = [of_all("PIXTABLE_REDUCED"), vec![made("align", "OFFSET_LIST")]].concat();
        self.add(
            "combine",
            "muse_exp_combine",
            inputs,
            serde_json::json!({"filter": "white"}),
        );
        plan("MUSE", self.jobs)
    }
}

fn flat_of(ifu: u8) -> Vec<InputSource> {
    let flat = format!("flat{ifu}");
    vec![
        made(&format!("bias{ifu}"), "MASTER_BIAS"),
        made(&flat, "MASTER_FLAT"),
        made(&flat, "TRACE_TABLE"),
    ]
}

fn wave_of(ifu: u8) -> Vec<InputSource> {
    [flat_of(ifu), vec![made(&format!("wave{ifu}"), "WAVECAL_TABLE")]].concat()
}

/// Simulates raw frames and statics; `None` if a peer is missing.
fn simulate(folder: &Path, ifus: &str) -> Option<()> {
    let python = peers::python(&["numpy", "scipy", "astropy"])?;
    let paths = [
        ("--mask", peers::data("muse-cube/PAE_July2013.fits.gz")?),
        ("--lines", peers::data("static/lines")?),
        ("--std", peers::data("static/standards/feg274.dat")?),
        ("--ext", peers::data("static/paranalextinct.dat")?),
    ];
    for (script, n_skipped, out) in [("muse_raw_sim.py", 0, ""), ("muse_static.py", 1, "static")] {
        let mut command = Command::new(&python);
        command.arg(peers::script(script)?).arg("--out").arg(folder.join(out));
        for (option, path) in paths.iter().skip(n_skipped) {
            command.arg(option).arg(path);
        }
        if n_skipped == 0 {
            command.args(["--ifus", &ifus.replace(' ', ",")]);
        }
        assert!(command.status().unwrap().success(), "{script} fails");
    }
    Some(())
}

/// Keeps what the last recipe took and made, for the same step by our recipe.
fn keep(report: &RunReport, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let products = |tag: &str| {
        let all = report.jobs.iter().flat_map(|job| &job.products);
        let found: Vec<_> = all.filter(|product| product.tag.as_str() == tag).collect();
        found
    };
    let mut set = String::new();
    for tag in ["PIXTABLE_REDUCED", "OFFSET_LIST"] {
        for (n, product) in (1..).zip(products(tag)) {
            let name = format!("{tag}_{n:04}.fits");
            std::fs::copy(&product.location, folder.join(&name)).unwrap();
            writeln!(set, "{name} {tag}").unwrap();
        }
    }
    let combined = &report.job(&JobId::from("combine")).unwrap().products;
    let cube = combined.iter().find(|product| product.tag.as_str() == "DATACUBE_FINAL");
    std::fs::copy(&cube.unwrap().location, folder.join("DATACUBE_FINAL.fits")).unwrap();
    std::fs::write(folder.join("combine_off.sof"), set).unwrap();
}

#[test]
fn the_muse_chain_runs_from_raw_frames_to_the_combined_cube_and_a_second_run_does_nothing() {
    let Ok(wanted) = std::env::var("PHOENIX_MUSE_CHAIN") else {
        return;
    };
    let Some(_) = peers::esorex("muse_exp_combine") else {
        return;
    };
    let ifus = std::env::var("PHOENIX_MUSE_IFUS").unwrap_or_else(|_| "1 2 3".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let data = if Path::new(&wanted).is_dir() {
        PathBuf::from(&wanted)
    } else {
        folder.path().to_path_buf()
    };
    if data == folder.path() && simulate(&data, &ifus).is_none() {
        return;
    }
    let ifus: Vec<u8> = ifus.split_whitespace().map(|ifu| ifu.parse().unwrap()).collect();
    let plan = Draft { data, jobs: Vec::new() }.write(&ifus);

    let settings = EsorexSettings {
        log_dir: Some(folder.path().join("logs")),
        ..EsorexSettings::default()
    };
    let installation = Installation::find(settings).unwrap();
    let costs = Arc::new(MemoryCosts::new());
    let engine = Engine::new(Arc::new(Chain::new("MUSE", &RECIPES, &installation)))
        .with_costs(costs)
        .with_budget(Budget {
            threads: 2,
            memory_bytes: 12 << 30,
        });
    let (jobs, sinks, reader) = (
        MemoryJobs::new(),
        DirSinks::new(folder.path().join("run")),
        FitsReader::new(),
    );
    let io = RunIo {
        reader: &reader,
        sinks: &sinks,
        jobs: &jobs,
    };
    let report = engine.execute(&plan, &io, &ThreadExecutor::new(2)).unwrap();
    for job in &report.jobs {
        assert!(job.end.is_success(), "{}: {:?}", job.job, job.end);
        assert!(job.usage.peak_bytes.is_some() && job.usage.cpu_s.is_some());
    }
    let cube = &report.job(&JobId::from("combine")).unwrap().products[0];
    assert_eq!(cube.tag.as_str(), "DATACUBE_FINAL");
    let file = FitsFile::open(&cube.location).unwrap();
    assert_eq!(file.find("DATA").unwrap().shape.len(), 3);
    assert!(
        file.primary()
            .unwrap()
            .header
            .str("PRO.REC1.PIPE.ID")
            .unwrap()
            .starts_with("muse/")
    );

    if let Ok(folder) = std::env::var("PHOENIX_MUSE_KEEP") {
        keep(&report, Path::new(&folder));
    }

    // What was learned replaces what was declared, and the run is forecast within a factor of three.
    let learned = engine.expectations(&plan);
    assert!(
        learned
            .iter()
            .all(|expected| expected.basis == Basis::Setup && expected.wall_s.is_some())
    );
    let forecast = engine.forecast(&plan, &BTreeSet::new(), 2).unwrap();
    let taken = report.costs(Some(&forecast));
    assert!(forecast.cpu_s > taken.cpu_s / 3.0 && forecast.cpu_s < taken.cpu_s * 3.0);

    let again = engine.execute(&plan, &io, &ThreadExecutor::new(2)).unwrap();
    assert_eq!(
        again.count(|end| matches!(end, phoenix_core::engine::JobOutcome::Skipped { .. })),
        plan.jobs.len()
    );
}
