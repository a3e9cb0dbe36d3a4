//! Sinks on folders: a job's products appear together, whole and flushed, or not at all.
//!
//! `staging` is the folder nobody looks into, `encode` turns products into files, `columns` takes tables in runs of rows,
//! `beside` writes the provenance record that lies beside each product. A long cube is written on a `shelf`, where `keeper`
//! enters into a `journal` how far it has come, so that another attempt goes on there.

mod beside;
mod columns;
mod encode;
mod inherit;
mod journal;
mod keeper;
mod scratch;
mod shelf;
mod staging;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use phoenix_core::id::{JobId, RecipeId, Tag};
use phoenix_core::product::StoredProduct;
use phoenix_core::provenance::Record;
use phoenix_core::traits::{
    ColumnLayout, ColumnWriter, Committed, CubeLayout, JobSink, ProductSink, Scratch, SinkError, SinkFactory,
    SlabWriter,
};

use crate::digest;
use crate::fits::{FitsError, FitsWriter, WriteOptions};
use inherit::Earlier;
use scratch::FileScratch;
use staging::{Staging, sync_folder};

pub use beside::{Beside, provenance_name};
pub(crate) use encode::stamp;
pub use inherit::holds_products_of;
pub use keeper::KeepEvery;

/// The folder below a run's directory that holds the products of jobs.
const WORK: &str = "work";

/// Beyond this many bytes a name is cut: file systems take 255, and staging adds to it.
const LONGEST_FOLDER: usize = 200;

/// Returns the folder name of a job: its name, where that is a visible file name, else a tame form of it with eight
/// digits of its digest, so that no two jobs share a folder.
pub fn job_folder(job: &JobId) -> String {
    let name = job.as_str();
    let mut tame = name.replace(['/', '\\', '\0'], "_");
    if tame.is_empty() || tame.starts_with('.') {
        tame.insert(0, '_');
    }
    while tame.len() > LONGEST_FOLDER {
        tame.pop();
    }
    if tame == name {
        return tame;
    }
    let digest = digest::content_of_bytes(name.as_bytes());
    let digits = digest.as_str().rsplit(':').next().unwrap_or_default();
    format!("{tame}-{}", digits.split_at(8).0)
}

/// Writes one product to a path, with `DATAMD5`; nothing but the product is written beside it.
///
/// # Contract
/// * The file appears whole and flushed under its name, or not at all; what stands there before is replaced.
///
/// # Errors
/// If the system refuses, the product cannot be expressed in FITS, or its own planes cannot be read.
pub fn write_product(path: impl AsRef<Path>, product: phoenix_core::product::Product) -> Result<(), SinkError> {
    let path = path.as_ref();
    let name = product.name.clone();
    let faulty = |error: FitsError| encode::fault(&name, path, error);
    let writer = FitsWriter::create(path, &WriteOptions::default().data_md5(true)).map_err(faulty)?;
    let writer = encode::product(writer, product)?;
    writer.finish().map(|_| ()).map_err(faulty)
}

/// Puts the products of each job into a folder of its own, `<directory>/work/<job>/`.
///
/// # Contract
/// * The folder appears by one rename when the job commits, with every file in it flushed to disk.
/// * Each product has its digest in the receipt, `DATAMD5`, `PIPEFILE` and the provenance in its primary header, and
///   `<stem>.provenance.json` beside it.
/// * The content does not depend on where the directory is.
/// * What an interrupted attempt left is removed when the job is opened again; `sweep` removes that of all jobs. Only a
///   cube begun by `resume` stays, in `<directory>/work/.<job>.kept/`, until the job commits.
#[derive(Debug, Clone)]
pub struct DirSinks {
    directory: PathBuf,
    every: KeepEvery,
    earlier: Option<Earlier>,
}

