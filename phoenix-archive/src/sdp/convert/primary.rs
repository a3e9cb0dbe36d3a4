//! The primary header: what all kinds share, and that of a cube and the images that go along with it.

use phoenix_core::header::{Header, Value};
use phoenix_core::product::Hdu;
use phoenix_core::traits::DeliverySpec;
use phoenix_core::unit::Mjd;

use super::cube::sky_shape;
use super::exposures::{Exposures, mjd_value};
use super::{ConvertInput, Faults, carried, constant, number};
use crate::sdp::standard::{Kind, Place, keywords};
use crate::sdp::wcs::SkyWcs;

/// Facts that a cube must have, with unit and comment.
const FACTS: [(&str, &str); 6] = [
    ("WAVELMIN", "[nm] Minimum wavelength"),
    ("WAVELMAX", "[nm] Maximum wavelength"),
    ("SPEC_RES", "Spectral resolving power at central wavelength"),
    ("ABMAGLIM", "5-sigma AB magnitude limit for point sources"),
    ("PIXNOISE", "[erg.s**(-1).cm**(-2).angstrom**(-1)] noise"),
    ("SKY_RES", "[arcsec] FWHM effective spatial resolution"),
];

/// Makes a number a real where the standard has a real, so that it is never written as an integer.
fn typed(key: &str, value: Value) -> Value {
    let is_real = keywords().iter().any(|rule| rule.key == key && rule.kind == Kind::Real);
    match value {
        Value::Integer(number) if is_real => Value::from(number as f64),
        other => other,
    }
}

/// Writes a primary header from a conversion's input.
pub(super) struct Writer<'a> {
    pub input: &'a ConvertInput<'a>,
    pub header: Header,
}

impl<'a> Writer<'a> {
    pub(super) fn new(input: &'a ConvertInput<'a>) -> Self {
        Self {
            input,
            header: Header::new(),
        }
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>, comment: &str) {
        self.header.set(key, typed(key, value.into()), comment);
    }

    /// Returns a constant of the instrument, else what the recipe wrote, else what its inputs say.
    pub(super) fn known(&self, key: &str) -> Option<Value> {
        let product = self.input.product;
        let from_inputs = || self.input.inputs.iter().find_map(|input| input.header.get(key));
        constant(self.input, key).or_else(|| {
            product
                .header
                .get(key)
                .or_else(from_inputs)
                .filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
                .cloned()
        })
    }

    /// Sets a text, or the numbered list of texts behind `MULTI`.
    fn list(&mut self, key: &str, stem: &str, values: &[String], comment: &str) {
        match values {
            [] => {}
            [one] => self.set(key, one.as_str(), comment),
            many => {
                self.set(key, "MULTI", comment);
                for (n, value) in (1..).zip(many) {
                    self.set(&format!("{stem}{n}"), value.as_str(), comment);
                }
            }
        }
    }
}

/// Builds the primary header of a cube.
pub(super) fn cube(
    input: &ConvertInput<'_>,
    exposures: &Exposures,
    science: Option<&Hdu>,
    name: &str,
    companions: &[(&str, &str)],
    faults: &mut Faults,
) -> Header {
    let mut writer = Writer::new(input);
    origin(&mut writer, exposures, faults);
    position(&mut writer, science, faults);
    times(&mut writer, exposures);
    programme(&mut writer, exposures, faults);
    facts(&mut writer, science, faults);
    relations(&mut writer, exposures, name, companions);
    finish(writer)
}

/// Adds what the instrument, the night log and the recipe say beyond the standard.
pub(super) fn finish(writer: Writer<'_>) -> Header {
    let Writer { input, mut header } = writer;
    constants(input, &mut header);
    if let Some(block) = input.block {
        header.set(
            "PHX.OB.GRADE",
            block.grade.letter().to_string(),
            "Grade of the observing block",
        );
    }
    carried::carry(&input.product.header, &mut header);
    header
}

