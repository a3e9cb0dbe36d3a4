//! How a historical block and today's job differ: which calibrations, and how well the old and the new ones match.

use std::collections::BTreeSet;

use phoenix_core::association::{Fill, Slot};
use phoenix_core::id::{JobId, Tag};
use phoenix_core::plan::PlannedJob;
use phoenix_io::ab::{AbError, AssociationBlock, Difference, compare};
use serde::{Deserialize, Serialize};

/// One kind of calibration that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationChange {
    /// The kind.
    pub tag: Tag,
    /// What the old block names; a job that makes it stands as `from JOB`.
    pub old: Vec<String>,
    /// How well that matches; absent where nothing was named or nobody recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_level: Option<u8>,
    /// What the new one names.
    pub new: Vec<String>,
    /// How well that matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_level: Option<u8>,
    /// Whether the new one was taken.
    #[serde(default)]
    pub is_taken: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// How one historical block and the job of today differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockChange {
    /// The job.
    pub job: JobId,
    /// Where the block lies.
    pub block: String,
    /// Whether the rules of today make such a job at all.
    pub is_made_today: bool,
    /// The calibrations that differ.
    pub calibrations: Vec<CalibrationChange>,
    /// Other qualifiers that differ and decide what is made.
    pub others: Vec<Difference>,
}

/// Returns the calibrations that differ between two jobs, in order of kind.
pub(super) fn calibrations(old: &[Slot], new: &[Slot]) -> Vec<CalibrationChange> {
    let tags: BTreeSet<&Tag> = old.iter().chain(new).map(|slot| &slot.tag).collect();
    let find = |slots: &[Slot], tag: &Tag| -> (Vec<String>, Option<u8>) {
        let slot = slots.iter().find(|slot| slot.tag == *tag);
        slot.map_or((Vec::new(), None), |slot| content(&slot.fill))
    };
    tags.into_iter()
        .filter_map(|tag| {
            let ((old, old_level), (new, new_level)) = (find(old, tag), find(new, tag));
            (old != new).then(|| CalibrationChange {
                tag: tag.clone(),
                old,
                old_level,
                new,
                new_level,
                is_taken: false,
                because: String::new(),
            })
        })
        .collect()
}

fn content(fill: &Fill) -> (Vec<String>, Option<u8>) {
    match fill {
        Fill::Filled {
            frames, level, reason, ..
        } => {
            let names = frames.iter().map(|frame| frame.id.to_string()).collect();
            // A block of other origin keeps no level.
            (names, (!reason.is_empty()).then_some(level.0))
        }
        Fill::Pending { producer } => (vec![format!("from {producer}")], None),
        Fill::Missing { .. } => (Vec::new(), None),
    }
}

/// Qualifiers that calibrations stand in; they are told by kind instead.
const CALIBRATIONS: [&str; 4] = ["MCALIB", "PHX_SLOT", "SOF_CONTENT", "WAITFOR"];
/// Qualifiers that tell where files lie and what the machine gives, not what is made.
const PLACES: [&str; 6] = [
    "RAWFILE",
    "PHX_MEMORY_BYTES",
    "PHX_FLOOR_BYTES",
    "PHX_THREADS",
    "DATE",
    "DRS_TYPE",
];

/// Compares two blocks of one job, old and new: calibrations by kind with both levels, then what else decides.
///
/// # Errors
/// If one of them describes no job.
pub fn compare_blocks(old: &AssociationBlock, new: &AssociationBlock) -> Result<BlockChange, AbError> {
    let (then, now) = (old.to_job()?, new.to_job()?);
    let slots = |job: &PlannedJob| {
        if job.slots.is_empty() {
            loose(job)
        } else {
            job.slots.clone()
        }
    };
    let others = compare(old, new).into_iter().filter(|difference| {
        let is_told = CALIBRATIONS.contains(&difference.qualifier.as_str());
        difference.is_work && !is_told && !PLACES.contains(&difference.qualifier.as_str())
    });
    Ok(BlockChange {
        job: now.id.clone(),
        block: String::new(),
        is_made_today: true,
        calibrations: calibrations(&slots(&then), &slots(&now)),
        others: others.chain(raw_difference(&then, &now)).collect(),
    })
}

