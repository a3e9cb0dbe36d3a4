//! The primary header of a combined pixel table.

use phoenix_core::header::{Card, Header, Key};
use phoenix_core::traits::ColumnRun;
use phoenix_kernels::ifu::{PlacedColumn, SpectralAxis};
use phoenix_kit::inherit;

use super::{CombinedTable, Source};
use crate::params::NumericsChoice;

/// The cards about pixel tables.
const ROOT: &str = "ESO.DRS.MUSE.PIXTABLE.";
/// How many cards tell the limits.
pub(super) const LIMIT_CARDS: usize = 10;

/// Returns the header but for the limits; `counts` are the rows of each exposure.
pub(super) fn primary(primary: Header, table: &CombinedTable<'_>, counts: &[u64], medium: SpectralAxis) -> Header {
    let mut header = primary;
    // What was measured on the cube is no fact about the rows.
    header.retain(|card| !card.key.as_str().starts_with("ESO.QC."));
    let exposures = &table.inputs.exposures;
    let Some((first, reference)) = exposures.first().zip(table.placed.exposures.first()) else {
        return header;
    };
    for card in first.header.cards().iter().filter(|card| inherit::is_world(card)) {
        header.push(card.clone());
    }
    header.set("CRVAL1", reference.ra_deg, "");
    header.set("CRVAL2", reference.dec_deg, "");
    for card in first.header.cards() {
        let about = card.key.as_str().strip_prefix(ROOT);
        if about.is_some_and(|about| !about.starts_with("LIMITS.") && !about.starts_with("EXP")) {
            header.push(card.clone());
        }
    }
    let key = |name: &str| format!("{ROOT}{name}");
    header.set(key("WCS"), "positioned (final)", "positions relative to CRVAL");
    if medium.is_vacuum() {
        header.set(key("SPECTYPE"), medium.ctype(), "FITS spectral type of the wavelengths");
    }
    if table.placed.exposures.iter().any(|exposure| exposure.weight.is_some()) {
        header.set(key("WEIGHTED"), true, "rows are weighed relative to exposure 1");
    }
    header.set(key("COMBINED"), exposures.len(), "exposures in this table");
    let mut row = 0;
    // ORDER: cards are appended without a search, there are 1152 for each exposure.
    for (n, (file, count)) in (1..).zip(exposures.iter().zip(counts)) {
        let mut add = |name: &str, value: u64, comment: &str| {
            header.push(Card {
                key: Key::new(&format!("{ROOT}EXP{n}.{name}")),
                value: (value as i64).into(),
                comment: comment.into(),
            });
        };
        add("FIRST", row, &format!("first row of exposure {n}, from 0"));
        row += count;
        add("LAST", row - 1, &format!("last row of exposure {n}"));
        for card in file.header.cards() {
            let own = card
                .key
                .as_str()
                .strip_prefix(ROOT)
                .and_then(|it| it.strip_prefix("EXP"));
            let slice = own.and_then(|own| own.split_once('.')).map(|(_, slice)| slice);
            if let Some(slice) = slice.filter(|slice| slice.ends_with("XOFFSET")) {
                header.push(Card {
                    key: Key::new(&format!("{ROOT}EXP{n}.{slice}")),
                    ..card.clone()
                });
            }
        }
    }
    header
}

/// How far the rows reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Along x, y and wavelength.
    real: [[f32; 2]; 3],
    /// Of IFUs and slices.
    whole: [[i32; 2]; 2],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            real: [[f32::INFINITY, f32::NEG_INFINITY]; 3],
            whole: [[i32::MAX, i32::MIN]; 2],
        }
    }
}

impl Limits {
    /// Looks at a run of rows of a column.
    pub(super) fn add(&mut self, source: Source, run: ColumnRun<'_>) {
        let axis = match source {
            Source::Placed(PlacedColumn::X) => 0,
            Source::Placed(PlacedColumn::Y) => 1,
            Source::Placed(PlacedColumn::Lambda) => 2,
            _ => 3,
        };
        match run {
            ColumnRun::F32(values) if axis < 3 => {
                for value in values {
                    let [low, high] = self.real[axis];
                    self.real[axis] = [low.min(*value), high.max(*value)];
                }
            }
            ColumnRun::I32(origins) if source == Source::Origin => {
                for origin in origins {
                    // Source: ESO MUSE pipeline 2.8.7, slice in the lowest 6 bits, IFU in the next 5.
                    for (limit, value) in self.whole.iter_mut().zip([origin >> 6 & 0x1f, origin & 0x3f]) {
                        *limit = [limit[0].min(value), limit[1].max(value)];
                    }
                }
            }
            _ => {}
        }
    }

    /// Writes the limits; `origin` is where positions are 0.
    ///
    /// # Numerics
    /// `Eso` rounds them to 32 bits and seven digits as the pipeline does.
    pub(super) fn set(&self, header: &mut Header, origin: [f64; 2], numerics: NumericsChoice) {
        let zero = [origin[0], origin[1], 0.0];
        for (axis, (limit, zero)) in ["X", "Y", "LAMBDA"].iter().zip(self.real.iter().zip(zero)) {
            for (end, value) in ["LOW", "HIGH"].iter().zip(limit) {
                let absolute = f64::from(*value) + zero;
                if !absolute.is_finite() {
                    continue;
                }
                let value = match numerics {
                    NumericsChoice::Eso => seven_digits(absolute as f32),
                    NumericsChoice::Phoenix => absolute,
                };
                header.set(format!("{ROOT}LIMITS.{axis}.{end}"), value, "");
            }
        }
        for (axis, limit) in ["IFU", "SLICE"].iter().zip(self.whole) {
            for (end, value) in ["LOW", "HIGH"].iter().zip(limit) {
                header.set(format!("{ROOT}LIMITS.{axis}.{end}"), i64::from(value), "");
            }
        }
    }
}

/// Rounds to the digits that the pipeline writes of a 32-bit number.
fn seven_digits(value: f32) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(f64::from(value))
}
