//! Pixel coordinates: arrays count from 0, FITS from 1.

/// A 0-based array coordinate; the centre of the first pixel is 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Pix0(pub f64);

/// A 1-based FITS coordinate; the centre of the first pixel is 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Pix1(pub f64);

impl From<Pix1> for Pix0 {
    fn from(fits: Pix1) -> Self {
        Self(fits.0 - 1.0)
    }
}

impl From<Pix0> for Pix1 {
    fn from(array: Pix0) -> Self {
        Self(array.0 + 1.0)
    }
}
