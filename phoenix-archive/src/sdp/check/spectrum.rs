//! Spectra as one-row tables (T).

use phoenix_core::header::Header;
use phoenix_core::traits::{HduInfo, HduKind};

use super::{SdpFile, Sheet, has_pixels, place};

/// One column as its keywords describe it.
struct Column<'a> {
    index: i64,
    name: &'a str,
    unit: Option<&'a str>,
    ucd: Option<&'a str>,
    utype: Option<&'a str>,
    repeat: Option<i64>,
    letter: char,
    is_variable: bool,
}

fn columns(header: &Header) -> Vec<Column<'_>> {
    let text = |stem: &str, n: i64| header.str(format!("{stem}{n}").as_str()).ok().map(str::trim);
    (1..=header.i64("TFIELDS").unwrap_or(0).clamp(0, 999))
        .map(|n| {
            let form = text("TFORM", n).unwrap_or_default();
            let split = form.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(form.len());
            let (digits, rest) = form.split_at(split);
            let letter = rest.chars().next().unwrap_or('?');
            Column {
                index: n,
                name: text("TTYPE", n).unwrap_or_default(),
                unit: text("TUNIT", n),
                ucd: text("TUCD", n),
                utype: text("TUTYP", n),
                repeat: if digits.is_empty() {
                    Some(1)
                } else {
                    digits.parse().ok()
                },
                letter,
                is_variable: matches!(letter, 'P' | 'Q'),
            }
        })
        .collect()
}

pub(super) fn check(file: &SdpFile, sheet: &mut Sheet) {
    let tables: Vec<&HduInfo> = file
        .hdus
        .iter()
        .filter(|hdu| hdu.kind == HduKind::Table && hdu.name != "PHASE3PROVENANCE")
        .collect();
    if file.hdus.first().is_some_and(has_pixels) {
        sheet.report("T1", "PRIMARY", "NAXIS", "the primary HDU has data".to_owned());
    }
    let [table] = tables.as_slice() else {
        sheet.report("T1", "FILE", "", format!("{} tables, expected one", tables.len()));
        return;
    };
    let place = place(table);
    for (key, expected) in [("NAXIS2", 1), ("PCOUNT", 0), ("GCOUNT", 1)] {
        if let Ok(found) = table.header.i64(key)
            && found != expected
        {
            sheet.report("T1", &place, key, format!("it is {found}, expected {expected}"));
        }
    }
    let columns = columns(&table.header);
    order(&columns, &place, sheet);
    forms(&table.header, &columns, &place, sheet);
    meanings(&columns, &place, sheet);
    if let Some(primary) = file.primary() {
        same_target(primary, &table.header, &place, sheet);
        derived(primary, &table.header, &place, sheet);
    }
    values(file, &table.header, &columns, &place, sheet);
}

