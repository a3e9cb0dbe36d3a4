//! The primary header of a reduced pixel table, with the cards that ESO's recipes and the archive's conversion need.
//!
//! Names, comments and typical values follow real headers of MUSE products (2014) and ESO's dictionaries
//! (`ESO-VLT-DIC.MUSE_*`, `ESO-DFS-DIC.MUSE_QC`); names of people and programmes are invented.

mod provenance;

use phoenix_core::header::{Card, Header, Key, Value};

use crate::observation::Observation;
use crate::paranal::{ELEVATION_M, LATITUDE_DEG, LONGITUDE_DEG};
use crate::projection::SkyPoint;
use crate::slice::Summary;

/// In which coordinates a pixel table states positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoordinateState {
    /// Native spherical in rad, as `PIXTABLE_REDUCED` has it.
    Native,
    /// Degrees relative to the header's right ascension and declination, as `PIXTABLE_POSITIONED` has it.
    Positioned,
    /// Spaxels, as after the basic reduction.
    Pixel,
}

/// Appends cards without looking for earlier ones, which is quadratic for thousands of slices.
struct Cards<'a>(&'a mut Header);

impl Cards<'_> {
    fn push(&mut self, key: &str, value: impl Into<Value>, comment: &str) {
        self.0.push(Card {
            key: Key::new(key),
            value: value.into(),
            comment: comment.into(),
        });
    }
}

/// Rounds to the decimals that a header shows, so that the text reads back as the same number.
fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = libm::pow(10.0, f64::from(decimals));
    (value * scale).round() / scale
}

/// Makes the primary header of an observation's pixel table.
pub(crate) fn primary(observation: &Observation, summary: &Summary, state: CoordinateState) -> Header {
    let mut header = Header::new();
    let mut cards = Cards(&mut header);
    general(&mut cards, observation);
    block(&mut cards, observation);
    telescope(&mut cards, observation);
    instrument(&mut cards, observation);
    classification(&mut cards, observation, state);
    provenance::records(&mut cards, observation, summary);
    pixel_table(&mut cards, observation, summary, state);
    if state != CoordinateState::Pixel {
        coordinates(&mut cards, observation, state);
    }
    header
}

fn general(cards: &mut Cards<'_>, observation: &Observation) {
    let conditions = &observation.exposure.conditions;
    let pointing = observation.exposure.header_pointing();
    let track = observation.exposure.track(0.0);
    cards.push("ORIGIN", "ESO-PARANAL", "European Southern Observatory");
    cards.push("TELESCOP", "ESO-VLT-U4", "ESO <TEL>");
    cards.push("INSTRUME", "MUSE", "Instrument used.");
    cards.push("OBJECT", observation.block.target.as_str(), "Original target.");
    cards.push("RA", pointing.ra_deg, "[deg] RA (J2000) pointing");
    cards.push("DEC", pointing.dec_deg, "[deg] DEC (J2000) pointing");
    cards.push("EQUINOX", 2000.0, "Standard FK5");
    cards.push("RADECSYS", "FK5", "Coordinate system");
    cards.push("EXPTIME", conditions.exptime_s, "Integration time");
    cards.push("MJD-OBS", rounded(conditions.start.0, 8), "Obs start");
    cards.push("DATE-OBS", observation.date_obs(), "Observing date");
    let utc_s = (conditions.start.0.fract() * 86_400.0).floor();
    cards.push("UTC", utc_s, "[s] UTC at start");
    cards.push("LST", rounded(track.lst_s, 2), "[s] LST at start");
    cards.push("PI-COI", "UNKNOWN", "PI-COI name.");
    cards.push("OBSERVER", "UNKNOWN", "Name of observer.");
    cards.push(
        "PIPEFILE",
        format!("PIXTABLE_REDUCED_{:04}.fits", observation.number),
        "Filename of data product",
    );
    cards.push("ARCFILE", observation.arcfile(), "Archive File Name");
    let night = phoenix_core::unit::Night::of(conditions.start).to_string();
    let original = format!(
        "MUSE_WFM-NOAO_OBS{}_{:04}.fits",
        night.replace('-', ""),
        observation.number
    );
    cards.push("ORIGFILE", original, "Original File Name");
}

