//! Which exposures become one product: choice, grouping, and every reason in plain words.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_core::dataset::{LeftOut, Severity};
use phoenix_core::deep::{Apart, DeepExposure, DeepGroup, DeepGroups, DeepKind, DeepParams, DeepRequest, Mosaic};
use phoenix_core::frame::{Category, ClassifiedFrame};
use phoenix_core::id::{FrameId, RecipeId};
use phoenix_core::traits::{DeepSelector, SelectError};

use super::cluster::{self, Limits};
use super::facts::{Facts, Setup};
use super::footprint::mosaic;
use super::image::IMAGE;
use super::sky::{centre_deg, distance_arcsec};
use crate::kinds::TableState;
use crate::{COMBINE, select};

/// Groups of that many diameters apart are told as near.
const NEAR: f64 = 2.0;

/// Groups exposures of MUSE.
#[derive(Debug, Default)]
pub struct MuseDeep;

/// A group with its frames.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) group: DeepGroup,
    /// In order of time.
    pub(super) members: Vec<Facts>,
    /// White images that exist, one for each exposure that has one.
    pub(super) images: Vec<ClassifiedFrame>,
}

/// Groups, and what is in none.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    pub(super) groups: Vec<Gathered>,
    pub(super) left_out: Vec<LeftOut>,
}

impl DeepSelector for MuseDeep {
    fn groups(&self, frames: &[ClassifiedFrame], request: &DeepRequest) -> Result<DeepGroups, SelectError> {
        let gathering = gather(frames, request)?;
        Ok(DeepGroups {
            groups: gathering.groups.into_iter().map(|gathered| gathered.group).collect(),
            left_out: gathering.left_out,
        })
    }

    fn params(&self, request: &DeepRequest) -> DeepParams {
        let weight = if request.is_measured { "quality" } else { "fwhm" };
        let params = BTreeMap::from([("weight".to_owned(), weight.into())]);
        DeepParams::from([(COMBINE.into(), params)])
    }

    fn lent(&self) -> Vec<RecipeId> {
        vec![IMAGE.into()]
    }
}

/// Returns the limits of a setup: what was asked for, else what its field gives.
fn limits(setup: &Setup, request: &DeepRequest) -> Limits {
    let own = Limits::of_field(setup.field_arcsec());
    Limits {
        separation_arcsec: request.max_separation_arcsec.unwrap_or(own.separation_arcsec),
        diameter_arcsec: request.max_diameter_arcsec.unwrap_or(own.diameter_arcsec),
    }
}

/// Why an exposure is not taken although nothing is wrong with it.
fn refusal(facts: &Facts, request: &DeepRequest) -> Option<String> {
    if let Some(wanted) = request.mode.as_ref().filter(|wanted| **wanted != facts.setup.mode) {
        return Some(format!("its mode is {}, asked for is {wanted}", facts.setup.mode));
    }
    if !request.grades.contains(&facts.grade) {
        let taken: Vec<&str> = request.grades.iter().map(|grade| graded(grade)).collect();
        return Some(format!(
            "its block {} is graded {}, taken are: {}",
            facts.block,
            facts.grade,
            taken.join(", ")
        ));
    }
    match (facts.seeing_arcsec, request.max_fwhm_arcsec) {
        (Some(seeing), Some(worst)) if seeing > worst => Some(format!(
            "its seeing is {seeing:.2} arcsec by its header, worse than {worst}"
        )),
        _ => None,
    }
}

fn graded(grade: &str) -> &str {
    if grade == "_" { "no grade" } else { grade }
}

/// Chooses and groups.
pub(super) fn gather(frames: &[ClassifiedFrame], request: &DeepRequest) -> Result<Gathering, SelectError> {
    let mut ordered: Vec<&ClassifiedFrame> = frames
        .iter()
        .filter(|frame| frame.category == Category::Science)
        .collect();
    ordered.sort_by(|a, b| {
        let by_time = select::stamp(&a.frame).cmp(&select::stamp(&b.frame));
        by_time.then(a.frame.id.cmp(&b.frame.id))
    });
    let mut gathering = Gathering::default();
    let left_out = &mut gathering.left_out;
    let mut leave = |frame: &FrameId, reason: String, severity: Severity| {
        left_out.push(LeftOut::new(frame.clone(), reason, severity));
    };
    let mut sound = Vec::new();
    for member in ordered {
        match select::fault(member) {
            Some((reason, severity)) => leave(&member.frame.id, reason, severity),
            None => sound.push(member.clone()),
        }
    }
    let mut setups: BTreeMap<Setup, Vec<Facts>> = BTreeMap::new();
    for member in select::distinct(sound, &mut leave) {
        let facts = Facts::of(&member)?;
        match refusal(&facts, request) {
            Some(reason) => leave(&member.frame.id, reason, Severity::Info),
            None => setups.entry(facts.setup.clone()).or_default().push(facts),
        }
    }
    let images = white_images(frames);
    for (setup, exposures) in setups {
        let limits = limits(&setup, request);
        let places: Vec<[f64; 2]> = exposures.iter().map(|facts| facts.place_deg).collect();
        for chosen in cluster::groups(&places, limits) {
            let members: Vec<Facts> = chosen.iter().map(|k| exposures[*k].clone()).collect();
            let members = combinable(members, &mut leave);
            gathering.groups.extend(describe(members, &images, limits, request));
        }
    }
    gathering.groups.sort_by(|a, b| a.group.dataset.cmp(&b.group.dataset));
    tell_apart(&mut gathering.groups);
    gathering.left_out.sort();
    Ok(gathering)
}

