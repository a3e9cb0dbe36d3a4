//! Which frames form one unit of work: pixel tables per observing block and template, and the cascade of raw frames.
//!
//! | group | dataset | name |
//! |---|---|---|
//! | one reduced pixel table | `muse_scipost_make_cube` | `MUSE.<start>_pst` |
//! | several | `muse_exp_combine`, at most `max_combine` each | `MUSE.<start>_tpl` |
//! | raw exposures | the cascade of the cascade | see there |
//!
//! A template with more exposures than `max_combine` is split into parts of nearly equal size, in order of time, and
//! each part becomes a cube of its own: leaving exposures out would waste data, and no exposure is combined twice.
//!
//! A selection that asks for stacks across blocks is a matter of `deep`.

use std::collections::BTreeMap;

use phoenix_core::dataset::{Completeness, Dataset, LeftOut, Selected, Severity};
use phoenix_core::frame::{Category, ClassifiedFrame, Frame};
use phoenix_core::header::Key;
use phoenix_core::id::{FrameId, Tag};
use phoenix_core::traits::{DatasetSelector, SelectError, Selection};
use phoenix_core::unit::Night;
use phoenix_kit::closest::start;

use crate::cascade;
use crate::deep;
use crate::kinds::{self, MODES, TableState};
use crate::{COMBINE, MAKE_CUBE};

/// Most exposures of one cube unless the caller says otherwise.
/// Source: MUSE IDP release, limit of the hardware of 2016; kept as the default because archive users know it.
pub const MAX_COMBINE: usize = 16;

/// Selector of MUSE.
#[derive(Debug, Default)]
pub struct MuseSelector;

/// The keys that say to which group an exposure belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    /// Observing block.
    pub(crate) ob: String,
    /// Start of the template.
    pub(crate) template: String,
    /// Instrument mode.
    pub(crate) mode: String,
    /// `OBJECT` or `SKY`.
    pub(crate) kind: String,
}

impl GroupKey {
    fn of(member: &ClassifiedFrame) -> Result<Self, SelectError> {
        let text = |key: &str| -> Result<String, SelectError> {
            let value = member.frame.header.get(key).map(phoenix_core::header::Value::display);
            value
                .filter(|text| !text.is_empty())
                .ok_or_else(|| SelectError::MissingKeyword {
                    frame: member.frame.id.clone(),
                    key: Key::new(key),
                    tag: member.tag.clone(),
                })
        };
        let kind = member.frame.header.str("DPR.TYPE").unwrap_or("OBJECT");
        Ok(Self {
            mode: text("INS.MODE")?,
            ob: text("OBS.ID")?,
            template: text("TPL.START")?,
            kind: if kind == "SKY" { "SKY" } else { "OBJECT" }.to_owned(),
        })
    }

    /// Returns the keys as datasets carry them.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        [
            ("OBS.ID", &self.ob),
            ("TPL.START", &self.template),
            ("INS.MODE", &self.mode),
            ("DPR.TYPE", &self.kind),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
    }
}

/// Returns the timestamp that names an exposure: the 23 characters of `DATE-OBS`.
pub(crate) fn stamp(frame: &Frame) -> String {
    let text = frame.header.str("DATE-OBS").unwrap_or_default();
    text.chars().take(23).collect()
}

/// Returns a complete dataset.
pub(crate) fn complete(
    id: String,
    task: &str,
    key: BTreeMap<String, String>,
    frames: Vec<ClassifiedFrame>,
    needs: Vec<phoenix_core::id::DatasetId>,
) -> Dataset {
    Dataset {
        id: id.into(),
        task: task.into(),
        key,
        frames,
        needs,
        completeness: Completeness::Complete,
    }
}

/// Why an exposure cannot be used at all, and whether something is lost by it.
pub(crate) fn fault(member: &ClassifiedFrame) -> Option<(String, Severity)> {
    let header = &member.frame.header;
    let mode = header.str("INS.MODE").unwrap_or_default();
    if !mode.is_empty() && !MODES.contains(&mode) {
        let reason = format!("instrument mode {mode} is not one of {}", MODES.join(", "));
        return Some((reason, Severity::Info));
    }
    if let Ok(catg) = header.str("DPR.CATG")
        && member.tag.as_str() == "PIXTABLE_REDUCED"
        && catg != "SCIENCE"
    {
        let reason = format!("key DPR.CATG is {catg}: only SCIENCE exposures become cubes");
        return Some((reason, Severity::Info));
    }
    damage(member).map(|reason| (reason, Severity::Error))
}

