//! Scores of MUSE cubes: seven parameters of the real system, three that compare exposures and sky, and the flag string, with limits from `rules/qc.toml`.

use phoenix_core::header::{Header, Value};
use phoenix_core::product::Product;
use phoenix_core::traits::{Measured, QcError, QcHeading, QcScorer};
use phoenix_core::unit::Mjd;
use phoenix_kit::qc::measure::{CubeSurvey, SurveyOptions, absent, header_max, header_number, value};
use phoenix_kit::qc::score::{ScoreSheet, SheetScorer};

/// Spaxels that one IFU adds to the height of the field. Source: 24 IFUs for 300 spaxels.
const SPAXELS_PER_IFU: f64 = 12.5;

/// One pass over a cube, and its header.
struct Facts {
    survey: CubeSurvey,
    header: Header,
}

/// Builds the scorer.
///
/// # Errors
/// If `rules/qc.toml` is wrong.
pub fn scorer() -> Result<Box<dyn QcScorer>, QcError> {
    scorer_of(include_str!("../rules/qc.toml"))
}

/// Builds the scorer of other limits.
///
/// # Errors
/// If they are wrong.
pub fn scorer_of(quality: &str) -> Result<Box<dyn QcScorer>, QcError> {
    let sheet = ScoreSheet::from_toml(quality)?;
    let survey = |product: &Product| {
        let survey = CubeSurvey::of(product, &SurveyOptions::default())?;
        Ok(Facts {
            survey,
            header: product.header.clone(),
        })
    };
    let scorer = SheetScorer::builder(sheet, survey)
        .heading(|facts| heading(&facts.header))
        .measure("NAXIS1", |facts| facts.survey.naxis(1))
        .measure("NAXIS2", |facts| facts.survey.naxis(2))
        .measure("NAXIS3", |facts| facts.survey.naxis(3))
        .measure("num_sat", |facts| saturated(&facts.header))
        .measure("lshift_max", lshift_max)
        .measure("qc_deltatime", |facts| delta_time(&facts.header))
        .measure("TPL_NEXP", |facts| header_number(&facts.header, &["TPL.NEXP"]))
        .measure("sky_residual", |facts| facts.survey.sky_residual())
        .measure("seam", |facts| {
            header_number(&facts.header, &["QC.EXPALIGN.SEAM.SIGMA"])
        })
        .measure("fwhm_scatter", |facts| {
            header_number(&facts.header, &["QC.EXPALIGN.FWHM.SCATTER"])
        })
        .fact("kind", |facts| {
            Some(
                if combined(&facts.header) > 1 {
                    "combined"
                } else {
                    "single"
                }
                .into(),
            )
        })
        .fact("whole", |facts| {
            Some(
                if facts.header.i64("PHX.NIFU").unwrap_or(24) == 24 {
                    "yes"
                } else {
                    "no"
                }
                .into(),
            )
        })
        .fact("n_combined", |facts| Some(combined(&facts.header).to_string()))
        .fact("naxis_low", |facts| {
            Some((0.93 * field(&facts.header)).floor().to_string())
        })
        .fact("naxis_high", |facts| {
            Some((1.8 * field(&facts.header)).ceil().to_string())
        })
        .fact("obs_type", |facts| observation_type(&facts.header))
        .fact("has_sky", |facts| {
            used(&facts.header, &["SKY", "PIXTABLE_SKY", "SKY_CONTINUUM", "SKY_MASK"])
        })
        .fact("sky_flat", |facts| used(&facts.header, &["TWILIGHT_CUBE"]))
        .fact("num_src", |facts| {
            number(&header_number(&facts.header, &["QC.EXPCOMB.NDET"])).or_else(|| number(&facts.survey.num_src()))
        })
        .fact("histo_bkg", |facts| number(&facts.survey.histo_bkg()))
        .fact("largest_offset_deg", |facts| largest_offset(&facts.header))
        .fact("unmatched", |facts| unmatched(&facts.header))
        .fact("n_templates", |facts| {
            facts.header.i64("PHX.NTPL").ok().map(|n| n.to_string())
        })
        .build()?;
    Ok(Box::new(scorer))
}

fn number(measured: &Measured) -> Option<String> {
    match measured {
        Measured::Value { value } => Some(value.to_string()),
        Measured::Absent { .. } => None,
    }
}

fn combined(header: &Header) -> i64 {
    header.i64("PRO.DATANCOM").unwrap_or(1)
}

/// Side of the field in spaxels; a header that does not count its IFUs is of the whole instrument.
fn field(header: &Header) -> f64 {
    header.f64("PHX.NIFU").unwrap_or(24.0) * SPAXELS_PER_IFU
}

fn text(header: &Header, key: &str) -> String {
    header.get(key).map(Value::display).unwrap_or_default()
}

fn heading(header: &Header) -> QcHeading {
    let start = header
        .f64("MJD-OBS")
        .ok()
        .or_else(|| Some(Mjd::from_iso(header.str("DATE-OBS").ok()?).ok()?.0));
    let end = header
        .f64("MJD-END")
        .ok()
        .or_else(|| Some(start? + header.f64("EXPTIME").ok()? / 86_400.0));
    let suffix = if combined(header) > 1 { "tpl" } else { "pst" };
    let date: String = text(header, "DATE-OBS").chars().take(23).collect();
    QcHeading {
        ab_name: format!("MUSE.{date}_{suffix}.ab"),
        raw_type: "PIXTABLE_OBJECT".into(),
        tpl_id: text(header, "TPL.ID"),
        tpl_name: text(header, "TPL.NAME"),
        setup: text(header, "INS.MODE"),
        time_range: start.zip(end).map(|(start, end)| (Mjd(start), Mjd(end))),
    }
}

