//! The frame reader on files: paths and `file://` addresses.
//!
//! `convert` turns what a file holds into core's types, `fault` sorts errors, `product` reads a whole product whose
//! planes stay in the file.

mod convert;
mod fault;
mod product;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phoenix_core::frame::FrameRef;
use phoenix_core::id::Digest;
use phoenix_core::product::{PlaneSource, Table};
use phoenix_core::traits::{ColumnSource, FrameReader, HduInfo, HduKind, ReadError};

use crate::digest;
use crate::fits::{ColumnReader, FitsFile, Handles, HduKind as FitsKind, PlaneReader};

pub use product::read_product;

/// How many files stay open, and known with their headers: few beside the usual limit of 1024, whatever is read.
const OPEN_FILES: usize = 64;

/// What tells a file from one that took its place.
type Stamp = (u64, u64, i64, i64);

#[derive(Debug, Default)]
struct Cache {
    /// Open files, the one used last at the end.
    files: VecDeque<(PathBuf, Stamp, FitsFile)>,
    digests: BTreeMap<PathBuf, (Stamp, Digest)>,
}

/// Reads frames from files.
///
/// # Contract
/// * Pixels are read by positioned reads when they are asked for; nothing of an uncompressed file is held.
/// * A file that was replaced since it was opened is opened again.
/// * A digest is computed once for a file that does not change.
/// * However many frames are held, a bounded number of files is open.
#[derive(Debug)]
pub struct FitsReader {
    cache: Mutex<Cache>,
    handles: Arc<Handles>,
}

impl Default for FitsReader {
    fn default() -> Self {
        Self {
            cache: Mutex::default(),
            handles: Handles::new(OPEN_FILES),
        }
    }
}

impl FitsReader {
    /// Returns a reader with nothing open.
    pub fn new() -> Self {
        Self::default()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a frame, or finds it open.
    fn file(&self, frame: &FrameRef) -> Result<FitsFile, ReadError> {
        let path = path_of(&frame.location)?;
        let stamp = stamp_of(&path, &frame.location)?;
        let mut cache = self.cache();
        if let Some(place) = cache.files.iter().position(|(open, ..)| *open == path)
            && let Some(entry) = cache.files.remove(place)
            && entry.1 == stamp
        {
            let file = entry.2.clone();
            cache.files.push_back(entry);
            return Ok(file);
        }
        drop(cache);
        let file = FitsFile::open_shared(&path, &self.handles).map_err(|error| fault::read(&frame.location, error))?;
        // An unpacked file is held in memory: it stays only as long as somebody reads it.
        if !is_packed(&path) {
            let mut cache = self.cache();
            if cache.files.len() >= OPEN_FILES {
                cache.files.pop_front();
            }
            cache.files.push_back((path, stamp, file.clone()));
        }
        Ok(file)
    }
}

impl FrameReader for FitsReader {
    fn hdus(&self, frame: &FrameRef) -> Result<Vec<HduInfo>, ReadError> {
        let file = self.file(frame)?;
        Ok(file
            .hdus()
            .iter()
            .map(|hdu| {
                let kind = match hdu.kind {
                    FitsKind::Image | FitsKind::CompressedImage => HduKind::Image,
                    FitsKind::BinTable | FitsKind::AsciiTable => HduKind::Table,
                    _ => HduKind::Other,
                };
                HduInfo {
                    index: hdu.index,
                    name: hdu.name.as_deref().unwrap_or_default().to_owned(),
                    kind,
                    shape: match kind {
                        HduKind::Table => hdu.shape.iter().take(1).copied().collect(),
                        _ => hdu.shape.clone(),
                    },
                    header: hdu.header.clone(),
                }
            })
            .collect())
    }

    fn column(&self, frame: &FrameRef, hdu: usize, name: Option<&str>) -> Result<Arc<dyn ColumnSource>, ReadError> {
        let file = self.file(frame)?;
        let reader = match name {
            Some(name) => file.column_reader(hdu, name),
            None => file.image_column_reader(hdu),
        };
        let reader = reader.map_err(|error| fault::read(&frame.location, error))?;
        Ok(Arc::new(FileColumn {
            location: frame.location.clone(),
            reader,
        }))
    }

    fn planes(&self, frame: &FrameRef, hdu: usize) -> Result<Arc<dyn PlaneSource>, ReadError> {
        let file = self.file(frame)?;
        let reader = file
            .plane_reader(hdu)
            .map_err(|error| fault::read(&frame.location, error))?;
        if reader.plane_len() == 0 {
            return Err(ReadError::Lacks {
                location: frame.location.clone(),
                what: format!("image in hdu {hdu}"),
            });
        }
        Ok(Arc::new(FilePlanes {
            location: frame.location.clone(),
            reader,
        }))
    }

