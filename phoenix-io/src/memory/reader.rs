//! A reader that finds products in memory and everything else through another reader.

use std::ops::Range;
use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::id::Digest;
use phoenix_core::product::{ColumnData, Hdu, HduData, Pixels, PlaneSource, Product, Table};
use phoenix_core::traits::{ColumnSource, FrameReader, HduInfo, HduKind, ReadError};

use super::{MemorySinks, digest};

/// Reads products of `MemorySinks` as frames, and other frames through `R`.
#[derive(Debug, Clone)]
pub struct MemoryReader<R> {
    sinks: MemorySinks,
    files: R,
}

impl<R: FrameReader> MemoryReader<R> {
    /// Returns a reader of what the sinks hold and of what `files` reads.
    pub fn new(sinks: &MemorySinks, files: R) -> Self {
        Self {
            sinks: sinks.clone(),
            files,
        }
    }

    /// Returns the product that a frame stands for; `None` if it is not one of ours.
    fn product(&self, frame: &FrameRef) -> Result<Option<Product>, ReadError> {
        if !frame.location.starts_with("memory:") {
            return Ok(None);
        }
        match self.sinks.at(&frame.location) {
            Some(product) => Ok(Some(product)),
            None => Err(ReadError::NotFound {
                location: frame.location.clone(),
            }),
        }
    }
}

impl<R: FrameReader> FrameReader for MemoryReader<R> {
    fn hdus(&self, frame: &FrameRef) -> Result<Vec<HduInfo>, ReadError> {
        let Some(product) = self.product(frame)? else {
            return self.files.hdus(frame);
        };
        let primary = HduInfo {
            index: 0,
            name: String::new(),
            kind: HduKind::Image,
            shape: Vec::new(),
            header: product.header.clone(),
        };
        let extensions = (1..).zip(&product.hdus).map(|(index, hdu)| {
            let (kind, shape) = match &hdu.data {
                HduData::Table(table) => (HduKind::Table, vec![table.n_rows()]),
                HduData::Image(pixels) => (HduKind::Image, shape_of(pixels)),
                _ => (HduKind::Image, Vec::new()),
            };
            HduInfo {
                index,
                name: hdu.name.clone(),
                kind,
                shape,
                header: hdu.header.clone(),
            }
        });
        Ok(std::iter::once(primary).chain(extensions).collect())
    }

    fn column(&self, frame: &FrameRef, hdu: usize, name: Option<&str>) -> Result<Arc<dyn ColumnSource>, ReadError> {
        let Some(product) = self.product(frame)? else {
            return self.files.column(frame, hdu, name);
        };
        let lacks = |what: String| ReadError::Lacks {
            location: frame.location.clone(),
            what,
        };
        let extension = extension(&product, frame, hdu)?;
        let (values, unit) = match (&extension.data, name) {
            (HduData::Table(table), Some(name)) => {
                let column = table
                    .column(name)
                    .ok_or_else(|| lacks(format!("column {name} of hdu {hdu}")))?;
                (values_of(&column.data), column.unit.clone())
            }
            (HduData::Image(pixels), None) => (pixel_values(pixels)?, bunit(&extension.header)),
            _ => (None, None),
        };
        Ok(Arc::new(MemoryColumn {
            values: values.ok_or_else(|| lacks(format!("numeric column in hdu {hdu}")))?,
            unit,
        }))
    }

    fn planes(&self, frame: &FrameRef, hdu: usize) -> Result<Arc<dyn PlaneSource>, ReadError> {
        let Some(product) = self.product(frame)? else {
            return self.files.planes(frame, hdu);
        };
        match &extension(&product, frame, hdu)?.data {
            HduData::Image(Pixels::F32(planes)) => Ok(planes.clone()),
            _ => Err(ReadError::Lacks {
                location: frame.location.clone(),
                what: format!("image of 32-bit reals in hdu {hdu}"),
            }),
        }
    }

    fn table(&self, frame: &FrameRef, hdu: usize) -> Result<Table, ReadError> {
        let Some(product) = self.product(frame)? else {
            return self.files.table(frame, hdu);
        };
        match &extension(&product, frame, hdu)?.data {
            HduData::Table(table) => Ok(table.clone()),
            _ => Err(ReadError::Lacks {
                location: frame.location.clone(),
                what: format!("table in hdu {hdu}"),
            }),
        }
    }

