//! A `FrameReader` over products in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use phoenix_core::frame::FrameRef;
use phoenix_core::id::Digest;
use phoenix_core::product::{ColumnData, HduData, Pixels, PlaneSource, Product, Table};
use phoenix_core::traits::{ColumnSource, FrameReader, HduInfo, HduKind, ReadError};

/// Serves products by location.
#[derive(Debug, Default)]
pub struct FakeReader {
    products: BTreeMap<String, Product>,
}

impl FakeReader {
    /// Returns a reader without frames.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a product and returns the reference under which it is read.
    pub fn add(&mut self, product: Product) -> FrameRef {
        let location = product.name.clone();
        let frame = FrameRef {
            id: location.trim_end_matches(".fits").into(),
            tag: product.tag.clone(),
            location: location.clone(),
            size_bytes: None,
            digest: None,
        };
        self.products.insert(location, product);
        frame
    }

    fn product(&self, frame: &FrameRef) -> Result<&Product, ReadError> {
        self.products.get(&frame.location).ok_or_else(|| ReadError::NotFound {
            location: frame.location.clone(),
        })
    }

    fn lacks(frame: &FrameRef, what: String) -> ReadError {
        ReadError::Lacks {
            location: frame.location.clone(),
            what,
        }
    }

    fn data<'a>(&'a self, frame: &FrameRef, hdu: usize) -> Result<&'a HduData, ReadError> {
        let product = self.product(frame)?;
        hdu.checked_sub(1)
            .and_then(|index| product.hdus.get(index))
            .map(|hdu| &hdu.data)
            .ok_or_else(|| Self::lacks(frame, format!("HDU {hdu}")))
    }
}

fn shape_of(data: &HduData) -> (HduKind, Vec<usize>) {
    match data {
        HduData::Empty => (HduKind::Image, Vec::new()),
        HduData::Image(Pixels::F32(planes)) => {
            let [n_wave, n_y, n_x] = planes.shape();
            (
                HduKind::Image,
                if n_wave == 1 {
                    vec![n_y, n_x]
                } else {
                    vec![n_wave, n_y, n_x]
                },
            )
        }
        HduData::Image(Pixels::F64(array)) => (HduKind::Image, array.shape().to_vec()),
        HduData::Image(Pixels::I32(array)) => (HduKind::Image, array.shape().to_vec()),
        HduData::Image(Pixels::I16(array)) => (HduKind::Image, array.shape().to_vec()),
        HduData::Image(Pixels::U8(array)) => (HduKind::Image, array.shape().to_vec()),
        HduData::Table(table) => (HduKind::Table, vec![table.n_rows()]),
        _ => (HduKind::Other, Vec::new()),
    }
}

impl FrameReader for FakeReader {
    fn hdus(&self, frame: &FrameRef) -> Result<Vec<HduInfo>, ReadError> {
        let product = self.product(frame)?;
        let primary = HduInfo {
            index: 0,
            name: String::new(),
            kind: HduKind::Image,
            shape: Vec::new(),
            header: product.header.clone(),
        };
        let extensions = product.hdus.iter().zip(1..).map(|(hdu, index)| {
            let (kind, shape) = shape_of(&hdu.data);
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
        let location = frame.location.clone();
        let unit_of = |hdu: usize| {
            let product = self.products.get(&frame.location);
            product.and_then(|it| it.hdus.get(hdu - 1)?.header.str("BUNIT").ok().map(str::to_owned))
        };
        let (unit, values) = match (self.data(frame, hdu)?, name) {
            (HduData::Table(table), Some(name)) => {
                let column = table
                    .column(name)
                    .ok_or_else(|| Self::lacks(frame, format!("column {name}")))?;
                (column.unit.clone(), column.data.clone())
            }
            (HduData::Image(Pixels::F32(planes)), None) => {
                let [n_wave, n_y, n_x] = planes.shape();
                let mut values = vec![0.0; n_wave * n_y * n_x];
                planes.read(0..n_wave, &mut values)?;
                (unit_of(hdu), ColumnData::F32(values))
            }
            (HduData::Image(Pixels::I32(array)), None) => {
                (unit_of(hdu), ColumnData::I32(array.iter().copied().collect()))
            }
            _ => return Err(Self::lacks(frame, format!("column {name:?} in HDU {hdu}"))),
        };
        Ok(Arc::new(MemoryColumn { location, unit, values }))
    }

    fn planes(&self, frame: &FrameRef, hdu: usize) -> Result<Arc<dyn PlaneSource>, ReadError> {
        match self.data(frame, hdu)? {
            HduData::Image(Pixels::F32(planes)) => Ok(Arc::clone(planes)),
            _ => Err(Self::lacks(frame, format!("image of 32-bit reals in HDU {hdu}"))),
        }
    }

    fn table(&self, frame: &FrameRef, hdu: usize) -> Result<Table, ReadError> {
        match self.data(frame, hdu)? {
            HduData::Table(table) => Ok(table.clone()),
            _ => Err(Self::lacks(frame, format!("table in HDU {hdu}"))),
        }
    }

    fn digest(&self, frame: &FrameRef) -> Result<Digest, ReadError> {
        self.product(frame)
            .map(|product| Digest::new(format!("sha256:{:0>64}", product.name.len())))
    }
}

#[derive(Debug)]
struct MemoryColumn {
    location: String,
    unit: Option<String>,
    values: ColumnData,
}

impl MemoryColumn {
    fn window<'a, T>(&self, values: &'a [T], first: u64, n: usize) -> Result<&'a [T], ReadError> {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        values
            .get(first..first.saturating_add(n))
            .ok_or_else(|| ReadError::Lacks {
                location: self.location.clone(),
                what: format!("{n} rows from {first}"),
            })
    }
}

impl ColumnSource for MemoryColumn {
    fn len(&self) -> u64 {
        self.values.len() as u64
    }

    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    fn read_f32(&self, first: u64, out: &mut [f32]) -> Result<(), ReadError> {
        let n = out.len();
        match &self.values {
            ColumnData::F32(values) => out.copy_from_slice(self.window(values, first, n)?),
            ColumnData::F64(values) => {
                for (to, from) in out.iter_mut().zip(self.window(values, first, n)?) {
                    *to = *from as f32;
                }
            }
            ColumnData::I32(values) => {
                for (to, from) in out.iter_mut().zip(self.window(values, first, n)?) {
                    *to = *from as f32;
                }
            }
            _ => {
                return Err(ReadError::Lacks {
                    location: self.location.clone(),
                    what: "a numeric column".into(),
                });
            }
        }
        Ok(())
    }

    fn read_i32(&self, first: u64, out: &mut [i32]) -> Result<(), ReadError> {
        match &self.values {
            ColumnData::I32(values) => {
                out.copy_from_slice(self.window(values, first, out.len())?);
                Ok(())
            }
            _ => Err(ReadError::Lacks {
                location: self.location.clone(),
                what: "an integer column".into(),
            }),
        }
    }
}
