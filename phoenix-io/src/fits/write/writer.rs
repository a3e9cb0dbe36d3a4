//! The file being written: a temporary neighbour until `finish` renames it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use phoenix_core::header::Header;
use tempfile::NamedTempFile;

use super::encode::{Pixel, put};
use super::intervals::Intervals;
use super::layout::{Body, complete, header_len, seal};
use super::pieces::{Fill, PIECE_BYTES, Span};
use super::rows::{heap_starts, lay_out, put_rows};
use super::running::RunningMd5;
use super::spec::{ImageSpec, TableSpec, WriteOptions};
use crate::fits::BLOCK_BYTES;
use crate::fits::card::CardError;
use crate::fits::checksum::WordSum;
use crate::fits::error::FitsError;
use crate::fits::table::Table;

/// What is moved at once if a header outgrew its room.
const MOVE_BYTES: u64 = 4 << 20;

/// What `finish` made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The MD5 of its data units, if it was asked for.
    pub data_md5: Option<String>,
}

#[derive(Debug)]
pub(super) struct Unit {
    name: Option<String>,
    header: Header,
    pub(super) body: Body,
    start: u64,
    room: u64,
    pub(super) data_len: u64,
    pub(super) sum: WordSum,
    pub(super) written: Intervals,
}

impl Unit {
    pub(super) fn data_start(&self) -> u64 {
        self.start + self.room
    }

    pub(super) fn end(&self) -> u64 {
        self.data_start() + self.data_len.next_multiple_of(BLOCK_BYTES)
    }
}

/// A FITS file being written.
///
/// # Contract
/// * Units are declared in file order; their data may be written in any order and any slabs, each byte once.
/// * Headers may be changed until `finish`: the primary header often needs what only the pixels tell.
/// * The file appears under its name only by `finish`, whole and flushed; dropped before, nothing is left.
/// * Every unit has `CHECKSUM` and `DATASUM`, computed while writing.
///
/// # Examples
/// ```no_run
/// use phoenix_core::header::Header;
/// use phoenix_io::fits::{ElementType, FitsWriter, ImageSpec, WriteOptions};
/// # fn main() -> Result<(), phoenix_io::fits::FitsError> {
/// let mut file = FitsWriter::create("cube.fits", &WriteOptions::default())?;
/// let primary = file.append_image(ImageSpec::header_only(Header::new()).reserve_cards(72))?;
/// let data = file.append_image(ImageSpec::new(ElementType::F32, &[2, 3, 4], Header::new()).name("DATA"))?;
/// file.write_planes(data, 1, &[1.0_f32; 12])?;
/// file.write_planes(data, 0, &[0.0_f32; 12])?;
/// file.header_mut(primary)?.set("ESO.QC.MEAN", 0.5, "mean of the cube");
/// file.finish()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FitsWriter {
    pub(super) path: PathBuf,
    pub(super) target: Target,
    pub(super) options: WriteOptions,
    pub(super) units: Vec<Unit>,
    pub(super) piece: Vec<u8>,
    pub(super) md5: RunningMd5,
}

/// The file under the name that it has while it is written.
#[derive(Debug)]
pub(super) enum Target {
    /// It goes when it is dropped.
    Temporary(NamedTempFile),
    /// It stays, for another attempt.
    Kept(File, PathBuf),
}

impl Target {
    fn file(&self) -> &File {
        match self {
            Self::Temporary(temporary) => temporary.as_file(),
            Self::Kept(file, _) => file,
        }
    }
}

impl FitsWriter {
    /// Creates the temporary file beside the place where the file will appear.
    ///
    /// # Errors
    /// `Io` if the folder cannot be written; `Exists` if the options forbid to overwrite.
    pub fn create(path: impl AsRef<Path>, options: &WriteOptions) -> Result<Self, FitsError> {
        let path = path.as_ref();
        if options.create_new && path.symlink_metadata().is_ok() {
            return Err(FitsError::Exists {
                file: path.to_path_buf(),
            });
        }
        let name = path
            .file_name()
            .ok_or_else(|| FitsError::io(path, "create")(io::Error::from(io::ErrorKind::InvalidFilename)))?;
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .suffix(".part")
            .permissions(std::fs::Permissions::from_mode(0o666))
            .tempfile_in(folder(path))
            .map_err(FitsError::io(path, "create"))?;
        Ok(Self {
            path: path.to_path_buf(),
            target: Target::Temporary(temporary),
            options: *options,
            units: Vec::new(),
            piece: Vec::new(),
            md5: RunningMd5::default(),
        })
    }

