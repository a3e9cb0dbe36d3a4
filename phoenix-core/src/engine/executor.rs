//! Where jobs run: the inline executor here, pools elsewhere.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs workers; what they work on is the engine's business.
///
/// # Contract
/// * `run` calls `body` on at most `workers` threads, at least once, and returns when every call has returned.
/// * A call that panics ends that call alone.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Returns how many jobs can run at once.
    fn width(&self) -> usize;

    /// Calls `body` on up to `workers` threads and waits for all of them.
    fn run(&self, workers: usize, body: &(dyn Fn() + Sync));
}

/// Runs everything on the calling thread, one job after another.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

impl Executor for Inline {
    fn width(&self) -> usize {
        1
    }

    fn run(&self, _workers: usize, body: &(dyn Fn() + Sync)) {
        // The engine's workers catch the panics of recipes themselves; a panic that comes this far has been reported
        // by the panic hook, and the jobs it left are reported by the engine.
        let _ = catch_unwind(AssertUnwindSafe(body));
    }
}
