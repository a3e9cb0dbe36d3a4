//! Which exposures of many blocks become one product.

use std::fmt;

use super::SelectError;
use crate::deep::{DeepGroups, DeepParams, DeepRequest};
use crate::frame::ClassifiedFrame;
use crate::id::RecipeId;

/// Groups exposures across blocks, nights and runs, and tells every reason. Pure: headers in, groups out.
///
/// # Contract
/// * A selection with a `DeepRequest` makes exactly these groups: one dataset each that makes the product.
/// * Order-free: permuting `frames` changes nothing.
/// * Every science frame is in one group or is left out with a reason.
pub trait DeepSelector: fmt::Debug + Send + Sync {
    /// Groups classified frames.
    ///
    /// # Errors
    /// `MissingKeyword` if a science frame lacks a grouping key.
    fn groups(&self, frames: &[ClassifiedFrame], request: &DeepRequest) -> Result<DeepGroups, SelectError>;

    /// Returns the parameters of tasks that such a stack needs beside the recipes' defaults.
    fn params(&self, request: &DeepRequest) -> DeepParams;

    /// Returns the recipes of single exposures whose products an earlier run may lend, if it made them of the same content.
    fn lent(&self) -> Vec<RecipeId> {
        Vec::new()
    }
}
