//! Headers of a night of MUSE: wide and narrow field, with and without adaptive optics.
//!
//! Keys and values after headers of products of 2013 and 2014, `ESO-VLT-DIC.MUSE_*` and the classification rules.

use phoenix_core::header::Header;

use super::super::shot::{Shot, Site};
use super::{Run, begin};
use crate::projection::SkyPoint;
use crate::random::{Purpose, Stream};

const SITE: Site = Site {
    telescope: "ESO-VLT-U4",
    instrument: "MUSE",
    archive: "MUSE",
};

/// The modes of the night: nominal wavelengths.
const MODES: [&str; 3] = ["WFM-NOAO-N", "WFM-AO-N", "NFM-AO-N"];

/// Makes the headers of the night, by time.
pub(crate) fn headers(seed: u64) -> Vec<Header> {
    let mut random = Stream::new(seed, Purpose::Schedule, 2);
    let mut shots: Vec<(Shot, Header)> = runs()
        .into_iter()
        .flat_map(|(run, mode)| {
            let shots = run.shots(61.37, random.uniform(0.0, 9.0));
            shots.into_iter().map(move |shot| {
                let header = header(&shot, mode);
                (shot, header)
            })
        })
        .collect();
    shots.sort_by(|a, b| a.0.start.0.total_cmp(&b.0.start.0));
    shots.into_iter().map(|(_, header)| header).collect()
}

fn runs() -> Vec<(Run, &'static str)> {
    let ifu = |kind: &'static str| (kind, "IFU");
    let point = |ra_deg, dec_deg| SkyPoint { ra_deg, dec_deg };
    let [wide, adaptive, narrow] = MODES;
    // Bias and dark do not depend on the mode, but their headers name the one that was set.
    let mut runs = vec![
        (Run::calib(8.1, 11, 0.0, ifu("BIAS"), "MUSE_wfm_cal_bias"), wide),
        (Run::calib(6.6, 3, 1800.0, ifu("DARK"), "MUSE_wfm_cal_dark"), wide),
    ];
    for ((index, mode), (flat, wave)) in (0_u8..).zip(MODES).zip([
        ("MUSE_wfm_cal_specflat", "MUSE_wfm_cal_wavelength"),
        ("MUSE_wfm_cal_specflat", "MUSE_wfm_cal_wavelength"),
        ("MUSE_nfm_cal_specflat", "MUSE_nfm_cal_wavelength"),
    ]) {
        let hour = 8.5 + 1.1 * f64::from(index);
        runs.push((Run::calib(hour, 11, 1.0, ifu("FLAT,LAMP"), flat), mode));
        for (later, exptime_s) in [(0.3, 8.0), (0.45, 4.0), (0.6, 24.0)] {
            runs.push((Run::calib(hour + later, 3, exptime_s, ifu("WAVE"), wave), mode));
        }
    }
    let twilight = ("SKY", point(190.0, -30.0));
    for (hour, mode) in [(-1.2, wide), (-1.0, adaptive)] {
        let run = Run::calib(hour, 3, 5.0, ifu("FLAT,SKY"), "MUSE_wfm_cal_skyflat").on("CALIB", twilight, 200_170_020);
        runs.push((run, mode));
    }
    for (hour, mode) in [(-0.5, wide), (2.5, adaptive), (5.5, narrow)] {
        let star = ("LTT3218", point(130.392, -32.9408));
        let (template, illumination) = if mode == narrow {
            ("MUSE_nfm-ao_cal_specphot", "MUSE_nfm_cal_illum")
        } else if mode == adaptive {
            ("MUSE_wfm-ao_cal_specphot", "MUSE_wfm_cal_illum")
        } else {
            ("MUSE_wfm-noao_cal_specphot", "MUSE_wfm_cal_illum")
        };
        let run = Run::calib(hour, 1, 60.0, ifu("STD"), template).on("CALIB", star, 200_170_021);
        runs.push((run, mode));
        runs.push((
            Run::calib(hour + 0.1, 1, 0.35, ifu("FLAT,LAMP,ILLUM"), illumination),
            mode,
        ));
    }
    let field = ("ASTROMETRY-FIELD", point(201.6, -47.5));
    let run =
        Run::calib(1.9, 3, 15.0, ifu("ASTROMETRY"), "MUSE_wfm-noao_cal_astrometry").on("CALIB", field, 200_170_022);
    runs.push((run, wide));
    for (hour, n, mode, template, target, block) in [
        (
            0.1,
            4,
            wide,
            "MUSE_wfm-noao_obs_genericoffset",
            ("SIM-MUSE-A", point(183.2, -20.6)),
            1_384_401,
        ),
        (
            3.0,
            3,
            adaptive,
            "MUSE_wfm-ao_obs_genericoffset",
            ("SIM-MUSE-B", point(229.7, -15.2)),
            1_384_402,
        ),
        (
            5.8,
            2,
            narrow,
            "MUSE_nfm-ao_obs_genericoffset",
            ("SIM-MUSE-C", point(274.9, -33.8)),
            1_384_403,
        ),
    ] {
        let run = Run::calib(hour, n, 900.0, ifu("OBJECT"), template).on("SCIENCE", target, block);
        runs.push((run, mode));
        let run = Run::calib(hour + 1.25, 1, 120.0, ifu("SKY"), template).on("SCIENCE", target, block);
        runs.push((run, mode));
    }
    runs
}

