//! A pool of its own for each run: the global pool is never resized by a library.

use phoenix_core::traits::RecipeError;

/// Runs `work` in a pool of `threads` threads.
///
/// # Errors
/// `NoResult` if the system gives no threads; otherwise what `work` returns.
pub fn within<T: Send>(threads: usize, work: impl FnOnce() -> Result<T, RecipeError> + Send) -> Result<T, RecipeError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|n| format!("recipe-{n}"))
        .build()
        .map_err(|error| RecipeError::NoResult {
            reason: format!("{threads} threads cannot be started: {error}"),
        })?;
    pool.install(work)
}
