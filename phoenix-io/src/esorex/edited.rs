//! Copies of frames whose headers an overlay edits: ESO's recipes read files, so the edits must stand in one.

use std::fs;
use std::path::{Path, PathBuf};

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Edit;
use phoenix_core::plan::Overlaid;
use phoenix_core::traits::RecipeError;

use crate::fits::copy_edited;

/// Suffixes of files that are packed as a whole; a copy is not.
const PACKED: [&str; 2] = [".gz", ".Z"];

/// Puts a copy in place of every frame that is edited for recipes, under its own name in a folder of its own.
///
/// # Errors
/// `Frame` if the copy cannot be made.
pub(super) fn copies(
    frames: Vec<(FrameRef, PathBuf)>,
    overlays: &[Overlaid],
    folder: &Path,
) -> Result<Vec<(FrameRef, PathBuf)>, RecipeError> {
    let edits_of = |frame: &FrameRef| -> Vec<Edit> {
        let own = overlays.iter().filter(|overlaid| overlaid.frame == frame.id);
        own.flat_map(Overlaid::for_recipes).cloned().collect()
    };
    let place = |(n, (frame, path)): (usize, (FrameRef, PathBuf))| {
        let edits = edits_of(&frame);
        if edits.is_empty() {
            return Ok((frame, path));
        }
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let plain = PACKED
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(&name);
        let copy = folder.join(n.to_string()).join(plain);
        let failed = |reason: String| RecipeError::Frame {
            frame: frame.id.clone(),
            reason: format!("its copy with the edited header cannot be made: {reason}"),
        };
        fs::create_dir_all(folder.join(n.to_string())).map_err(|error| failed(error.to_string()))?;
        copy_edited(&path, &copy, &edits).map_err(|error| failed(told(&error)))?;
        Ok((frame, copy))
    };
    frames.into_iter().enumerate().map(place).collect()
}

/// Tells an error with its causes on one line.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
