//! A product from its file; planes of 32-bit reals stay there.

use std::path::Path;
use std::sync::Arc;

use ndarray::ArrayD;
use phoenix_core::id::Tag;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_core::traits::ReadError;

use super::{FilePlanes, convert, fault};
use crate::fits::{ElementType, FitsError, FitsFile, HduKind, Image, Pixels as FilePixels};

/// Reads a product from its file.
///
/// # Contract
/// * Images of 32-bit reals stay in the file and are read plane by plane when they are asked for; other images and
///   tables are read now.
/// * Data in the primary unit become the first extension, named by `EXTNAME` or `PRIMARY`.
///
/// # Errors
/// If the file is not there, damaged, or holds what core has no type for.
pub fn read_product(path: impl AsRef<Path>) -> Result<Product, ReadError> {
    let path = path.as_ref();
    let location = path.display().to_string();
    let failed = |error: FitsError| fault::read(&location, error);
    let file = FitsFile::open(path).map_err(failed)?;
    let primary = file.primary().map_err(failed)?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut product = Product {
        tag: Tag::from(primary.header.str("PRO.CATG").unwrap_or(name.as_str())),
        name,
        header: primary.header.clone(),
        hdus: Vec::new(),
    };
    for hdu in file.hdus() {
        let data = match &hdu.kind {
            HduKind::Image | HduKind::CompressedImage if !hdu.has_data() => HduData::Empty,
            HduKind::Image | HduKind::CompressedImage => {
                HduData::Image(pixels(&file, hdu.index, &location).map_err(failed)?)
            }
            HduKind::BinTable | HduKind::AsciiTable => {
                let table = file.table(hdu.index).map_err(failed)?;
                HduData::Table(convert::table(table).map_err(|what| ReadError::Lacks {
                    location: location.clone(),
                    what,
                })?)
            }
            kind => {
                return Err(ReadError::Lacks {
                    location,
                    what: format!("image or table in hdu {}, it is {kind:?}", hdu.index),
                });
            }
        };
        if hdu.index == 0 && matches!(data, HduData::Empty) {
            continue;
        }
        let unnamed = if hdu.index == 0 { "PRIMARY" } else { "" };
        product.hdus.push(Hdu {
            name: hdu.name.as_deref().unwrap_or(unnamed).to_owned(),
            header: hdu.header.clone(),
            data,
        });
    }
    Ok(product)
}

fn pixels(file: &FitsFile, hdu: usize, location: &str) -> Result<Pixels, FitsError> {
    let reader = file.plane_reader(hdu)?;
    if reader.pixels().element() == ElementType::F32 {
        return Ok(Pixels::F32(Arc::new(FilePlanes {
            location: location.to_owned(),
            reader,
        })));
    }
    let Image { shape, pixels, .. } = file.image(hdu)?;
    macro_rules! array {
        ($variant:ident, $values:expr) => {
            ArrayD::from_shape_vec(shape, $values)
                .map(Pixels::$variant)
                .map_err(|error| FitsError::Shape {
                    file: file.path().to_path_buf(),
                    hdu,
                    what: error.to_string(),
                })
        };
    }
    match pixels {
        FilePixels::U8(values) => array!(U8, values),
        FilePixels::I8(values) => array!(I16, values.into_iter().map(i16::from).collect()),
        FilePixels::I16(values) => array!(I16, values),
        FilePixels::U16(values) => array!(I32, values.into_iter().map(i32::from).collect()),
        FilePixels::I32(values) => array!(I32, values),
        other => array!(F64, other.to_f64()),
    }
}
