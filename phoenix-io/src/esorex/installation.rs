//! Which `esorex` there is, which recipes it has, and what it says about each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phoenix_core::cancel::CancelToken;
use phoenix_core::id::RecipeId;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::parameter::Parameter;
use super::process::{Call, Cause, run};
use super::{EsorexError, EsorexSettings};

/// How long an answer about a recipe may take.
const ANSWER: Duration = Duration::from_mins(1);

/// The versions that `esorex --version` names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Of `esorex`, e.g. `3.13.6`.
    pub esorex: String,
    /// Of the libraries, e.g. `CPL` and `7.2.3`.
    pub libraries: BTreeMap<String, String>,
}

/// What is known about an installed recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstalledRecipe {
    /// Its name.
    pub id: RecipeId,
    /// What it does, one sentence.
    pub synopsis: String,
    /// The pipeline and its version as `PRO.REC1.PIPE.ID` spells it, e.g. `muse/2.8.7`.
    pub pipeline: String,
    /// Its parameters in its own order.
    pub parameters: Vec<Parameter>,
}

/// An `esorex` with the recipes that it finds.
///
/// # Contract
/// * A recipe is asked about once; the answer is kept as long as the value lives.
/// * Nothing is written but in a folder of its own that is removed at once.
#[derive(Debug)]
pub struct Installation {
    settings: EsorexSettings,
    program: PathBuf,
    version: Version,
    recipes: BTreeMap<RecipeId, String>,
    known: Mutex<BTreeMap<RecipeId, Arc<InstalledRecipe>>>,
}

impl Installation {
    /// Looks for `esorex` and lists its recipes.
    ///
    /// # Errors
    /// `Missing` if the program is not there, `Unusable` if it is another program, `System`.
    pub fn find(settings: EsorexSettings) -> Result<Self, EsorexError> {
        let program = settings.find_program().ok_or_else(|| EsorexError::Missing {
            program: settings.program.clone(),
        })?;
        let mut found = Self {
            settings,
            program,
            version: Version::default(),
            recipes: BTreeMap::new(),
            known: Mutex::default(),
        };
        let text = found.ask(&["--version".into()])?.0;
        found.version = parse_version(&text).ok_or_else(|| EsorexError::Unusable {
            program: found.program.clone(),
            reason: text
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or("nothing")
                .to_owned(),
        })?;
        found.recipes = parse_recipes(&found.ask(&["--recipes".into()])?.0);
        Ok(found)
    }

    /// Returns how it was asked for.
    pub fn settings(&self) -> &EsorexSettings {
        &self.settings
    }

    /// Returns the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the versions of program and libraries.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Returns the installed recipes with what each does.
    pub fn recipes(&self) -> &BTreeMap<RecipeId, String> {
        &self.recipes
    }

    /// Returns what is known about a recipe.
    ///
    /// # Errors
    /// `NoRecipe` if it is not installed; `Unusable` if the answer cannot be understood; `System`.
    pub fn recipe(&self, id: &RecipeId) -> Result<Arc<InstalledRecipe>, EsorexError> {
        let synopsis = self.recipes.get(id).ok_or_else(|| EsorexError::NoRecipe {
            recipe: id.clone(),
            program: self.program.clone(),
        })?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recipe) = known.get(id) {
            return Ok(recipe.clone());
        }
        // One start of the program answers both; it loads every recipe that is installed.
        let create_config = || format!("--create-config={CONFIG}").into();
        let (page, mut config) = self.ask(&["--man-page".into(), create_config(), id.as_str().into()])?;
        if config.is_none() {
            config = self.ask(&[create_config(), id.as_str().into()])?.1;
        }
        let parameters = config
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(|| EsorexError::Unusable {
                program: self.program.clone(),
                reason: format!("it does not list the parameters of {id} as JSON"),
            })?;
        let recipe = Arc::new(InstalledRecipe {
            id: id.clone(),
            synopsis: synopsis.clone(),
            pipeline: parse_pipeline(&page, id),
            parameters,
        });
        known.insert(id.clone(), recipe.clone());
        Ok(recipe)
    }

    /// Asks `esorex`; returns what it said and the configuration if it wrote one.
    fn ask(&self, question: &[OsString]) -> Result<(String, Option<String>), EsorexError> {
        let system = |source| EsorexError::System {
            program: self.program.clone(),
            source,
        };
        let folder = TempDir::new().map_err(system)?;
        let mut text = String::new();
        let call = Call {
            program: &self.program,
            arguments: self
                .settings
                .recipe_dir_option()
                .into_iter()
                .chain(question.iter().cloned())
                .collect(),
            folder: folder.path(),
            environment: self.settings.environment(folder.path(), 1),
            timeout: Some(ANSWER),
            memory_bytes: None,
            address_space_bytes: None,
            cancel: &CancelToken::new(),
        };
        let ended = run(&call, &mut |line| {
            text.push_str(line);
            text.push('\n');
        })
        .map_err(system)?;
        if ended.cause != Cause::Itself {
            return Err(EsorexError::Unusable {
                program: self.program.clone(),
                reason: format!("it does not answer within {} s", ANSWER.as_secs()),
            });
        }
        let config = fs::read_to_string(folder.path().join(CONFIG)).ok();
        Ok((text, config))
    }
}

