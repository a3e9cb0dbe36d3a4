//! The rules of every file (G).

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::header::{Header, Value};
use phoenix_core::traits::{HduInfo, HduKind};

use super::{SdpFile, Sheet, has_pixels, place};
use crate::sdp::names::is_fits;
use crate::sdp::standard::{NAME_LIMIT, TEXT_LIMIT};

/// Names that the archive keeps for itself (S8); the first may stand where `PROVXTN` announces it.
const RESERVED: [&str; 3] = ["PHASE3PROVENANCE", "PHASE3CATALOG", "PHASE3FILELIST"];

/// Keywords that are numbered from 1 without a gap.
const NUMBERED: [&str; 9] = [
    "PROV", "OBID", "ASSON", "ASSOC", "ASSOM", "PROGID", "TELESC", "INSTR", "FILTER",
];

pub(super) fn check(file: &SdpFile, sheet: &mut Sheet) {
    name(file, sheet);
    for hdu in &file.hdus {
        let place = place(hdu);
        readable(hdu, &place, sheet);
        texts(&hdu.header, &place, sheet);
        checksums(file, hdu, &place, sheet);
        coordinates(hdu, &place, sheet);
        repeated(&hdu.header, &place, sheet);
    }
    extensions(file, sheet);
    if let Some(primary) = file.primary() {
        for stem in NUMBERED {
            indices(primary, stem, sheet);
        }
        if let Ok(origfile) = primary.str("ORIGFILE")
            && origfile != file.name
        {
            let message = format!("it is {origfile}, the file is {}", file.name);
            sheet.report("G10", "PRIMARY", "ORIGFILE", message);
        }
    }
    if !file
        .hdus
        .iter()
        .any(|hdu| has_pixels(hdu) || hdu.kind == HduKind::Table)
    {
        sheet.report("G11", "FILE", "", "no HDU has data".to_owned());
    }
}

fn name(file: &SdpFile, sheet: &mut Sheet) {
    let name = &file.name;
    let mut fault = |rule: &str, message: String| sheet.report(rule, "FILE", "", message);
    if name.len() > NAME_LIMIT {
        fault(
            "G2",
            format!("the name has {} characters, allowed are {NAME_LIMIT}", name.len()),
        );
    }
    if let Some(bad) = name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "._+-:".contains(*c)))
    {
        fault("G2", format!("the name holds {bad:?}"));
    }
    let is_compressed = |hdu: &HduInfo| hdu.header.contains("ZCMPTYPE") || hdu.header.contains("ZIMAGE");
    let is_named_so = name.ends_with(".fits.fz");
    if !is_fits(name) {
        fault("G3", "the suffix is neither .fits nor .fits.fz".to_owned());
    }
    if is_named_so != file.hdus.iter().any(is_compressed) {
        let found = if is_named_so { "no" } else { "a" };
        fault("G3", format!("the file has {found} tile-compressed HDU"));
    }
    for hdu in &file.hdus {
        if hdu.header.bool("ZTABLE") == Ok(true) {
            sheet.report("G4", &place(hdu), "ZTABLE", "the table is tile-compressed".to_owned());
        }
    }
}

fn readable(hdu: &HduInfo, place: &str, sheet: &mut Sheet) {
    if hdu.index == 0 && hdu.header.bool("SIMPLE") != Ok(true) {
        sheet.report("G1", place, "SIMPLE", "it is not T".to_owned());
    }
    for card in hdu.header.cards() {
        if let Value::Unreadable(text) = &card.value {
            let text = text.trim_end();
            sheet.report(
                "G1",
                place,
                card.key.as_str(),
                format!("card {text:?} breaks the FITS standard"),
            );
        }
    }
}

fn texts(header: &Header, place: &str, sheet: &mut Sheet) {
    for card in header.cards() {
        let key = card.key.as_str();
        if key == "CONTINUE" || key == "LONGSTRN" {
            sheet.report("G5", place, key, "long texts are not allowed".to_owned());
            continue;
        }
        if let (false, Some(text)) = (card.key.is_commentary(), card.value.as_str()) {
            let n = text.chars().count() + text.matches('\'').count();
            if n > TEXT_LIMIT {
                sheet.report(
                    "G5",
                    place,
                    key,
                    format!("the text has {n} characters, allowed are {TEXT_LIMIT}"),
                );
            }
        }
    }
}

