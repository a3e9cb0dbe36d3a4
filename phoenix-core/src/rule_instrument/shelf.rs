//! The candidates of a plan on one shelf: an index by slot, joined values and time, and the choice among them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::OnceLock;

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
}

/// The order of names among candidates that exist, or among those that are planned.
pub(crate) trait NameOrder: Sync {
    /// Compares two candidates of one sort by their numbers.
    fn compare(&self, a: u32, b: u32) -> Ordering;
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
}

impl Fit {
    /// Orders fits, the best first: level, preference, distance in time, what exists before what is planned, name.
    fn better(&self, other: &Self, order: &dyn NameOrder) -> Ordering {
        let key = |fit: &Self| {
            let distance = fit.later_ms.map_or(u64::MAX, i64::unsigned_abs);
            (fit.level, fit.preferred, distance, fit.is_planned)
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| order.compare(self.candidate, other.candidate))
    }
}

/// The dataset as slots see it.
#[derive(Clone, Copy)]
pub(crate) struct Wanting<'a> {
    pub(crate) input: &'a dyn Keys,
    pub(crate) moment: Option<Moment>,
    /// The number of the dataset, so that it does not calibrate itself.
    pub(crate) own: Option<u32>,
    pub(crate) order: &'a dyn NameOrder,
}

/// Candidates with the same joined values, in order of time; those without a time come last.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    pub(crate) candidates: Vec<u32>,
    /// The times of those that have one, in milliseconds.
    pub(crate) times_ms: Vec<i64>,
    has_real: bool,
    has_planned: bool,
}

/// The candidates of the slots that ask for the same of a candidate alone.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    pub(crate) buckets: Vec<Bucket>,
    index: HashMap<Box<[Atom]>, u32>,
}

impl Stock {
    /// Returns the number of the bucket of some joined values.
    pub(crate) fn find(&self, joined: &[Atom]) -> Option<u32> {
        self.index.get(joined).copied()
    }

    /// Returns the joined values of every bucket with its number.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[Atom], u32)> {
        self.index.iter().map(|(joined, bucket)| (&**joined, *bucket))
    }

    fn bucket_of(&mut self, joined: &[Atom]) -> u32 {
        if let Some(bucket) = self.find(joined) {
            return bucket;
        }
        let bucket = self.buckets.len() as u32;
        self.buckets.push(Bucket::default());
        self.index.insert(joined.into(), bucket);
        bucket
    }
}

/// Every candidate of a plan.
#[derive(Debug)]
pub(crate) struct Shelf {
    origins: Vec<Origin>,
    /// The candidates of each profile, one profile after the other, and where each ends.
    by_profile: Vec<u32>,
    ends: Vec<u32>,
    stocks: Vec<OnceLock<Stock>>,
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
    pub(crate) fn new(policy: &Policy, table: &FrameTable, origins: Vec<Origin>) -> Self {
        let mut ends = vec![0_u32; table.n_profiles() + 1];
        for origin in &origins {
            if let Some(count) = ends.get_mut(table.profile(origin.row).index() + 1) {
                *count += 1;
            }
        }
        for n in 1..ends.len() {
            let before = ends.get(n - 1).copied().unwrap_or(0);
            if let Some(end) = ends.get_mut(n) {
                *end += before;
            }
        }
        let mut by_profile = vec![0_u32; origins.len()];
        // `ends` holds where each profile begins, and after this loop where it ends.
        for (origin, n) in origins.iter().zip(0..) {
            if let Some(place) = ends.get_mut(table.profile(origin.row).index()) {
                if let Some(slot) = by_profile.get_mut(*place as usize) {
                    *slot = n;
                }
                *place += 1;
            }
        }
        Self {
            origins,
            by_profile,
            ends,
            stocks: (0..policy.n_stocks()).map(|_| OnceLock::new()).collect(),
        }
    }

    pub(crate) fn origin(&self, candidate: u32) -> Option<&Origin> {
        self.origins.get(candidate as usize)
    }

    pub(crate) fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Returns the candidates that a slot chooses from, by joined values.
    pub(crate) fn stock(&self, plan: &SlotPlan, table: &FrameTable) -> Option<&Stock> {
        Some(self.stocks.get(plan.stock)?.get_or_init(|| self.fill(plan, table)))
    }

    /// Returns the same if it has been sorted already.
    pub(crate) fn known_stock(&self, plan: &SlotPlan) -> Option<&Stock> {
        self.stocks.get(plan.stock)?.get()
    }