/// Of several tables keeps those in the state that can be combined; a single one may be in any.
fn combinable(members: Vec<Facts>, leave: &mut impl FnMut(&FrameId, String, Severity)) -> Vec<Facts> {
    if members.len() < 2 {
        return members;
    }
    let is_fit = |facts: &Facts| {
        facts.member.tag.as_str() != "PIXTABLE_REDUCED" || TableState::of(&facts.member.frame) == TableState::Projected
    };
    let (kept, other): (Vec<_>, Vec<_>) = members.into_iter().partition(is_fit);
    for facts in other {
        let state = TableState::of(&facts.member.frame).words();
        let reason = format!(
            "coordinates are {state}: {COMBINE} takes {} only",
            TableState::Projected.words()
        );
        leave(&facts.member.frame.id, reason, Severity::Error);
    }
    kept
}

/// Finds the white images of single exposures, by the time that names the exposure.
fn white_images(frames: &[ClassifiedFrame]) -> BTreeMap<(String, String), ClassifiedFrame> {
    let mut images = BTreeMap::new();
    let mut candidates: Vec<&ClassifiedFrame> = frames.iter().filter(|f| f.tag.as_str() == "IMAGE_FOV").collect();
    candidates.sort_by(|a, b| a.frame.id.cmp(&b.frame.id));
    for image in candidates {
        let header = &image.frame.header;
        let is_single = header.i64("PRO.DATANCOM").unwrap_or(1) == 1;
        let is_white = header.str("DRS.MUSE.FILTER.NAME").is_ok_and(|name| name == "white");
        let stamp = select::stamp(&image.frame);
        if is_single && is_white && !stamp.is_empty() {
            let mode = header.str("INS.MODE").unwrap_or_default().to_owned();
            images.entry((stamp, mode)).or_insert_with(|| image.clone());
        }
    }
    images
}

fn describe(
    members: Vec<Facts>,
    images: &BTreeMap<(String, String), ClassifiedFrame>,
    limits: Limits,
    request: &DeepRequest,
) -> Option<Gathered> {
    let first = members.first()?;
    let places: Vec<[f64; 2]> = members.iter().map(|facts| facts.place_deg).collect();
    let posangs: Vec<f64> = members.iter().map(|facts| facts.posang_deg).collect();
    let centre = centre_deg(&places);
    let exposures: Vec<DeepExposure> = members.iter().map(|facts| exposure(facts, centre)).collect();
    let distinct = |of: fn(&Facts) -> &str| members.iter().map(of).collect::<BTreeSet<_>>().len();
    let blocks = distinct(|facts| &facts.block);
    let kind = match (members.len(), blocks) {
        (1, _) => DeepKind::Single,
        (_, 1) => DeepKind::Combined,
        _ => DeepKind::Deep,
    };
    let suffix = match kind {
        DeepKind::Single => "pst",
        DeepKind::Combined => "tpl",
        _ => "dpc",
    };
    let mosaic = mosaic(&places, &posangs, first.setup.field_arcsec());
    let nights = distinct(|facts| &facts.night);
    let because = because(kind, [members.len(), blocks, nights], mosaic.as_ref());
    let existing: Vec<ClassifiedFrame> = (members.iter())
        .filter(|facts| facts.member.tag.as_str() == "PIXTABLE_REDUCED")
        .filter_map(|facts| images.get(&(facts.date_obs.clone(), facts.setup.mode.clone())).cloned())
        .collect();
    let targets: BTreeSet<String> = members.iter().map(|facts| facts.target.clone()).collect();
    let group = DeepGroup {
        dataset: format!("MUSE.{}_{suffix}", first.date_obs).into(),
        kind,
        because,
        targets: targets.into_iter().filter(|target| !target.is_empty()).collect(),
        mode: first.setup.mode.clone(),
        pointing: first.setup.kind.to_owned(),
        centre_deg: centre.map(|degrees| (degrees * 1e6).round() / 1e6),
        exptime_s: members.iter().map(|facts| facts.exptime_s).sum(),
        diameter_arcsec: rounded(cluster::diameter_arcsec(&places)),
        limits_arcsec: [limits.separation_arcsec, limits.diameter_arcsec],
        alignment: alignment(members.len(), existing.len(), request),
        mosaic,
        exposures,
        apart: Vec::new(),
    };
    Some(Gathered {
        group,
        members,
        images: existing,
    })
}

