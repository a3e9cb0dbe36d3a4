//! A recipe of ESO's pipelines as the engine sees it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use phoenix_core::observe::{Event, LogLevel};
use phoenix_core::traits::{
    FrameReader, InputSet, Outcome, ProductSink, RecipeDyn, RecipeError, RecipeSpec, RunContext, SinkError,
};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::harvest::{self, Made};
use super::log::{self, Reasons};
use super::process::{Call, Cause, Ended, run};
use super::{EsorexError, EsorexSettings, Installation, InstalledRecipe, edited, parameter, sof};
use crate::reader::{path_of, read_product};
use crate::sink::job_folder;

/// Files of one run inside its private folder.
const PRODUCTS: &str = "products";
const LIST: &str = "products.json";
const SOF: &str = "frames.sof";
const LOG: &str = "esorex.log";
const EDITED: &str = "edited";

/// A recipe that `esorex` runs.
///
/// # Contract
/// * The recipe works in a private folder that is gone afterwards, whether it succeeded, failed or was stopped.
/// * It is ended with its whole process group on cancellation, after the time limit, or when it takes more memory than
///   the job may; then the error is `Stopped`, `Program` or `Memory`.
/// * A frame whose header is edited by an overlay is copied there with the header that the plan saw; the file stays as it is.
/// * Products are handed on as the recipe wrote them, byte for byte: `PRO.REC1` stays ESO's, our record lies beside
///   them.
/// * A recipe that crashes, hangs, writes nothing or writes nothing that its specification declares fails its job with
///   the reason.
#[derive(Debug)]
pub struct EsorexRecipe {
    settings: EsorexSettings,
    program: PathBuf,
    installed: Arc<InstalledRecipe>,
    spec: RecipeSpec,
    presets: Map<String, Value>,
}

impl EsorexRecipe {
    /// Returns the recipe that an outline describes; version and parameters are the installed recipe's own.
    ///
    /// # Errors
    /// `NoRecipe` if it is not installed, `Unusable` or `System` if nothing can be learned about it.
    pub fn new(installation: &Installation, outline: &RecipeSpec) -> Result<Self, EsorexError> {
        let installed = installation.recipe(&outline.id)?;
        let spec = RecipeSpec {
            pipeline: installed.pipeline.clone(),
            params: installed.parameters.iter().map(parameter::Parameter::to_spec).collect(),
            ..outline.clone()
        };
        Ok(Self {
            settings: installation.settings().clone(),
            program: installation.program().to_path_buf(),
            installed,
            spec,
            presets: Map::new(),
        })
    }

    /// Sets parameters that a rule book asks for, as text; they stand in the default parameter set, and an override
    /// still wins.
    ///
    /// # Errors
    /// `Parameter` for a name that the recipe has not and for a value that it does not allow.
    pub fn with_presets<'a>(
        mut self,
        presets: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RecipeError> {
        for (name, value) in presets {
            let name = name.trim_start_matches('-');
            let value = parameter::value(&self.installed.parameters, name, &Value::from(value))?;
            self.presets.insert(name.to_owned(), value);
        }
        Ok(self)
    }

    fn program_error(&self, reason: impl Into<String>) -> RecipeError {
        RecipeError::Program {
            program: format!("esorex {}", self.spec.id),
            reason: reason.into(),
        }
    }

    fn system_error(&self, what: &str, error: &io::Error) -> RecipeError {
        self.program_error(format!("{what}: {error}"))
    }

    /// Makes the private folder, where the sink wants it, so that products need not be copied.
    fn folder(&self, sink: &dyn ProductSink) -> io::Result<TempDir> {
        let parent = sink
            .workshop()
            .map(PathBuf::from)
            .or_else(|| self.settings.scratch.clone());
        let parent = parent.unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::Builder::new().prefix(".esorex-").tempdir_in(parent)?;
        fs::create_dir(folder.path().join(PRODUCTS))?;
        Ok(folder)
    }

    fn arguments(&self, folder: &Path, params: Vec<String>) -> Vec<OsString> {
        let option = |name: &str, path: &Path| {
            let mut option = OsString::from(name);
            option.push(path);
            option
        };
        let mut arguments: Vec<OsString> = self.settings.recipe_dir_option().into_iter().collect();
        arguments.extend([
            option("--output-dir=", &folder.join(PRODUCTS)),
            option("--products-sof=", &folder.join(LIST)),
            option("--log-dir=", folder),
            option("--log-file=", Path::new(LOG)),
            "--suppress-prefix=TRUE".into(),
            "--suppress-link=TRUE".into(),
            "--msg-level=info".into(),
        ]);
        arguments.push(self.spec.id.as_str().into());
        arguments.extend(params.into_iter().map(OsString::from));
        arguments.push(folder.join(SOF).into_os_string());
        arguments
    }

    /// Runs the recipe and passes on what it says; returns how it ended and the reason that its lines give.
    fn call(&self, folder: &Path, arguments: Vec<OsString>, ctx: &RunContext<'_>) -> io::Result<(Ended, Reasons)> {
        let limits = [
            self.settings.memory_bytes,
            Some(ctx.memory_bytes).filter(|bytes| *bytes < u64::MAX),
        ];
        let call = Call {
            program: &self.program,
            arguments,
            folder,
            environment: self.settings.environment(folder, ctx.threads),
            timeout: self
                .settings
                .timeout_s
                .and_then(|s| Duration::try_from_secs_f64(s).ok()),
            memory_bytes: limits.into_iter().flatten().min(),
            address_space_bytes: self.settings.address_space_bytes,
            cancel: &ctx.cancel,
        };
        let mut reasons = Reasons::default();
        let mut level = LogLevel::Info;
        let ended = run(&call, &mut |text| {
            let line = log::parse(text, level);
            level = line.level;
            reasons.take(&line);
            if !line.text.trim().is_empty() {
                ctx.observer.on(&Event::Log {
                    job: ctx.job,
                    level,
                    line: line.text,
                });
            }
        })?;
        Ok((ended, reasons))
    }

