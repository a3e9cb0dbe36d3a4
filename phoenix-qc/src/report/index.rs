//! The index of a night: all products with their scores.

use super::{ReportError, ScorePage, html};

/// The index of a night.
#[derive(Debug, Clone, PartialEq)]
pub struct NightIndex {
    /// The instrument.
    pub(super) instrument: String,
    /// The night, as people name it.
    pub(super) night: String,
    /// The program that made it.
    pub(super) tool: String,
    /// Scored products: page and link to it.
    pub(super) entries: Vec<(ScorePage, String)>,
    /// Jobs that ended without a product: name and reason.
    pub(super) failures: Vec<(String, String)>,
}

impl NightIndex {
    /// Begins an index.
    pub fn new(instrument: &str, night: &str) -> Self {
        Self {
            instrument: instrument.to_owned(),
            night: night.to_owned(),
            tool: concat!("phoenix-qc ", env!("CARGO_PKG_VERSION")).to_owned(),
            entries: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Names the program that made it.
    #[must_use]
    pub fn with_tool(mut self, tool: &str) -> Self {
        tool.clone_into(&mut self.tool);
        self
    }

    /// Adds a scored product with the link to its page.
    #[must_use]
    pub fn with_entry(mut self, page: &ScorePage, href: &str) -> Self {
        // A night of previews in one file would weigh as much as its products' pages together.
        let page = ScorePage {
            preview_png: None,
            ..page.clone()
        };
        self.entries.push((page, href.to_owned()));
        self
    }

    /// Adds a job that ended without a product.
    #[must_use]
    pub fn with_failure(mut self, job: &str, reason: &str) -> Self {
        self.failures.push((job.to_owned(), reason.to_owned()));
        self
    }

    /// Returns the index as one HTML file.
    ///
    /// # Errors
    /// If the template cannot be filled.
    pub fn to_html(&self) -> Result<String, ReportError> {
        html::index(self)
    }
}
