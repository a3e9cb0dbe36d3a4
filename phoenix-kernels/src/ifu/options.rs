//! How exposures are combined: everything that a caller may choose.

use super::cosmic::{CosmicKind, CosmicOptions};
use super::resample::Resample;
use crate::KernelError;
use crate::math::Numerics;

/// How exposures are combined.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StackOptions {
    /// Which numbers are wanted.
    pub numerics: Numerics,
    /// Resampling method.
    pub resample: Resample,
    /// Size of the shrunken pixel in pixels along x, y and wavelength (drizzle).
    pub pixfrac: [f64; 3],
    /// Cells taken to each side (all methods but nearest).
    pub loop_distance: usize,
    /// Critical radius in voxel diagonals (Renka).
    pub critical_radius: f64,
    /// Cosmic-ray test.
    pub cosmic: CosmicOptions,
    /// Wavelengths kept, Angstrom, both ends included.
    pub lambda_range: [f64; 2],
    /// Size of an input pixel along x and y in degrees (or pixels), from the linear part of the first exposure's header
    /// ([`super::grid::spatial_scale`]); the output voxel's where `None`.
    pub pixel_scale: Option<[f64; 2]>,
    /// Size of an input pixel along wavelength, Angstrom.
    pub pixel_height: f64,
    /// Memory that a window is made to fill, bytes; more where it would be too shallow for the work at its borders.
    pub window_bytes: usize,
    /// Memory that a window may take at most, bytes; with what tells the rows of strips, where not even one plane fits.
    pub memory_bytes: usize,
    /// Whether slabs carry the numbers of rows used and rejected.
    pub counts: bool,
    /// Whether slabs name the rows that the cosmic-ray test rejected.
    pub trace: bool,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            numerics: Numerics::Phoenix,
            resample: Resample::Drizzle,
            pixfrac: [0.6; 3],
            loop_distance: 1,
            critical_radius: 1.25,
            cosmic: CosmicOptions {
                kind: CosmicKind::Median,
                sigma: 10.0,
            },
            lambda_range: [4000.0, 10_000.0],
            pixel_scale: None,
            pixel_height: 1.25,
            window_bytes: 128 << 20,
            memory_bytes: usize::MAX,
            counts: false,
            trace: false,
        }
    }
}

impl StackOptions {
    /// Checks that every number is in the range in which the kernel is defined.
    ///
    /// # Errors
    /// `Parameter`, naming the first that is not.
    pub fn check(&self) -> Result<(), KernelError> {
        let options = self;
        let check = |name, value: f64, ok: bool, allowed| {
            if ok {
                Ok(())
            } else {
                Err(KernelError::Parameter { name, value, allowed })
            }
        };
        for p in options.pixfrac {
            check("pixfrac", p, p.is_finite() && p > 0.0, "above 0")?;
        }
        let ld = options.loop_distance;
        check("loop distance", ld as f64, (1..=16).contains(&ld), "1 to 16")?;
        check(
            "critical radius",
            options.critical_radius,
            options.critical_radius > 0.0,
            "above 0",
        )?;
        check(
            "cosmic-ray limit",
            options.cosmic.sigma,
            !options.cosmic.sigma.is_nan(),
            "a number",
        )?;
        let [low, high] = options.lambda_range;
        check("largest wavelength", high, low <= high, "not below the smallest")
    }
}
