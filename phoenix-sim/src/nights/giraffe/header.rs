//! Headers of raw GIRAFFE frames.
//!
//! Keys, comments and usual values after a raw fibre flat of 2005 and the dictionaries `GIRAFFE_ICS`, `GIRAFFE_OS` and
//! `CCDDCS`; names of programmes and people are invented.

use phoenix_core::header::Header;

use super::super::cards::{Cards, rounded};
use super::super::shot::Site;
use super::plan::Planned;
use crate::ccd::Ccd;
use crate::fibre::Optics;

pub(crate) const SITE: Site = Site {
    telescope: "ESO-VLT-U2",
    instrument: "GIRAFFE",
    archive: "GIRAF",
};

/// Gain, noise and scans of that flat; the other figures are usual ones of the type of chip.
pub(crate) const CHIP: Ccd = Ccd {
    conad_e_per_adu: 2.25,
    ron_e: 4.21,
    bias_adu: 200.0,
    prescan: 50,
    overscan: 50,
    dark_e_per_h: 1.5,
    response_scatter: 0.006,
    cosmics_per_h: 3.0e-4,
};

/// Makes the primary header of a frame.
pub(crate) fn primary(one: &Planned, arcfile: &str, optics: &Optics) -> Header {
    let mut cards = Cards::new();
    one.shot.cards(&mut cards, &SITE);
    let kind: String = one.shot.dpr.kind.chars().filter(char::is_ascii_alphabetic).collect();
    let clock = arcfile.get(17..25).unwrap_or("000000").replace(':', "");
    let number = one.shot.template.number;
    cards.push(
        "ORIGFILE",
        format!("FLAMES_GIRAF_{kind}_{clock}_{number:04}.fits"),
        "Original File Name",
    );
    for axis in 1..=2 {
        cards.push(&format!("CTYPE{axis}"), "PIXEL", "Pixel coordinate system");
        cards.push(&format!("CRVAL{axis}"), 1.0, "value of ref pixel");
        cards.push(&format!("CRPIX{axis}"), 1.0, "Ref. pixel of center of rotation");
        cards.push(&format!("CDELT{axis}"), 1.0, "Binning factor");
    }
    cards.push("BUNIT", "adu", "Unit of the pixels");
    cards.push("IMAGETYP", one.shot.dpr.kind, "Observation type");
    let place = one.shot.pointing();
    cards.push(
        "TEL.TARG.ALPHA",
        sexagesimal(place.ra_deg / 15.0),
        "Alpha coordinate for the target",
    );
    cards.push(
        "TEL.TARG.DELTA",
        sexagesimal(place.dec_deg),
        "Delta coordinate for the target",
    );
    cards.push("ADA.POSANG", 0.0, "Position angle at start");
    instrument(one, &mut cards);
    detector(one, optics, &mut cards);
    cards.0
}

/// Packs degrees or hours as the telescope's headers do: 201530.5 is 20:15:30.5.
fn sexagesimal(value: f64) -> f64 {
    let seconds = (value.abs() * 3600.0 * 1e3).round() / 1e3;
    let (whole, minutes) = ((seconds / 3600.0).floor(), (seconds / 60.0).floor() % 60.0);
    let packed = whole * 10_000.0 + minutes * 100.0 + (seconds - whole * 3600.0 - minutes * 60.0);
    rounded(packed, 3) * value.signum()
}

fn instrument(one: &Planned, cards: &mut Cards) {
    cards.push("INS.EXP.MODE", "H572.8", "Exposure mode");
    cards.push("INS.MODE", "MED", "Instrument mode used");
    cards.push("INS.PATH", "Medusa", "Optical path used");
    cards.push("INS.SLIT.NAME", "Medusa1", "Slit name");
    cards.push("INS.SLITS.NAME", "Medusa1", "Slit selection carriage element name");
    cards.push("INS.OBSPLATE", 1, "Plate that is observed");
    cards.push("INS.FILT.NAME", "H572.8", "Filter name");
    cards.push("INS.GRAT.ID", "HR", "Grating unique ID");
    cards.push("INS.GRAT.NAME", "HR", "Grating common name");
    cards.push("INS.GRAT.ORDER", 9, "Grating order number");
    cards.push("INS.GRAT.WLEN", 572.8, "Grating central wavelength [nm]");
    // Grooves per nanometre, as the recipes take them; real headers give some setups a negative sign.
    cards.push("INS.GRAT.GROOVES", 0.000_316, "Grating grooves / nm [gr/nm]");
    cards.push("INS.GRAT.GROOVD", 0.003_164, "Grating groove distance");
    let is_lit = |kind: &str| one.shot.dpr.kind == kind;
    cards.push("INS.LAMP4.NAME", "Hal_Scb", "Lamp name");
    cards.push("INS.LAMP4.ST", false, "Lamp activated");
    cards.push("INS.LAMP5.NAME", "ThAr_Scb", "Lamp name");
    cards.push("INS.LAMP5.ST", false, "Lamp activated");
    cards.push("INS.OPTI1.POS", 1, "Position");
    cards.push("INS1.OPTI1.POS", 1, "Position");
    cards.push("INS1.PATH", "OzPoz", "Optical path used");
    if is_lit("LAMP,FLAT") {
        cards.push("INS1.OPTI2.NAME", "TUNGSTEN", "OPTIi name");
    } else if is_lit("LAMP,WAVE") {
        cards.push("INS1.OPTI2.NAME", "THORIUM", "OPTIi name");
    }
    cards.push("INS.TEMP1.VAL", 12.0, "Temperature Sensor numeric value");
}

