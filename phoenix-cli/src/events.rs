//! Events as JSON lines on standard error, for programs that watch a run.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use phoenix::core::observe::{Event, JobEnd, Observer};
use serde_json::{Value, json};

use crate::pace::Pace;

/// Writes one JSON object per event.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    paces: Mutex<BTreeMap<String, Pace>>,
}

impl JsonLines {
    /// Returns the time that the stage of a job still takes, in seconds.
    fn left_s(&self, event: &Event<'_>) -> Option<f64> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Progress {
                job,
                stage,
                done,
                total,
            } => {
                let pace = paces.entry(job.to_string()).or_default();
                let left = pace.left(Instant::now(), stage, *done, *total)?;
                Some((left.as_secs_f64() * 10.0).round() / 10.0)
            }
            Event::JobFinished { job, .. } => {
                paces.remove(job.as_str());
                None
            }
            _ => None,
        }
    }
}

impl Observer for JsonLines {
    fn on(&self, event: &Event<'_>) {
        if let Some(mut document) = document(event) {
            if let Some(left_s) = self.left_s(event) {
                document["left_s"] = left_s.into();
            }
            // A reader that went away must not end the run.
            let _ = writeln!(std::io::stderr(), "{document}");
        }
    }
}

/// Returns the document of an event; `None` for events that this version does not know.
pub(crate) fn document(event: &Event<'_>) -> Option<Value> {
    let document = match event {
        Event::PlanReady { jobs, not_ready } => json!({"event": "plan-ready", "jobs": jobs, "not_ready": not_ready}),
        Event::StepStarted { step, items } => json!({"event": "step-started", "step": step, "items": items}),
        Event::JobStarted { job } => json!({"event": "job-started", "job": job}),
        Event::Progress {
            job,
            stage,
            done,
            total,
        } => json!({"event": "progress", "job": job, "stage": stage, "done": done, "total": total}),
        Event::Caveat { job, caveat } => {
            json!({"event": "caveat", "job": job, "code": caveat.code(), "caveat": caveat, "message": caveat.to_string()})
        }
        Event::Stored { job, product } => json!({"event": "stored", "job": job, "product": product}),
        Event::JobFinished { job, end, wall_s } => {
            let (end, because) = end_words(end);
            json!({"event": "job-finished", "job": job, "end": end, "because": because, "wall_s": wall_s})
        }
        Event::Scored { job, red, of } => json!({"event": "scored", "job": job, "red": red, "of": of}),
        Event::Delivered { name, already_present } => {
            json!({"event": "delivered", "name": name, "already_present": already_present})
        }
        Event::Warning { message } => json!({"event": "warning", "message": message}),
        _ => return None,
    };
    Some(document)
}

/// Returns how a job ended and why, in words.
pub(crate) fn end_words<'a>(end: &JobEnd<'a>) -> (&'static str, Option<&'a str>) {
    match end {
        JobEnd::Done => ("done", None),
        JobEnd::Failed(because) => ("failed", Some(because)),
        JobEnd::Blocked(because) => ("blocked", Some(because)),
        JobEnd::Skipped(because) => ("skipped", Some(because)),
        _ => ("ended", None),
    }
}

#[cfg(test)]
mod tests {
    use phoenix::core::observe::{Event, JobEnd};

    #[test]
    fn an_event_is_one_line_of_json() {
        let job = "MUSE.a:muse_exp_combine".into();
        let event = Event::JobFinished {
            job: &job,
            end: JobEnd::Failed("frame a\nhas no EXPTIME"),
            wall_s: 1.5,
        };
        let line = super::document(&event)
            .map(|document| document.to_string())
            .unwrap_or_default();
        assert!(!line.contains('\n'));
        assert!(
            line.contains(r#""end":"failed""#) && line.contains(r#""job":"MUSE.a:muse_exp_combine""#),
            "{line}"
        );
    }
}
