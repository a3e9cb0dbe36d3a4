//! Parts of names and of score reports that instruments for spectra share.

use phoenix_core::header::{Header, Value};
use phoenix_core::traits::QcHeading;
use phoenix_core::unit::Mjd;

/// Returns a text key without blanks; empty if it is absent.
pub fn text(header: &Header, key: &str) -> String {
    header
        .get(key)
        .map(Value::display)
        .unwrap_or_default()
        .split_whitespace()
        .collect()
}

/// Returns a wavelength as names spell it: whole nanometres.
pub fn whole_nm(header: &Header, key: &str) -> Option<String> {
    header.f64(key).ok().map(|nm| format!("{nm:.0}"))
}

/// Returns a slit width as names spell it: two digits, tenths of an arcsecond.
pub fn tenths(header: &Header, key: &str) -> Option<String> {
    header.f64(key).ok().map(|arcsec| format!("{:02.0}", arcsec * 10.0))
}

/// Returns an angle that the header states in arcseconds, in degrees: the aperture of a slit.
pub fn degrees(header: &Header, key: &str) -> Option<f64> {
    header.f64(key).ok().map(|arcsec| arcsec / 3600.0)
}

/// Returns the value of a parameter of the last recipe.
pub fn parameter<'a>(header: &'a Header, name: &str) -> Option<&'a str> {
    let card = header.cards().iter().find(|card| {
        let key = card.key.short();
        key.starts_with("PRO.REC1.PARAM") && key.strip_suffix(".NAME").is_some() && card.value.as_str() == Some(name)
    })?;
    header.str(card.key.short().replace(".NAME", ".VALUE").as_str()).ok()
}

/// Tells whether a calibration of this kind was used, according to the record of the last recipe.
pub fn used(header: &Header, kinds: &[&str]) -> bool {
    header.cards().iter().any(|card| {
        let key = card.key.short();
        key.starts_with("PRO.REC1.CAL")
            && key.strip_suffix(".CATG").is_some()
            && card
                .value
                .as_str()
                .is_some_and(|catg| kinds.iter().any(|kind| catg.starts_with(kind)))
    })
}

/// Returns what a score report heads with.
pub fn heading(header: &Header, instrument: &str, setup: String) -> QcHeading {
    let start = header.f64("MJD-OBS").ok();
    let end = header
        .f64("MJD-END")
        .ok()
        .or_else(|| Some(start? + header.f64("EXPTIME").ok()? / 86_400.0));
    let n_raw = header.i64("PRO.DATANCOM").unwrap_or(1);
    let date: String = text(header, "DATE-OBS").chars().take(23).collect();
    QcHeading {
        ab_name: format!("{instrument}.{date}_{}.ab", if n_raw > 1 { "tpl" } else { "sgl" }),
        raw_type: text(header, "PRO.REC1.RAW1.CATG"),
        tpl_id: text(header, "TPL.ID"),
        tpl_name: header.str("TPL.NAME").unwrap_or_default().to_owned(),
        setup,
        time_range: start.map(|start| (Mjd(start), Mjd(end.unwrap_or(start)))),
    }
}

/// Returns the time of the calibration of one kind that the last recipe used, read off its archive name.
pub fn time_of_used(header: &Header, kind: &str) -> Option<Mjd> {
    let catg = header.cards().iter().find(|card| {
        let key = card.key.short();
        key.starts_with("PRO.REC1.CAL") && key.strip_suffix(".CATG").is_some() && card.value.as_str() == Some(kind)
    })?;
    let name = catg.key.short().replace(".CATG", ".NAME");
    let name = header.str(name.as_str()).ok()?;
    let begin = name.find(|c: char| c.is_ascii_digit())?;
    (begin..name.len()).find_map(|at| Mjd::from_iso(name.get(at..at + 23)?).ok())
}

#[cfg(test)]
mod tests {
    use super::{parameter, tenths, time_of_used, used, whole_nm};
    use phoenix_core::header::Header;

    #[test]
    fn settings_are_spelled_as_in_names() {
        let mut header = Header::new();
        header.set("INS.GRAT1.WLEN", 346.0, "");
        header.set("INS.SLIT2.WID", 0.8, "");
        header.set("PRO.REC1.CAL3.CATG", "INSTR_RESPONSE_FINE_BLUE", "");
        assert_eq!(whole_nm(&header, "INS.GRAT1.WLEN").as_deref(), Some("346"));
        assert_eq!(tenths(&header, "INS.SLIT2.WID").as_deref(), Some("08"));
        assert!(used(&header, &["INSTR_RESPONSE_FINE"]));
        assert!(!used(&header, &["MASTER_RESPONSE"]));
    }

    #[test]
    fn a_parameter_is_found_by_its_name() {
        let mut header = Header::new();
        header.set("PRO.REC1.PARAM7.NAME", "generate-SDP-format", "");
        header.set("PRO.REC1.PARAM7.VALUE", "true", "");
        assert_eq!(parameter(&header, "generate-SDP-format"), Some("true"));
        assert_eq!(parameter(&header, "rbin-method"), None);
    }

    #[test]
    fn the_time_of_a_calibration_stands_in_its_archive_name() {
        let mut header = Header::new();
        header.set("PRO.REC1.CAL2.CATG", "DISPERSION_SOLUTION", "");
        header.set("PRO.REC1.CAL2.NAME", "M.GIRAFFE.2010-05-08T01:19:42.370.fits", "");
        let time = time_of_used(&header, "DISPERSION_SOLUTION").expect("named");
        assert!((time.0 - 55_324.055_351_5).abs() < 1e-6, "{time:?}");
        assert!(time_of_used(&header, "MASTER_BIAS").is_none());
    }
}
