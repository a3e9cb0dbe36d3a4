//! Where each exposure lies and what it weighs.

use phoenix_core::caveat::Caveat;
use phoenix_core::traits::RecipeError;
use phoenix_kernels::ifu::Exposure;
use phoenix_kernels::weight;

use crate::exposure::{ExposureFile, common_fwhm, in_header};
use crate::load::Inputs;
use crate::offsets::Offset;
use crate::params::{CombineParams, WeightChoice};

/// Exposures as the kernel takes them, with what was applied.
#[derive(Debug)]
pub struct Placed<'a> {
    /// In order of `DATE-OBS`.
    pub exposures: Vec<Exposure<'a>>,
    /// The offset of each, where there is one.
    pub applied: Vec<Option<&'a Offset>>,
}

/// Finds position, weight, flux scale and slice direction of each exposure.
///
/// # Errors
/// `Frame` or `Header`, naming the key, or the column of the offset list.
pub fn place<'a>(
    inputs: &'a Inputs,
    params: &CombineParams,
    caveats: &mut Vec<Caveat>,
) -> Result<Placed<'a>, RecipeError> {
    let files = &inputs.exposures;
    let identities: Vec<&str> = files.iter().map(ExposureFile::identity).collect();
    let applied = match &inputs.offsets {
        Some(list) => list.matched(&identities)?,
        None => vec![None; files.len()],
    };
    for (file, offset) in files.iter().zip(&applied) {
        if inputs.offsets.is_some() && offset.is_none() {
            let reason = format!(
                "exposure {} is not in the OFFSET_LIST and keeps its own position",
                file.frame.id
            );
            caveats.push(Caveat::Partial { reason });
        }
    }
    let weights = weights(files, &applied, params, caveats)?;
    let mut exposures = Vec::with_capacity(files.len());
    for ((file, offset), weight) in files.iter().zip(&applied).zip(weights) {
        let [mut ra, mut dec] = file.pointing_deg()?;
        if let Some(offset) = offset {
            ra -= offset.ra_deg;
            dec -= offset.dec_deg;
        }
        let direction = file.slice_direction(inputs.fixed.as_ref(), params.kernel_numerics());
        let mut exposure = Exposure::new(&file.table, file.table.state, ra, dec).with_slice_direction(direction);
        if let Some(scale) = offset.and_then(|offset| offset.flux_scale) {
            exposure = exposure.with_flux_scale(scale);
        }
        if let Some(weight) = weight {
            exposure = exposure.with_weight(weight);
        }
        exposures.push(exposure);
    }
    Ok(Placed { exposures, applied })
}

fn weights(
    files: &[ExposureFile],
    applied: &[Option<&Offset>],
    params: &CombineParams,
    caveats: &mut Vec<Caveat>,
) -> Result<Vec<Option<f32>>, RecipeError> {
    if params.weight == WeightChoice::None {
        return Ok(vec![None; files.len()]);
    }
    let times = files
        .iter()
        .map(ExposureFile::exptime_s)
        .collect::<Result<Vec<f64>, _>>()?;
    let first = times.first().copied().unwrap_or(1.0);
    let plain = || {
        times
            .iter()
            .map(|time| Some(weight::exposure_time(*time, first)))
            .collect()
    };
    match params.weight {
        WeightChoice::Fwhm => {
            let Some(fwhm) = common_fwhm(files) else {
                let reason = "no source of seeing is in all headers: weights are exposure times".to_owned();
                caveats.push(Caveat::Partial { reason });
                return Ok(plain());
            };
            let pairs = times.iter().zip(&fwhm);
            Ok(pairs
                .map(|(time, f)| Some(weight::exposure_time_and_seeing(*time, first, *f, fwhm[0])))
                .collect())
        }
        WeightChoice::Quality => {
            let listed: Option<Vec<f64>> = applied.iter().map(|offset| offset.and_then(|row| row.weight)).collect();
            let Some(listed) = listed.filter(|weights| weights.iter().all(|weight| *weight > 0.0)) else {
                let reason = "the OFFSET_LIST does not weigh every exposure: weights are exposure times".to_owned();
                caveats.push(Caveat::Partial { reason });
                return Ok(plain());
            };
            Ok(listed.into_iter().map(|weight| Some(weight as f32)).collect())
        }
        WeightChoice::Header => files
            .iter()
            .zip(&times)
            .map(|(file, time)| {
                let factor = file.header.f64("DRS.MUSE.WEIGHT").map_err(in_header(&file.frame))?;
                Ok(Some(weight::exposure_time_and_factor(*time, first, factor)))
            })
            .collect(),
        WeightChoice::Exptime | WeightChoice::None => Ok(plain()),
    }
}
