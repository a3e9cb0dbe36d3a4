//! Order among jobs; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::EngineError;
use crate::id::JobId;
use crate::plan::PlannedJob;

/// Returns the jobs with producers before consumers, otherwise in order of their names.
///
/// # Errors
/// `DuplicateJob`, `UnknownProducer` or `Cycle`.
pub fn producers_first(jobs: Vec<PlannedJob>) -> Result<Vec<PlannedJob>, EngineError> {
    let mut by_id: BTreeMap<JobId, PlannedJob> = BTreeMap::new();
    for job in jobs {
        if by_id.contains_key(&job.id) {
            return Err(EngineError::DuplicateJob { job: job.id });
        }
        by_id.insert(job.id.clone(), job);
    }
    let mut open_producers: BTreeMap<JobId, BTreeSet<JobId>> = BTreeMap::new();
    let mut consumers: BTreeMap<JobId, Vec<JobId>> = BTreeMap::new();
    for job in by_id.values() {
        let producers: BTreeSet<JobId> = job.producers().cloned().collect();
        for producer in &producers {
            if !by_id.contains_key(producer) {
                return Err(EngineError::UnknownProducer {
                    job: job.id.clone(),
                    producer: producer.clone(),
                });
            }
            consumers.entry(producer.clone()).or_default().push(job.id.clone());
        }
        open_producers.insert(job.id.clone(), producers);
    }
    let mut free: BTreeSet<JobId> = open_producers
        .iter()
        .filter(|(_, producers)| producers.is_empty())
        .map(|(id, _)| id.clone())
        .collect();
    let mut ordered = Vec::with_capacity(by_id.len());
    while let Some(id) = free.pop_first() {
        for consumer in consumers.get(&id).into_iter().flatten() {
            if let Some(producers) = open_producers.get_mut(consumer) {
                producers.remove(&id);
                if producers.is_empty() {
                    free.insert(consumer.clone());
                }
            }
        }
        ordered.extend(by_id.remove(&id));
    }
    if by_id.is_empty() {
        Ok(ordered)
    } else {
        Err(EngineError::Cycle {
            jobs: by_id.into_keys().map(|id| id.to_string()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::producers_first;
    use crate::engine::EngineError;
    use crate::plan::{InputSource, PlannedJob, Readiness, Resources};

    fn job(id: &str, producers: &[&str]) -> PlannedJob {
        PlannedJob {
            id: id.into(),
            dataset: id.into(),
            task: "t".into(),
            recipe: "t".into(),
            key: std::collections::BTreeMap::new(),
            inputs: producers
                .iter()
                .map(|producer| InputSource::Job {
                    job: (*producer).into(),
                    tag: "X".into(),
                })
                .collect(),
            slots: Vec::new(),
            params: serde_json::json!({}),
            readiness: Readiness::Ready,
            resources: Resources::default(),
        }
    }

    #[test]
    fn producers_come_first_and_names_decide_the_rest() {
        let ordered = producers_first(vec![job("a", &["z"]), job("m", &[]), job("z", &["m"]), job("b", &[])]);
        let names: Vec<String> = ordered.into_iter().flatten().map(|job| job.id.to_string()).collect();
        assert_eq!(names, ["b", "m", "z", "a"]);
    }

    #[test]
    fn a_cycle_names_the_jobs_in_it() {
        let error = producers_first(vec![job("a", &["b"]), job("b", &["a"]), job("c", &[])]);
        assert_eq!(
            error.map_err(|error| error.to_string()),
            Err("jobs need each other's products: a, b".into())
        );
    }

    #[test]
    fn a_name_stands_once() {
        let error = producers_first(vec![job("a", &[]), job("a", &[])]);
        assert!(matches!(error, Err(EngineError::DuplicateJob { .. })));
    }
}
