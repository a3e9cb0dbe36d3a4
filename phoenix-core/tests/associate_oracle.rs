//! The associator against an oracle: nested loops over plain data, its own time arithmetic in ticks of 22.5 minutes, no
//! code shared. `PHOENIX_ORACLE_CASES` sets how many slots are filled (a million by default).

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod oracle;

use std::time::Instant;

use oracle::world::World;
use phoenix_core::association::{CalibPool, Fill, Verdict};
use phoenix_core::rule_instrument::{RuleInstrument, RuleInstrumentBuilder};
use phoenix_core::traits::Instrument;

fn wanted_cases() -> usize {
    std::env::var("PHOENIX_ORACLE_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000)
}

/// What a slot got, in one line.
fn spelled(required: bool, fill: &Fill) -> String {
    match fill {
        Fill::Filled {
            frames, level, dt_days, ..
        } => {
            let names: Vec<&str> = frames.iter().map(|frame| frame.id.as_str()).collect();
            format!(
                "{required} filled {} level {} dt {dt_days:.6}",
                names.join(","),
                level.0
            )
        }
        Fill::Pending { producer } => format!("{required} pending {producer}"),
        Fill::Missing { .. } => format!("{required} missing"),
    }
}

#[test]
fn the_associator_and_the_oracle_agree_on_every_case() {
    let wanted = wanted_cases();
    let (mut n_cases, mut n_filled, mut n_pending, mut n_missing) = (0, 0, 0, 0);
    let mut seed = 0;
    while n_cases < wanted {
        seed += 1;
        let world = World::new(seed);
        let toy = RuleInstrument::from_rules(&world.rules(), &world.validity())
            .and_then(RuleInstrumentBuilder::build)
            .unwrap_or_else(|error| panic!("world {seed}: {error}\n{}\n{}", world.rules(), world.validity()));
        for round in 0..6 {
            let scene = world.scene(round);
            let (real, planned) = (scene.real(), scene.planned());
            let pool = CalibPool::new(&real, &planned);
            for (n, dataset) in scene.datasets().iter().enumerate() {
                let association = toy.associator().associate(dataset, &pool).expect("the task is known");
                assert_eq!(association.slots.len(), world.slots.len());
                for (slot, rule) in association.slots.iter().zip(&world.slots) {
                    n_cases += 1;
                    match &slot.fill {
                        Fill::Filled { .. } => n_filled += 1,
                        Fill::Pending { .. } => n_pending += 1,
                        Fill::Missing { reason } => {
                            n_missing += 1;
                            assert!(!reason.is_empty());
                        }
                    }
                    let ours = spelled(slot.required, &slot.fill);
                    let theirs = scene.expected(n, rule);
                    assert_eq!(
                        ours,
                        theirs,
                        "world {seed}, round {round}, dataset {n}, slot {}\n{}\n{}\n{scene:#?}",
                        slot.tag,
                        world.rules(),
                        world.validity()
                    );
                }
            }
        }
    }
    // The cases are worth something only if every outcome is common.
    for n in [n_filled, n_pending, n_missing] {
        assert!(
            n * 20 > n_cases,
            "{n_filled} filled, {n_pending} pending, {n_missing} missing"
        );
    }
}

#[test]
fn the_explanation_names_what_the_choice_took_and_a_reason_for_each_candidate() {
    let (mut n_candidates, mut n_refused) = (0, 0);
    for seed in 1..40 {
        let world = World::new(seed);
        let toy = RuleInstrument::from_rules(&world.rules(), &world.validity())
            .and_then(RuleInstrumentBuilder::build)
            .expect("the world is sound");
        let scene = world.scene(0);
        let (real, planned) = (scene.real(), scene.planned());
        let pool = CalibPool::new(&real, &planned);
        for (n, dataset) in scene.datasets().iter().enumerate() {
            let association = toy.associator().associate(dataset, &pool).expect("the task is known");
            let explained = toy
                .rule_associator()
                .explain(dataset, &pool)
                .expect("the task is known");
            for ((slot, explained), rule) in association.slots.iter().zip(&explained).zip(&world.slots) {
                let chosen: Vec<&str> = explained
                    .candidates
                    .iter()
                    .filter(|candidate| matches!(candidate.verdict, Verdict::Chosen { .. }))
                    .map(|candidate| candidate.name.as_str())
                    .collect();
                match &slot.fill {
                    Fill::Filled { frames, .. } => {
                        let taken: Vec<&str> = frames.iter().map(|frame| frame.id.as_str()).collect();
                        assert_eq!(chosen, taken);
                    }
                    Fill::Pending { producer } => assert_eq!(chosen, [producer.as_str()]),
                    Fill::Missing { .. } => assert!(chosen.len() < slot_min(explained.min)),
                }
                if explained.shut.is_none() {
                    assert_eq!(explained.candidates.len(), scene.n_of_the_kind(rule), "dataset {n}");
                }
                for candidate in &explained.candidates {
                    n_candidates += 1;
                    if let Verdict::Refused { rule } = &candidate.verdict {
                        n_refused += 1;
                        assert!(!rule.is_empty());
                    }
                }
            }
        }
    }
    assert!(
        n_refused > 1000 && n_candidates > 2 * n_refused / 2,
        "{n_refused} of {n_candidates}"
    );
}

/// A slot that needs nothing misses nothing only if nothing was chosen.
fn slot_min(min: usize) -> usize {
    min.max(1)
}

#[test]
fn one_job_among_hundreds_of_candidates_is_explained_within_a_millisecond() {
    let world = World::new(7);
    let toy = RuleInstrument::from_rules(&world.rules(), &world.validity())
        .and_then(RuleInstrumentBuilder::build)
        .expect("the world is sound");
    let scene = world.crowded(600);
    let (real, planned) = (scene.real(), scene.planned());
    let pool = CalibPool::new(&real, &planned);
    let datasets = scene.datasets();
    let explain = |n: usize| {
        toy.rule_associator()
            .explain(&datasets[n], &pool)
            .expect("the task is known")
    };
    let n_candidates: usize = explain(0).iter().map(|slot| slot.candidates.len()).sum();
    assert!(n_candidates >= 300, "{n_candidates} candidates");
    // The best of several: a shared machine may be busy for a moment.
    let best = (0..20)
        .map(|round| {
            let begin = Instant::now();
            let explained = explain(round % datasets.len());
            assert_eq!(explained.len(), world.slots.len());
            begin.elapsed()
        })
        .min()
        .expect("there were rounds");
    assert!(best.as_micros() < 1000, "{best:?} for {n_candidates} candidates");
}
