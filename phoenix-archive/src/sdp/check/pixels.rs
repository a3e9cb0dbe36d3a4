//! Cubes (C), white-light images and exposure maps (W).

use phoenix_core::traits::HduInfo;

use super::{SdpFile, Sheet, has_pixels, place};
use crate::sdp::standard::Family;

/// The celestial and spectral keywords in which all extensions must agree.
const AXES: [&str; 18] = [
    "CTYPE1", "CTYPE2", "CTYPE3", "CRVAL1", "CRVAL2", "CRVAL3", "CRPIX1", "CRPIX2", "CRPIX3", "CUNIT1", "CUNIT2",
    "CUNIT3", "CD1_1", "CD1_2", "CD2_1", "CD2_2", "CD3_3", "SPECSYS",
];

/// What an instrument's cubes cover: shortest and longest wavelength in nm, lowest and highest resolution.
///
/// MUSE: User Manual, table of characteristics (480-930 nm nominal, 465-930 nm extended; R 1770 at 480 nm, 3590 at
/// 930 nm), with room for the blue wing of the filter. KMOS: User Manual, bands IZ to K.
const RANGES: [(&str, [f64; 4]); 2] = [
    ("MUSE", [455.0, 945.0, 1500.0, 4000.0]),
    ("KMOS", [750.0, 2550.0, 1500.0, 5000.0]),
];

pub(super) fn cube(file: &SdpFile, sheet: &mut Sheet) {
    let images: Vec<&HduInfo> = file.images().collect();
    if file.hdus.first().is_some_and(has_pixels) {
        sheet.report("C1", "PRIMARY", "NAXIS", "the primary HDU has data".to_owned());
    }
    if images.is_empty() || images.len() > 3 {
        sheet.report(
            "C1",
            "FILE",
            "",
            format!("{} extensions with pixels, expected 1 to 3", images.len()),
        );
    }
    let Some(first) = images.first() else { return };
    for hdu in &images {
        if hdu.shape.len() != 3 || hdu.shape != first.shape {
            let message = format!(
                "axes {:?}, expected three as in {}: {:?}",
                hdu.shape, first.name, first.shape
            );
            sheet.report("C1", &place(hdu), "NAXIS", message);
        }
        for key in AXES {
            let (ours, theirs) = (hdu.header.get(key), first.header.get(key));
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && !is_same(ours, theirs)
            {
                let message = format!("it is {}, in {} it is {}", ours.display(), first.name, theirs.display());
                sheet.report("C2", &place(hdu), key, message);
            }
        }
    }
    classes(file, sheet);
    units(&images, sheet);
    ranges(file, sheet);
}

/// Compares values as numbers where they are numbers, so that two spellings of one number are one.
pub(crate) fn is_same(a: &phoenix_core::header::Value, b: &phoenix_core::header::Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a.display() == b.display(),
    }
}

/// The classes of extensions and the pointers between them.
pub(super) fn classes(file: &SdpFile, sheet: &mut Sheet) {
    let names: Vec<&str> = file.hdus.iter().map(|hdu| hdu.name.as_str()).collect();
    for hdu in file.images().filter(|hdu| hdu.index > 0) {
        let place = place(hdu);
        let text = |key: &str| hdu.header.str(key).ok();
        let class = text("HDUCLAS2").unwrap_or_default();
        let kinds: &[&str] = match class {
            "ERROR" => &["MSE", "RMSE", "INVMSE", "INVRMSE"],
            "QUALITY" => &["MASKZERO", "MASKONE", "FLAG32BIT", "FLAG16BIT"],
            _ => &[],
        };
        if !kinds.is_empty() && !text("HDUCLAS3").is_some_and(|kind| kinds.contains(&kind)) {
            let found = text("HDUCLAS3").unwrap_or("missing");
            sheet.report(
                "C3",
                &place,
                "HDUCLAS3",
                format!("it is {found}, expected one of {}", kinds.join(", ")),
            );
        }
        if matches!(class, "DATA" | "ERROR") && !matches!(hdu.header.i64("BITPIX"), Ok(-32 | -64)) {
            sheet.report("C6", &place, "BITPIX", format!("{class} is not of reals"));
        }
        pointers(file, hdu, class, &names, sheet);
    }
}

