//! A set of files that go to the archive together (B), as one flat folder.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::header::{Header, Value};

use super::check::{Finding, Profile, SdpFile, Sheet, check, is_same_value};
use super::standard::Family;

/// The keywords in which the images that go along with a cube must agree with it.
const SKY_AXES: [&str; 8] = [
    "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2",
];

/// Holds a set of files against the standard: each file by itself, then the files among each other.
///
/// `non_fits` are the names of the other files of the set (previews, logs).
///
/// # Contract
/// * Findings come with the file's name, in the order of the files, those about the set last.
/// * A single file without companions beside it is judged alone: pairing needs the pair.
pub fn check_batch(files: &[SdpFile], non_fits: &[String], profile: Profile) -> Vec<(String, Finding)> {
    let mut findings: Vec<(String, Finding)> = Vec::new();
    for file in files {
        findings.extend(
            check(file, profile)
                .into_iter()
                .map(|finding| (file.name.clone(), finding)),
        );
    }
    let mut add = |name: &str, sheet: Sheet| {
        findings.extend(sheet.finish().into_iter().map(|finding| (name.to_owned(), finding)));
    };
    let names: Vec<&str> = files
        .iter()
        .map(|file| file.name.as_str())
        .chain(non_fits.iter().map(String::as_str))
        .collect();
    for name in repeated(names.iter().copied()) {
        let mut sheet = Sheet::new(profile);
        sheet.report("B1", "FILE", "", "another file of the set has the same name".to_owned());
        add(name, sheet);
    }
    if names.len() > 1 {
        let present: BTreeSet<&str> = names.iter().copied().collect();
        for file in files {
            let mut sheet = Sheet::new(profile);
            named_are_there(file, &present, &mut sheet);
            white_light(file, files, &mut sheet);
            exposure_maps(file, files, &mut sheet);
            add(&file.name, sheet);
        }
        orphans(files, non_fits, profile, &mut add);
    }
    titles(files, profile, &mut add);
    findings
}

fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

/// Returns keyword and name of each companion of a file.
fn companions(file: &SdpFile) -> impl Iterator<Item = (&str, &str)> {
    let cards = file.primary().into_iter().flat_map(Header::cards);
    cards.filter_map(|card| {
        let key = card.key.as_str();
        key.strip_prefix("ASSON")?.parse::<u32>().ok()?;
        Some((key, card.value.as_str()?.trim()))
    })
}

fn named_are_there(file: &SdpFile, present: &BTreeSet<&str>, sheet: &mut Sheet) {
    for (key, name) in companions(file) {
        if !present.contains(name) {
            sheet.report("B2", "PRIMARY", key, format!("{name} is not in the set"));
        }
    }
}

fn orphans(files: &[SdpFile], non_fits: &[String], profile: Profile, add: &mut impl FnMut(&str, Sheet)) {
    let named: BTreeSet<&str> = files.iter().flat_map(companions).map(|(_, name)| name).collect();
    let ancillary = files
        .iter()
        .filter(|file| {
            file.category()
                .is_some_and(|category| category.starts_with("ANCILLARY"))
        })
        .map(|file| file.name.as_str());
    for name in ancillary.chain(non_fits.iter().map(String::as_str)) {
        if !named.contains(name) {
            let mut sheet = Sheet::new(profile);
            sheet.report("B3", "FILE", "", "no product of the set names it".to_owned());
            add(name, sheet);
        }
    }
}

fn white_light(file: &SdpFile, files: &[SdpFile], sheet: &mut Sheet) {
    if file.family() != Some(Family::Cube) {
        return;
    }
    let whites: Vec<(&str, &SdpFile)> = companions(file)
        .filter_map(|(key, name)| Some((key, files.iter().find(|other| other.name == name)?)))
        .filter(|(_, other)| other.family() == Some(Family::WhiteLight))
        .collect();
    let [(key, white)] = whites.as_slice() else {
        let message = format!("{} white-light images, expected one", whites.len());
        sheet.report("B4", "PRIMARY", "ASSON1", message);
        return;
    };
    compare_geometry(file, (key, white), "B4", sheet);
}