fn header(shot: &Shot, mode: &str) -> Header {
    let mut cards = begin(shot, &SITE, "MUSE");
    let number = shot.template.number;
    // Field rotation by 90 degrees and a small offset between the exposures of a block.
    let turn = if shot.dpr.catg == "SCIENCE" {
        90.0 * (number - 1) as f64
    } else {
        0.0
    };
    cards.push("INS.MODE", mode, "Instrument mode used");
    cards.push("INS.DROT.POSANG", turn, "[deg] Position angle");
    cards.push("INS.DROT.BEGIN", 12.5, "[deg] Physical position at start");
    cards.push("INS.DROT.END", 13.1, "[deg] Physical position at end");
    cards.push("INS.OPTI1.NAME", "Blue", "OPTIi name");
    cards.push(
        "INS.OPTI2.NAME",
        if mode.starts_with("NFM") { "NFM" } else { "WFM" },
        "OPTIi name",
    );
    cards.push("INS.TEMP4.VAL", 12.1, "Temperature Sensor numeric value");
    cards.push("INS.TEMP7.VAL", 12.2, "Temperature Sensor numeric value");
    cards.push("INS.TEMP11.VAL", 12.3, "Temperature Sensor numeric value");
    if shot.dpr.catg == "SCIENCE" {
        cards.push(
            "SEQ.CUMOFFSETA",
            0.6 * (number - 1) as f64,
            "[arcsec] Cumulative offset",
        );
        cards.push(
            "SEQ.CUMOFFSETD",
            -0.4 * (number - 1) as f64,
            "[arcsec] Cumulative offset",
        );
    }
    // Lamps light one after the other in a template of arcs.
    let is_arc = shot.dpr.kind == "WAVE";
    let is_flat = shot.dpr.kind.starts_with("FLAT,LAMP");
    for (lamp, name) in (1..).zip(["ContB", "ContR", "Ne", "Xe", "HgCd", "Ne"]) {
        let is_on = (is_flat && lamp <= 2) || (is_arc && lamp == 3 + (shot.exptime_s as usize / 8).min(2));
        cards.push(&format!("INS.LAMP{lamp}.NAME"), name, "Lamp name");
        cards.push(&format!("INS.LAMP{lamp}.ST"), is_on, "Lamp activated");
    }
    cards.push("DET.CHIPS", 24, "# of chips in detector array");
    cards.push("DET.OUTPUTS", 96, "# of outputs");
    cards.push("DET.BINX", 1, "Binning factor along X");
    cards.push("DET.BINY", 1, "Binning factor along Y");
    cards.push("DET.READ.CURID", 1, "Used readout mode id");
    cards.push("DET.READ.CURNAME", "SCI1.0", "Used readout mode name");
    cards.0
}
