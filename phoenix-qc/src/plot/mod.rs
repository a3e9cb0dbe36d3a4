//! The preview: a white-light image as PNG with colour bar, celestial axes, compass and scale bar; a spectrum as a curve.
//!
//! `spec` says what to draw and can be stored; `raster` draws it. `zscale` and `stretch` turn values into a place on the
//! colour map, `ticks` finds round values and celestial positions, `canvas` puts lines and text on pixels.

mod canvas;
mod curve;
mod raster;
mod spec;
mod stretch;
mod text;
mod ticks;
mod zscale;

use ndarray::Array2;
use phoenix_core::product::Product;
use phoenix_core::traits::ReadError;

pub use crate::celestial::SkyWcs;
pub use curve::{CurvePreview, curve};
pub use raster::render;
pub use spec::{ColourMap, PreviewSpec, Stretch};
pub use zscale::zscale;

use crate::measure::CubeSurvey;

/// A preview cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The image has no pixels: check the product.
    #[error("image {title:?} has no pixels")]
    Empty {
        /// The title of the preview.
        title: String,
    },
    /// The product has no such image: name another extension.
    #[error("product {product} has no image in extension {extension}")]
    NoImage {
        /// The product.
        product: String,
        /// The extension.
        extension: String,
    },
    /// The product's pixels cannot be read.
    #[error("product {product} cannot be read")]
    Unreadable {
        /// The product.
        product: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The drawing is larger than memory or the format allows: ask for a smaller one.
    #[error("preview {title:?} of {width_px} x {height_px} pixels cannot be made")]
    TooLarge {
        /// The title of the preview.
        title: String,
        /// Columns.
        width_px: u32,
        /// Rows.
        height_px: u32,
    },
}

/// Draws the white-light image of a survey.
///
/// # Errors
/// If it cannot be drawn.
pub fn white_light(survey: &CubeSurvey, title: &str, subtitle: &str) -> Result<Vec<u8>, PlotError> {
    let spec = PreviewSpec::new(title).with_subtitle(subtitle).with_unit(&survey.unit);
    render(&spec, &survey.white, survey.wcs.as_ref())
}

/// Draws the first plane of an image extension of a product.
///
/// # Errors
/// If there is no such image, or it cannot be read or drawn.
pub fn image_product(product: &Product, extension: &str, title: &str, subtitle: &str) -> Result<Vec<u8>, PlotError> {
    let (Some(hdu), Some(planes)) = (product.hdu(extension), product.planes(extension)) else {
        return Err(PlotError::NoImage {
            product: product.name.clone(),
            extension: extension.to_owned(),
        });
    };
    let [_, n_y, n_x] = planes.shape();
    let mut image = Array2::zeros((n_y, n_x));
    if let Some(pixels) = image.as_slice_mut() {
        planes.read(0..1, pixels).map_err(|source| PlotError::Unreadable {
            product: product.name.clone(),
            source,
        })?;
    }
    let unit = hdu
        .header
        .str("BUNIT")
        .or_else(|_| product.header.str("BUNIT"))
        .unwrap_or_default();
    let spec = PreviewSpec::new(title).with_subtitle(subtitle).with_unit(unit);
    render(&spec, &image, SkyWcs::from_header(&hdu.header, n_x, n_y).as_ref())
}