impl DirSinks {
    /// Returns the sinks of a run's directory; nothing is made yet.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        let directory = directory.as_ref();
        Self {
            directory: std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf()),
            every: KeepEvery::default(),
            earlier: None,
        }
    }

    /// Names an earlier run's directory, and the recipes whose products are taken from it where content, parameters and
    /// software are the same.
    #[must_use]
    pub fn with_earlier(mut self, directory: impl AsRef<Path>, recipes: impl IntoIterator<Item = RecipeId>) -> Self {
        self.earlier = Some(Earlier {
            directory: directory.as_ref().to_path_buf(),
            recipes: recipes.into_iter().collect(),
        });
        self
    }

    /// Sets how often what a long cube has finished is made safe.
    #[must_use]
    pub fn with_keeping(mut self, every: KeepEvery) -> Self {
        self.every = every;
        self
    }

    fn shelf(&self, job: &JobId) -> PathBuf {
        self.directory.join(WORK).join(shelf::shelf_name(&job_folder(job)))
    }

    /// Returns the folder of a job, whether it exists or not.
    pub fn folder(&self, job: &JobId) -> PathBuf {
        self.directory.join(WORK).join(job_folder(job))
    }

    /// Removes what interrupted attempts left; the caller holds the lease of the directory.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sweep(&self) -> Result<(), SinkError> {
        let work = self.directory.join(WORK);
        let swept = match fs::read_dir(&work) {
            Ok(entries) => entries.filter_map(Result::ok).try_for_each(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with('.') && (name.ends_with(".part") || name.ends_with(".old")) {
                    fs::remove_dir_all(entry.path())
                } else if shelf::job_of(&name).is_some_and(|job| work.join(job).is_dir()) {
                    // The job has committed and its process died before it could tidy up.
                    shelf::forget(&entry.path())
                } else {
                    Ok(())
                }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        swept.map_err(|source| system("leavings", &work, source))
    }
}

impl SinkFactory for DirSinks {
    fn open(&self, job: &JobId) -> Result<Box<dyn JobSink>, SinkError> {
        let folder = self.folder(job);
        let work = self.directory.join(WORK);
        let (part, old) = (
            work.join(format!(".{}.part", job_folder(job))),
            work.join(format!(".{}.old", job_folder(job))),
        );
        let prepare = || -> io::Result<()> {
            fs::create_dir_all(&work)?;
            remove_if_there(&part)?;
            remove_if_there(&old)?;
            // The earlier products disappear at once; a folder half removed would look like products.
            match fs::rename(&folder, &old) {
                Ok(()) => fs::remove_dir_all(&old)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            fs::create_dir(&part)
        };
        prepare().map_err(|source| system(job.as_str(), &folder, source))?;
        Ok(Box::new(DirSink {
            staging: Staging::new(part, self.shelf(job), self.every),
            folder,
            shelf: self.shelf(job),
            directory: self.directory.clone(),
        }))
    }

    fn committed(&self, record: &Record) -> Result<Option<Committed>, SinkError> {
        let folder = self.folder(&record.job);
        beside::committed(&folder, record, &self.directory)
            .map_err(|source| system(record.job.as_str(), &folder, source))
    }

    fn inherit(&self, record: &Record) -> Result<Option<Committed>, SinkError> {
        let Some(earlier) = &self.earlier else { return Ok(None) };
        let folder = self.folder(&record.job);
        let work = self.directory.join(WORK);
        let part = work.join(format!(".{}.part", job_folder(&record.job)));
        let take = || -> io::Result<Option<Vec<Beside>>> {
            remove_if_there(&part)?;
            let copied = earlier.copy(record, &self.directory, &part)?;
            if copied.is_some() {
                remove_if_there(&folder)?;
                fs::rename(&part, &folder)?;
                sync_folder(&work)?;
            }
            Ok(copied)
        };
        let copied = take().map_err(|source| system(record.job.as_str(), &folder, source))?;
        Ok(copied.map(|found| beside::receipts(found, &folder)))
    }
}

/// The sink of one job with a folder of its own.
struct DirSink {
    staging: Staging,
    folder: PathBuf,
    shelf: PathBuf,
    directory: PathBuf,
}

impl ProductSink for DirSink {
    fn put(&mut self, product: phoenix_core::product::Product) -> Result<(), SinkError> {
        self.staging.put(product)
    }