    /// Declares an image and returns its index.
    ///
    /// # Errors
    /// `Card` if the header cannot be written; `Shape` for an impossible size.
    pub fn append_image(&mut self, spec: ImageSpec) -> Result<usize, FitsError> {
        let body = Body::Image {
            element: spec.element,
            shape: spec.shape,
            blank: spec.blank,
        };
        self.append(spec.name, spec.header, body, spec.reserve_cards)
    }

    /// Declares a table and writes all of it.
    ///
    /// # Errors
    /// `Shape` if the columns do not fit each other; `Card`; `Io`.
    pub fn append_table(&mut self, spec: TableSpec, table: &Table) -> Result<usize, FitsError> {
        let hdu = self.begin_table(spec, table.rows, table)?;
        self.write_rows(hdu, 0, table)?;
        Ok(hdu)
    }

    /// Declares a table of `rows` rows with the columns of `like`; the rows come by [`FitsWriter::write_rows`].
    ///
    /// # Contract
    /// Texts in later rows are at most as long as the longest of `like` or its `text_width`. Variable-length columns
    /// need all rows in `like`.
    ///
    /// # Errors
    /// `Shape`; `Card`; `Io`.
    pub fn begin_table(&mut self, spec: TableSpec, rows: usize, like: &Table) -> Result<usize, FitsError> {
        let hdu = self.units.len();
        let layout = lay_out(like, rows).map_err(|what| self.shape(hdu, what))?;
        if hdu == 0 {
            self.append_image(ImageSpec::header_only(Header::new()).reserve_cards(spec.reserve_cards))?;
        }
        let heap_at = rows as u64 * layout.row_bytes as u64;
        let body = Body::Table {
            columns: layout.columns,
            rows,
            row_bytes: layout.row_bytes,
            heap_bytes: layout.heap.len() as u64,
        };
        let hdu = self.append(spec.name, spec.header, body, spec.reserve_cards)?;
        self.put_bytes(hdu, heap_at, layout.heap.len(), &|at, out| {
            let start = (at - heap_at) as usize;
            if let Some(part) = layout.heap.get(start..start + out.len()) {
                out.copy_from_slice(part);
            }
        })?;
        Ok(hdu)
    }

    /// Writes rows of a declared table.
    ///
    /// # Errors
    /// `Shape` if the columns differ from the declared ones; `Io`.
    pub fn write_rows(&mut self, hdu: usize, first: usize, table: &Table) -> Result<(), FitsError> {
        let layout = lay_out(table, table.rows).map_err(|what| self.shape(hdu, what))?;
        let Body::Table {
            columns,
            rows,
            row_bytes,
            ..
        } = &self.unit(hdu)?.body
        else {
            return Err(self.shape(hdu, "this unit is no table"));
        };
        let same = columns.len() == layout.columns.len()
            && columns
                .iter()
                .zip(&layout.columns)
                .all(|(declared, given)| declared.takes(given));
        if !same || first.checked_add(table.rows).is_none_or(|end| end > *rows) {
            return Err(self.shape(hdu, "the rows do not fit the declared table"));
        }
        let (columns, row_bytes) = (columns.clone(), *row_bytes);
        let mut starts = heap_starts(table);
        let rows_at_once = (PIECE_BYTES / row_bytes.max(1)).max(1);
        let mut row = 0;
        while row < table.rows && row_bytes > 0 {
            let n = rows_at_once.min(table.rows - row);
            let mut problem = None;
            let at = (first + row) as u64 * row_bytes as u64;
            self.put_piece(hdu, at, n * row_bytes, |out| {
                problem = put_rows(&columns, row_bytes, table, row, out, &mut starts).err();
            })?;
            if let Some(what) = problem {
                return Err(self.shape(hdu, what));
            }
            row += n;
        }
        Ok(())
    }

