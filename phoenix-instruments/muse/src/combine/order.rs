//! Exposures whose rows lie in no order, sorted before the stack begins.

use phoenix_core::traits::{ProductSink, RecipeError, RunContext};
use phoenix_kernels::KernelError;
use phoenix_kernels::ifu::{Exposure, Stack};
use phoenix_kit::sorted::{SortError, SortRequest, SortedRows};

/// Smaller tables are read again and again faster than they are sorted.
const LEAST_ROWS: u64 = 1 << 16;
/// The share of a budget that sorting may take.
const SHARE: u64 = 8;

/// Sorts the exposures that need it; `None` for the others. With `keeps_ids` they know which rows of the file theirs are.
///
/// # Errors
/// As reading and scratch space demand; `fault` tells the kernel's errors.
pub(super) fn sorted(
    stack: &Stack<'_>,
    exposures: &[Exposure<'_>],
    keeps_ids: bool,
    out: &dyn ProductSink,
    ctx: &RunContext<'_>,
    fault: &dyn Fn(KernelError) -> RecipeError,
) -> Result<Vec<Option<SortedRows>>, RecipeError> {
    let planes_of = |lambda: &[f32], planes: &mut Vec<Option<u32>>| stack.planes_of(lambda, planes);
    let keep_going = || !ctx.cancel.is_cancelled();
    let request = SortRequest {
        planes_of: &planes_of,
        n_planes: stack.grid().naxis[2],
        window_planes: stack.window_planes(),
        memory_bytes: usize::try_from((ctx.memory_bytes / SHARE).min(64 << 20)).unwrap_or(64 << 20),
        keeps_ids,
        keep_going: &keep_going,
    };
    let needs = |n: usize, is_disordered: bool| is_disordered && exposures[n].rows.len() >= LEAST_ROWS;
    let needed: Vec<bool> = (stack.disordered().into_iter().enumerate())
        .map(|(n, is_disordered)| needs(n, is_disordered))
        .collect();
    let total = needed.iter().filter(|needed| **needed).count() as u64;
    let mut done = 0;
    let mut all = Vec::with_capacity(exposures.len());
    for (n, (exposure, needed)) in exposures.iter().zip(needed).enumerate() {
        if !needed {
            all.push(None);
            continue;
        }
        ctx.progress("sort rows", done, total);
        let scratch = out.scratch(SortedRows::scratch_bytes(exposure.rows, request.keeps_ids))?;
        let sorted = SortedRows::sort(exposure.rows, &request, scratch).map_err(|error| match error {
            SortError::Stopped => RecipeError::Stopped,
            SortError::Scratch(error) => RecipeError::Sink(error),
            SortError::Read { first, last, source } => fault(KernelError::Read {
                exposure: n,
                first,
                last,
                source,
            }),
            other => RecipeError::NoResult {
                reason: other.to_string(),
            },
        })?;
        done += 1;
        ctx.progress("sort rows", done, total);
        all.push(Some(sorted));
    }
    Ok(all)
}

/// Returns the exposures with sorted rows in place of those that were sorted.
pub(super) fn in_order<'a>(exposures: &[Exposure<'a>], sorted: &'a [Option<SortedRows>]) -> Vec<Exposure<'a>> {
    let replaced = exposures.iter().zip(sorted).map(|(exposure, sorted)| {
        let mut exposure = *exposure;
        if let Some(sorted) = sorted {
            exposure.rows = sorted;
        }
        exposure
    });
    replaced.collect()
}