fn block(cards: &mut Cards<'_>, observation: &Observation) {
    let block = &observation.block;
    cards.push("OBS AIRM", 1.8, "Req. max. airmass");
    cards.push("OBS AMBI FWHM", 1.0, "Req. max. seeing");
    cards.push("OBS AMBI TRANS", "2CLR", "Req. sky transparency");
    cards.push("OBS CONTAINER ID", 0_i64, "Scheduling container ID");
    cards.push("OBS CONTAINER TYPE", "", "Scheduling container type");
    cards.push("OBS DID", "ESO-VLT-DIC.OBS-1.12", "OBS Dictionary");
    cards.push("OBS EXECTIME", 3400_i64, "Expected execution time");
    cards.push("OBS GRP", "0", "linked blocks");
    cards.push("OBS ID", block.obs_id, "Observation block ID");
    cards.push("OBS NAME", block.obs_name.as_str(), "OB name");
    cards.push("OBS NTPL", 2_i64, "Number of templates within OB");
    cards.push("OBS OBSERVER", "UNKNOWN", "Observer Name");
    cards.push("OBS PI-COI ID", 1_i64, "ESO internal PI-COI ID");
    cards.push("OBS PI-COI NAME", "UNKNOWN", "PI-COI name");
    cards.push("OBS PROG ID", block.prog_id.as_str(), "ESO program identification");
    cards.push("OBS START", block.start.to_iso(), "OB start time");
    cards.push("OBS TARG NAME", block.target.as_str(), "OB target name");
    cards.push("OBS TPLNO", 2_i64, "Template number within OB");
    cards.push("TPL DID", "ESO-VLT-DIC.TPL-1.9", "Data dictionary for TPL");
    cards.push("TPL EXPNO", observation.number, "Exposure number within template");
    cards.push("TPL ID", block.template_id.as_str(), "Template signature ID");
    cards.push("TPL NAME", block.template_name.as_str(), "Template name");
    cards.push("TPL NEXP", block.n_exposures, "Number of exposures within template");
    cards.push("TPL PRESEQ", "MUSE_obs_offset.seq", "Sequencer script");
    cards.push("TPL START", block.template_start.to_iso(), "TPL start time");
}

fn telescope(cards: &mut Cards<'_>, observation: &Observation) {
    let exposure = &observation.exposure;
    let (start, end) = (exposure.track(0.0), exposure.track(1.0));
    let fwhm = rounded(exposure.conditions.fwhm_arcsec, 3);
    cards.push("TEL AIRM START", rounded(start.airmass, 3), "Airmass at start");
    cards.push("TEL AIRM END", rounded(end.airmass, 3), "Airmass at end");
    cards.push("TEL ALT", rounded(start.altitude_deg, 3), "[deg] Alt angle at start");
    cards.push(
        "TEL AZ",
        rounded(start.azimuth_deg, 3),
        "[deg] Az angle at start S=0,W=90",
    );
    cards.push(
        "TEL AMBI FWHM START",
        rounded(1.1 * fwhm, 2),
        "[arcsec] Observatory Seeing",
    );
    cards.push(
        "TEL AMBI FWHM END",
        rounded(1.1 * fwhm, 2),
        "[arcsec] Observatory Seeing",
    );
    cards.push("TEL AMBI PRES START", 742.63, "[hPa] Observatory ambient air pressure");
    cards.push("TEL AMBI PRES END", 742.78, "[hPa] Observatory ambient air pressure");
    cards.push("TEL AMBI RHUM", 6.5, "[%] Observatory ambient relative humidity");
    cards.push("TEL AMBI TAU0", 0.0038, "[s] Average coherence time");
    cards.push("TEL AMBI TEMP", 14.8, "[deg C] Observatory ambient temperature");
    cards.push("TEL AMBI WINDDIR", 123.0, "[deg] Observatory ambient wind direction");
    cards.push("TEL AMBI WINDSP", 8.78, "[m/s] Observatory ambient wind speed");
    cards.push("TEL GEOELEV", ELEVATION_M, "[m] Elevation above sea level");
    cards.push("TEL GEOLAT", LATITUDE_DEG, "[deg] Tel geo latitute (+=North)");
    cards.push("TEL GEOLON", LONGITUDE_DEG, "[deg] Tel geo longitude (+=East)");
    cards.push("TEL IA FWHM", fwhm, "[arcsec] Delivered seeing corrected by airmass");
    cards.push(
        "TEL IA FWHMLIN",
        rounded(1.05 * fwhm, 3),
        "Delivered seeing on IA detector",
    );
    cards.push("TEL MOON DEC", -8.2, "[deg] DEC (J2000)");
    cards.push("TEL MOON RA", 341.5, "[deg] RA (J2000)");
    cards.push("TEL OPER", "SIMULATED", "Telescope Operator");
    cards.push(
        "TEL PARANG START",
        rounded(start.parallactic_deg, 3),
        "[deg] Parallactic angle at start",
    );
    cards.push(
        "TEL PARANG END",
        rounded(end.parallactic_deg, 3),
        "[deg] Parallactic angle at end",
    );
    cards.push("TEL TARG EQUINOX", 2000.0, "[yr] Equinox");
}

