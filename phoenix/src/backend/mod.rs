//! Who runs the recipes: PHOENIX itself or ESO's pipelines, chosen per task.
//!
//! `settings` says what is wanted, `backed` is an instrument whose recipes come from there, `doctor` tells what is
//! there and what is missing.

mod backed;
mod doctor;
mod settings;

pub use backed::Backed;
pub use doctor::{DoctorReport, EsorexHealth, Machine, TaskHealth, TaskState, doctor};
pub use settings::{Backend, BackendError, BackendSettings};
