//! The instrument's geometry: IFUs, slices and detector pixels, irregular as in real data and the same for all
//! exposures of a seed.

use serde::{Deserialize, Serialize};

use crate::random::{Purpose, Stream};

/// Width of a spaxel in wide-field mode.
pub const SPAXEL_ARCSEC: f64 = 0.2;

/// Mean width of a pixel in wavelength.
pub const STEP_AA: f64 = 1.25;

/// Detector columns that lie left of a slice's own columns in the packed origin.
const ORIGIN_MARGIN: usize = 20;

/// How much of the instrument is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Integral-field units, 1 to 24.
    pub n_ifu: usize,
    /// Slices per unit, a multiple of 4 up to 48; they stand in 4 stacks side by side.
    pub n_slices: usize,
    /// Pixels along a slice, up to 90.
    pub width: usize,
    /// Pixels in wavelength, up to 4096.
    pub n_lambda: usize,
}

impl Size {
    /// Brings every count into the range that the packed origin column can hold.
    fn bounded(self) -> Self {
        Self {
            n_ifu: self.n_ifu.clamp(1, 24),
            n_slices: (self.n_slices.clamp(4, 48) / 4) * 4,
            width: self.width.clamp(2, 90),
            n_lambda: self.n_lambda.clamp(2, 4096),
        }
    }
}

/// An instrument: its size and the seed of its irregularities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Instrument {
    size: Size,
    lambda_min_aa: f64,
    seed: u64,
}

/// One slice: where its pixels look and which wavelengths they see.
///
/// # References
/// Own model, docs/simulator.md; its orders of magnitude follow Weilbacher et al. 2020, A&A 641, A28.
#[derive(Debug, Clone, Copy)]
pub struct SliceGeometry {
    /// Unit, from 1.
    pub ifu: usize,
    /// Slice, from 1.
    pub slice: usize,
    size: Size,
    x_centre: f64,
    y_centre: f64,
    stretch: f64,
    tilt: f64,
    lambda_start_aa: f64,
    dispersion_aa: f64,
    curvature: f64,
    smile_aa: f64,
    slant_aa: f64,
}

impl Instrument {
    /// Makes an instrument; counts outside the format's range are brought into it.
    pub fn new(size: Size, lambda_min_aa: f64, seed: u64) -> Self {
        Self {
            size: size.bounded(),
            lambda_min_aa,
            seed,
        }
    }

    /// Makes an instrument of about 1e5 pixels, for unit tests.
    pub fn tiny(seed: u64) -> Self {
        Self::new(
            Size {
                n_ifu: 3,
                n_slices: 48,
                width: 9,
                n_lambda: 80,
            },
            6280.0,
            seed,
        )
    }

    /// Makes an instrument of about 3e5 pixels: a field of 9.6 arcsec about the night-sky lines at 6300 and 6364 A.
    pub fn demo(seed: u64) -> Self {
        Self::new(
            Size {
                n_ifu: 4,
                n_slices: 48,
                width: 12,
                n_lambda: 130,
            },
            6250.0,
            seed,
        )
    }

    /// Makes an instrument of about `n_pixels`, all axes scaled alike.
    pub fn with_pixels(n_pixels: u64, seed: u64) -> Self {
        let full = Self::full(seed);
        let ratio = libm::cbrt(n_pixels as f64 / full.n_pixels() as f64).min(1.0);
        let n_ifu = (24.0 * ratio).round().max(1.0);
        let width = (76.0 * n_ifu / 24.0).round().max(4.0);
        let n_lambda = (n_pixels as f64 / (n_ifu * 48.0 * width)).round().clamp(8.0, 3720.0);
        let size = Size {
            n_ifu: n_ifu as usize,
            n_slices: 48,
            width: width as usize,
            n_lambda: n_lambda as usize,
        };
        Self::new(size, (6975.0 - 0.5 * STEP_AA * n_lambda).max(4700.0), seed)
    }

    /// Makes the whole instrument: 24 units, 48 slices, 3.3e8 pixels, 4700 to 9350 A.
    pub fn full(seed: u64) -> Self {
        Self::new(
            Size {
                n_ifu: 24,
                n_slices: 48,
                width: 76,
                n_lambda: 3720,
            },
            4700.0,
            seed,
        )
    }

    /// Returns its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns its seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the number of slices of all units.
    pub fn n_slices(&self) -> usize {
        self.size.n_ifu * self.size.n_slices
    }

    /// Returns the number of pixels in one slice.
    pub fn pixels_per_slice(&self) -> usize {
        self.size.width * self.size.n_lambda
    }

    /// Returns the number of pixels of one exposure.
    pub fn n_pixels(&self) -> u64 {
        (self.n_slices() * self.pixels_per_slice()) as u64
    }