    fn digest(&self, frame: &FrameRef) -> Result<Digest, ReadError> {
        match self.product(frame)? {
            Some(product) => digest(&product).map(|(digest, _)| digest),
            None => self.files.digest(frame),
        }
    }
}

fn extension<'a>(product: &'a Product, frame: &FrameRef, hdu: usize) -> Result<&'a Hdu, ReadError> {
    hdu.checked_sub(1)
        .and_then(|place| product.hdus.get(place))
        .ok_or_else(|| ReadError::Lacks {
            location: frame.location.clone(),
            what: format!("data in hdu {hdu}"),
        })
}

fn bunit(header: &Header) -> Option<String> {
    header.str("BUNIT").ok().map(str::to_owned)
}

fn shape_of(pixels: &Pixels) -> Vec<usize> {
    match pixels {
        Pixels::F32(planes) => planes.shape().to_vec(),
        Pixels::F64(array) => array.shape().to_vec(),
        Pixels::I32(array) => array.shape().to_vec(),
        Pixels::I16(array) => array.shape().to_vec(),
        Pixels::U16(array) => array.shape().to_vec(),
        Pixels::U8(array) => array.shape().to_vec(),
        _ => Vec::new(),
    }
}

/// Numbers as columns hand them out.
#[derive(Debug)]
enum Values {
    Real(Vec<f32>),
    Integer(Vec<i32>),
}

fn values_of(data: &ColumnData) -> Option<Values> {
    Some(match data {
        ColumnData::U8(values) => Values::Integer(values.iter().map(|value| (*value).into()).collect()),
        ColumnData::I16(values) => Values::Integer(values.iter().map(|value| (*value).into()).collect()),
        ColumnData::I32(values) => Values::Integer(values.clone()),
        ColumnData::F32(values) => Values::Real(values.clone()),
        other => Values::Real(other.to_f64()?.into_iter().map(|value| value as f32).collect()),
    })
}

fn pixel_values(pixels: &Pixels) -> Result<Option<Values>, ReadError> {
    Ok(Some(match pixels {
        Pixels::F32(planes) => {
            let [n_planes, ny, nx] = planes.shape();
            let mut values = vec![0.0; n_planes * ny * nx];
            planes.read(0..n_planes, &mut values)?;
            Values::Real(values)
        }
        Pixels::F64(array) => Values::Real(array.iter().map(|value| *value as f32).collect()),
        Pixels::I32(array) => Values::Integer(array.iter().copied().collect()),
        Pixels::I16(array) => Values::Integer(array.iter().map(|value| (*value).into()).collect()),
        Pixels::U16(array) => Values::Integer(array.iter().map(|value| (*value).into()).collect()),
        Pixels::U8(array) => Values::Integer(array.iter().map(|value| (*value).into()).collect()),
        _ => return Ok(None),
    }))
}

#[derive(Debug)]
struct MemoryColumn {
    values: Values,
    unit: Option<String>,
}

impl MemoryColumn {
    fn range(&self, first: u64, len: usize) -> Result<Range<usize>, ReadError> {
        let available = self.len() as usize;
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let end = first.saturating_add(len);
        if end <= available {
            Ok(first..end)
        } else {
            Err(ReadError::Window {
                planes: first..end,
                available,
            })
        }
    }
}

impl ColumnSource for MemoryColumn {
    fn len(&self) -> u64 {
        match &self.values {
            Values::Real(values) => values.len() as u64,
            Values::Integer(values) => values.len() as u64,
        }
    }

    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    fn read_f32(&self, first: u64, out: &mut [f32]) -> Result<(), ReadError> {
        let range = self.range(first, out.len())?;
        match &self.values {
            Values::Real(values) => out.copy_from_slice(values.get(range).unwrap_or_default()),
            Values::Integer(values) => {
                for (out, value) in out.iter_mut().zip(values.get(range).unwrap_or_default()) {
                    *out = *value as f32;
                }
            }
        }
        Ok(())
    }

    fn read_i32(&self, first: u64, out: &mut [i32]) -> Result<(), ReadError> {
        let range = self.range(first, out.len())?;
        match &self.values {
            Values::Integer(values) => {
                out.copy_from_slice(values.get(range).unwrap_or_default());
                Ok(())
            }
            Values::Real(_) => Err(ReadError::Lacks {
                location: "memory".to_owned(),
                what: "integers in a column of reals".to_owned(),
            }),
        }
    }
}
