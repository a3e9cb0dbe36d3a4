//! What a run is asked to do, and the steps it is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use phoenix_core::deep::DeepRequest;
use phoenix_core::id::{Digest, InstrumentId, TaskId};
use phoenix_core::traits::InstrumentTexts;
use phoenix_core::unit::{Mjd, Night};
use serde::{Deserialize, Serialize};

use super::BatchKey;
use crate::backend::BackendSettings;
use crate::choice::{BlockSource, Mode, Numerics, ReviewPolicy, SettingError};
use crate::project::{BlockPolicy, Judgement, OpenProject, OverlayFile, ProjectError};

/// One step of the line, as it is called from outside; several of the ten steps of the paper fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Steps 1 to 3: select candidates, form datasets, associate calibrations, read headers and block information.
    Plan,
    /// Steps 4 and 5: bring raw files and masters.
    Fetch,
    /// Step 6: run the recipes.
    Process,
    /// Step 7: measure, grade, draw.
    Quality,
    /// Step 8: accept or refuse.
    Review,
    /// Step 9: name and convert to the archive's standard.
    Convert,
    /// Step 10: deliver.
    Ingest,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 7] = [
        Self::Plan,
        Self::Fetch,
        Self::Process,
        Self::Quality,
        Self::Review,
        Self::Convert,
        Self::Ingest,
    ];

    /// Returns the name that the command uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Fetch => "fetch",
            Self::Process => "process",
            Self::Quality => "quality",
            Self::Review => "review",
            Self::Convert => "convert",
            Self::Ingest => "ingest",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = SettingError;

    /// Reads a step by its name or by its number among the ten of the paper.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let step = match text {
            "1" | "2" | "3" => Self::Plan,
            "4" | "5" => Self::Fetch,
            "6" => Self::Process,
            "7" => Self::Quality,
            "8" => Self::Review,
            "9" => Self::Convert,
            "10" => Self::Ingest,
            name => Self::ALL.into_iter().find(|step| step.name() == name).ok_or_else(|| {
                SettingError::new(
                    text,
                    "step (plan, fetch, process, quality, review, convert, ingest, or 1 to 10)",
                )
            })?,
        };
        Ok(step)
    }
}

/// A span of nights, both ends included; one night has equal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nights {
    first: Night,
    last: Night,
}

impl Nights {
    /// Returns the span of one night.
    pub fn one(night: Night) -> Self {
        Self {
            first: night,
            last: night,
        }
    }

    /// Returns the span from one night to another.
    ///
    /// # Errors
    /// If the last night stands before the first.
    pub fn between(first: Night, last: Night) -> Result<Self, SettingError> {
        if last < first {
            return Err(SettingError::new(
                &format!("{first}..{last}"),
                "span of nights in order of time",
            ));
        }
        Ok(Self { first, last })
    }

    /// Returns every night that a store may hold frames of.
    pub fn all() -> Self {
        // From the years of the first digital detectors to the end of the next century's first.
        Self {
            first: Night::of(Mjd(40_588.0)),
            last: Night::of(Mjd(88_068.0)),
        }
    }

    /// Returns the nights of a month `YYYY-MM`.
    ///
    /// # Errors
    /// If the text is no month.
    pub fn month(text: &str) -> Result<Self, SettingError> {
        let error = || SettingError::new(text, "month YYYY-MM");
        let first: Night = format!("{text}-01").parse().map_err(|_| error())?;
        let mut last = first;
        while last.next().to_string().starts_with(text) {
            last = last.next();
        }
        Ok(Self { first, last })
    }

    /// Returns the first night.
    pub fn first(&self) -> Night {
        self.first
    }

    /// Returns the last night.
    pub fn last(&self) -> Night {
        self.last
    }

    /// Iterates over the nights.
    pub fn iter(&self) -> impl Iterator<Item = Night> + use<> {
        let last = self.last;
        std::iter::successors(Some(self.first), |night| Some(night.next())).take_while(move |night| *night <= last)
    }

