//! Plans after one change, each beside the cold plan of the same change.

use std::path::Path;
use std::time::Instant;

use phoenix_core::header::Header;
use phoenix_core::rule_instrument::{Draft, DraftChange, DraftFill};
use phoenix_core::traits::Meter;
use phoenix_io::{ProcessMeter, ThreadExecutor};
use phoenix_sim::nights::headers::catalogue::catalogue;
use serde_json::{Value, json};

use super::{Fault, cold_plan, policy, rule_texts};

/// Rule changes: what is changed, in the rule book or in the validity table, from what to what.
const EDITS: [(&str, bool, &str, &str); 3] = [
    ("window of a calibration", false, "within_days = 3", "within_days = 2"),
    ("classification rule", true, "\"BIAS\"", "\"BIAS_OTHER\""),
    ("preference", false, "prefer = \"master\"", "prefer = \"raw\""),
];

/// Plans an instrument again after each kind of change and returns the figures.
///
/// # Errors
/// If rules or catalogues cannot be read.
pub fn measure(folder: &Path, name: &str) -> Result<Vec<Value>, Fault> {
    let executor = ThreadExecutor::new(2);
    let (oca, validity) = rule_texts(name)?;
    let mut draft = cold_plan(folder, name, &executor)?;
    let mut figures = Vec::new();
    let meter = ProcessMeter::new();
    let mut time = |draft: &mut Draft, what: &str, change: DraftChange<'_>| -> Result<(), Fault> {
        let (start, cpu_s) = (Instant::now(), meter.cpu_s());
        let done = draft.replan(&[change], &executor)?;
        figures.push(json!({
            "what": what,
            "wall_s": start.elapsed().as_secs_f64(),
            "cpu_s": meter.cpu_s().zip(cpu_s).map(|(after, before)| after - before),
            "n_chosen": done.n_chosen,
            "n_slots": done.n_slots,
        }));
        Ok(())
    };
    for (what, is_oca, from, to) in EDITS {
        let text = if is_oca { &oca } else { &validity };
        if !text.contains(from) {
            continue;
        }
        let edited = text.replacen(from, to, 1);
        let changed = if is_oca {
            policy(&edited, &validity)?
        } else {
            policy(&oca, &edited)?
        };
        time(&mut draft, what, DraftChange::Rules(changed))?;
        time(
            &mut draft,
            &format!("{what}, taken back"),
            DraftChange::Rules(policy(&oca, &validity)?),
        )?;
    }
    if let Some((file, header)) = a_bias(name) {
        let change = DraftChange::Frame {
            name: "NEW.fits",
            header: &header,
        };
        time(&mut draft, "new file", change)?;
        let mut other = header.clone();
        other.set("DET.WIN1.BINX", 2, "");
        other.set("INS.MODE", "OTHER", "");
        let change = DraftChange::Frame {
            name: &file,
            header: &other,
        };
        time(&mut draft, "changed file", change)?;
    }
    if let Some(master) = a_used_master(&draft) {
        time(&mut draft, "master rejected", DraftChange::Rejected(&master))?;
        time(&mut draft, "master accepted again", DraftChange::Accepted(&master))?;
    }
    Ok(figures)
}

/// Returns the first bias of a template of the first nights.
fn a_bias(instrument: &str) -> Option<(String, Header)> {
    let is_it = |header: &Header| {
        header.str("DPR.TYPE") == Ok("BIAS")
            && header.i64("TPL.EXPNO") == Ok(1)
            && header
                .str("INSTRUME")
                .is_ok_and(|name| name.eq_ignore_ascii_case(instrument))
    };
    let entry = catalogue(40, 1).filter(|entry| is_it(&entry.header)).nth(3)?;
    Some((entry.path.rsplit('/').next()?.to_owned(), entry.header))
}

/// Returns the name of a master that some job takes.
fn a_used_master(draft: &Draft) -> Option<String> {
    (draft.len() / 10..draft.len()).find_map(|work| {
        let filled = draft.slots(work).into_iter().map(|(_, fill)| fill);
        let mut filled = filled.filter(|fill| matches!(fill, DraftFill::Filled { .. }));
        filled.find_map(|fill| {
            let taken = draft.taken(fill);
            taken
                .first()
                .filter(|name| name.starts_with("M."))
                .map(|name| (*name).to_owned())
        })
    })
}