    fn begin(&mut self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError> {
        self.staging.begin(layout)
    }

    fn resume(&mut self, layout: CubeLayout, record: &Record) -> Result<Box<dyn SlabWriter>, SinkError> {
        self.staging.resume(layout, record)
    }

    fn begin_columns(&mut self, layout: ColumnLayout) -> Result<Box<dyn ColumnWriter>, SinkError> {
        self.staging.begin_columns(layout)
    }

    fn scratch(&self, bytes: u64) -> Result<Box<dyn Scratch>, SinkError> {
        Ok(Box::new(FileScratch::new(self.staging.folder(), bytes)?))
    }

    fn workshop(&self) -> Option<String> {
        Some(self.staging.folder().display().to_string())
    }

    fn adopt(&mut self, tag: &Tag, name: &str, location: &str) -> Result<(), SinkError> {
        self.staging.adopt(tag, name, Path::new(location))
    }
}

impl JobSink for DirSink {
    fn as_product_sink(&mut self) -> &mut dyn ProductSink {
        self
    }

    fn commit(mut self: Box<Self>, record: &Record) -> Result<Vec<StoredProduct>, SinkError> {
        let finished = self.staging.finish(record, Some(&self.directory))?;
        let appear = || -> io::Result<()> {
            sync_folder(self.staging.folder())?;
            fs::rename(self.staging.folder(), &self.folder)?;
            sync_folder(&self.directory.join(WORK))
        };
        appear().map_err(|source| system(record.job.as_str(), &self.folder, source))?;
        // The products are in their place: what cannot be tidied up now goes with the next sweep.
        let _ = shelf::forget(&self.shelf);
        Ok(finished
            .into_iter()
            .map(|product| product.stored_in(&self.folder))
            .collect())
    }
}

/// Puts products under their own names into one plain folder, as ESO's `esorex` does.
///
/// # Contract
/// * Products appear when the job commits, each by one rename; an earlier product of that name is replaced.
/// * A name that belongs to an input is refused before anything is written.
/// * What an interrupted attempt left is removed by the next one in that folder; one that still runs is left alone. Only a
///   cube begun by `resume` stays, in `.<job>.kept/`, until the job commits or two weeks have passed.
#[derive(Debug, Clone)]
pub struct FlatSinks {
    folder: PathBuf,
    inputs: Vec<PathBuf>,
    every: KeepEvery,
}

impl FlatSinks {
    /// Returns the sinks of a folder.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        Self {
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()),
            inputs: Vec::new(),
            every: KeepEvery::default(),
        }
    }

    /// Sets how often what a long cube has finished is made safe.
    #[must_use]
    pub fn with_keeping(mut self, every: KeepEvery) -> Self {
        self.every = every;
        self
    }

    /// Names the files that no product may replace.
    #[must_use]
    pub fn with_inputs(mut self, inputs: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.inputs.extend(
            inputs
                .into_iter()
                .filter_map(|input| fs::canonicalize(input.as_ref()).ok()),
        );
        self
    }
}

impl SinkFactory for FlatSinks {
    fn open(&self, job: &JobId) -> Result<Box<dyn JobSink>, SinkError> {
        let shelf = self.folder.join(shelf::shelf_name(&job_folder(job)));
        let prepare = || -> io::Result<Staging> {
            fs::create_dir_all(&self.folder)?;
            staging::sweep_unleased(&self.folder)?;
            shelf::sweep_stale(&self.folder)?;
            Staging::leased(&self.folder, shelf.clone(), self.every)
        };
        let staging = prepare().map_err(|source| system(job.as_str(), &self.folder, source))?;
        Ok(Box::new(FlatSink {
            staging,
            folder: self.folder.clone(),
            shelf,
            inputs: self.inputs.clone(),
        }))
    }

    fn committed(&self, _record: &Record) -> Result<Option<Committed>, SinkError> {
        // Among other files there is no telling which of them belong together.
        Ok(None)
    }
}