pub(super) fn origin(writer: &mut Writer<'_>, exposures: &Exposures, faults: &mut Faults) {
    let input = writer.input;
    writer.set("PRODCATG", input.delivery.category.as_str(), "Data product category");
    writer.set("DATE", input.date, "File creation date");
    let origin = writer.known("ORIGIN").unwrap_or_else(|| "ESO".into());
    let is_eso = origin
        .as_str()
        .is_some_and(|text| ["ESO", "APEX", "ALMA"].iter().any(|known| text.starts_with(known)));
    writer.set("ORIGIN", origin, "Observatory");
    if !is_eso {
        writer.set("NOESODAT", true, "T if data are not from ESO");
    }
    writer.list("TELESCOP", "TELESC", &exposures.telescopes, "ESO telescope");
    match writer.known("INSTRUME") {
        Some(instrument) => writer.set("INSTRUME", instrument, "Instrument"),
        None => faults.add("key INSTRUME is missing"),
    }
    // A template may call its exposures by their type; the target then stands in the observing block.
    let is_target = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| !matches!(text.trim(), "" | "OBJECT" | "SKY"))
    };
    let product = &input.product.header;
    let object = [
        product.get("OBJECT"),
        product.get("OBS.TARG.NAME"),
        product.get("OBJECT"),
    ]
    .into_iter()
    .flatten()
    .find(|value| is_target(value));
    match object {
        Some(object) => writer.set("OBJECT", object.clone(), "Target designation"),
        None => faults.add("neither OBJECT nor ESO.OBS.TARG.NAME names the target"),
    }
}

fn position(writer: &mut Writer<'_>, science: Option<&Hdu>, faults: &mut Faults) {
    let input = writer.input;
    let wcs = science.and_then(|hdu| SkyWcs::from_header(&hdu.header));
    match (wcs, sky_shape(input.product)) {
        (Some(wcs), Some([n_y, n_x])) => {
            let [ra, dec] = wcs.sky_of(0.5 * n_x as f64 + 0.5, 0.5 * n_y as f64 + 0.5);
            writer.set("RA", ra, "[deg] Image centre (J2000)");
            writer.set("DEC", dec, "[deg] Image centre (J2000)");
        }
        _ => faults.add("extension DATA has no tangential projection of RA and DEC"),
    }
    let stated = science.and_then(|hdu| hdu.header.str("RADESYS").ok());
    frame(writer, stated);
}

/// Writes the celestial reference frame, as stated or as the product's header has it.
pub(super) fn frame(writer: &mut Writer<'_>, stated: Option<&str>) {
    let input = writer.input;
    let stated = stated
        .or_else(|| input.product.header.str("RADESYS").ok())
        .or_else(|| input.product.header.str("RADECSYS").ok())
        .map(str::trim);
    let frame = match stated {
        Some("FK5") => "FK5",
        _ => "ICRS",
    };
    writer.set("RADESYS", frame, "Coordinate reference frame");
    writer.set("EQUINOX", 2000.0, "Standard FK5");
}

pub(super) fn times(writer: &mut Writer<'_>, exposures: &Exposures) {
    let exptime_s = writer.input.facts.get("EXPTIME").copied().unwrap_or(exposures.total_s);
    writer.set("EXPTIME", exptime_s, "[s] Total integration time per pixel");
    writer.set(
        "TEXPTIME",
        exposures.total_s,
        "[s] Total integration time of all exposures",
    );
    writer.set("MJD-OBS", mjd_value(exposures.mjd_start), "[d] Start of observations");
    writer.set("MJD-END", mjd_value(exposures.mjd_end), "[d] End of observations");
    let start = if exposures.mjd_start.is_finite() {
        Mjd(exposures.mjd_start).to_iso()
    } else {
        String::new()
    };
    let stamp = exposures.first_stamp();
    writer.set(
        "DATE-OBS",
        if stamp.is_empty() { start } else { stamp },
        "Start of observations",
    );
}

/// Tells whether a flux is calibrated: it is, unless the instrument or the recipe says otherwise.
pub(super) fn is_calibrated(delivery: &DeliverySpec, header: &Header) -> bool {
    let stated = match delivery.keywords.get("FLUXCAL") {
        Some(value) => value.as_str(),
        None => header.str("FLUXCAL").ok(),
    };
    stated.map(str::trim) != Some("UNCALIBRATED")
}

