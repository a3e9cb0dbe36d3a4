//! The line: ten steps over one run folder, each separately callable, repeatable and safe under `kill -9`.
//!
//! `config` says what is asked for, `folder` where it lies, `run` is the `Line` itself; `plan`, `fetch`, `process`,
//! `quality`, `review`, `convert`, `ingest` are the steps; `edits` changes headers before frames are named, `mode` says
//! which frames a kind of batch works with, `neighbours` borrows raw calibrations of other nights, `batch` selects by what is no date, `deep` tells of stacks across blocks, `ab` brings in association blocks,
//! `judge` sets masters beside stored scores, `past` is what limits are formed from, `costs` what recipes took; `redo`
//! forgets results, `compare` sets two runs side by side; `report` and `summary` tell how it stands; `fault` keeps
//! the failure of one job from the others; `resume` is what makes a second start safe; `campaign` works many nights.
//!
//! A stage of a job is recorded once, when its results are on the disk under their final names. Whatever a killed
//! process did after its last record is done again and gives the same bits; what it left half-written has a name
//! that the next start removes.

mod ab;
mod batch;
mod campaign;
mod compare;
mod config;
mod convert;
mod costs;
mod deep;
mod edits;
mod error;
mod fault;
mod fetch;
mod folder;
mod ingest;
mod judge;
mod mode;
mod neighbours;
mod past;
mod plan;
mod process;
mod quality;
mod redo;
mod report;
mod resume;
mod review;
mod run;
mod summary;

pub use crate::choice::{BlockSource, Mode, Numerics, ReviewPolicy, SettingError};
pub use ab::{BlockChange, CalibrationChange, ImportedBlock, compare_blocks, import as import_blocks};
pub use batch::BatchKey;
pub use campaign::{ALARM_DAYS, Campaign, CampaignKind, CampaignReport, GivenUp, Lack, NightEnd, NightState};
pub use compare::{Comparison, Difference, compare};
pub use config::{Nights, Settings, Step};
pub use convert::{Conversion, ConvertSource, convert_product, sdp_file};
pub use costs::{RecipeCost, Taken};
pub use deep::{DeepReport, DeepUpdate, GroupReport, LentImages, MeasuredExposure};
pub use error::LineError;
pub use folder::RunFolder;
pub use plan::{Planned, explain, plan};
pub use quality::{Examination, examine, stale_checksums};
pub use run::Line;
pub use summary::{JobSummary, LineReport, ScoreSummary};
