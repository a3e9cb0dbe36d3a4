//! The folder nobody looks into: products are written here until the job commits.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phoenix_core::header::Header;
use phoenix_core::id::Tag;
use phoenix_core::product::Product;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{ColumnLayout, ColumnWriter, CubeLayout, Deferred, Finished, SinkError, SlabWriter};

use super::columns::Runs;
use super::journal::{Entry as Mark, Journal};
use super::keeper::{KeepEvery, Keeper, identity};
use super::shelf::Shelf;
use super::{Beside, beside, encode, provenance_name, system};
use crate::digest;
use crate::fits::{FitsError, FitsWriter, WriteOptions};

/// A product of the job: its name is taken from `put` or `begin` on, its file is sealed when the job commits, because
/// only then the reservations about it are known.
#[derive(Debug)]
struct Entry {
    tag: Tag,
    name: String,
    content: Content,
}

/// How far the file of a product has come.
#[derive(Debug)]
enum Content {
    /// Slabs are being written.
    Begun,
    /// All is written but the final primary header.
    Written(Box<FitsWriter>),
    /// The same, in a place from which another attempt may take it up.
    Kept(Box<FitsWriter>, Box<Keeper>),
    /// An outside program finished it; no byte of it changes any more.
    Adopted,
}

type Entries = Arc<Mutex<Vec<Entry>>>;

/// The folder and what is in it; removed when dropped.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    entries: Entries,
    shelf: PathBuf,
    every: KeepEvery,
    lease: Option<File>,
}

const LEASED_PREFIX: &str = ".phoenix-";
const LEASED_SUFFIX: &str = ".part";
const LEASE: &str = "lease";

impl Staging {
    /// Takes over an empty folder; cubes that may be taken up again lie on `shelf`.
    pub(super) fn new(folder: PathBuf, shelf: PathBuf, every: KeepEvery) -> Self {
        Self {
            folder,
            entries: Entries::default(),
            shelf,
            every,
            lease: None,
        }
    }

    /// Makes a folder among other files; its lease tells other processes that somebody works in it.
    pub(super) fn leased(parent: &Path, shelf: PathBuf, every: KeepEvery) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{LEASED_PREFIX}{}-{count}{LEASED_SUFFIX}", std::process::id());
        let folder = parent.join(name);
        fs::create_dir(&folder)?;
        let lease = File::create_new(folder.join(LEASE))?;
        lease.lock()?;
        let mut staging = Self::new(folder, shelf, every);
        staging.lease = Some(lease);
        Ok(staging)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a whole product.
    pub(super) fn put(&self, product: Product) -> Result<(), SinkError> {
        let place = self.reserve(&product.tag, &product.name)?;
        let writer = self.create(&product.name)?;
        let writer = encode::product(writer, product)?;
        written(&self.entries, place, Content::Written(Box::new(writer)));
        Ok(())
    }

