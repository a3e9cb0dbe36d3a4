//! Pixel tables as products, in both file forms and all three coordinate states.

use std::sync::Arc;

use ndarray::Array2;
use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Pixels, Product, Table};

pub use crate::header::CoordinateState;
use crate::header::primary;
use crate::observation::Observation;
use crate::projection::Reprojection;
use crate::slice::{SliceTable, Summary};

/// Unit of flux in a spaxel, as MUSE spells it.
pub const FLUX_UNIT: &str = "10**(-20)*erg/s/cm**2/Angstrom";

/// Unit of its variance.
pub const VARIANCE_UNIT: &str = "(10**(-20)*erg/s/cm**2/Angstrom)**2";

/// How columns lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// One image extension per column, one pixel wide.
    Images,
    /// One binary table.
    Table,
}

impl Observation {
    /// Returns the primary header of the pixel table that a summary describes.
    pub fn header(&self, summary: &Summary, state: CoordinateState) -> Header {
        primary(self, summary, state)
    }

    /// Makes the whole pixel table; its name is `ARCFILE`.
    pub fn product(&self, form: Form, state: CoordinateState) -> Product {
        self.product_of(self.exposure.table(), form, state)
    }

    /// Turns a table of this observation into a product.
    pub fn product_of(&self, mut table: SliceTable, form: Form, state: CoordinateState) -> Product {
        self.restate(&mut table, state);
        let mut summary = Summary::default();
        summary.add(&table);
        let header = self.header(&summary, state);
        let columns = columns(table, state);
        let hdus = match form {
            Form::Images => columns.into_iter().map(image).collect(),
            Form::Table => vec![Hdu {
                name: "PIXTABLE".to_owned(),
                header: Header::new(),
                data: HduData::Table(Table { columns }),
            }],
        };
        Product {
            tag: header.str("PRO.CATG").unwrap_or("PIXTABLE_REDUCED").into(),
            name: self.arcfile(),
            header,
            hdus,
        }
    }

    /// Turns the native positions of a slice or table into another state.
    pub fn restate(&self, table: &mut SliceTable, state: CoordinateState) {
        let pointing = self.exposure.header_pointing();
        let to_sky = Reprojection::new(pointing, pointing);
        let cd = self.exposure.cd_deg();
        // A reflection times a scale: the inverse is the matrix itself over the squared scale.
        let squared = cd[0][0] * cd[0][0] + cd[0][1] * cd[0][1];
        for (x, y) in table.xpos.iter_mut().zip(&mut table.ypos) {
            let (phi, theta) = (f64::from(*x), f64::from(*y));
            let place = match state {
                CoordinateState::Native => continue,
                CoordinateState::Positioned => {
                    let (d_ra, dec) = to_sky.celestial(phi, theta);
                    (d_ra, dec - pointing.dec_deg)
                }
                CoordinateState::Pixel => {
                    let (east, north) = to_sky.offsets(phi, theta);
                    let (east, north) = (east / 3600.0, north / 3600.0);
                    (
                        (cd[0][0] * east + cd[0][1] * north) / squared,
                        (cd[1][0] * east + cd[1][1] * north) / squared,
                    )
                }
            };
            (*x, *y) = (place.0 as f32, place.1 as f32);
        }
    }
}

fn columns(table: SliceTable, state: CoordinateState) -> Vec<Column> {
    let position = match state {
        CoordinateState::Native => "rad",
        CoordinateState::Positioned => "deg",
        CoordinateState::Pixel => "pix",
    };
    let column = |name: &str, unit: Option<&str>, data| Column {
        name: name.to_owned(),
        unit: unit.map(str::to_owned),
        repeat: 1,
        data,
    };
    vec![
        column("xpos", Some(position), ColumnData::F32(table.xpos)),
        column("ypos", Some(position), ColumnData::F32(table.ypos)),
        column("lambda", Some("Angstrom"), ColumnData::F32(table.lambda)),
        column("data", Some(FLUX_UNIT), ColumnData::F32(table.data)),
        column("dq", None, ColumnData::I32(table.dq)),
        column("stat", Some(VARIANCE_UNIT), ColumnData::F32(table.stat)),
        column("origin", None, ColumnData::I32(table.origin)),
    ]
}

fn image(column: Column) -> Hdu {
    let mut header = Header::new();
    if let Some(unit) = &column.unit {
        header.set("BUNIT", unit.as_str(), "");
    }
    let shape = |n: usize| (n, 1);
    let pixels = match column.data {
        ColumnData::I32(values) => {
            Array2::from_shape_vec(shape(values.len()), values).map(|array| Pixels::I32(array.into_dyn()))
        }
        ColumnData::F32(values) => {
            Array2::from_shape_vec(shape(values.len()), values).map(|array| Pixels::F32(Arc::new(array)))
        }
        _ => Ok(Pixels::F32(Arc::new(Array2::<f32>::zeros((0, 1))))),
    };
    Hdu {
        name: column.name,
        header,
        // The shape is that of the vector itself, so the conversion cannot fail.
        data: pixels.map_or(HduData::Empty, HduData::Image),
    }
}

#[cfg(test)]
mod tests;
