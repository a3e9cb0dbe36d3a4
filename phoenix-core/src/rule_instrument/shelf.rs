//! The candidates of a plan on one shelf: an index by slot, joined values and time, and the choice among them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::policy::Policy;
use super::slots::{Look, SlotPlan};
use crate::association::MatchLevel;
use crate::rules::eval::{Keys, Scene};
use crate::rules::table::{Atom, FrameTable, RowId};
use crate::rules::validity::lies_in;
use crate::rules::{KeyId, Moment, Preference, TimeRule};

/// A day in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Most keys that a slot joins through the index; further ones are compared candidate by candidate.
pub(crate) const MOST_JOINS: usize = 16;

/// What a candidate is, beside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The row of its values.
    pub(crate) row: RowId,
    /// The number of the planned dataset that will make it; `None` if it exists.
    pub(crate) producer: Option<u32>,
    /// Where its name stands in the order of all names of its sort.
    pub(crate) rank: u32,
}

/// The first rule that refused a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The dataset's own product.
    Own,
    /// A condition of the slot, by its number.
    Condition(usize),
    /// It has no time, and the plan asks for one.
    NoTime,
    /// It lies on the wrong side in time.
    Side(&'static str),
    /// A breakpoint lies between.
    Breakpoint(Moment),
    /// It lies in no window.
    Window,
    /// The rule wants one on either side, and the other side is empty.
    OneSided,
}

/// A candidate that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// Its number on the shelf.
    pub(crate) candidate: u32,
    pub(crate) level: MatchLevel,
    /// Its time after the dataset in milliseconds; `None` if it has no time.
    pub(crate) later_ms: Option<i64>,
    preferred: u8,
    is_planned: bool,
    rank: u32,
}

impl Fit {
    /// Orders fits, the best first: level, preference, distance in time, what exists before what is planned, name.
    fn better(&self, other: &Self) -> Ordering {
        let key = |fit: &Self| {
            let distance = fit.later_ms.map_or(u64::MAX, i64::unsigned_abs);
            (fit.level, fit.preferred, distance, fit.is_planned, fit.rank)
        };
        key(self).cmp(&key(other))
    }
}

/// The dataset as slots see it.
#[derive(Clone, Copy)]
pub(crate) struct Wanting<'a> {
    pub(crate) input: &'a dyn Keys,
    pub(crate) moment: Option<Moment>,
    /// The number of the dataset, so that it does not calibrate itself.
    pub(crate) own: Option<u32>,
}

/// Candidates by their values under some keys.
type Parts = HashMap<Box<[Atom]>, Vec<u32>>;

/// The candidates of one slot.
#[derive(Debug, Default)]
struct SlotShelf {
    /// Those whose own conditions hold.
    candidates: Vec<u32>,
    /// Those by their joined values.
    buckets: HashMap<Box<[Atom]>, Bucket>,
}

/// Candidates with the same joined values.
#[derive(Debug, Default)]
struct Bucket {
    /// In order of time; those without a time come last.
    candidates: Vec<u32>,
    n_timed: usize,
    has_real: bool,
    has_planned: bool,
}

/// Every candidate of a plan.
#[derive(Debug)]
pub(crate) struct Shelf {
    origins: Vec<Origin>,
    /// The candidates by their values under the keys that slots look at in the candidate alone.
    parts: Mutex<HashMap<Vec<KeyId>, Arc<Parts>>>,
    slots: Vec<Vec<OnceLock<SlotShelf>>>,
}

/// Why a slot has no candidates to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// `maxRet = 0`.
    NotAsked,
    /// The dataset lies outside the span in which the slot is asked for.
    Epoch,
    /// A condition on the dataset alone does not hold.
    Dataset(usize),
}

