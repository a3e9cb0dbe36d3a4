//! The table of keywords (K, and G7).

use phoenix_core::header::{Header, Value};
use phoenix_core::traits::{HduInfo, HduKind};

use super::{Profile, SdpFile, Sheet, has_pixels, place};
use crate::sdp::standard::{Allowed, Duty, Family, KeyRule, Kind, Place, keywords};

/// Mandatory texts that may be empty (S8).
const MAY_BE_EMPTY: &str = "REFERENC";

pub(super) fn check(file: &SdpFile, family: Family, sheet: &mut Sheet) {
    let instrument = file
        .primary()
        .and_then(|primary| primary.str("INSTRUME").ok())
        .unwrap_or_default();
    for hdu in &file.hdus {
        let place = place(hdu);
        for rule in keywords().iter().filter(|rule| stands_in(rule.place, hdu)) {
            let is_exempt = rule.exempt.contains(&instrument);
            match rule.duty(family) {
                Some(Duty::Mandatory) if is_exempt => {}
                Some(duty) => one(rule, duty, hdu, &place, sheet),
                None => {}
            }
        }
    }
}

fn stands_in(place: Place, hdu: &HduInfo) -> bool {
    match place {
        Place::Primary => hdu.index == 0,
        Place::Pixels => has_pixels(hdu),
        Place::Values => has_pixels(hdu) && hdu.header.str("HDUCLAS2") != Ok("QUALITY"),
        Place::Extension => hdu.index > 0 && has_pixels(hdu),
        Place::Table => hdu.kind == HduKind::Table && hdu.name != "PHASE3PROVENANCE",
    }
}

/// Finds a keyword, under its old name too where real data have that.
fn find<'a>(header: &'a Header, key: &str, profile: Profile) -> Option<&'a Value> {
    let old = (profile == Profile::Tolerant && key == "RADESYS").then_some("RADECSYS");
    header.get(key).or_else(|| header.get(old?))
}

fn one(rule: &KeyRule, duty: Duty, hdu: &HduInfo, place: &str, sheet: &mut Sheet) {
    let Some(value) = find(&hdu.header, rule.key, sheet.profile()) else {
        match duty {
            Duty::Mandatory => sheet.report("K1", place, rule.key, "it is missing".to_owned()),
            Duty::Recommended => sheet.report("K5", place, rule.key, "it is recommended".to_owned()),
            Duty::Optional | Duty::Refused => {}
        }
        return;
    };
    if duty == Duty::Refused {
        sheet.report("K4", place, rule.key, "it does not belong here".to_owned());
        return;
    }
    let is_right = match rule.kind {
        Kind::Text => value.as_str().is_some(),
        Kind::Integer => matches!(value, Value::Integer(_)),
        Kind::Real => value.as_f64().is_some_and(f64::is_finite),
        Kind::Logical => value.as_bool().is_some(),
    };
    if !is_right {
        let message = format!(
            "it is {} ({}), expected {}",
            value.kind(),
            value.display(),
            rule.kind.name()
        );
        sheet.report("K2", place, rule.key, message);
        return;
    }
    if rule.kind == Kind::Real && matches!(value, Value::Integer(_)) {
        let message = format!("{} is written as an integer", value.display());
        sheet.report("K6", place, rule.key, message);
    }
    if rule.kind == Kind::Text && value.as_str().is_some_and(|text| text.trim().is_empty()) {
        if rule.key != MAY_BE_EMPTY && duty == Duty::Mandatory {
            sheet.report("G7", place, rule.key, "it is empty".to_owned());
        }
        return;
    }
    if let Some(expected) = breach(rule.allowed, value) {
        sheet.report("K3", place, rule.key, format!("{} is not {expected}", value.display()));
    }
}

/// Tells what was expected, if the value is something else.
fn breach(allowed: Allowed, value: &Value) -> Option<String> {
    let text = value.as_str().map(str::trim);
    match allowed {
        Allowed::Any => None,
        Allowed::OneOf(choices) => {
            let is_one = |choice: &str| text.is_some_and(|text| text.eq_ignore_ascii_case(choice));
            (!choices.iter().any(|choice| is_one(choice))).then(|| format!("one of {}", choices.join(", ")))
        }
        Allowed::Between(low, high) => {
            let fits = value.as_f64().is_some_and(|number| (low..=high).contains(&number));
            (!fits).then(|| format!("between {low:?} and {high:?}"))
        }
        Allowed::Above(low) => {
            let fits = value.as_f64().is_some_and(|number| number > low);
            (!fits).then(|| format!("above {low:?}"))
        }
        Allowed::Date => {
            let day = text.and_then(|text| text.get(..10)).unwrap_or_default();
            let fits = day.parse::<phoenix_core::unit::Night>().is_ok();
            (!fits).then(|| "a date yyyy-mm-dd".to_owned())
        }
        Allowed::Reference => {
            let fits = text.is_some_and(|text| text.len() == 19 || text.starts_with("doi:10."));
            (!fits).then(|| "a bibcode of 19 characters or doi:10.…".to_owned())
        }
    }
}
