//! Each rule is broken once and must say so.

pub(crate) mod good;

use std::collections::BTreeSet;

use phoenix_core::header::{Card, Header, Key, Value};

use super::{Finding, Profile, SdpFile, Severity, check};
use crate::sdp::standard::{RULES, VERSION, rule};
use good::{cube, exposure_map, spectrum, white};

type Break = fn(&mut SdpFile);

fn head(file: &mut SdpFile, hdu: usize) -> &mut Header {
    &mut file.hdus[hdu].header
}

fn set(file: &mut SdpFile, hdu: usize, key: &str, value: impl Into<Value>) {
    head(file, hdu).set(key, value, "");
}

/// Each rule with a cube that breaks it.
const CUBES: &[(&str, &str, Break)] = &[
    ("G1", "BAD", |file| {
        head(file, 0).push(Card {
            key: Key::new("BAD"),
            value: Value::Unreadable("BAD = ?".into()),
            comment: "".into(),
        });
    }),
    ("G2", "", |file| file.name = format!("{}.fits", "x".repeat(64))),
    ("G2", "", |file| file.name = "a b.fits".into()),
    ("G3", "", |file| file.name = "cube.fit".into()),
    ("G3", "", |file| file.name = "cube.fits.fz".into()),
    ("G4", "ZTABLE", |file| set(file, 1, "ZTABLE", true)),
    ("G5", "LONGSTRN", |file| set(file, 0, "LONGSTRN", "OGIP 1.0")),
    ("G5", "NOTE", |file| set(file, 0, "NOTE", "x".repeat(69))),
    ("G6", "DATASUM", |file| {
        head(file, 1).remove("DATASUM");
    }),
    ("G6", "CHECKSUM", |file| {
        file.checksum_faults.push((2, "it does not fit".into()));
    }),
    ("G7", "OBJECT", |file| set(file, 0, "OBJECT", "")),
    ("G8", "EXTNAME", |file| set(file, 2, "EXTNAME", "DATA")),
    ("G8", "EXTNAME", |file| set(file, 2, "EXTNAME", "PHASE3CATALOG")),
    ("G9", "PRODCATG", |file| set(file, 1, "PRODCATG", "SCIENCE.CUBE.IFS")),
    ("G10", "ORIGFILE", |file| {
        set(file, 0, "ORIGFILE", "DATACUBE_FINAL.fits");
    }),
    ("G11", "", |file| file.hdus.truncate(1)),
    ("G12", "CDELT1", |file| set(file, 1, "CDELT1", 1.0)),
    ("G12", "PC1_2", |file| set(file, 1, "PC1_2", 0.0)),
    ("G12", "CTYPE1A", |file| set(file, 1, "CTYPE1A", "LINEAR")),
    ("G13", "PROV01", |file| {
        set(file, 0, "PROV01", "MUSE.2016-05-02T00:34:00.000");
    }),
    ("G13", "PROV3", |file| {
        set(file, 0, "PROV4", "MUSE.2016-05-02T00:34:00.000");
    }),
    ("G14", "OBJECT", |file| {
        head(file, 0).push(Card {
            key: Key::new("OBJECT"),
            value: "HDFN".into(),
            comment: "".into(),
        });
    }),
    ("K1", "ABMAGLIM", |file| {
        head(file, 0).remove("ABMAGLIM");
    }),
    ("K1", "CSYER1", |file| {
        head(file, 2).remove("CSYER1");
    }),
    ("K2", "NCOMBINE", |file| set(file, 0, "NCOMBINE", 2.5)),
    ("K2", "EXPTIME", |file| set(file, 0, "EXPTIME", "1800")),
    ("K3", "SPECSYS", |file| set(file, 0, "SPECSYS", "MARS")),
    ("K3", "DEC", |file| set(file, 0, "DEC", -91.0)),
    ("K3", "DATE", |file| set(file, 0, "DATE", "03/05/16")),
    ("K3", "REFERENC", |file| set(file, 0, "REFERENC", "Weilbacher 2020")),
    ("K4", "SPEC_BIN", |file| set(file, 0, "SPEC_BIN", 0.125)),
    ("K4", "FILTER", |file| set(file, 0, "FILTER", "white")),
    ("K5", "SKY_RERR", |file| {
        head(file, 0).remove("SKY_RERR");
    }),
    ("K6", "EXPTIME", |file| set(file, 0, "EXPTIME", 1800_i64)),
    ("K7", "PRODCATG", |file| set(file, 0, "PRODCATG", "SCIENCE.MOSSPECTRA")),
    ("R1", "EXPTIME", |file| set(file, 0, "EXPTIME", 1800.02)),
    ("R2", "TEXPTIME", |file| set(file, 0, "TEXPTIME", 2160.02)),
    ("R3", "MJD-END", |file| set(file, 0, "MJD-END", 57509.9)),
    ("R4", "MJD-END", |file| set(file, 0, "DATE", "2016-04-30")),
    ("R5", "RA", |file| set(file, 0, "RA", 150.01)),
    ("R5", "RA", |file| set(file, 0, "RA", 330.0)),
    ("R6", "RA", |file| set(file, 0, "RA", 150.0002)),
    ("R7", "EQUINOX", |file| set(file, 0, "EQUINOX", 1950.0)),
    ("R7", "EQUINOX", |file| {
        head(file, 0).remove("EQUINOX");
    }),
    ("R8", "PROG_ID", |file| set(file, 0, "PROG_ID", "MULTI")),
    ("R8", "TELESCOP", |file| set(file, 0, "TELESC1", "ESO-VLT-U4")),
    ("R9", "PROV1", |file| {
        head(file, 0).retain(|card| !card.key.as_str().starts_with("PROV"));
    }),
    ("R9", "PROV2", |file| {
        set(file, 0, "PROV2", "MUSE.2016-05-02T00:00:00.000");
    }),
    ("R9", "PROV2", |file| {
        set(file, 0, "PROV2", "M.MUSE.2016-05-02T00:00:00.000");
    }),
    ("R9", "PROVXTN", |file| set(file, 0, "PROVXTN", true)),
    ("R10", "PROV2", |file| {
        set(file, 0, "PROV2", "MUSE.2016-05-02T00:17:00.000.fits");
    }),
    ("R11", "ASSOC2", |file| {
        set(file, 0, "ASSOC2", "ANCILLARY.IMAGE.WHITELIGHT");
    }),
    ("R11", "ASSOC1", |file| {
        set(file, 0, "ASSOC1", "ANCILLARY.IMAGE.WHITELIGHT");
    }),
    ("R11", "ASSOM2", |file| set(file, 0, "ASSOM2", "sha256:00")),
    ("R11", "ASSOC3", |file| set(file, 0, "ASSOC3", "ANCILLARY.README")),
    ("R11", "ASSON2", |file| set(file, 0, "ASSON2", "white.fits")),
    ("R12", "NOESODAT", |file| set(file, 0, "ORIGIN", "SIMULATED")),
    ("R13", "WAVELMIN", |file| set(file, 0, "WAVELMIN", 483.0)),
    ("R13", "WAVELMAX", |file| set(file, 0, "WAVELMAX", 930.0)),
    ("R15", "OBJECT", |file| set(file, 1, "OBJECT", "M 31 (DATA)")),
    ("R16", "OBID1", |file| set(file, 0, "OBID2", 1000_i64)),
    ("C1", "NAXIS", |file| file.hdus[2].shape = vec![20, 8, 11]),
    ("C1", "NAXIS", |file| file.hdus[1].shape = vec![8, 10]),
    ("C2", "CRPIX1", |file| set(file, 2, "CRPIX1", 5.6)),
    ("C3", "HDUCLAS3", |file| {
        head(file, 2).remove("HDUCLAS3");
    }),
    ("C4", "ERRDATA", |file| set(file, 1, "ERRDATA", "DATA")),
    ("C4", "SCIDATA", |file| set(file, 2, "SCIDATA", "SCI")),
    ("C4", "SCIDATA", |file| {
        head(file, 2).remove("SCIDATA");
    }),
    ("C5", "BUNIT", |file| {
        set(file, 1, "BUNIT", "10**(-20)*erg/s/cm**2/Angstrom");
    }),
    ("C6", "BITPIX", |file| set(file, 1, "BITPIX", 16_i64)),
    ("C7", "SPEC_RES", |file| set(file, 0, "SPEC_RES", 30.0)),
];