/// Why a science exposure that should become a cube cannot.
fn damage(member: &ClassifiedFrame) -> Option<String> {
    let header = &member.frame.header;
    if start(&member.frame).is_none() || header.str("DATE-OBS").is_err() {
        return Some("key DATE-OBS is missing or no time: the exposure has no identity".to_owned());
    }
    match header.f64("EXPTIME") {
        Err(error) => return Some(format!("{error}: the exposure cannot be weighted")),
        Ok(seconds) if !(seconds > 0.0 && seconds.is_finite()) => {
            return Some(format!("key EXPTIME is {seconds}, not a positive number of seconds"));
        }
        Ok(_) => {}
    }
    match header.str("EXTNAME") {
        Ok(name) if member.tag.as_str() == "PIXTABLE_REDUCED" => {
            Some(format!("table of the single IFU {name}: tables must be merged first"))
        }
        _ => None,
    }
}

impl DatasetSelector for MuseSelector {
    fn classify(&self, frame: &Frame) -> Result<Option<(Tag, Category)>, SelectError> {
        Ok(kinds::classify(frame))
    }

    fn select(&self, frames: &[ClassifiedFrame], request: &Selection) -> Result<Selected, SelectError> {
        if let Some(deep) = &request.deep {
            return deep::select(frames, deep);
        }
        let mut ordered: Vec<&ClassifiedFrame> = frames.iter().collect();
        ordered.sort_by(|a, b| stamp(&a.frame).cmp(&stamp(&b.frame)).then(a.frame.id.cmp(&b.frame.id)));
        let mut selected = Selected::default();
        let mut leave = |frame: &FrameId, reason: String, severity: Severity| {
            selected.left_out.push(LeftOut::new(frame.clone(), reason, severity));
        };
        let mut groups: BTreeMap<GroupKey, Vec<ClassifiedFrame>> = BTreeMap::new();
        let mut calibrations = Vec::new();
        let mut exposures = Vec::new();
        for member in ordered {
            match member.category {
                Category::RawCalib if start(&member.frame).is_some() => calibrations.push(member.clone()),
                Category::Science => match fault(member) {
                    Some((reason, severity)) => leave(&member.frame.id, reason, severity),
                    None => exposures.push(member.clone()),
                },
                category => {
                    let (reason, severity) = idle_reason(&member.tag, category);
                    leave(&member.frame.id, reason, severity);
                }
            }
        }
        for member in distinct(exposures, &mut leave) {
            groups.entry(GroupKey::of(&member)?).or_default().push(member);
        }
        let max_combine = request.max_combine.unwrap_or(MAX_COMBINE).max(1);
        let mut datasets = Vec::new();
        for (key, members) in groups {
            let members = in_night(members, request.night, &mut leave);
            let (raw, reduced): (Vec<_>, Vec<_>) = members
                .into_iter()
                .partition(|member| member.tag.as_str() != "PIXTABLE_REDUCED");
            if raw.is_empty() {
                let reduced = one_state(reduced, &mut leave);
                datasets.extend(cubes(&key, reduced, max_combine));
            } else {
                datasets.extend(cascade::science(&key, raw, reduced, max_combine));
            }
        }
        let calibrations = distinct(calibrations, &mut leave);
        let (made, idle) = cascade::calibrations(calibrations, request.night);
        selected.left_out.extend(idle);
        datasets.extend(made);
        for dataset in &mut datasets {
            dataset.needs.sort();
        }
        datasets.sort_by(|a, b| a.id.cmp(&b.id).then(a.task.cmp(&b.task)));
        selected.datasets = datasets;
        selected.left_out.sort();
        Ok(selected)
    }
}