fn instrument(cards: &mut Cards<'_>, observation: &Observation) {
    let exposure = &observation.exposure;
    let detector = &exposure.detector;
    cards.push("INS DATE", "2000-06-16", "Instrument release date (yyyy-mm-dd).");
    cards.push("INS DROT MODE", "SKY", "Instrument derotator mode");
    cards.push(
        "INS DROT POSANG",
        exposure.conditions.posang_deg,
        "[deg] Derotator position angle",
    );
    cards.push("INS MODE", observation.block.ins_mode.as_str(), "Instrument mode used");
    cards.push("INS OPTI1 NAME", "Blue", "OPTIi name");
    cards.push("INS OPTI2 NAME", "WFM", "OPTIi name");
    cards.push("INS PATH", "", "Optical path used");
    cards.push("DET BINX", 1_i64, "Setup binning factor along X");
    cards.push("DET BINY", 1_i64, "Setup binning factor along Y");
    cards.push(
        "DET CHIPS",
        exposure.instrument.size().n_ifu,
        "Number of chips in the mosaic",
    );
    cards.push("DET OUT1 CONAD", 0.84, "[electrons/ADU] Conversion factor");
    cards.push("DET OUT1 RON", detector.read_noise_e, "[electrons] Readout noise");
    cards.push("DET READ CURNAME", "SCI1.0", "Used readout mode name");
    cards.push("OCS IPS PIXSCALE", 0.2, "[arcsec/pixel] Pixel scale");
    let fwhm = rounded(exposure.conditions.fwhm_arcsec, 3);
    cards.push("OCS SGS FWHM MED", fwhm, "[arcsec] SGS FWHM median value");
}

fn classification(cards: &mut Cards<'_>, observation: &Observation, state: CoordinateState) {
    let category = match state {
        CoordinateState::Native => "PIXTABLE_REDUCED",
        CoordinateState::Positioned => "PIXTABLE_POSITIONED",
        CoordinateState::Pixel => "PIXTABLE_OBJECT",
    };
    cards.push("DPR CATG", observation.block.dpr_catg.as_str(), "Observation category");
    cards.push("DPR TECH", "IFU", "Observation technique");
    cards.push("DPR TYPE", observation.block.dpr_type.as_str(), "Observation type");
    cards.push("PRO ANCESTOR", observation.arcfile(), "Raw frame of this product");
    cards.push("PRO CATG", category, "Category of pipeline product frame");
    cards.push("PRO DATANCOM", 1_i64, "Number of combined frames");
    cards.push("PRO DID", "PRO-1.16", "Data dictionary for PRO");
    cards.push("PRO SCIENCE", true, "Scientific product if T");
    cards.push("PRO TECH", "IFU", "Observation technique");
    cards.push("PRO TYPE", "REDUCED", "Product type");
}