const MAPS: &[(&str, &str, Break)] = &[
    ("W1", "NAXIS", |file| file.hdus[1].shape = vec![20, 8, 10]),
    ("W2", "BUNIT", |file| set(file, 1, "BUNIT", "min")),
    ("W2", "BITPIX", |file| set(file, 1, "BITPIX", -64_i64)),
    ("W2", "BLANK", |file| set(file, 1, "BLANK", 0_i64)),
    ("W3", "ASSON1", |file| set(file, 0, "ASSON1", "a.fits")),
];

const SPECTRA: &[(&str, &str, Break)] = &[
    ("R14", "TOT_FLUX", |file| {
        set(file, 0, "TOT_FLUX", true);
        set(file, 0, "FLUXCAL", "UNCALIBRATED");
    }),
    ("R14", "FLUXERR", |file| set(file, 0, "FLUXERR", -1.0)),
    ("T1", "NAXIS2", |file| set(file, 1, "NAXIS2", 101_i64)),
    ("T1", "", |file| file.hdus.push(file.hdus[1].clone())),
    ("T2", "TTYPE1", |file| set(file, 1, "TTYPE1", "LAMBDA")),
    ("T2", "TTYPE3", |file| set(file, 1, "TTYPE3", "SKYBACK")),
    ("T3", "TFORM2", |file| set(file, 1, "TFORM2", "1PE(101)")),
    ("T3", "TFORM2", |file| set(file, 1, "TFORM2", "100E")),
    ("T4", "TFORM2", |file| set(file, 1, "TFORM2", "101D")),
    ("T5", "TUNIT1", |file| set(file, 1, "TUNIT1", "m")),
    ("T5", "TUCD3", |file| {
        set(file, 1, "TUCD3", "stat.error;phot.flux.density;em.ql");
    }),
    ("T5", "TUTYP2", |file| set(file, 1, "TUTYP2", "Data.FluxAxis.Value")),
    ("T6", "TUNIT3", |file| set(file, 1, "TUNIT3", "percent")),
    ("T7", "TELAPSE", |file| set(file, 1, "TELAPSE", 2150.0)),
    ("T7", "TDMAX1", |file| set(file, 1, "TDMAX1", 483.0)),
    ("T8", "RA", |file| set(file, 1, "RA", 150.000_001)),
    ("T9", "TITLE", |file| set(file, 1, "TITLE", "a spectrum")),
    ("T10", "TTYPE1", |file| {
        file.spectrum.as_mut().expect("facts").is_rising = false;
    }),
    ("T10", "", |file| {
        file.spectrum.as_mut().expect("facts").has_infinite = true;
    }),
    ("T10", "SPEC_BIN", |file| set(file, 0, "SPEC_BIN", 0.2)),
    ("K4", "BUNIT", |file| set(file, 1, "BUNIT", "adu")),
];

