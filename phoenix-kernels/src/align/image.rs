//! An image on the sky: pixels and where they are.

use ndarray::Array2;

use crate::KernelError;
use crate::ifu::celestial::Gnomonic;
use crate::math::Portable;

/// Arcseconds in a degree.
pub(crate) const ARCSEC: f64 = 3600.0;

/// A white-light or narrow-band image with its world coordinates.
#[derive(Clone, Debug)]
pub struct SkyImage {
    pixels: Array2<f32>,
    wcs: Gnomonic,
}

impl SkyImage {
    /// Takes pixels, NaN where there is none, and their world coordinates.
    ///
    /// # Shapes
    /// `pixels` is (y, x).
    ///
    /// # Errors
    /// `Parameter` if the world coordinates are not finite or their linear part cannot be inverted.
    pub fn new(pixels: Array2<f32>, wcs: Gnomonic) -> Result<Self, KernelError> {
        let determinant = wcs.cd[0][0] * wcs.cd[1][1] - wcs.cd[0][1] * wcs.cd[1][0];
        let numbers = [wcs.crval, wcs.crpix, wcs.cd[0], wcs.cd[1]].concat();
        if determinant == 0.0 || numbers.iter().any(|v| !v.is_finite()) {
            return Err(KernelError::Parameter {
                name: "determinant of the linear part",
                value: determinant,
                allowed: "finite world coordinates with a determinant other than 0",
            });
        }
        Ok(Self { pixels, wcs })
    }

    /// Returns the pixels, (y, x).
    pub fn pixels(&self) -> &Array2<f32> {
        &self.pixels
    }

    /// Returns the world coordinates.
    pub fn wcs(&self) -> &Gnomonic {
        &self.wcs
    }

    /// Returns the side of a square of a pixel's area, arcsec.
    pub fn pixel_arcsec(&self) -> f64 {
        let cd = &self.wcs.cd;
        (cd[0][0] * cd[1][1] - cd[0][1] * cd[1][0]).abs().sqrt() * ARCSEC
    }
}

/// The tangent plane in which offsets are solved: arcsec, x to the east, y to the north.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    own: Gnomonic,
    cos_dec: f64,
}

impl Plane {
    pub(crate) fn about(centre: [f64; 2]) -> Self {
        let own = Gnomonic {
            crval: centre,
            crpix: [0.0; 2],
            cd: [[1.0 / ARCSEC, 0.0], [0.0, 1.0 / ARCSEC]],
        };
        let cos_dec = libm::cos(centre[1].to_radians()).max(1e-6);
        Self { own, cos_dec }
    }

    /// Coordinate offsets in degrees (right ascension without cosine) of an offset in arcsec on the sky.
    pub(crate) fn degrees(&self, offset: [f64; 2]) -> [f64; 2] {
        [offset[0] / ARCSEC / self.cos_dec, offset[1] / ARCSEC]
    }

    /// World coordinates with an offset taken out: the reference position moves, as when the exposure is combined.
    pub(crate) fn corrected(&self, wcs: &Gnomonic, offset: [f64; 2]) -> Gnomonic {
        let [ra, dec] = self.degrees(offset);
        Gnomonic {
            crval: [wcs.crval[0] - ra, wcs.crval[1] - dec],
            ..*wcs
        }
    }

    /// Position in the plane of a pixel (from 0), with an offset taken out.
    pub(crate) fn position(&self, wcs: &Gnomonic, pixel: [f64; 2], offset: [f64; 2]) -> [f64; 2] {
        let [ra, dec] = self
            .corrected(wcs, offset)
            .sky::<Portable>(pixel[0] + 1.0, pixel[1] + 1.0);
        self.own.pixel::<Portable>(ra, dec)
    }

    /// Position in the plane of a place on the sky, degrees.
    pub(crate) fn place(&self, [ra, dec]: [f64; 2]) -> [f64; 2] {
        self.own.pixel::<Portable>(ra, dec)
    }

    /// Tells whether a place on the sky is on the plane's side of the sphere.
    pub(crate) fn is_before(&self, [ra, dec]: [f64; 2]) -> bool {
        let [ra0, dec0] = self.own.crval.map(f64::to_radians);
        let (ra, dec) = (ra.to_radians(), dec.to_radians());
        libm::sin(dec) * libm::sin(dec0) + libm::cos(dec) * libm::cos(dec0) * libm::cos(ra - ra0) > 0.5
    }

    /// Pixel (from 0) of an image of a position in the plane.
    pub(crate) fn pixel(&self, wcs: &Gnomonic, position: [f64; 2]) -> [f64; 2] {
        let [ra, dec] = self.own.sky::<Portable>(position[0], position[1]);
        let [x, y] = wcs.pixel::<Portable>(ra, dec);
        [x - 1.0, y - 1.0]
    }
}
