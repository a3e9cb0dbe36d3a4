//! FITS files, processes and run state of PHOENIX

pub mod db;
pub mod digest;
pub mod fits;
pub mod lock;
pub mod pool;