/// Returns the calibrations of a block of other origin, which keeps no slots.
fn loose(job: &PlannedJob) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let main = super::resolve::frames_of(job).next().map(|frame| frame.tag.clone());
    for frame in super::resolve::frames_of(job).filter(|frame| Some(&frame.tag) != main.as_ref()) {
        match slots.iter_mut().find(|slot| slot.tag == frame.tag) {
            Some(Slot {
                fill: Fill::Filled { frames, .. },
                ..
            }) => frames.push(frame.clone()),
            _ => slots.push(Slot {
                tag: frame.tag.clone(),
                required: true,
                fill: Fill::Filled {
                    frames: vec![frame.clone()],
                    level: super::resolve::OUTSIDE,
                    dt_days: 0.0,
                    reason: String::new(),
                },
            }),
        }
    }
    slots
}

/// Tells which raw frames only one of the blocks has; where they lie does not count.
fn raw_difference(old: &PlannedJob, new: &PlannedJob) -> Option<Difference> {
    let names = |job: &PlannedJob| -> BTreeSet<String> {
        let is_slot = |id: &str| {
            job.slots
                .iter()
                .any(|slot| content(&slot.fill).0.iter().any(|name| name == id))
        };
        let main = super::resolve::frames_of(job).next().map(|frame| frame.tag.clone());
        (super::resolve::frames_of(job))
            .filter(|frame| {
                if job.slots.is_empty() {
                    Some(&frame.tag) == main.as_ref()
                } else {
                    !is_slot(frame.id.as_str())
                }
            })
            .map(|frame| frame.id.to_string())
            .collect()
    };
    let (then, now) = (names(old), names(new));
    (then != now).then(|| Difference {
        qualifier: "RAWFILE".to_owned(),
        removed: then.difference(&now).cloned().collect(),
        added: now.difference(&then).cloned().collect(),
        is_work: true,
    })
}

#[cfg(test)]
mod tests {
    use phoenix_io::ab::AssociationBlock;

    use super::compare_blocks;

    fn block(master: &str, level: u8, kappa: u8) -> AssociationBlock {
        AssociationBlock::parse(&format!(
            "AB_NAME UVES.2016-05-01T01:00:00.000_tpl.ab\nRECIPE uves_obs_scired\nPHX_JOB j\nPPAR kappa={kappa}\n\
             SOF_CONTENT /then/raw.fits SCI raw\nSOF_CONTENT /then/{master}.fits MASTER_BIAS_BLUE {master}\n\
             PHX_SLOT MASTER_BIAS_BLUE required filled {level} -1.5 closest\n\
             MCALIB REAL /then/{master}.fits MASTER_BIAS_BLUE {master}\nPROCESS_STATUS CREATED\n"
        ))
    }

    #[test]
    fn a_block_made_again_tells_which_calibration_changed_and_both_levels() -> Result<(), phoenix_io::ab::AbError> {
        let change = compare_blocks(&block("old", 2, 10), &block("new", 0, 20))?;
        let found = &change.calibrations[0];
        assert_eq!((found.old.join(" "), found.old_level), ("old".to_owned(), Some(2)));
        assert_eq!((found.new.join(" "), found.new_level), ("new".to_owned(), Some(0)));
        assert_eq!(change.others[0].qualifier, "PPAR");
        let same = compare_blocks(&block("old", 2, 10), &block("old", 2, 10))?;
        assert!(same.calibrations.is_empty() && same.others.is_empty());
        Ok(())
    }

    #[test]
    fn blocks_of_other_origin_compare_by_the_kinds_that_they_name() -> Result<(), phoenix_io::ab::AbError> {
        let foreign = |master: &str| {
            AssociationBlock::parse(&format!(
                "AB_NAME a.ab\nRECIPE uves_obs_scired\nRAW_TYPE SCI\nRAWFILE raw.fits\n\
                 MCALIB REAL {master}.fits MASTER_BIAS_BLUE\n"
            ))
        };
        let change = compare_blocks(&foreign("a"), &foreign("b"))?;
        assert_eq!(change.calibrations.len(), 1);
        assert_eq!(change.calibrations[0].new, ["b"]);
        assert!(change.others.is_empty(), "{:?}", change.others);
        Ok(())
    }
}
