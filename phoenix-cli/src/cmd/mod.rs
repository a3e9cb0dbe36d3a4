//! One file per command. Each returns an answer or a failure; none prints.

mod ab;
mod campaign;
mod compare;
mod deep;
mod demo;
mod doctor;
mod recipe;
mod redo;
mod review;
mod rules;
mod run;
mod sdp;

pub(crate) use demo::DemoReport;

use clap::Parser;
use clap::error::ErrorKind;
use phoenix::backend::{Backend, BackendError, BackendSettings};
use phoenix::controls::Controls;
use phoenix::core::engine::Budget;
use phoenix::core::registry::Registry;
use phoenix::line::LineError;
use serde_json::json;

use crate::answer::Answer;
use crate::args::{AbCommand, Cli, Command, Machine, Output, RulesCommand, SdpCommand};
use crate::failure::{Exit, Failure};
use crate::grammar;

/// Reads the command line and does what it says.
pub(crate) fn dispatch(words: &[String], output: Output) -> Result<Answer, Failure> {
    let first = words.iter().position(|word| !word.starts_with('-'));
    if let Some(place) = first.filter(|place| words[*place] == "recipe") {
        // Recipes have parameters of their own, which no fixed list of options can hold.
        let free: Vec<String> = words
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != place)
            .map(|(_, word)| word.clone())
            .collect();
        let line = grammar::recipe_line(&free).map_err(|error| {
            Failure::message(Exit::Usage, error).with_hint("phoenix recipe NAME --help lists what it can be told")
        })?;
        return recipe::run(&line, output);
    }
    let cli = match Cli::try_parse_from(std::iter::once("phoenix".to_owned()).chain(words.iter().cloned())) {
        Ok(cli) => cli,
        Err(error) => return parse_end(&error, output),
    };
    match cli.command {
        Command::Demo(args) => demo::run(&args, output),
        Command::Recipe => recipe::run(&grammar::RecipeLine::default(), output),
        Command::Plan(args) => run::plan(&args, output),
        Command::Run(args) if args.dry_run => run::plan(&args, output),
        Command::Run(args) => run::run(&args, output),
        Command::Deep(args) => deep::run(&args, output),
        Command::Stream(args) => campaign::stream(&args, output),
        Command::Ab(AbCommand::Import(args)) => ab::import(&args),
        Command::Ab(AbCommand::Compare(args)) => ab::compare(&args),
        Command::Status(args) => run::status(&args),
        Command::Resume(args) => run::resume(&args, output),
        Command::Review(args) => review::run(&args, output),
        Command::Doctor(args) => doctor::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Redo(args) => redo::run(&args),
        Command::Rules(RulesCommand::Check(args)) => rules::lint(&args),
        Command::Rules(RulesCommand::Explain(args)) => rules::explain(&args),
        Command::Sdp(SdpCommand::Validate(args)) => sdp::validate(&args),
    }
}

/// Help and version are answers; everything else that the parser says is a mistake of usage.
fn parse_end(error: &clap::Error, output: Output) -> Result<Answer, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = if output.json || !console::colors_enabled() {
                error.render().to_string()
            } else {
                error.render().ansi().to_string()
            };
            // Help was asked for, so it is printed even if quiet was asked for too.
            Ok(print_help(&text, output))
        }
        _ => {
            let text = error.render().to_string();
            let text = text.trim().trim_start_matches("error: ").to_owned();
            Err(Failure::message(Exit::Usage, text))
        }
    }
}

fn print_help(text: &str, output: Output) -> Answer {
    if !output.json {
        use std::io::Write;
        let _ = write!(std::io::stdout(), "{text}");
        return Answer::good(json!({}), String::new()).silent();
    }
    Answer::good(json!({"help": text}), text.to_owned())
}

/// Returns the instruments that are built in.
fn registry() -> Result<Registry, Failure> {
    phoenix::default_registry().map_err(|error| Failure::usage(&error))
}

/// Returns what a run heeds: signals, progress, and the machine's share.
fn controls(machine: Machine, output: Output) -> Result<Controls, Failure> {
    let threads = machine
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let memory_bytes = machine.memory.unwrap_or_else(|| phoenix::machine::memory_bytes() / 2);
    Ok(Controls::new()
        .with_observer(crate::progress::observer(output))
        .with_cancel(crate::interrupt::token()?)
        .with_budget(Budget { threads, memory_bytes }))
}

/// Reads which backend runs which task.
fn backend(mut settings: BackendSettings, words: &[String]) -> Result<BackendSettings, Failure> {
    for word in words {
        let (task, name) = match word.split_once('=') {
            Some((task, name)) => (Some(task), name),
            None => (None, word.as_str()),
        };
        let backend: Backend =
            (name.parse()).map_err(|error: BackendError| Failure::usage(&error).within(format!("--backend {word}")))?;
        match task {
            Some(task) => settings = settings.with_task(task, backend),
            None => settings.default = backend,
        }
    }
    Ok(settings)
}

/// Returns the failure for an error of the line; `exit` is for those that are neither usage nor a stop.
fn line_failure(error: &LineError, exit: Exit) -> Failure {
    match error {
        LineError::Stopped => Failure::stopped(),
        LineError::NoRun { .. } => Failure::usage(error).with_hint("phoenix run begins one"),
        LineError::OtherRun { .. } => Failure::usage(error).with_hint("give another --out"),
        LineError::Instrument(_)
        | LineError::UnknownJob { .. }
        | LineError::NotWaiting { .. }
        | LineError::Overlay { .. }
        | LineError::Rules(_)
        | LineError::OtherInstrument { .. }
        | LineError::EmptyBatch { .. }
        | LineError::NoDeep { .. }
        | LineError::DeepLimit { .. } => Failure::usage(error),
        error => Failure::new(exit, error),
    }
}
