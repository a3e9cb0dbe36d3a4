//! Images: whole with exact integers, or by windows into the caller's buffer.

use std::ops::Range;
use std::sync::Arc;

use super::compressed;
use super::decode::{Target, decode, decode_exact, is_convertible, is_native};
use super::error::FitsError;
use super::hdu::{Hdu, HduKind};
use super::pixels::{ElementType, Encoding, Pixels, Stored, with_pixels};
use super::read::FitsFile;

/// Half of a level 2 cache: the bytes just read are still there when they are swapped.
pub(super) const WINDOW_BYTES: usize = 256 << 10;

/// A whole image.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The shape, slowest axis first.
    pub shape: Vec<usize>,
    /// The pixels in file order; a linear scaling is applied, integers are exact otherwise.
    pub pixels: Pixels,
    /// The value in `pixels` that means "no value", where the image has integers and a `BLANK`.
    pub blank: Option<i128>,
}

pub(super) fn read_image(file: &FitsFile, hdu: usize) -> Result<Image, FitsError> {
    let unit = image_unit(file, hdu)?;
    let encoding = encoding(file, unit)?;
    let shape = unit.shape.clone();
    let blank = encoding.blank.and_then(|blank| match encoding.element() {
        ElementType::F64 => None,
        element => {
            let offset = element
                .offset()
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0_i128);
            Some(i128::from(blank) + offset)
        }
    });
    let pixels = if unit.kind == HduKind::CompressedImage {
        compressed::read_pixels(file, unit, &encoding)?
    } else {
        let n_bytes = (unit.n_elements() as u64).saturating_mul(encoding.element().size() as u64);
        file.check_memory(n_bytes, || format!("the image of hdu {hdu}"))?;
        match encoding.element() {
            ElementType::F32 => Pixels::F32(all(file, unit, &encoding)?),
            ElementType::F64 => Pixels::F64(all(file, unit, &encoding)?),
            ElementType::I16 => Pixels::I16(all(file, unit, &encoding)?),
            ElementType::I32 => Pixels::I32(all(file, unit, &encoding)?),
            _ => {
                let mut bytes = vec![0; unit.n_elements() * encoding.stored.size()];
                file.read_data(unit, 0, &mut bytes)?;
                decode_exact(&encoding, &bytes)
            }
        }
    };
    Ok(Image { shape, pixels, blank })
}

fn all<T: Target>(file: &FitsFile, unit: &Hdu, encoding: &Encoding) -> Result<Vec<T>, FitsError> {
    let mut out = vec![T::default(); unit.n_elements()];
    read_elements(file, unit, encoding, 0, &mut out)?;
    Ok(out)
}

fn image_unit(file: &FitsFile, hdu: usize) -> Result<&Hdu, FitsError> {
    let unit = file.hdu(hdu)?;
    if unit.is_image() {
        return Ok(unit);
    }
    Err(FitsError::Type {
        place: file.place(unit, 0),
        what: format!("hdu {hdu}"),
        expected: "an image",
        found: format!("{:?}", unit.kind),
    })
}

fn encoding(file: &FitsFile, unit: &Hdu) -> Result<Encoding, FitsError> {
    let stored = Stored::from_bitpix(unit.bitpix)
        .ok_or_else(|| FitsError::malformed(file.place(unit, 0), format!("BITPIX is {}", unit.bitpix)))?;
    Ok(Encoding::of_image(stored, &unit.header))
}

/// Reads elements of an uncompressed array, window by window.
fn read_elements<T: Target>(
    file: &FitsFile,
    unit: &Hdu,
    encoding: &Encoding,
    first: usize,
    out: &mut [T],
) -> Result<(), FitsError> {
    let size = encoding.stored.size();
    let mut at = first as u64 * size as u64;
    if is_native::<T>(encoding) {
        for window in out.chunks_mut(WINDOW_BYTES / size) {
            file.read_data(unit, at, bytemuck::cast_slice_mut(window))?;
            T::swap(window);
            at += (window.len() * size) as u64;
        }
        return Ok(());
    }
    let mut scratch = vec![0; (WINDOW_BYTES / 4).min(out.len() * size)];
    for window in out.chunks_mut(WINDOW_BYTES / 4 / size) {
        let bytes = scratch.split_at_mut(window.len() * size).0;
        file.read_data(unit, at, bytes)?;
        decode(encoding, bytes, size, window).map_err(|bad| FitsError::Type {
            place: file.place(unit, at + (bad * size) as u64),
            what: "a pixel".into(),
            expected: T::NAME,
            found: "beyond its range".into(),
        })?;
        at += bytes.len() as u64;
    }
    Ok(())
}

#[derive(Debug, Clone)]
enum Backing {
    /// Read from the file as asked.
    Stored(Encoding),
    /// Decompressed once, shared by all clones.
    Decoded(Arc<Image>),
}

/// Windowed access to the pixels of an image in file order.
///
/// # Contract
/// Nothing of an uncompressed image is held; a tile-compressed one is decompressed once and held.
#[derive(Debug, Clone)]
pub struct PixelReader {
    file: FitsFile,
    hdu: usize,
    len: usize,
    element: ElementType,
    backing: Backing,
}

impl PixelReader {
    pub(super) fn new(file: &FitsFile, hdu: usize) -> Result<Self, FitsError> {
        let unit = image_unit(file, hdu)?;
        let encoding = encoding(file, unit)?;
        let backing = if unit.kind == HduKind::CompressedImage {
            Backing::Decoded(Arc::new(read_image(file, hdu)?))
        } else {
            Backing::Stored(encoding)
        };
        Ok(Self {
            file: file.clone(),
            hdu,
            len: unit.n_elements(),
            element: encoding.element(),
            backing,
        })
    }