    /// Returns the only night, if it is one.
    pub fn single(&self) -> Option<Night> {
        (self.first == self.last).then_some(self.first)
    }
}

impl fmt::Display for Nights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(night) => night.fmt(f),
            None => write!(f, "{}..{}", self.first, self.last),
        }
    }
}

impl From<Nights> for String {
    fn from(nights: Nights) -> Self {
        nights.to_string()
    }
}

impl TryFrom<String> for Nights {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let night = |part: &str| part.parse().map_err(|_| SettingError::new(&text, "night YYYY-MM-DD"));
        match text.split_once("..") {
            Some((first, last)) => Self::between(night(first)?, night(last)?),
            None => Ok(Self::one(night(&text)?)),
        }
    }
}

/// What a run is asked to do; kept in the run folder, so that `resume` needs nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The nights.
    pub nights: Nights,
    /// The store that is read: a path, `file://` or `s3://`.
    pub archive: String,
    /// The store that receives.
    pub deliver_to: String,
    /// Who decides whether a product is delivered.
    pub review: ReviewPolicy,
    /// Which arithmetic makes the products.
    pub numerics: Numerics,
    /// Which backend runs which task; PHOENIX's own recipes alone if nothing is said.
    #[serde(default, skip_serializing_if = "BackendSettings::is_default")]
    pub backend: BackendSettings,
    /// Digest of the project that decides the products, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Digest>,
    /// What kind of batch it is; absent if the rule books decide between masters and raw calibrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Texts of the project that stand in for the instrument's own.
    #[serde(default, skip_serializing_if = "InstrumentTexts::is_empty")]
    pub texts: InstrumentTexts,
    /// Header overlays of the project, in the order in which they are applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<OverlayFile>,
    /// Where jobs come from.
    #[serde(default)]
    pub blocks: BlockPolicy,
    /// What a batch selects by that is no date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchKey>,
    /// How exposures are put together across blocks, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deep: Option<DeepRequest>,
    /// How masters that are made anew are judged, and by what past.
    #[serde(default, skip_serializing_if = "Judgement::is_default")]
    pub judgement: Judgement,
    /// What the products' `DATE` says; fixed when the run is begun, so that a resumed run gives the same bits.
    pub date: String,
    /// Parameters that differ from the recipes' defaults, by task.
    #[serde(default)]
    pub params: BTreeMap<TaskId, serde_json::Map<String, serde_json::Value>>,
}

/// Makes a plain path absolute, so that a run can be resumed from anywhere.
fn anchored(location: String) -> String {
    if location.contains("://") {
        return location;
    }
    std::path::absolute(&location).map_or(location, |path| path.display().to_string())
}

impl Settings {
    /// Returns settings that read and deliver to one store, with all other choices at their default.
    pub fn new(instrument: impl Into<InstrumentId>, nights: Nights, archive: impl Into<String>) -> Self {
        let archive = anchored(archive.into());
        Self {
            instrument: instrument.into(),
            nights,
            deliver_to: archive.clone(),
            archive,
            review: ReviewPolicy::default(),
            numerics: Numerics::default(),
            backend: BackendSettings::default(),
            project: None,
            mode: None,
            texts: InstrumentTexts::default(),
            overlays: Vec::new(),
            blocks: BlockPolicy::default(),
            batch: None,
            deep: None,
            judgement: Judgement::default(),
            date: nights.last().span().1.to_iso(),
            params: BTreeMap::new(),
        }
    }

    /// Delivers to another store.
    #[must_use]
    pub fn with_delivery(mut self, deliver_to: impl Into<String>) -> Self {
        self.deliver_to = anchored(deliver_to.into());
        self
    }

    /// Sets who decides.
    #[must_use]
    pub fn with_review(mut self, review: ReviewPolicy) -> Self {
        self.review = review;
        self
    }