impl Shelf {
    pub(crate) fn new(policy: &Policy, origins: Vec<Origin>) -> Self {
        Self {
            origins,
            parts: Mutex::new(HashMap::new()),
            slots: policy
                .all_slots()
                .iter()
                .map(|slots| slots.iter().map(|_| OnceLock::new()).collect())
                .collect(),
        }
    }

    pub(crate) fn origin(&self, candidate: u32) -> Option<&Origin> {
        self.origins.get(candidate as usize)
    }

    pub(crate) fn origins(&self) -> &[Origin] {
        &self.origins
    }

    fn slot(&self, task: usize, slot: usize, plan: &SlotPlan, table: &FrameTable) -> Option<&SlotShelf> {
        let place = self.slots.get(task)?.get(slot)?;
        Some(place.get_or_init(|| self.fill(plan, table)))
    }

    /// Returns the candidates by their values under some keys, sorted once for all slots that look at the same keys.
    fn parts(&self, keys: &[KeyId], table: &FrameTable) -> Arc<Parts> {
        let mut known = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parts) = known.get(keys) {
            return parts.clone();
        }
        let mut parts = Parts::new();
        let mut values: Vec<Atom> = Vec::with_capacity(keys.len());
        for (n, origin) in self.origins.iter().enumerate() {
            values.clear();
            values.extend(keys.iter().map(|key| table.atom(origin.row, *key)));
            if let Some(part) = parts.get_mut(values.as_slice()) {
                part.push(n as u32);
            } else {
                parts.insert(values.as_slice().into(), vec![n as u32]);
            }
        }
        let parts = Arc::new(parts);
        known.insert(keys.to_vec(), parts.clone());
        parts
    }

    /// Sorts the candidates of a slot into its buckets.
    fn fill(&self, plan: &SlotPlan, table: &FrameTable) -> SlotShelf {
        let joins: Vec<KeyId> = plan.joins().map(|(candidate, _)| candidate).collect();
        let mut shelf = SlotShelf::default();
        for part in self.parts(&plan.candidate_keys(), table).values() {
            let Some(first) = part.first().and_then(|n| self.origin(*n)) else {
                continue;
            };
            let row = table.row(first.row);
            if plan.looking(Look::Candidate).all(|code| code.holds(&Scene::of(&row))) {
                shelf.candidates.extend(part);
            }
        }
        shelf.candidates.sort_unstable();
        let mut joined: Vec<Atom> = Vec::with_capacity(joins.len());
        for n in &shelf.candidates {
            let Some(origin) = self.origin(*n) else { continue };
            joined.clear();
            joined.extend(joins.iter().map(|key| table.row_equal_atom(origin.row, *key)));
            if joined.contains(&Atom::NONE) {
                continue;
            }
            let is_planned = origin.producer.is_some();
            let bucket = match shelf.buckets.get_mut(joined.as_slice()) {
                Some(bucket) => bucket,
                None => shelf.buckets.entry(joined.as_slice().into()).or_default(),
            };
            bucket.candidates.push(*n);
            bucket.n_timed += usize::from(table.moment(origin.row).is_some());
            bucket.has_planned |= is_planned;
            bucket.has_real |= !is_planned;
        }
        let time = |n: &u32| {
            let moment = self.origin(*n).and_then(|origin| table.moment(origin.row));
            (moment.is_none(), moment)
        };
        for bucket in shelf.buckets.values_mut() {
            bucket.candidates.sort_by_key(time);
        }
        shelf
    }

    /// Tells why a slot is shut for a dataset.
    pub(crate) fn shut(plan: &SlotPlan, wanting: &Wanting<'_>) -> Option<Shut> {
        if !plan.is_asked_for {
            return Some(Shut::NotAsked);
        }
        let is_in_epoch = |moment| lies_in(moment, plan.plan.since, plan.plan.until);
        let has_epoch = plan.plan.since.is_some() || plan.plan.until.is_some();
        if has_epoch && !wanting.moment.is_some_and(is_in_epoch) {
            return Some(Shut::Epoch);
        }
        let scene = Scene::candidate(wanting.input, wanting.input);
        plan.conditions
            .iter()
            .position(|(look, code)| *look == Look::Dataset && !code.holds(&scene))
            .map(Shut::Dataset)
    }

    /// Judges the time of a candidate for a dataset.
    fn judge_time(
        plan: &SlotPlan,
        moment: Option<Moment>,
        dataset: Option<Moment>,
    ) -> Result<(MatchLevel, Option<i64>), Refusal> {
        let rule = plan.plan.rule;
        let is_timeless = plan.plan.windows.is_empty()
            && plan.plan.breakpoints.is_empty()
            && matches!(rule, TimeRule::Closest | TimeRule::ValidFrom);
        let (Some(moment), Some(dataset)) = (moment, dataset) else {
            // A static file without a time is valid for ever, but any file with a time is nearer.
            return if is_timeless {
                Ok((MatchLevel(0), None))
            } else {
                Err(Refusal::NoTime)
            };
        };
        if let Some(reason) = rule.refusal(moment, dataset) {
            return Err(Refusal::Side(reason));
        }
        if let Some(breakpoint) = plan.plan.breakpoint_between(moment, dataset) {
            return Err(Refusal::Breakpoint(breakpoint));
        }
        let level = plan.plan.level(moment, dataset).ok_or(Refusal::Window)?;
        Ok((level, Some(moment.since_ms(dataset))))
    }

    fn fit(&self, plan: &SlotPlan, candidate: u32, level: MatchLevel, later_ms: Option<i64>) -> Option<Fit> {
        let origin = self.origin(candidate)?;
        let is_planned = origin.producer.is_some();
        Some(Fit {
            candidate,
            level,
            later_ms,
            preferred: match plan.prefer {
                Preference::Master => u8::from(is_planned),
                Preference::Raw => u8::from(!is_planned),
                Preference::Nearest => 0,
            },
            is_planned,
            rank: origin.rank,
        })
    }

    /// Returns what a slot takes, the best first, through the index: as many as it takes, or the one that is planned.
    pub(crate) fn picks(
        &self,
        (task, slot): (usize, usize),
        plan: &SlotPlan,
        table: &FrameTable,
        wanting: &Wanting<'_>,
    ) -> Vec<Fit> {
        let Some(shelf) = self.slot(task, slot, plan, table) else {
            return Vec::new();
        };
        let mut joined = [Atom::NONE; MOST_JOINS];
        let mut n_joined = 0;
        for ((_, key), place) in plan.joins().zip(&mut joined) {
            match wanting.input.value(key).and_then(|value| table.equal_atom(&value)) {
                Some(atom) => *place = atom,
                None => return Vec::new(),
            }
            n_joined += 1;
        }
        let Some(bucket) = joined.get(..n_joined).and_then(|joined| shelf.buckets.get(joined)) else {
            return Vec::new();
        };
        let takes_one = plan.max == Some(1) && !matches!(plan.plan.rule, TimeRule::Between | TimeRule::TryBetween);
        if let (Some(dataset), true) = (wanting.moment, takes_one && plan.plan.is_nested()) {
            return self
                .nearest(bucket, plan, table, wanting, dataset)
                .into_iter()
                .collect();
        }
        let reach = self.within_reach(&bucket.candidates, plan, table, wanting.moment);
        let fits = reach
            .iter()
            .filter_map(|candidate| self.judge(plan, table, wanting, *candidate));
        let fits = ordered(fits.collect(), plan.plan.rule);
        take_of(self, plan, &fits)
    }

    /// Judges a candidate of a bucket: its own conditions and the joined ones hold.
    fn judge(&self, plan: &SlotPlan, table: &FrameTable, wanting: &Wanting<'_>, candidate: u32) -> Option<Fit> {
        let origin = self.origin(candidate)?;
        if origin.producer.is_some() && origin.producer == wanting.own {
            return None;
        }
        let (level, later_ms) = Self::judge_time(plan, table.moment(origin.row), wanting.moment).ok()?;
        let mut conditions = plan.looking(Look::Both).peekable();
        if conditions.peek().is_some() {
            let row = table.row(origin.row);
            let scene = Scene::candidate(&row, wanting.input);
            if !conditions.all(|code| code.holds(&scene)) {
                return None;
            }
        }
        self.fit(plan, candidate, level, later_ms)
    }

    /// Returns the best candidate of a bucket, looking outward from the dataset's time and no farther than needed.
    ///
    /// Going away from the dataset the level never gets better, so the search of a side ends where neither level nor
    /// preference nor distance can beat what was found.
    fn nearest(
        &self,
        bucket: &Bucket,
        plan: &SlotPlan,
        table: &FrameTable,
        wanting: &Wanting<'_>,
        dataset: Moment,
    ) -> Option<Fit> {
        let moment = |n: &u32| self.origin(*n).and_then(|origin| table.moment(origin.row));
        let timed = bucket.candidates.get(..bucket.n_timed).unwrap_or_default();
        let middle = timed.partition_point(|n| moment(n).is_some_and(|moment| moment < dataset));
        let (earlier, later) = timed.split_at_checked(middle)?;
        let most_preferred = match plan.prefer {
            Preference::Master => u8::from(!bucket.has_real),
            Preference::Raw => u8::from(!bucket.has_planned),
            Preference::Nearest => 0,
        };
        let mut best: Option<Fit> = None;
        let mut search = |side: &mut dyn Iterator<Item = &u32>| {
            for candidate in side {
                let Some(at) = moment(candidate) else { break };
                let distance = at.since_ms(dataset).unsigned_abs();
                let is_out = match plan.plan.rule {
                    TimeRule::Previous | TimeRule::ValidFrom => at > dataset,
                    TimeRule::Next => at < dataset,
                    TimeRule::SameNight => distance > DAY_MS,
                    _ => false,
                };
                if is_out {
                    break;
                }
                let is_hopeless = best.as_ref().is_some_and(|best| {
                    let is_farther = distance > best.later_ms.map_or(u64::MAX, i64::unsigned_abs);
                    match plan.plan.level(at, dataset) {
                        Some(level) if level == best.level => is_farther && best.preferred == most_preferred,
                        Some(level) => level > best.level,
                        None => true,
                    }
                });
                if is_hopeless || (best.is_none() && plan.plan.level(at, dataset).is_none()) {
                    break;
                }
                if let Some(fit) = self.judge(plan, table, wanting, *candidate)
                    && best.as_ref().is_none_or(|best| fit.better(best) == Ordering::Less)
                {
                    best = Some(fit);
                }
            }
        };
        search(&mut earlier.iter().rev());
        search(&mut later.iter());
        // A file without a time is farther than any, but may be of the sort that is preferred.
        if best.is_none_or(|best| best.preferred != most_preferred) {
            let timeless = bucket.candidates.get(bucket.n_timed..).unwrap_or_default();
            let fits = timeless
                .iter()
                .filter_map(|candidate| self.judge(plan, table, wanting, *candidate));
            best = fits.chain(best).min_by(Fit::better);
        }
        best
    }

    /// Cuts a bucket to the time that the windows reach.
    fn within_reach<'b>(
        &self,
        bucket: &'b [u32],
        plan: &SlotPlan,
        table: &FrameTable,
        dataset: Option<Moment>,
    ) -> &'b [u32] {
        let Some((from, to)) = dataset.and_then(|dataset| plan.plan.reach(dataset)) else {
            return bucket;
        };
        let moment = |n: &u32| self.origin(*n).and_then(|origin| table.moment(origin.row));
        let begin = bucket.partition_point(|n| moment(n).is_some_and(|moment| moment < from));
        let end = bucket.partition_point(|n| moment(n).is_some_and(|moment| moment <= to));
        bucket.get(begin..end).unwrap_or_default()
    }

    /// Judges every candidate whose own conditions hold, in shelf order, without the index.
    pub(crate) fn verdicts(
        &self,
        (task, slot): (usize, usize),
        plan: &SlotPlan,
        table: &FrameTable,
        wanting: &Wanting<'_>,
    ) -> Vec<(u32, Result<Fit, Refusal>)> {
        let Some(shelf) = self.slot(task, slot, plan, table) else {
            return Vec::new();
        };
        let mut verdicts = Vec::with_capacity(shelf.candidates.len());
        for candidate in &shelf.candidates {
            let Some(origin) = self.origin(*candidate) else {
                continue;
            };
            let verdict = self.verdict(plan, table, wanting, *candidate, origin);
            verdicts.push((*candidate, verdict));
        }
        if plan.plan.rule == TimeRule::Between {
            let fits: Vec<Fit> = verdicts.iter().filter_map(|(_, verdict)| verdict.ok()).collect();
            if !is_two_sided(&fits) {
                for (_, verdict) in &mut verdicts {
                    *verdict = verdict.and(Err(Refusal::OneSided));
                }
            }
        }
        verdicts
    }

    fn verdict(
        &self,
        plan: &SlotPlan,
        table: &FrameTable,
        wanting: &Wanting<'_>,
        candidate: u32,
        origin: &Origin,
    ) -> Result<Fit, Refusal> {
        if origin.producer.is_some() && origin.producer == wanting.own {
            return Err(Refusal::Own);
        }
        let row = table.row(origin.row);
        let scene = Scene::candidate(&row, wanting.input);
        if let Some(n) = plan.conditions.iter().position(|(_, code)| !code.holds(&scene)) {
            return Err(Refusal::Condition(n));
        }
        let (level, later_ms) = Self::judge_time(plan, table.moment(origin.row), wanting.moment)?;
        self.fit(plan, candidate, level, later_ms).ok_or(Refusal::NoTime)
    }
}

