//! Products: what recipes make and scorers measure. Pixels may lie in memory or stay in a file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayD};
use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::id::{Digest, Tag};
use crate::traits::ReadError;

/// Planes of 32-bit reals that are read in windows.
///
/// # Shapes
/// `(wave, y, x)`; an image has one plane.
pub trait PlaneSource: fmt::Debug + Send + Sync {
    /// Returns the shape `(wave, y, x)`.
    fn shape(&self) -> [usize; 3];

    /// Reads whole planes into `out`, which holds `planes.len() * y * x` values.
    ///
    /// # Errors
    /// If the file is damaged or was cut short, or if the range or the buffer does not fit.
    fn read(&self, planes: Range<usize>, out: &mut [f32]) -> Result<(), ReadError>;
}

fn copy_planes(
    samples: Option<&[f32]>,
    shape: [usize; 3],
    planes: Range<usize>,
    out: &mut [f32],
) -> Result<(), ReadError> {
    let plane = shape[1] * shape[2];
    samples
        .and_then(|samples| samples.get(planes.start * plane..planes.end * plane))
        .filter(|window| window.len() == out.len())
        .map(|window| out.copy_from_slice(window))
        .ok_or(ReadError::Window {
            planes,
            available: shape[0],
        })
}

impl PlaneSource for Array3<f32> {
    fn shape(&self) -> [usize; 3] {
        let (n_wave, n_y, n_x) = self.dim();
        [n_wave, n_y, n_x]
    }

    fn read(&self, planes: Range<usize>, out: &mut [f32]) -> Result<(), ReadError> {
        copy_planes(self.as_slice(), PlaneSource::shape(self), planes, out)
    }
}

impl PlaneSource for Array2<f32> {
    fn shape(&self) -> [usize; 3] {
        let (n_y, n_x) = self.dim();
        [1, n_y, n_x]
    }

    fn read(&self, planes: Range<usize>, out: &mut [f32]) -> Result<(), ReadError> {
        copy_planes(self.as_slice(), PlaneSource::shape(self), planes, out)
    }
}

/// The pixels of an image HDU.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Pixels {
    /// 32-bit reals, in memory or in a file.
    F32(Arc<dyn PlaneSource>),
    /// 64-bit reals.
    F64(ArrayD<f64>),
    /// 32-bit integers, e.g. quality bits.
    I32(ArrayD<i32>),
    /// 16-bit integers.
    I16(ArrayD<i16>),
    /// Unsigned 16-bit integers, as detectors count.
    U16(ArrayD<u16>),
    /// Bytes.
    U8(ArrayD<u8>),
}

/// The values of one table column, row by row, `repeat` values each.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnData {
    /// Logicals.
    Bool(Vec<bool>),
    /// Bytes.
    U8(Vec<u8>),
    /// 16-bit integers.
    I16(Vec<i16>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit reals.
    F32(Vec<f32>),
    /// 64-bit reals.
    F64(Vec<f64>),
    /// Strings without trailing blanks.
    Text(Vec<String>),
}

impl ColumnData {
    /// Returns the number of values (rows times repeat).
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Tells whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns numeric values as 64-bit reals.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match self {
            Self::U8(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Self::I16(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Self::I32(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Self::I64(values) => Some(values.iter().map(|value| *value as f64).collect()),
            Self::F32(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Self::F64(values) => Some(values.clone()),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// `TTYPEn`.
    pub name: String,
    /// `TUNITn`.
    pub unit: Option<String>,
    /// Values per row.
    pub repeat: usize,
    /// The values.
    pub data: ColumnData,
}

/// A table in memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The columns; all have the same number of rows.
    pub columns: Vec<Column>,
}

impl Table {
    /// Returns the column of that name, compared without case as the FITS standard asks.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.columns
            .first()
            .map_or(0, |column| column.data.len() / column.repeat.max(1))
    }
}

/// The content of one extension.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HduData {
    /// A header alone.
    Empty,
    /// An image or cube.
    Image(Pixels),
    /// A binary table.
    Table(Table),
}

/// One extension of a product.
#[derive(Debug, Clone)]
pub struct Hdu {
    /// `EXTNAME`.
    pub name: String,
    /// Cards beside the structural ones, which the writer adds.
    pub header: Header,
    /// The content.
    pub data: HduData,
}

/// A product as a recipe makes it: primary header without data, then extensions.
///
/// # Contract
/// * An image that comes first under the name `PRIMARY` is the data of the primary HDU, as raw frames of one detector
///   and the images of UVES and GIRAFFE have it; its own cards are written after those of `header`.
#[derive(Debug, Clone)]
pub struct Product {
    /// What it is (`PRO.CATG`).
    pub tag: Tag,
    /// Its file name, as `esorex --suppress-prefix=TRUE` leaves it, e.g. `DATACUBE_FINAL.fits`.
    pub name: String,
    /// The primary header.
    pub header: Header,
    /// The extensions.
    pub hdus: Vec<Hdu>,
}

impl Product {
    /// Returns the extension of that name.
    pub fn hdu(&self, name: &str) -> Option<&Hdu> {
        self.hdus.iter().find(|hdu| hdu.name == name)
    }

    /// Returns the 32-bit planes of an extension.
    pub fn planes(&self, name: &str) -> Option<&Arc<dyn PlaneSource>> {
        match &self.hdu(name)?.data {
            HduData::Image(Pixels::F32(planes)) => Some(planes),
            _ => None,
        }
    }

    /// Returns the table of an extension.
    pub fn table(&self, name: &str) -> Option<&Table> {
        match &self.hdu(name)?.data {
            HduData::Table(table) => Some(table),
            _ => None,
        }
    }
}

/// A product after a sink has taken it for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProduct {
    /// What it is.
    pub tag: Tag,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// Its content digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// A file that goes to the archive together with a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The name in the archive.
    pub name: String,
    /// Where it is now.
    pub location: String,
    /// Its category, e.g. `ANCILLARY.PREVIEW`.
    pub category: String,
    /// Its content digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// A product in the archive's standard, checked, with everything that belongs to it; it changes no more.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedProduct {
    /// The name in the archive (`ORIGFILE`).
    pub name: String,
    /// Its category (`PRODCATG`).
    pub category: String,
    /// Where it is now.
    pub location: String,
    /// Its content digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The primary header.
    pub header: Header,
    /// The companions, in the order of `ASSONi`.
    pub companions: Vec<Companion>,
    /// Reservations that the archive must know.
    pub caveats: Vec<crate::caveat::Caveat>,
}
