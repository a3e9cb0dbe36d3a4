//! Step 7: measure, grade, draw; values go to the database, pages to the report folder.

use std::collections::BTreeMap;
use std::path::Path;

use phoenix_core::caveat::Caveat;
use phoenix_core::error::Status;
use phoenix_core::frame::FrameRef;
use phoenix_core::id::JobId;
use phoenix_core::observe::Event;
use phoenix_core::product::{Product, StoredProduct};
use phoenix_core::provenance::Record;
use phoenix_core::traits::{JobRecord, QcError, QcReport, QcRow, QcScorer, QcStore, Stage, TrendLookup};
use phoenix_io::fits::FitsFile;
use phoenix_io::read_product;
use phoenix_io::sink::{Beside, provenance_name};
use phoenix_qc::measure::{CubeSurvey, SurveyOptions};
use phoenix_qc::report::ScorePage;
use phoenix_qc::trend::StoreTrend;

use super::config::Step;
use super::fault::Fault;
use super::folder::{read_json, write_json, write_whole};
use super::judge::beside_stored;
use super::past::Past;
use super::{Line, LineError};
use crate::choice::Mode;

/// The category of products that are drawn as curves.
#[cfg(feature = "plot")]
const SPECTRUM: &str = "SCIENCE.SPECTRUM";

/// Everything that is found out about one product, with one look at its pixels.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examination {
    /// The grades.
    pub report: QcReport,
    /// The preview as PNG, if the product is a cube or a spectrum and previews are built in.
    pub preview: Option<Vec<u8>>,
    /// What the archive's standard wants to know of the pixels, by keyword.
    pub facts: BTreeMap<String, f64>,
}

/// Measures and grades a product, draws its preview and collects what the archive wants to know.
///
/// # Errors
/// If the product is of another kind than the scorer's or cannot be read.
pub fn examine(product: &Product, scorer: &dyn QcScorer, trend: &dyn TrendLookup) -> Result<Examination, QcError> {
    let report = scorer.score(&scorer.measure(product)?, trend)?;
    let mut examination = Examination {
        report,
        preview: None,
        facts: BTreeMap::new(),
    };
    if product.planes("DATA").is_some_and(|planes| planes.shape()[0] > 1) {
        let survey = CubeSurvey::of(product, &SurveyOptions::default())?;
        let facts = phoenix_qc::sdp::facts(&survey, &product.header);
        let numbers = facts
            .cards
            .into_iter()
            .filter_map(|(key, (value, _))| Some((key, value.as_f64()?)));
        examination.facts = numbers.collect();
        examination.preview = preview(product, &survey)?;
    }
    Ok(examination)
}

#[cfg(feature = "plot")]
fn preview(product: &Product, survey: &CubeSurvey) -> Result<Option<Vec<u8>>, QcError> {
    let title = product.header.str("OBJECT").unwrap_or(&product.name);
    let subtitle = product.header.str("DATE-OBS").unwrap_or_default();
    phoenix_qc::plot::white_light(survey, title, subtitle)
        .map(Some)
        .map_err(|error| QcError::WrongProduct {
            product: product.name.clone(),
            what: format!("white-light image that can be drawn: {error}"),
        })
}

#[cfg(not(feature = "plot"))]
fn preview(_product: &Product, _survey: &CubeSurvey) -> Result<Option<Vec<u8>>, QcError> {
    Ok(None)
}

/// Checks the checksums that the inputs of a product carry, and names every one that does not fit its content.
///
/// # Errors
/// If an input is not there any more or is no FITS file.
pub fn stale_checksums(inputs: &[FrameRef]) -> Result<Vec<Caveat>, phoenix_io::fits::FitsError> {
    let mut caveats = Vec::new();
    for frame in inputs {
        let path = frame.location.strip_prefix("file://").unwrap_or(&frame.location);
        for (hdu, sums) in FitsFile::open(path)?.checksums()?.iter().enumerate() {
            if sums.is_stale() {
                caveats.push(Caveat::StaleChecksum {
                    frame: frame.id.clone(),
                    place: format!("HDU {hdu}"),
                });
            }
        }
    }
    Ok(caveats)
}

/// Returns the name under which the grades of a product are kept; names of recipes' products repeat, jobs do not.
pub(super) fn product_key(job: &JobId, product: &str) -> String {
    format!("{job}/{product}")
}

impl Line {
    /// Returns the record beside a product, with the places of its inputs as they are now.
    pub(super) fn provenance_of(&self, product: &StoredProduct) -> Result<Record, LineError> {
        let path = Path::new(&product.location);
        let beside: Beside = read_json(&path.with_file_name(provenance_name(&product.name)))?;
        let mut record = beside.provenance;
        for frame in record.raw.iter_mut().chain(&mut record.calib) {
            // Inputs that the run itself brought or made are kept relative to its folder.
            frame.location = self.folder.root().join(&frame.location).display().to_string();
        }
        Ok(record)
    }

    /// Measures and grades what was made and is not graded yet.
    ///
    /// # Errors
    /// `Stopped`, or if the state of the jobs cannot be kept.
    pub fn quality(&self) -> Result<(), LineError> {
        let plan = self.plan()?;
        let waiting = self.jobs_at(&plan, Stage::Processed)?;
        self.for_each(Step::Quality, waiting, |record| {
            self.report_stale_checksums(record)?;
            record.outputs.clear();
            for product in record.products.clone() {
                if let Some(scorer) = self.instrument.scorer(&product.tag) {
                    self.score(record, &product, scorer)?;
                }
            }
            record.stage = Stage::Scored;
            Ok(())
        })
    }

