//! The cascade from raw frames: which dataset works on whose products.
//!
//! | frames | task | name | works on products of |
//! |---|---|---|---|
//! | BIAS, DARK per template | `muse_bias`, `muse_dark` | `MUSE.<start>_tpl` | - |
//! | FLAT, ARC, `ARC_LSF`, SKYFLAT per template | `muse_flat`, `muse_wavecal`, `muse_lsf`, `muse_twilight` | `MUSE.<start>_tpl` | - |
//! | STD, ASTROMETRY, OBJECT, SKY, each alone | `muse_scibasic` | `MUSE.<start>` | - |
//! | - | `muse_standard`, `muse_astrometry`, `muse_create_sky` | `MUSE.<start>_std`, `_ast`, `_sky` | its scibasic |
//! | - | `muse_scipost` | `MUSE.<start>_pst` | its scibasic |
//! | - | `muse_exp_align`, `muse_exp_combine` | `MUSE.<start>_aln`, `_tpl` | the exposures' scipost |
//!
//! Source of the order: recipe manual pages of the MUSE pipeline 2.8.7. Calibrations, made or to be made, are a matter
//! of the association.

use std::collections::BTreeMap;

use phoenix_core::dataset::{Completeness, Dataset, LeftOut};
use phoenix_core::frame::ClassifiedFrame;
use phoenix_core::id::DatasetId;
use phoenix_core::unit::Night;
use phoenix_kit::closest::start;

use crate::COMBINE;
use crate::select::{GroupKey, complete, stamp};

/// Tasks that work on all frames of a template, with the fewest frames.
/// Source: recipe manual pages of the MUSE pipeline 2.8.7.
const GROUPED: [(&str, &str, usize); 6] = [
    ("BIAS", "muse_bias", 3),
    ("DARK", "muse_dark", 3),
    ("FLAT", "muse_flat", 3),
    ("ARC", "muse_wavecal", 1),
    ("ARC_LSF", "muse_lsf", 1),
    ("SKYFLAT", "muse_twilight", 3),
];

fn basic(key: BTreeMap<String, String>, member: ClassifiedFrame) -> Dataset {
    let id = format!("MUSE.{}", stamp(&member.frame));
    complete(id, "muse_scibasic", key, vec![member], Vec::new())
}

fn after(basic: &Dataset, suffix: &str, task: &str) -> Dataset {
    let id = format!("{}_{suffix}", basic.id);
    complete(id, task, basic.key.clone(), Vec::new(), vec![basic.id.clone()])
}

/// Returns the datasets that reduce one raw exposure, the last of which makes its pixel table.
pub(crate) fn reduction(key: &BTreeMap<String, String>, kind: &str, member: ClassifiedFrame) -> Vec<Dataset> {
    let first = basic(key.clone(), member);
    let post = if kind == "SKY" {
        after(&first, "sky", "muse_create_sky")
    } else {
        after(&first, "pst", "muse_scipost")
    };
    vec![first, post]
}