    /// Writes whole planes (all but the slowest axis) of an image.
    ///
    /// # Errors
    /// `Shape` if the values are no whole planes or were written before; `Type`; `Io`.
    pub fn write_planes<T: Pixel>(&mut self, hdu: usize, first_plane: usize, values: &[T]) -> Result<(), FitsError> {
        let plane = match &self.unit(hdu)?.body {
            Body::Image { shape, .. } if !shape.is_empty() => shape.iter().skip(1).product::<usize>(),
            _ => return Err(self.shape(hdu, "this unit has no planes")),
        };
        if plane == 0 || !values.len().is_multiple_of(plane) {
            return Err(self.shape(hdu, format!("{} values are no planes of {plane}", values.len())));
        }
        self.write_pixels(hdu, first_plane.saturating_mul(plane), values)
    }

    /// Writes pixels in file order.
    ///
    /// # Errors
    /// `Shape` if the values reach behind the end or were written before; `Type`; `Io`.
    pub fn write_pixels<T: Pixel>(&mut self, hdu: usize, first: usize, values: &[T]) -> Result<(), FitsError> {
        match &self.unit(hdu)?.body {
            Body::Image { element, .. } if *element == T::ELEMENT => {}
            Body::Image { element, .. } => {
                let (declared, given) = (element.name(), T::ELEMENT.name());
                return Err(self.shape(hdu, format!("declared as {declared}, written as {given}")));
            }
            Body::Table { .. } => return Err(self.shape(hdu, "this unit is a table")),
        }
        let size = T::ELEMENT.size();
        let at = first.saturating_mul(size) as u64;
        self.put_bytes(hdu, at, values.len() * size, &|offset, out| {
            let start = (offset - at) as usize / size;
            if let Some(part) = values.get(start..start + out.len() / size) {
                put(part, out);
            }
        })
    }

    /// Leaves the MD5 of the data to be formed by calls of what is returned, from any thread; what they leave is formed by
    /// `finish`. `None` if no MD5 was asked for.
    ///
    /// # Errors
    /// `Io` if the file cannot be opened twice.
    pub fn defer_md5(&mut self) -> Result<Option<Arc<dyn Fn() + Send + Sync>>, FitsError> {
        if !self.options.data_md5 {
            return Ok(None);
        }
        let file = self.file().try_clone().map_err(FitsError::io(&self.path, "open"))?;
        Ok(Some(self.md5.defer(file)))
    }

    /// Returns the header of a unit for changes.
    ///
    /// # Errors
    /// `Missing`.
    pub fn header_mut(&mut self, hdu: usize) -> Result<&mut Header, FitsError> {
        let file = self.path.clone();
        match self.units.get_mut(hdu) {
            Some(unit) => Ok(&mut unit.header),
            None => Err(FitsError::Missing {
                file,
                what: format!("hdu {hdu}"),
            }),
        }
    }

    /// Writes the headers with their sums, flushes, and gives the file its name.
    ///
    /// # Errors
    /// `Incomplete` if data are missing; `Card`; `Exists`; `Io`. After an error nothing is left.
    pub fn finish(mut self) -> Result<Written, FitsError> {
        let (bytes, data_md5) = self.seal()?;
        publish(self.target, &self.path, self.options)?;
        Ok(Written {
            path: self.path,
            bytes,
            data_md5,
        })
    }

