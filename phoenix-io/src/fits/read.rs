//! The front door: opening a file, its units, its data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{FitsError, Place};
use super::handles::Handles;
use super::hdu::{Hdu, HduKind};
use super::image::{Image, PixelReader, PlaneReader};
use super::map::MappedFile;
use super::source::{BytesSource, FileSource, Source};
use super::table::{Column, ColumnFormat, ColumnReader, Table, TableReader};
use super::{ascii, scan, unpack, witness};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// The most bytes that one decompression may hold in memory.
    pub max_unpacked_bytes: u64,
    /// Whether fitsrs looks at every unit too and its disagreements become remarks.
    pub cross_check: bool,
    /// Whether the file is mapped instead of read; only for files that nobody else can change.
    pub map: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            max_unpacked_bytes: 8 << 30,
            cross_check: true,
            map: false,
        }
    }
}

impl OpenOptions {
    /// Sets the most bytes that one decompression may hold in memory.
    #[must_use]
    pub fn max_unpacked_bytes(mut self, bytes: u64) -> Self {
        self.max_unpacked_bytes = bytes;
        self
    }

    /// Sets whether fitsrs looks at every unit too.
    #[must_use]
    pub fn cross_check(mut self, on: bool) -> Self {
        self.cross_check = on;
        self
    }

    /// Sets whether the file is mapped instead of read.
    #[must_use]
    pub fn map(mut self, on: bool) -> Self {
        self.map = on;
        self
    }
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    source: Box<dyn Source>,
    units: Vec<Hdu>,
    options: OpenOptions,
}

/// An open FITS file: plain, `.gz`, `.Z`, or with tile-compressed images; cheap to clone, shared between threads.
///
/// # Contract
/// * Opening reads the headers only (and unpacks `.gz` and `.Z`).
/// * A file that is cut short or lies about its size is an error that names file, unit and byte; no bytes make it
///   panic or allocate more than the file or `max_unpacked_bytes` justifies.
///
/// # Examples
/// ```no_run
/// use phoenix_io::fits::FitsFile;
/// # fn main() -> Result<(), phoenix_io::fits::FitsError> {
/// let file = FitsFile::open("cube.fits")?;
/// let data = file.plane_reader(file.find("DATA")?.index)?;
/// let mut plane = vec![0.0_f32; data.plane_len()];
/// data.read(0..1, &mut plane)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FitsFile(Arc<Inner>);