    /// Returns the number of pixels.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there is no pixel.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the type that holds the pixels without loss.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// Returns `BUNIT`.
    pub fn unit(&self) -> Option<&str> {
        self.file.hdu(self.hdu).ok().and_then(Hdu::unit)
    }

    /// Returns the file that the pixels come from.
    pub fn file(&self) -> &FitsFile {
        &self.file
    }

    /// Fills `out` with the pixels that start at `first`.
    ///
    /// # Numerics
    /// A real target takes every type: scaling is computed in double precision and rounded once, a blank pixel is NaN.
    /// An integer target takes integers that fit it; a blank pixel keeps its number.
    ///
    /// # Errors
    /// `Shape` beyond the last pixel; `Type`; `Truncated`.
    pub fn read<T: Target>(&self, first: usize, out: &mut [T]) -> Result<(), FitsError> {
        let unit = self.file.hdu(self.hdu)?;
        if first.checked_add(out.len()).is_none_or(|end| end > self.len) {
            return Err(FitsError::Shape {
                file: self.file.path().to_path_buf(),
                hdu: self.hdu,
                what: format!(
                    "{} pixels from {first} are asked for, there are {}",
                    out.len(),
                    self.len
                ),
            });
        }
        match &self.backing {
            Backing::Stored(encoding) => {
                if !is_convertible::<T>(encoding) {
                    return Err(self.not_a::<T>(unit));
                }
                read_elements(&self.file, unit, encoding, first, out)
            }
            Backing::Decoded(image) => convert(image, first, out).ok_or_else(|| self.not_a::<T>(unit)),
        }
    }

    fn not_a<T: Target>(&self, unit: &Hdu) -> FitsError {
        FitsError::Type {
            place: self.file.place(unit, 0),
            what: format!("the image of hdu {}", self.hdu),
            expected: T::NAME,
            found: self.element.name().into(),
        }
    }
}

fn convert<T: Target>(image: &Image, first: usize, out: &mut [T]) -> Option<()> {
    macro_rules! from {
        ($values:expr, $convert:expr) => {
            out.iter_mut()
                .zip($values.get(first..)?)
                .try_for_each(|(slot, value)| {
                    *slot = $convert(*value)?;
                    Some(())
                })
        };
    }
    let blank = image.blank.filter(|_| T::MISSING.is_some());
    match &image.pixels {
        Pixels::F32(values) => from!(values, T::from_f32),
        Pixels::F64(values) => from!(values, T::from_f64),
        Pixels::U64(values) => from!(values, |value: u64| number::<T>(i128::from(value), blank)),
        integers => match integers {
            Pixels::I64(values) => from!(values, |value: i64| number::<T>(value.into(), blank)),
            Pixels::U32(values) => from!(values, |value: u32| number::<T>(value.into(), blank)),
            Pixels::I32(values) => from!(values, |value: i32| number::<T>(value.into(), blank)),
            Pixels::U16(values) => from!(values, |value: u16| number::<T>(value.into(), blank)),
            Pixels::I16(values) => from!(values, |value: i16| number::<T>(value.into(), blank)),
            Pixels::I8(values) => from!(values, |value: i8| number::<T>(value.into(), blank)),
            Pixels::U8(values) => from!(values, |value: u8| number::<T>(value.into(), blank)),
            _ => None,
        },
    }
}

fn number<T: Target>(value: i128, blank: Option<i128>) -> Option<T> {
    if Some(value) == blank {
        T::MISSING
    } else {
        T::from_i128(value)
    }
}

/// Windowed access to the planes of an image.
///
/// # Shapes
/// `(planes, ny, nx)`; fewer axes are filled with ones in front, more are folded into the planes.
#[derive(Debug, Clone)]
pub struct PlaneReader {
    pixels: PixelReader,
    shape: [usize; 3],
}

impl PlaneReader {
    pub(super) fn new(file: &FitsFile, hdu: usize) -> Result<Self, FitsError> {
        let pixels = PixelReader::new(file, hdu)?;
        let shape = &file.hdu(hdu)?.shape;
        let axis = |from_fastest: usize| shape.iter().rev().nth(from_fastest).copied().unwrap_or(1);
        let (nx, ny) = (axis(0), axis(1));
        let planes = if pixels.is_empty() { 0 } else { pixels.len() / (nx * ny) };
        Ok(Self {
            pixels,
            shape: [planes, ny, nx],
        })
    }

    /// Returns `(planes, ny, nx)`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns the pixels of one plane.
    pub fn plane_len(&self) -> usize {
        let [_, ny, nx] = self.shape;
        if self.pixels.is_empty() { 0 } else { ny * nx }
    }

    /// Returns the pixels in file order.
    pub fn pixels(&self) -> &PixelReader {
        &self.pixels
    }

    /// Fills `out` with a range of planes.
    ///
    /// # Numerics
    /// As [`PixelReader::read`].
    ///
    /// # Errors
    /// `Shape` if the range or the length of `out` does not fit; `Type`; `Truncated`.
    pub fn read<T: Target>(&self, planes: Range<usize>, out: &mut [T]) -> Result<(), FitsError> {
        let [n_planes, ..] = self.shape;
        if planes.end > n_planes || planes.start > planes.end || out.len() != planes.len() * self.plane_len() {
            return Err(FitsError::Shape {
                file: self.pixels.file.path().to_path_buf(),
                hdu: self.pixels.hdu,
                what: format!(
                    "planes {}..{} of {n_planes} do not fit {} pixels",
                    planes.start,
                    planes.end,
                    out.len()
                ),
            });
        }
        self.pixels.read(planes.start * self.plane_len(), out)
    }
}

/// Counts the elements in a decoded image; used to check a decompressor.
pub(super) fn count(pixels: &Pixels) -> usize {
    with_pixels!(pixels, values => values.len())
}