fn detector(one: &Planned, optics: &Optics, cards: &mut Cards) {
    let (nx, ny) = (optics.n_x, optics.n_y);
    cards.push("DET.ID", "CCD FIERA", "Detector system Id");
    cards.push("DET.NAME", "ccdFg - ccdeev44", "Name of detector system");
    cards.push("DET.BITS", 16, "Bits per pixel readout");
    cards.push("DET.CHIPS", 1, "# of chips in detector array");
    cards.push("DET.OUTPUTS", 1, "# of outputs");
    cards.push("DET.WINDOWS", 1, "# of windows readout");
    cards.push("DET.CHIP1.ID", "CCD44-82", "Detector chip identification");
    cards.push("DET.CHIP1.NAME", "Carreras", "Detector chip name");
    cards.push("DET.CHIP1.NX", nx, "# of pixels along X");
    cards.push("DET.CHIP1.NY", ny, "# of pixels along Y");
    cards.push("DET.CHIP1.PSZX", 15.0, "Size of pixel in X");
    cards.push("DET.CHIP1.PSZY", 15.0, "Size of pixel in Y");
    cards.push("DET.OUT1.NX", nx, "valid pixels along X");
    cards.push("DET.OUT1.NY", ny, "valid pixels along Y");
    cards.push("DET.OUT1.PRSCX", CHIP.prescan, "Prescan region in X");
    cards.push("DET.OUT1.PRSCY", 0, "Prescan region in Y");
    cards.push("DET.OUT1.OVSCX", CHIP.overscan, "Overscan region in X");
    cards.push("DET.OUT1.OVSCY", 0, "Overscan region in Y");
    cards.push(
        "DET.OUT1.CONAD",
        CHIP.conad_e_per_adu,
        "Conversion from ADUs to electrons",
    );
    cards.push(
        "DET.OUT1.GAIN",
        rounded(1.0 / CHIP.conad_e_per_adu, 6),
        "Conversion from electrons to ADU",
    );
    cards.push("DET.OUT1.RON", CHIP.ron_e, "Readout noise per output (e-)");
    cards.push("DET.READ.CLOCK", "225kpx_1x1_LG", "Readout clock pattern used");
    cards.push("DET.READ.MODE", "normal", "Readout method");
    cards.push("DET.READ.SPEED", "Normal", "Readout speed");
    cards.push(
        "DET.EXP.TYPE",
        if one.shot.dpr.kind == "DARK" { "Dark" } else { "Normal" },
        "Exposure type",
    );
    cards.push("DET.WIN1.STRX", 1, "Lower left pixel in X");
    cards.push("DET.WIN1.STRY", 1 + (4096 - ny) / 2, "Lower left pixel in Y");
    cards.push("DET.WIN1.NX", nx + CHIP.prescan + CHIP.overscan, "# of pixels along X");
    cards.push("DET.WIN1.NY", ny, "# of pixels along Y");
    cards.push("DET.WIN1.BINX", 1, "Binning factor along X");
    cards.push("DET.WIN1.BINY", 1, "Binning factor along Y");
    cards.push("DET.WIN1.NDIT", 1, "# of subintegrations");
    cards.push("DET.WIN1.UIT1", one.shot.exptime_s, "user defined subintegration time");
    cards.push("DET.WIN1.DIT1", one.shot.exptime_s, "actual subintegration time");
}

#[cfg(test)]
mod tests {
    use super::sexagesimal;

    #[test]
    fn coordinates_are_packed_as_the_telescope_does() {
        assert!((sexagesimal(20.258_472_222) - 201_530.5).abs() < 1e-3);
        assert!((sexagesimal(-24.612_777_78) + 243_646.0).abs() < 1e-3);
    }
}
