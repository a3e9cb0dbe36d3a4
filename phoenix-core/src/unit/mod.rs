//! Quantities with units at public boundaries, and the only place where 0-based and FITS pixels meet.

mod pixel;
mod time;

pub use pixel::{Pix0, Pix1};
pub use time::{Mjd, Night, TimeError};
