//! A project: everything that decides what an instrument's products are, in one versioned TOML file.
//!
//! A historical batch runs for months and must be made alike from the first night to the last: it starts only from a
//! frozen project, and every job carries the project's digest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use phoenix_core::error::Status;
use phoenix_core::header::OverlayBook;
use phoenix_core::id::{Digest, InstrumentId, TaskId};
use phoenix_core::rules::Validity;
use phoenix_core::rules::ast::RuleText;
use phoenix_core::traits::InstrumentTexts;
use phoenix_core::unit::Night;
use phoenix_io::{EsorexSettings, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::backend::BackendSettings;
use crate::choice::{BlockSource, Mode, Numerics, ReviewPolicy};

/// Version of the layout of the file that this crate reads.
pub const LAYOUT: u32 = 1;

/// A project cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// A file is not there or cannot be read: mend path or rights.
    #[error("project file {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is no project: mend the place that it names.
    #[error("project {path}: {reason}")]
    Text {
        /// The file.
        path: PathBuf,
        /// Line, column and expectation.
        reason: String,
    },
    /// The layout is of another version: use another program or rewrite the file.
    #[error("project {path} has layout {found}, known is {LAYOUT}")]
    Layout {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The project is still being tried out: freeze it first.
    #[error("project {name} is not frozen, and a {kind} starts only from a frozen project")]
    NotFrozen {
        /// The project.
        name: String,
        /// What was to be started.
        kind: &'static str,
    },
}

impl ProjectError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::Read { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}

/// How a project goes through time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProjectKind {
    /// Tried out: runs are labelled and compared.
    #[default]
    Exploration,
    /// The whole history of an instrument.
    Batch,
    /// Month by month, as masters become certified.
    Stream,
}

impl ProjectKind {
    /// Returns the name that the file uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exploration => "exploration",
            Self::Batch => "batch",
            Self::Stream => "stream",
        }
    }
}

/// Files that a project names, relative to its own; absent ones are the instrument's built-in ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectFiles {
    /// Rule books in OCA.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PathBuf>,
    /// Validity windows, breakpoints, preferences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validity: Option<PathBuf>,
    /// Thresholds and flags of the scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qc: Option<PathBuf>,
    /// Header overlays, applied before classification in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<PathBuf>,
}

impl ProjectFiles {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let single = self.validity.iter().chain(&self.qc);
        self.rules.iter().chain(single).chain(&self.overlays)
    }
}

/// The stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectArchive {
    /// The store that is read.
    pub read: String,
    /// The store that receives; absent if it is the one that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_to: Option<String>,
    /// The collection that products belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
}

/// Where jobs come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockPolicy {
    /// Whether association blocks of the store, the rules, or both.
    pub source: BlockSource,
    /// From this night on the rules alone make the jobs, as the real PHOENIX does for its later years.
    #[serde(skip_serializing_if = "Option::is_none", with = "night_text")]
    pub made_from: Option<Night>,
}

