use std::collections::BTreeSet;

use phoenix_core::unit::{Mjd, Night};

use super::catalogue::catalogue;
use super::{muse, xshooter};

fn kinds(headers: &[phoenix_core::header::Header], key: &str) -> BTreeSet<String> {
    headers
        .iter()
        .filter_map(|header| header.str(key).ok())
        .map(str::to_owned)
        .collect()
}

#[test]
fn xshooter_has_three_arms_and_all_ways_to_observe() {
    let headers = xshooter::headers(1);
    assert_eq!(
        kinds(&headers, "SEQ.ARM"),
        ["NIR", "UVB", "VIS"].map(str::to_owned).into()
    );
    let techniques = kinds(&headers, "DPR.TECH");
    for technique in ["STARE", "NODDING", "OFFSET"] {
        assert!(
            techniques.contains(&format!("ECHELLE,SLIT,{technique}")),
            "{techniques:?}"
        );
    }
    let evening: Night = super::super::NIGHT.parse().unwrap();
    let names = kinds(&headers, "ARCFILE");
    assert_eq!(names.len(), headers.len());
    for header in &headers {
        assert!(
            evening.contains(Mjd(header.f64("MJD-OBS").unwrap())),
            "{}",
            header.str("DATE-OBS").unwrap()
        );
        assert_eq!(header.contains("DET.DIT"), header.str("SEQ.ARM").unwrap() == "NIR");
    }
}

#[test]
fn muse_has_the_calibrations_of_each_mode_that_it_observes_in() {
    let headers = muse::headers(1);
    let evening: Night = super::super::NIGHT.parse().unwrap();
    assert_eq!(kinds(&headers, "ARCFILE").len(), headers.len());
    for header in &headers {
        assert!(
            evening.contains(Mjd(header.f64("MJD-OBS").unwrap())),
            "{}",
            header.str("DATE-OBS").unwrap()
        );
    }
    for mode in kinds(&headers, "INS.MODE") {
        for kind in ["FLAT,LAMP", "WAVE", "STD", "OBJECT"] {
            let is_it = |header: &&phoenix_core::header::Header| {
                header.str("INS.MODE").unwrap() == mode && header.str("DPR.TYPE").unwrap() == kind
            };
            assert!(headers.iter().any(|header| is_it(&header)), "{mode} {kind}");
        }
    }
}

#[test]
fn a_catalogue_has_frames_of_four_instruments_in_their_nights() {
    let entries: Vec<_> = catalogue(40, 3).collect();
    let instruments: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry.header.str("INSTRUME").unwrap())
        .collect();
    assert_eq!(instruments, ["GIRAFFE", "MUSE", "UVES", "XSHOOTER"].into());
    // A million headers need 5,840 nights of 172.
    assert!((172..200).contains(&(entries.len() / 40)), "{}", entries.len());
    let paths: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths.len(), entries.len());
    for entry in &entries {
        let night = Night::of(Mjd(entry.header.f64("MJD-OBS").unwrap()));
        let place = format!(
            "raw/{}/{night}/{}",
            entry.header.str("INSTRUME").unwrap(),
            entry.header.str("ARCFILE").unwrap()
        );
        assert_eq!(entry.path, place);
        assert!(entry.header.len() < 60, "{}", entry.header.len());
    }
    assert!(catalogue(2, 3).eq(entries.into_iter().take(catalogue(2, 3).count())));
}

#[test]
fn templates_and_blocks_tie_frames_together_within_a_night_only() {
    let mut seen = BTreeSet::new();
    let mut last = String::new();
    for entry in catalogue(6, 1) {
        let night = entry.path.split('/').nth(2).unwrap().to_owned();
        if night != last {
            last.clone_from(&night);
            assert!(seen.insert(night), "nights follow each other");
        }
        let start = Mjd::from_iso(entry.header.str("TPL.START").unwrap()).unwrap();
        let began = entry.header.f64("MJD-OBS").unwrap();
        assert!(start.0 <= began && began - start.0 < 0.5, "{}", entry.path);
    }
}