fn sides(fit: &Fit) -> (bool, bool) {
    fit.later_ms.map_or((false, false), |later| (later <= 0, later >= 0))
}

fn is_two_sided(fits: &[Fit]) -> bool {
    fits.iter().any(|fit| sides(fit).0) && fits.iter().any(|fit| sides(fit).1)
}

/// Orders fits, the best first; where one on either side is wanted, the best of both sides lead.
pub(crate) fn ordered(mut fits: Vec<Fit>, rule: TimeRule) -> Vec<Fit> {
    fits.sort_by(Fit::better);
    let wants_both = matches!(rule, TimeRule::Between | TimeRule::TryBetween);
    if !wants_both {
        return fits;
    }
    if !is_two_sided(&fits) {
        return if rule == TimeRule::Between { Vec::new() } else { fits };
    }
    let earlier = fits.iter().position(|fit| sides(fit).0);
    let later = fits.iter().position(|fit| sides(fit).1);
    if let (Some(earlier), Some(later)) = (earlier, later) {
        let (first, second) = (earlier.min(later), earlier.max(later));
        if first != second {
            let moved = fits.remove(second);
            fits.insert(first + 1, moved);
        }
    }
    fits
}

/// Returns what a slot takes of the candidates that fit: the best, and more of those that exist if it takes several.
pub(crate) fn take_of(shelf: &Shelf, plan: &SlotPlan, fits: &[Fit]) -> Vec<Fit> {
    let exists = |fit: &Fit| {
        shelf
            .origin(fit.candidate)
            .is_some_and(|origin| origin.producer.is_none())
    };
    match fits.first() {
        Some(best) if !exists(best) => vec![*best],
        Some(_) => {
            let real = fits.iter().copied().filter(exists);
            real.take(plan.max.unwrap_or(usize::MAX)).collect()
        }
        None => Vec::new(),
    }
}
