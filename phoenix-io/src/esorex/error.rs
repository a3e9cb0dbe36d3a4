//! Why `esorex` cannot be used at all; what goes wrong in one run is a `RecipeError`.

use std::path::PathBuf;

use phoenix_core::error::Status;
use phoenix_core::id::RecipeId;

/// `esorex` or one of its recipes cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EsorexError {
    /// The program is not there: install it or name it.
    #[error("program {program} is not there")]
    Missing {
        /// The program as it was asked for.
        program: PathBuf,
    },
    /// The program does not answer as `esorex` does: name another.
    #[error("program {program} does not answer as esorex does: {reason}")]
    Unusable {
        /// The program.
        program: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The recipe is not installed: install the pipeline or name its folder.
    #[error("recipe {recipe} is not installed for {program}")]
    NoRecipe {
        /// The recipe.
        recipe: RecipeId,
        /// The program.
        program: PathBuf,
    },
    /// The system refuses: mend rights or space.
    #[error("program {program} cannot be run")]
    System {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl EsorexError {
    /// Tells whether trying again can help.
    pub fn status(&self) -> Status {
        match self {
            Self::System { .. } => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}
