//! Headers of raw UVES frames.
//!
//! Keys, comments and usual values after raw frames of 2000 (both arms) and 2010 and the dictionaries `UVES_ICS`,
//! `UVES_OS` and `CCDDCS`; names of programmes and people are invented.

use phoenix_core::header::Header;

use super::super::cards::{Cards, rounded};
use super::super::shot::Site;
use super::light::PIXSCALE_ARCSEC;
use super::plan::{Planned, SLIT_WIDTH_ARCSEC};
use super::{Arm, ChipTruth};
use crate::ccd::Ccd;

pub(crate) const SITE: Site = Site {
    telescope: "ESO-VLT-U2",
    instrument: "UVES",
    archive: "UVES",
};

/// Gain, noise and scans of a raw blue flat of 2000; the other figures are usual ones of the type of chip.
pub(crate) const EEV_BLUE: Ccd = Ccd {
    conad_e_per_adu: 2.03,
    ron_e: 3.9,
    bias_adu: 150.0,
    prescan: 50,
    overscan: 50,
    dark_e_per_h: 0.4,
    response_scatter: 0.006,
    cosmics_per_h: 3.0e-4,
};
/// The same of a raw red flat of 2000.
pub(crate) const EEV_RED: Ccd = Ccd {
    conad_e_per_adu: 1.46,
    ron_e: 3.69,
    bias_adu: 170.0,
    ..EEV_BLUE
};
/// The upper red chip, with its own level.
pub(crate) const MIT_RED: Ccd = Ccd {
    conad_e_per_adu: 1.52,
    ron_e: 3.4,
    bias_adu: 185.0,
    ..EEV_BLUE
};

/// What a header says of a chip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chip {
    key: &'static str,
    id: &'static str,
    name: &'static str,
}

impl Chip {
    pub(crate) fn of(name: &str) -> Self {
        let (key, id, name) = match name {
            "REDU" => ("CHIP1", "CCID-20", "MIT/LL mosaic"),
            "REDL" => ("CHIP2", "CCD-44", "EEV"),
            _ => ("CHIP1", "CCD-44", "EEV CCD-44"),
        };
        Self { key, id, name }
    }
}

/// Makes the cards that stand in the primary header of both arms.
pub(crate) fn primary(arm: Arm, one: &Planned, arcfile: &str) -> Header {
    let mut cards = Cards::new();
    one.shot.cards(&mut cards, &SITE);
    let (path, origin) = match arm {
        Arm::Blue => ("BLUE", "UVES_BLUE"),
        Arm::Red => ("RED", "UVES_RED"),
    };
    let kind: String = one.shot.dpr.kind.chars().filter(char::is_ascii_alphabetic).collect();
    let number = one.shot.template.number;
    let clock = arcfile.get(16..24).unwrap_or("000000").replace(':', "");
    cards.push(
        "ORIGFILE",
        format!("{origin}_{kind}_{clock}_{number:04}.fits"),
        "Original File Name",
    );
    cards.push("INS.MODE", path, "Instrument mode used");
    cards.push("INS.PATH", path, "Optical path used");
    cards.push(
        "INS.PIXSCALE",
        PIXSCALE_ARCSEC[usize::from(arm == Arm::Red)],
        "Pixel scale",
    );
    cards.push("INS.SLIT1.NAME", "FREE", "Slit common name");
    cards.push("INS.SLIT1.NO", 1, "Slide position");
    cards.push("INS.DROT.MODE", "ELEV", "Instrument derotator mode");
    cards.push("INS.ADC.MODE", "OFF", "ADC mode");
    cards.push("INS.OPTI1.NAME", "OUT", "General Optical device common name");
    optics(arm, one, &mut cards);
    for (key, name, value) in [
        ("TEMP1", "Temp. blue camera", 12.0),
        ("TEMP2", "Temp. red camera", 12.0),
        ("TEMP3", "Temp. table", 12.4),
        ("TEMP4", "Temp. inside air", 12.3),
        ("TEMP31", "Iodine cell temp.", 10.0),
        ("SENS26", "Barometer pressure", 744.0),
    ] {
        cards.push(&format!("INS.{key}.NAME"), name, "Sensor name");
        cards.push(&format!("INS.{key}.MIN"), value, "Minimum value");
        cards.push(&format!("INS.{key}.MAX"), value, "Maximum value");
        cards.push(&format!("INS.{key}.MEAN"), value, "Average value");
    }
    detector(arm, one, &mut cards);
    cards.0
}

