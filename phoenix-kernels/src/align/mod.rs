//! Alignment of exposures: coordinate offsets and flux scales from their images.
//!
//! The flow is one direction: an image (`image`) loses its background and bad pixels (`background`), its sources are
//! found (`detect`) and measured (`centroid`); differences of positions vote for the first guess (`votes`), sources
//! are followed through the exposures (`tracks`) and all offsets are solved at once (`solve`); where sources are too
//! few, images are correlated (`correlate`, with `fourier`; `guess` chooses); `flux` compares transparencies, `anchor` ties
//! it to a catalogue or an image, `offsets` drives all of it `preview` adds the aligned images up and `seams` compares their levels.

pub mod anchor;
pub(crate) mod background;
pub(crate) mod centroid;
pub(crate) mod correlate;
pub(crate) mod detect;
pub(crate) mod flux;
pub(crate) mod fourier;
pub(crate) mod guess;
pub mod image;
pub(crate) mod linear;
pub mod offsets;
pub mod preview;
pub mod seams;
pub(crate) mod solve;
pub(crate) mod tracks;
pub(crate) mod votes;

pub use anchor::{Anchor, CatalogueStar};
pub use centroid::Source;
pub use image::SkyImage;
pub use offsets::{AlignOptions, Alignment, ExposureOffset, Method, align, align_to};
pub use preview::{Preview, preview};
pub use seams::{Seam, seams};
