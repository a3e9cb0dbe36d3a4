//! The executor on threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use phoenix_core::engine::Executor;

/// Runs jobs side by side on threads of its own; the calling thread is one of them.
///
/// Jobs get whole threads and not tasks of a shared pool: a recipe that waits for its own parallel work would
/// otherwise take up another job in the meantime, and the memory of both.
#[derive(Debug, Clone, Copy)]
pub struct ThreadExecutor {
    width: usize,
}

impl ThreadExecutor {
    /// Returns an executor for up to `width` jobs at once.
    pub fn new(width: usize) -> Self {
        Self { width: width.max(1) }
    }
}

impl Default for ThreadExecutor {
    /// One job for each core.
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Executor for ThreadExecutor {
    fn width(&self) -> usize {
        self.width
    }

    fn run(&self, workers: usize, body: &(dyn Fn() + Sync)) {
        // A panic ends its worker; the engine has caught those of recipes and reports the jobs of the others.
        let contained = || {
            let _ = catch_unwind(AssertUnwindSafe(body));
        };
        thread::scope(|scope| {
            for n in 1..workers.clamp(1, self.width) {
                let worker = thread::Builder::new()
                    .name(format!("phoenix-job-{n}"))
                    .spawn_scoped(scope, contained);
                if worker.is_err() {
                    // The system has no more threads to give; those that run do the work.
                    break;
                }
            }
            contained();
        });
    }
}