fn optics(arm: Arm, one: &Planned, cards: &mut Cards) {
    let (slit, grating, filter) = match arm {
        Arm::Blue => ("SLIT2", "GRAT1", ("FILT2", "HER_5")),
        Arm::Red => ("SLIT3", "GRAT2", ("FILT3", "SHP700")),
    };
    let (name, grooves_per_nm, rotation_deg, lambda_nm) = match arm {
        Arm::Blue => ("CD#2", 0.00066, 22.5, 437.0),
        Arm::Red => ("CD#3", 0.0006, 22.668, 580.0),
    };
    let push = |cards: &mut Cards, key: &str, value: f64, comment: &str| {
        cards.push(&format!("INS.{slit}.{key}"), value, comment);
    };
    push(cards, "WID", SLIT_WIDTH_ARCSEC, "Slit width (arcsec)");
    push(cards, "LEN", one.slit_length_arcsec, "Slit length (arcsec)");
    // Encoders of the slit's jaws; the recipes compare them between frames.
    cards.push(
        &format!("INS.{slit}.X1ENC"),
        7747,
        "Slit Horizontal left motor absolute encoder",
    );
    cards.push(
        &format!("INS.{slit}.X2ENC"),
        7652,
        "Slit Horizontal right motor absolute encoder",
    );
    cards.push(&format!("INS.{grating}.ID"), name, "Grating unique ID");
    cards.push(&format!("INS.{grating}.NAME"), name, "Grating common name");
    cards.push(&format!("INS.{grating}.GRV"), grooves_per_nm, "Grating grooves/nm");
    cards.push(&format!("INS.{grating}.ROT"), rotation_deg, "Grating rot angle");
    cards.push(&format!("INS.{grating}.WLEN"), lambda_nm, "Grating central wavelength");
    cards.push(&format!("INS.{}.NAME", filter.0), filter.1, "Filter common name");
    cards.push("INS.TILT1.POS", 0.0, "Science camera tilt (pixels)");
    let lamp = match one.shot.dpr.kind {
        "LAMP,FMTCHK" | "LAMP,WAVE" => Some(("LAMP2", "Thorium-Argon lamp")),
        "LAMP,ORDERDEF" | "LAMP,FLAT" => Some(("LAMP4", "FF lamp 2")),
        _ => None,
    };
    if let Some((key, name)) = lamp {
        cards.push(&format!("INS.{key}.NAME"), name, "Lamp name");
        cards.push(&format!("INS.{key}.ST"), true, "Calibration lamp activated");
    }
}

fn detector(arm: Arm, one: &Planned, cards: &mut Cards) {
    let (n_chips, name, speed, clock) = match arm {
        Arm::Blue => (1, "ccdUvB - uvesb", "1pt/225kHz/lg", "225kHz/1port/lo"),
        Arm::Red => (2, "ccdUvR - uvesr", "2pts/225kHz/lg", "225kHz/2ports/l"),
    };
    cards.push("DET.ID", "CCD FIERA - Rev 2.60", "Detector system Id");
    cards.push("DET.NAME", name, "Name of detector system");
    cards.push("DET.BITS", 16, "Bits per pixel readout");
    cards.push("DET.CHIPS", n_chips, "# of chips in detector array");
    cards.push("DET.OUTPUTS", n_chips, "# of outputs");
    cards.push("DET.WINDOWS", 1, "# of windows readout");
    cards.push(
        "DET.EXP.TYPE",
        if one.shot.dpr.kind == "DARK" { "Dark" } else { "Normal" },
        "Exposure type",
    );
    cards.push("DET.READ.MODE", "normal", "Readout method");
    cards.push("DET.READ.SPEED", speed, "Readout speed");
    cards.push("DET.READ.CLOCK", clock, "Readout clock pattern used");
    cards.push("DET.WIN1.NDIT", 1, "# of subintegrations");
    cards.push("DET.WIN1.UIT1", one.shot.exptime_s, "user defined subintegration time");
    cards.push("DET.WIN1.DIT1", one.shot.exptime_s, "actual subintegration time");
}