    /// Calls `visit` on the candidates whose own conditions hold, profile by profile.
    fn matching(&self, plan: &SlotPlan, table: &FrameTable, mut visit: impl FnMut(&[u32])) {
        let keys = plan.candidate_keys();
        let is_shared = keys.iter().all(|key| table.is_shared(*key));
        let holds = |candidate: &u32| {
            self.origin(*candidate).is_some_and(|origin| {
                let row = table.row(origin.row);
                plan.looking(Look::Candidate).all(|code| code.holds(&Scene::of(&row)))
            })
        };
        let mut begin = 0;
        for end in &self.ends {
            let part = self.by_profile.get(begin..*end as usize).unwrap_or_default();
            begin = *end as usize;
            match part.first() {
                Some(first) if is_shared && holds(first) => visit(part),
                Some(_) if !is_shared => {
                    let part: Vec<u32> = part.iter().copied().filter(holds).collect();
                    visit(&part);
                }
                _ => {}
            }
        }
    }

    /// Sorts the candidates of a slot into buckets.
    fn fill(&self, plan: &SlotPlan, table: &FrameTable) -> Stock {
        let joins: Vec<KeyId> = plan.joins().map(|(candidate, _)| candidate).collect();
        let is_shared = joins.iter().all(|key| table.is_shared(*key));
        let mut stock = Stock::default();
        let mut joined: Vec<Atom> = Vec::with_capacity(joins.len());
        let mut bucket_of = |stock: &mut Stock, candidate: u32| {
            joined.clear();
            let row = self.origin(candidate)?.row;
            joined.extend(joins.iter().map(|key| table.row_equal_atom(row, *key)));
            (!joined.contains(&Atom::NONE)).then(|| stock.bucket_of(&joined))
        };
        self.matching(plan, table, |part| {
            let step = if is_shared { part.len() } else { 1 };
            for part in part.chunks(step.max(1)) {
                let bucket = part.first().and_then(|first| bucket_of(&mut stock, *first));
                if let Some(bucket) = bucket.and_then(|n| stock.buckets.get_mut(n as usize)) {
                    bucket.candidates.extend_from_slice(part);
                }
            }
        });
        for bucket in &mut stock.buckets {
            self.order(bucket, table);
        }
        stock
    }

    /// Puts the candidates of a bucket in order of time, then number.
    fn order(&self, bucket: &mut Bucket, table: &FrameTable) {
        let mut timed: Vec<(i64, u32)> = Vec::with_capacity(bucket.candidates.len());
        let mut timeless: Vec<u32> = Vec::new();
        for candidate in &bucket.candidates {
            let Some(origin) = self.origin(*candidate) else {
                continue;
            };
            bucket.has_planned |= origin.producer.is_some();
            bucket.has_real |= origin.producer.is_none();
            match table.moment(origin.row) {
                Some(moment) => timed.push((moment.ms(), *candidate)),
                None => timeless.push(*candidate),
            }
        }
        // Candidates come profile by profile in order of time: runs, which a stable sort merges.
        timed.sort_by_key(|(time, candidate)| (*time, *candidate));
        timeless.sort_unstable();
        bucket.candidates.clear();
        bucket.candidates.extend(timed.iter().map(|(_, candidate)| *candidate));
        bucket.candidates.extend(timeless);
        bucket.times_ms = timed.iter().map(|(time, _)| *time).collect();
    }

    /// Tells why a slot is shut for a dataset.
    pub(crate) fn shut(plan: &SlotPlan, wanting: &Wanting<'_>) -> Option<Shut> {
        Self::shut_in_time(plan, wanting.moment).or_else(|| Self::shut_by_dataset(plan, wanting))
    }

    /// Tells why a slot is shut for any dataset of a time.
    pub(crate) fn shut_in_time(plan: &SlotPlan, moment: Option<Moment>) -> Option<Shut> {
        if !plan.is_asked_for {
            return Some(Shut::NotAsked);
        }
        let is_in_epoch = |moment| lies_in(moment, plan.plan.since, plan.plan.until);
        let has_epoch = plan.plan.since.is_some() || plan.plan.until.is_some();
        (has_epoch && !moment.is_some_and(is_in_epoch)).then_some(Shut::Epoch)
    }

