//! Frames of a world as plain data, as headers, and what each slot must get.

use std::sync::Arc;

use phoenix_core::association::VirtualMaster;
use phoenix_core::dataset::{Completeness, Dataset};
use phoenix_core::frame::{Category, ClassifiedFrame, Frame};
use phoenix_core::header::Header;

use super::dice::Dice;
use super::world::{KEYS, KINDS, Own, Rule, SlotRule, TICKS, World};

/// A header value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Val {
    Int(i64),
    Real(f64),
    Text(&'static str),
    Logical(bool),
}

impl Val {
    /// Tells whether the rule language calls two values equal.
    fn equals(self, other: Self) -> bool {
        let number = |value: Self| match value {
            Self::Int(value) => Some(value as f64),
            Self::Real(value) => Some(value),
            _ => None,
        };
        let letter = |value: Self| match value {
            Self::Text(text) => Some(text),
            Self::Logical(true) => Some("T"),
            Self::Logical(false) => Some("F"),
            _ => None,
        };
        match (number(self), number(other), letter(self), letter(other)) {
            (Some(left), Some(right), ..) => left.total_cmp(&right).is_eq(),
            (None, None, Some(left), Some(right)) => left == right,
            _ => false,
        }
    }
}

/// Anything with keys and a time.
#[derive(Debug, Clone)]
struct Thing {
    name: String,
    kind: usize,
    keys: [Option<Val>; 3],
    at: Option<i64>,
    /// The dataset that will make it.
    producer: Option<usize>,
}

/// Frames of a world.
#[derive(Debug)]
pub(crate) struct Scene<'w> {
    world: &'w World,
    candidates: Vec<Thing>,
    datasets: Vec<Thing>,
}

fn keys(dice: &mut Dice) -> [Option<Val>; 3] {
    [
        dice.pick(&[
            None,
            Some(Val::Int(1)),
            Some(Val::Int(2)),
            Some(Val::Real(1.0)),
            Some(Val::Text("1")),
        ]),
        dice.pick(&[
            None,
            Some(Val::Text("a")),
            Some(Val::Text("a")),
            Some(Val::Text("b")),
            Some(Val::Text("ax")),
        ]),
        dice.pick(&[
            None,
            Some(Val::Logical(true)),
            Some(Val::Logical(false)),
            Some(Val::Text("T")),
        ]),
    ]
}

impl<'w> Scene<'w> {
    pub(crate) fn new(world: &'w World, mut dice: Dice, n_candidates: usize) -> Self {
        let kind = |dice: &mut Dice| usize::try_from(dice.below(KINDS as i64)).expect("an index is not negative");
        let at = |dice: &mut Dice| (!dice.once_in(25)).then(|| dice.range(-500, 500));
        // Names in no order, so that they decide ties and nothing else.
        let datasets: Vec<Thing> = (0..42)
            .map(|n| Thing {
                name: format!("D{:03}", (n * 37) % 101),
                kind: kind(&mut dice),
                keys: keys(&mut dice),
                at: at(&mut dice),
                producer: None,
            })
            .collect();
        let mut candidates: Vec<Thing> = (0..n_candidates)
            .map(|n| Thing {
                name: format!("C{:04}", (n * 377) % 1009),
                kind: kind(&mut dice),
                keys: keys(&mut dice),
                at: at(&mut dice),
                producer: None,
            })
            .collect();
        for (n, dataset) in datasets.iter().enumerate().filter(|(n, _)| n % 4 == 0) {
            candidates.push(Thing {
                producer: Some(n),
                ..dataset.clone()
            });
        }
        Self {
            world,
            candidates,
            datasets,
        }
    }

    pub(crate) fn real(&self) -> Vec<ClassifiedFrame> {
        let real = self.candidates.iter().filter(|thing| thing.producer.is_none());
        real.map(|thing| {
            let mut header = header(thing);
            let tag = format!("K{}", thing.kind);
            header.set("PRO.CATG", tag.as_str(), "");
            ClassifiedFrame {
                frame: frame(thing, header),
                tag: tag.into(),
                category: Category::Master,
            }
        })
        .collect()
    }

