//! An association block as a planned job: those written here exactly, those of other origin as far as they tell.

use std::collections::BTreeMap;

use phoenix_core::association::{Fill, MatchLevel, Slot};
use phoenix_core::frame::FrameRef;
use phoenix_core::id::{DatasetId, Digest, JobId, Tag, TaskId};
use phoenix_core::plan::{InputSource, PlannedJob, Readiness, Resources};
use serde_json::Value;

use super::escape::decoded;
use super::{AssociationBlock, Entry};

/// An association block cannot be turned into a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AbError {
    /// A qualifier that a job cannot do without is missing: add it.
    #[error("qualifier {qualifier} is missing")]
    Missing {
        /// The qualifier.
        qualifier: &'static str,
    },
    /// A value cannot be understood: mend the line.
    #[error("line {line}: {qualifier}: {reason}")]
    Value {
        /// The line, from 1.
        line: usize,
        /// The qualifier.
        qualifier: String,
        /// What is wrong.
        reason: String,
    },
}

fn fault(entry: &Entry<'_>, reason: impl Into<String>) -> AbError {
    AbError::Value {
        line: entry.line,
        qualifier: entry.qualifier.to_owned(),
        reason: reason.into(),
    }
}

impl AssociationBlock {
    /// Returns the job that the block describes.
    ///
    /// A block of other origin needs `AB_NAME` and `RECIPE`; its `RAWFILE` lines give the main inputs (kind: a second
    /// word, else `RAW_TYPE`), its `MCALIB` lines the calibrations, where they have a location and a kind.
    ///
    /// # Errors
    /// If a qualifier is missing that a job cannot do without, or a value cannot be understood.
    pub fn to_job(&self) -> Result<PlannedJob, AbError> {
        let name = self.get("AB_NAME").ok_or(AbError::Missing { qualifier: "AB_NAME" })?;
        let dataset = DatasetId::from(decoded(name.strip_suffix(".ab").unwrap_or(name)));
        let recipe = self.get("RECIPE").ok_or(AbError::Missing { qualifier: "RECIPE" })?;
        let task = TaskId::from(decoded(self.get("PHX_TASK").unwrap_or(recipe)));
        let id = self.get("PHX_JOB").map_or_else(
            || JobId::from(format!("{dataset}:{task}")),
            |id| JobId::from(decoded(id)),
        );
        Ok(PlannedJob {
            id,
            dataset,
            task,
            recipe: decoded(recipe).into(),
            key: self.keys(),
            inputs: self.inputs()?,
            slots: self.slots()?,
            params: self.params()?,
            readiness: self.readiness(),
            resources: Resources {
                memory_bytes: self.number("PHX_MEMORY_BYTES")?,
                threads: self.number("PHX_THREADS")? as usize,
                floor_bytes: self.number("PHX_FLOOR_BYTES")?,
            },
        })
    }

    fn keys(&self) -> BTreeMap<String, String> {
        self.all("RAW_MATCH_KEY")
            .filter_map(|entry| entry.value.split_once('='))
            .map(|(key, value)| (decoded(key.trim()), decoded(value.trim())))
            .collect()
    }

    fn number(&self, qualifier: &'static str) -> Result<u64, AbError> {
        let Some(entry) = self.all(qualifier).last() else {
            return Ok(0);
        };
        entry.value.parse().map_err(|_| fault(&entry, "it is no whole number"))
    }

    fn readiness(&self) -> Readiness {
        let mut reasons: Vec<String> = self.all("PHX_REASON").map(|entry| decoded(entry.value)).collect();
        match self.get("COMPLETENESS") {
            Some("INCOMPLETE") => Readiness::Incomplete { reasons },
            Some("UNSUPPORTED") => Readiness::Unsupported {
                reason: reasons.pop().unwrap_or_default(),
            },
            _ => Readiness::Ready,
        }
    }

    fn params(&self) -> Result<Value, AbError> {
        if let Some(entry) = self.all("PHX_PARAMS").last() {
            return serde_json::from_str(&decoded(entry.value)).map_err(|error| fault(&entry, error.to_string()));
        }
        let mut params = serde_json::Map::new();
        for entry in self.all("PPAR") {
            let (name, value) = entry
                .value
                .split_once('=')
                .ok_or_else(|| fault(&entry, "it is not NAME=VALUE"))?;
            let value = decoded(value.trim());
            // Other tools write texts without quotes.
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            params.insert(decoded(name.trim()), value);
        }
        Ok(Value::Object(params))
    }

