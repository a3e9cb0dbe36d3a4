//! Errors of the kernel, told with the names of frames and columns.

use phoenix_core::traits::{ReadError, RecipeError, SinkError};
use phoenix_kernels::KernelError;
use phoenix_kernels::ifu::PixelRows;

use crate::exposure::ExposureFile;
use crate::memory;
use crate::params::CombineParams;

/// Tells a kernel's error with the frame's name.
pub(crate) fn of_kernel(
    error: KernelError,
    exposures: &[ExposureFile],
    params: &CombineParams,
    budget_bytes: u64,
) -> RecipeError {
    let frame = |n: usize| {
        exposures
            .get(n)
            .map_or_else(|| "?".into(), |file| file.frame.id.clone())
    };
    match error {
        KernelError::Stopped => RecipeError::Stopped,
        KernelError::NoPixels { exposure } => RecipeError::Frame {
            frame: frame(exposure),
            reason: format!(
                "columns xpos, ypos, lambda, data and stat hold no finite pixel between {} and {} Angstrom",
                params.lambdamin, params.lambdamax
            ),
        },
        KernelError::Memory { floor_bytes, .. } => RecipeError::Memory {
            budget_bytes,
            floor_bytes: memory::least_budget_bytes(floor_bytes, exposures.iter().map(|file| file.table.len())),
        },
        KernelError::Read {
            exposure,
            first,
            last,
            source,
        } => match source.downcast::<ReadError>() {
            Ok(source) => RecipeError::Read {
                frame: frame(exposure),
                source: *source,
            },
            Err(source) => RecipeError::Frame {
                frame: frame(exposure),
                reason: format!("rows {first} to {last} cannot be read: {source}"),
            },
        },
        KernelError::Sink { first_plane, source } => match source.downcast::<SinkError>() {
            Ok(source) => RecipeError::Sink(*source),
            Err(source) => RecipeError::NoResult {
                reason: format!("plane {first_plane}: {source}"),
            },
        },
        KernelError::MixedStates {
            exposure,
            found,
            expected,
        } => RecipeError::Frame {
            frame: frame(exposure),
            reason: format!("column xpos has unit {found}, expected {expected}"),
        },
        other => RecipeError::NoResult {
            reason: other.to_string(),
        },
    }
}
