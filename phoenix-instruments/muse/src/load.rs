//! Reading the inputs of both recipes; every fault names frame and key or column.

use phoenix_core::caveat::Caveat;
use phoenix_core::frame::FrameRef;
use phoenix_core::traits::{FrameReader, InputSet, RecipeError};
use phoenix_kernels::ifu::{CoordinateState, CubeGrid};
use phoenix_kit::{units, wcs};

use crate::exposure::{ExposureFile, in_file};
use crate::filters::{self, FilterCurve};
use crate::offsets::OffsetList;

/// Everything a run needs; pixels stay in their files.
#[derive(Debug)]
pub struct Inputs {
    /// In order of `DATE-OBS`.
    pub exposures: Vec<ExposureFile>,
    /// The offset list.
    pub offsets: Option<OffsetList>,
    /// Curves of the filter list.
    pub curves: Vec<FilterCurve>,
    /// The output grid, if one was given.
    pub fixed: Option<CubeGrid>,
    /// What was left out already.
    pub caveats: Vec<Caveat>,
}

/// Opens the exposures and the calibrations.
///
/// # Contract
/// With `projected_only`, the first exposure must be in native spherical coordinates, and later ones that are not are
/// left out with a caveat.
///
/// # Errors
/// `Inputs`, `Frame`, `Header` or `Read`.
pub fn load(
    exposures: &[&FrameRef],
    inputs: &InputSet<'_>,
    reader: &dyn FrameReader,
    projected_only: bool,
) -> Result<Inputs, RecipeError> {
    let mut opened = Vec::with_capacity(exposures.len());
    for frame in exposures {
        opened.push(ExposureFile::open(frame, reader)?);
    }
    opened.sort_by(|a, b| a.date_obs.cmp(&b.date_obs).then(a.frame.id.cmp(&b.frame.id)));
    let mut caveats = Vec::new();
    if projected_only {
        opened = only_projected(opened, &mut caveats)?;
    }
    check_together(&opened)?;
    let one = |tag: &str| inputs.tagged(tag).next();
    Ok(Inputs {
        offsets: one("OFFSET_LIST")
            .map(|frame| OffsetList::read(frame, reader))
            .transpose()?,
        curves: one("FILTER_LIST")
            .map(|frame| filters::read_list(frame, reader))
            .transpose()?
            .unwrap_or_default(),
        fixed: one("OUTPUT_WCS").map(|frame| output_grid(frame, reader)).transpose()?,
        exposures: opened,
        caveats,
    })
}

fn only_projected(opened: Vec<ExposureFile>, caveats: &mut Vec<Caveat>) -> Result<Vec<ExposureFile>, RecipeError> {
    let mut kept: Vec<ExposureFile> = Vec::new();
    for exposure in opened {
        let state = exposure.table.state;
        if state == CoordinateState::NativeSpherical {
            kept.push(exposure);
            continue;
        }
        let reason = format!("column xpos has unit {}, expected rad", state.unit());
        if kept.is_empty() {
            return Err(RecipeError::Frame {
                frame: exposure.frame.id,
                reason,
            });
        }
        caveats.push(Caveat::InputLeftOut {
            frame: exposure.frame.id,
            reason,
        });
    }
    Ok(kept)
}

/// Checks what exposures must have in common.
fn check_together(exposures: &[ExposureFile]) -> Result<(), RecipeError> {
    let Some(first) = exposures.first() else { return Ok(()) };
    for pair in exposures.windows(2) {
        let [before, after] = pair else { continue };
        let fault = |reason: String| {
            Err(RecipeError::Frame {
                frame: after.frame.id.clone(),
                reason,
            })
        };
        if before.identity() == after.identity() {
            let reason = format!("key DATE-OBS is {} as in frame {}", after.identity(), before.frame.id);
            return fault(reason);
        }
        if !units::is_same(&first.table.unit, &after.table.unit) {
            let reason = format!(
                "column data has unit {}, frame {} has {}",
                after.table.unit, first.frame.id, first.table.unit
            );
            return fault(reason);
        }
        if first.mode() != after.mode() {
            let mode = |exposure: &ExposureFile| exposure.header.str("INS.MODE").unwrap_or("absent").to_owned();
            let reason = format!(
                "key INS.MODE is {}, frame {} has {}",
                mode(after),
                first.frame.id,
                mode(first)
            );
            return fault(reason);
        }
    }
    Ok(())
}

/// Reads the output grid from the first HDU that describes one.
fn output_grid(frame: &FrameRef, reader: &dyn FrameReader) -> Result<CubeGrid, RecipeError> {
    let hdus = reader.hdus(frame).map_err(in_file(frame))?;
    let hdu = hdus
        .iter()
        .find(|hdu| hdu.header.contains("CTYPE1"))
        .ok_or_else(|| RecipeError::Frame {
            frame: frame.id.clone(),
            reason: "key CTYPE1 is missing in every HDU".into(),
        })?;
    wcs::grid(&hdu.header, &hdu.shape).map_err(|error| RecipeError::Frame {
        frame: frame.id.clone(),
        reason: error.to_string(),
    })
}