    pub(crate) fn planned(&self) -> Vec<VirtualMaster> {
        let planned = self
            .candidates
            .iter()
            .filter_map(|thing| Some((thing, thing.producer?)));
        planned
            .map(|(thing, producer)| {
                let mut header = header(thing);
                header.set("DPR.CATG", "CALIB", "");
                VirtualMaster {
                    tag: format!("K{}", thing.kind).into(),
                    producer: self.datasets[producer].name.as_str().into(),
                    task: format!("make{}", thing.kind).into(),
                    header: Arc::new(header),
                }
            })
            .collect()
    }

    pub(crate) fn datasets(&self) -> Vec<Dataset> {
        let datasets = self.datasets.iter().map(|thing| Dataset {
            id: thing.name.as_str().into(),
            task: "work".into(),
            key: std::collections::BTreeMap::default(),
            frames: vec![ClassifiedFrame {
                frame: frame(thing, header(thing)),
                tag: "OBJECT".into(),
                category: Category::Science,
            }],
            needs: Vec::new(),
            completeness: Completeness::Complete,
        });
        datasets.collect()
    }

    /// How many candidates are of a slot's kind, by what the slot asks of the candidate alone.
    pub(crate) fn n_of_the_kind(&self, rule: &SlotRule) -> usize {
        self.candidates
            .iter()
            .filter(|thing| is_of_the_kind(thing, rule))
            .count()
    }

    /// What a slot must get.
    pub(crate) fn expected(&self, dataset: usize, rule: &SlotRule) -> String {
        let this = &self.datasets[dataset];
        let is_closed = rule.max == Some(0) && !self.world.unlimited_zero;
        let is_out = (rule.since.is_some() || rule.until.is_some())
            && !this.at.is_some_and(|at| {
                rule.since.is_none_or(|since| since <= at) && rule.until.is_none_or(|until| at < until)
            });
        let min = rule.min.unwrap_or(1);
        let required = min > 0 && !is_closed && !is_out;
        let missing = format!("{required} missing");
        if is_closed || is_out {
            return missing;
        }
        if rule.needs_mode_a && !this.keys[1].is_some_and(|mode| mode.equals(Val::Text("a"))) {
            return missing;
        }
        let mut fitting: Vec<Fitting<'_>> = Vec::new();
        for thing in &self.candidates {
            if thing.producer == Some(dataset) {
                continue;
            }
            if let Some(level) = fits(this, thing, rule) {
                let later = match (thing.at, this.at) {
                    (Some(at), Some(this)) => Some(at - this),
                    _ => None,
                };
                let is_planned = u8::from(thing.producer.is_some());
                let rank = match rule.prefer.unwrap_or(self.world.prefer) {
                    0 => is_planned,
                    1 => 1 - is_planned,
                    _ => 0,
                };
                fitting.push((level, rank, later.map_or(i64::MAX, i64::abs), is_planned, thing, later));
            }
        }
        fitting.sort_by(|a, b| (a.0, a.1, a.2, a.3, &a.4.name).cmp(&(b.0, b.1, b.2, b.3, &b.4.name)));
        if matches!(rule.rule, Rule::Between | Rule::TryBetween) {
            let earlier = fitting
                .iter()
                .find(|fit| fit.5.is_some_and(|later| later <= 0))
                .map(|fit| fit.4.name.clone());
            let later = fitting
                .iter()
                .find(|fit| fit.5.is_some_and(|later| later >= 0))
                .map(|fit| fit.4.name.clone());
            match (earlier, later) {
                (Some(earlier), Some(later)) => {
                    fitting.sort_by_key(|fit| fit.4.name != earlier && fit.4.name != later);
                }
                _ if rule.rule == Rule::Between => fitting.clear(),
                _ => {}
            }
        }
        let Some(best) = fitting.first() else { return missing };
        if best.3 == 1 {
            return format!("{required} pending {}", best.4.name);
        }
        let most = match rule.max {
            Some(0) => usize::MAX,
            Some(max) => max,
            None => min.max(1),
        };
        let dt = best.5.map_or(0.0, |later| later as f64 / TICKS as f64);
        let mut taken = Vec::new();
        for fit in fitting.iter().filter(|fit| fit.3 == 0) {
            if taken.len() < most {
                taken.push(fit);
            }
        }
        if taken.len() < min {
            return missing;
        }
        let names: Vec<&str> = taken.iter().map(|fit| fit.4.name.as_str()).collect();
        let level = taken.iter().map(|fit| fit.0).max().expect("one was taken");
        format!("{required} filled {} level {level} dt {dt:.6}", names.join(","))
    }
}

