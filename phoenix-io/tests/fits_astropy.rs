//! Reading and writing beside astropy: the same values, bit for bit.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like the tests themselves")]

mod fits_support;

use std::path::{Path, PathBuf};

use fits_support::{digests, files_below, peer_script, run_python};
use phoenix_core::header::Value;
use phoenix_io::fits::FitsFile;
use phoenix_testkit::peers;

fn compare(python: &Path, files: &[PathBuf]) {
    let arguments: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let theirs = run_python(python, &peer_script("digests.py"), &arguments);
    let ours: Vec<String> = files.iter().flat_map(|file| digests(file).unwrap()).collect();
    assert!(!theirs.is_empty());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn every_form_that_astropy_writes_reads_the_same() {
    let Some(python) = peers::python(&["astropy"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    run_python(&python, &peer_script("make.py"), &[folder.path()]);
    let files = files_below(folder.path(), &[".fits"]);
    compare(&python, &files);

    for file in &files {
        let file = FitsFile::open(file).unwrap();
        if !file.path().ends_with("scaled.fits") {
            let sums = file.checksums().unwrap();
            assert!(sums.iter().all(|unit| !unit.is_stale()), "{sums:?}");
        }
    }
    let header = FitsFile::open(folder.path().join("header.fits")).unwrap().hdus()[0]
        .header
        .clone();
    assert_eq!(header.str("DPR.CATG"), Ok("SCIENCE"));
    assert_eq!(header.f64("DET.DIT"), Ok(900.0));
    assert_eq!(
        header.str("LONGTEXT").unwrap(),
        "a long text with 'quotes' & more ".repeat(6).trim_end()
    );
    assert_eq!(header.get("COMPL"), Some(&Value::Complex(1.5, -2.5)));
    assert_eq!(header.get("EMPTY"), Some(&Value::Undefined));
    assert_eq!(header.i64("BIG"), Ok(9_007_199_254_740_993));
    assert_eq!(header.f64("TINY"), Ok(1.5e-300));
    let notes = header
        .cards()
        .iter()
        .filter(|card| card.key.as_str() == "COMMENT")
        .count();
    assert_eq!(notes, 2);
}

#[test]
fn all_real_files_read_as_astropy_reads_them() {
    let Some(folder) = peers::data(".") else { return };
    let files = files_below(&folder, &[".fits", ".fits.gz"]);
    assert!(files.len() > 40);
    let Some(python) = peers::python(&["astropy"]) else {
        return;
    };
    compare(&python, &files);
}

#[test]
fn the_few_unreadable_cards_of_real_headers_are_kept() {
    let Some(folder) = peers::data(".") else { return };
    let mut unreadable = std::collections::BTreeSet::new();
    for path in files_below(&folder, &[".fits", ".fits.gz"]) {
        let file = FitsFile::open(&path).unwrap();
        for unit in file.hdus() {
            assert!(unit.remarks.is_empty(), "{}: {:?}", path.display(), unit.remarks);
            for card in unit.header.cards() {
                if let Value::Unreadable(text) = &card.value {
                    unreadable.insert(text.split('=').next().unwrap().to_owned());
                }
            }
        }
    }
    // Nine letters before the equals sign, in the masks that ESO ships with UVES and GIRAFFE.
    assert_eq!(unreadable.into_iter().collect::<Vec<_>>(), ["OS-EXPOID"]);
}