    /// Writes the headers with their sums and flushes; returns the length of the file and the MD5 of its data.
    pub(crate) fn seal(&mut self) -> Result<(u64, Option<String>), FitsError> {
        for (hdu, unit) in self.units.iter().enumerate() {
            let missing = unit.data_len - unit.written.total();
            if missing > 0 {
                return Err(FitsError::Incomplete {
                    file: self.path.clone(),
                    hdu,
                    missing,
                });
            }
        }
        if self.units.is_empty() {
            return Err(self.shape(0, "there is no unit"));
        }
        let data_md5 = if self.options.data_md5 {
            Some(self.hash_data()?)
        } else {
            None
        };
        if let (Some(md5), Some(primary)) = (&data_md5, self.units.first_mut()) {
            primary.header.set("DATAMD5", md5.as_str(), "MD5 checksum of all data");
        }
        self.make_room()?;
        for hdu in 0..self.units.len() {
            let unit = self.unit(hdu)?;
            let header = complete(&unit.body, hdu == 0, unit.name.as_deref(), &unit.header);
            let sealed = seal(&header, self.options.long_text, unit.room, unit.sum).map_err(|e| self.card(hdu, e))?;
            let start = unit.start;
            let Some(bytes) = sealed else {
                return Err(self.shape(hdu, "the header outgrew its room"));
            };
            self.file()
                .write_all_at(&bytes, start)
                .map_err(FitsError::io(&self.path, "write"))?;
        }
        let bytes = self.end();
        self.file().set_len(bytes).map_err(FitsError::io(&self.path, "write"))?;
        if self.options.sync {
            self.file().sync_all().map_err(FitsError::io(&self.path, "flush"))?;
        }
        Ok((bytes, data_md5))
    }

    fn append(
        &mut self,
        name: Option<String>,
        header: Header,
        body: Body,
        reserve_cards: usize,
    ) -> Result<usize, FitsError> {
        let hdu = self.units.len();
        let data_len = body
            .data_len()
            .ok_or_else(|| self.shape(hdu, "the data are larger than any file"))?;
        let more = reserve_cards + usize::from(hdu == 0 && self.options.data_md5);
        let cards = complete(&body, hdu == 0, name.as_deref(), &header);
        let room = header_len(&cards, self.options.long_text, more).map_err(|e| self.card(hdu, e))?;
        self.units.push(Unit {
            name,
            header,
            body,
            start: self.end(),
            room,
            data_len,
            sum: WordSum::default(),
            written: Intervals::default(),
        });
        Ok(hdu)
    }

    /// Encodes, sums and writes data of a unit.
    fn put_bytes(&mut self, hdu: usize, at: u64, len: usize, fill: Fill<'_>) -> Result<(), FitsError> {
        let start = self.enter(hdu, at, len)?;
        let mut md5 = (self.options.data_md5)
            .then(|| self.md5.follow(&self.units, hdu, at, len))
            .flatten();
        let sum = Span { start, at, len }
            .write(self.target.file(), md5.as_deref_mut(), fill)
            .map_err(FitsError::io(&self.path, "write"))?;
        drop(md5);
        if let Some(unit) = self.units.get_mut(hdu) {
            unit.sum.merge(sum);
        }
        if self.options.data_md5 {
            self.md5.advance(&self.units);
        }
        Ok(())
    }

    /// Encodes, sums and writes one piece of the data of a unit.
    fn put_piece(&mut self, hdu: usize, at: u64, len: usize, fill: impl FnOnce(&mut [u8])) -> Result<(), FitsError> {
        let start = self.enter(hdu, at, len)?;
        if self.piece.len() < len {
            self.piece.resize(len, 0);
        }
        let bytes = self.piece.split_at_mut(len).0;
        fill(bytes);
        if let Some(unit) = self.units.get_mut(hdu) {
            unit.sum.add(bytes, at);
        }
        self.target
            .file()
            .write_all_at(bytes, start + at)
            .map_err(FitsError::io(&self.path, "write"))
    }

    /// Enters data that are about to be written, and returns where the data of the unit begin.
    fn enter(&mut self, hdu: usize, at: u64, len: usize) -> Result<u64, FitsError> {
        let file = self.path.clone();
        let shape = |what: &str| FitsError::Shape {
            file: file.clone(),
            hdu,
            what: what.to_owned(),
        };
        let unit = self.units.get_mut(hdu).ok_or_else(|| shape("there is no such unit"))?;
        let end = at.checked_add(len as u64).filter(|end| *end <= unit.data_len);
        let end = end.ok_or_else(|| shape("the data reach behind the end of the unit"))?;
        if !unit.written.add(at, end) {
            return Err(shape("these data were written before"));
        }
        Ok(unit.data_start())
    }

