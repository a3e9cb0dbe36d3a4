//! The streaming writer: slabs in any order, sums in the same pass, the file visible only when it is whole.

mod encode;
mod intervals;
mod kept;
mod layout;
mod pieces;
mod rows;
mod running;
mod spec;
mod writer;

pub use encode::Pixel;
pub(crate) use kept::KeptUnit;
pub use spec::{ImageSpec, TableSpec, WriteOptions};
pub use writer::{FitsWriter, Written};