/// Notes a frame that is no exposure.
pub(crate) fn idle(member: &ClassifiedFrame) -> LeftOut {
    let (reason, severity) = match member.category {
        Category::RawCalib => (
            format!(
                "{} is a raw calibration: a stack across blocks works with masters",
                member.tag
            ),
            Severity::Info,
        ),
        category => idle_reason(&member.tag, category),
    };
    LeftOut::new(member.frame.id.clone(), reason, severity)
}

fn idle_reason(tag: &Tag, category: Category) -> (String, Severity) {
    match category {
        Category::Master => (
            format!("{tag} is a calibration: it is offered to the association"),
            Severity::Info,
        ),
        Category::RawCalib => (format!("{tag} has no time: it cannot be grouped"), Severity::Error),
        Category::Product => (
            format!("{tag} is a product: nothing is made of it here"),
            Severity::Info,
        ),
        _ => (format!("{tag} is neither science nor calibration"), Severity::Info),
    }
}

/// Keeps one frame of each `DATE-OBS`: the reduced one, then the first by name.
pub(crate) fn distinct(
    members: Vec<ClassifiedFrame>,
    leave: &mut impl FnMut(&FrameId, String, Severity),
) -> Vec<ClassifiedFrame> {
    let mut kept: Vec<ClassifiedFrame> = Vec::new();
    let mut members = members;
    let is_raw = |member: &ClassifiedFrame| member.tag.as_str() != "PIXTABLE_REDUCED";
    members.sort_by_key(|member| (stamp(&member.frame), is_raw(member), member.frame.id.clone()));
    for member in members {
        match kept.last() {
            Some(last) if stamp(&last.frame) == stamp(&member.frame) => {
                let date = stamp(&member.frame);
                if is_raw(&member) && !is_raw(last) {
                    let reason = format!("reduced already: {} is its pixel table", last.frame.id);
                    leave(&member.frame.id, reason, Severity::Info);
                } else {
                    let reason = format!(
                        "key DATE-OBS is {date} as in {}: the same exposure would count twice",
                        last.frame.id
                    );
                    leave(&member.frame.id, reason, Severity::Error);
                }
            }
            _ => kept.push(member),
        }
    }
    kept
}

/// Keeps the group if it begins in the night that was asked for.
fn in_night(
    members: Vec<ClassifiedFrame>,
    night: Option<Night>,
    leave: &mut impl FnMut(&FrameId, String, Severity),
) -> Vec<ClassifiedFrame> {
    let Some(night) = night else { return members };
    let begins = members.first().and_then(|member| start(&member.frame));
    if begins.is_some_and(|time| night.contains(time)) {
        return members;
    }
    for member in &members {
        leave(
            &member.frame.id,
            format!("its template does not begin in the night {night}"),
            Severity::Info,
        );
    }
    Vec::new()
}

/// Of several tables keeps those in the state that can be combined; a single one may be in any.
fn one_state(
    members: Vec<ClassifiedFrame>,
    leave: &mut impl FnMut(&FrameId, String, Severity),
) -> Vec<ClassifiedFrame> {
    if members.len() < 2 {
        return members;
    }
    let (kept, other): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|member| TableState::of(&member.frame) == TableState::Projected);
    for member in other {
        let state = TableState::of(&member.frame).words();
        leave(
            &member.frame.id,
            format!(
                "coordinates are {state}: {COMBINE} takes {} only",
                TableState::Projected.words()
            ),
            Severity::Error,
        );
    }
    kept
}

/// Splits a group into cubes.
pub(crate) fn cubes(key: &GroupKey, members: Vec<ClassifiedFrame>, max_combine: usize) -> Vec<Dataset> {
    let parts = members.len().div_ceil(max_combine);
    let mut rest = members;
    let mut datasets = Vec::new();
    for left in (1..=parts).rev() {
        let part: Vec<_> = rest.drain(..rest.len().div_ceil(left)).collect();
        let Some(first) = part.first() else { continue };
        let (suffix, task) = if part.len() == 1 {
            ("pst", MAKE_CUBE)
        } else {
            ("tpl", COMBINE)
        };
        let id = format!("MUSE.{}_{suffix}", stamp(&first.frame));
        datasets.push(complete(id, task, key.to_map(), part, Vec::new()));
    }
    datasets
}
