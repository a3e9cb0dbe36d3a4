//! When a failed job is tried again; pure.

use std::time::Duration;

use super::Budget;
use crate::error::Status;
use crate::plan::Resources;
use crate::traits::RecipeError;

/// How often and after which pause a job that failed for a passing reason is tried again.
///
/// What fails for a lasting reason is not tried again, but for one case: a job that took more memory than its share,
/// while the budget has more, is tried with more at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a job is tried within one run, the first time included.
    pub attempts: u32,
    /// The pause before the second try; it doubles with each.
    pub pause: Duration,
}

impl Default for Retry {
    /// Three tries, the second after two seconds.
    fn default() -> Self {
        Self {
            attempts: 3,
            pause: Duration::from_secs(2),
        }
    }
}

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Trying again cannot help, or was tried often enough; how the failure is to be recorded.
    Final(Status),
    /// Try again after a pause.
    After(Duration),
    /// Try again with at least this much memory.
    WithMemory(u64),
}

impl Retry {
    /// A job is tried once.
    pub const NEVER: Self = Self {
        attempts: 1,
        pause: Duration::ZERO,
    };

    /// Judges the failure of a job that had `share` of `budget`; `attempt` counts from 1.
    pub fn judge(self, error: &RecipeError, attempt: u32, share: Resources, budget: Budget) -> Verdict {
        if let RecipeError::Memory { floor_bytes, .. } = error
            && share.memory_bytes < budget.memory_bytes
        {
            let wanted = share.memory_bytes.saturating_mul(2).max(*floor_bytes);
            return Verdict::WithMemory(wanted.min(budget.memory_bytes));
        }
        match error.status() {
            Status::Temporary if attempt < self.attempts => {
                let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
                Verdict::After(self.pause.saturating_mul(factor).min(LONGEST_PAUSE))
            }
            Status::Temporary if self.attempts > 1 => Verdict::Final(Status::Persistent),
            status => Verdict::Final(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Retry, Verdict};
    use crate::engine::Budget;
    use crate::error::Status;
    use crate::plan::Resources;
    use crate::traits::{RecipeError, SinkError};

    const SHARE: Resources = Resources {
        memory_bytes: 100,
        threads: 1,
        floor_bytes: 0,
    };

    fn budget(memory_bytes: u64) -> Budget {
        Budget {
            threads: 1,
            memory_bytes,
        }
    }

    fn disk_full() -> RecipeError {
        RecipeError::Sink(SinkError::System {
            name: "p".into(),
            location: "/".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        })
    }

    #[test]
    fn a_passing_failure_is_tried_again_with_growing_pauses_and_then_is_persistent() {
        let judge = |attempt| Retry::default().judge(&disk_full(), attempt, SHARE, budget(100));
        assert_eq!(judge(1), Verdict::After(Duration::from_secs(2)));
        assert_eq!(judge(2), Verdict::After(Duration::from_secs(4)));
        assert_eq!(judge(3), Verdict::Final(Status::Persistent));
        let once = Retry::NEVER.judge(&disk_full(), 1, SHARE, budget(100));
        assert_eq!(once, Verdict::Final(Status::Temporary));
    }

    #[test]
    fn a_lasting_failure_is_not_tried_again() {
        let error = RecipeError::NoResult { reason: "dark".into() };
        let verdict = Retry::default().judge(&error, 1, SHARE, budget(100));
        assert_eq!(verdict, Verdict::Final(Status::Permanent));
    }

    #[test]
    fn want_of_memory_is_met_as_long_as_the_budget_has_more() {
        let error = |floor_bytes| RecipeError::Memory {
            budget_bytes: 100,
            floor_bytes,
        };
        let judge = |floor, budget_bytes| Retry::NEVER.judge(&error(floor), 9, SHARE, budget(budget_bytes));
        assert_eq!(judge(120, 1000), Verdict::WithMemory(200));
        assert_eq!(judge(300, 1000), Verdict::WithMemory(300));
        assert_eq!(judge(300, 150), Verdict::WithMemory(150));
        assert_eq!(judge(300, 100), Verdict::Final(Status::Permanent));
    }
}
