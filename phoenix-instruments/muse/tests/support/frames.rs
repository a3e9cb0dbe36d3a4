//! Frames by header alone, for decisions.

#![allow(dead_code, reason = "each test uses its share")]

use phoenix_core::frame::{ClassifiedFrame, Frame};
use phoenix_core::header::{Header, Value};
use phoenix_core::traits::DatasetSelector;
use phoenix_core::unit::Mjd;
use phoenix_muse::select::MuseSelector;

/// The start of the night 2016-05-01 in the examples.
pub(crate) const EVENING: &str = "2016-05-01T23:00:00.000";

/// The time some minutes after the evening begins.
pub(crate) fn at(minutes: f64) -> String {
    Mjd(Mjd::from_iso(EVENING).unwrap().0 + minutes / 1440.0).to_iso()
}

/// A frame with header values.
pub(crate) fn frame(id: &str, cards: &[(&str, Value)]) -> Frame {
    let mut header = Header::new();
    header.set("INSTRUME", "MUSE", "");
    for (key, value) in cards {
        header.set(*key, value.clone(), "");
    }
    Frame {
        id: id.into(),
        location: format!("{id}.fits"),
        header,
        size_bytes: Some(1000),
    }
}

/// A reduced pixel table of a block, taken some minutes after the evening begins.
pub(crate) fn reduced(id: &str, ob: i64, minutes: f64) -> Frame {
    let start = at(minutes);
    frame(
        id,
        &[
            ("DATE-OBS", start.as_str().into()),
            ("MJD-OBS", Mjd::from_iso(&start).unwrap().0.into()),
            ("EXPTIME", 900.0.into()),
            ("OBJECT", "NGC 1".into()),
            ("PRO.CATG", "PIXTABLE_REDUCED".into()),
            ("DPR.CATG", "SCIENCE".into()),
            ("DPR.TYPE", "OBJECT".into()),
            ("OBS.ID", ob.into()),
            ("TPL.START", EVENING.into()),
            ("INS.MODE", "WFM-NOAO-N".into()),
            ("DRS.MUSE.PIXTABLE.WCS", "projected (intermediate)".into()),
        ],
    )
}

/// A raw frame.
pub(crate) fn raw(id: &str, catg: &str, kind: &str, template: &str, minutes: f64) -> Frame {
    let start = at(minutes);
    frame(
        id,
        &[
            ("DATE-OBS", start.as_str().into()),
            ("MJD-OBS", Mjd::from_iso(&start).unwrap().0.into()),
            ("EXPTIME", 600.0.into()),
            ("DPR.CATG", catg.into()),
            ("DPR.TYPE", kind.into()),
            ("DPR.TECH", "IFU".into()),
            ("OBS.ID", 200.into()),
            ("TPL.START", template.into()),
            ("INS.MODE", "WFM-NOAO-N".into()),
        ],
    )
}

/// The same frame with another header value; without a value the key goes.
pub(crate) fn with(mut frame: Frame, key: &str, value: Option<Value>) -> Frame {
    match value {
        Some(value) => frame.header.set(key, value, ""),
        None => {
            frame.header.remove(key);
        }
    }
    frame
}

/// Frames as the selector names them.
pub(crate) fn classified(frames: &[Frame]) -> Vec<ClassifiedFrame> {
    let named = frames.iter().filter_map(|frame| {
        let (tag, category) = MuseSelector.classify(frame).unwrap()?;
        Some(ClassifiedFrame {
            frame: frame.clone(),
            tag,
            category,
        })
    });
    named.collect()
}