fn pointers(file: &SdpFile, hdu: &HduInfo, class: &str, names: &[&str], sheet: &mut Sheet) {
    let place = place(hdu);
    let partner = |wanted: &str| {
        file.images()
            .any(|other| other.index > 0 && other.index != hdu.index && other.header.str("HDUCLAS2") == Ok(wanted))
    };
    for (key, partner_class) in [("SCIDATA", "DATA"), ("ERRDATA", "ERROR"), ("QUALDATA", "QUALITY")] {
        match hdu.header.str(key) {
            Ok(name) if name == hdu.name => {
                sheet.report("C4", &place, key, "it names its own extension".to_owned());
            }
            Ok(name) if !names.contains(&name) => {
                sheet.report("C4", &place, key, format!("there is no extension {name}"));
            }
            Err(_) if class != partner_class && !class.is_empty() && partner(partner_class) => {
                sheet.report("C4", &place, key, "it is missing".to_owned());
            }
            _ => {}
        }
    }
}

/// Tells whether a unit has ESO's spelling: factors `unit` or `unit**(n)` joined by dots.
///
/// # References
/// ESO DICD (GEN-SPE-ESO-19400-0794), chapter 8.
pub(crate) fn is_dicd(unit: &str) -> bool {
    let mut rest = unit;
    if let Some(scaled) = rest.strip_prefix("10**(") {
        match scaled.split_once(')') {
            Some((power, after)) if power.parse::<i32>().is_ok() => rest = after.trim_start(),
            _ => return false,
        }
    }
    let is_factor = |factor: &str| {
        let (name, power) = factor.split_once("**").unwrap_or((factor, "(1)"));
        let number = power
            .strip_prefix('(')
            .and_then(|power| power.strip_suffix(')'))
            .unwrap_or(power);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()) && number.parse::<i32>().is_ok()
    };
    rest.split(['.', ' '])
        .filter(|factor| !factor.is_empty())
        .all(is_factor)
        && !rest.is_empty()
}

fn units(images: &[&HduInfo], sheet: &mut Sheet) {
    for hdu in images.iter().filter(|hdu| hdu.header.str("HDUCLAS2") != Ok("QUALITY")) {
        if let Ok(unit) = hdu.header.str("BUNIT")
            && !unit.is_empty()
            && (!is_dicd(unit) || ["adu", "ADU", "count"].iter().any(|raw| unit.contains(raw)))
        {
            let message = format!("{unit} is not spelled as 10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)");
            sheet.report("C5", &place(hdu), "BUNIT", message);
        }
    }
}

fn ranges(file: &SdpFile, sheet: &mut Sheet) {
    let Some(primary) = file.primary() else { return };
    let instrument = primary.str("INSTRUME").unwrap_or_default();
    let Some((_, [shortest, longest, lowest, highest])) = RANGES.iter().find(|(name, _)| *name == instrument) else {
        return;
    };
    for (key, low, high) in [
        ("WAVELMIN", shortest, longest),
        ("WAVELMAX", shortest, longest),
        ("SPEC_RES", lowest, highest),
    ] {
        if let Ok(value) = primary.f64(key)
            && !(*low..=*high).contains(&value)
        {
            let message = format!("{value} is outside what {instrument} covers, {low} to {high}");
            sheet.report("C7", "PRIMARY", key, message);
        }
    }
}

/// White-light images and exposure maps.
pub(super) fn map(file: &SdpFile, family: Family, sheet: &mut Sheet) {
    let images: Vec<&HduInfo> = file.images().collect();
    if images.is_empty() {
        sheet.report("W1", "FILE", "", "no HDU has pixels".to_owned());
    }
    for hdu in &images {
        if hdu.shape.len() != 2 {
            sheet.report(
                "W1",
                &place(hdu),
                "NAXIS",
                format!("axes {:?}, expected two", hdu.shape),
            );
        }
    }
    if family == Family::WhiteLight {
        classes(file, sheet);
        units(&images, sheet);
        return;
    }
    for hdu in images {
        let place = place(hdu);
        if hdu.header.str("BUNIT") != Ok("s") {
            let found = hdu.header.str("BUNIT").unwrap_or("missing");
            sheet.report("W2", &place, "BUNIT", format!("it is {found}, expected s"));
        }
        if !matches!(hdu.header.i64("BITPIX"), Ok(-32 | 16)) {
            sheet.report("W2", &place, "BITPIX", "it is neither -32 nor 16".to_owned());
        }
        if hdu.header.contains("BLANK") {
            sheet.report("W2", &place, "BLANK", "void pixels are 0".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_dicd;

    #[test]
    fn esos_spelling_of_units_is_told_from_others() {
        for good in [
            "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)",
            "10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)",
            "erg s**(-1) cm**(-2) nm**(-1)",
            "s",
        ] {
            assert!(is_dicd(good), "{good}");
        }
        for bad in [
            "10**(-20)*erg/s/cm**2/Angstrom",
            "(10**(-20)erg)**2",
            "10**(-20)",
            "erg/s",
        ] {
            assert!(!is_dicd(bad), "{bad}");
        }
    }
}
