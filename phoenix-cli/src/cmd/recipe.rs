//! `phoenix recipe`: one recipe on one set of frames.

use std::path::PathBuf;

use phoenix::single::{self, SingleError};
use phoenix::sof;
use serde_json::json;

use crate::answer::Answer;
use crate::args::Output;
use crate::failure::{Exit, Failure};
use crate::grammar::RecipeLine;
use crate::render;

/// Lists recipes, explains one, or runs one.
pub(crate) fn run(line: &RecipeLine, output: Output) -> Result<Answer, Failure> {
    let registry = super::registry()?;
    let Some(name) = &line.name else {
        if line.list || line.help {
            return Ok(list(&registry));
        }
        return Err(
            Failure::message(Exit::Usage, "which recipe? phoenix recipe NAME SOF [--PARAM=VALUE ...]")
                .with_hint("phoenix recipe --list"),
        );
    };
    let instrument =
        single::find(&registry, name).map_err(|error| failure(&error).with_hint("phoenix recipe --list"))?;
    let Some(recipe) = instrument.recipe(&name.as_str().into()) else {
        return Err(Failure::message(Exit::Usage, format!("recipe {name} is not known")));
    };
    if line.help {
        let (spec, defaults) = (recipe.spec_dyn(), recipe.default_params_dyn());
        let document = json!({"recipe": spec, "defaults": defaults});
        return Ok(Answer::good(document, render::recipe_help(spec, &defaults)));
    }
    let Some(path) = &line.sof else {
        return Err(Failure::message(
            Exit::Usage,
            format!("recipe {name} needs a set of frames: phoenix recipe {name} SOF"),
        ));
    };
    let mut texts = line.params.clone();
    texts.extend(
        line.numerics
            .map(|numerics| ("numerics".to_owned(), numerics.name().to_owned())),
    );
    let params = single::params(recipe, &texts)
        .map_err(|error| failure(&error).with_hint(format!("phoenix recipe {name} --help lists its parameters")))?;
    let frames = read_sof(path)?;
    let out = line.out.clone().unwrap_or_else(|| PathBuf::from("."));
    std::fs::create_dir_all(&out)
        .map_err(|error| Failure::usage(&error).within(format!("folder {} cannot be made", out.display())))?;
    let controls = super::controls(line.machine, output)?;
    let report =
        single::run(instrument.clone(), name, frames, params, &out, &controls).map_err(|error| failure(&error))?;
    let text = render::recipe_run(&report);
    let document = serde_json::to_value(&report).map_err(|error| Failure::new(Exit::Findings, &error))?;
    Ok(Answer::good(document, text))
}

fn list(registry: &phoenix::core::registry::Registry) -> Answer {
    let specs: Vec<_> = (registry.iter())
        .flat_map(|instrument| {
            let tasks = instrument.tasks();
            tasks
                .into_iter()
                .filter_map(|task| instrument.recipe(&task).map(|recipe| recipe.spec_dyn().clone()))
        })
        .collect();
    Answer::good(json!({"recipes": specs}), render::recipe_list(&specs))
}

fn read_sof(path: &PathBuf) -> Result<Vec<phoenix::core::frame::FrameRef>, Failure> {
    let context = format!("set of frames {}", path.display());
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(&error).within(format!("{context} cannot be read")))?;
    let variable = |name: &str| std::env::var(name).ok();
    let entries = sof::parse(&text, &variable).map_err(|error| Failure::usage(&error).within(context.clone()))?;
    single::frames(&entries).map_err(|error| failure(&error).within(context))
}

/// A recipe that ended with an error ran to its end; everything else never started.
fn failure(error: &SingleError) -> Failure {
    match error {
        SingleError::Stopped => Failure::stopped(),
        SingleError::Failed { .. } => Failure::new(Exit::Findings, error),
        error => Failure::usage(error),
    }
}
