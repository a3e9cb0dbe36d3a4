//! Reports for people and programs: the score report of a product and the index of a night.
//!
//! `page` is the model of a score report, `index` that of a night; `html` fills the templates beside it. A page is one file:
//! style and preview are inside.

mod html;
mod index;
mod page;

pub use index::NightIndex;
pub use page::{Link, ScorePage};

/// A report cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The stored report is not readable: score the product again.
    #[error("score report cannot be read")]
    Unreadable {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The report cannot be expressed as JSON: mend the measurement.
    #[error("score report of {product} cannot be written")]
    Unwritable {
        /// The product.
        product: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The page cannot be filled: mend the template.
    #[error("page {page} cannot be filled")]
    Template {
        /// The page.
        page: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
