//! The folder of a run: where everything lies, how documents are written whole, what a dead attempt may leave.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use phoenix_core::id::{DatasetId, JobId};

use super::LineError;

/// What a file is called while it is written.
const PART: &str = ".part";

/// The folder of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Names a folder by its absolute path, so that a run can be resumed from anywhere; nothing is made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            root: std::path::absolute(&root).unwrap_or(root),
        }
    }

    /// Returns the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the state of the jobs.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.db")
    }

    /// Returns the plan.
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// Returns the folder of what the recipes make.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Returns what the run was asked for.
    pub fn settings(&self) -> PathBuf {
        self.work().join("settings.json")
    }

    /// Returns what is known about the observing blocks.
    pub fn blocks(&self) -> PathBuf {
        self.work().join("blocks.json")
    }

    /// Returns how exposures were put together across blocks.
    pub fn deep(&self) -> PathBuf {
        self.work().join("deep.json")
    }

    /// Returns the folder of fetched frames.
    pub fn cache(&self) -> PathBuf {
        self.work().join("cache")
    }

    /// Returns the folder of products in the archive's standard, with their archive names.
    pub fn products(&self) -> PathBuf {
        self.root.join("products")
    }

    /// Returns the folder of association blocks.
    pub fn ab(&self) -> PathBuf {
        self.root.join("ab")
    }

    /// Returns the association block of one dataset.
    pub fn block(&self, dataset: &DatasetId) -> PathBuf {
        let plain = |c: char| {
            if c == '/' || c == '\\' || c.is_control() {
                '_'
            } else {
                c
            }
        };
        let name: String = dataset.as_str().chars().map(plain).collect();
        self.ab().join(format!("{}.ab", name.trim_start_matches('.')))
    }

    /// Returns how historical blocks and the rules of today differ.
    pub fn block_changes(&self) -> PathBuf {
        self.ab().join("changes.json")
    }

    /// Returns what the plan was expected to take.
    pub fn forecast(&self) -> PathBuf {
        self.work().join("forecast.json")
    }

    /// Returns the folder of pages, previews and score reports.
    pub fn report(&self) -> PathBuf {
        self.root.join("report")
    }

    /// Returns the page that a person opens first.
    pub fn index(&self) -> PathBuf {
        self.report().join("index.html")
    }

    /// Returns the folder of one job's pages.
    pub fn job_report(&self, job: &JobId) -> PathBuf {
        self.report().join(phoenix_io::job_folder(job))
    }

    /// Tells whether a run was begun here.
    pub fn holds_run(&self) -> bool {
        self.settings().is_file()
    }

    /// Makes the folders.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(&self) -> Result<(), LineError> {
        for folder in [
            self.root.clone(),
            self.work(),
            self.cache(),
            self.products(),
            self.report(),
            self.ab(),
        ] {
            fs::create_dir_all(&folder).map_err(LineError::folder(folder, "made"))?;
        }
        Ok(())
    }

    /// Removes what a killed attempt left half-written; only the holder of the run's lock may call it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn sweep(&self) -> Result<(), LineError> {
        let mut folders = vec![
            self.root.clone(),
            self.work(),
            self.products(),
            self.report(),
            self.ab(),
        ];
        folders.extend(children(&self.report())?.into_iter().filter(|path| path.is_dir()));
        for folder in folders {
            for path in children(&folder)? {
                if path.is_file() && is_part(&path) {
                    fs::remove_file(&path).map_err(LineError::folder(path, "removed"))?;
                }
            }
        }
        Ok(())
    }
}

fn is_part(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    name.starts_with('.') && name.ends_with(PART)
}

/// Lists a folder in order of name; a folder that is not there is empty.
pub(super) fn children(folder: &Path) -> Result<Vec<PathBuf>, LineError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LineError::folder(folder, "listed")(error)),
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(LineError::folder(folder, "listed"))?;
    paths.sort();
    Ok(paths)
}

/// Returns the name that a file has while it is written.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!(".{name}{PART}"))
}

/// Makes a written file visible under its name, for good.
pub(super) fn publish(part: &Path, path: &Path) -> Result<(), LineError> {
    fs::rename(part, path).map_err(LineError::folder(path, "put in place"))?;
    // The new name is safe only when the folder's own entry is on the disk.
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(LineError::folder(folder, "made durable"))
}

/// Writes a document whole or not at all; its folder is made if need be.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LineError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(LineError::folder(folder, "made"))?;
    }
    let part = part_of(path);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // The space of a full disk is given back at once.
        let _ = fs::remove_file(&part);
        return Err(LineError::folder(path, "written")(error));
    }
    publish(&part, path)
}

/// Reads a JSON document.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LineError> {
    let text = fs::read_to_string(path).map_err(LineError::folder(path, "read"))?;
    serde_json::from_str(&text).map_err(|source| LineError::Document {
        path: path.to_owned(),
        source,
    })
}

/// Writes a JSON document whole or not at all.
pub(super) fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), LineError> {
    let text = serde_json::to_string_pretty(value).map_err(|source| LineError::Document {
        path: path.to_owned(),
        source,
    })?;
    write_whole(path, (text + "\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{RunFolder, write_whole};

    #[test]
    fn a_sweep_removes_what_was_half_written_and_nothing_else() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let folder = RunFolder::new(dir.path().join("run"));
        folder.create()?;
        let whole = folder.products().join("MU_SCBC.fits");
        write_whole(&whole, b"data")?;
        let job = folder.report().join("job");
        std::fs::create_dir(&job)?;
        std::fs::write(job.join(".score.html.part"), b"<ht")?;
        std::fs::write(folder.products().join(".x.fits.part"), b"SIM")?;
        folder.sweep()?;
        assert!(whole.is_file() && !job.join(".score.html.part").exists());
        assert_eq!(super::children(&folder.products())?, [whole]);
        Ok(())
    }
}