fn text(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn assert_fires(cases: &[(&str, &str, Break)], good: fn() -> SdpFile) {
    let mut silent = Vec::new();
    for (n, (id, keyword, break_it)) in cases.iter().enumerate() {
        let mut file = good();
        break_it(&mut file);
        let findings = check(&file, Profile::Strict);
        let fired = findings
            .iter()
            .any(|finding| finding.rule == *id && finding.keyword == *keyword);
        if !fired {
            silent.push(format!(
                "case {n}: {id} {keyword} is silent; found:\n{}",
                text(&findings)
            ));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn files_that_keep_the_standard_have_no_finding() {
    for file in [cube(), white(), exposure_map(), spectrum()] {
        for profile in [Profile::Strict, Profile::Tolerant] {
            assert_eq!(text(&check(&file, profile)), "", "{}", file.name);
        }
    }
}

#[test]
fn each_rule_speaks_when_it_is_broken() {
    assert_fires(CUBES, cube);
    assert_fires(MAPS, exposure_map);
    assert_fires(SPECTRA, spectrum);
}

#[test]
fn each_rule_has_a_case_and_each_case_a_rule() {
    let cases: BTreeSet<&str> = [CUBES, MAPS, SPECTRA]
        .iter()
        .flat_map(|cases| cases.iter().map(|case| case.0))
        .collect();
    let rules: BTreeSet<&str> = RULES
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !id.starts_with('B'))
        .collect();
    assert_eq!(cases, rules);
    assert_eq!(
        RULES.len(),
        RULES.iter().map(|rule| rule.id).collect::<BTreeSet<_>>().len()
    );
    assert!(rule("G1").is_some() && VERSION.ends_with('8'));
}

#[test]
fn all_faults_of_a_file_are_told_at_once() {
    let mut file = cube();
    file.name = "DATACUBE FINAL.fits".into();
    for key in ["OBJECT", "PROG_ID", "ABMAGLIM"] {
        head(&mut file, 0).remove(key);
    }
    set(&mut file, 0, "EXPTIME", 1900_i64);
    set(&mut file, 0, "MJD-END", 57509.0);
    set(&mut file, 1, "CDELT1", 1.0);
    set(&mut file, 2, "BUNIT", "(10**(-20)*erg/s/cm**2/Angstrom)**2");
    insta::assert_snapshot!(text(&check(&file, Profile::Strict)));
}

#[test]
fn habits_of_older_products_are_accepted_when_read() {
    let mut file = spectrum();
    head(&mut file, 0).remove("RADESYS");
    set(&mut file, 0, "RADECSYS", "FK5");
    set(&mut file, 0, "M_EPOCH", false);
    set(&mut file, 0, "REFERENC", " ");
    set(&mut file, 0, "PROV2", "XSHOO.2016-05-02T00:17:00.000.fits");
    set(&mut file, 1, "VOCLASS", "SPECTRUM V2.0");
    file.name = "ADP.2016-07-15T08:22:40.217.fits".into();
    assert_eq!(text(&check(&file, Profile::Tolerant)), "");
    let strict = check(&file, Profile::Strict);
    let errors: Vec<&str> = strict
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(errors, ["G10", "K1", "R10"]);
}

#[test]
fn a_file_without_hdus_or_category_is_told_and_not_guessed() {
    let empty = SdpFile::new("a.fits", Vec::new());
    assert_eq!(check(&empty, Profile::Strict)[0].rule, "G1");
    let mut file = cube();
    head(&mut file, 0).remove("PRODCATG");
    let findings = check(&file, Profile::Strict);
    assert!(
        findings.iter().any(|finding| finding.rule == "K7"),
        "{}",
        text(&findings)
    );
}
