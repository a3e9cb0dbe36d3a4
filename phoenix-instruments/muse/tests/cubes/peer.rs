//! The same files through mpdaf's `CubeList` and through the recipe: the same values after rounding to 32 bits.

use std::path::Path;
use std::process::Command;

use phoenix_core::product::{ColumnData, HduData, Product};
use phoenix_muse::cubes::CUBE_COMBINE;
use phoenix_testkit::peers;
use serde_json::{Value, json};

use crate::files::{noisy, written};
use crate::support::{product, run, values};

const SCRIPT: &str = include_str!("combine.py");

fn reals(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    let words = bytes.chunks_exact(8).map(|word| word.try_into().unwrap());
    words.map(f64::from_le_bytes).collect()
}

/// Places of 32-bit reals between two numbers of like sign.
fn steps_apart(found: f32, expected: f64) -> u32 {
    let expected = expected as f32;
    if found.is_nan() && expected.is_nan() {
        return 0;
    }
    found.to_bits().abs_diff(expected.to_bits())
}

fn assert_like(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let steps = found.iter().zip(expected).map(|(a, b)| steps_apart(*a, *b));
    let n_off = steps.clone().filter(|steps| *steps > 0).count();
    assert!(steps.max() <= Some(1), "{what}: more than one place apart");
    assert!(
        n_off * 1000 <= found.len(),
        "{what}: {n_off} of {} values differ",
        found.len()
    );
}

fn column(products: &[Product], name: &str) -> Vec<i64> {
    let HduData::Table(table) = &product(products, "CUBE_STATISTICS").hdu("STATPIX").unwrap().data else {
        panic!("STATPIX is no table")
    };
    match &table.column(name).unwrap().data {
        ColumnData::I64(counts) => counts.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn jobs() -> Vec<Value> {
    let job = |nmax: usize, nclip: [f64; 2], nstop: usize, var: &str, mad: bool| json!({"method": "sigclip", "nmax": nmax, "nclip": nclip, "nstop": nstop, "var": var, "mad": mad});
    vec![
        job(2, [5.0, 5.0], 2, "propagate", false),
        job(3, [3.0, 2.0], 2, "propagate", false),
        job(1, [2.5, 2.5], 4, "stat_mean", false),
        job(0, [3.0, 3.0], 2, "stat_one", false),
        job(2, [3.0, 4.0], 2, "propagate", true),
        job(5, [2.0, 2.0], 3, "stat_mean", true),
        job(2, [1.0, 1.0], 1, "stat_one", true),
        json!({"method": "median"}),
    ]
}

#[test]
fn means_medians_variances_and_counts_are_those_of_mpdaf() {
    let Some(python) = peers::python(&["numpy", "mpdaf"]) else {
        return;
    };
    for n_cubes in [2, 7, 30, 140] {
        let folder = tempfile::tempdir().unwrap();
        let frames = written(folder.path(), n_cubes, [3, 11, 37], noisy);
        let files: Vec<&str> = frames.iter().map(|frame| frame.location.as_str()).collect();
        let asked = folder.path().join("asked.json");
        let text = json!({"files": files, "jobs": jobs(), "out": folder.path()}).to_string();
        std::fs::write(&asked, text).unwrap();
        let output = Command::new(&python).args(["-c", SCRIPT]).arg(&asked).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let statistics = std::fs::read(folder.path().join("statistics.json")).unwrap();
        let statistics: Vec<Value> = serde_json::from_slice(&statistics).unwrap();
        for (n, (job, counts)) in jobs().iter().zip(&statistics).enumerate() {
            let (_, products) = run(CUBE_COMBINE, &frames, job).unwrap();
            let cube = product(&products, "DATACUBE_FINAL");
            let theirs = |kind: &str| reals(&folder.path().join(format!("{n}.{kind}")));
            let what = |hdu: &str| format!("{n_cubes} cubes, {job}, {hdu}");
            assert_like(&values(cube, "DATA"), &theirs("data"), &what("DATA"));
            let used: Vec<f64> = values(cube, "EXPMAP").into_iter().map(f64::from).collect();
            assert!(used == theirs("expmap"), "{}", what("EXPMAP"));
            assert_eq!(
                json!(column(&products, "NPIX_NAN")),
                counts["NPIX_NAN"],
                "{}",
                what("NPIX_NAN")
            );
            if job["method"] == "sigclip" {
                assert_like(&values(cube, "STAT"), &theirs("var"), &what("STAT"));
                assert_eq!(
                    json!(column(&products, "NPIX_REJECTED")),
                    counts["NPIX_REJECTED"],
                    "{}",
                    what("NPIX_REJECTED")
                );
            }
        }
    }
}
