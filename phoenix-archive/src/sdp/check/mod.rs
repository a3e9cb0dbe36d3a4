//! One file against the standard, all faults at once.
//!
//! `general` holds the rules of every file, `keywords` walks the table, `relations` compares keywords with each other,
//! `pixels` looks at cubes and images, `spectrum` at tables.

mod finding;
mod general;
mod keywords;
mod pixels;
mod relations;
mod spectrum;
#[cfg(test)]
pub(crate) mod tests;

use phoenix_core::header::Header;
use phoenix_core::product::Table;
use phoenix_core::traits::{HduInfo, HduKind};

use super::standard::Family;
pub(crate) use finding::Sheet;
pub use finding::{Finding, Profile, Severity};
pub(crate) use pixels::is_same as is_same_value;

/// What only the values of a spectrum's table can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectrumFacts {
    /// The first and last spectral coordinate, in the column's unit.
    pub ends: (f64, f64),
    /// The median step of the spectral coordinate, in the column's unit.
    pub median_step: f64,
    /// Whether the spectral coordinate rises strictly.
    pub is_rising: bool,
    /// Whether any value is infinite.
    pub has_infinite: bool,
}

impl SpectrumFacts {
    /// Looks at the table of a spectrum; `None` if its first column is no vector of numbers.
    pub fn of(table: &Table) -> Option<Self> {
        let wave = table.columns.first()?.data.to_f64()?;
        let mut steps: Vec<f64> = wave.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_by(f64::total_cmp);
        let values = table.columns.iter().filter_map(|column| column.data.to_f64());
        Some(Self {
            ends: (*wave.first()?, *wave.last()?),
            median_step: *steps.get(steps.len() / 2)?,
            is_rising: *steps.first()? > 0.0,
            has_infinite: values.flatten().any(f64::is_infinite),
        })
    }
}

/// A file as the check sees it: headers, shapes, name; no pixels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SdpFile {
    /// The file name.
    pub name: String,
    /// The HDUs with all their cards as read, the structural ones too.
    pub hdus: Vec<HduInfo>,
    /// Checksums that do not fit: index of the HDU and what is wrong.
    pub checksum_faults: Vec<(usize, String)>,
    /// What the values of a spectrum tell, where somebody looked.
    pub spectrum: Option<SpectrumFacts>,
}

impl SdpFile {
    /// Describes a file by its name and HDUs.
    pub fn new(name: &str, hdus: Vec<HduInfo>) -> Self {
        Self {
            name: name.to_owned(),
            hdus,
            checksum_faults: Vec::new(),
            spectrum: None,
        }
    }

    /// Returns the primary header; `None` if the file has no HDU.
    pub fn primary(&self) -> Option<&Header> {
        self.hdus.first().map(|hdu| &hdu.header)
    }

    /// Returns the category, `PRODCATG`.
    pub fn category(&self) -> Option<&str> {
        self.primary()?.str("PRODCATG").ok()
    }

    pub(crate) fn family(&self) -> Option<Family> {
        Family::of(self.category()?)
    }

    /// Returns the HDUs with pixels.
    pub(crate) fn images(&self) -> impl Iterator<Item = &HduInfo> {
        self.hdus.iter().filter(|hdu| has_pixels(hdu))
    }

    /// Returns the first HDU with science pixels.
    pub(crate) fn science(&self) -> Option<&HduInfo> {
        let is_science = |hdu: &&HduInfo| hdu.header.str("HDUCLAS2") == Ok("DATA");
        self.images().find(is_science).or_else(|| self.images().next())
    }
}

pub(crate) fn has_pixels(hdu: &HduInfo) -> bool {
    hdu.kind == HduKind::Image && !hdu.shape.is_empty() && hdu.shape.iter().all(|n| *n > 0)
}

/// Names a place as findings do: `PRIMARY`, or the extension with its index.
pub(crate) fn place(hdu: &HduInfo) -> String {
    match (hdu.index, hdu.name.as_str()) {
        (0, _) => "PRIMARY".to_owned(),
        (n, "") => format!("[{n}]"),
        (n, name) => format!("{name}[{n}]"),
    }
}

/// Holds a file against the standard.
///
/// # Contract
/// * All faults are reported at once, in the order of the rules' chapters and of the file; never a panic on data.
/// * `Strict` is for files that we write, `Tolerant` for files that the archive already holds.
///
/// # References
/// ESO-044286 version 8; the validator's list of checks of 2025-03-27.
pub fn check(file: &SdpFile, profile: Profile) -> Vec<Finding> {
    let mut sheet = Sheet::new(profile);
    let Some(primary) = file.hdus.first() else {
        sheet.report("G1", "FILE", "", "it has no HDU".to_owned());
        return sheet.finish();
    };
    general::check(file, &mut sheet);
    let Some(family) = category(primary, &mut sheet) else {
        return sheet.finish();
    };
    keywords::check(file, family, &mut sheet);
    relations::check(file, family, &mut sheet);
    match family {
        Family::Cube => pixels::cube(file, &mut sheet),
        Family::WhiteLight | Family::ExposureMap => pixels::map(file, family, &mut sheet),
        Family::Image => pixels::classes(file, &mut sheet),
        Family::Spectrum => spectrum::check(file, &mut sheet),
        Family::Other => {}
    }
    sheet.finish()
}

fn category(primary: &HduInfo, sheet: &mut Sheet) -> Option<Family> {
    let found = primary.header.str("PRODCATG");
    match found {
        Ok(found) => {
            let family = Family::of(found);
            if family.is_none() {
                sheet.report("K7", "PRIMARY", "PRODCATG", format!("category {found} is not known"));
            }
            family
        }
        Err(error) => {
            sheet.report("K7", "PRIMARY", "PRODCATG", error.to_string());
            None
        }
    }
}
