//! FITS files, processes and run state of PHOENIX

pub mod ab;
pub mod catalogue;
pub mod db;
pub mod digest;
mod disk;
pub mod esorex;
pub mod fits;
pub mod lock;
pub mod memory;
mod meter;
pub mod pool;
pub mod reader;
pub mod sink;

pub use ab::AssociationBlock;
pub use db::SqliteState;
pub use disk::free_bytes;
pub use esorex::{EsorexError, EsorexRecipe, EsorexSettings, Installation};
pub use lock::RunLock;
pub use memory::{MemoryReader, MemorySinks};
pub use meter::ProcessMeter;
pub use pool::ThreadExecutor;
pub use reader::{FitsReader, read_product};
pub use sink::{DirSinks, FlatSinks, KeepEvery, job_folder, write_product};
