//! The score report of one product.

use phoenix_core::caveat::Caveat;
use phoenix_core::provenance::Record;
use phoenix_core::traits::QcReport;
use serde::{Deserialize, Serialize};

use super::{ReportError, html};
use crate::score::result_line;

/// A link to something that belongs to the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it is.
    pub label: String,
    /// Where it is, relative to the page.
    pub href: String,
}

/// The score report of one product with all that stands beside the scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScorePage {
    /// Scores and flags.
    pub report: QcReport,
    /// The program that scored, with its version.
    #[serde(default)]
    pub tool: String,
    /// The numerics that made the product.
    #[serde(default)]
    pub numerics: String,
    /// Reservations about the product.
    #[serde(default)]
    pub caveats: Vec<Caveat>,
    /// What it was made of.
    #[serde(default)]
    pub provenance: Option<Record>,
    /// Things that belong to it.
    #[serde(default)]
    pub links: Vec<Link>,
    /// The preview as PNG; not part of the JSON.
    #[serde(skip)]
    pub preview_png: Option<Vec<u8>>,
}

/// The page as programs read it: the totals are spelled out.
#[derive(Serialize)]
struct Document<'p> {
    result: String,
    is_all_green: bool,
    flag_string: String,
    #[serde(flatten)]
    page: &'p ScorePage,
}

impl ScorePage {
    /// Begins a page.
    pub fn new(report: QcReport) -> Self {
        Self {
            report,
            tool: concat!("phoenix-qc ", env!("CARGO_PKG_VERSION")).to_owned(),
            numerics: String::new(),
            caveats: Vec::new(),
            provenance: None,
            links: Vec::new(),
            preview_png: None,
        }
    }

    /// Names the program that scored.
    #[must_use]
    pub fn with_tool(mut self, tool: &str) -> Self {
        tool.clone_into(&mut self.tool);
        self
    }

    /// Names the numerics that made the product.
    #[must_use]
    pub fn with_numerics(mut self, numerics: &str) -> Self {
        numerics.clone_into(&mut self.numerics);
        self
    }

    /// Adds reservations.
    #[must_use]
    pub fn with_caveats(mut self, caveats: &[Caveat]) -> Self {
        self.caveats.extend_from_slice(caveats);
        self
    }

    /// Adds the provenance record.
    #[must_use]
    pub fn with_provenance(mut self, record: Record) -> Self {
        self.provenance = Some(record);
        self
    }

    /// Adds the preview as PNG.
    #[must_use]
    pub fn with_preview(mut self, png: Vec<u8>) -> Self {
        self.preview_png = Some(png);
        self
    }

    /// Adds a link.
    #[must_use]
    pub fn with_link(mut self, label: &str, href: &str) -> Self {
        self.links.push(Link {
            label: label.to_owned(),
            href: href.to_owned(),
        });
        self
    }

    /// Returns the page as indented JSON, the totals first.
    ///
    /// # Errors
    /// If a value cannot be expressed.
    pub fn to_json(&self) -> Result<String, ReportError> {
        let document = Document {
            result: result_line(&self.report),
            is_all_green: self.report.is_all_green(),
            flag_string: self.report.flag_string(),
            page: self,
        };
        serde_json::to_string_pretty(&document).map_err(|source| ReportError::Unwritable {
            product: self.report.product.clone(),
            source,
        })
    }

    /// Reads a page back; the preview is not part of it.
    ///
    /// # Errors
    /// If the text is no such JSON.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        serde_json::from_str(text).map_err(|source| ReportError::Unreadable { source })
    }

    /// Returns the page as one HTML file.
    ///
    /// # Errors
    /// If the template cannot be filled.
    pub fn to_html(&self) -> Result<String, ReportError> {
        html::score(self)
    }
}

#[cfg(test)]
mod tests;
