//! Real frames, known by tables of another pipeline: what they call a frame is what our rules call it.
//!
//! The tables hold no headers. A row becomes one by this table:
//!
//! | column | key |
//! |---|---|
//! | name of the file | `SEQ.ARM` |
//! | `target` beginning with BIAS, LAMP or STD | `DPR.TYPE`, with `DPR.CATG` CALIB |
//! | any other `target` | `DPR.TYPE` OBJECT, with `DPR.CATG` SCIENCE |
//! | `frametype` lampoffflats; in the arm NIR also bias, there are none | `DPR.TYPE` LAMP,FLAT, `DPR.TECH` IMAGE |
//! | `decker` | slit wheel of the arm; `DPR.TECH` ECHELLE,MULTI-PINHOLE if Pin_row, else ECHELLE,SLIT |
//! | `dither` of stars and targets | `DPR.TECH` ECHELLE,SLIT,NODDING if given, else ECHELLE,SLIT,STARE |
//! | type of the lamp | `INS.LAMPn.ST` |

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

use std::collections::BTreeMap;

use phoenix_core::header::Header;
use phoenix_core::rules::RuleBook;
use phoenix_testkit::books::Book;
use phoenix_testkit::peers;

type Row = BTreeMap<String, String>;

/// The rows of a table, also those that its author commented out: they are frames too.
fn rows(text: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim_start_matches(['#', ' ']).trim().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = text.lines().filter(|line| line.contains('|'));
    let names = lines
        .find(|line| line.contains("frametype"))
        .map(cells)
        .unwrap_or_default();
    lines
        .map(|line| names.iter().cloned().zip(cells(line)).collect())
        .collect()
}

fn header(row: &Row, arm: &str) -> Header {
    let get = |name: &str| row.get(name).map_or("", String::as_str);
    let (target, frame) = (get("target"), get("frametype"));
    let is_off = frame.contains("lampoff") || (arm == "NIR" && frame == "bias");
    let kind = match target {
        "dark" | "flat" => "LAMP,FLAT",
        _ if ["BIAS", "LAMP", "STD"].iter().any(|begin| target.starts_with(begin)) => target,
        _ => "OBJECT",
    };
    let slit = if get("decker").is_empty() {
        "0.9x11"
    } else {
        get("decker")
    };
    let technique = match kind {
        "BIAS" => "IMAGE",
        _ if is_off => "IMAGE",
        "LAMP,WAVE" if slit == "Pin_row" => "ECHELLE,MULTI-PINHOLE",
        _ if kind.starts_with("LAMP") => "ECHELLE,SLIT",
        "STD,SKY" => "ECHELLE,SLIT,OFFSET",
        _ if matches!(get("dither"), "" | "None") => "ECHELLE,SLIT,STARE",
        _ => "ECHELLE,SLIT,NODDING",
    };
    let (wheel, flat_lamp) = match arm {
        "UVB" => ("INS.OPTI3.NAME", "INS.LAMP4.ST"),
        "VIS" => ("INS.OPTI4.NAME", "INS.LAMP5.ST"),
        _ => ("INS.OPTI5.NAME", "INS.LAMP6.ST"),
    };
    let lamp = match kind {
        "LAMP,WAVE" => "INS.LAMP1.ST",
        "LAMP,DFLAT" => "INS.LAMP3.ST",
        _ => flat_lamp,
    };
    let mut header = Header::new();
    for (key, value) in [
        ("INSTRUME", "XSHOOTER"),
        ("SEQ.ARM", arm),
        ("DPR.CATG", if kind == "OBJECT" { "SCIENCE" } else { "CALIB" }),
        ("DPR.TYPE", kind),
        ("DPR.TECH", technique),
        ("INS.OPTI2.NAME", "SLOT"),
        (wheel, slit),
    ] {
        header.set(key, value, "");
    }
    header.set(lamp, kind.starts_with("LAMP") && !is_off, "");
    header
}

/// How the class of a frame type begins.
fn expected(row: &Row, arm: &str) -> &'static [&'static str] {
    let (frame, target) = (row["frametype"].as_str(), row["target"].as_str());
    let has = |word: &str| frame.contains(word);
    match () {
        () if has("lampoff") || (arm == "NIR" && frame == "bias") => &["FLAT_SLIT_NIR_OFF"],
        () if has("bias") => &["BIAS_"],
        () if has("pixelflat") => &["FLAT_SLIT_", "FLAT_D2_SLIT_", "FLAT_QTH_SLIT_"],
        () if has("standard") => &["STD_FLUX_SLIT_", "STD_TELL_SLIT_", "OBJECT_SLIT_"],
        () if has("science") && target == "STD,SKY" => &["SKY_SLIT_"],
        () if has("science") => &["OBJECT_SLIT_", "STD_TELL_SLIT_", "STD_FLUX_SLIT_"],
        () if target == "LAMP,WAVE" => &["ARC_SLIT_", "WAVE_"],
        // Sky lines of targets serve as arcs in the near infrared.
        () => &["OBJECT_SLIT_"],
    }
}

#[test]
fn frames_of_another_pipelines_tables_have_the_class_of_their_type() {
    let Some(folder) = peers::data("frames") else { return };
    let own = Book {
        name: "xshooter".into(),
        rules: RuleBook::parse(phoenix_xshooter::RULES).unwrap(),
        class_key: "DO.CATG",
    };
    let mut n_rows = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().to_uppercase();
        let arm = ["UVB", "VIS", "NIR"]
            .into_iter()
            .find(|arm| name.contains(arm))
            .unwrap();
        for row in rows(&std::fs::read_to_string(&path).unwrap()) {
            let class = own.class(&header(&row, arm)).unwrap_or_default();
            let wanted = expected(&row, arm);
            let fits = wanted.iter().any(|begin| class.starts_with(begin)) && class.contains(arm);
            assert!(fits, "{name}: {row:?} is {class:?}, expected {wanted:?} of {arm}");
            n_rows += 1;
        }
    }
    assert!(n_rows > 150, "{n_rows}");
}