fn checksums(file: &SdpFile, hdu: &HduInfo, place: &str, sheet: &mut Sheet) {
    for key in ["CHECKSUM", "DATASUM"] {
        if !hdu.header.contains(key) {
            sheet.report("G6", place, key, "it is missing".to_owned());
        }
    }
    for (_, reason) in file.checksum_faults.iter().filter(|(index, _)| *index == hdu.index) {
        sheet.report("G6", place, "CHECKSUM", reason.clone());
    }
}

/// Tells whether a name is a stem, digits that have no leading zero, and nothing else.
pub(super) fn index_of(key: &str, stem: &str) -> Option<Result<u32, ()>> {
    let digits = key.strip_prefix(stem)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if digits.starts_with('0') {
        Err(())
    } else {
        digits.parse().map_err(drop)
    })
}

fn coordinates(hdu: &HduInfo, place: &str, sheet: &mut Sheet) {
    if hdu.kind != HduKind::Image {
        return;
    }
    for card in hdu.header.cards() {
        let key = card.key.as_str();
        let is_old = ["CDELT", "CROTA"].iter().any(|stem| index_of(key, stem).is_some());
        let is_matrix = key
            .strip_prefix("PC")
            .and_then(|rest| rest.split_once('_'))
            .is_some_and(|(i, j)| {
                [i, j]
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            });
        if is_old || is_matrix {
            sheet.report("G12", place, key, "coordinates are given by CDi_j alone".to_owned());
        }
        let alternate = key.strip_prefix("CTYPE").and_then(|rest| rest.chars().last());
        if alternate.is_some_and(|last| last.is_ascii_uppercase()) {
            sheet.report("G12", place, key, "a header has one set of coordinates".to_owned());
        }
    }
}

/// Cards that may stand several times.
fn repeated(header: &Header, place: &str, sheet: &mut Sheet) {
    let mut seen: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for card in header.cards() {
        let key = card.key.as_str();
        if card.key.is_commentary() || key == "CONTINUE" || matches!(card.value, Value::Unreadable(_)) {
            continue;
        }
        match seen.get(key) {
            Some(before) if before.display() != card.value.display() && told.insert(key) => {
                let message = format!("it is {} and {}", before.display(), card.value.display());
                sheet.report("G14", place, key, message);
            }
            Some(_) => {}
            None => {
                seen.insert(key, &card.value);
            }
        }
    }
}

fn extensions(file: &SdpFile, sheet: &mut Sheet) {
    let announces = file
        .primary()
        .is_some_and(|primary| primary.bool("PROVXTN") == Ok(true));
    let mut names = BTreeSet::new();
    for hdu in file.hdus.iter().skip(1) {
        let place = place(hdu);
        let name = hdu.header.str("EXTNAME").unwrap_or_default();
        let is_provenance = announces && name == "PHASE3PROVENANCE";
        if name.is_empty() {
            sheet.report("G8", &place, "EXTNAME", "it is missing or empty".to_owned());
        } else if RESERVED.contains(&name) && !is_provenance {
            sheet.report("G8", &place, "EXTNAME", format!("{name} is reserved"));
        } else if !names.insert(name) {
            sheet.report("G8", &place, "EXTNAME", format!("{name} stands twice in the file"));
        }
        for key in ["PRODCATG", "ORIGFILE"] {
            if hdu.header.contains(key) {
                sheet.report("G9", &place, key, "it belongs into the primary HDU".to_owned());
            }
        }
    }
}

/// Returns the indices of a numbered keyword in rising order.
pub(super) fn numbered(header: &Header, stem: &str) -> BTreeSet<u32> {
    let keys = header.cards().iter().map(|card| card.key.as_str());
    keys.filter_map(|key| index_of(key, stem)?.ok()).collect()
}

fn indices(primary: &Header, stem: &str, sheet: &mut Sheet) {
    for card in primary.cards() {
        if index_of(card.key.as_str(), stem) == Some(Err(())) {
            let message = "an index has no leading zero".to_owned();
            sheet.report("G13", "PRIMARY", card.key.as_str(), message);
        }
    }
    // A companion that is FITS has no ASSOCi and no ASSOMi, so that these may begin later.
    if stem == "ASSOC" || stem == "ASSOM" {
        return;
    }
    let found = numbered(primary, stem);
    if let Some(gap) = (1..)
        .zip(&found)
        .find_map(|(expected, found)| (expected != *found).then_some(expected))
    {
        let key = format!("{stem}{gap}");
        sheet.report(
            "G13",
            "PRIMARY",
            &key,
            "it is missing from the numbered list".to_owned(),
        );
    }
}
