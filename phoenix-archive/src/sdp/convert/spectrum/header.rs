//! The two headers of a spectrum.

use phoenix_core::header::{Header, Value};

use super::super::exposures::Exposures;
use super::super::primary::{self, Writer, fluxcal};
use super::super::{ConvertInput, Faults, constant, number};
use super::arrays::Spectrum;
use super::axis::nm_per;
use super::columns::{data_model, meanings};
use super::measure::Survey;
use crate::sdp::standard::TEXT_LIMIT;

/// A target further from where the telescope points is a slip of the block, not the target; in degrees (own choice: the
/// field of every ESO instrument for spectra is smaller).
const FIELD_DEG: f64 = 0.3;

/// Builds the primary header.
pub(super) fn primary(
    input: &ConvertInput<'_>,
    exposures: &Exposures,
    spectrum: &Spectrum,
    survey: &Survey,
    name: &str,
    companions: &[(&str, &str)],
    faults: &mut Faults,
) -> Header {
    let mut writer = Writer::new(input);
    primary::origin(&mut writer, exposures, faults);
    position(&mut writer, faults);
    primary::frame(&mut writer, None);
    primary::times(&mut writer, exposures);
    primary::programme(&mut writer, exposures, faults);
    kind(&mut writer, spectrum, faults);
    facts(&mut writer, survey, faults);
    accuracy(&mut writer, spectrum);
    detector(&mut writer);
    primary::relations(&mut writer, exposures, name, companions);
    primary::finish(writer)
}

/// Reads a sexagesimal number that ESO writes without separators, `-052400.0` for -5:24:00.
fn sexagesimal(value: f64) -> f64 {
    let whole = value.abs();
    let (degrees, minutes) = ((whole / 1e4).trunc(), (whole / 1e2).trunc() % 100.0);
    let seconds = whole - degrees * 1e4 - minutes * 1e2;
    (degrees + minutes / 60.0 + seconds / 3600.0).copysign(value)
}

/// Writes the position of the target: that of the fibre or of the block, where the telescope points only for want of them.
fn position(writer: &mut Writer<'_>, faults: &mut Faults) {
    let header = &writer.input.product.header;
    let (Ok(ra), Ok(dec)) = (header.f64("RA"), header.f64("DEC")) else {
        faults.add("keys RA and DEC are missing");
        return;
    };
    // A recipe that writes the archive's layout knows which target is in which fibre.
    let is_target = header.str("PRODCATG").is_ok();
    let target = match (header.f64("TEL.TARG.ALPHA"), header.f64("TEL.TARG.DELTA")) {
        (Ok(alpha), Ok(delta)) if !is_target => Some((sexagesimal(alpha) * 15.0, sexagesimal(delta))),
        _ => None,
    };
    let is_near = |target: &(f64, f64)| {
        let distance = ((target.0 - ra + 180.0).rem_euclid(360.0) - 180.0) * dec.to_radians().cos();
        distance.hypot(target.1 - dec) < FIELD_DEG
    };
    let (ra, dec) = target.filter(is_near).unwrap_or((ra, dec));
    writer.set("RA", ra, "[deg] Target position (J2000)");
    writer.set("DEC", dec, "[deg] Target position (J2000)");
    if let Some(aperture) = stated(writer.input, "APERTURE") {
        writer.set("RA_ERR", 0.5 * aperture, "[deg] Half the aperture");
        writer.set("DEC_ERR", 0.5 * aperture, "[deg] Half the aperture");
    }
}

fn kind(writer: &mut Writer<'_>, spectrum: &Spectrum, faults: &mut Faults) {
    let input = writer.input;
    let is_calibrated = fluxcal(input) == "ABSOLUTE";
    let unit = spectrum.flux.unit.as_deref().unwrap_or_default();
    if is_calibrated && ["adu", "count", "photon"].iter().any(|count| unit.contains(count)) {
        faults.add(format!("FLUXCAL is ABSOLUTE and the flux is in {unit}"));
    }
    for (key, default, comment) in [
        (
            "SPECSYS",
            Value::from("TOPOCENT"),
            "Reference frame for spectral coordinates",
        ),
        ("CONTNORM", Value::from(false), "T if normalised to the continuum"),
        ("TOT_FLUX", Value::from(false), "T if all source flux is captured"),
        (
            "FLUXERR",
            Value::from(if is_calibrated { -2.0 } else { -1.0 }),
            "[percent] -2 unknown, -1 no scale",
        ),
    ] {
        let value = writer.known(key).unwrap_or(default);
        writer.set(key, value, comment);
    }
    let stated = writer.known("EXT_OBJ");
    let is_extended = input
        .product
        .header
        .str("DPR.TYPE")
        .is_ok_and(|kind| kind.contains("EXTENDED"));
    let is_extended = stated.unwrap_or_else(|| is_extended.into());
    writer.set("EXT_OBJ", is_extended, "T if extracted as an extended source");
    if let Some(element) = writer.known("DISPELEM") {
        writer.set("DISPELEM", element, "Dispersive element");
    }
}

/// Returns a fact, a constant, or what the recipe says in the primary header or in the spectrum's own.
fn stated(input: &ConvertInput<'_>, key: &str) -> Option<f64> {
    let product = input.product;
    number(input, key)
        .or_else(|| product.header.f64(key).ok())
        .or_else(|| product.hdus.iter().find_map(|hdu| hdu.header.f64(key).ok()))
        .filter(|value| value.is_finite())
}