    fn table(&self, frame: &FrameRef, hdu: usize) -> Result<Table, ReadError> {
        let table = self
            .file(frame)?
            .table(hdu)
            .map_err(|error| fault::read(&frame.location, error))?;
        convert::table(table).map_err(|what| ReadError::Lacks {
            location: frame.location.clone(),
            what,
        })
    }

    fn digest(&self, frame: &FrameRef) -> Result<Digest, ReadError> {
        let path = path_of(&frame.location)?;
        let stamp = stamp_of(&path, &frame.location)?;
        if let Some((known, digest)) = self.cache().digests.get(&path)
            && *known == stamp
        {
            return Ok(digest.clone());
        }
        let digest = digest::content_of_file(&path).map_err(|source| fault::system(&frame.location, source))?;
        self.cache().digests.insert(path, (stamp, digest.clone()));
        Ok(digest)
    }
}

/// Returns the path of a location; other addresses than files must be fetched first.
pub(crate) fn path_of(location: &str) -> Result<PathBuf, ReadError> {
    let not_here = || ReadError::NotFound {
        location: location.to_owned(),
    };
    match location.split_once("://") {
        None => Ok(PathBuf::from(location)),
        Some(("file", rest)) => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            percent_decoded(path).map(PathBuf::from).ok_or_else(not_here)
        }
        Some(_) => Err(not_here()),
    }
}

/// Undoes the percent encoding of an address (RFC 3986, section 2.1).
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn stamp_of(path: &Path, location: &str) -> Result<Stamp, ReadError> {
    let meta = path.metadata().map_err(|source| fault::system(location, source))?;
    Ok((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

fn is_packed(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["gz", "Z", "fz"].iter().any(|packed| extension == *packed))
}

/// The planes of an image in a file.
#[derive(Debug)]
pub(crate) struct FilePlanes {
    pub(crate) location: String,
    pub(crate) reader: PlaneReader,
}

impl PlaneSource for FilePlanes {
    fn shape(&self) -> [usize; 3] {
        self.reader.shape()
    }

    fn read(&self, planes: Range<usize>, out: &mut [f32]) -> Result<(), ReadError> {
        let [available, ..] = self.reader.shape();
        if planes.start > planes.end || planes.end > available || out.len() != planes.len() * self.reader.plane_len() {
            return Err(ReadError::Window { planes, available });
        }
        self.reader
            .read(planes, out)
            .map_err(|error| fault::read(&self.location, error))
    }
}

/// A column of a table, or an image as one column.
#[derive(Debug)]
struct FileColumn {
    location: String,
    reader: ColumnReader,
}

impl FileColumn {
    /// Reads whole rows around a window of values where a row has several.
    fn read<T: Copy + Default>(
        &self,
        first: u64,
        out: &mut [T],
        read_rows: impl Fn(usize, &mut [T]) -> Result<(), crate::fits::FitsError>,
    ) -> Result<(), ReadError> {
        let window = || ReadError::Window {
            planes: first as usize..(first as usize).saturating_add(out.len()),
            available: self.len() as usize,
        };
        if first.checked_add(out.len() as u64).is_none_or(|end| end > self.len()) {
            return Err(window());
        }
        let failed = |error| fault::read(&self.location, error);
        let (first, repeat) = (first as usize, self.reader.repeat().max(1));
        if first.is_multiple_of(repeat) && out.len().is_multiple_of(repeat) {
            return read_rows(first / repeat, out).map_err(failed);
        }
        let first_row = first / repeat;
        let end_row = (first + out.len()).div_ceil(repeat);
        let mut rows = vec![T::default(); (end_row - first_row) * repeat];
        read_rows(first_row, &mut rows).map_err(failed)?;
        let skipped = first - first_row * repeat;
        let wanted = rows.get(skipped..skipped + out.len()).ok_or_else(window)?;
        out.copy_from_slice(wanted);
        Ok(())
    }
}

impl ColumnSource for FileColumn {
    fn len(&self) -> u64 {
        self.reader.len() as u64 * self.reader.repeat() as u64
    }

    fn unit(&self) -> Option<&str> {
        self.reader.unit()
    }

    fn read_f32(&self, first: u64, out: &mut [f32]) -> Result<(), ReadError> {
        self.read(first, out, |row, out| self.reader.read_f32(row, out))
    }

    fn read_i32(&self, first: u64, out: &mut [i32]) -> Result<(), ReadError> {
        self.read(first, out, |row, out| self.reader.read_i32(row, out))
    }
}