/// Level, preference, distance, whether it is planned, the thing, ticks after the dataset.
type Fitting<'t> = (u8, u8, i64, u8, &'t Thing, Option<i64>);

fn is_of_the_kind(thing: &Thing, rule: &SlotRule) -> bool {
    let [bin, mode, lamp] = thing.keys;
    let mode = match mode {
        Some(Val::Text(text)) => Some(text),
        _ => None,
    };
    let own = match rule.own {
        Own::None => true,
        Own::ModeIsA => mode == Some("a"),
        Own::ModeIsNotA => mode.is_some_and(|mode| mode != "a"),
        Own::ModeLikeA => mode.is_some_and(|mode| mode.starts_with('a') || mode.ends_with('x')),
        Own::NoLamp => lamp.is_none(),
        Own::NotBinTwo => bin != Some(Val::Int(2)),
    };
    own && thing.kind == rule.kind
}

/// The level of a candidate; `None` if it does not fit.
fn fits(this: &Thing, thing: &Thing, rule: &SlotRule) -> Option<u8> {
    if !is_of_the_kind(thing, rule) {
        return None;
    }
    for join in &rule.joins {
        match (this.keys[*join], thing.keys[*join]) {
            (Some(left), Some(right)) if left.equals(right) => {}
            _ => return None,
        }
    }
    for (limit, is_lower) in [(rule.later_than, true), (rule.at_most, false)] {
        if let Some(limit) = limit {
            match (this.at, thing.at) {
                (Some(this), Some(at)) if is_lower && at > this + limit => {}
                (Some(this), Some(at)) if !is_lower && at <= this + limit => {}
                _ => return None,
            }
        }
    }
    let (Some(now), Some(at)) = (this.at, thing.at) else {
        let is_free = rule.windows.is_empty() && rule.breakpoints.is_empty();
        return (is_free && matches!(rule.rule, Rule::Closest | Rule::ValidFrom)).then_some(0);
    };
    let night = |at: i64| (at - TICKS / 2).div_euclid(TICKS);
    let is_wanted = match rule.rule {
        Rule::Next => at >= now,
        Rule::Previous | Rule::ValidFrom => at <= now,
        Rule::SameNight => night(at) == night(now),
        Rule::Closest | Rule::Between | Rule::TryBetween => true,
    };
    let is_cut = rule.breakpoints.iter().any(|cut| (at < *cut) != (now < *cut));
    if !is_wanted || is_cut {
        return None;
    }
    if rule.windows.is_empty() {
        return Some(0);
    }
    for window in &rule.windows {
        let is_open = window.since.is_none_or(|since| since <= now) && window.until.is_none_or(|until| now < until);
        if is_open && now - window.before <= at && at <= now + window.after {
            return Some(window.level);
        }
    }
    None
}

fn header(thing: &Thing) -> Header {
    let mut header = Header::new();
    header.set("INSTRUME", "TOY", "");
    if let Some(at) = thing.at {
        header.set("MJD-OBS", 57_000.0 + at as f64 / TICKS as f64, "");
    }
    for (key, value) in KEYS.into_iter().zip(thing.keys) {
        match value {
            Some(Val::Int(value)) => header.set(key, value, ""),
            Some(Val::Real(value)) => header.set(key, value, ""),
            Some(Val::Text(value)) => header.set(key, value, ""),
            Some(Val::Logical(value)) => header.set(key, value, ""),
            None => {}
        }
    }
    header
}

fn frame(thing: &Thing, header: Header) -> Frame {
    Frame {
        id: thing.name.as_str().into(),
        location: String::new(),
        header,
        size_bytes: None,
    }
}
