//! Relations between keywords of the primary HDU (R), and the companions they name.

use std::collections::BTreeSet;

use phoenix_core::header::Header;
use phoenix_core::unit::Mjd;

use super::general::numbered;
use super::{SdpFile, Sheet, place};
use crate::sdp::names::is_fits;
use crate::sdp::standard::{Family, NON_FITS};
use crate::sdp::wcs::SkyWcs;

const PRIMARY: &str = "PRIMARY";
/// Times are compared to 0.01 s (CHK).
const TIME_TOLERANCE_S: f64 = 0.01;
/// A centre that is off by more is no centre: half an arcsecond, in degrees (own choice; S8 gives none).
const CENTRE_TOLERANCE_DEG: f64 = 0.5 / 3600.0;

pub(super) fn check(file: &SdpFile, family: Family, sheet: &mut Sheet) {
    let Some(primary) = file.primary() else { return };
    companions(primary, sheet);
    match family {
        Family::Spectrum | Family::Cube | Family::Image => {
            times(primary, sheet);
            position(file, primary, family, sheet);
            origin(primary, sheet);
            lists(primary, sheet);
            provenance(file, primary, sheet);
            flux(primary, family, sheet);
            wavelengths(file, primary, family, sheet);
            objects(file, primary, family, sheet);
        }
        Family::WhiteLight | Family::ExposureMap | Family::Other => {
            if let Some(n) = numbered(primary, "ASSON").first() {
                let message = "a companion names no companions".to_owned();
                sheet.report("W3", PRIMARY, &format!("ASSON{n}"), message);
            }
        }
    }
}

fn times(primary: &Header, sheet: &mut Sheet) {
    let number = |key: &str| primary.f64(key).ok();
    if let (Some(exptime), Some(texptime)) = (number("EXPTIME"), number("TEXPTIME"))
        && exptime > texptime + TIME_TOLERANCE_S
    {
        sheet.report(
            "R1",
            PRIMARY,
            "EXPTIME",
            format!("{exptime} s is more than TEXPTIME, {texptime} s"),
        );
    }
    let (Some(start), Some(end)) = (number("MJD-OBS"), number("MJD-END")) else {
        return;
    };
    let span_s = (end - start) * 86_400.0;
    if let Some(texptime) = number("TEXPTIME")
        && texptime > span_s + TIME_TOLERANCE_S
    {
        let message = format!("{texptime} s do not fit between MJD-OBS and MJD-END, {span_s:.3} s");
        sheet.report("R2", PRIMARY, "TEXPTIME", message);
    }
    if end < start {
        sheet.report("R3", PRIMARY, "MJD-END", format!("{end} is before MJD-OBS, {start}"));
    }
    let date = primary
        .str("DATE")
        .ok()
        .and_then(|text| text.get(..10))
        .map(Mjd::from_iso);
    if let Some(Ok(date)) = date
        && end > date.0 + 1.0
    {
        let message = format!("{end} is after the file was made, on {}", &date.to_iso()[..10]);
        sheet.report("R4", PRIMARY, "MJD-END", message);
    }
}

fn position(file: &SdpFile, primary: &Header, family: Family, sheet: &mut Sheet) {
    let radesys = primary
        .str("RADESYS")
        .or_else(|_| primary.str("RADECSYS"))
        .unwrap_or_default();
    match primary.f64("EQUINOX") {
        Ok(equinox) if (equinox - 2000.0).abs() > 1e-9 => {
            sheet.report("R7", PRIMARY, "EQUINOX", format!("it is {equinox}, expected 2000.0"));
        }
        Err(_) if radesys == "FK5" => {
            sheet.report("R7", PRIMARY, "EQUINOX", "it is missing and RADESYS is FK5".to_owned());
        }
        _ => {}
    }
    if family == Family::Spectrum {
        return;
    }
    let (Ok(ra), Ok(dec), Some(image)) = (primary.f64("RA"), primary.f64("DEC"), file.science()) else {
        return;
    };
    let (Some(wcs), [.., ny, nx]) = (SkyWcs::from_header(&image.header), image.shape.as_slice()) else {
        return;
    };
    let (nx, ny) = (*nx as f64, *ny as f64);
    let inside = |value: f64, n: f64| (0.5..=n + 0.5).contains(&value);
    match wcs.pixel_of(ra, dec) {
        Some([x, y]) if inside(x, nx) && inside(y, ny) => {
            let centre = wcs.sky_of(0.5 * nx + 0.5, 0.5 * ny + 0.5);
            let distance = ((ra - centre[0] + 180.0).rem_euclid(360.0) - 180.0) * dec.to_radians().cos();
            if distance.hypot(dec - centre[1]) > CENTRE_TOLERANCE_DEG {
                let message = format!("the centre of the image is {:.6} {:.6}", centre[0], centre[1]);
                sheet.report("R6", PRIMARY, "RA", message);
            }
        }
        Some([x, y]) => {
            let message = format!("the position lies at pixel {x:.1} {y:.1} of {nx} by {ny}");
            sheet.report("R5", PRIMARY, "RA", message);
        }
        None => sheet.report(
            "R5",
            PRIMARY,
            "RA",
            "the position lies on the other side of the sky".to_owned(),
        ),
    }
}

