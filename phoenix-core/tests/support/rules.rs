//! Selector and associator of the fake instrument.

use std::collections::BTreeMap;

use phoenix_core::association::{Association, CalibPool, Fill, MatchLevel, Slot};
use phoenix_core::dataset::{Completeness, Dataset, Selected};
use phoenix_core::frame::{Category, ClassifiedFrame, Frame};
use phoenix_core::header::Key;
use phoenix_core::id::{DatasetId, Tag};
use phoenix_core::traits::{AssociateError, Associator, DatasetSelector, SelectError, Selection};

#[derive(Debug)]
pub struct Rules;

impl DatasetSelector for Rules {
    fn classify(&self, frame: &Frame) -> Result<Option<(Tag, Category)>, SelectError> {
        let kind = frame.header.str("DPR.CATG").unwrap_or_default();
        let category = match kind {
            "SCIENCE" | "PAIR" | "RAW" => Category::Science,
            "DARK" => Category::RawCalib,
            "MASTER_DARK" => Category::Master,
            "TWO" => {
                return Err(SelectError::Ambiguous {
                    frame: frame.id.clone(),
                    first: "ONE".into(),
                    second: "TWO".into(),
                });
            }
            _ => return Ok(None),
        };
        Ok(Some((kind.into(), category)))
    }

    fn select(&self, frames: &[ClassifiedFrame], _request: &Selection) -> Result<Selected, SelectError> {
        let mut groups: BTreeMap<(String, String), Vec<ClassifiedFrame>> = BTreeMap::new();
        for frame in frames.iter().filter(|frame| frame.category != Category::Master) {
            let block = frame
                .frame
                .header
                .str("OBS.ID")
                .map_err(|_| SelectError::MissingKeyword {
                    frame: frame.frame.id.clone(),
                    key: Key::new("OBS.ID"),
                    tag: frame.tag.clone(),
                })?;
            groups
                .entry((frame.tag.to_string(), block.to_owned()))
                .or_default()
                .push(frame.clone());
        }
        let datasets = groups
            .into_iter()
            .map(|((tag, block), frames)| dataset(&tag, &block, frames));
        Ok(Selected {
            datasets: datasets.collect(),
            left_out: Vec::new(),
        })
    }
}

fn dataset(tag: &str, block: &str, mut frames: Vec<ClassifiedFrame>) -> Dataset {
    frames.sort_by(|a, b| a.frame.id.cmp(&b.frame.id));
    let task = match tag {
        "DARK" => "fake_dark",
        "SCIENCE" => "fake_science",
        "PAIR" => "fake_combine",
        _ => "fake_basic",
    };
    let needs: Vec<DatasetId> = if tag == "PAIR" {
        block
            .split(',')
            .map(|block| DatasetId::from(format!("SCIENCE.{block}")))
            .collect()
    } else {
        Vec::new()
    };
    Dataset {
        id: format!("{tag}.{block}").into(),
        task: task.into(),
        key: BTreeMap::from([("OBS.ID".to_owned(), block.to_owned())]),
        // A pair is a wish, not an input.
        frames: if tag == "PAIR" { Vec::new() } else { frames },
        needs,
        completeness: Completeness::Complete,
    }
}

impl Associator for Rules {
    fn associate(&self, dataset: &Dataset, pool: &CalibPool<'_>) -> Result<Association, AssociateError> {
        match dataset.task.as_str() {
            "fake_science" => {}
            "fake_dark" | "fake_combine" => return Ok(Association::default()),
            _ => {
                return Err(AssociateError::UnknownTask {
                    dataset: dataset.id.clone(),
                    task: dataset.task.clone(),
                });
            }
        }
        let wanted: Tag = "MASTER_DARK".into();
        let mode = dataset.frames[0].frame.header.str("INS.MODE");
        let real = pool
            .real
            .iter()
            .find(|frame| frame.tag == wanted && frame.frame.header.str("INS.MODE") == mode);
        let planned = pool
            .planned
            .iter()
            .find(|master| master.tag == wanted && master.header.str("INS.MODE") == mode);
        let fill = match (real, planned) {
            (Some(frame), _) => Fill::Filled {
                frames: vec![frame.to_ref()],
                level: MatchLevel(1),
                dt_days: -0.5,
                reason: "same mode".into(),
            },
            (None, Some(master)) => Fill::Pending {
                producer: master.producer.clone(),
            },
            (None, None) => Fill::Missing {
                reason: "no dark of this mode".into(),
            },
        };
        Ok(Association {
            slots: vec![Slot {
                tag: wanted,
                required: true,
                fill,
            }],
        })
    }
}