impl BlockPolicy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A night as the date of its evening.
mod night_text {
    use phoenix_core::unit::Night;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "the form that serde asks for")]
    pub(super) fn serialize<S: Serializer>(night: &Option<Night>, serializer: S) -> Result<S::Ok, S::Error> {
        match night {
            Some(night) => serializer.collect_str(night),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Night>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// How masters that are made anew (mode MCALIB) are judged: beside the stored scores of the master of the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judgement {
    /// The state of an earlier run or of the project (`state.db`), with stored scores and what jobs took; absent if
    /// this run's own past is all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<PathBuf>,
    /// By which part of the stored value a new value may differ from it.
    pub tolerance: f64,
    /// The same for single parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tolerance_of: BTreeMap<String, f64>,
    /// How far from the new master's time a stored one may lie, in days.
    pub within_days: f64,
}

impl Default for Judgement {
    fn default() -> Self {
        Self {
            history: None,
            tolerance: 0.1,
            tolerance_of: BTreeMap::new(),
            within_days: 366.0,
        }
    }
}

impl Judgement {
    /// Tells whether nothing was said about it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A file of header overlays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayFile {
    /// The name by which plan and provenance refer to it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A project as its file says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Version of the layout, `1`.
    pub layout: u32,
    /// The name.
    pub name: String,
    /// The version of the project's content, raised by whoever changes it.
    pub version: u32,
    /// Whether it changes no more.
    #[serde(default)]
    pub frozen: bool,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Which jobs it makes.
    pub mode: Mode,
    /// How it goes through time.
    #[serde(default)]
    pub kind: ProjectKind,
    /// Who decides whether a product is delivered.
    #[serde(default)]
    pub review: ReviewPolicy,
    /// Which arithmetic native recipes use; absent if the command says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerics: Option<Numerics>,
    /// The stores.
    pub archive: ProjectArchive,
    /// The files it names.
    #[serde(default)]
    pub files: ProjectFiles,
    /// Where jobs come from.
    #[serde(default, skip_serializing_if = "BlockPolicy::is_default")]
    pub blocks: BlockPolicy,
    /// How masters that are made anew are judged.
    #[serde(default, skip_serializing_if = "Judgement::is_default")]
    pub judgement: Judgement,
    /// Which backend runs which task.
    #[serde(default)]
    pub backend: BackendSettings,
    /// Parameters that differ from the recipes' defaults, by task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<TaskId, Map<String, Value>>,
}

impl Project {
    /// Reads a project; `path` is named in errors.
    ///
    /// # Errors
    /// `Text` with line and column if it is none, `Layout` if it is of another version.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProjectError> {
        let refuse = |error: toml::de::Error| ProjectError::Text {
            path: path.to_path_buf(),
            reason: error.to_string().trim_end().to_owned(),
        };
        // Of another layout nothing else can be judged.
        let layout = toml::from_str::<toml::Table>(text).map_err(refuse)?;
        let layout = layout.get("layout").and_then(toml::Value::as_integer);
        if let Some(found) = layout.and_then(|layout| u32::try_from(layout).ok())
            && found != LAYOUT
        {
            return Err(ProjectError::Layout {
                path: path.to_path_buf(),
                found,
            });
        }
        toml::from_str(text).map_err(refuse)
    }

    /// Returns the project as TOML.
    ///
    /// # Errors
    /// `Text` if a parameter has no TOML form (null).
    pub fn to_toml(&self) -> Result<String, ProjectError> {
        toml::to_string_pretty(self).map_err(|error| ProjectError::Text {
            path: PathBuf::from(&self.name),
            reason: error.to_string(),
        })
    }

    /// Refuses what may start from a frozen project only.
    ///
    /// # Errors
    /// `NotFrozen` for a batch or a stream of a project that still changes.
    pub fn check_frozen(&self) -> Result<(), ProjectError> {
        match self.kind {
            ProjectKind::Exploration => Ok(()),
            _ if self.frozen => Ok(()),
            kind => Err(ProjectError::NotFrozen {
                name: self.name.clone(),
                kind: kind.name(),
            }),
        }
    }

    /// Returns the digest of what decides the products: this project and the content of the files it names.
    ///
    /// # Contract
    /// * Comments, order and spelling of the TOML text do not count, nor do the places of files and programs on this
    ///   machine, nor whether the project is frozen.
    /// * Any change of mode, rules, parameters, backend or scores changes it.
    pub fn digest_with(&self, contents: &BTreeMap<PathBuf, Digest>) -> Digest {
        let decisive = Self {
            frozen: false,
            files: ProjectFiles::default(),
            backend: BackendSettings {
                esorex: EsorexSettings {
                    env: self.backend.esorex.env.clone(),
                    ..EsorexSettings::default()
                },
                ..self.backend.clone()
            },
            judgement: Judgement {
                history: None,
                ..self.judgement.clone()
            },
            ..self.clone()
        };
        let of = |path: &PathBuf| contents.get(path).map_or("", Digest::as_str);
        let digests = |paths: &[PathBuf]| -> Vec<String> { paths.iter().map(|path| of(path).to_owned()).collect() };
        let document = serde_json::json!({
            "project": serde_json::to_value(&decisive).unwrap_or_default(),
            "rules": digests(&self.files.rules),
            "validity": self.files.validity.as_ref().map(of),
            "qc": self.files.qc.as_ref().map(of),
            "overlays": digests(&self.files.overlays),
        });
        digest::content_of_bytes(document.to_string().as_bytes())
    }
}