fn origin(primary: &Header, sheet: &mut Sheet) {
    if let Ok(origin) = primary.str("ORIGIN")
        && !["ESO", "APEX", "ALMA"].iter().any(|known| origin.starts_with(known))
        && primary.bool("NOESODAT") != Ok(true)
    {
        sheet.report(
            "R12",
            PRIMARY,
            "NOESODAT",
            format!("it is not T and ORIGIN is {origin}"),
        );
    }
}

fn lists(primary: &Header, sheet: &mut Sheet) {
    for (key, stem) in [
        ("PROG_ID", "PROGID"),
        ("TELESCOP", "TELESC"),
        ("INSTRUME", "INSTR"),
        ("FILTER", "FILTER"),
    ] {
        let is_multi = primary.str(key) == Ok("MULTI");
        let indices = numbered(primary, stem);
        let values: Vec<&str> = indices
            .iter()
            .filter_map(|n| primary.str(format!("{stem}{n}").as_str()).ok())
            .collect();
        let n_different = values.iter().collect::<BTreeSet<_>>().len();
        if is_multi && (n_different < 2 || n_different < values.len()) {
            let message = format!(
                "it is MULTI and {stem}1, {stem}2, … list {n_different} different of {}",
                values.len()
            );
            sheet.report("R8", PRIMARY, key, message);
        } else if !is_multi && !indices.is_empty() && primary.contains(key) {
            sheet.report("R8", PRIMARY, key, format!("it is not MULTI and {stem}i are there"));
        }
    }
    let ids = numbered(primary, "OBID");
    let different: BTreeSet<i64> = ids
        .iter()
        .filter_map(|n| primary.i64(format!("OBID{n}").as_str()).ok())
        .collect();
    if different.len() < ids.len() {
        sheet.report(
            "R16",
            PRIMARY,
            "OBID1",
            "an identification stands twice or is no integer".to_owned(),
        );
    }
}

fn provenance(file: &SdpFile, primary: &Header, sheet: &mut Sheet) {
    let indices = numbered(primary, "PROV");
    let in_table = primary.bool("PROVXTN") == Ok(true);
    if in_table {
        if !file.hdus.iter().any(|hdu| hdu.name == "PHASE3PROVENANCE") {
            sheet.report(
                "R9",
                PRIMARY,
                "PROVXTN",
                "there is no extension PHASE3PROVENANCE".to_owned(),
            );
        }
        if !indices.is_empty() {
            sheet.report("R9", PRIMARY, "PROV1", "it is there beside PROVXTN".to_owned());
        }
        return;
    }
    if indices.is_empty() {
        sheet.report("R9", PRIMARY, "PROV1", "it is missing".to_owned());
    }
    let mut seen = BTreeSet::new();
    for n in indices {
        let key = format!("PROV{n}");
        match primary.str(key.as_str()) {
            Ok(name) if name.trim().is_empty() => sheet.report("R9", PRIMARY, &key, "it is empty".to_owned()),
            Ok(name) if !seen.insert(name.trim_end_matches(".fits").to_owned()) => {
                sheet.report("R9", PRIMARY, &key, format!("{name} stands twice"));
            }
            Ok(name) if name.starts_with("M.") => {
                sheet.report("R9", PRIMARY, &key, format!("{name} is a calibration"));
            }
            Ok(name) if is_fits(name) && is_archive_name(name) => {
                sheet.report("R10", PRIMARY, &key, format!("{name} has a suffix"));
            }
            Ok(_) => {}
            Err(error) => sheet.report("R9", PRIMARY, &key, error.to_string()),
        }
    }
}

/// Tells whether a name is that of a raw frame, `INSTR.yyyy-mm-ddThh:mm:ss.fff`.
fn is_archive_name(name: &str) -> bool {
    let time = name.trim_end_matches(".fits").split_once('.').map(|(_, time)| time);
    time.is_some_and(|time| time.contains('T') && Mjd::from_iso(time).is_ok())
}