/// Returns the datasets of one template with raw exposures, some of which may be reduced already.
pub(crate) fn science(
    key: &GroupKey,
    raw: Vec<ClassifiedFrame>,
    reduced: Vec<ClassifiedFrame>,
    max_combine: usize,
) -> Vec<Dataset> {
    let mut datasets = Vec::new();
    let mut posts: Vec<(String, DatasetId)> = Vec::new();
    for member in raw {
        let time = stamp(&member.frame);
        let chain = reduction(&key.to_map(), &key.kind, member);
        posts.extend(chain.last().map(|post| (time, post.id.clone())));
        datasets.extend(chain);
    }
    if key.kind == "SKY" || posts.len() + reduced.len() < 2 {
        datasets.extend(crate::select::cubes(key, reduced, max_combine));
        return datasets;
    }
    // A part is a run of exposures in order of time, reduced or not.
    let mut exposures: Vec<(String, Result<ClassifiedFrame, DatasetId>)> =
        posts.into_iter().map(|(time, id)| (time, Err(id))).collect();
    exposures.extend(reduced.into_iter().map(|member| (stamp(&member.frame), Ok(member))));
    exposures.sort_by(|a, b| a.0.cmp(&b.0));
    let parts = exposures.len().div_ceil(max_combine.max(2));
    for left in (1..=parts).rev() {
        let part: Vec<_> = exposures.drain(..exposures.len().div_ceil(left)).collect();
        let Some(begin) = part.first().map(|(time, _)| time.clone()) else {
            continue;
        };
        let (mut frames, mut needs) = (Vec::new(), Vec::new());
        for (_, exposure) in part {
            match exposure {
                Ok(member) => frames.push(member),
                Err(id) => needs.push(id),
            }
        }
        let align = complete(
            format!("MUSE.{begin}_aln"),
            "muse_exp_align",
            key.to_map(),
            Vec::new(),
            needs.clone(),
        );
        needs.push(align.id.clone());
        datasets.push(align);
        datasets.push(complete(
            format!("MUSE.{begin}_tpl"),
            COMBINE,
            key.to_map(),
            frames,
            needs,
        ));
    }
    datasets
}

/// Returns the datasets of raw calibrations of a night, and the frames that are in none.
pub(crate) fn calibrations(frames: Vec<ClassifiedFrame>, night: Option<Night>) -> (Vec<Dataset>, Vec<LeftOut>) {
    let mut datasets = Vec::new();
    let mut idle = Vec::new();
    let mut groups: BTreeMap<(String, String, String), Vec<ClassifiedFrame>> = BTreeMap::new();
    for member in frames {
        let begins = start(&member.frame);
        if let Some(night) = night
            && !begins.is_some_and(|time| night.contains(time))
        {
            let reason = format!("it was not taken in the night {night}");
            idle.push(LeftOut::info(member.frame.id.clone(), reason));
            continue;
        }
        let text = |key: &str| member.frame.header.str(key).unwrap_or_default().to_owned();
        let tag = member.tag.as_str();
        let keys = || [("INS.MODE", text("INS.MODE")), ("DPR.TYPE", text("DPR.TYPE"))];
        let map = || keys().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        match tag {
            "STD" => {
                let first = basic(map(), member);
                let second = after(&first, "std", "muse_standard");
                datasets.extend([first, second]);
            }
            "ASTROMETRY" => {
                let first = basic(map(), member);
                let second = after(&first, "ast", "muse_astrometry");
                datasets.extend([first, second]);
            }
            _ if GROUPED.iter().any(|(kind, ..)| *kind == tag) => {
                let template = member
                    .frame
                    .header
                    .str("TPL.START")
                    .map_or_else(|_| stamp(&member.frame), str::to_owned);
                groups
                    .entry((tag.to_owned(), text("INS.MODE"), template))
                    .or_default()
                    .push(member);
            }
            _ => idle.push(LeftOut::info(
                member.frame.id.clone(),
                format!("{tag} has no task of its own: it is offered to the association"),
            )),
        }
    }
    for ((tag, mode, template), members) in groups {
        let Some((_, task, fewest)) = GROUPED.iter().find(|(kind, ..)| **kind == tag) else {
            continue;
        };
        let key = [("TPL.START", template), ("INS.MODE", mode), ("DPR.TYPE", tag.clone())];
        let key = key.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let id = format!(
            "MUSE.{}_tpl",
            members.first().map(|m| stamp(&m.frame)).unwrap_or_default()
        );
        let mut dataset = complete(id, task, key, members, Vec::new());
        if dataset.frames.len() < *fewest {
            let reason = format!("{task} needs {fewest} {tag} frames, there are {}", dataset.frames.len());
            dataset.completeness = Completeness::Incomplete { reasons: vec![reason] };
        }
        datasets.push(dataset);
    }
    (datasets, idle)
}