fn facts(writer: &mut Writer<'_>, survey: &Survey, faults: &mut Faults) {
    for (key, measured, comment) in [
        ("WAVELMIN", survey.min_nm, "[nm] Minimum wavelength"),
        ("WAVELMAX", survey.max_nm, "[nm] Maximum wavelength"),
        ("SPEC_BIN", survey.bin_nm, "[nm] Mean wavelength bin"),
        ("SNR", survey.snr, "Median signal to noise ratio per pixel"),
    ] {
        let value = writer.input.facts.get(key).copied().unwrap_or(measured);
        writer.set(key, value, comment);
    }
    match stated(writer.input, "SPEC_RES") {
        Some(value) => writer.set("SPEC_RES", value, "Spectral resolving power at central wavelength"),
        None => faults.add("SPEC_RES is neither measured nor a constant of the setup"),
    }
}

/// Writes how good the wavelengths are: a table states it in nm, an image in the unit of its axis and by other keywords.
fn accuracy(writer: &mut Writer<'_>, spectrum: &Spectrum) {
    let header = &writer.input.product.header;
    let (scale, keys) = if header.contains("CRVAL1") {
        (nm_per(spectrum.wave_unit()), ["LAMRMS", "CRDER1", "CSYER1"])
    } else {
        (1.0, ["LAMRMS", "SPEC_ERR", "SPEC_SYE"])
    };
    let comments = [
        ("LAMRMS", "[nm] RMS of the residuals of the wavelength solution"),
        ("SPEC_ERR", "[nm] Statistical error in spectral coordinate"),
        ("SPEC_SYE", "[nm] Systematic error in spectral coordinate"),
    ];
    let n_lines = header.get("LAMNLIN").cloned();
    for (source, (key, comment)) in keys.into_iter().zip(comments) {
        if let Some(value) = header.f64(source).ok().filter(|value| value.is_finite()) {
            writer.set(key, value * scale, comment);
        }
    }
    if let Some(n_lines) = n_lines {
        writer.set("LAMNLIN", n_lines, "Number of arc lines in the wavelength solution");
    }
}

fn detector(writer: &mut Writer<'_>) {
    let header = &writer.input.product.header;
    for (key, source, comment) in [
        ("GAIN", "DET.OUT1.CONAD", "[e-/adu] Electrons per data unit"),
        ("DETRON", "DET.OUT1.RON", "[e-] Readout noise per output"),
    ] {
        let stated = header.f64(key).or_else(|_| header.f64(source));
        if let Ok(value) = stated {
            writer.set(key, value, comment);
        }
    }
}

/// Builds the header of the table.
pub(super) fn table(input: &ConvertInput<'_>, primary: &Header, spectrum: &Spectrum, faults: &mut Faults) -> Header {
    let mut header = Header::new();
    let at = |key: &str| primary.f64(key).unwrap_or(f64::NAN);
    let object = primary.str("OBJECT").unwrap_or_default();
    header.set("VOCLASS", data_model(spectrum), "Data model of the Virtual Observatory");
    header.set("VOPUB", "ESO/SAF", "Publishing authority");
    header.set("TITLE", title(input, primary, object), "Title");
    header.set("OBJECT", object, "Target designation");
    header.set("RA", at("RA"), "[deg] Target position (J2000)");
    header.set("DEC", at("DEC"), "[deg] Target position (J2000)");
    match stated(input, "APERTURE") {
        Some(aperture) => header.set("APERTURE", aperture, "[deg] Slit width or fibre diameter"),
        None => faults.add("APERTURE is neither in the header nor a constant of the setup"),
    }
    let (start, end) = (at("MJD-OBS"), at("MJD-END"));
    let (low, high) = (at("WAVELMIN"), at("WAVELMAX"));
    header.set("TELAPSE", (end - start) * 86_400.0, "[s] Total elapsed time");
    header.set("TMID", f64::midpoint(start, end), "[d] Middle of the observations");
    header.set("SPEC_VAL", f64::midpoint(low, high), "[nm] Mean wavelength");
    header.set("SPEC_BW", high - low, "[nm] Width of the band");
    header.set(
        "NELEM",
        i64::try_from(spectrum.len()).unwrap_or(i64::MAX),
        "Length of the arrays",
    );
    let wave = spectrum.wave.data.to_f64().unwrap_or_default();
    if let (Some(first), Some(last)) = (wave.first(), wave.last()) {
        header.set("TDMIN1", *first, "Start in spectral coordinate");
        header.set("TDMAX1", *last, "End in spectral coordinate");
    }
    for (n, meaning) in (1..).zip(meanings(spectrum)) {
        header.set(format!("TUTYP{n}"), meaning.utype, "Element of the data model");
        header.set(format!("TUCD{n}"), meaning.ucd, "Unified content descriptor");
        if !meaning.comment.is_empty() {
            header.set(format!("TCOMM{n}"), meaning.comment, "");
        }
    }
    header
}

/// Forms a title that no other product has: target, start, setup.
fn title(input: &ConvertInput<'_>, primary: &Header, object: &str) -> String {
    let start = primary.str("DATE-OBS").unwrap_or_default();
    let own = constant(input, "TITLE").and_then(|value| value.as_str().map(str::to_owned));
    let title = own.unwrap_or_else(|| format!("{object} {start} {}", input.delivery.name_suffix));
    title.trim_end().chars().take(TEXT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::sexagesimal;

    #[test]
    fn angles_without_separators_are_read() {
        assert!((sexagesimal(94_253.0) - (9.0 + 42.0 / 60.0 + 53.0 / 3600.0)).abs() < 1e-12);
        assert!((sexagesimal(-110_426.5) + (11.0 + 4.0 / 60.0 + 26.5 / 3600.0)).abs() < 1e-12);
        assert!((sexagesimal(-2_400.0) + 24.0 / 60.0).abs() < 1e-12);
    }
}
