//! Where `esorex` is and what it may take.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where `esorex` is and what one run of it may take; the defaults suit an installation on `PATH`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EsorexSettings {
    /// The program: a path, or a name that is looked up on `PATH`.
    pub program: PathBuf,
    /// Folders of recipe libraries; if empty, those that `esorex` was built with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipe_dirs: Vec<PathBuf>,
    /// Where runs work whose sink takes no files; if absent, the system's folder for temporary files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PathBuf>,
    /// Where the log of each job is kept as `<job>.log`; if absent, it is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<PathBuf>,
    /// Wall time in seconds after which a run is ended; if absent, it may take for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// Resident memory in bytes beyond which a run is ended, where this is less than the job's share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Address space in bytes that a run may map (`RLIMIT_AS`, Linux only); a second fence, to be set generously.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space_bytes: Option<u64>,
    /// Threads that a run may use, where this is less than the job's share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Variables of the environment beside the few that are passed on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Default for EsorexSettings {
    /// `esorex` on `PATH`, six hours for a run.
    fn default() -> Self {
        Self {
            program: PathBuf::from("esorex"),
            recipe_dirs: Vec::new(),
            scratch: None,
            log_dir: None,
            timeout_s: Some(6.0 * 3600.0),
            memory_bytes: None,
            address_space_bytes: None,
            threads: None,
            env: BTreeMap::new(),
        }
    }
}

/// What is passed on from the caller's environment: where programs and libraries are, and nothing that changes results.
const PASSED_ON: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

impl EsorexSettings {
    /// Returns the environment of a run that works in `folder` with some threads.
    ///
    /// A user's own `esorex.rc` lies below `HOME`, so that one is made private; decimal points must be points.
    pub(super) fn environment(&self, folder: &Path, threads: usize) -> Vec<(OsString, OsString)> {
        let passed_on = PASSED_ON
            .into_iter()
            .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        let own = [
            ("HOME", folder.as_os_str().to_owned()),
            ("TMPDIR", folder.as_os_str().to_owned()),
            ("LC_ALL", "C".into()),
            ("OMP_NUM_THREADS", self.threads(threads).to_string().into()),
        ]
        .map(|(name, value)| (OsString::from(name), value));
        let extra = self.env.iter().map(|(name, value)| (name.into(), value.into()));
        passed_on.chain(own).chain(extra).collect()
    }

    /// Returns how many threads a run may use of those that its job has.
    pub(super) fn threads(&self, share: usize) -> usize {
        self.threads.map_or(share, |limit| limit.min(share)).max(1)
    }

    /// Returns the program as a file, looked up on `PATH` if it is a bare name.
    pub(super) fn find_program(&self) -> Option<PathBuf> {
        find_on_path(&self.program)
    }

    /// Returns the options that name the folders of recipes.
    pub(super) fn recipe_dir_option(&self) -> Option<OsString> {
        if self.recipe_dirs.is_empty() {
            return None;
        }
        let mut option = OsString::from("--recipe-dir=");
        for (n, folder) in self.recipe_dirs.iter().enumerate() {
            if n > 0 {
                option.push(":");
            }
            option.push(folder);
        }
        Some(option)
    }
}

/// Returns a program as a file, looked up on `PATH` if it is a bare name.
pub(super) fn find_on_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        let absolute = std::path::absolute(program).ok()?;
        return absolute.is_file().then_some(absolute);
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::EsorexSettings;

    #[test]
    fn a_run_sees_neither_the_user_s_home_nor_other_settings_of_esorex() {
        let settings = EsorexSettings {
            threads: Some(2),
            env: [("CFITSIO_BUFFER".to_owned(), "1".to_owned())].into(),
            ..EsorexSettings::default()
        };
        let environment = settings.environment(Path::new("/run/job"), 8);
        let value = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("HOME").as_deref(), Some("/run/job"));
        assert_eq!(value("OMP_NUM_THREADS").as_deref(), Some("2"));
        assert_eq!(value("CFITSIO_BUFFER").as_deref(), Some("1"));
        assert!(
            environment
                .iter()
                .all(|(name, _)| !name.to_string_lossy().starts_with("ESOREX"))
        );
    }

    #[test]
    fn folders_of_recipes_are_joined_as_esorex_reads_them() {
        let settings = EsorexSettings {
            recipe_dirs: vec![PathBuf::from("/a"), PathBuf::from("/b")],
            ..EsorexSettings::default()
        };
        assert_eq!(settings.recipe_dir_option(), Some("--recipe-dir=/a:/b".into()));
        assert_eq!(EsorexSettings::default().recipe_dir_option(), None);
    }
}