    /// Tells which condition on the dataset alone shuts a slot.
    pub(crate) fn shut_by_dataset(plan: &SlotPlan, wanting: &Wanting<'_>) -> Option<Shut> {
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
        })
    }

    /// Returns what a slot takes, the best first, through the index: as many as it takes, or the one that is planned.
    pub(crate) fn picks(&self, plan: &SlotPlan, table: &FrameTable, wanting: &Wanting<'_>) -> Vec<Fit> {
        let mut joined = [Atom::NONE; MOST_JOINS];
        let mut n_joined = 0;
        for ((_, key), place) in plan.joins().zip(&mut joined) {
            match wanting.input.value(key).and_then(|value| table.equal_atom(&value)) {
                Some(atom) => *place = atom,
                None => return Vec::new(),
            }
            n_joined += 1;
        }
        let mut fits = Vec::new();
        if let Some(stock) = self.stock(plan, table)
            && let Some(bucket) = joined.get(..n_joined).and_then(|joined| stock.find(joined))
            && let Some(bucket) = stock.buckets.get(bucket as usize)
        {
            self.pick(bucket, plan, table, wanting, &mut fits);
        }
        fits
    }

    /// Puts into `fits` what a slot takes out of a bucket, the best first.
    pub(crate) fn pick(
        &self,
        bucket: &Bucket,
        plan: &SlotPlan,
        table: &FrameTable,
        wanting: &Wanting<'_>,
        fits: &mut Vec<Fit>,
    ) {
        fits.clear();
        let takes_one = plan.max == Some(1) && !matches!(plan.plan.rule, TimeRule::Between | TimeRule::TryBetween);
        if let (Some(dataset), true) = (wanting.moment, takes_one && plan.plan.is_nested()) {
            fits.extend(self.nearest(bucket, plan, table, wanting, dataset));
            return;
        }
        let reach = Self::within_reach(bucket, plan, wanting.moment);
        fits.extend(
            reach
                .iter()
                .filter_map(|candidate| self.judge(plan, table, wanting, *candidate)),
        );
        let all = ordered(std::mem::take(fits), plan.plan.rule, wanting.order);
        *fits = take_of(self, plan, &all);
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
        let middle = bucket.times_ms.partition_point(|time| *time < dataset.ms());
        let (timed, timeless) = bucket.candidates.split_at_checked(bucket.times_ms.len())?;
        let (earlier, later) = timed.split_at_checked(middle)?;
        let (earlier_ms, later_ms) = bucket.times_ms.split_at_checked(middle)?;
        let most_preferred = match plan.prefer {
            Preference::Master => u8::from(!bucket.has_real),
            Preference::Raw => u8::from(!bucket.has_planned),
            Preference::Nearest => 0,
        };
        let mut best: Option<Fit> = None;
        let mut search = |side: &mut dyn Iterator<Item = (&u32, &i64)>| {
            for (candidate, time) in side {
                let at = Moment::from_ms(*time);
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
                    && best
                        .as_ref()
                        .is_none_or(|best| fit.better(best, wanting.order) == Ordering::Less)
                {
                    best = Some(fit);
                }
            }
        };
        search(&mut earlier.iter().zip(earlier_ms).rev());
        search(&mut later.iter().zip(later_ms));
        // A file without a time is farther than any, but may be of the sort that is preferred.
        if best.is_none_or(|best| best.preferred != most_preferred) {
            let fits = timeless
                .iter()
                .filter_map(|candidate| self.judge(plan, table, wanting, *candidate));
            best = fits.chain(best).min_by(|a, b| a.better(b, wanting.order));
        }
        best
    }

    /// Cuts a bucket to the time that the windows reach.
    fn within_reach<'b>(bucket: &'b Bucket, plan: &SlotPlan, dataset: Option<Moment>) -> &'b [u32] {
        let Some((from, to)) = dataset.and_then(|dataset| plan.plan.reach(dataset)) else {
            return &bucket.candidates;
        };
        let begin = bucket.times_ms.partition_point(|time| *time < from.ms());
        let end = bucket.times_ms.partition_point(|time| *time <= to.ms());
        bucket.candidates.get(begin..end).unwrap_or_default()
    }

    /// Judges every candidate whose own conditions hold, in shelf order, without the index.
    pub(crate) fn verdicts(
        &self,
        plan: &SlotPlan,
        table: &FrameTable,
        wanting: &Wanting<'_>,
    ) -> Vec<(u32, Result<Fit, Refusal>)> {
        let mut candidates: Vec<u32> = Vec::new();
        self.matching(plan, table, |part| candidates.extend_from_slice(part));
        candidates.sort_unstable();
        let mut verdicts = Vec::with_capacity(candidates.len());
        for candidate in &candidates {
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
pub(crate) fn ordered(mut fits: Vec<Fit>, rule: TimeRule, order: &dyn NameOrder) -> Vec<Fit> {
    fits.sort_by(|a, b| a.better(b, order));
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