fn pixel_table(cards: &mut Cards<'_>, observation: &Observation, summary: &Summary, state: CoordinateState) {
    let instrument = &observation.exposure.instrument;
    let size = instrument.size();
    let root = "DRS MUSE PIXTABLE";
    cards.push(
        &format!("{root} TYPE"),
        "GEOFULL",
        "This pixel table had all geometry applied",
    );
    cards.push(&format!("{root} MERGED"), size.n_ifu, "Number of merged IFUs");
    cards.push(&format!("{root} FLUXCAL"), true, "Pixel table was flux-calibrated");
    cards.push(&format!("{root} SKYSUB"), true, "Pixel table was sky-subtracted");
    cards.push(&format!("{root} RVCORR"), 0.0, "[km/s] Radial-velocity correction");
    cards.push(
        &format!("{root} DAR CORRECT"),
        7000.0,
        "[Angstrom] DAR-correction reference lambda",
    );
    let projection = match state {
        CoordinateState::Native => Some("projected (intermediate)"),
        CoordinateState::Positioned => Some("positioned (final)"),
        CoordinateState::Pixel => None,
    };
    if let Some(projection) = projection {
        cards.push(&format!("{root} WCS"), projection, "State of the coordinate columns");
    }
    for ifu in 1..=size.n_ifu {
        for slice in 1..=size.n_slices {
            let key = format!("{root} EXP0 IFU{ifu:02} SLICE{slice:02} XOFFSET");
            cards.push(&key, instrument.x_offset(slice), "x-offset");
        }
    }
    // The pipeline states the limits of positioned tables as absolute coordinates.
    let zero = match state {
        CoordinateState::Positioned => observation.exposure.header_pointing(),
        _ => SkyPoint {
            ra_deg: 0.0,
            dec_deg: 0.0,
        },
    };
    let ranges = [
        ("X", summary.xpos, zero.ra_deg),
        ("Y", summary.ypos, zero.dec_deg),
        ("LAMBDA", summary.lambda, 0.0),
    ];
    for (axis, (low, high), zero) in ranges {
        cards.push(
            &format!("{root} LIMITS {axis} LOW"),
            zero + f64::from(low),
            "Lower limit",
        );
        cards.push(
            &format!("{root} LIMITS {axis} HIGH"),
            zero + f64::from(high),
            "Upper limit",
        );
    }
    for (axis, high) in [("IFU", size.n_ifu), ("SLICE", size.n_slices)] {
        cards.push(&format!("{root} LIMITS {axis} LOW"), 1_i64, "Lower limit");
        cards.push(&format!("{root} LIMITS {axis} HIGH"), high, "Upper limit");
    }
}

fn coordinates(cards: &mut Cards<'_>, observation: &Observation, state: CoordinateState) {
    let cd = observation.exposure.cd_deg();
    cards.push("WCSAXES", 2_i64, "Number of coordinate axes");
    cards.push("CTYPE1", "RA---TAN", "Gnomonic projection");
    cards.push("CTYPE2", "DEC--TAN", "Gnomonic projection");
    cards.push("CUNIT1", "deg", "");
    cards.push("CUNIT2", "deg", "");
    cards.push("CRPIX1", 0.0, "");
    cards.push("CRPIX2", 0.0, "");
    // Native coordinates have no reference value; zeros keep the set of cards whole, as the standard asks.
    let (ra_deg, dec_deg) = match state {
        CoordinateState::Positioned => {
            let pointing = observation.exposure.header_pointing();
            (pointing.ra_deg, pointing.dec_deg)
        }
        _ => (0.0, 0.0),
    };
    cards.push("CRVAL1", ra_deg, "");
    cards.push("CRVAL2", dec_deg, "");
    for (i, row) in (1..).zip(cd) {
        for (j, value) in (1..).zip(row) {
            // A rotation by a right angle leaves -0 and 1e-21 behind; headers show neither.
            let value = if value.abs() < 1e-15 { 0.0 } else { value };
            cards.push(&format!("CD{i}_{j}"), value, "");
        }
    }
}
