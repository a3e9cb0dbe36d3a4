//! Planes of a cube that are finished: marked for another attempt, and read back by it.

use phoenix_core::traits::{Finished, RecipeError, RunContext, SinkError, SlabWriter};
use phoenix_kernels::SourceError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of finished planes that are read back at once.
const BACK_BYTES: usize = 4 << 20;

/// Marks the first `planes` planes as finished, with what another attempt needs to go on behind them.
///
/// # Errors
/// If the note cannot be written as JSON, or the sink refuses.
pub fn mark(writer: &mut dyn SlabWriter, planes: usize, note: &impl Serialize) -> Result<(), SourceError> {
    let note = serde_json::to_value(note)?;
    Ok(writer.mark(Finished { planes, note })?)
}

/// Reads the note of an interrupted attempt at product `name`.
///
/// # Errors
/// `Invalid` if it is of another form.
pub fn note<N: DeserializeOwned>(finished: &Finished, name: &str) -> Result<N, SinkError> {
    N::deserialize(&finished.note).map_err(|error| SinkError::Invalid {
        name: name.to_owned(),
        reason: format!("the note of an interrupted attempt is not understood: {error}"),
    })
}

/// Reads the first `planes` planes of extension `hdu` back, some at a time; `each` gets the number of the first and their
/// values.
///
/// # Shapes
/// `shape` is that of the whole cube, (wave, y, x).
/// # Errors
/// `Stopped`; as the sink and `each` demand.
pub fn read_back(
    writer: &dyn SlabWriter,
    hdu: usize,
    planes: usize,
    shape: [usize; 3],
    ctx: &RunContext<'_>,
    mut each: impl FnMut(usize, &[f32]) -> Result<(), RecipeError>,
) -> Result<(), RecipeError> {
    let [nz, ny, nx] = shape;
    let plane = ny * nx;
    let at_once = (BACK_BYTES / (plane * size_of::<f32>()).max(1)).clamp(1, planes.max(1));
    let mut buffer = vec![0.0_f32; at_once * plane];
    let mut first = 0;
    while first < planes {
        if ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        let n = at_once.min(planes - first);
        let (values, _) = buffer.split_at_mut(n * plane);
        writer.read(hdu, first, values)?;
        each(first, values)?;
        first += n;
        ctx.progress("read finished planes", first as u64, nz as u64);
    }
    Ok(())
}