impl FitsFile {
    /// Opens a file.
    ///
    /// # Errors
    /// See [`FitsError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FitsError> {
        Self::open_with(path, &OpenOptions::default())
    }

    /// Opens a file with options.
    ///
    /// # Errors
    /// See [`FitsError`].
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, FitsError> {
        let path = path.as_ref();
        let source: Box<dyn Source> = if options.map {
            Box::new(MappedFile::open(path).map_err(FitsError::io(path, "open"))?)
        } else {
            Box::new(FileSource::open(path).map_err(FitsError::io(path, "open"))?)
        };
        Self::from_source(source, path, options)
    }

    /// Opens a file that takes a handle of a bounded pool only while it is read.
    ///
    /// # Errors
    /// See [`FitsError`].
    pub fn open_shared(path: impl AsRef<Path>, handles: &Arc<Handles>) -> Result<Self, FitsError> {
        let path = path.as_ref();
        let source = handles.open(path).map_err(FitsError::io(path, "open"))?;
        Self::from_source(Box::new(source), path, &OpenOptions::default())
    }

    /// Opens bytes in memory; `name` stands for the file in messages.
    ///
    /// # Errors
    /// See [`FitsError`].
    pub fn from_bytes(name: impl AsRef<Path>, bytes: impl Into<Arc<[u8]>>) -> Result<Self, FitsError> {
        Self::from_source(
            Box::new(BytesSource::new(bytes)),
            name.as_ref(),
            &OpenOptions::default(),
        )
    }

    /// Opens any source; `name` stands for the file in messages.
    ///
    /// # Errors
    /// See [`FitsError`].
    pub fn from_source(
        source: Box<dyn Source>,
        name: impl AsRef<Path>,
        options: &OpenOptions,
    ) -> Result<Self, FitsError> {
        let path = name.as_ref();
        let source = unpack::unpack(source, path, options.max_unpacked_bytes)?;
        let mut scanned = scan::scan(source.as_ref(), path)?;
        if options.cross_check {
            let agreed: Vec<bool> = scanned.iter_mut().map(witness::cross_check).collect();
            let n_agreed = agreed.iter().take_while(|agreed| **agreed).count();
            if let Some(bytes) = source.memory() {
                witness::cross_check_pixels(bytes, scanned.split_at_mut(n_agreed).0);
            }
        }
        let units = scan::drop_null_primary(scanned.into_iter().map(|unit| unit.hdu).collect());
        Ok(Self(Arc::new(Inner {
            path: path.to_path_buf(),
            source,
            units,
            options: *options,
        })))
    }

    /// Returns the file as it was named.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns all units.
    ///
    /// The empty primary unit that `fpack` puts before a compressed primary image is left out, as `funpack` does.
    pub fn hdus(&self) -> &[Hdu] {
        &self.0.units
    }

    /// Returns the primary unit.
    ///
    /// # Errors
    /// None in practice: a file without units does not open.
    pub fn primary(&self) -> Result<&Hdu, FitsError> {
        self.hdu(0)
    }

    /// Returns one unit.
    ///
    /// # Errors
    /// `Missing`.
    pub fn hdu(&self, index: usize) -> Result<&Hdu, FitsError> {
        self.0.units.get(index).ok_or_else(|| FitsError::Missing {
            file: self.0.path.clone(),
            what: format!("hdu {index}"),
        })
    }

    /// Finds the first unit of an `EXTNAME`, case folded.
    ///
    /// # Errors
    /// `Missing`.
    pub fn find(&self, name: &str) -> Result<&Hdu, FitsError> {
        let is_it = |unit: &&Hdu| unit.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.0.units.iter().find(is_it).ok_or_else(|| FitsError::Missing {
            file: self.0.path.clone(),
            what: format!("extension {name}"),
        })
    }

    /// Reads a whole image, integers exact.
    ///
    /// # Errors
    /// `Type` for a table; see [`FitsError`].
    pub fn image(&self, hdu: usize) -> Result<Image, FitsError> {
        super::image::read_image(self, hdu)
    }

    /// Gives windowed access to the pixels of an image in file order.
    ///
    /// # Errors
    /// `Type` for a table; see [`FitsError`].
    pub fn pixel_reader(&self, hdu: usize) -> Result<PixelReader, FitsError> {
        PixelReader::new(self, hdu)
    }

    /// Gives windowed access to the planes of an image.
    ///
    /// # Errors
    /// `Type` for a table; see [`FitsError`].
    pub fn plane_reader(&self, hdu: usize) -> Result<PlaneReader, FitsError> {
        PlaneReader::new(self, hdu)
    }

    /// Returns the formats of the columns of a binary table.
    ///
    /// # Errors
    /// `Type` for anything else; `Malformed`.
    pub fn columns(&self, hdu: usize) -> Result<Vec<ColumnFormat>, FitsError> {
        Ok(TableReader::new(self, hdu)?.columns().to_vec())
    }

    /// Gives access to a binary table.
    ///
    /// # Errors
    /// `Type` for anything else; `Malformed`.
    pub fn table_reader(&self, hdu: usize) -> Result<TableReader, FitsError> {
        TableReader::new(self, hdu)
    }

    /// Reads a whole table, binary or text.
    ///
    /// # Errors
    /// `Type` for an image; see [`FitsError`].
    pub fn table(&self, hdu: usize) -> Result<Table, FitsError> {
        if self.hdu(hdu)?.kind == HduKind::AsciiTable {
            return ascii::read_table(self, hdu);
        }
        TableReader::new(self, hdu)?.read()
    }

    /// Reads one whole column of a table.
    ///
    /// # Errors
    /// `Missing`; see [`FitsError`].
    pub fn column(&self, hdu: usize, name: &str) -> Result<Column, FitsError> {
        if self.hdu(hdu)?.kind == HduKind::AsciiTable {
            return ascii::read_table(self, hdu)?
                .take(name)
                .ok_or_else(|| FitsError::Missing {
                    file: self.0.path.clone(),
                    what: format!("column {name} of hdu {hdu}"),
                });
        }
        TableReader::new(self, hdu)?.read_column(name)
    }

    /// Gives windowed access to a numeric column of a binary table.
    ///
    /// # Errors
    /// `Missing`; `Type` for text, bits and variable-length columns.
    pub fn column_reader(&self, hdu: usize, name: &str) -> Result<ColumnReader, FitsError> {
        ColumnReader::of_table(self, hdu, name)
    }

    /// Gives windowed access to an image as if it were one long column.
    ///
    /// # Errors
    /// `Type` for a table.
    pub fn image_column_reader(&self, hdu: usize) -> Result<ColumnReader, FitsError> {
        ColumnReader::of_image(self, hdu)
    }

    /// Reads the bytes of a data unit as they stand, without padding.
    ///
    /// # Errors
    /// `Truncated`; `TooLarge` beyond the bytes that may be held.
    pub fn raw_data(&self, hdu: usize) -> Result<Vec<u8>, FitsError> {
        let unit = self.hdu(hdu)?;
        self.check_memory(unit.data_len, || format!("the data of hdu {hdu}"))?;
        let mut bytes = vec![0; unit.data_len as usize];
        self.read_data(unit, 0, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn source(&self) -> &dyn Source {
        self.0.source.as_ref()
    }

    pub(super) fn check_memory(&self, needed: u64, what: impl FnOnce() -> String) -> Result<(), FitsError> {
        let limit = self.0.options.max_unpacked_bytes.max(self.0.source.len());
        if needed <= limit {
            return Ok(());
        }
        Err(FitsError::TooLarge {
            file: self.0.path.clone(),
            what: what(),
            needed,
            limit,
        })
    }

    /// Fills `buffer` from byte `first` of the data of a unit.
    pub(super) fn read_data(&self, unit: &Hdu, first: u64, buffer: &mut [u8]) -> Result<(), FitsError> {
        let needed = buffer.len() as u64;
        if first.checked_add(needed).is_none_or(|end| end > unit.data_len) {
            return Err(FitsError::malformed(
                Place::new(self.path(), unit.index, unit.data_offset.saturating_add(first)),
                format!("{needed} bytes are asked for behind the end of the data"),
            ));
        }
        self.read_at(unit.index, unit.data_offset + first, buffer)
    }

    pub(super) fn read_at(&self, hdu: usize, offset: u64, buffer: &mut [u8]) -> Result<(), FitsError> {
        self.source().read_exact_at(buffer, offset).map_err(|error| {
            if error.kind() == std::io::ErrorKind::UnexpectedEof {
                FitsError::Truncated {
                    place: Place::new(self.path(), hdu, offset),
                    what: "the data",
                    needed: buffer.len() as u64,
                    found: self
                        .source()
                        .current_len()
                        .saturating_sub(offset)
                        .min(buffer.len() as u64),
                }
            } else {
                FitsError::io(self.path(), "read")(error)
            }
        })
    }

    pub(super) fn place(&self, unit: &Hdu, byte_of_data: u64) -> Place {
        Place::new(self.path(), unit.index, unit.data_offset.saturating_add(byte_of_data))
    }
}
