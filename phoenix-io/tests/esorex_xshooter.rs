//! XSHOOTER's chain through `esorex`: ten steps of the arm VIS from simulated raw frames to a flux-calibrated spectrum,
//! in one plan.
//!
//! The pipeline is no package of the current system, so its installation is named by `PHOENIX_XSHOO`: a folder with
//! `usr/bin/esorex` and the recipes below `usr/lib`, unpacked from the suite of Debian that has it. It takes five minutes
//! of processor time and 3 GB of disk. Without the variable the test ends at once, and says so.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod chain_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chain_support::{Chain, Row, add, frame, made, plan};
use phoenix_core::engine::{Budget, Engine, MemoryJobs, RunIo};
use phoenix_core::plan::{InputSource, Plan};
use phoenix_io::{DirSinks, EsorexSettings, FitsReader, Installation, ThreadExecutor, read_product};
use phoenix_testkit::peers;

const RECIPES: [Row; 9] = [
    ("xsh_mbias", "BIAS_VIS", "MASTER_BIAS_VIS", 1),
    (
        "xsh_predict",
        "FMTCHK_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ARC_LINE_LIST_VIS THEO_TAB_SING_VIS",
        "ORDER_TAB_GUESS_VIS WAVE_TAB_GUESS_VIS",
        1,
    ),
    (
        "xsh_orderpos",
        "ORDERDEF_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ORDER_TAB_GUESS_VIS",
        "ORDER_TAB_CENTR_VIS",
        1,
    ),
    (
        "xsh_mflat",
        "FLAT_SLIT_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ORDER_TAB_CENTR_VIS",
        "MASTER_FLAT_SLIT_VIS ORDER_TAB_EDGES_SLIT_VIS",
        2,
    ),
    (
        "xsh_2dmap",
        "WAVE_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ARC_LINE_LIST_VIS ORDER_TAB_EDGES_SLIT_VIS \
         WAVE_TAB_GUESS_VIS THEO_TAB_MULT_VIS",
        "WAVE_TAB_2D_VIS DISP_TAB_VIS WAVE_MAP_VIS SLIT_MAP_VIS",
        2,
    ),
    (
        "xsh_wavecal",
        "ARC_SLIT_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ARC_LINE_LIST_VIS ORDER_TAB_EDGES_SLIT_VIS \
         WAVE_TAB_2D_VIS MASTER_FLAT_SLIT_VIS DISP_TAB_VIS THEO_TAB_MULT_VIS THEO_TAB_SING_VIS",
        "TILT_TAB_SLIT_VIS SHIFT_TAB_SLIT_VIS",
        2,
    ),
    (
        "xsh_scired_slit_stare",
        "OBJECT_SLIT_STARE_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ORDER_TAB_EDGES_SLIT_VIS MASTER_FLAT_SLIT_VIS \
         WAVE_TAB_2D_VIS DISP_TAB_VIS SKY_LINE_LIST_VIS",
        "SCI_SLIT_MERGE1D_VIS SCI_SLIT_FLUX_MERGE1D_VIS",
        4,
    ),
    (
        "xsh_scired_slit_nod",
        "OBJECT_SLIT_NOD_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ORDER_TAB_EDGES_SLIT_VIS MASTER_FLAT_SLIT_VIS \
         WAVE_TAB_2D_VIS DISP_TAB_VIS WAVE_MAP_VIS SLIT_MAP_VIS",
        "SCI_SLIT_MERGE1D_VIS",
        4,
    ),
    (
        "xsh_respon_slit_stare",
        "STD_FLUX_SLIT_STARE_VIS MASTER_BIAS_VIS SPECTRAL_FORMAT_TAB_VIS ORDER_TAB_EDGES_SLIT_VIS \
         MASTER_FLAT_SLIT_VIS WAVE_TAB_2D_VIS DISP_TAB_VIS SKY_LINE_LIST_VIS ATMOS_EXT_VIS FLUX_STD_CATALOG_VIS \
         RESP_FIT_POINTS_CAT_VIS",
        "RESPONSE_MERGE1D_SLIT_VIS",
        4,
    ),
];

/// Job of each step; the cascade of ten, of which the last is the seventh again, now with the response.
const STEPS: [(&str, &str); 10] = [
    ("bias", "xsh_mbias"),
    ("predict", "xsh_predict"),
    ("orderpos", "xsh_orderpos"),
    ("flat", "xsh_mflat"),
    ("map", "xsh_2dmap"),
    ("wave", "xsh_wavecal"),
    ("stare", "xsh_scired_slit_stare"),
    ("nod", "xsh_scired_slit_nod"),
    ("response", "xsh_respon_slit_stare"),
    ("flux", "xsh_scired_slit_stare"),
];

/// Files of the simulator by kind: raw frames and static tables.
const FILES: [(&str, &[&str]); 16] = [
    ("BIAS_VIS", &["bias0", "bias1", "bias2", "bias3", "bias4"]),
    ("FMTCHK_VIS", &["fmtchk"]),
    ("ORDERDEF_VIS", &["orderdef"]),
    ("FLAT_SLIT_VIS", &["flat0", "flat1", "flat2"]),
    ("WAVE_VIS", &["wave"]),
    ("ARC_SLIT_VIS", &["arc"]),
    ("OBJECT_SLIT_STARE_VIS", &["stare"]),
    ("OBJECT_SLIT_NOD_VIS", &["nod0", "nod1", "nod2", "nod3"]),
    ("STD_FLUX_SLIT_STARE_VIS", &["std"]),
    ("SPECTRAL_FORMAT_TAB_VIS", &["spec_format"]),
    ("ARC_LINE_LIST_VIS", &["arc_list"]),
    ("THEO_TAB_SING_VIS", &["theo_sing"]),
    ("THEO_TAB_MULT_VIS", &["theo_mult"]),
    ("SKY_LINE_LIST_VIS", &["sky_list"]),
    ("ATMOS_EXT_VIS", &["atmos_ext"]),
    ("FLUX_STD_CATALOG_VIS", &["std_cat"]),
];

