//! Stands in for the frames that a real program has: the pixel tables of a simulated night.

use std::error::Error;

use phoenix::core::frame::{Frame, FrameRef};
use phoenix::core::traits::FrameReader;
use phoenix::io::{FitsReader, write_product};
use phoenix_sim::night::{Content, demo};

/// Returns frames known by their headers, and the folder that goes when it is dropped.
pub(crate) fn of_a_night() -> Result<(tempfile::TempDir, Vec<Frame>), Box<dyn Error>> {
    let (folder, reader) = (tempfile::tempdir()?, FitsReader::new());
    let mut frames = Vec::new();
    for file in demo(1).files {
        let Content::Product(product) = file.content else {
            continue;
        };
        let path = folder.path().join(&product.name);
        let reference = FrameRef {
            id: product.name.trim_end_matches(".fits").into(),
            tag: product.tag.clone(),
            location: path.display().to_string(),
            size_bytes: None,
            digest: None,
        };
        write_product(&path, product)?;
        let primary = reader.hdus(&reference)?.swap_remove(0);
        frames.push(Frame {
            id: reference.id,
            location: reference.location,
            header: primary.header,
            size_bytes: Some(std::fs::metadata(&path)?.len()),
        });
    }
    Ok((folder, frames))
}
