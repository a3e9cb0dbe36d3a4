//! The five steps of ESO's GIRAFFE pipeline on a simulated night.

use phoenix_io::fits::{ColumnData, FitsFile};
use phoenix_sim::night::{self, FibreTruth, FrameSize};
use phoenix_testkit::peers;

use crate::chain::{Chain, is_nightly, median};

/// What the wavelength calibration and the extraction need of the fibres.
const FIBRES: [&str; 6] = [
    "MASTER_BIAS",
    "FF_LOCCENTROID",
    "FF_LOCWIDTH",
    "FIBER_PROFILE",
    "GRATING_DATA",
    "SLIT_GEOMETRY_SETUP",
];

fn detector(chain: &mut Chain, truth: &FibreTruth) {
    chain.run("gimasterbias", &[], ("BIAS", "BIAS", 5), &[]);
    chain.run("gimasterdark", &[], ("DARK", "DARK", 3), &["MASTER_BIAS"]);
    let level = median(chain.image("MASTER_BIAS").1);
    assert!((level - truth.ccd.bias_adu).abs() < 0.6, "{level}");
    let (_, dark) = chain.image("MASTER_DARK");
    let exposure = truth.exposures.iter().find(|one| one.dpr_type == "DARK").unwrap();
    // The master is per second; beside the dark current it has what cosmic rays leave, some thousand electrons each.
    let dark_adu = dark.iter().sum::<f64>() / dark.len() as f64 * exposure.exptime_s;
    let expected = 0.5 * truth.ccd.dark_e_per_h / truth.ccd.conad_e_per_adu;
    assert!((-0.2..1.5).contains(&(dark_adu - expected)), "{dark_adu} {expected}");
}

#[test]
fn the_detector_recipes_find_level_and_dark_current() {
    let Some(esorex) = peers::esorex("gimasterbias") else {
        return;
    };
    let (mut chain, truth) = Chain::lay(esorex, night::giraffe(21, FrameSize::Small));
    detector(&mut chain, &truth);
}

#[test]
fn the_whole_cascade_finds_fibres_lines_and_stars() {
    if !is_nightly() {
        return;
    }
    let Some(esorex) = peers::esorex("giscience") else {
        return;
    };
    let (mut chain, truth) = Chain::lay(esorex, night::giraffe(22, FrameSize::Full));
    detector(&mut chain, &truth);
    let geometry = ["MASTER_BIAS", "GRATING_DATA", "SLIT_GEOMETRY_MASTER"];
    chain.run("gimasterflat", &[], ("LAMP,FLAT", "FIBER_FLAT", 3), &geometry);
    let n_lit = truth.fibres.iter().filter(|fibre| !fibre.is_calibration()).count();
    assert_eq!(chain.image("FF_LOCCENTROID").0, [truth.optics.n_y, n_lit]);
    assert_traces(&chain, &truth);
    let mut known = FIBRES.to_vec();
    known.push("LINE_CATALOG");
    chain.run("giwavecalibration", &[], ("LAMP,WAVE", "ARC_SPECTRUM", 1), &known);
    let mut known = FIBRES.to_vec();
    known.extend(["FF_EXTSPECTRA", "FF_EXTERRORS", "DISPERSION_SOLUTION"]);
    let options = ["--siwc-apply=FALSE", "--generate-SDP-format=TRUE"];
    chain.run("giscience", &options, ("OBJECT", "SCIENCE", 1), &known);
    assert_stars(&chain, &truth);
}

/// The traces lie where the optics put the fibres.
fn assert_traces(chain: &Chain, truth: &FibreTruth) {
    let (_, centres) = chain.image("FF_LOCCENTROID");
    let lit: Vec<_> = truth.fibres.iter().filter(|fibre| !fibre.is_calibration()).collect();
    let mut misses = Vec::new();
    for (index, fibre) in lit.iter().enumerate() {
        for lambda_nm in [566.0, 572.8, 580.0] {
            let [x, y] = truth.optics.position(fibre, lambda_nm).unwrap();
            let row = y.round() as usize - 1;
            misses.push(centres[row * lit.len() + index] - x);
        }
    }
    let middle = median(misses.clone());
    let spread = 1.4826 * median(misses.iter().map(|miss| (miss - middle).abs()).collect());
    // The recipe counts pixels from 0.
    assert!((middle + 1.0).abs() < 0.1 && spread < 0.1, "{middle} {spread}");
}

/// The rebinned spectra are the stars', line by line, up to one factor for all fibres.
fn assert_stars(chain: &Chain, truth: &FibreTruth) {
    let file = FitsFile::open(chain.product("SCIENCE_RBNSPECTRA")).unwrap();
    let header = &file.primary().unwrap().header;
    let (shape, flux) = chain.image("SCIENCE_RBNSPECTRA");
    let (n_lambda, n_fibres) = (shape[0], shape[1]);
    let (start, step) = (header.f64("CRVAL2").unwrap(), header.f64("CDELT2").unwrap());
    let table = file.table(1).unwrap();
    let buttons: Vec<usize> = match &table.column("RP").unwrap().data {
        ColumnData::Number(values) => values.to_f64().iter().map(|value| *value as usize).collect(),
        ColumnData::Text(texts) => texts.iter().map(|text| text.trim().parse().unwrap()).collect(),
        _ => panic!("RP names the retractors"),
    };
    let exposure = truth.exposures.iter().find(|one| one.field.is_some()).unwrap();
    let field = truth
        .fields
        .iter()
        .find(|field| Some(&field.0) == exposure.field.as_ref())
        .unwrap();
    let mut factors = Vec::new();
    let mut shifts = Vec::new();
    for (index, button) in buttons.iter().enumerate() {
        let Some(star) = field
            .1
            .iter()
            .find(|target| target.button == *button)
            .and_then(|target| target.star.as_ref())
        else {
            continue;
        };
        let expected = |i: usize| {
            let lambda_nm = start + step * i as f64;
            // The flat takes out the fibre and the lamp's own colour.
            star.flux(lambda_nm, truth.resolution) / (1.0 - ((lambda_nm - 572.8) / 24.0).powi(2))
        };
        let used: Vec<usize> = (600..n_lambda - 600)
            .filter(|i| {
                let lambda_nm = start + step * *i as f64;
                truth.sky_lines.iter().all(|line| (line.0 - lambda_nm).abs() > 0.1)
            })
            .collect();
        let ratio = median(used.iter().map(|i| flux[i * n_fibres + index] / expected(*i)).collect());
        let (mut up, mut down) = (0.0, 0.0);
        for i in used {
            let slope = 0.5 * ratio * (expected(i + 1) - expected(i - 1)) / step;
            up -= (flux[i * n_fibres + index] - ratio * expected(i)) * slope;
            down += slope * slope;
        }
        factors.push(ratio * star.flux_550 / (star.flux_550 + 4.0e-17 * 1.13));
        shifts.push(up / down / 572.8 * 299_792_458.0);
    }
    assert_eq!(factors.len(), 114);
    let middle = median(factors.clone());
    let spread = 1.4826 * median(factors.iter().map(|factor| (factor / middle - 1.0).abs()).collect());
    assert!(spread < 0.04, "{spread}");
    let drift_m_s = median(shifts.clone());
    let scatter_m_s = 1.4826 * median(shifts.iter().map(|shift| (shift - drift_m_s).abs()).collect());
    assert!(
        drift_m_s.abs() < 150.0 && scatter_m_s < 300.0,
        "{drift_m_s} {scatter_m_s}"
    );
}