fn order(columns: &[Column<'_>], place: &str, sheet: &mut Sheet) {
    let wanted: [(&str, &[&str]); 3] = [
        ("WAVE, FREQ or ENER", &["WAVE", "FREQ", "ENER"]),
        ("FLUX…", &["FLUX"]),
        ("ERR…", &["ERR"]),
    ];
    for (n, (expected, beginnings)) in (1..).zip(wanted) {
        let found = columns
            .iter()
            .find(|column| column.index == n)
            .map_or("missing", |column| column.name);
        let is_whole = n == 1;
        let fits = |start: &&str| {
            if is_whole {
                found == *start
            } else {
                found.starts_with(start)
            }
        };
        if !beginnings.iter().any(fits) {
            sheet.report(
                "T2",
                place,
                &format!("TTYPE{n}"),
                format!("it is {found}, expected {expected}"),
            );
        }
    }
    if let Some(column) = columns.iter().find(|column| column.name == "SKYBACK") {
        let key = format!("TTYPE{}", column.index);
        sheet.report("T2", place, &key, "SKYBACK is now BGFLUX".to_owned());
    }
}

fn forms(header: &Header, columns: &[Column<'_>], place: &str, sheet: &mut Sheet) {
    let nelem = header.i64("NELEM").ok();
    for column in columns {
        let key = format!("TFORM{}", column.index);
        if column.is_variable {
            sheet.report("T3", place, &key, "the vector has a variable length".to_owned());
        } else if nelem.is_some() && column.repeat != nelem {
            let found = column.repeat.map_or("unreadable".to_owned(), |n| n.to_string());
            sheet.report(
                "T3",
                place,
                &key,
                format!("{found} elements, NELEM is {}", nelem.unwrap_or(0)),
            );
        }
    }
    if let Some(first) = columns.first()
        && let Some(other) = columns.iter().find(|column| column.letter != first.letter)
    {
        let message = format!("type {}, column 1 has {}", other.letter, first.letter);
        sheet.report("T4", place, &format!("TFORM{}", other.index), message);
    }
}

fn meanings(columns: &[Column<'_>], place: &str, sheet: &mut Sheet) {
    for column in columns {
        for (stem, value) in [("TUNIT", column.unit), ("TUCD", column.ucd), ("TUTYP", column.utype)] {
            if value.is_none() {
                sheet.report(
                    "T5",
                    place,
                    &format!("{stem}{}", column.index),
                    "it is missing".to_owned(),
                );
            }
        }
    }
    let Some([wave, flux, error]) = columns.get(..3) else {
        return;
    };
    let unit = wave.unit.unwrap_or_default().to_ascii_lowercase();
    let fits = match wave.name {
        "WAVE" => ["nm", "angstrom", "um"].contains(&unit.as_str()),
        "FREQ" => unit == "ghz",
        _ => true,
    };
    if !fits {
        sheet.report("T5", place, "TUNIT1", format!("{unit} is no unit of {}", wave.name));
    }
    if wave.name == "WAVE" && !matches!(wave.ucd, Some("em.wl" | "em.wl;obs.atmos")) {
        let found = wave.ucd.unwrap_or("missing");
        sheet.report(
            "T5",
            place,
            "TUCD1",
            format!("it is {found}, expected em.wl or em.wl;obs.atmos"),
        );
    }
    for (column, start) in [(flux, "phot"), (error, "stat.error")] {
        let ucd = column.ucd.unwrap_or_default();
        if !ucd.starts_with(start) && !ucd.starts_with("arith") {
            sheet.report(
                "T5",
                place,
                &format!("TUCD{}", column.index),
                format!("{ucd} does not begin with {start}"),
            );
        }
        if ucd.contains("em.ql") {
            let message = "em.ql is a misprint of the standard for em.wl".to_owned();
            sheet.report("T5", place, &format!("TUCD{}", column.index), message);
        }
    }
    for (column, tail) in [
        (wave, "data.spectralaxis.value"),
        (flux, "data.fluxaxis.value"),
        (error, "data.fluxaxis.accuracy.staterror"),
    ] {
        let utype = column.utype.unwrap_or_default().to_ascii_lowercase();
        let below = ["spectrum.", "spec:", "eso:"]
            .iter()
            .find_map(|prefix| utype.strip_prefix(prefix));
        if below != Some(tail) {
            let message = format!("{utype} is not spec:{tail}");
            sheet.report("T5", place, &format!("TUTYP{}", column.index), message);
        }
    }
    if flux.unit != error.unit {
        let show = |unit: Option<&str>| unit.unwrap_or("missing").to_owned();
        let message = format!("it is {}, that of the flux is {}", show(error.unit), show(flux.unit));
        sheet.report("T6", place, "TUNIT3", message);
    }
}

fn same_target(primary: &Header, table: &Header, place: &str, sheet: &mut Sheet) {
    for key in ["RA", "DEC"] {
        if let (Ok(ours), Ok(theirs)) = (table.f64(key), primary.f64(key))
            && (ours - theirs).abs() > 1e-7
        {
            sheet.report("T8", place, key, format!("it is {ours}, the primary HDU says {theirs}"));
        }
    }
    if let (Ok(ours), Ok(theirs)) = (table.str("OBJECT"), primary.str("OBJECT")) {
        if ours != theirs {
            sheet.report(
                "T8",
                place,
                "OBJECT",
                format!("it is {ours}, the primary HDU says {theirs}"),
            );
        }
        if table.str("TITLE").is_ok_and(|title| !title.contains(ours)) {
            sheet.report("T9", place, "TITLE", format!("it does not contain {ours}"));
        }
    }
}

/// Keywords of the table that follow from others, with the validator's tolerances (CHK).
fn derived(primary: &Header, table: &Header, place: &str, sheet: &mut Sheet) {
    let p = |key: &str| primary.f64(key).ok();
    let span = |a: Option<f64>, b: Option<f64>| Some((a?, b?));
    let times = span(p("MJD-OBS"), p("MJD-END"));
    let waves = span(p("WAVELMIN"), p("WAVELMAX"));
    let expected = [
        ("TELAPSE", times.map(|(start, end)| (end - start) * 86_400.0), 0.1),
        ("TMID", times.map(|(start, end)| f64::midpoint(start, end)), 1e-4),
        ("SPEC_VAL", waves.map(|(low, high)| f64::midpoint(low, high)), 1e-3),
        ("SPEC_BW", waves.map(|(low, high)| high - low), 1e-3),
    ];
    for (key, expected, tolerance) in expected {
        if let (Some(expected), Ok(found)) = (expected, table.f64(key))
            && (found - expected).abs() > tolerance
        {
            sheet.report("T7", place, key, format!("it is {found}, expected {expected:.4}"));
        }
    }
}

fn values(file: &SdpFile, table: &Header, columns: &[Column<'_>], place: &str, sheet: &mut Sheet) {
    let Some(facts) = file.spectrum else { return };
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs();
    for (key, expected) in [("TDMIN1", facts.ends.0), ("TDMAX1", facts.ends.1)] {
        if let Ok(found) = table.f64(key)
            && !close(found, expected)
        {
            sheet.report("T7", place, key, format!("it is {found}, the column says {expected}"));
        }
    }
    if !facts.is_rising {
        sheet.report(
            "T10",
            place,
            "TTYPE1",
            "the spectral coordinate does not rise strictly".to_owned(),
        );
    }
    if facts.has_infinite {
        sheet.report("T10", place, "", "a value is infinite".to_owned());
    }
    let unit = columns.first().and_then(|column| column.unit).unwrap_or_default();
    let scale_nm = match unit.to_ascii_lowercase().as_str() {
        "nm" => 1.0,
        "angstrom" => 0.1,
        "um" => 1e3,
        _ => return,
    };
    let step_nm = facts.median_step * scale_nm;
    if let Some(bin_nm) = file.primary().and_then(|primary| primary.f64("SPEC_BIN").ok())
        && !(0.5 * step_nm..=1.5 * step_nm).contains(&bin_nm)
    {
        let message = format!("{bin_nm} nm is not the step of the column, {step_nm:.5} nm");
        sheet.report("T10", "PRIMARY", "SPEC_BIN", message);
    }
}