fn rounded(arcsec: f64) -> f64 {
    (arcsec * 100.0).round() / 100.0
}

fn exposure(facts: &Facts, centre: [f64; 2]) -> DeepExposure {
    DeepExposure {
        frame: facts.member.frame.id.clone(),
        date_obs: facts.date_obs.clone(),
        block: facts.block.clone(),
        run: facts.run.clone(),
        night: facts.night.clone(),
        exptime_s: facts.exptime_s,
        grade: facts.grade.clone(),
        seeing_arcsec: facts.seeing_arcsec,
        distance_arcsec: rounded(distance_arcsec(centre, facts.place_deg)),
    }
}

/// Counts a thing in words: "1 block", "2 blocks".
pub(super) fn counted(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// The decision table of MUSE-DEEP: one exposure, one block, or more.
///
/// # References
/// ESO, PHOENIX process documentation of MUSE-DEEP: single cube, combined cube of the block, deep cube of two or more blocks.
fn because(kind: DeepKind, [exposures, blocks, nights]: [usize; 3], mosaic: Option<&Mosaic>) -> String {
    let counts = format!("{} of {}", counted(exposures, "exposure"), counted(blocks, "block"));
    let mut text = match kind {
        DeepKind::Single => format!("{counts}: its own cube is final"),
        DeepKind::Combined => format!("{counts}: the combined cube of the block is final"),
        _ => format!("{counts} in {}: a deep cube", counted(nights, "night")),
    };
    if let Some(mosaic) = mosaic {
        let [east, north] = mosaic.box_arcsec;
        let covered = 100.0 * mosaic.covered_share;
        let pointings = counted(mosaic.n_pointings, "pointing");
        let area = format!("{covered:.1} % of a box of {east:.1} x {north:.1} arcsec");
        text = format!("{text}; a mosaic of {pointings}, whose fields cover {area}");
    }
    text
}

fn alignment(n: usize, n_images: usize, request: &DeepRequest) -> String {
    if n < 2 {
        return "a single exposure has nothing to be aligned with".to_owned();
    }
    if !request.is_measured {
        return "not measured, as asked: positions are those of the headers or of an OFFSET_LIST of the archive, weights \
                are exposure time over seeing of the headers"
            .to_owned();
    }
    let images = match (n_images, n - n_images) {
        (0, made) => format!("{} made for it", counted(made, "image")),
        (found, 0) => format!("{} that exist", counted(found, "image")),
        (found, made) => format!("{} that exist and {made} made for it", counted(found, "image")),
    };
    format!("offsets, flux scales, quality and weights are measured on white-light images: {images}")
}

/// Tells for each group which others share its name or lie near, and why they are others.
fn tell_apart(groups: &mut [Gathered]) {
    let apart: Vec<Vec<Apart>> = groups
        .iter()
        .map(|one| {
            let others = groups.iter().filter(|other| other.group.dataset != one.group.dataset);
            others.filter_map(|other| reason_apart(one, other)).collect()
        })
        .collect();
    for (gathered, apart) in groups.iter_mut().zip(apart) {
        gathered.group.apart = apart;
    }
}

fn reason_apart(one: &Gathered, other: &Gathered) -> Option<Apart> {
    let places = |gathered: &Gathered| -> Vec<[f64; 2]> { gathered.members.iter().map(|f| f.place_deg).collect() };
    let (mine, theirs) = (places(one), places(other));
    let [separation, diameter] = one.group.limits_arcsec;
    let shares_name = one
        .group
        .targets
        .iter()
        .any(|target| other.group.targets.contains(target));
    // Far from everything and of another name, the distance of the centres tells enough.
    let centres = distance_arcsec(one.group.centre_deg, other.group.centre_deg);
    if !shares_name && centres > NEAR * diameter + one.group.diameter_arcsec + other.group.diameter_arcsec {
        return None;
    }
    let gap = cluster::gap_arcsec(&mine, &theirs);
    let because = if one.group.mode != other.group.mode {
        format!("its mode is {}, not {}", other.group.mode, one.group.mode)
    } else if one.group.pointing != other.group.pointing {
        format!("it points at the {}", other.group.pointing.to_lowercase())
    } else if gap > separation {
        format!("its nearest exposure is {gap:.1} arcsec away, farther than {separation:.1}")
    } else {
        let both = cluster::diameter_arcsec(&[mine, theirs].concat());
        format!("together they would be {both:.1} arcsec across, wider than {diameter:.1}")
    };
    Some(Apart {
        dataset: other.group.dataset.clone(),
        because,
    })
}
