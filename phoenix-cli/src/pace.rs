//! How long a stage of a job still takes, from the rate of its last steps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many steps back the rate is looked for: enough to even out threads that end together, few enough to follow a
/// disk that slows down.
const LOOK_BACK: usize = 16;

/// The last steps of one stage.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    stage: String,
    steps: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// Takes a step and returns the time that is left; `None` where nothing can be said yet.
    pub(crate) fn left(&mut self, now: Instant, stage: &str, done: u64, total: u64) -> Option<Duration> {
        let is_earlier = self.steps.back().is_some_and(|(_, before)| done < *before);
        if self.stage != stage || is_earlier {
            stage.clone_into(&mut self.stage);
            self.steps.clear();
        }
        match self.steps.back_mut() {
            // Steps within one moment are one step.
            Some((moment, before)) if *moment == now => *before = done,
            _ => self.steps.push_back((now, done)),
        }
        if self.steps.len() > LOOK_BACK {
            self.steps.pop_front();
        }
        let ((first, from), (last, upto)) = (*self.steps.front()?, *self.steps.back()?);
        if upto <= from {
            return None;
        }
        let per_step_s = last.duration_since(first).as_secs_f64() / (upto - from) as f64;
        Duration::try_from_secs_f64(per_step_s * total.saturating_sub(done) as f64).ok()
    }
}

/// Returns a time as people say it: `45 s`, `3 min`, `2 h 05 min`.
pub(crate) fn words(left: Duration) -> String {
    let seconds = left.as_secs_f64().ceil() as u64;
    let minutes = seconds.div_ceil(60);
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=5400 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Pace, words};

    #[test]
    fn the_time_left_follows_the_rate_of_the_last_steps() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert_eq!(pace.left(at(0.0), "resample", 1, 101), None);
        assert_eq!(pace.left(at(1.0), "resample", 2, 101), Some(Duration::from_secs(99)));
        // The disk becomes ten times slower: after some steps only that counts.
        let mut left = None;
        for step in 0..20 {
            left = pace.left(at(11.0 + 10.0 * f64::from(step)), "resample", 3 + step as u64, 101);
        }
        assert_eq!(left, Some(Duration::from_secs(790)));
        assert_eq!(pace.left(at(300.0), "measure covariance", 1, 3), None);
        // A job that is tried again begins anew.
        assert!(pace.left(at(301.0), "measure covariance", 2, 3).is_some());
        assert_eq!(pace.left(at(302.0), "measure covariance", 1, 3), None);
    }

    #[test]
    fn times_are_said_in_words() {
        let said: Vec<String> = [0.2, 45.0, 91.0, 600.0, 7500.0]
            .map(|seconds| words(Duration::from_secs_f64(seconds)))
            .into();
        assert_eq!(said, ["1 s", "45 s", "2 min", "10 min", "2 h 05 min"]);
    }
}