/// A project with the files it names.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenProject {
    /// The project.
    pub project: Project,
    /// Where its file lies; the files it names are relative to that folder.
    pub path: PathBuf,
    /// The digest that every job carries.
    pub digest: Digest,
    contents: BTreeMap<PathBuf, String>,
}

impl OpenProject {
    /// Opens a project and reads the files it names.
    ///
    /// # Errors
    /// `Read` naming the file, `Text` or `Layout`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ProjectError> {
        let path = path.as_ref();
        let project = Project::parse(&read(path)?, path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut contents = BTreeMap::new();
        for file in project.files.paths() {
            contents.insert(file.clone(), read(&folder.join(file))?);
        }
        let digests = contents
            .iter()
            .map(|(file, text)| (file.clone(), digest::content_of_bytes(text.as_bytes())));
        let digest = project.digest_with(&digests.collect());
        Ok(Self {
            project,
            path: path.to_path_buf(),
            digest,
            contents,
        })
    }

    /// Refuses what may start from a frozen project only, whatever kind the project says it is.
    ///
    /// # Errors
    /// `NotFrozen` for a project that still changes.
    pub fn check_frozen(&self, kind: &'static str) -> Result<(), ProjectError> {
        if self.project.frozen {
            return Ok(());
        }
        Err(ProjectError::NotFrozen {
            name: self.project.name.clone(),
            kind,
        })
    }

    /// Returns the project's rules, windows and limits, each checked by itself.
    ///
    /// Several rule books are one: they follow each other in the order in which the project names them.
    ///
    /// # Errors
    /// `Text` with file, line and column if one of them cannot be read.
    pub fn texts(&self) -> Result<InstrumentTexts, ProjectError> {
        let files = &self.project.files;
        let fault = |file: &Path, error: &dyn std::error::Error| ProjectError::Text {
            path: self.place(file),
            reason: error.to_string(),
        };
        let mut rules = String::new();
        for file in &files.rules {
            let text = self.text(file).unwrap_or_default();
            RuleText::parse(text).map_err(|error| fault(file, &error))?;
            rules.push_str(text);
            rules.push('\n');
        }
        let mut texts = InstrumentTexts::default();
        texts.rules = (!files.rules.is_empty()).then_some(rules);
        let text = |file: &Option<PathBuf>| file.as_deref().and_then(|file| self.text(file)).map(str::to_owned);
        texts.validity = text(&files.validity);
        if let (Some(file), Some(text)) = (&files.validity, &texts.validity) {
            Validity::parse(text).map_err(|error| fault(file, &error))?;
        }
        texts.quality = text(&files.qc);
        Ok(texts)
    }

    /// Returns the project's header overlays, each file checked.
    ///
    /// # Errors
    /// `Text` if one of them cannot be used.
    pub fn overlays(&self) -> Result<Vec<OverlayFile>, ProjectError> {
        let files = self.project.files.overlays.iter();
        files
            .map(|file| {
                let text = self.text(file).unwrap_or_default().to_owned();
                OverlayBook::from_toml(&text).map_err(|error| ProjectError::Text {
                    path: self.place(file),
                    reason: error.to_string(),
                })?;
                let name = file.display().to_string();
                Ok(OverlayFile { name, text })
            })
            .collect()
    }

    /// Returns how masters are judged; the history's place is absolute.
    pub fn judgement(&self) -> Judgement {
        let judgement = self.project.judgement.clone();
        Judgement {
            history: judgement.history.as_deref().map(|file| self.place(file)),
            ..judgement
        }
    }

    fn place(&self, file: &Path) -> PathBuf {
        let place = self.path.parent().unwrap_or(Path::new("")).join(file);
        std::path::absolute(&place).unwrap_or(place)
    }

    /// Returns the text of a file that the project names.
    pub fn text(&self, file: &Path) -> Option<&str> {
        self.contents.get(file).map(String::as_str)
    }
}

fn read(path: &Path) -> Result<String, ProjectError> {
    let bytes = fs::read(path).map_err(|source| ProjectError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    // ESO's rule books are in Latin-1 here and there; only their comments are touched by that.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| error.into_bytes().iter().map(|byte| char::from(*byte)).collect()))
}

#[cfg(test)]
mod tests;
