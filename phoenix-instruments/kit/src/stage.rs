//! A kernel at work for a recipe: it hears when to stop, and its progress is told under the name of a stage.

use phoenix_core::traits::RunContext;
use phoenix_kernels::Hooks;

/// Runs `work` with hooks that listen to the run's token and tell the run's observer.
pub fn run<T>(ctx: &RunContext<'_>, stage: &str, work: impl FnOnce(&Hooks<'_>) -> T) -> T {
    let keep_going = || !ctx.cancel.is_cancelled();
    let on_tile = |done: usize, of: usize| ctx.progress(stage, done as u64, of as u64);
    work(&Hooks {
        keep_going: &keep_going,
        on_tile: &on_tile,
        ..Hooks::none()
    })
}