fn exposure_maps(file: &SdpFile, files: &[SdpFile], sheet: &mut Sheet) {
    if file.family() != Some(Family::Cube) {
        return;
    }
    for (key, name) in companions(file) {
        let map = files.iter().find(|other| other.name == name);
        if let Some(map) = map.filter(|map| map.family() == Some(Family::ExposureMap)) {
            compare_geometry(file, (key, map), "B6", sheet);
        }
    }
}

/// Compares size and celestial axes of a cube and an image that goes along with it.
fn compare_geometry(file: &SdpFile, (key, other): (&str, &SdpFile), rule: &str, sheet: &mut Sheet) {
    let (Some(cube), Some(image)) = (file.science(), other.science()) else {
        return;
    };
    if cube.shape.get(1..) != Some(image.shape.as_slice()) {
        let message = format!("{} has axes {:?}, the cube {:?}", other.name, image.shape, cube.shape);
        sheet.report(rule, "PRIMARY", key, message);
    }
    for axis in SKY_AXES {
        let (ours, theirs) = (cube.header.get(axis), image.header.get(axis));
        let is_same = match (ours, theirs) {
            (Some(ours), Some(theirs)) => is_same_value(ours, theirs),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            let show = |value: Option<&Value>| value.map_or("missing".to_owned(), Value::display);
            let message = format!("{axis} is {}, in {} it is {}", show(ours), other.name, show(theirs));
            sheet.report(rule, "PRIMARY", key, message);
        }
    }
}

fn titles(files: &[SdpFile], profile: Profile, add: &mut impl FnMut(&str, Sheet)) {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for file in files.iter().filter(|file| file.family() == Some(Family::Spectrum)) {
        for hdu in &file.hdus {
            let Ok(title) = hdu.header.str("TITLE") else { continue };
            if let Some(other) = first.get(title) {
                let mut sheet = Sheet::new(profile);
                sheet.report("B5", "FILE", "TITLE", format!("{title} is the title of {other} too"));
                add(&file.name, sheet);
            } else {
                first.insert(title, &file.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check_batch;
    use crate::sdp::check::tests::good::{cube, exposure_map, spectrum, white};
    use crate::sdp::check::{Profile, SdpFile};

    fn rules(files: &[SdpFile], others: &[&str]) -> Vec<String> {
        let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
        check_batch(files, &others, Profile::Strict)
            .into_iter()
            .map(|(file, finding)| format!("{file} {} {}", finding.rule, finding.keyword))
            .collect()
    }

    #[test]
    fn a_cube_with_its_image_and_preview_is_a_set() {
        assert_eq!(rules(&[cube(), white()], &["cube.png"]), Vec::<String>::new());
        assert_eq!(rules(&[cube()], &[]), Vec::<String>::new(), "one file is judged alone");
    }

    #[test]
    fn each_rule_of_a_set_speaks_when_it_is_broken() {
        let twice = rules(&[cube(), cube(), white()], &["cube.png"]);
        assert_eq!(twice, ["cube.fits B1 "]);
        assert_eq!(rules(&[cube(), white()], &[]), ["cube.fits B2 ASSON2"]);
        assert_eq!(rules(&[cube(), white()], &["cube.png", "stray.png"]), ["stray.png B3 "]);
        let mut shifted = white();
        shifted.hdus[1].header.set("CRPIX1", 5.0, "");
        shifted.hdus[1].shape = vec![8, 9];
        assert_eq!(
            rules(&[cube(), shifted], &["cube.png"]),
            ["cube.fits B4 ASSON1", "cube.fits B4 ASSON1"]
        );
        let mut mapped = cube();
        mapped.hdus[0].header.set("ASSON3", "map.fits", "");
        let mut map = exposure_map();
        assert_eq!(
            rules(&[mapped.clone(), white(), map.clone()], &["cube.png"]),
            Vec::<String>::new()
        );
        map.hdus[1].header.set("CRVAL2", 5.0, "");
        assert_eq!(rules(&[mapped, white(), map], &["cube.png"]), ["cube.fits B6 ASSON3"]);
        let mut second = spectrum();
        second.name = "second.fits".into();
        second.hdus[0].header.set("ORIGFILE", "second.fits", "");
        assert_eq!(rules(&[spectrum(), second], &[]), ["second.fits B5 TITLE"]);
    }
}
