//! Why a slot got what it got: every candidate and the first rule that refused it.

use super::associator::{Prepared, shut_reason};
use super::policy::Policy;
use super::shelf::{Fit, Refusal, Shelf, Wanting, ordered, take_of};
use super::slots::SlotPlan;
use crate::association::{CalibPool, CandidateExplained, SlotExplained, Verdict};
use crate::rules::eval::Scene;

fn dt_days(fit: &Fit) -> Option<f64> {
    fit.later_ms.map(|milliseconds| milliseconds as f64 / 86_400_000.0)
}

pub(super) fn explain_slot(
    policy: &Policy,
    pool: &CalibPool<'_>,
    prepared: &Prepared,
    plan: &SlotPlan,
    wanting: &Wanting<'_>,
) -> SlotExplained {
    let mut explained = SlotExplained {
        tag: plan.tag.clone(),
        min: plan.min,
        shut: Shelf::shut(plan, wanting).map(|shut| shut_reason(policy, plan, shut, wanting)),
        candidates: Vec::new(),
        n_other_kinds: prepared.shelf.origins().len(),
    };
    if explained.shut.is_some() {
        return explained;
    }
    let verdicts = prepared.shelf.verdicts(plan, &prepared.table, wanting);
    explained.n_other_kinds -= verdicts.len();
    let name = |candidate: u32| {
        let producer = prepared.producer(pool, candidate);
        let frame = pool
            .real
            .get(candidate as usize)
            .map(|frame| frame.frame.id.to_string());
        match producer {
            Some(producer) => (producer.to_string(), true),
            _ => (frame.unwrap_or_default(), false),
        }
    };
    let fits = verdicts.iter().filter_map(|(_, verdict)| verdict.ok()).collect();
    let fits = ordered(fits, plan.plan.rule, wanting.order);
    let taken = take_of(&prepared.shelf, plan, &fits);
    for (n, fit) in fits.iter().enumerate() {
        let (name, is_planned) = name(fit.candidate);
        let verdict = if taken.iter().any(|taken| taken.candidate == fit.candidate) {
            Verdict::Chosen {
                level: fit.level,
                dt_days: dt_days(fit),
            }
        } else {
            Verdict::Outranked {
                level: fit.level,
                dt_days: dt_days(fit),
                place: n + 1,
            }
        };
        explained.candidates.push(CandidateExplained {
            name,
            is_planned,
            verdict,
        });
    }
    let mut refused: Vec<CandidateExplained> = verdicts
        .iter()
        .filter_map(|(candidate, verdict)| {
            let refusal = verdict.err()?;
            let (name, is_planned) = name(*candidate);
            Some(CandidateExplained {
                name,
                is_planned,
                verdict: Verdict::Refused {
                    rule: refusal_text(policy, prepared, plan, wanting, *candidate, refusal),
                },
            })
        })
        .collect();
    refused.sort_by(|a, b| a.name.cmp(&b.name));
    explained.candidates.extend(refused);
    explained
}

fn refusal_text(
    policy: &Policy,
    prepared: &Prepared,
    plan: &SlotPlan,
    wanting: &Wanting<'_>,
    candidate: u32,
    refusal: Refusal,
) -> String {
    let Some(origin) = prepared.shelf.origin(candidate) else {
        return String::new();
    };
    let moment = prepared.table.moment(origin.row);
    let away = || match (moment, wanting.moment) {
        (Some(moment), Some(dataset)) => format!("{:+.3} d", moment.since_days(dataset)),
        _ => "no time".to_owned(),
    };
    match refusal {
        Refusal::Own => "it is the dataset's own product".to_owned(),
        Refusal::Condition(n) => plan.conditions.get(n).map_or_else(String::new, |(_, code)| {
            let row = prepared.table.row(origin.row);
            let scene = Scene::candidate(&row, wanting.input);
            let explained = code.explain(&scene, policy.book().keys());
            explained.line()
        }),
        Refusal::NoTime => "it or the dataset has no time".to_owned(),
        Refusal::Side(reason) => format!("{reason} ({})", away()),
        Refusal::Breakpoint(at) => format!("the breakpoint {} lies between ({})", at.mjd().to_iso(), away()),
        Refusal::Window => format!("it lies outside every window ({})", away()),
        Refusal::OneSided => "there is none on the other side in time".to_owned(),
    }
}