    /// Sets the arithmetic.
    #[must_use]
    pub fn with_numerics(mut self, numerics: Numerics) -> Self {
        self.numerics = numerics;
        self
    }

    /// Sets who runs the recipes.
    #[must_use]
    pub fn with_backend(mut self, backend: BackendSettings) -> Self {
        self.backend = backend;
        self
    }

    /// Takes everything that a project decides.
    ///
    /// # Errors
    /// If one of the project's files cannot be used.
    pub fn with_project(mut self, open: &OpenProject) -> Result<Self, ProjectError> {
        let project = &open.project;
        self.instrument = project.instrument.clone();
        self.mode = Some(project.mode);
        self.review = project.review;
        self.numerics = project.numerics.unwrap_or(self.numerics);
        self.texts = open.texts()?;
        self.overlays = open.overlays()?;
        self.blocks = project.blocks;
        self.judgement = open.judgement();
        self.backend = project.backend.clone();
        self.params = project.params.clone();
        self.project = Some(open.digest.clone());
        Ok(self)
    }

    /// Sets what kind of batch it is.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets where jobs come from.
    #[must_use]
    pub fn with_blocks(mut self, blocks: BlockPolicy) -> Self {
        self.blocks = blocks;
        self
    }

    /// Sets what a batch selects by that is no date.
    #[must_use]
    pub fn with_batch(mut self, batch: BatchKey) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Puts exposures together across blocks.
    #[must_use]
    pub fn with_deep(mut self, deep: DeepRequest) -> Self {
        self.deep = Some(deep);
        self
    }

    /// Sets how masters that are made anew are judged.
    #[must_use]
    pub fn with_judgement(mut self, judgement: Judgement) -> Self {
        self.judgement = judgement;
        self
    }

    /// Returns how far association blocks count.
    pub(super) fn source_of_jobs(&self) -> BlockSource {
        let is_made = |night: Night| self.blocks.made_from.is_some_and(|from| from <= night);
        match self.blocks.source {
            _ if is_made(self.nights.first()) => BlockSource::Make,
            // Of a span across that night the later part has no blocks and is not to be lost.
            BlockSource::Fetch if is_made(self.nights.last()) => BlockSource::Prefer,
            source => source,
        }
    }

    /// Returns the name of what is asked for: the batch key where there is one, else the nights.
    pub fn label(&self) -> String {
        match &self.batch {
            Some(batch) => batch.title(),
            None => self.nights.to_string(),
        }
    }

    /// Sets what the products' `DATE` says, as ISO 8601; noon after the last night if it is not set.
    #[must_use]
    pub fn with_date(mut self, date: impl Into<String>) -> Self {
        self.date = date.into();
        self
    }

    /// Sets one parameter of one task.
    #[must_use]
    pub fn with_param(
        mut self,
        task: impl Into<TaskId>,
        name: impl Into<String>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.params
            .entry(task.into())
            .or_default()
            .insert(name.into(), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Nights, Settings, Step};

    #[test]
    fn a_month_has_its_own_length() -> Result<(), super::SettingError> {
        assert_eq!(Nights::month("2016-02")?.iter().count(), 29);
        assert_eq!(Nights::month("2015-02")?.to_string(), "2015-02-01..2015-02-28");
        assert!(Nights::month("2015-13").is_err());
        Ok(())
    }

    #[test]
    fn settings_survive_json() -> Result<(), Box<dyn std::error::Error>> {
        let settings = Settings::new("MUSE", Nights::month("2016-05")?, "file:///a").with_param("t", "pixfrac", 0.6);
        let text = serde_json::to_string(&settings)?;
        assert_eq!(serde_json::from_str::<Settings>(&text)?, settings);
        Ok(())
    }

    #[test]
    fn a_step_has_a_name_and_the_paper_s_numbers() {
        for step in Step::ALL {
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert_eq!("7".parse(), Ok(Step::Quality));
        assert!("11".parse::<Step>().is_err());
    }
}
