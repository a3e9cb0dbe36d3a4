//! Parts of a plan that hang together: what a job depends on, what depends on it; pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::JobId;
use crate::plan::Plan;

/// Returns jobs and everything that is made from their products: what must be done again with them.
pub fn below(plan: &Plan, jobs: &BTreeSet<JobId>) -> BTreeSet<JobId> {
    let mut found = jobs.clone();
    // Producers stand before consumers, so one pass sees every chain.
    for job in &plan.jobs {
        if job.producers().any(|producer| found.contains(producer)) {
            found.insert(job.id.clone());
        }
    }
    found
}

/// Returns jobs and everything that their inputs are made from: what must be there before them.
pub fn above(plan: &Plan, jobs: &BTreeSet<JobId>) -> BTreeSet<JobId> {
    let mut found = jobs.clone();
    for job in plan.jobs.iter().rev() {
        if found.contains(&job.id) {
            found.extend(job.producers().cloned());
        }
    }
    found
}

/// Returns for each job the number of its cascade: jobs that share a producer or a consumer, however far, have the
/// same.
pub fn cascades(plan: &Plan) -> Vec<usize> {
    let places: BTreeMap<&JobId, usize> = plan
        .jobs
        .iter()
        .enumerate()
        .map(|(place, job)| (&job.id, place))
        .collect();
    let mut parents: Vec<usize> = (0..plan.jobs.len()).collect();
    for (place, job) in plan.jobs.iter().enumerate() {
        for producer in job.producers() {
            if let Some(&producer) = places.get(producer) {
                let (one, other) = (root(&mut parents, place), root(&mut parents, producer));
                if let Some(parent) = parents.get_mut(one.max(other)) {
                    *parent = one.min(other);
                }
            }
        }
    }
    (0..plan.jobs.len()).map(|place| root(&mut parents, place)).collect()
}

/// Finds the root of a tree and shortens the way to it.
fn root(parents: &mut [usize], mut place: usize) -> usize {
    while let Some(&parent) = parents.get(place) {
        if parent == place {
            break;
        }
        let grandparent = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(place) {
            *slot = grandparent;
        }
        place = grandparent;
    }
    place
}
