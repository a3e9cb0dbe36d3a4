//! ESO's own pipelines: any recipe that `esorex` can run, as a `RecipeDyn`.
//!
//! `settings` says where `esorex` is and what it may take, `installation` finds out which recipes are there, `parameter`
//! turns a parameter set into arguments, `sof` writes the set of frames,
//! `edited` copies those whose headers overlays edit, `process` runs the program under limits and
//! `memory` watches what it takes, `log` reads what it says, `harvest` finds what it made, `recipe` is the whole.

mod edited;
mod error;
mod harvest;
mod installation;
mod log;
mod memory;
mod parameter;
mod process;
mod recipe;
mod settings;
mod sof;

pub use error::EsorexError;
pub use installation::{Installation, InstalledRecipe, Version};
pub use parameter::{Kind, Parameter};
pub use recipe::EsorexRecipe;
pub use settings::EsorexSettings;

pub(crate) use memory::peak_of;