    /// Returns half the nominal field in arcsec, along the slices and across them.
    pub fn half_field_arcsec(&self) -> (f64, f64) {
        (
            2.0 * self.size.width as f64 * SPAXEL_ARCSEC,
            self.size.n_ifu as f64 * self.size.n_slices as f64 / 8.0 * SPAXEL_ARCSEC,
        )
    }

    /// Returns the nominal range of wavelengths that every slice sees.
    pub fn lambda_range_aa(&self) -> (f64, f64) {
        let length = STEP_AA * (self.size.n_lambda - 1) as f64;
        (self.lambda_min_aa, self.lambda_min_aa + length)
    }

    /// Returns the column offset that the header gives for a slice (`PIXTABLE EXP0 IFUnn SLICEnn XOFFSET`).
    pub fn x_offset(&self, slice: usize) -> i64 {
        let pitch = self.size.width.max(70) + 14;
        (30 + (slice.saturating_sub(1)) * pitch) as i64 - ORIGIN_MARGIN as i64
    }

    /// Returns the geometry of a slice in table order, `0..n_slices()`.
    pub fn slice(&self, index: usize) -> SliceGeometry {
        let size = self.size;
        let (ifu, slice) = (index / size.n_slices + 1, index % size.n_slices + 1);
        let rows = size.n_slices / 4;
        let (stack, row) = ((slice - 1) / rows, (slice - 1) % rows);
        let mut random = Stream::new(self.seed, Purpose::Shape, index as u64);
        let centre = |n: usize| (n as f64 - 1.0) / 2.0;
        SliceGeometry {
            ifu,
            slice,
            size,
            x_centre: (stack as f64 - 1.5) * size.width as f64 + 0.12 * random.normal(),
            y_centre: (ifu as f64 - 1.0 - centre(size.n_ifu)) * rows as f64 + row as f64 - centre(rows)
                + 0.04 * random.normal(),
            stretch: 1.0 + 8e-4 * random.normal(),
            tilt: 1.2e-3 * random.normal(),
            lambda_start_aa: self.lambda_min_aa - 0.3 + 0.4 * random.normal() + 0.25 * (row % 2) as f64,
            dispersion_aa: STEP_AA * (1.0 + 2.5e-5 * random.normal()),
            curvature: 1.8e-7 + 2e-8 * random.normal(),
            smile_aa: 0.45 + 0.05 * random.normal(),
            slant_aa: 0.35 * random.normal(),
        }
    }
}

impl SliceGeometry {
    /// Returns focal-plane coordinates in spaxels (the X axis runs against the columns) and the wavelength in A.
    pub fn at(&self, row: usize, column: usize) -> (f64, f64, f64) {
        let half = (self.size.width as f64 - 1.0) / 2.0;
        let u = column as f64 - half;
        let y = row as f64;
        let v = y - self.size.n_lambda as f64 / 2.0;
        // The image of the slit is curved and slanted on the detector: as a fraction of the half width.
        let w = u / half.max(1.0);
        let lambda = self.lambda_start_aa
            + self.dispersion_aa * (y + self.curvature * v * v)
            + self.smile_aa * w * w
            + self.slant_aa * w;
        (self.x_centre - u * self.stretch, self.y_centre + u * self.tilt, lambda)
    }

    /// Returns the packed origin: slice 6 bits, unit 5, row from 1 in 13, column in 7.
    pub fn origin(&self, row: usize, column: usize) -> i32 {
        ((column + ORIGIN_MARGIN) << 24 | (row + 1) << 11 | self.ifu << 6 | self.slice) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::Instrument;

    #[test]
    fn sizes_are_as_named() {
        assert_eq!(Instrument::full(1).n_pixels(), 24 * 48 * 76 * 3720);
        assert!((80_000..150_000).contains(&Instrument::tiny(1).n_pixels()));
        assert!((200_000..400_000).contains(&Instrument::demo(1).n_pixels()));
        let million = Instrument::with_pixels(1_000_000, 1).n_pixels() as f64;
        assert!((million / 1e6 - 1.0).abs() < 0.1, "{million}");
    }

    #[test]
    fn the_origin_unpacks() {
        let instrument = Instrument::full(1);
        let geometry = instrument.slice(instrument.n_slices() - 1);
        let origin = geometry.origin(3719, 75);
        assert!(origin > 0);
        assert_eq!((origin & 0x3f, (origin >> 6) & 0x1f), (48, 24));
        assert_eq!(((origin >> 11) & 0x1fff, origin >> 24), (3720, 95));
    }

    #[test]
    fn an_instrument_is_the_same_for_a_seed_and_differs_between_seeds() {
        let at = |seed| Instrument::tiny(seed).slice(7).at(3, 4);
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }
}