fn companions(primary: &Header, sheet: &mut Sheet) {
    let text = |stem: &str, n: u32| primary.str(format!("{stem}{n}").as_str()).ok().map(str::trim);
    let named = numbered(primary, "ASSON");
    let mut seen = BTreeSet::new();
    for n in &named {
        let key = format!("ASSON{n}");
        let Some(name) = text("ASSON", *n).filter(|name| !name.is_empty()) else {
            sheet.report("R11", PRIMARY, &key, "it names no file".to_owned());
            continue;
        };
        if !seen.insert(name) {
            sheet.report("R11", PRIMARY, &key, format!("{name} is named twice"));
        }
        let is_fits = is_fits(name);
        match (is_fits, text("ASSOC", *n)) {
            (false, None) => sheet.report("R11", PRIMARY, &format!("ASSOC{n}"), format!("{name} has no category")),
            (false, Some(category)) if !NON_FITS.contains(&category) => {
                let message = format!("{category} is no category of a file without FITS header");
                sheet.report("R11", PRIMARY, &format!("ASSOC{n}"), message);
            }
            (true, Some(_)) => {
                let message = format!("{name} states its category itself");
                sheet.report("R11", PRIMARY, &format!("ASSOC{n}"), message);
            }
            _ => {}
        }
        let md5 = text("ASSOM", *n);
        let is_md5 = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !md5.is_none_or(is_md5) || (!is_fits && md5.is_none()) {
            let found = md5.unwrap_or("missing");
            sheet.report(
                "R11",
                PRIMARY,
                &format!("ASSOM{n}"),
                format!("md5 of {name} is {found}"),
            );
        }
    }
    for stem in ["ASSOC", "ASSOM"] {
        for n in numbered(primary, stem).difference(&named) {
            let message = format!("there is no ASSON{n}");
            sheet.report("R11", PRIMARY, &format!("{stem}{n}"), message);
        }
    }
}

fn flux(primary: &Header, family: Family, sheet: &mut Sheet) {
    if family != Family::Spectrum {
        return;
    }
    let is_absolute = primary.str("FLUXCAL") == Ok("ABSOLUTE");
    if primary.bool("TOT_FLUX") == Ok(true) && !is_absolute {
        sheet.report(
            "R14",
            PRIMARY,
            "TOT_FLUX",
            "it is T and FLUXCAL is not ABSOLUTE".to_owned(),
        );
    }
    if let Ok(error) = primary.f64("FLUXERR") {
        let is_unknown = (error + 2.0).abs() < 1e-9;
        let is_uncalibrated = (error + 1.0).abs() < 1e-9;
        let fits = if is_absolute {
            error >= 0.0 || is_unknown
        } else {
            is_uncalibrated
        };
        if !fits {
            let expected = if is_absolute { "-2 or 0 to 100" } else { "-1" };
            sheet.report("R14", PRIMARY, "FLUXERR", format!("it is {error}, expected {expected}"));
        }
    }
}

/// Returns the first and last wavelength in nm of a cube's axis.
fn axis_nm(file: &SdpFile) -> Option<(f64, f64)> {
    let image = file.science()?;
    let number = |key: &str| image.header.f64(key).ok();
    let scale = match image.header.str("CUNIT3").ok()?.to_ascii_lowercase().as_str() {
        "angstrom" => 0.1,
        "nm" => 1.0,
        "um" => 1e3,
        "m" => 1e9,
        _ => return None,
    };
    let is_linear = image.header.str("CTYPE3").is_ok_and(|axis| !axis.ends_with("-LOG"));
    let (crval, crpix, step) = (number("CRVAL3")?, number("CRPIX3")?, number("CD3_3")?);
    let n = *image.shape.first()? as f64;
    let at = |pixel: f64| {
        let offset = step * (pixel - crpix);
        scale
            * if is_linear {
                crval + offset
            } else {
                crval * (offset / crval).exp()
            }
    };
    Some((at(0.5), at(n + 0.5)))
}

fn wavelengths(file: &SdpFile, primary: &Header, family: Family, sheet: &mut Sheet) {
    let (Ok(low), Ok(high)) = (primary.f64("WAVELMIN"), primary.f64("WAVELMAX")) else {
        return;
    };
    if low > high {
        sheet.report(
            "R13",
            PRIMARY,
            "WAVELMIN",
            format!("{low} nm is more than WAVELMAX, {high} nm"),
        );
    }
    if family == Family::Cube
        && let Some((first, last)) = axis_nm(file)
    {
        for (key, value) in [("WAVELMIN", low), ("WAVELMAX", high)] {
            // The ends are the outer edges of the first and last plane; 1e-3 nm is rounding.
            if value < first.min(last) - 1e-3 || value > first.max(last) + 1e-3 {
                let message = format!("{value} nm is outside the axis, {first:.3} to {last:.3} nm");
                sheet.report("R13", PRIMARY, key, message);
            }
        }
    }
}

fn objects(file: &SdpFile, primary: &Header, family: Family, sheet: &mut Sheet) {
    let (Ok(object), Family::Cube) = (primary.str("OBJECT"), family) else {
        return;
    };
    for hdu in file.images().filter(|hdu| hdu.index > 0) {
        if let Ok(found) = hdu.header.str("OBJECT")
            && !found.starts_with(object)
        {
            let message = format!("it is {found}, the primary HDU says {object}");
            sheet.report("R15", &place(hdu), "OBJECT", message);
        }
    }
}
