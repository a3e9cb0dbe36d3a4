//! Contracts of `Associator`.

use phoenix_core::association::{Association, CalibPool, Fill};
use phoenix_core::dataset::Dataset;
use phoenix_core::frame::ClassifiedFrame;
use phoenix_core::traits::Instrument;

use super::Report;

fn with_shifted_time(frame: &ClassifiedFrame, days: f64, n: usize) -> ClassifiedFrame {
    let mut worse = frame.clone();
    worse.frame.id = format!("{}-worse-{n}", frame.frame.id).into();
    worse.frame.location = format!("{}-worse-{n}", frame.frame.location);
    if let Ok(mjd) = frame.frame.header.f64("MJD-OBS") {
        worse.frame.header.set("MJD-OBS", mjd + days, "");
    }
    worse
}

fn chosen(association: &Association) -> Vec<(String, Vec<String>)> {
    let frames = |fill: &Fill| match fill {
        Fill::Filled { frames, .. } => frames.iter().map(|frame| frame.id.to_string()).collect(),
        _ => Vec::new(),
    };
    association
        .slots
        .iter()
        .map(|slot| (slot.tag.to_string(), frames(&slot.fill)))
        .collect()
}

/// Checks the associator on datasets and a pool of calibrations.
pub fn associator(instrument: &dyn Instrument, datasets: &[Dataset], pool: &[ClassifiedFrame]) -> Report {
    let mut report = Report::default();
    let associator = instrument.associator();
    for dataset in datasets {
        let first = match associator.associate(dataset, &CalibPool::new(pool, &[])) {
            Ok(first) => first,
            Err(error) => {
                report.check("association of a sound dataset succeeds", false, || error.to_string());
                continue;
            }
        };
        let empty = associator.associate(dataset, &CalibPool::default()).unwrap_or_default();
        let tags = |association: &Association| -> Vec<String> {
            association.slots.iter().map(|slot| slot.tag.to_string()).collect()
        };
        report.check(
            "every declared slot is answered, whatever the pool",
            tags(&first) == tags(&empty),
            || format!("{:?} with a pool, {:?} without", tags(&first), tags(&empty)),
        );
        let reasons_given = first.slots.iter().chain(&empty.slots).all(|slot| match &slot.fill {
            Fill::Filled { reason, .. } | Fill::Missing { reason } => !reason.is_empty(),
            Fill::Pending { .. } => true,
        });
        report.check("every answer has its reason", reasons_given, || {
            format!("dataset {}", dataset.id)
        });
        let reversed: Vec<ClassifiedFrame> = pool.iter().rev().cloned().collect();
        let second = associator
            .associate(dataset, &CalibPool::new(&reversed, &[]))
            .unwrap_or_default();
        report.check("the order of candidates changes nothing", first == second, || {
            format!("dataset {}", dataset.id)
        });
        let mut larger = pool.to_vec();
        larger.extend(
            pool.iter()
                .enumerate()
                .map(|(n, frame)| with_shifted_time(frame, 4000.0, n)),
        );
        let third = associator
            .associate(dataset, &CalibPool::new(&larger, &[]))
            .unwrap_or_default();
        report.check(
            "a worse candidate never changes the choice",
            chosen(&first) == chosen(&third),
            || {
                format!(
                    "dataset {}: {:?} became {:?}",
                    dataset.id,
                    chosen(&first),
                    chosen(&third)
                )
            },
        );
    }
    report
}
