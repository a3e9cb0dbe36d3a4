//! Headers of a night of XSHOOTER: three arms; stare, nod and offset.
//!
//! Keys and values after a raw frame of 2009, the tables of raw frames of 2010 to 2012 and the classification rules.

use phoenix_core::header::Header;

use super::super::cards::Cards;
use super::super::shot::{Shot, Site};
use super::{Run, begin};
use crate::projection::SkyPoint;
use crate::random::{Purpose, Stream};

const SITE: Site = Site {
    telescope: "ESO-VLT-U2",
    instrument: "XSHOOTER",
    archive: "XSHOO",
};

/// An arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    Uvb,
    Vis,
    Nir,
}

impl Arm {
    fn name(self) -> &'static str {
        match self {
            Self::Uvb => "UVB",
            Self::Vis => "VIS",
            Self::Nir => "NIR",
        }
    }
}

/// A run with what an arm's header says beside its type.
struct Lit {
    run: Run,
    arm: Arm,
    /// Number of the lamp that is on.
    lamp: Option<usize>,
    slit: &'static str,
}

/// Slits of the arms in science exposures.
const SLITS: [&str; 3] = ["1.0x11", "0.9x11", "0.9x11"];
/// Names of the lamps.
const LAMPS: [&str; 6] = [
    "UVB_VIS_ThAr",
    "NIR_ArKrNeXe",
    "UVB_Low_D2_Lamp",
    "UVB_High_Quar_Lamp",
    "VIS_Quar_Lamp",
    "NIR_FF_lamp",
];

/// Makes the headers of the night, by time.
pub(crate) fn headers(seed: u64) -> Vec<Header> {
    let mut random = Stream::new(seed, Purpose::Schedule, 1);
    let mut shots: Vec<(Shot, Header)> = [Arm::Uvb, Arm::Vis, Arm::Nir]
        .into_iter()
        .flat_map(|arm| calibrations(arm).into_iter().chain(observations(arm)))
        .flat_map(|lit| {
            let late_s = match lit.arm {
                Arm::Uvb => 0.0,
                Arm::Vis => 5.017,
                Arm::Nir => 8.141,
            } + random.uniform(0.0, 2.0);
            let shots = lit.run.shots(30.211, late_s);
            shots.into_iter().map(move |shot| {
                let header = header(&lit, &shot);
                (shot, header)
            })
        })
        .collect();
    shots.sort_by(|a, b| a.0.start.0.total_cmp(&b.0.start.0));
    shots.into_iter().map(|(_, header)| header).collect()
}

fn calibrations(arm: Arm) -> Vec<Lit> {
    let slit = SLITS[arm as usize];
    let lit = |run, lamp, slit| Lit { run, arm, lamp, slit };
    // Each arm's daytime run follows the one before.
    let hour = 8.4 + 1.1 * f64::from(arm as u8);
    let at = |minutes: f64| hour + minutes / 60.0;
    let pinhole = "Pin_0.5";
    let arc = match arm {
        Arm::Nir => 2,
        _ => 1,
    };
    let template = |uvb, vis, nir| match arm {
        Arm::Uvb => uvb,
        Arm::Vis => vis,
        Arm::Nir => nir,
    };
    let mut runs = Vec::new();
    if arm == Arm::Nir {
        for (index, dit_s) in (0_u8..).zip([5.0, 300.0, 600.0]) {
            let run = Run::calib(
                at(f64::from(index)),
                3,
                dit_s,
                ("DARK", "IMAGE"),
                "XSHOOTER_gen_cal_DarkNIR",
            );
            runs.push(lit(run, None, "Blind"));
        }
    } else {
        let id = template("XSHOOTER_gen_cal_BiasUVB", "XSHOOTER_gen_cal_BiasVIS", "");
        runs.push(lit(Run::calib(at(0.0), 5, 0.0, ("BIAS", "IMAGE"), id), None, slit));
        let id = template("XSHOOTER_gen_cal_DarkUVB", "XSHOOTER_gen_cal_DarkVIS", "");
        runs.push(lit(Run::calib(at(1.0), 3, 1800.0, ("DARK", "IMAGE"), id), None, slit));
    }
    let with_off = |minutes, n, exptime_s, (kind, tech), id, lamp, slit| {
        let mut both = vec![lit(
            Run::calib(at(minutes), n, exptime_s, (kind, tech), id),
            Some(lamp),
            slit,
        )];
        if arm == Arm::Nir {
            // The infrared background is taken with the lamp off, and such frames are images by name.
            both.push(lit(
                Run::calib(at(minutes + 0.5), n, exptime_s, (kind, "IMAGE"), id),
                None,
                slit,
            ));
        }
        both
    };
    runs.extend(with_off(
        5.0,
        1,
        20.0,
        ("LAMP,FMTCHK", "ECHELLE,PINHOLE"),
        "XSHOOTER_slt_cal_FmtChk",
        arc,
        pinhole,
    ));
    if arm == Arm::Uvb {
        for (kind, lamp) in [("LAMP,DORDERDEF", 3), ("LAMP,QORDERDEF", 4)] {
            let run = Run::calib(
                at(7.0 + 0.6 * lamp as f64),
                1,
                15.0,
                (kind, "ECHELLE,PINHOLE"),
                "XSHOOTER_slt_cal_Orderdef",
            );
            runs.push(lit(run, Some(lamp), pinhole));
        }
        for (kind, lamp) in [("LAMP,DFLAT", 3), ("LAMP,QFLAT", 4)] {
            let run = Run::calib(
                at(10.0 + lamp as f64),
                5,
                12.0,
                (kind, "ECHELLE,SLIT"),
                "XSHOOTER_slt_cal_UVBFlat",
            );
            runs.push(lit(run, Some(lamp), slit));
        }
    } else {
        let lamp = if arm == Arm::Vis { 5 } else { 6 };
        let tech = ("LAMP,ORDERDEF", "ECHELLE,PINHOLE");
        runs.extend(with_off(8.0, 1, 2.0, tech, "XSHOOTER_slt_cal_Orderdef", lamp, pinhole));
        let id = template("", "XSHOOTER_slt_cal_VISFlat", "XSHOOTER_slt_cal_NIRFlat");
        runs.extend(with_off(12.0, 5, 20.0, ("LAMP,FLAT", "ECHELLE,SLIT"), id, lamp, slit));
    }
    let tech = ("LAMP,WAVE", "ECHELLE,MULTI-PINHOLE");
    runs.extend(with_off(25.0, 1, 60.0, tech, "XSHOOTER_slt_cal_Wave2d", arc, "Pin_row"));
    let tech = ("LAMP,WAVE", "ECHELLE,SLIT");
    runs.extend(with_off(29.0, 1, 30.0, tech, "XSHOOTER_slt_cal_Arc", arc, slit));
    runs
}

