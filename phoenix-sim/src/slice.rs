//! The pixels of a slice as table columns, and the summary of them that a header states.

use phoenix_core::dq;

use crate::cosmic::Hit;

/// The pixels of one slice, as columns of a reduced pixel table; buffers are reused.
///
/// # Units
/// `xpos`, `ypos` native spherical in rad; `lambda` in A (air); `data`, `expected` in 1e-20 erg/s/cm2/A per spaxel,
/// `stat` its square.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SliceTable {
    /// Row of the whole table at which the slice begins.
    pub first_row: u64,
    /// Native longitude, `[0, 2 pi)`.
    pub xpos: Vec<f32>,
    /// Native latitude minus pi/2.
    pub ypos: Vec<f32>,
    /// Wavelength.
    pub lambda: Vec<f32>,
    /// Flux.
    pub data: Vec<f32>,
    /// Quality bits.
    pub dq: Vec<i32>,
    /// Variance.
    pub stat: Vec<f32>,
    /// Packed origin.
    pub origin: Vec<i32>,
    /// The flux without noise and cosmic rays.
    pub expected: Vec<f32>,
    /// Cosmic rays, by row of the whole table.
    pub hits: Vec<Hit>,
}

impl SliceTable {
    pub(crate) fn clear(&mut self) {
        for column in [
            &mut self.xpos,
            &mut self.ypos,
            &mut self.lambda,
            &mut self.data,
            &mut self.stat,
            &mut self.expected,
        ] {
            column.clear();
        }
        self.dq.clear();
        self.origin.clear();
        self.hits.clear();
    }

    /// Returns the number of pixels.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Tells whether there is no pixel.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.xpos.extend_from_slice(&other.xpos);
        self.ypos.extend_from_slice(&other.ypos);
        self.lambda.extend_from_slice(&other.lambda);
        self.data.extend_from_slice(&other.data);
        self.dq.extend_from_slice(&other.dq);
        self.stat.extend_from_slice(&other.stat);
        self.origin.extend_from_slice(&other.origin);
        self.expected.extend_from_slice(&other.expected);
        self.hits.extend_from_slice(&other.hits);
    }
}

/// Extremes of the columns and counts of flags, as headers state them; slices may come in any order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Smallest and largest `xpos`.
    pub xpos: (f32, f32),
    /// Smallest and largest `ypos`.
    pub ypos: (f32, f32),
    /// Smallest and largest wavelength.
    pub lambda: (f32, f32),
    /// Saturated pixels.
    pub n_saturated: u64,
    /// Pixels hit by cosmic rays.
    pub n_hits: u64,
}

impl Default for Summary {
    fn default() -> Self {
        let nothing = (f32::INFINITY, f32::NEG_INFINITY);
        Self {
            xpos: nothing,
            ypos: nothing,
            lambda: nothing,
            n_saturated: 0,
            n_hits: 0,
        }
    }
}

impl Summary {
    /// Takes a slice (or a whole table) into account.
    pub fn add(&mut self, table: &SliceTable) {
        let widen = |range: &mut (f32, f32), values: &[f32]| {
            for value in values {
                *range = (range.0.min(*value), range.1.max(*value));
            }
        };
        widen(&mut self.xpos, &table.xpos);
        widen(&mut self.ypos, &table.ypos);
        widen(&mut self.lambda, &table.lambda);
        let is_saturated = |dq: &&i32| (**dq as u32) & dq::SATURATED != 0;
        self.n_saturated += table.dq.iter().filter(is_saturated).count() as u64;
        self.n_hits += table.hits.len() as u64;
    }
}
