//! The historical blocks of the nights that are asked for.

use phoenix_archive::block_texts;
use phoenix_archive::store::Store;
use phoenix_core::dataset::LeftOut;
use phoenix_core::id::FrameId;
use phoenix_core::observe::Event;
use phoenix_core::plan::PlannedJob;
use phoenix_io::ab::AssociationBlock;

use crate::choice::BlockSource;
use crate::controls::Controls;
use crate::line::{LineError, Settings};

/// A block of the store that can be worked.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::line) struct Fetched {
    /// Where it lies.
    pub(in crate::line) address: String,
    /// Its text, nothing of it lost.
    pub(in crate::line) block: AssociationBlock,
    /// The job as it describes it.
    pub(in crate::line) job: PlannedJob,
}

impl Fetched {
    /// Tells whether PHOENIX wrote it, so that kinds and levels in it are those of its rules.
    pub(in crate::line) fn is_own(&self) -> bool {
        self.block.get("PHX_JOB").is_some()
    }

    /// Returns the name by which reasons refer to it.
    pub(in crate::line) fn name(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or(&self.address)
    }
}

/// Reads the blocks of the nights for which blocks are wanted; one that cannot be understood is told and passed over.
pub(in crate::line) fn fetch(
    store: &Store,
    settings: &Settings,
    controls: &Controls,
) -> Result<(Vec<Fetched>, Vec<LeftOut>), LineError> {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    // A batch that is no date has no folder of blocks.
    if settings.source_of_jobs() == BlockSource::Make || settings.batch.is_some() {
        return Ok((found, left_out));
    }
    let is_of_blocks = |night: &_| settings.blocks.made_from.is_none_or(|from| *night < from);
    for night in settings.nights.iter().filter(is_of_blocks) {
        let read = block_texts(store, &settings.instrument, night);
        let texts = phoenix_archive::wait_unless_stopped(read, &controls.cancel)?
            .ok_or(LineError::Stopped)?
            .map_err(|source| LineError::Store {
                location: settings.archive.clone(),
                source,
            })?;
        for (key, bytes) in texts {
            let address = store.address(&key);
            let block = AssociationBlock::parse(&String::from_utf8_lossy(&bytes));
            match block.to_job() {
                Ok(job) => found.push(Fetched { address, block, job }),
                Err(error) => {
                    let reason = format!("the association block cannot be used: {error}");
                    controls.observer.on(&Event::Warning {
                        message: &format!("{address}: {reason}"),
                    });
                    let name = key.rsplit('/').next().unwrap_or(&key);
                    left_out.push(LeftOut::error(FrameId::from(name), reason));
                }
            }
        }
    }
    Ok((found, left_out))
}