    /// Returns why a run failed; `None` if it ended well.
    fn failure(&self, ended: &Ended, reasons: &Reasons, ctx: &RunContext<'_>) -> Option<RecipeError> {
        match ended.cause {
            Cause::Cancelled => Some(RecipeError::Stopped),
            Cause::Timeout => {
                let limit_s = self.settings.timeout_s.unwrap_or_default();
                Some(self.program_error(format!(
                    "it did not end within {limit_s} s and was killed; {}",
                    reasons.reason()
                )))
            }
            Cause::Memory { resident_bytes } => Some(RecipeError::Memory {
                budget_bytes: self
                    .settings
                    .memory_bytes
                    .map_or(ctx.memory_bytes, |limit| limit.min(ctx.memory_bytes)),
                floor_bytes: resident_bytes,
            }),
            Cause::Itself if ended.status.success() => None,
            Cause::Itself => Some(self.program_error(format!("{} ({})", reasons.reason(), ended.describe()))),
        }
    }

    /// Keeps the log of a run under the job's name, whether it went well or not; a log that cannot be kept is no fault
    /// of the job.
    fn keep_log(&self, folder: &Path, ctx: &RunContext<'_>) {
        let Some(log_dir) = &self.settings.log_dir else { return };
        let kept = fs::create_dir_all(log_dir)
            .and_then(|()| fs::copy(folder.join(LOG), log_dir.join(format!("{}.log", job_folder(ctx.job)))));
        if let Err(error) = kept {
            ctx.observer.on(&Event::Warning {
                message: &format!("job {}: its log cannot be kept: {error}", ctx.job),
            });
        }
    }

    /// Hands the products on; those that are no FITS files stay behind.
    fn hand_on(&self, made: Vec<Made>, sink: &mut dyn ProductSink, ctx: &RunContext<'_>) -> Result<(), RecipeError> {
        let takes_files = sink.workshop().is_some();
        for product in made {
            if product.path.extension().is_none_or(|extension| extension != "fits") {
                ctx.observer.on(&Event::Warning {
                    message: &format!("job {}: {} is no FITS file and is left out", ctx.job, product.name),
                });
                continue;
            }
            if let Some(stated) = product.pipeline.filter(|stated| *stated != self.spec.pipeline) {
                ctx.observer.on(&Event::Warning {
                    message: &format!(
                        "job {}: product {} states pipeline {stated}, installed is {}",
                        ctx.job, product.name, self.spec.pipeline
                    ),
                });
            }
            if takes_files {
                sink.adopt(&product.tag, &product.name, &product.path.display().to_string())?;
            } else {
                let mut whole = read_product(&product.path).map_err(|source| SinkError::Unreadable {
                    name: product.name,
                    source,
                })?;
                whole.tag = product.tag;
                sink.put(whole)?;
            }
        }
        Ok(())
    }
}

impl RecipeDyn for EsorexRecipe {
    fn spec_dyn(&self) -> &RecipeSpec {
        &self.spec
    }

    fn default_params_dyn(&self) -> Value {
        let mut params = parameter::defaults(&self.installed.parameters);
        params.extend(self.presets.clone());
        Value::Object(params)
    }

    fn execute_dyn(
        &self,
        inputs: &InputSet<'_>,
        params: &Value,
        _reader: &dyn FrameReader,
        sink: &mut dyn ProductSink,
        ctx: &RunContext<'_>,
    ) -> Result<Outcome, RecipeError> {
        let params = parameter::arguments(params, &self.installed.parameters)?;
        inputs.check(&self.spec)?;
        let frames = inputs.frames().iter().map(|frame| {
            let path = path_of(&frame.location).map_err(|source| RecipeError::Read {
                frame: frame.id.clone(),
                source,
            })?;
            Ok((frame.clone(), path))
        });
        let frames = frames.collect::<Result<Vec<_>, RecipeError>>()?;
        if ctx.cancel.is_cancelled() {
            return Err(RecipeError::Stopped);
        }
        let folder = self
            .folder(sink)
            .map_err(|error| self.system_error("its working folder cannot be made", &error))?;
        let frames = edited::copies(frames, &ctx.record.overlays, &folder.path().join(EDITED))?;
        sof::write(&folder.path().join(SOF), folder.path(), &frames)
            .map_err(|error| self.system_error("its set of frames cannot be written", &error))?;
        let (ended, reasons) = self
            .call(folder.path(), self.arguments(folder.path(), params), ctx)
            .map_err(|error| self.system_error("it cannot be run", &error))?;
        ctx.note_usage(ended.usage);
        self.keep_log(folder.path(), ctx);
        if let Some(error) = self.failure(&ended, &reasons, ctx) {
            return Err(error);
        }
        let made = harvest::find(&folder.path().join(LIST), &folder.path().join(PRODUCTS))
            .map_err(|reason| self.program_error(reason))?;
        if let Some(complaint) = harvest::complaint(&made, &self.spec.outputs) {
            return Err(self.program_error(complaint));
        }
        self.hand_on(made, sink, ctx)?;
        folder
            .close()
            .map_err(|error| self.system_error("its working folder cannot be removed", &error))?;
        Ok(Outcome::default())
    }
}