    fn report_stale_checksums(&self, record: &mut JobRecord) -> Result<(), Fault> {
        let Some(product) = record.products.first() else {
            return Ok(());
        };
        let provenance = self.provenance_of(product)?;
        let inputs = [provenance.raw, provenance.calib].concat();
        for caveat in stale_checksums(&inputs).map_err(|error| Fault::job(&error, Status::Permanent))? {
            if !record.caveats.contains(&caveat) {
                self.controls.observer.on(&Event::Caveat {
                    job: &record.job,
                    caveat: &caveat,
                });
                record.caveats.push(caveat);
            }
        }
        Ok(())
    }

    fn score(&self, record: &mut JobRecord, stored: &StoredProduct, scorer: &dyn QcScorer) -> Result<(), Fault> {
        let product = read_product(&stored.location)?;
        let past = self.past();
        let trend = StoreTrend::new(&past);
        let mut examination = examine(&product, scorer, &trend)?;
        trend.finish()?;
        if examination.preview.is_none() {
            examination.preview = self.curve(record, &product)?;
        }
        examination.report.product = product_key(&record.job, &stored.name);
        let rows = phoenix_qc::score::rows(
            &examination.report,
            self.settings.instrument.as_str(),
            self.settings.numerics.name(),
        );
        if self.settings.mode == Some(Mode::Mcalib) {
            let stored = self.stored_scores(&examination.report.product)?;
            let judged = beside_stored(&examination.report, &stored, &self.settings.judgement);
            examination.report.scores.extend(judged);
        }
        self.state.save(&examination.report, &rows)?;
        self.write_pages(record, stored, &examination)?;
        let (red, of) = examination.report.result();
        self.controls.observer.on(&Event::Scored {
            job: &record.job,
            red,
            of,
        });
        Ok(())
    }

    /// Returns the scores of earlier masters: of the history, and of this run's own other nights.
    fn stored_scores(&self, product: &str) -> Result<Vec<QcRow>, Fault> {
        let mut rows = self.state.rows()?;
        rows.retain(|row| row.product != product);
        if let Some(history) = &self.history {
            // A master of the same name there is the one of then, and the best to be judged by.
            rows.extend(history.rows()?);
        }
        Ok(rows)
    }

    fn past(&self) -> Past<'_> {
        Past {
            own: &self.state,
            history: self.history.as_deref(),
        }
    }

    /// Draws a product that is delivered as a spectrum; what cannot be drawn goes without a picture.
    #[cfg(feature = "plot")]
    fn curve(&self, record: &JobRecord, product: &Product) -> Result<Option<Vec<u8>>, Fault> {
        let Some(delivery) = self.instrument.delivery(&product.tag, &product.header) else {
            return Ok(None);
        };
        if delivery.category != SPECTRUM {
            return Ok(None);
        }
        let others = super::convert::columns_of(record, &delivery)?;
        let Some(curve) = phoenix_archive::sdp::convert::curve(product, &others, &delivery) else {
            return Ok(None);
        };
        // What is no measurement would draw the axis instead of the spectrum.
        let flux = curve.flux.iter().zip(&curve.is_good);
        let flux: Vec<f64> = flux.map(|(flux, good)| if *good { *flux } else { f64::NAN }).collect();
        let drawn = phoenix_qc::plot::curve(&phoenix_qc::plot::CurvePreview {
            title: product.header.str("OBJECT").unwrap_or(&product.name),
            subtitle: product.header.str("DATE-OBS").unwrap_or_default(),
            unit: &curve.unit,
            wave_nm: &curve.wave_nm,
            flux: &flux,
        });
        Ok(drawn.ok())
    }

    #[cfg(not(feature = "plot"))]
    fn curve(&self, _record: &JobRecord, _product: &Product) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }

    /// Writes score report, preview and facts of one product.
    fn write_pages(
        &self,
        record: &mut JobRecord,
        stored: &StoredProduct,
        examination: &Examination,
    ) -> Result<(), Fault> {
        let folder = self.folder.job_report(&record.job);
        let stem = stored.name.trim_end_matches(".fits");
        let mut page = ScorePage::new(examination.report.clone())
            .with_tool(concat!("phoenix ", env!("CARGO_PKG_VERSION")))
            .with_numerics(self.settings.numerics.name())
            .with_caveats(&record.caveats)
            .with_provenance(self.provenance_of(stored)?);
        if let Some(png) = &examination.preview {
            page = page.with_preview(png.clone());
            let path = folder.join(format!("{stem}.preview.png"));
            write_whole(&path, png)?;
            record.outputs.push(super::convert::stored("PREVIEW", &path)?);
        }
        let failed = |error: phoenix_qc::report::ReportError| Fault::job(&error, Status::Permanent);
        let path = folder.join(format!("{stem}.score.html"));
        write_whole(&path, page.to_html().map_err(failed)?.as_bytes())?;
        record.outputs.push(super::convert::stored("SCORE", &path)?);
        write_whole(
            &folder.join(format!("{stem}.score.json")),
            page.to_json().map_err(failed)?.as_bytes(),
        )?;
        write_json(&folder.join(format!("{stem}.facts.json")), &examination.facts)?;
        Ok(())
    }
}
