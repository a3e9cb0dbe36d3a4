//! The records of the steps before: basic reduction and post-processing, with the calibrations they used.

use phoenix_core::unit::Mjd;

use super::{Cards, rounded};
use crate::observation::Observation;
use crate::slice::Summary;

/// Which software the records name: the pipeline whose formats the simulator follows.
const PIPELINE: &str = "muse/2.8.7";

fn master(start: Mjd, minutes: f64) -> String {
    format!("M.MUSE.{}.fits", Mjd(start.0 + minutes / 1440.0).to_iso())
}

/// Writes one record: recipe, inputs, calibrations and parameters, each numbered from 1.
fn record(
    cards: &mut Cards<'_>,
    n: usize,
    recipe: &str,
    raws: &[(String, &str)],
    calibrations: &[(String, &str)],
    parameters: &[(&str, &str)],
) {
    let root = format!("PRO REC{n}");
    cards.push(&format!("{root} ID"), recipe, "Pipeline recipe (unique) identifier");
    cards.push(
        &format!("{root} DRS ID"),
        "cpl-7.2.3",
        "Data Reduction System identifier",
    );
    cards.push(&format!("{root} PIPE ID"), PIPELINE, "Pipeline (unique) identifier");
    for (group, frames) in [("RAW", raws), ("CAL", calibrations)] {
        for (i, (name, category)) in (1..).zip(frames) {
            cards.push(&format!("{root} {group}{i} NAME"), name.as_str(), "File name");
            cards.push(&format!("{root} {group}{i} CATG"), *category, "Category");
        }
    }
    for (i, (name, value)) in (1..).zip(parameters) {
        cards.push(&format!("{root} PARAM{i} NAME"), *name, "");
        cards.push(&format!("{root} PARAM{i} VALUE"), *value, "");
    }
}

/// Writes the chain of records and the quality numbers that the basic reduction leaves.
pub(super) fn records(cards: &mut Cards<'_>, observation: &Observation, summary: &Summary) {
    let block = &observation.block;
    let arc = block.arc_start;
    let illumination = format!("MUSE.{}.fits", Mjd(block.start.0 - 0.02).to_iso());
    record(
        cards,
        1,
        "muse_scibasic",
        &[(observation.arcfile(), "OBJECT"), (illumination, "ILLUM")],
        &[
            ("badpix_table.fits".to_owned(), "BADPIX_TABLE"),
            ("geometry_table_wfm.fits".to_owned(), "GEOMETRY_TABLE"),
            (master(arc, -90.0), "MASTER_BIAS"),
            (master(arc, -45.0), "MASTER_FLAT"),
            (master(arc, -45.0), "TRACE_TABLE"),
            (master(arc, -700.0), "TWILIGHT_CUBE"),
            (master(arc, 0.0), "WAVECAL_TABLE"),
        ],
        &[
            ("nifu", "-1"),
            ("cr", "none"),
            ("skylines", "5577.339,6300.304"),
            ("merge", "false"),
        ],
    );
    let tables: Vec<(String, &str)> = (1..=observation.exposure.instrument.size().n_ifu)
        .map(|ifu| {
            (
                format!("PIXTABLE_OBJECT_{:04}-{ifu:02}.fits", observation.number),
                "PIXTABLE_OBJECT",
            )
        })
        .collect();
    record(
        cards,
        2,
        "muse_scipost",
        &tables,
        &[
            ("astrometry_wcs_wfm.fits".to_owned(), "ASTROMETRY_WCS"),
            ("extinct_table.fits".to_owned(), "EXTINCT_TABLE"),
            (master(arc, 5.0), "LSF_PROFILE"),
            ("sky_lines.fits".to_owned(), "SKY_LINES"),
            (master(block.start, -60.0), "STD_RESPONSE"),
            (master(block.start, -60.0), "STD_TELLURIC"),
        ],
        &[
            ("save", "individual"),
            ("skymethod", "model"),
            ("darcheck", "none"),
            ("rvcorr", "bary"),
        ],
    );
    let shift = rounded(block.lambda_shift_aa, 4);
    cards.push(
        "QC SCIBASIC NSATURATED",
        summary.n_saturated as i64,
        "Number of saturated pixels in output data",
    );
    cards.push(
        "QC SCIBASIC LAMBDA SHIFT",
        shift,
        "[Angstrom] Shift from sky emission lines",
    );
}