    /// Moves data units towards the end where a header outgrew its room.
    fn make_room(&mut self) -> Result<(), FitsError> {
        let rooms = self.rooms()?;
        let shifts = self.units.iter().zip(&rooms).scan(0, |shift, (unit, room)| {
            let start = unit.start + *shift;
            *shift += room - unit.room;
            Some((start, *shift))
        });
        let plan: Vec<(u64, u64)> = shifts.collect();
        // The last unit first: data only ever move towards the end.
        for ((start, shift), (unit, room)) in plan.into_iter().zip(self.units.iter_mut().zip(rooms)).rev() {
            if shift > 0 {
                move_back(self.target.file(), unit.data_start(), unit.end(), shift)
                    .map_err(FitsError::io(&self.path, "write"))?;
            }
            unit.start = start;
            unit.room = room;
        }
        Ok(())
    }

    /// Returns the bytes that each header needs or has, whichever are more.
    fn rooms(&self) -> Result<Vec<u64>, FitsError> {
        let room = |(hdu, unit): (usize, &Unit)| {
            let cards = complete(&unit.body, hdu == 0, unit.name.as_deref(), &unit.header);
            let needed = header_len(&cards, self.options.long_text, 0).map_err(|e| self.card(hdu, e))?;
            Ok(needed.max(unit.room))
        };
        self.units.iter().enumerate().map(room).collect()
    }

    /// Tells whether `seal` will move data, because a header outgrew its room.
    pub(crate) fn moves_data(&self) -> Result<bool, FitsError> {
        let rooms = self.rooms()?;
        Ok(self.units.iter().zip(rooms).any(|(unit, room)| unit.room != room))
    }

    fn hash_data(&self) -> Result<String, FitsError> {
        // Data that are not yet padded end before the file does.
        self.file()
            .set_len(self.end())
            .map_err(FitsError::io(&self.path, "write"))?;
        let md5 = self.md5.finish(&self.units, self.file());
        md5.map_err(FitsError::io(&self.path, "read"))
    }

    pub(super) fn file(&self) -> &File {
        self.target.file()
    }

    fn end(&self) -> u64 {
        self.units.last().map_or(0, Unit::end)
    }

    pub(super) fn unit(&self, hdu: usize) -> Result<&Unit, FitsError> {
        self.units
            .get(hdu)
            .ok_or_else(|| self.shape(hdu, "there is no such unit"))
    }

    fn shape(&self, hdu: usize, what: impl Into<String>) -> FitsError {
        FitsError::Shape {
            file: self.path.clone(),
            hdu,
            what: what.into(),
        }
    }

    fn card(&self, hdu: usize, source: CardError) -> FitsError {
        FitsError::Card {
            file: self.path.clone(),
            hdu,
            source,
        }
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn publish(target: Target, path: &Path, options: WriteOptions) -> Result<(), FitsError> {
    let outcome = match target {
        Target::Temporary(temporary) if options.create_new => temporary
            .persist_noclobber(path)
            .map(|_| ())
            .map_err(|error| error.error),
        Target::Temporary(temporary) => temporary.persist(path).map(|_| ()).map_err(|error| error.error),
        Target::Kept(_, place) => std::fs::rename(place, path),
    };
    if let Err(error) = outcome {
        return Err(if error.kind() == io::ErrorKind::AlreadyExists {
            FitsError::Exists {
                file: path.to_path_buf(),
            }
        } else {
            FitsError::io(path, "rename")(error)
        });
    }
    if options.sync {
        File::open(folder(path))
            .and_then(|folder| folder.sync_all())
            .map_err(FitsError::io(path, "flush the folder of"))?;
    }
    Ok(())
}

/// Moves the bytes from `start` to `end` towards the end of the file, the last ones first.
fn move_back(file: &File, start: u64, end: u64, shift: u64) -> io::Result<()> {
    // What was never written (padding) reads as zeros once the file is long enough.
    if file.metadata()?.len() < end + shift {
        file.set_len(end + shift)?;
    }
    let mut buffer = vec![0; MOVE_BYTES.min(end - start) as usize];
    let mut upto = end;
    while upto > start {
        let n = (upto - start).min(MOVE_BYTES);
        let part = buffer.split_at_mut(n as usize).0;
        file.read_exact_at(part, upto - n)?;
        file.write_all_at(part, upto - n + shift)?;
        upto -= n;
    }
    Ok(())
}