/// The nodes of the response, beside the sixteen kinds above.
const NODES: (&str, &str) = ("RESP_FIT_POINTS_CAT_VIS", "fit_points");

/// Which job makes a kind of product.
fn maker(tag: &str) -> Option<&'static str> {
    let (recipe, ..) = RECIPES
        .iter()
        .find(|(_, _, outputs, _)| outputs.split(' ').any(|made| made == tag))?;
    STEPS.iter().find(|(_, known)| known == recipe).map(|(job, _)| *job)
}

fn inputs(data: &Path, tag: &str) -> Vec<InputSource> {
    let file = |name: &str| frame(&data.join(format!("{name}.fits")), tag);
    if let Some((_, names)) = FILES.iter().find(|(kind, _)| *kind == tag) {
        return names.iter().map(|name| file(name)).collect();
    }
    if tag == NODES.0 {
        return vec![file(NODES.1)];
    }
    vec![made(maker(tag).unwrap_or_else(|| panic!("nothing makes {tag}")), tag)]
}

fn cascade(data: &Path) -> Plan {
    let mut jobs = Vec::new();
    for (job, recipe) in STEPS {
        let (_, tags, ..) = RECIPES.iter().find(|known| known.0 == recipe).unwrap();
        let mut sources: Vec<InputSource> = tags.split_whitespace().flat_map(|tag| inputs(data, tag)).collect();
        if job == "flux" {
            sources.extend(
                ["RESPONSE_MERGE1D_SLIT_VIS", "ATMOS_EXT_VIS"]
                    .iter()
                    .flat_map(|tag| inputs(data, tag)),
            );
        }
        add(&mut jobs, &RECIPES, (job, recipe), sources, serde_json::json!({}));
    }
    plan("XSHOOTER", jobs)
}

/// The installation with the recipes; `None` if there is none and that is allowed.
fn installation(root: &Path, logs: PathBuf) -> Installation {
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    let below = |folder: &Path| -> PathBuf {
        let mut found: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("xshoo-"))
            .collect();
        found.sort();
        found.pop().expect("a version of the pipeline")
    };
    let path = format!("{}:{}", libraries.display(), below(&libraries).display());
    let settings = EsorexSettings {
        program: root.join("usr/bin/esorex"),
        recipe_dirs: vec![below(&libraries.join("cpl/plugins"))],
        log_dir: Some(logs),
        env: [("LD_LIBRARY_PATH".to_owned(), path)].into(),
        ..EsorexSettings::default()
    };
    Installation::find(settings).unwrap()
}

/// Makes tables and frames; `None` if a peer is missing.
fn simulate(folder: &Path) -> Option<()> {
    let python = peers::python(&["numpy", "scipy", "astropy"])?;
    let statics = peers::data("static")?;
    for script in ["xsh_static.py", "xsh_sim.py"] {
        let mut command = Command::new(&python);
        command.arg(peers::script(script)?).arg(folder).arg(&statics);
        assert!(command.status().unwrap().success(), "{script} fails");
    }
    Some(())
}

#[test]
fn every_step_of_the_visual_arm_succeeds_and_the_last_spectrum_is_flux_calibrated() {
    let Some(root) = std::env::var_os("PHOENIX_XSHOO").map(PathBuf::from) else {
        eprintln!("skipped: PHOENIX_XSHOO names no installation of the XSHOOTER pipeline");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = std::env::var_os("PHOENIX_XSHOO_FRAMES").map_or_else(|| folder.path().join("frames"), PathBuf::from);
    if !data.exists() {
        fs::create_dir_all(&data).unwrap();
        if simulate(&data).is_none() {
            return;
        }
    }
    let installation = installation(&root, folder.path().join("logs"));
    let engine = Engine::new(Arc::new(Chain::new("XSHOOTER", &RECIPES, &installation))).with_budget(Budget {
        threads: 2,
        memory_bytes: 8 << 30,
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
    let plan = cascade(&data);
    let report = engine.execute(&plan, &io, &ThreadExecutor::new(2)).unwrap();
    for job in &report.jobs {
        assert!(job.end.is_success(), "{}: {:?}", job.job, job.end);
    }
    assert_eq!(report.jobs.len(), STEPS.len());
    let tags = |job: &str| -> Vec<String> {
        let job = report.job(&job.into()).unwrap();
        job.products.iter().map(|product| product.tag.to_string()).collect()
    };
    assert!(tags("stare").contains(&"SCI_SLIT_MERGE1D_VIS".to_owned()));
    assert!(!tags("stare").contains(&"SCI_SLIT_FLUX_MERGE1D_VIS".to_owned()));
    let flux = report.job(&"flux".into()).unwrap();
    let spectrum = (flux.products.iter()).find(|product| product.tag.as_str() == "SCI_SLIT_FLUX_MERGE1D_VIS");
    let header = read_product(Path::new(&spectrum.unwrap().location)).unwrap().header;
    assert!(header.str("PRO.REC1.PIPE.ID").unwrap().starts_with("xshoo/"));
}
