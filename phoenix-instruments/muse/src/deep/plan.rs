//! The datasets of groups: images where there are none, alignment, weights, the product.
//!
//! | dataset | task | works on |
//! |---|---|---|
//! | `MUSE.<start>_img` | `muse_exp_image` | one pixel table without a white image |
//! | `MUSE.<first>_aln` | `muse_exp_align` | white images |
//! | `MUSE.<first>_wgt` | `muse_exp_weights` | white images and offsets |
//! | `MUSE.<first>_dpc`, `_tpl`, `_pst` | `muse_exp_combine`, `muse_scipost_make_cube` | pixel tables, offsets, weights |
//!
//! A raw exposure gets its basic reduction and `muse_scipost` first. Source of `dpc`: ESO's name of deep combinations.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::dataset::{Dataset, Selected};
use phoenix_core::deep::{DeepKind, DeepRequest};
use phoenix_core::frame::{Category, ClassifiedFrame};
use phoenix_core::id::DatasetId;
use phoenix_core::traits::SelectError;

use super::facts::Facts;
use super::group::{Gathered, gather};
use super::image::IMAGE;
use super::weights::WEIGHTS;
use crate::align::ALIGN;
use crate::select::{complete, idle};
use crate::{COMBINE, MAKE_CUBE, cascade};

/// Returns the datasets of all groups.
///
/// # Errors
/// `MissingKeyword` if a science frame lacks a grouping key.
pub(crate) fn select(frames: &[ClassifiedFrame], request: &DeepRequest) -> Result<Selected, SelectError> {
    let gathering = gather(frames, request)?;
    let mut selected = Selected {
        datasets: gathering
            .groups
            .into_iter()
            .flat_map(|group| datasets(group, request))
            .collect(),
        left_out: gathering.left_out,
    };
    let used: BTreeSet<_> = (selected.datasets.iter())
        .flat_map(|dataset| dataset.frames.iter().map(|member| member.frame.id.clone()))
        .collect();
    for member in frames {
        if member.category != Category::Science && !used.contains(&member.frame.id) {
            selected.left_out.push(idle(member));
        }
    }
    for dataset in &mut selected.datasets {
        dataset.needs.sort();
    }
    selected
        .datasets
        .sort_by(|a, b| a.id.cmp(&b.id).then(a.task.cmp(&b.task)));
    selected.left_out.sort();
    Ok(selected)
}

fn key(gathered: &Gathered) -> BTreeMap<String, String> {
    let group = &gathered.group;
    let mut key = BTreeMap::from([
        ("INS.MODE".to_owned(), group.mode.clone()),
        ("DPR.TYPE".to_owned(), group.pointing.clone()),
    ]);
    if let [target] = group.targets.as_slice() {
        key.insert("OBS.TARG.NAME".to_owned(), target.clone());
    }
    // What blocks do not share is no key of the group.
    if let (DeepKind::Single | DeepKind::Combined, Some(first)) = (group.kind, gathered.members.first()) {
        key.insert("OBS.ID".to_owned(), first.block.clone());
        if gathered.members.iter().all(|facts| facts.template == first.template) && !first.template.is_empty() {
            key.insert("TPL.START".to_owned(), first.template.clone());
        }
    }
    key
}

fn datasets(gathered: Gathered, request: &DeepRequest) -> Vec<Dataset> {
    let key = key(&gathered);
    let id = gathered.group.dataset.clone();
    let Some(first) = gathered.members.first().map(|facts| facts.date_obs.clone()) else {
        return Vec::new();
    };
    let named = |suffix: &str| format!("MUSE.{first}_{suffix}");
    let mut made = Vec::new();
    let (mut tables, mut posts, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for facts in &gathered.members {
        if facts.member.tag.as_str() == "PIXTABLE_REDUCED" {
            tables.push(facts.member.clone());
            if request.is_measured && gathered.group.kind != DeepKind::Single && !has_image(facts, &gathered) {
                let image = format!("MUSE.{}_img", facts.date_obs);
                let image = complete(image, IMAGE, key.clone(), vec![facts.member.clone()], Vec::new());
                images.push(image.id.clone());
                made.push(image);
            }
        } else {
            let chain = cascade::reduction(&key, facts.setup.kind, facts.member.clone());
            // A dedicated sky is reduced to the sky's spectrum alone.
            if facts.setup.kind != "SKY" {
                posts.extend(chain.last().map(|post| post.id.clone()));
            }
            made.extend(chain);
        }
    }
    if gathered.group.kind == DeepKind::Single && !tables.is_empty() {
        made.push(complete(id.to_string(), MAKE_CUBE, key, tables, Vec::new()));
        return made;
    }
    if tables.len() + posts.len() < 2 {
        return made;
    }
    let mut needs: Vec<DatasetId> = posts.clone();
    if request.is_measured {
        let shown: Vec<DatasetId> = [images, posts].concat();
        let align = complete(named("aln"), ALIGN, key.clone(), gathered.images.clone(), shown.clone());
        let measured = [shown, vec![align.id.clone()]].concat();
        let weights = complete(named("wgt"), WEIGHTS, key.clone(), gathered.images, measured);
        needs.push(weights.id.clone());
        made.extend([align, weights]);
    }
    made.push(complete(id.to_string(), COMBINE, key, tables, needs));
    made
}

fn has_image(facts: &Facts, gathered: &Gathered) -> bool {
    let stamp = |image: &ClassifiedFrame| crate::select::stamp(&image.frame);
    gathered.images.iter().any(|image| stamp(image) == facts.date_obs)
}
