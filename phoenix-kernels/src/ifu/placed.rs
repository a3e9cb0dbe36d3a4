//! The rows of exposures as a stack takes them: placed relative to the first exposure, scaled, in the medium of the grid.

use super::exposure::Exposure;
use super::gather::read;
use super::pixtable::{Columns, RowBuffers};
use super::position::Placer;
use super::spectral::{SpectralAxis, vacuum_from_air};
use crate::KernelError;
use crate::math::{Math, Numerics, Portable, System};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that one thread places at once.
const AT_ONCE: usize = 1 << 13;

/// A column of numbers that a stack makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlacedColumn {
    /// First coordinate, degrees (or pixels) relative to the reference position of the first exposure.
    X,
    /// Second coordinate, likewise.
    Y,
    /// Wavelength in the medium of the grid, Angstrom.
    Lambda,
    /// Value, flux scale applied.
    Data,
    /// Variance, flux scale applied.
    Stat,
    /// Weight of the row.
    Weight,
}

impl PlacedColumn {
    fn needs(self) -> Columns {
        match self {
            Self::X | Self::Y => Columns::XPOS.union(Columns::YPOS),
            Self::Lambda => Columns::LAMBDA,
            Self::Data => Columns::DATA,
            Self::Stat => Columns::STAT,
            Self::Weight => Columns::WEIGHT,
        }
    }
}

/// Exposures as a stack of them with some grid takes their rows.
#[derive(Clone, Copy, Debug)]
pub struct PlacedRows<'a> {
    exposures: &'a [Exposure<'a>],
    is_vacuum: bool,
    numerics: Numerics,
}

impl<'a> PlacedRows<'a> {
    /// Binds exposures in the order of their start, and the wavelength axis of the grid.
    pub fn new(exposures: &'a [Exposure<'a>], axis: SpectralAxis, numerics: Numerics) -> Self {
        Self {
            exposures,
            is_vacuum: axis.is_vacuum(),
            numerics,
        }
    }

    /// Returns one column of some rows of exposure `n`; `buffer` serves run after run.
    ///
    /// # Contract
    /// Every row asked for is there, whether a stack uses it or not.
    /// # Numerics
    /// The same bits as in the cells of a stack, each step rounded as stored.
    /// # Errors
    /// `NoExposures` if there is no such exposure; `Read`, `Shape`.
    pub fn read<'b>(
        &self,
        n: usize,
        rows: Range<u64>,
        column: PlacedColumn,
        buffer: &'b mut RowBuffers,
    ) -> Result<&'b [f32], KernelError> {
        let exposure = self.exposures.get(n).ok_or(KernelError::NoExposures)?;
        if column == PlacedColumn::Weight && (exposure.weight.is_some() || !exposure.rows.has_weight()) {
            buffer.weight.clear();
            let n_rows = (rows.end - rows.start) as usize;
            buffer.weight.resize(n_rows, exposure.weight.unwrap_or(1.0));
            return Ok(&buffer.weight);
        }
        read(n, exposure.rows, rows, column.needs(), buffer)?;
        match column {
            PlacedColumn::X | PlacedColumn::Y => {
                match self.numerics {
                    Numerics::Eso => place::<System>(self.exposures, n, Numerics::Eso, buffer),
                    Numerics::Phoenix => place::<Portable>(self.exposures, n, Numerics::Phoenix, buffer),
                }
                Ok(if column == PlacedColumn::X {
                    &buffer.xpos
                } else {
                    &buffer.ypos
                })
            }
            PlacedColumn::Lambda => {
                if self.is_vacuum {
                    let to_vacuum = |lambda: &mut f32| *lambda = vacuum_from_air(f64::from(*lambda)) as f32;
                    buffer.lambda.par_iter_mut().with_min_len(AT_ONCE).for_each(to_vacuum);
                }
                Ok(&buffer.lambda)
            }
            PlacedColumn::Data => {
                exposure.scale(&mut buffer.data, &mut []);
                Ok(&buffer.data)
            }
            PlacedColumn::Stat => {
                exposure.scale(&mut [], &mut buffer.stat);
                Ok(&buffer.stat)
            }
            PlacedColumn::Weight => Ok(&buffer.weight),
        }
    }
}

fn place<M: Math>(exposures: &[Exposure<'_>], n: usize, numerics: Numerics, buffer: &mut RowBuffers) {
    let placer = Placer::<M>::new(exposures, n, numerics);
    let pieces = buffer
        .xpos
        .par_chunks_mut(AT_ONCE)
        .zip(buffer.ypos.par_chunks_mut(AT_ONCE));
    pieces.for_each(|(x, y)| placer.place(x, y));
}