/// Appends what was read out.
pub(crate) fn window(arm: Arm, header: &mut Header, chips: &[ChipTruth]) {
    let Some(chip) = chips.first() else { return };
    let binning = chip.binning;
    let width = (chip.format.n_y + chip.ccd.prescan + chip.ccd.overscan) / binning;
    let n_chips = if arm == Arm::Red { 2 } else { 1 };
    header.set("DET.WIN1.STRX", 1, "Lower left pixel in X");
    header.set("DET.WIN1.STRY", 1, "Lower left pixel in Y");
    header.set("DET.WIN1.NX", width * n_chips, "# of pixels along X");
    header.set("DET.WIN1.NY", chip.format.n_x / binning, "# of pixels along Y");
    header.set("DET.WIN1.BINX", binning, "Binning factor along X");
    header.set("DET.WIN1.BINY", binning, "Binning factor along Y");
}

/// Makes the cards of a chip: in the primary header of the blue arm, in the extensions of the red one.
pub(crate) fn chip(chip: Chip, truth: &ChipTruth, (rows, _): (usize, usize)) -> Header {
    let mut cards = Cards::new();
    let binning = truth.binning;
    for axis in 1..=2 {
        cards.push(&format!("CTYPE{axis}"), "PIXEL", "Pixel coordinate system");
        cards.push(&format!("CRVAL{axis}"), 1.0, "value of ref pixel");
        cards.push(&format!("CRPIX{axis}"), 1.0, "Ref. pixel of center of rotation");
        cards.push(&format!("CDELT{axis}"), binning as f64, "Binning factor");
    }
    cards.push("BUNIT", "adu", "Unit of the pixels");
    let key = chip.key;
    cards.push(&format!("DET.{key}.ID"), chip.id, "Detector chip identification");
    cards.push(&format!("DET.{key}.NAME"), chip.name, "Detector chip name");
    cards.push(&format!("DET.{key}.NX"), 2048, "# of pixels along X");
    cards.push(&format!("DET.{key}.NY"), 4096, "# of pixels along Y");
    cards.push(&format!("DET.{key}.PSZX"), 15.0, "Size of pixel in X");
    cards.push(&format!("DET.{key}.PSZY"), 15.0, "Size of pixel in Y");
    cards.push("DET.OUT1.NAME", "L", "Description of output");
    cards.push("DET.OUT1.CHIP", 1, "Chip to which the output belongs");
    cards.push("DET.OUT1.NX", truth.format.n_y / binning, "valid pixels along X");
    cards.push("DET.OUT1.NY", rows, "valid pixels along Y");
    cards.push("DET.OUT1.PRSCX", truth.ccd.prescan / binning, "Prescan region in X");
    cards.push("DET.OUT1.PRSCY", 0, "Prescan region in Y");
    cards.push("DET.OUT1.OVSCX", truth.ccd.overscan / binning, "Overscan region in X");
    cards.push("DET.OUT1.OVSCY", 0, "Overscan region in Y");
    cards.push(
        "DET.OUT1.CONAD",
        truth.ccd.conad_e_per_adu,
        "Conversion from ADUs to electrons",
    );
    cards.push("DET.OUT1.RON", truth.ccd.ron_e, "Readout noise per output (e-)");
    cards.push(
        "DET.OUT1.GAIN",
        rounded(1.0 / truth.ccd.conad_e_per_adu, 6),
        "Conversion from electrons to ADU",
    );
    cards.0
}
