//! Which calibrations a dataset gets ("smart association").
//!
//! | slot | level 0 | level 1 | refused |
//! |---|---|---|---|
//! | `OFFSET_LIST` | same observing block and template, or it names an exposure of the dataset | same observing block | of another block, or of none that it names |
//! | `FILTER_LIST` | valid from before the dataset | valid only from later on | - |
//! | `OUTPUT_WCS` | same observing block | same target | any other |
//!
//! Slots of tasks that run outside this backend are filled by kind, filter and time: a master of the archive inside the
//! windows of `rules/validity.toml`, else the nearest that the plan will make. Nominal and extended filter do not mix,
//! except for exposures that no filter touches.

use std::sync::LazyLock;

use phoenix_core::association::{Association, CalibPool, Fill, MatchLevel, Slot, VirtualMaster};
use phoenix_core::dataset::Dataset;
use phoenix_core::frame::ClassifiedFrame;
use phoenix_core::header::{Header, Key, Value};
use phoenix_core::id::{DatasetId, FrameId, Tag};
use phoenix_core::rules::{Moment, RuleError, Validity};
use phoenix_core::traits::{AssociateError, Associator};
use phoenix_core::unit::Mjd;
use phoenix_kit::closest::{Candidate, best, start};

use crate::cubes::CUBE_COMBINE;
use crate::deep::{IMAGE, WEIGHTS};
use crate::select::stamp;
use crate::{COMBINE, MAKE_CUBE};

/// The windows of `rules/validity.toml`.
static PLANS: LazyLock<Result<Validity, RuleError>> =
    LazyLock::new(|| Validity::parse(include_str!("../rules/validity.toml")));

/// Associator of MUSE.
#[derive(Debug, Default)]
pub struct MuseAssociator {
    /// Windows in place of the instrument's own.
    plans: Option<Validity>,
}

impl MuseAssociator {
    /// Returns an associator with other windows.
    pub fn with_windows(plans: Validity) -> Self {
        Self { plans: Some(plans) }
    }

    fn plans(&self) -> Option<&Validity> {
        self.plans.as_ref().or_else(|| PLANS.as_ref().ok())
    }
}

/// How a slot's candidates are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Offsets,
    Static,
    Grid,
    /// Nearest in time; mode must agree where both sides name one.
    Nearest,
}

/// Kind, whether it is required, and rule of each slot of a task.
type Declared = &'static [(&'static str, bool, Rule)];

/// Slots by task: kind, required, rule. Source: recipe manual pages of the MUSE pipeline 2.8.7.
const SLOTS: [(&str, Declared); 17] = [
    (
        COMBINE,
        &[
            ("OFFSET_LIST", false, Rule::Offsets),
            ("FILTER_LIST", false, Rule::Static),
            ("OUTPUT_WCS", false, Rule::Grid),
        ],
    ),
    (
        MAKE_CUBE,
        &[("FILTER_LIST", false, Rule::Static), ("OUTPUT_WCS", false, Rule::Grid)],
    ),
    ("muse_bias", &[("BADPIX_TABLE", false, Rule::Static)]),
    (
        "muse_dark",
        &[
            ("MASTER_BIAS", true, Rule::Nearest),
            ("BADPIX_TABLE", false, Rule::Static),
        ],
    ),
    (
        "muse_flat",
        &[
            ("MASTER_BIAS", true, Rule::Nearest),
            ("MASTER_DARK", false, Rule::Nearest),
            ("BADPIX_TABLE", false, Rule::Static),
        ],
    ),
    (
        "muse_wavecal",
        &[
            ("MASTER_BIAS", true, Rule::Nearest),
            ("TRACE_TABLE", true, Rule::Nearest),
            ("LINE_CATALOG", true, Rule::Static),
            ("MASTER_DARK", false, Rule::Nearest),
            ("MASTER_FLAT", false, Rule::Nearest),
            ("BADPIX_TABLE", false, Rule::Static),
        ],
    ),
    (
        "muse_lsf",
        &[
            ("MASTER_BIAS", true, Rule::Nearest),
            ("TRACE_TABLE", true, Rule::Nearest),
            ("WAVECAL_TABLE", true, Rule::Nearest),
            ("LINE_CATALOG", true, Rule::Static),
            ("MASTER_DARK", false, Rule::Nearest),
            ("MASTER_FLAT", false, Rule::Nearest),
            ("BADPIX_TABLE", false, Rule::Static),
        ],
    ),
    (
        "muse_twilight",
        &[
            ("MASTER_BIAS", true, Rule::Nearest),
            ("MASTER_FLAT", true, Rule::Nearest),
            ("TRACE_TABLE", true, Rule::Nearest),
            ("WAVECAL_TABLE", true, Rule::Nearest),
            ("GEOMETRY_TABLE", true, Rule::Static),
            ("MASTER_DARK", false, Rule::Nearest),
            ("ILLUM", false, Rule::Nearest),
            ("BADPIX_TABLE", false, Rule::Static),
        ],
    ),
    (
        "muse_scibasic",
        &[
            ("MASTER_BIAS", true, Rule::Nearest),
            ("MASTER_FLAT", true, Rule::Nearest),
            ("TRACE_TABLE", true, Rule::Nearest),
            ("WAVECAL_TABLE", true, Rule::Nearest),
            ("GEOMETRY_TABLE", true, Rule::Static),
            ("ILLUM", false, Rule::Nearest),
            ("TWILIGHT_CUBE", false, Rule::Nearest),
            ("MASTER_DARK", false, Rule::Nearest),
            ("BADPIX_TABLE", false, Rule::Static),
        ],
    ),
    (
        "muse_standard",
        &[
            ("EXTINCT_TABLE", true, Rule::Static),
            ("STD_FLUX_TABLE", true, Rule::Static),
            ("TELLURIC_REGIONS", false, Rule::Static),
            ("FILTER_LIST", false, Rule::Static),
        ],
    ),
    (
        "muse_create_sky",
        &[
            ("EXTINCT_TABLE", true, Rule::Static),
            ("STD_RESPONSE", true, Rule::Nearest),
            ("SKY_LINES", true, Rule::Static),
            ("LSF_PROFILE", true, Rule::Nearest),
            ("STD_TELLURIC", false, Rule::Nearest),
        ],
    ),
    (
        "muse_astrometry",
        &[
            ("ASTROMETRY_REFERENCE", true, Rule::Static),
            ("EXTINCT_TABLE", false, Rule::Static),
            ("STD_RESPONSE", false, Rule::Nearest),
            ("STD_TELLURIC", false, Rule::Nearest),
        ],
    ),
    (
        "muse_scipost",
        &[
            ("EXTINCT_TABLE", true, Rule::Static),
            ("STD_RESPONSE", true, Rule::Nearest),
            ("SKY_LINES", false, Rule::Static),
            ("LSF_PROFILE", false, Rule::Nearest),
            ("STD_TELLURIC", false, Rule::Nearest),
            ("ASTROMETRY_WCS", false, Rule::Static),
            ("FILTER_LIST", false, Rule::Static),
        ],
    ),
    ("muse_exp_align", &[]),
    (IMAGE, &[]),
    (WEIGHTS, &[]),
    (CUBE_COMBINE, &[]),
];

