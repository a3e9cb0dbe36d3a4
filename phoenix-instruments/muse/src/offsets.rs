//! The `OFFSET_LIST`: coordinate offsets and flux scales by exposure.

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::product::ColumnData;
use phoenix_core::traits::{FrameReader, HduKind, RecipeError};

use crate::align;
use crate::exposure::{DATE_LENGTH, in_file};

/// One row of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Offset {
    /// First 23 characters of the exposure's `DATE-OBS`.
    pub date_obs: String,
    /// Offset in right ascension, in coordinate (no cosine).
    pub ra_deg: f64,
    /// Offset in declination.
    pub dec_deg: f64,
    /// Factor on the data; absent if the list holds none that is usable.
    pub flux_scale: Option<f64>,
    /// Weight of the exposure, where the list weighs them.
    pub weight: Option<f64>,
    /// Why the exposure is not to be used, where the list says so.
    pub left_out: Option<String>,
}

/// An offset list.
#[derive(Debug, Clone)]
pub struct OffsetList {
    frame: FrameRef,
    rows: Vec<Offset>,
    /// What the alignment measured of the exposures together, by keyword.
    quality: Vec<(String, f64)>,
}

impl OffsetList {
    /// Reads a list.
    ///
    /// # Errors
    /// `Frame`, naming the column that is missing or of another type; `Read`.
    pub fn read(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Self, RecipeError> {
        let fault = |reason: String| RecipeError::Frame {
            frame: frame.id.clone(),
            reason,
        };
        let hdus = reader.hdus(frame).map_err(in_file(frame))?;
        let hdu = hdus
            .iter()
            .find(|hdu| hdu.kind == HduKind::Table)
            .ok_or_else(|| fault("there is no table of offsets".into()))?;
        let table = reader.table(frame, hdu.index).map_err(in_file(frame))?;
        let missing = |name: &str| fault(format!("column {name} is missing"));
        let reals = |name: &str| -> Result<Vec<f64>, RecipeError> {
            let column = table.column(name).ok_or_else(|| missing(name))?;
            column
                .data
                .to_f64()
                .ok_or_else(|| fault(format!("column {name} holds no numbers")))
        };
        let ColumnData::Text(dates) = &table.column("DATE_OBS").ok_or_else(|| missing("DATE_OBS"))?.data else {
            return Err(fault("column DATE_OBS holds no text".into()));
        };
        let (ra, dec) = (reals("RA_OFFSET")?, reals("DEC_OFFSET")?);
        let scale = if table.column("FLUX_SCALE").is_some() {
            reals("FLUX_SCALE")?
        } else {
            Vec::new()
        };
        let optional = |name: &str| table.column(name).and_then(|column| column.data.to_f64());
        let (weights, used) = (optional("WEIGHT"), optional("USED"));
        let reasons = match table.column("REASON").map(|column| &column.data) {
            Some(ColumnData::Text(reasons)) => reasons.as_slice(),
            _ => &[],
        };
        let reason = |n: usize| {
            let is_used = used
                .as_ref()
                .and_then(|used| used.get(n))
                .is_none_or(|used| *used != 0.0);
            (!is_used).then(|| reasons.get(n).cloned().unwrap_or_else(|| "the list says so".to_owned()))
        };
        let rows = dates
            .iter()
            .zip(ra.into_iter().zip(dec))
            .enumerate()
            .map(|(n, (date, (ra_deg, dec_deg)))| Offset {
                date_obs: date.chars().take(DATE_LENGTH).collect(),
                ra_deg,
                dec_deg,
                flux_scale: scale.get(n).copied().filter(|scale| scale.is_finite() && *scale != 0.0),
                weight: (weights.as_ref())
                    .and_then(|weights| weights.get(n).copied())
                    .filter(|weight| weight.is_finite() && *weight >= 0.0),
                left_out: reason(n),
            });
        let measured = |name: &&str| {
            let key = format!("QC.EXPALIGN.{name}");
            let number = hdus.first()?.header.f64(key.as_str()).ok()?;
            number.is_finite().then_some((key, number))
        };
        Ok(Self {
            frame: frame.clone(),
            rows: rows.collect(),
            quality: align::KEPT.iter().filter_map(measured).collect(),
        })
    }

    /// Writes what the alignment measured of the exposures together, so that the cube can be judged by it.
    pub fn set_quality(&self, header: &mut Header) {
        for (key, number) in &self.quality {
            header.set(key.as_str(), *number, "as the alignment measured it");
        }
    }

    /// Returns why an exposure is not to be used; `None` if it is.
    pub fn refusal(&self, identity: &str) -> Option<&str> {
        let row = self.rows.iter().find(|row| row.date_obs == identity)?;
        row.left_out.as_deref()
    }

    /// Returns the row of each exposure.
    ///
    /// # Errors
    /// `Frame` if no exposure has a row, or a matching row holds no finite offset.
    pub fn matched(&self, identities: &[&str]) -> Result<Vec<Option<&Offset>>, RecipeError> {
        let found: Vec<_> = identities
            .iter()
            .map(|identity| self.rows.iter().find(|row| row.date_obs == *identity))
            .collect();
        let fault = |reason: String| RecipeError::Frame {
            frame: self.frame.id.clone(),
            reason,
        };
        if found.iter().all(Option::is_none) {
            let named: Vec<&str> = self.rows.iter().map(|row| row.date_obs.as_str()).collect();
            return Err(fault(format!(
                "column DATE_OBS matches no exposure: it has {}, the exposures have {}",
                if named.is_empty() {
                    "no rows".to_owned()
                } else {
                    named.join(", ")
                },
                identities.join(", ")
            )));
        }
        if let Some(row) = found
            .iter()
            .flatten()
            .find(|row| !row.ra_deg.is_finite() || !row.dec_deg.is_finite())
        {
            return Err(fault(format!(
                "RA_OFFSET or DEC_OFFSET of {} is no number",
                row.date_obs
            )));
        }
        Ok(found)
    }
}

/// Writes what was applied, exposures counted from 1.
pub fn set_keys(header: &mut Header, applied: &[Option<&Offset>]) {
    for (n, offset) in (1..).zip(applied) {
        let Some(offset) = offset else { continue };
        let arcsec = |deg: f64| deg * 3600.0;
        let comment = |deg: f64, axis: &str| format!("[deg] (= {:.6} arcsec) {axis} offset applied", arcsec(deg));
        header.set(
            format!("DRS.MUSE.OFFSET{n}.DRA"),
            offset.ra_deg,
            &comment(offset.ra_deg, "RA"),
        );
        header.set(
            format!("DRS.MUSE.OFFSET{n}.DDEC"),
            offset.dec_deg,
            &comment(offset.dec_deg, "DEC"),
        );
        if let Some(scale) = offset.flux_scale {
            header.set(format!("DRS.MUSE.FLUX.SCALE{n}"), scale, "flux scale factor applied");
        }
        let comment = format!("offset {n} applied to exposure with this DATE-OBS");
        header.set(
            format!("DRS.MUSE.OFFSET{n}.DATE-OBS"),
            offset.date_obs.as_str(),
            &comment,
        );
    }
}
