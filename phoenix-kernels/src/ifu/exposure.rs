//! One exposure: its rows and the few numbers that place and weigh them.

use super::pixtable::PixelRows;

/// Says what the spatial columns of a table mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoordinateState {
    /// Native spherical coordinates in radians: longitude, and latitude minus a right angle.
    NativeSpherical,
    /// Degrees relative to the reference position of the exposure.
    Celestial,
    /// Detector-like pixels, no sky position.
    Pixel,
}

impl CoordinateState {
    /// Returns the unit that the columns of a table in this state carry.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::NativeSpherical => "rad",
            Self::Celestial => "deg",
            Self::Pixel => "pix",
        }
    }
}

/// Says along which output axis the slices of an exposure run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SliceDirection {
    /// Along output x.
    X,
    /// Along output y.
    Y,
    /// Along neither axis.
    #[default]
    None,
}

impl SliceDirection {
    /// Finds the direction from the position angle of the slices on the output grid.
    ///
    /// # Units
    /// Degrees; within 5 of 0, 180 or 360 the slices run along x, within 5 of 90 or 270 along y.
    /// # References
    /// `docs/algorithms/ifu-combine.md`, "Cosmic rays".
    pub fn from_position_angle(posang_deg: f64) -> Self {
        let folded = posang_deg.abs() % 180.0;
        if !(5.0..=175.0).contains(&folded) {
            Self::X
        } else if folded > 85.0 && folded < 95.0 {
            Self::Y
        } else {
            Self::None
        }
    }
}

/// One pixel table with what is needed to place and weigh its rows.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Exposure<'a> {
    /// The rows.
    pub rows: &'a dyn PixelRows,
    /// What the spatial columns mean.
    pub state: CoordinateState,
    /// Right ascension of the reference position, offsets applied.
    pub ra_deg: f64,
    /// Declination of the reference position, offsets applied.
    pub dec_deg: f64,
    /// Factor on the data; its square goes on the variance.
    pub flux_scale: Option<f64>,
    /// Weight of every row; replaces a weight column, `None` keeps it (1 where there is none).
    pub weight: Option<f32>,
    /// Direction of the slices on the output grid.
    pub slice_direction: SliceDirection,
}

impl<'a> Exposure<'a> {
    /// Describes an exposure of weight 1 and unknown slice direction.
    pub fn new(rows: &'a dyn PixelRows, state: CoordinateState, ra_deg: f64, dec_deg: f64) -> Self {
        Self {
            rows,
            state,
            ra_deg,
            dec_deg,
            flux_scale: None,
            weight: None,
            slice_direction: SliceDirection::None,
        }
    }

    /// Sets the factor on the data.
    #[must_use]
    pub fn with_flux_scale(mut self, factor: f64) -> Self {
        self.flux_scale = Some(factor);
        self
    }

    /// Multiplies values and variances with the factor on the data, each number rounded as stored.
    pub(super) fn scale(&self, data: &mut [f32], stat: &mut [f32]) {
        let Some(s) = self.flux_scale else { return };
        for data in data {
            *data = (f64::from(*data) * s) as f32;
        }
        for stat in stat {
            *stat = (f64::from(*stat) * (s * s)) as f32;
        }
    }

    /// Sets one weight for all rows.
    #[must_use]
    pub fn with_weight(mut self, weight: f32) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Sets the direction of the slices.
    #[must_use]
    pub fn with_slice_direction(mut self, direction: SliceDirection) -> Self {
        self.slice_direction = direction;
        self
    }
}

impl std::fmt::Debug for Exposure<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exposure")
            .field("rows", &self.rows.len())
            .field("state", &self.state)
            .field("ra_deg", &self.ra_deg)
            .field("dec_deg", &self.dec_deg)
            .field("flux_scale", &self.flux_scale)
            .field("weight", &self.weight)
            .field("slice_direction", &self.slice_direction)
            .finish()
    }
}
