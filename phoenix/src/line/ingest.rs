//! Step 10: deliver what was converted; a second delivery of the same bits finds them there.

use std::sync::Arc;

use phoenix_archive::transport::PROVENANCE_CATEGORY;
use phoenix_archive::{DeliverOptions, ObjectTransport, deliver_one};
use phoenix_core::observe::Event;
use phoenix_core::product::{Companion, SealedProduct, StoredProduct};
use phoenix_core::traits::{IngestStatus, Ingestor, JobRecord, Ledger, LedgerEntry, MASTER_CATEGORY, Stage};

use super::config::Step;
use super::fault::Fault;
use super::{Line, LineError};

/// What categories of companions begin with.
const ANCILLARY: &str = "ANCILLARY";

impl Line {
    /// Delivers every converted product with its companions and keeps the proofs.
    ///
    /// # Errors
    /// `Stopped`, or if the store cannot be opened or the state of the jobs not be kept.
    pub fn ingest(&self) -> Result<(), LineError> {
        let plan = self.plan()?;
        let waiting = self.jobs_at(&plan, Stage::Converted)?;
        if waiting.is_empty() {
            return Ok(());
        }
        self.make_local_target()?;
        let store = super::plan::open_delivery(&self.settings.deliver_to)?;
        let ingestor = self
            .instrument
            .ingestor(Arc::new(ObjectTransport::new(Arc::new(store))));
        self.for_each(Step::Ingest, waiting, |record| self.deliver(record, &*ingestor))
    }

    /// Makes the folder of a local store that receives for the first time.
    fn make_local_target(&self) -> Result<(), LineError> {
        let target = self.settings.deliver_to.as_str();
        let path = target.strip_prefix("file://").unwrap_or(target);
        if path.contains("://") {
            return Ok(());
        }
        std::fs::create_dir_all(path).map_err(LineError::folder(path, "made"))
    }

    fn deliver(&self, record: &mut JobRecord, ingestor: &dyn Ingestor) -> Result<(), Fault> {
        for sealed in seal(record)? {
            let options = DeliverOptions::new();
            let delivery = deliver_one(&sealed, ingestor, &options);
            let receipt = phoenix_archive::wait_unless_stopped(delivery, &self.controls.cancel)
                .map_err(LineError::from)?
                .ok_or(LineError::Stopped)?
                .outcome?;
            self.controls.observer.on(&Event::Delivered {
                name: &receipt.name,
                already_present: receipt.status == IngestStatus::AlreadyPresent,
            });
            self.state.record(&LedgerEntry {
                job: record.job.clone(),
                receipt,
            })?;
        }
        record.stage = Stage::Ingested;
        Ok(())
    }
}

/// Tells whether an output goes to the archive under a name of its own.
fn is_main(tag: &str) -> bool {
    tag == MASTER_CATEGORY || tag.starts_with("SCIENCE.")
}

/// Tells whether an output goes along with the one before it.
fn is_companion(tag: &str) -> bool {
    tag == PROVENANCE_CATEGORY || tag.starts_with(ANCILLARY)
}

/// Puts the converted files of a job together: each product with the companions that stand behind it.
fn seal(record: &JobRecord) -> Result<Vec<SealedProduct>, Fault> {
    let mut sealed: Vec<SealedProduct> = Vec::new();
    for output in &record.outputs {
        if is_main(output.tag.as_str()) {
            sealed.push(sealed_product(record, output)?);
        } else if let Some(product) = sealed.last_mut().filter(|_| is_companion(output.tag.as_str())) {
            product.companions.push(Companion {
                name: output.name.clone(),
                location: output.location.clone(),
                category: output.tag.to_string(),
                digest: output.digest.clone(),
                size_bytes: output.size_bytes,
            });
        }
    }
    Ok(sealed)
}

fn sealed_product(record: &JobRecord, output: &StoredProduct) -> Result<SealedProduct, Fault> {
    let frame = super::convert::frame_of(output);
    let header = super::convert::primary_header(&frame)?;
    Ok(SealedProduct {
        name: output.name.clone(),
        category: output.tag.to_string(),
        location: output.location.clone(),
        digest: output.digest.clone(),
        size_bytes: output.size_bytes,
        header,
        companions: Vec::new(),
        caveats: record.caveats.clone(),
    })
}
