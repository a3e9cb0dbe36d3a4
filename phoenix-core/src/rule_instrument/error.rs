//! Why an instrument cannot be built from rules.

use crate::id::{RecipeId, Tag};
use crate::rules::RuleError;

/// An instrument cannot be built from its rules.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The rules or the validity table cannot be read: mend them.
    #[error("rules cannot be used")]
    Rules(#[from] RuleError),
    /// The rules do not tell which instrument they are for: name it in the validity table.
    #[error("the instrument is not told: rules compare INSTRUME with {}; set instrument in the validity table", if found.is_empty() { "nothing".to_owned() } else { found.join(", ") })]
    Instrument {
        /// The values that the rules name.
        found: Vec<String>,
    },
    /// The validity table plans a calibration that no slot asks for: mend its name.
    #[error("validity table: no slot of any action has the kind {tag}")]
    UnknownCalibration {
        /// The name.
        tag: Tag,
    },
    /// A recipe was given that no action names: mend the rules or leave it out.
    #[error("recipe {recipe} is named by no action")]
    UnknownRecipe {
        /// The recipe.
        recipe: RecipeId,
    },
    /// An action sets an option that its native recipe does not have: mend the rules.
    #[error("recipe {recipe} has no option {option}")]
    UnknownOption {
        /// The recipe.
        recipe: RecipeId,
        /// The option.
        option: String,
    },
}
