//! Quality keywords of a cube: sources in the middle plane, saturation, wavelength shifts.

use phoenix_core::header::Header;
use phoenix_kernels::ifu::CubeGrid;
use phoenix_kernels::ifu::grid::spatial_scale;
use phoenix_kit::apertures::{self, Aperture};

/// Limits tried in turn, in standard deviations. Source: ESO MUSE pipeline 2.8.7, as its log tells.
const SIGMAS: [f64; 3] = [5.0, 4.0, 3.0];

/// Most sources that get keywords of their own.
pub const MOST_SOURCES: usize = 100;

/// Cards that `set_sources` writes beside those of single sources.
pub const FIXED_CARDS: usize = 16;

/// Returns the plane in which sources are looked for.
pub fn middle_plane(grid: &CubeGrid) -> usize {
    grid.naxis[2] / 2
}

/// Writes `QC.EXPCOMB` keywords about the sources in the middle plane.
///
/// # Units
/// Positions in pixels counted from 1; widths in arcsec, -1 where a flank is missing.
pub fn set_sources(header: &mut Header, plane: &[f32], grid: &CubeGrid, most: usize) {
    let apertures = apertures::find(plane, grid.naxis[0], &SIGMAS);
    let scale = spatial_scale(&grid.cd).map(|deg| deg * 3600.0);
    let lambda = grid.spectral.crval + (middle_plane(grid) as f64 + 1.0 - grid.spectral.crpix) * grid.spectral.step;
    header.set(
        "QC.EXPCOMB.LAMBDA",
        lambda,
        "[Angstrom] Wavelength of plane that was searched",
    );
    header.set("QC.EXPCOMB.NDET", apertures.found.len(), "Number of detected sources");
    let width = |aperture: &Aperture, axis: usize| aperture.fwhm_pix[axis].map(|pix| pix * scale[axis]);
    for (k, aperture) in (1..).zip(apertures.found.iter().take(most)) {
        header.set(
            format!("QC.EXPCOMB.POS{k}.X"),
            aperture.x,
            "[pix] Position of source k in x-direction",
        );
        header.set(
            format!("QC.EXPCOMB.POS{k}.Y"),
            aperture.y,
            "[pix] Position of source k in y-direction",
        );
        header.set(
            format!("QC.EXPCOMB.FWHM{k}.X"),
            width(aperture, 0).unwrap_or(-1.0),
            "[arcsec] FWHM of source k in x-direction",
        );
        header.set(
            format!("QC.EXPCOMB.FWHM{k}.Y"),
            width(aperture, 1).unwrap_or(-1.0),
            "[arcsec] FWHM of source k in y-direction",
        );
    }
    let mut widths: Vec<f64> = apertures
        .found
        .iter()
        .filter_map(|aperture| Some(width(aperture, 0)?.midpoint(width(aperture, 1)?)))
        .collect();
    header.set(
        "QC.EXPCOMB.FWHM.NVALID",
        widths.len(),
        "Number of detected sources with valid FWHM",
    );
    let median = median(&mut widths);
    let mut deviations: Vec<f64> = widths.iter().map(|width| (width - median).abs()).collect();
    header.set(
        "QC.EXPCOMB.FWHM.MEDIAN",
        median,
        "[arcsec] Median FWHM of all sources with valid FWHM",
    );
    let mad = self::median(&mut deviations);
    header.set(
        "QC.EXPCOMB.FWHM.MAD",
        mad,
        "[arcsec] Median absolute deviation of the FWHM",
    );
}

/// The median; 0 of nothing, as the pipeline writes it.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => values[n / 2],
        _ => values[n / 2 - 1].midpoint(values[n / 2]),
    }
}