/// Our own count over all inputs, else what the basic reduction wrote.
fn saturated(header: &Header) -> Measured {
    header_number(
        header,
        &[
            "QC.EXPCOMB.NSATURATED",
            "QC.MAKECUBE.NSATURATED",
            "QC.SCIBASIC.NSATURATED",
        ],
    )
}

/// The shifts of the basic reduction, else the sky lines in the cube.
fn lshift_max(facts: &Facts) -> Measured {
    let from_keys = header_number(&facts.header, &["QC.EXPCOMB.LSHIFT.MAX", "QC.MAKECUBE.LSHIFT.MAX"]);
    if matches!(from_keys, Measured::Value { .. }) {
        return from_keys;
    }
    let from_basic = header_max(&facts.header, "QC.SCIBASIC", "LAMBDA.SHIFT");
    if matches!(from_basic, Measured::Value { .. }) {
        return from_basic;
    }
    // Wavelengths are barycentric where the correction was made: the sky lines are then moved by it.
    let velocity = facts
        .header
        .f64("DRS.MUSE.PIXTABLE.RVCORR")
        .ok()
        .map(|km_s| 1000.0 * km_s);
    match facts.survey.lshift_max_angstrom(velocity) {
        Measured::Absent { reason } => absent(format!("no shift in the header, and in the cube: {reason}")),
        measured @ Measured::Value { .. } => measured,
    }
}

/// Names and kinds of every file that any step of the provenance used.
fn provenance(header: &Header) -> impl Iterator<Item = (String, String)> + '_ {
    header.cards().iter().filter_map(|card| {
        let key = card.key.as_str();
        let root = key.strip_prefix("ESO.PRO.REC")?.strip_suffix(".CATG")?;
        let name = header.str(format!("ESO.PRO.REC{root}.NAME")).unwrap_or_default();
        Some((name.to_owned(), card.value.display()))
    })
}

/// Finds `YYYY-MM-DDThh:mm:ss.fff` in an archive name.
fn time_in(name: &str) -> Option<Mjd> {
    let at = name.find('T')?.checked_sub(10)?;
    let rest = name.get(at..)?;
    let time = rest.strip_suffix(".fz").unwrap_or(rest).trim_end_matches(".fits");
    Mjd::from_iso(time.get(..23).unwrap_or(time)).ok()
}

/// Science minus arc in days.
fn delta_time(header: &Header) -> Measured {
    let science = match header.f64("MJD-OBS") {
        Ok(mjd) => mjd,
        Err(error) => return absent(error.to_string()),
    };
    let mut names = Vec::new();
    for (name, catg) in provenance(header) {
        if matches!(catg.as_str(), "WAVECAL_TABLE" | "ARC") {
            match time_in(&name) {
                Some(arc) => return value(science - arc.0),
                None => names.push(name),
            }
        }
    }
    if names.is_empty() {
        absent("the provenance names no wavelength calibration")
    } else {
        absent(format!(
            "the name of the wavelength calibration tells no time: {}",
            names.join(", ")
        ))
    }
}

fn observation_type(header: &Header) -> Option<String> {
    let own = header
        .str("PHX.OBSTYPE")
        .or_else(|_| header.str("DPR.TYPE"))
        .ok()
        .map(str::to_owned);
    own.or_else(|| {
        provenance(header)
            .map(|(_, catg)| catg)
            .find(|catg| matches!(catg.as_str(), "OBJECT" | "SKY"))
    })
}

/// Tells whether any step used a file of these kinds; nothing if the header records no step but the last.
fn used(header: &Header, kinds: &[&str]) -> Option<String> {
    header.card("PRO.REC2.ID")?;
    let is_used = provenance(header).any(|(_, catg)| kinds.contains(&catg.as_str()));
    Some(if is_used { "yes" } else { "no" }.into())
}

fn offsets(header: &Header) -> impl Iterator<Item = f64> + '_ {
    header.cards().iter().filter_map(|card| {
        let key = card.key.as_str();
        let (root, part) = key.rsplit_once('.')?;
        let is_offset = root.starts_with("ESO.DRS.MUSE.OFFSET") && matches!(part, "DRA" | "DDEC");
        is_offset.then(|| card.value.as_f64().map(f64::abs)).flatten()
    })
}

fn largest_offset(header: &Header) -> Option<String> {
    offsets(header).max_by(f64::total_cmp).map(|deg| deg.to_string())
}

fn unmatched(header: &Header) -> Option<String> {
    let matched = offsets(header).count() as i64 / 2;
    (matched > 0).then(|| (combined(header) - matched).to_string())
}

#[cfg(test)]
mod tests {
    use super::time_in;

    #[test]
    fn the_time_of_an_archive_name_is_found() {
        for name in [
            "M.MUSE.2014-12-07T10:00:00.000.fits",
            "MUSE.2014-12-07T10:00:00.000.fits.fz",
        ] {
            let expected = 56_998.0 + 10.0 / 24.0;
            assert!(
                time_in(name).is_some_and(|time| (time.0 - expected).abs() < 1e-9),
                "{name}"
            );
        }
        assert_eq!(time_in("WAVECAL_TABLE-01.fits"), None);
    }
}
