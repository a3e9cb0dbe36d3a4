//! What a command ends with: one document for programs, a text for people, an exit code.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::Output;
use crate::failure::{Exit, Failure};

/// The answer of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The document that `--json` prints.
    pub(crate) document: Value,
    /// The text for people.
    pub(crate) text: String,
    /// The exit code.
    pub(crate) exit: Exit,
}

impl Answer {
    /// Returns a good answer.
    pub(crate) fn good(document: Value, text: String) -> Self {
        Self {
            document,
            text,
            exit: Exit::Good,
        }
    }

    /// Prints nothing more: what there was to say is said.
    pub(crate) fn silent(mut self) -> Self {
        self.text.clear();
        self
    }

    /// Sets the exit code.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// Prints an answer or a failure and returns the exit code.
///
/// A reader that went away (`phoenix status | head -1`) is no error.
pub(crate) fn print(end: &Result<Answer, Failure>, output: Output) -> ExitCode {
    let exit = match end {
        Ok(answer) => answer.exit,
        Err(failure) => failure.exit,
    };
    if output.json {
        let document = match end {
            Ok(answer) => answer.document.clone(),
            Err(failure) => json!({"error": failure.chain, "hint": failure.hint, "exit": failure.exit.code()}),
        };
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        let _ = writeln!(std::io::stdout(), "{text}");
        return exit.code().into();
    }
    match end {
        Ok(answer) if answer.text.is_empty() || (output.quiet && answer.exit == Exit::Good) => {}
        Ok(answer) => {
            let _ = writeln!(std::io::stdout(), "{}", answer.text.trim_end());
        }
        Err(failure) => {
            let _ = write!(std::io::stderr(), "{}", crate::render::failure(failure));
        }
    }
    exit.code().into()
}