const CONFIG: &str = "config.json";

/// Reads `***** ESO Recipe Execution Tool, version 3.13.6 *****` and `Libraries used: CPL = 7.2.3, ...`.
fn parse_version(text: &str) -> Option<Version> {
    let line = text.lines().find(|line| line.contains("Recipe Execution Tool"))?;
    let esorex = line.split_once("version")?.1.split_whitespace().next()?.to_owned();
    let libraries = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Libraries used:"));
    let libraries = libraries.map_or_else(BTreeMap::new, |list| {
        list.split(',')
            .filter_map(|library| library.split_once('='))
            .map(|(name, version)| (name.trim().to_owned(), version.trim().to_owned()))
            .collect()
    });
    Some(Version { esorex, libraries })
}

/// Reads the list of recipes: a name two columns in, a colon, and text that goes on in deeper lines.
fn parse_recipes(text: &str) -> BTreeMap<RecipeId, String> {
    let mut recipes: BTreeMap<RecipeId, String> = BTreeMap::new();
    let mut last = None;
    for line in text
        .lines()
        .skip_while(|line| !line.contains("List of Available Recipes"))
        .skip(1)
    {
        let entry = line.split_once(" : ").filter(|(name, _)| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let name = name.trim_end();
            name.strip_prefix("  ")
                .is_some_and(|name| !name.is_empty() && name.chars().all(is_name))
        });
        if let Some((name, synopsis)) = entry {
            let id = RecipeId::from(name.trim());
            recipes.insert(id.clone(), synopsis.trim().to_owned());
            last = Some(id);
        } else if let Some(synopsis) = last.as_ref().and_then(|id| recipes.get_mut(id))
            && line.starts_with("    ")
        {
            synopsis.push(' ');
            synopsis.push_str(line.trim());
        }
    }
    recipes
}

/// Reads version and pipeline from a manual page: `muse_bias -- version 2.8.7` below `RELEASE`, and
/// `This file is part of the MUSE Instrument Pipeline` below `LICENSE`.
fn parse_pipeline(page: &str, id: &RecipeId) -> String {
    let version = page
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix(id.as_str())?
                .trim()
                .strip_prefix("-- version ")
        })
        .unwrap_or("unknown");
    let package = page
        .lines()
        .find_map(|line| line.trim().strip_prefix("This file is part of the "))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|name| name.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .map_or_else(
            || id.as_str().split('_').next().unwrap_or_default().to_owned(),
            str::to_ascii_lowercase,
        );
    format!("{package}/{}", version.trim())
}

#[cfg(test)]
mod tests {
    use super::{parse_pipeline, parse_recipes, parse_version};

    #[test]
    fn the_version_names_program_and_libraries() {
        let text = "\n     ***** ESO Recipe Execution Tool, version 3.13.6  *****\n\nLibraries used: CPL = 7.2.3, WCSLIB, \
                    CFITSIO = 4.2.0\n";
        let version = parse_version(text).unwrap();
        assert_eq!(version.esorex, "3.13.6");
        assert_eq!(version.libraries["CPL"], "7.2.3");
        assert_eq!(version.libraries.len(), 2);
        assert_eq!(parse_version("cat (GNU coreutils) 9.1"), None);
    }

    #[test]
    fn a_synopsis_may_take_several_lines() {
        let text = "[ INFO  ] esorex: x : y\nList of Available Recipes :\n\n  muse_bias             : Combine bias.\n  \
                    muse_scipost_combine_pixtables  : Combine MUSE pixel tables, either from\n            different IFUs, \
                    or both.\n";
        let recipes = parse_recipes(text);
        assert_eq!(recipes.len(), 2);
        assert_eq!(
            recipes[&"muse_scipost_combine_pixtables".into()],
            "Combine MUSE pixel tables, either from different IFUs, or both."
        );
    }

    #[test]
    fn the_pipeline_is_spelled_as_products_spell_it() {
        let page =
            "RELEASE\n  uves_cal_mbias -- version 6.1.8\n\nLICENSE\n  This file is part of the FLAMES/UVES Pipeline\n";
        assert_eq!(parse_pipeline(page, &"uves_cal_mbias".into()), "uves/6.1.8");
        let page = "RELEASE\n  gimasterbias -- version 2.16.10\nLICENSE\n   This file is part of the GIRAFFE Instrument Pipeline\n";
        assert_eq!(parse_pipeline(page, &"gimasterbias".into()), "giraffe/2.16.10");
        assert_eq!(parse_pipeline("", &"muse_bias".into()), "muse/unknown");
    }
}
