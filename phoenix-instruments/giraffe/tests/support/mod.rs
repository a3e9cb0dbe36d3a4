//! A night of GIRAFFE as headers.

#![allow(dead_code, reason = "each test takes what it needs")]

use phoenix_core::frame::Frame;
use phoenix_core::header::Value;
use phoenix_testkit::books;

fn cards(kind: &str, technique: &str, template: &str, slit: &str) -> Vec<(&'static str, Value)> {
    let category = if kind.starts_with("OBJECT") { "SCIENCE" } else { "CALIB" };
    vec![
        ("INSTRUME", "GIRAFFE".into()),
        ("DPR.CATG", category.into()),
        ("DPR.TYPE", kind.into()),
        ("DPR.TECH", technique.into()),
        ("TPL.START", template.into()),
        ("DET.CHIP1.ID", "CCD44-82".into()),
        ("DET.WIN1.BINX", 1.into()),
        ("DET.WIN1.BINY", 1.into()),
        ("DET.READ.CLOCK", "225kHz,1x1,low".into()),
        ("DET.READ.MODE", "normal".into()),
        ("DET.READ.SPEED", "225kHz".into()),
        ("INS.SLIT.NAME", slit.into()),
        ("INS.EXP.MODE", "H572.8".into()),
        ("INS.GRAT.ID", "HR".into()),
        ("EXPTIME", 10.0.into()),
    ]
}

/// One raw frame of the first Medusa slit.
pub(crate) fn frame(date_obs: &str, kind: &str, technique: &str) -> Frame {
    of_slit("Medusa1", date_obs, kind, technique)
}

/// One raw frame.
pub(crate) fn of_slit(slit: &str, date_obs: &str, kind: &str, technique: &str) -> Frame {
    let template = date_obs.get(..16).unwrap_or_default();
    books::frame("GIRAF", date_obs, &cards(kind, technique, template, slit))
}

fn template(minute: &str, n: usize, kind: &str, technique: &str) -> Vec<Frame> {
    let times = (0..n).map(|k| format!("{minute}:{:02}.000", 10 * k));
    times.map(|time| frame(&time, kind, technique)).collect()
}

/// The daytime calibrations.
pub(crate) fn calibrations() -> Vec<Frame> {
    let mut frames = template("2016-05-02T10:00", 5, "BIAS", "IMAGE");
    frames.extend(template("2016-05-02T11:00", 3, "DARK", "IMAGE"));
    frames.extend(template("2016-05-02T12:10", 3, "LAMP,FLAT", "MOS"));
    frames.push(frame("2016-05-02T12:20:00.000", "LAMP,WAVE", "MOS"));
    frames
}

/// The static tables.
pub(crate) fn statics() -> Vec<Frame> {
    let setup = cards("", "", "", "Medusa1");
    let setup: Vec<_> = setup.into_iter().filter(|(key, _)| !key.starts_with("DPR")).collect();
    [
        "GRATING_DATA",
        "SLIT_GEOMETRY_MASTER",
        "SLIT_GEOMETRY_SETUP",
        "LINE_CATALOG",
        "LINE_MASK",
    ]
    .iter()
    .map(|category| books::product(category, "GIRAFFE", "2015-01-01T00:00:00.000", category, &setup))
    .collect()
}

/// Certified masters of the day before.
pub(crate) fn masters() -> Vec<Frame> {
    let setup = cards("", "", "", "Medusa1");
    let setup: Vec<_> = setup.into_iter().filter(|(key, _)| !key.starts_with("DPR")).collect();
    [
        "MASTER_BIAS",
        "FF_LOCCENTROID",
        "FF_LOCWIDTH",
        "FIBER_PROFILE",
        "FF_EXTSPECTRA",
        "FF_EXTERRORS",
        "DISPERSION_SOLUTION",
    ]
    .iter()
    .map(|category| {
        let name = format!("M.{category}");
        books::product(&name, "GIRAFFE", "2016-05-01T12:00:00.000", category, &setup)
    })
    .collect()
}
