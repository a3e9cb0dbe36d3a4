//! What a run may use, and how it is shared between jobs.

use crate::plan::Resources;

/// Threads and resident memory that all jobs of a run may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Threads, at least 1.
    pub threads: usize,
    /// Resident memory in bytes, mapped pages included.
    pub memory_bytes: u64,
}

impl Default for Budget {
    /// All cores, no memory limit.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: u64::MAX,
        }
    }
}

impl Budget {
    /// Divides what is free between the jobs that could start now and returns the share of the first.
    ///
    /// As many jobs run side by side as fit, because separate jobs scale better than the threads of one job; what is
    /// left over is shared evenly. The sum of all shares never exceeds the budget.
    ///
    /// # Contract
    /// * `candidates` are in the order in which they would start; the first is to be started.
    /// * `None` if the first does not fit beside what is running; a job larger than the whole budget fits only alone,
    ///   and its share is the whole budget.
    pub fn share(self, used: Resources, n_running: usize, width: usize, candidates: &[Resources]) -> Option<Resources> {
        let first = candidates.first()?;
        if n_running >= width.max(1) {
            return None;
        }
        let free_threads = self.threads.max(1).saturating_sub(used.threads);
        let free_memory = self.memory_bytes.saturating_sub(used.memory_bytes);
        if first.memory_bytes > self.memory_bytes {
            return (n_running == 0).then_some(Resources {
                memory_bytes: self.memory_bytes,
                threads: first.threads.clamp(1, self.threads.max(1)),
                ..*first
            });
        }
        if free_threads == 0 || first.memory_bytes > free_memory {
            return None;
        }
        let mut n_fitting = 0;
        let mut needed_memory = 0_u64;
        for candidate in candidates.iter().take(free_threads.min(width - n_running)) {
            match needed_memory.checked_add(candidate.memory_bytes) {
                Some(sum) if sum <= free_memory => {
                    needed_memory = sum;
                    n_fitting += 1;
                }
                // One that is too large may be passed over by those behind it.
                _ => {}
            }
        }
        let slack = (free_memory - needed_memory) / n_fitting;
        Some(Resources {
            memory_bytes: first.memory_bytes + slack,
            threads: (free_threads / n_fitting as usize).clamp(1, first.threads.max(1)),
            ..*first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use crate::plan::Resources;

    fn job(memory_bytes: u64, threads: usize) -> Resources {
        Resources {
            memory_bytes,
            threads,
            floor_bytes: 0,
        }
    }

    const BUDGET: Budget = Budget {
        threads: 8,
        memory_bytes: 100,
    };

    #[test]
    fn one_job_alone_gets_all_memory_and_the_threads_it_can_use() {
        assert_eq!(BUDGET.share(job(0, 0), 0, 4, &[job(10, 6)]), Some(job(100, 6)));
    }

    #[test]
    fn jobs_side_by_side_share_what_is_left_over() {
        assert_eq!(
            BUDGET.share(job(0, 0), 0, 4, &[job(10, 8), job(50, 8)]),
            Some(job(30, 4))
        );
        assert_eq!(BUDGET.share(job(30, 4), 1, 4, &[job(50, 8)]), Some(job(70, 4)));
    }

    #[test]
    fn a_job_that_does_not_fit_beside_the_running_ones_waits() {
        assert_eq!(BUDGET.share(job(60, 2), 1, 4, &[job(50, 1)]), None);
        assert_eq!(BUDGET.share(job(0, 8), 1, 4, &[job(1, 1)]), None);
        assert_eq!(BUDGET.share(job(0, 1), 1, 1, &[job(1, 1)]), None);
    }

    #[test]
    fn a_job_larger_than_the_budget_runs_alone_and_bounded() {
        assert_eq!(BUDGET.share(job(1, 1), 1, 4, &[job(500, 16)]), None);
        assert_eq!(BUDGET.share(job(0, 0), 0, 4, &[job(500, 16)]), Some(job(100, 8)));
    }

    #[test]
    fn an_unlimited_budget_does_not_overflow() {
        let unlimited = Budget {
            threads: 2,
            memory_bytes: u64::MAX,
        };
        let share = unlimited.share(job(0, 0), 0, 2, &[job(u64::MAX, 1), job(u64::MAX, 1)]);
        assert_eq!(share, Some(job(u64::MAX, 1)));
    }
}