    /// Takes a finished file; within one file system it is moved.
    pub(super) fn adopt(&self, tag: &Tag, name: &str, location: &Path) -> Result<(), SinkError> {
        let at = self.reserve(tag, name)?;
        let place = self.folder.join(name);
        let take = || -> io::Result<()> {
            match fs::rename(location, &place) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    fs::copy(location, &place)?;
                    fs::remove_file(location)?;
                }
                moved => moved?,
            }
            File::open(&place)?.sync_all()
        };
        if let Err(source) = take() {
            let _ = fs::remove_file(&place);
            self.entries().truncate(at);
            return Err(system(name, &place, source));
        }
        written(&self.entries, at, Content::Adopted);
        Ok(())
    }

    /// Begins a cube that comes in slabs.
    pub(super) fn begin(&self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError> {
        let place = self.reserve(&layout.tag, &layout.name)?;
        let mut writer = self.create(&layout.name)?;
        let name = layout.name.clone();
        let units = encode::declare(&mut writer, layout)?;
        Ok(Box::new(Slabs {
            name,
            place,
            writer,
            units,
            entries: self.entries.clone(),
            keeper: None,
            finished: None,
        }))
    }

    /// Begins a cube that comes in slabs, or goes on with one that an interrupted attempt left on the shelf.
    pub(super) fn resume(&self, layout: CubeLayout, record: &Record) -> Result<Box<dyn SlabWriter>, SinkError> {
        let name = layout.name.clone();
        let place = self.folder.join(&name);
        let refused = |source: io::Error| system(&name, &place, source);
        let faulty = |error: FitsError| encode::fault(&name, &place, error);
        let Some(shelf) = Shelf::take(&self.shelf).map_err(refused)? else {
            // Another process is at this very job; neither may disturb the other.
            return self.begin(layout);
        };
        let shelf = Arc::new(shelf);
        let in_job = self.reserve(&layout.tag, &name)?;
        let identity = identity(&layout, record).map_err(refused)?;
        let hidden = shelf.place(&name, "part");
        let (journal, last) = Journal::open(&shelf.place(&name, "journal")).map_err(refused)?;
        let options = WriteOptions::default().data_md5(true);
        let mut writer = FitsWriter::keep(&place, &hidden, options).map_err(faulty)?;
        let units = encode::declare(&mut writer, layout)?;
        let last = last
            .filter(|last| last.identity == identity && last.units.iter().map(|unit| unit.0).eq(units.iter().copied()));
        let taken = match last {
            Some(last) if writer.take_back(&last.units).map_err(faulty)? => Some(last),
            _ => None,
        };
        if taken.is_none() {
            journal.clear().map_err(refused)?;
            writer.clear().map_err(faulty)?;
        }
        let finished = taken.as_ref().map(|last| Finished {
            planes: last.planes,
            note: last.note.clone(),
        });
        let entry = taken.unwrap_or_else(|| Mark {
            identity,
            number: 0,
            planes: 0,
            units: Vec::new(),
            note: serde_json::Value::Null,
        });
        let file = (writer.handle().map_err(faulty)?, hidden);
        Ok(Box::new(Slabs {
            keeper: Some(Keeper::new(self.every, journal, file, entry, shelf)),
            name,
            place: in_job,
            writer,
            units,
            entries: self.entries.clone(),
            finished,
        }))
    }

    /// Begins a table that comes in runs of rows.
    pub(super) fn begin_columns(&self, layout: ColumnLayout) -> Result<Box<dyn ColumnWriter>, SinkError> {
        let place = self.reserve(&layout.tag, &layout.name)?;
        let mut writer = self.create(&layout.name)?;
        let name = layout.name.clone();
        let units = encode::declare_columns(&mut writer, layout)?;
        let entries = self.entries.clone();
        Ok(Box::new(Runs::new(name, writer, units, move |writer| {
            written(&entries, place, Content::Written(Box::new(writer)));
        })))
    }

    /// Seals every product, with its provenance beside it.
    pub(super) fn finish(&mut self, record: &Record, directory: Option<&Path>) -> Result<Vec<Beside>, SinkError> {
        let entries = std::mem::take(&mut *self.entries());
        let relocatable = beside::relocatable(record, directory);
        let mut finished = Vec::with_capacity(entries.len());
        let mut kept = Vec::new();
        for (place_in_job, entry) in entries.into_iter().enumerate() {
            let Entry { tag, name, content } = entry;
            let mut place = self.folder.join(&name);
            let whole = place.clone();
            let faulty = |error: FitsError| encode::fault(&name, &whole, error);
            let size_bytes = match content {
                Content::Begun => {
                    return Err(SinkError::Invalid {
                        name,
                        reason: "it was begun and not finished".to_owned(),
                    });
                }
                Content::Written(mut writer) => {
                    encode::stamp(writer.header_mut(0).map_err(faulty)?, &name, record);
                    writer.finish().map_err(faulty)?.bytes
                }
                Content::Kept(mut writer, mut keeper) => {
                    encode::stamp(writer.header_mut(0).map_err(faulty)?, &name, record);
                    if writer.moves_data().map_err(faulty)? {
                        keeper.give_up();
                    }
                    let (bytes, _) = writer.seal().map_err(faulty)?;
                    // Until everything else is ready it stays where another attempt finds it.
                    place.clone_from(keeper.place());
                    kept.push((keeper, name.clone()));
                    bytes
                }
                Content::Adopted => fs::metadata(&place)
                    .map_err(|source| system(&name, &place, source))?
                    .len(),
            };
            let digest = digest::content_of_file(&place).map_err(|source| system(&name, &place, source))?;
            let beside = Beside {
                product: name.clone(),
                tag,
                digest,
                size_bytes,
                place: place_in_job,
                provenance: relocatable.clone(),
            };
            beside::write(&self.folder, &beside).map_err(|source| system(&name, &place, source))?;
            finished.push(beside);
        }
        for (mut keeper, name) in kept {
            let place = self.folder.join(&name);
            fs::rename(keeper.place(), &place).map_err(|source| system(&name, &place, source))?;
            keeper.give_up();
        }
        Ok(finished)
    }

    /// Takes a name for a product.
    fn reserve(&self, tag: &Tag, name: &str) -> Result<usize, SinkError> {
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        if !is_plain || name == LEASE {
            return Err(SinkError::Invalid {
                name: name.to_owned(),
                reason: "its name is no plain file name".to_owned(),
            });
        }
        let mut entries = self.entries();
        let is_taken = |entry: &Entry| {
            entry.name == name
                || provenance_name(&entry.name) == provenance_name(name)
                || provenance_name(&entry.name) == name
        };
        if let Some(entry) = entries.iter().find(|entry| is_taken(entry)) {
            return Err(SinkError::Taken {
                name: name.to_owned(),
                location: format!("{}, a product of the same job", entry.name),
            });
        }
        entries.push(Entry {
            tag: tag.clone(),
            name: name.to_owned(),
            content: Content::Begun,
        });
        Ok(entries.len() - 1)
    }

    fn create(&self, name: &str) -> Result<FitsWriter, SinkError> {
        let place = self.folder.join(name);
        let options = WriteOptions::default().create_new(true).data_md5(true);
        FitsWriter::create(&place, &options).map_err(|error| encode::fault(name, &place, error))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Writers first, so that none recreates a file; after a commit there is nothing left to remove.
        self.entries().clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A cube being written.
struct Slabs {
    name: String,
    place: usize,
    writer: FitsWriter,
    units: Vec<usize>,
    entries: Entries,
    keeper: Option<Keeper>,
    finished: Option<Finished>,
}

impl Slabs {
    fn unit(&self, hdu: usize) -> Result<usize, SinkError> {
        self.units.get(hdu).copied().ok_or_else(|| SinkError::Invalid {
            name: self.name.clone(),
            reason: format!("it has no extension {hdu}"),
        })
    }

    fn faulty(&self) -> impl FnOnce(FitsError) -> SinkError + use<> {
        let name = self.name.clone();
        move |error| encode::fault(&name, Path::new(&name), error)
    }
}

impl SlabWriter for Slabs {
    fn write(&mut self, hdu: usize, first_plane: usize, planes: &[f32]) -> Result<(), SinkError> {
        let unit = self.unit(hdu)?;
        let faulty = self.faulty();
        encode::planes(&mut self.writer, unit, first_plane, planes).map_err(faulty)?;
        if let Some(keeper) = &mut self.keeper {
            keeper.count(size_of_val(planes) as u64);
        }
        Ok(())
    }

    fn defer(&mut self) -> Option<Deferred> {
        // A file that cannot be opened twice is summed in the end.
        self.writer.defer_md5().ok().flatten()
    }

    fn finished(&self) -> Option<&Finished> {
        self.finished.as_ref()
    }

    fn read(&self, hdu: usize, first_plane: usize, planes: &mut [f32]) -> Result<(), SinkError> {
        let unit = self.unit(hdu)?;
        self.writer
            .read_planes(unit, first_plane, planes)
            .map_err(self.faulty())
    }

    fn mark(&mut self, finished: Finished) -> Result<(), SinkError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let mut units = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            let expected = finished.planes.saturating_mul(self.writer.plane_bytes(*unit)) as u64;
            let kept = self
                .writer
                .kept(*unit)
                .map_err(|error| encode::fault(&self.name, Path::new(&self.name), error))?;
            match kept.filter(|kept| kept.bytes == expected) {
                Some(kept) => units.push((*unit, kept)),
                None => {
                    return Err(SinkError::Invalid {
                        name: self.name.clone(),
                        reason: format!("not exactly the first {} planes are written", finished.planes),
                    });
                }
            }
        }
        let place = keeper.place().clone();
        keeper
            .mark(finished, units)
            .map_err(|source| system(&self.name, &place, source))
    }

    fn finish(mut self: Box<Self>, header: Header) -> Result<(), SinkError> {
        let faulty = self.faulty();
        *self.writer.header_mut(0).map_err(faulty)? = header;
        let Self {
            name,
            place,
            writer,
            entries,
            mut keeper,
            ..
        } = *self;
        if let Some(keeper) = &mut keeper {
            let place = keeper.place().clone();
            keeper.settle().map_err(|source| system(&name, &place, source))?;
        }
        let content = match keeper {
            Some(keeper) => Content::Kept(Box::new(writer), Box::new(keeper)),
            None => Content::Written(Box::new(writer)),
        };
        written(&entries, place, content);
        Ok(())
    }
}

/// Enters how far the file of a product has come.
fn written(entries: &Entries, place: usize, content: Content) {
    if let Some(entry) = entries.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
        entry.content = content;
    }
}

/// Removes the folders of attempts whose process has died.
pub(super) fn sweep_unleased(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(LEASED_PREFIX) && name.ends_with(LEASED_SUFFIX)) {
            continue;
        }
        // A folder whose lease is not there yet is being made this moment.
        if let Ok(lease) = File::open(entry.path().join(LEASE))
            && lease.try_lock().is_ok()
        {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Flushes the names in a folder.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