    fn inputs(&self) -> Result<Vec<InputSource>, AbError> {
        let listed: Vec<InputSource> = self
            .all("SOF_CONTENT")
            .map(|entry| input(&entry))
            .collect::<Result<_, _>>()?;
        if !listed.is_empty() {
            return Ok(listed);
        }
        let kind = self.get("RAW_TYPE").map(decoded).unwrap_or_default();
        let mut inputs = Vec::new();
        for entry in self.all("RAWFILE") {
            let mut words = entry.value.split_whitespace();
            let location = words.next().ok_or_else(|| fault(&entry, "it names no file"))?;
            let tag = words.next().map_or_else(|| kind.clone(), decoded);
            inputs.push(InputSource::Frame {
                frame: named_frame(&decoded(location), Tag::from(tag)),
            });
        }
        for frame in self.all("MCALIB").filter_map(|entry| foreign_calibration(&entry)) {
            inputs.push(InputSource::Frame { frame });
        }
        Ok(inputs)
    }

    fn slots(&self) -> Result<Vec<Slot>, AbError> {
        let mut slots: Vec<Slot> = Vec::new();
        for entry in self.entries() {
            match entry.qualifier {
                "PHX_SLOT" => slots.push(slot(&entry)?),
                "MCALIB" => {
                    let Some(Slot {
                        fill: Fill::Filled { frames, .. },
                        ..
                    }) = slots.last_mut()
                    else {
                        continue;
                    };
                    if let Some(words) = entry.value.strip_prefix("REAL ") {
                        frames.push(frame(&entry, words)?);
                    }
                }
                _ => {}
            }
        }
        Ok(slots)
    }
}

fn input(entry: &Entry<'_>) -> Result<InputSource, AbError> {
    match entry.value.strip_prefix("job:") {
        Some(words) => {
            let (job, tag) = words.split_once(' ').ok_or_else(|| fault(entry, "it names no kind"))?;
            Ok(InputSource::Job {
                job: decoded(job).into(),
                tag: decoded(tag.trim()).into(),
            })
        }
        None => Ok(InputSource::Frame {
            frame: frame(entry, entry.value)?,
        }),
    }
}

/// Reads `location tag [id] [size=N] [digest=D]`.
fn frame(entry: &Entry<'_>, words: &str) -> Result<FrameRef, AbError> {
    let mut words = words.split_whitespace();
    let location = words.next().ok_or_else(|| fault(entry, "it names no file"))?;
    let tag = words.next().ok_or_else(|| fault(entry, "it names no kind"))?;
    let mut found = named_frame(&decoded(location), decoded(tag).into());
    for word in words {
        if let Some(size) = word.strip_prefix("size=") {
            let size = size.parse().map_err(|_| fault(entry, format!("{size} is no size")))?;
            found.size_bytes = Some(size);
        } else if let Some(digest) = word.strip_prefix("digest=") {
            found.digest = Some(Digest::from(decoded(digest)));
        } else {
            found.id = decoded(word).into();
        }
    }
    Ok(found)
}

fn named_frame(location: &str, tag: Tag) -> FrameRef {
    let name = location.rsplit('/').next().unwrap_or(location);
    let stem = name.strip_suffix(".Z").unwrap_or(name);
    let stem = stem.strip_suffix(".fits").unwrap_or(stem);
    FrameRef {
        id: stem.into(),
        tag,
        location: location.to_owned(),
        size_bytes: None,
        digest: None,
    }
}

/// Reads a calibration of a block of other origin: the first word that names a FITS file, and the kind beside it.
fn foreign_calibration(entry: &Entry<'_>) -> Option<FrameRef> {
    let words: Vec<&str> = entry.value.split_whitespace().collect();
    if words.first() == Some(&"VIRTUAL") {
        return None;
    }
    let is_file = |word: &&&str| word.contains(".fits");
    let file = words.iter().find(is_file)?;
    let tag = words.iter().find(|word| !is_file(word) && **word != "REAL")?;
    Some(named_frame(&decoded(file), decoded(tag).into()))
}

fn slot(entry: &Entry<'_>) -> Result<Slot, AbError> {
    let mut words = entry.value.splitn(4, ' ');
    let mut next = || words.next().unwrap_or_default();
    let (tag, need, state, rest) = (next(), next(), next(), next());
    let required = match need {
        "required" => true,
        "optional" => false,
        other => return Err(fault(entry, format!("{other:?} is neither required nor optional"))),
    };
    let fill = match state {
        "filled" => {
            let mut words = rest.splitn(3, ' ');
            let mut next = || words.next().unwrap_or_default();
            let (level, dt_days, reason) = (next(), next(), next());
            Fill::Filled {
                frames: Vec::new(),
                level: MatchLevel(
                    level
                        .parse()
                        .map_err(|_| fault(entry, format!("{level} is no level")))?,
                ),
                dt_days: dt_days
                    .parse()
                    .map_err(|_| fault(entry, format!("{dt_days} is no time in days")))?,
                reason: decoded(reason),
            }
        }
        "pending" => Fill::Pending {
            producer: decoded(rest).into(),
        },
        "missing" => Fill::Missing { reason: decoded(rest) },
        other => {
            return Err(fault(
                entry,
                format!("{other:?} is neither filled, pending nor missing"),
            ));
        }
    };
    Ok(Slot {
        tag: decoded(tag).into(),
        required,
        fill,
    })
}