/// Returns the value of `FLUXCAL`.
pub(super) fn fluxcal(input: &ConvertInput<'_>) -> &'static str {
    if is_calibrated(input.delivery, &input.product.header) {
        "ABSOLUTE"
    } else {
        "UNCALIBRATED"
    }
}

pub(super) fn programme(writer: &mut Writer<'_>, exposures: &Exposures, faults: &mut Faults) {
    writer.list(
        "PROG_ID",
        "PROGID",
        &exposures.programmes,
        "ESO programme identification",
    );
    for (n, ob_id) in (1..).zip(&exposures.ob_ids) {
        writer.set(&format!("OBID{n}"), *ob_id, "Observation block ID");
    }
    writer.set("NCOMBINE", exposures.count, "Number of combined raw science data files");
    let technique =
        constant(writer.input, "OBSTECH").or_else(|| exposures.techniques.first().map(|text| text.as_str().into()));
    match technique {
        Some(technique) => writer.set("OBSTECH", technique, "Technique of observation"),
        None => faults.add("neither ESO.DPR.TECH nor ESO.PRO.TECH tells the technique"),
    }
    let fluxcal = fluxcal(writer.input);
    writer.set("FLUXCAL", fluxcal, "Type of flux calibration");
    writer.set(
        "PROCSOFT",
        writer.input.record.pipeline.as_str(),
        "Data reduction software and version",
    );
    let reference = writer.known("REFERENC").unwrap_or_else(|| "".into());
    writer.set("REFERENC", reference, "Bibliographic reference");
    let level = writer.known("PRODLVL").unwrap_or(Value::Integer(2));
    writer.set("PRODLVL", level, "Phase 3 product level: science-grade");
}

fn facts(writer: &mut Writer<'_>, science: Option<&Hdu>, faults: &mut Faults) {
    let stated = science
        .and_then(|hdu| hdu.header.get("SPECSYS").cloned())
        .or_else(|| writer.known("SPECSYS"));
    let frame = stated.unwrap_or_else(|| "TOPOCENT".into());
    writer.set("SPECSYS", frame, "Reference frame for spectral coordinates");
    for (key, comment) in FACTS {
        match number(writer.input, key) {
            Some(value) => writer.set(key, value, comment),
            None => faults.add(format!("{key} is not measured")),
        }
    }
    if let Some(value) = number(writer.input, "SKY_RERR") {
        writer.set("SKY_RERR", value, "[arcsec] Error of SKY_RES");
    }
}

pub(super) fn relations(writer: &mut Writer<'_>, exposures: &Exposures, name: &str, companions: &[(&str, &str)]) {
    for (n, raw) in (1..).zip(&exposures.provenance) {
        writer.set(&format!("PROV{n}"), raw.as_str(), "Originating science file");
    }
    let mut n = 0;
    for (companion, comment) in companions {
        n += 1;
        writer.set(&format!("ASSON{n}"), *companion, comment);
    }
    for attachment in writer.input.attachments {
        n += 1;
        writer.set(&format!("ASSON{n}"), attachment.name.as_str(), "Associated file");
        writer.set(
            &format!("ASSOC{n}"),
            attachment.category.as_str(),
            "Category of associated file",
        );
        writer.set(&format!("ASSOM{n}"), attachment.md5.as_str(), "MD5 of associated file");
    }
    writer.set("ORIGFILE", name, "Original file name");
}

/// Adds the instrument's constants that belong into the primary HDU and are not there.
fn constants(input: &ConvertInput<'_>, header: &mut Header) {
    for key in input.delivery.keywords.keys() {
        let elsewhere = key.starts_with("TUCD")
            || keywords()
                .iter()
                .any(|rule| rule.key == key.as_str() && rule.place != Place::Primary);
        if let (false, false, Some(value)) = (elsewhere, header.contains(key.as_str()), constant(input, key)) {
            header.set(key.as_str(), typed(key, value), "");
        }
    }
}

/// What a white-light image does not tell: it has no spectral axis.
const SPECTRAL: [&str; 3] = ["SPEC_RES", "PIXNOISE", "SPECSYS"];
/// What a map of seconds does not tell beyond that: it has no flux.
const FLUX: [&str; 6] = ["FLUXCAL", "ABMAGLIM", "SKY_RES", "SKY_RERR", "WAVELMIN", "WAVELMAX"];

/// Builds the primary header of a white-light image from that of its cube.
pub(super) fn white(product: &Header, category: &str, name: &str) -> Header {
    image(product, &SPECTRAL, category, name)
}

/// Builds the primary header of an exposure map from that of its cube.
pub(super) fn exposure_map(product: &Header, category: &str, name: &str) -> Header {
    image(product, &[&SPECTRAL[..], &FLUX[..]].concat(), category, name)
}

fn image(product: &Header, without: &[&str], category: &str, name: &str) -> Header {
    let mut header = product.clone();
    header.retain(|card| {
        let key = card.key.as_str();
        !(["ASSON", "ASSOC", "ASSOM"].iter().any(|stem| key.starts_with(stem)) || without.contains(&key))
    });
    header.set("PRODCATG", category, "");
    header.set("ORIGFILE", name, "");
    header
}
