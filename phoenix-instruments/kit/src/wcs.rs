//! World coordinates of cubes, to and from header cards.

use phoenix_core::header::Header;
use phoenix_kernels::ifu::spectral::SpectralWcs;
use phoenix_kernels::ifu::{CubeGrid, SpectralAxis};

/// A header's world coordinates cannot serve as an output grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WcsError {
    reason: String,
}

fn fault<T>(reason: impl Into<String>) -> Result<T, WcsError> {
    Err(WcsError { reason: reason.into() })
}

/// Writes the cards of the two spatial axes.
pub fn set_spatial(header: &mut Header, grid: &CubeGrid) {
    let (ctype, cunit) = if grid.celestial {
        (["RA---TAN", "DEC--TAN"], "deg")
    } else {
        (["PIXEL", "PIXEL"], "pixel")
    };
    header.set("CTYPE1", ctype[0], "");
    header.set("CTYPE2", ctype[1], "");
    header.set("CUNIT1", cunit, "");
    header.set("CUNIT2", cunit, "");
    header.set("CRPIX1", grid.crpix[0], "Reference pixel");
    header.set("CRPIX2", grid.crpix[1], "Reference pixel");
    header.set("CD1_1", grid.cd[0][0], "");
    header.set("CD1_2", grid.cd[0][1], "");
    header.set("CD2_1", grid.cd[1][0], "");
    header.set("CD2_2", grid.cd[1][1], "");
    header.set("CRVAL1", grid.crval[0], "Coordinate at the reference pixel");
    header.set("CRVAL2", grid.crval[1], "Coordinate at the reference pixel");
}

/// Writes the cards of the wavelength axis and the zero cross terms.
pub fn set_spectral(header: &mut Header, grid: &CubeGrid) {
    header.set("CTYPE3", grid.spectral.axis.ctype(), "");
    header.set("CUNIT3", "Angstrom", "");
    header.set("CD3_3", grid.spectral.step, "");
    header.set("CRPIX3", grid.spectral.crpix, "Reference plane");
    header.set("CRVAL3", grid.spectral.crval, "Wavelength of the reference plane");
    for key in ["CD1_3", "CD2_3", "CD3_1", "CD3_2"] {
        header.set(key, 0.0, "");
    }
}

/// Returns the linear part of a header's spatial axes; absent cross terms are 0.
pub fn linear_part(header: &Header) -> Option<[[f64; 2]; 2]> {
    let cross = |key: &str| header.f64(key).unwrap_or(0.0);
    Some([
        [header.f64("CD1_1").ok()?, cross("CD1_2")],
        [cross("CD2_1"), header.f64("CD2_2").ok()?],
    ])
}

/// Reads an output grid from a header; `shape` is the array shape of its HDU, where it has data.
///
/// # Errors
/// If a card is missing, the projection is not gnomonic, the axis is not one of wavelength, or `PCi_j` is used.
pub fn grid(header: &Header, shape: &[usize]) -> Result<CubeGrid, WcsError> {
    let real = |key: &str| {
        header.f64(key).map_err(|error| WcsError {
            reason: error.to_string(),
        })
    };
    if let Some(card) = header.cards().iter().find(|card| {
        let key = card.key.as_str();
        key.starts_with("PC") && key.contains('_')
    }) {
        return fault(format!("key {} is not supported, CDi_j is", card.key));
    }
    for (key, wanted) in [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN")] {
        let found = header.str(key).map_err(|error| WcsError {
            reason: error.to_string(),
        })?;
        if found != wanted {
            return fault(format!("key {key} is {found}, expected {wanted}"));
        }
    }
    let ctype3 = header.str("CTYPE3").unwrap_or("AWAV");
    let Some(axis) = SpectralAxis::from_ctype(ctype3) else {
        return fault(format!(
            "key CTYPE3 is {ctype3}, expected AWAV, WAVE, AWAV-LOG or WAVE-LOG"
        ));
    };
    let to_angstrom = match header.str("CUNIT3").unwrap_or("Angstrom") {
        unit if crate::units::is_angstrom(unit) => 1.0,
        "nm" => 10.0,
        "um" => 1e4,
        "m" => 1e10,
        unit => return fault(format!("key CUNIT3 is {unit}, expected Angstrom, nm, um or m")),
    };
    let length = |axis: usize| -> Result<usize, WcsError> {
        let key = format!("NAXIS{axis}");
        let from_key = header.i64(key.as_str()).ok().and_then(|n| usize::try_from(n).ok());
        let from_shape = (shape.len() == 3).then(|| shape[3 - axis]);
        from_key.or(from_shape).filter(|n| *n > 0).ok_or_else(|| WcsError {
            reason: format!("key {key} is missing or not positive"),
        })
    };
    let Some(cd) = linear_part(header) else {
        return fault("key CD1_1 or CD2_2 is missing");
    };
    Ok(CubeGrid {
        naxis: [length(1)?, length(2)?, length(3)?],
        crval: [real("CRVAL1")?, real("CRVAL2")?],
        crpix: [real("CRPIX1")?, real("CRPIX2")?],
        cd,
        celestial: true,
        spectral: SpectralWcs {
            axis,
            crval: real("CRVAL3")? * to_angstrom,
            crpix: header.f64("CRPIX3").unwrap_or(1.0),
            step: real("CD3_3")? * to_angstrom,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{grid, set_spatial, set_spectral};
    use phoenix_core::header::Header;
    use phoenix_kernels::ifu::spectral::SpectralWcs;
    use phoenix_kernels::ifu::{CubeGrid, SpectralAxis};

    fn example() -> CubeGrid {
        CubeGrid {
            naxis: [3, 4, 5],
            crval: [150.1, -27.5],
            crpix: [1.5, 2.5],
            cd: [[-5.5e-5, 0.0], [0.0, 5.5e-5]],
            celestial: true,
            spectral: SpectralWcs {
                axis: SpectralAxis::Awav,
                crval: 4750.0,
                crpix: 1.0,
                step: 1.25,
            },
        }
    }

    #[test]
    fn a_grid_comes_back_from_its_cards() {
        let mut header = Header::new();
        set_spatial(&mut header, &example());
        set_spectral(&mut header, &example());
        assert_eq!(grid(&header, &[5, 4, 3]), Ok(example()));
    }

    #[test]
    fn a_rotation_matrix_in_the_other_convention_is_refused_by_name() {
        let mut header = Header::new();
        set_spatial(&mut header, &example());
        header.set("PC1_1", 1.0, "");
        let message = grid(&header, &[5, 4, 3]).map_err(|error| error.to_string());
        assert!(message.is_err_and(|text| text.contains("PC1_1")));
    }
}