/// The sink of one job whose products go among other files.
struct FlatSink {
    staging: Staging,
    folder: PathBuf,
    shelf: PathBuf,
    inputs: Vec<PathBuf>,
}

impl FlatSink {
    fn refuse_inputs(&self, name: &str) -> Result<(), SinkError> {
        let place = self.folder.join(name);
        match fs::canonicalize(&place) {
            Ok(real) if self.inputs.contains(&real) => Err(SinkError::Taken {
                name: name.to_owned(),
                location: format!("{}, which is an input", place.display()),
            }),
            _ => Ok(()),
        }
    }
}

impl ProductSink for FlatSink {
    fn put(&mut self, product: phoenix_core::product::Product) -> Result<(), SinkError> {
        self.refuse_inputs(&product.name)?;
        self.staging.put(product)
    }

    fn begin(&mut self, layout: CubeLayout) -> Result<Box<dyn SlabWriter>, SinkError> {
        self.refuse_inputs(&layout.name)?;
        self.staging.begin(layout)
    }

    fn resume(&mut self, layout: CubeLayout, record: &Record) -> Result<Box<dyn SlabWriter>, SinkError> {
        self.refuse_inputs(&layout.name)?;
        self.staging.resume(layout, record)
    }

    fn begin_columns(&mut self, layout: ColumnLayout) -> Result<Box<dyn ColumnWriter>, SinkError> {
        self.refuse_inputs(&layout.name)?;
        self.staging.begin_columns(layout)
    }

    fn scratch(&self, bytes: u64) -> Result<Box<dyn Scratch>, SinkError> {
        Ok(Box::new(FileScratch::new(self.staging.folder(), bytes)?))
    }

    fn workshop(&self) -> Option<String> {
        Some(self.staging.folder().display().to_string())
    }

    fn adopt(&mut self, tag: &Tag, name: &str, location: &str) -> Result<(), SinkError> {
        self.refuse_inputs(name)?;
        self.staging.adopt(tag, name, Path::new(location))
    }
}

impl JobSink for FlatSink {
    fn as_product_sink(&mut self) -> &mut dyn ProductSink {
        self
    }

    fn commit(mut self: Box<Self>, record: &Record) -> Result<Vec<StoredProduct>, SinkError> {
        let finished = self.staging.finish(record, None)?;
        let names = finished
            .iter()
            .flat_map(|product| [product.product.clone(), provenance_name(&product.product)]);
        let mut placed: Vec<PathBuf> = Vec::new();
        for name in names {
            let place = self.folder.join(&name);
            let is_new = !place.exists();
            if let Err(source) = fs::rename(self.staging.folder().join(&name), &place) {
                for new in placed {
                    let _ = fs::remove_file(new);
                }
                return Err(system(&name, &place, source));
            }
            if is_new {
                placed.push(place);
            }
        }
        sync_folder(&self.folder).map_err(|source| system(record.job.as_str(), &self.folder, source))?;
        let _ = shelf::forget(&self.shelf);
        Ok(finished
            .into_iter()
            .map(|product| product.stored_in(&self.folder))
            .collect())
    }
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn system(name: &str, location: &Path, source: io::Error) -> SinkError {
    SinkError::System {
        name: name.to_owned(),
        location: location.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::job_folder;

    #[test]
    fn a_job_name_that_is_a_file_name_is_the_folder_name() {
        let job = "MUSE.2014-11-07T07:42:57.317_pst:muse_exp_combine";
        assert_eq!(job_folder(&job.into()), job);
    }

    #[test]
    fn no_two_jobs_share_a_folder_and_none_leaves_the_run() {
        let long = "x".repeat(300);
        let longer = "x".repeat(301);
        let names = ["a/b", "a_b", "a\\b", "", "..", ".", "_", long.as_str(), longer.as_str()];
        let folders: BTreeSet<String> = names.iter().map(|name| job_folder(&(*name).into())).collect();
        assert_eq!(folders.len(), names.len());
        for folder in folders {
            assert!(
                !folder.contains('/') && !folder.starts_with('.') && folder.len() < 220,
                "{folder}"
            );
        }
    }
}