impl Associator for MuseAssociator {
    fn associate(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Result<Association, AssociateError> {
        let Some((_, slots)) = SLOTS.iter().find(|(task, _)| *task == dataset.task.as_str()) else {
            return Err(AssociateError::UnknownTask {
                dataset: dataset.id.clone(),
                task: dataset.task.clone(),
            });
        };
        let time = begin(dataset)?;
        let slots = slots.iter().map(|(tag, required, rule)| Slot {
            tag: (*tag).into(),
            required: *required,
            fill: fill(dataset, time, tag, (*rule, self.plans()), pool),
        });
        Ok(Association { slots: slots.collect() })
    }
}

/// The time of the dataset's first frame; a dataset without frames carries it in its name.
fn begin(dataset: &Dataset) -> Result<Option<Mjd>, AssociateError> {
    let Some(first) = dataset.frames.first() else {
        return Ok(time_in_name(&dataset.id));
    };
    match start(&first.frame) {
        Some(time) => Ok(Some(time)),
        None => Err(AssociateError::MissingKeyword {
            dataset: dataset.id.clone(),
            frame: first.frame.id.clone(),
            key: Key::new("DATE-OBS"),
        }),
    }
}

/// The time in a dataset's name, `MUSE.<start>…`.
fn time_in_name(dataset: &DatasetId) -> Option<Mjd> {
    let start = dataset.as_str().strip_prefix("MUSE.")?.get(..23)?;
    Mjd::from_iso(start).ok()
}

/// Tells whether a calibration is of the dataset's filter, nominal or extended, where both sides name a mode.
fn same_filter(tag: &str, dataset: &Dataset, header: &Header) -> bool {
    if matches!(tag, "MASTER_BIAS" | "MASTER_DARK" | "BADPIX_TABLE") {
        return true;
    }
    match (text(header, "INS.MODE"), dataset.key.get("INS.MODE")) {
        (Some(theirs), Some(ours)) => theirs.ends_with("-E") == ours.ends_with("-E"),
        _ => true,
    }
}

fn fill(
    dataset: &Dataset,
    time: Option<Mjd>,
    tag: &str,
    rule: (Rule, Option<&Validity>),
    pool: &CalibPool<'_>,
) -> Fill {
    if rule.0 == Rule::Offsets && dataset.needs.iter().any(|needed| needed.as_str().ends_with("_wgt")) {
        let reason = "offsets and weights are measured for it".to_owned();
        return Fill::Missing { reason };
    }
    let mut refused: Vec<(FrameId, String)> = Vec::new();
    let mut candidates = Vec::new();
    for frame in pool.real_of(&Tag::from(tag)) {
        let at = start(&frame.frame);
        let dt_days = match (at, time) {
            (Some(at), Some(time)) => at.0 - time.0,
            _ => 0.0,
        };
        match judge(dataset, dt_days, at.is_some(), frame, rule) {
            Ok((level, reason)) => candidates.push(Candidate {
                frame,
                level: MatchLevel(level),
                dt_days,
                reason,
            }),
            Err(reason) => refused.push((frame.frame.id.clone(), reason)),
        }
    }
    if let Some(filled) = best(candidates) {
        return filled;
    }
    let wanted = Tag::from(tag);
    // What a dataset works on comes with the datasets that it needs.
    let planned = pool
        .planned_of(&wanted, &dataset.id)
        .filter(|master| !dataset.needs.contains(&master.producer));
    let fitting = planned.filter(|master| same_filter(tag, dataset, &master.header));
    let distance = |master: &VirtualMaster| match (time_in_name(&master.producer), time) {
        (Some(at), Some(time)) => (at.0 - time.0).abs(),
        _ => f64::INFINITY,
    };
    let nearest = fitting.min_by(|a, b| {
        let by_time = distance(a).total_cmp(&distance(b));
        by_time.then_with(|| a.producer.cmp(&b.producer))
    });
    if let Some(master) = nearest {
        return Fill::Pending {
            producer: master.producer.clone(),
        };
    }
    refused.sort();
    let reason = if refused.is_empty() {
        format!("there is no {tag}")
    } else {
        let each: Vec<String> = refused.iter().map(|(id, reason)| format!("{id} {reason}")).collect();
        format!("no {tag} fits: {}", each.join("; "))
    };
    Fill::Missing { reason }
}

fn text(header: &Header, key: &str) -> Option<String> {
    header.get(key).map(Value::display).filter(|text| !text.is_empty())
}

/// Returns level and reason of a candidate that fits, or why it does not.
fn judge(
    dataset: &Dataset,
    dt_days: f64,
    has_time: bool,
    candidate: &ClassifiedFrame,
    (rule, plans): (Rule, Option<&Validity>),
) -> Result<(u8, String), String> {
    let header = &candidate.frame.header;
    let own = |key: &str| dataset.key.get(key).cloned();
    match rule {
        Rule::Offsets => offsets(dataset, header),
        Rule::Static if !has_time || dt_days <= 0.0 => Ok((0, "valid at the time of the dataset".into())),
        Rule::Static => Ok((1, "valid only from later on".into())),
        Rule::Grid => {
            let target = dataset
                .frames
                .first()
                .and_then(|member| text(&member.frame.header, "OBJECT"));
            if text(header, "OBS.ID").is_some() && text(header, "OBS.ID") == own("OBS.ID") {
                Ok((0, "made for this observing block".into()))
            } else if target.is_some() && text(header, "OBJECT") == target {
                Ok((1, "made for this target".into()))
            } else {
                Err("is of another observing block and target".into())
            }
        }
        Rule::Nearest if !same_filter(candidate.tag.as_str(), dataset, header) => {
            Err(format!("is of mode {}", text(header, "INS.MODE").unwrap_or_default()))
        }
        Rule::Nearest => within_window(plans, candidate, dt_days).map(|level| (level, "nearest in time".into())),
    }
}

/// Returns the level of a calibration by its distance in time, or why it lies in no window.
fn within_window(plans: Option<&Validity>, candidate: &ClassifiedFrame, dt_days: f64) -> Result<u8, String> {
    let Some(plan) = plans.and_then(|plans| plans.calibrations.get(&candidate.tag)) else {
        return Ok(0);
    };
    let there = start(&candidate.frame);
    let here = there.map(|there| Mjd(there.0 - dt_days));
    let (Some(there), Some(here)) = (there.and_then(Moment::of), here.and_then(Moment::of)) else {
        return Ok(0);
    };
    let level = plan.level(there, here);
    level.map_or_else(
        || Err(format!("is {:.1} days away, beyond the last window", dt_days.abs())),
        |level| Ok(level.0),
    )
}

fn offsets(dataset: &Dataset, header: &Header) -> Result<(u8, String), String> {
    let named: Vec<String> = header
        .cards()
        .iter()
        .filter(|card| card.key.as_str().starts_with("ESO.DRS.MUSE.OFFSET") && card.key.as_str().ends_with(".DATE-OBS"))
        .map(|card| card.value.display().chars().take(23).collect())
        .collect();
    let ours = dataset.frames.iter().map(|member| stamp(&member.frame));
    let n_named = ours.filter(|time| named.contains(time)).count();
    if n_named > 0 {
        return Ok((0, format!("it names {n_named} of {} exposures", dataset.frames.len())));
    }
    if !named.is_empty() {
        return Err("names other exposures only".into());
    }
    let (block, template) = (text(header, "OBS.ID"), text(header, "TPL.START"));
    match (&block, dataset.key.get("OBS.ID")) {
        (None, _) => Err("names neither an observing block nor an exposure".into()),
        (Some(theirs), Some(ours)) if theirs == ours => match (&template, dataset.key.get("TPL.START")) {
            (Some(theirs), Some(ours)) if theirs == ours => Ok((0, "same observing block and template".into())),
            (Some(_), _) => Ok((1, "same observing block, another template".into())),
            (None, _) => Ok((0, "same observing block".into())),
        },
        (Some(theirs), _) => Err(format!("is of observing block {theirs}")),
    }
}