/// A visit to a target: hour, block, category, target and its place, type, technique, template, exposures, their time if
/// it is short.
type Visit = (
    f64,
    i64,
    &'static str,
    (&'static str, f64, f64),
    (&'static str, &'static str),
    &'static str,
    usize,
    Option<f64>,
);

const STARE: &str = "ECHELLE,SLIT,STARE";
const NOD: &str = "ECHELLE,SLIT,NODDING";
const OFFSET: &str = "ECHELLE,SLIT,OFFSET";
const STANDARD: (&str, f64, f64) = ("LTT3864", 158.0567, -35.6283);
const TELLURIC: (&str, f64, f64) = ("SIM-TELLURIC", 214.84, -30.92);
const OFFSET_TEMPLATE: &str = "XSHOOTER_slt_obs_FixedSkyOffset";

#[rustfmt::skip]
const VISITS: [Visit; 7] = [
    (-0.7, 200_170_010, "CALIB", STANDARD, ("STD,FLUX", STARE), "XSHOOTER_slt_cal_StandardStare", 1, Some(120.0)),
    (-0.4, 200_170_011, "CALIB", STANDARD, ("STD,FLUX", NOD), "XSHOOTER_slt_cal_SpecphotNodding", 2, Some(120.0)),
    (9.3, 200_170_012, "CALIB", STANDARD, ("STD,FLUX", OFFSET), "XSHOOTER_slt_cal_SpecphotOffset", 2, Some(120.0)),
    (0.2, 1_384_301, "SCIENCE", ("SIM-XSH-STARE", 176.11, -22.43), ("OBJECT", STARE), "XSHOOTER_slt_obs_Stare", 2, None),
    (1.6, 1_384_302, "SCIENCE", ("SIM-XSH-NOD", 210.52, -31.07), ("OBJECT", NOD), "XSHOOTER_slt_obs_AutoNodOnSlit", 4, None),
    (3.0, 1_384_303, "CALIB", TELLURIC, ("STD,TELLURIC", NOD), "XSHOOTER_slt_cal_TelluricStdNod", 2, Some(5.0)),
    (4.1, 1_384_304, "SCIENCE", ("SIM-XSH-OFFSET", 266.42, -29.01), ("OBJECT", OFFSET), OFFSET_TEMPLATE, 2, None),
];

fn observations(arm: Arm) -> Vec<Lit> {
    let slit = SLITS[arm as usize];
    let usual_s = match arm {
        Arm::Uvb => 660.0,
        Arm::Vis => 640.0,
        Arm::Nir => 600.0,
    };
    let arc = if arm == Arm::Nir { 2 } else { 1 };
    let mut runs = Vec::new();
    for (hour, id, catg, (name, ra_deg, dec_deg), dpr, template, n, exptime_s) in VISITS {
        let target = (name, SkyPoint { ra_deg, dec_deg });
        let flexure = ("LAMP,AFC", "ECHELLE");
        runs.push(Lit {
            run: Run::calib(hour - 0.05, 1, 2.0, flexure, "XSHOOTER_slt_acq").on("CALIB", target, id),
            arm,
            lamp: Some(arc),
            slit: "Pin_0.5",
        });
        let on_sky = |run| Lit {
            run,
            arm,
            lamp: None,
            slit,
        };
        let run = Run::calib(hour, n, exptime_s.unwrap_or(usual_s), dpr, template).on(catg, target, id);
        if template == OFFSET_TEMPLATE {
            // One template goes on from the object to the sky beside it.
            let within = (n, 2 * n);
            let sky = Run::calib(hour, n, usual_s, ("SKY", OFFSET), template).on(catg, target, id);
            runs.push(on_sky(Run { within, ..sky }));
            runs.push(on_sky(Run {
                within: (0, 2 * n),
                ..run
            }));
        } else {
            runs.push(on_sky(run));
        }
    }
    runs
}

fn header(lit: &Lit, shot: &Shot) -> Header {
    let arm = lit.arm.name();
    let mut cards = begin(shot, &SITE, &format!("XSHOOTER_{arm}"));
    cards.push("SEQ.ARM", arm, "Spectrograph arm");
    if shot.dpr.tech.ends_with("NODDING") {
        // A, B, B, A: 5 arcsec along the slit.
        let is_b = matches!(shot.template.number % 4, 2 | 3);
        cards.push("SEQ.CUMOFF.X", 0.0, "[arcsec] Cumulative offset");
        cards.push(
            "SEQ.CUMOFF.Y",
            if is_b { -2.5 } else { 2.5 },
            "[arcsec] Cumulative offset",
        );
        cards.push("SEQ.NOD.THROW", 5.0, "[arcsec] Nod throw");
        cards.push("SEQ.JITTER.WIDTH", 0.0, "[arcsec] Jitter width");
    }
    instrument(lit, shot, &mut cards);
    detector(lit.arm, shot, &mut cards);
    cards.0
}

fn instrument(lit: &Lit, shot: &Shot, cards: &mut Cards) {
    let is_day = shot.place.is_none();
    cards.push(
        "INS.MODE",
        if is_day { "CALIB" } else { "SLITSPEC" },
        "Instrument mode used",
    );
    cards.push(
        "INS.PATH",
        if is_day { "CALIB" } else { "XSHOOTER" },
        "Optical path used",
    );
    cards.push("INS.OPTI2.NAME", "SLOT", "OPTIi name");
    for (index, arm) in (0_u8..).zip([Arm::Uvb, Arm::Vis, Arm::Nir]) {
        let slit = if arm == lit.arm { lit.slit } else { SLITS[arm as usize] };
        cards.push(&format!("INS.OPTI{}.NAME", index + 3), slit, "OPTIi name");
    }
    for (number, name) in (1..).zip(LAMPS) {
        cards.push(&format!("INS.LAMP{number}.NAME"), name, "Lamp name");
        cards.push(
            &format!("INS.LAMP{number}.ST"),
            lit.lamp == Some(number),
            "Lamp activated",
        );
    }
    for (number, value) in [(1, 13.91), (4, 13.36), (10, 14.51)] {
        cards.push(&format!("INS.TEMP{number}.VAL"), value, "Temperature [C]");
    }
}

fn detector(arm: Arm, shot: &Shot, cards: &mut Cards) {
    if arm == Arm::Nir {
        cards.push("DET.DIT", shot.exptime_s, "Integration Time");
        cards.push("DET.NDIT", 1, "# of Sub-Integrations");
        cards.push("DET.CHIP.ID", "ESO-Hawaii2RG", "Detector ID");
        cards.push("DET.NCORRS.NAME", "NonDest", "Read-Out Mode Name");
        cards.push("DET.WIN.NX", 2048, "# of Pixels in X");
        cards.push("DET.WIN.NY", 1100, "# of Pixels in Y");
        return;
    }
    let (id, nx, ny, conad, ron) = match arm {
        Arm::Uvb => ("Pisces Austr II", 2144, 3000, 0.62, 2.6),
        _ => ("MIT/LL CCID-20", 2106, 4000, 0.6, 2.9),
    };
    cards.push("DET.CHIPS", 1, "# of chips in detector array");
    cards.push("DET.CHIP1.ID", id, "Detector chip identification");
    cards.push("DET.WIN1.NX", nx, "# of pixels along X");
    cards.push("DET.WIN1.NY", ny, "# of pixels along Y");
    cards.push("DET.WIN1.BINX", 1, "Binning factor along X");
    cards.push("DET.WIN1.BINY", 1, "Binning factor along Y");
    cards.push("DET.WIN1.UIT1", shot.exptime_s, "user defined subintegration time");
    cards.push("DET.OUT1.CONAD", conad, "Conversion from ADUs to electrons");
    cards.push("DET.OUT1.RON", ron, "Readout noise per output (e-)");
    cards.push("DET.READ.CLOCK", "100k/1pt/hg", "Readout clock pattern used");
    cards.push("DET.READ.SPEED", "100k/1pt/hg", "Readout speed");
}
