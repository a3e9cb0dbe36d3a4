//! Plans of sixteen years: catalogues on disk, cold plans, plans after a change, headers of many files, and the peers.
//!
//! Each step that is measured runs in a process of its own, so that its peak memory is its own.

pub mod catalogues;
pub mod changes;
pub mod headers;
pub mod peers;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use phoenix_core::engine::Executor;
use phoenix_core::rule_instrument::{Draft, Policy, RuleInstrument, RuleInstrumentBuilder};
use phoenix_core::traits::Selection;
use phoenix_io::ThreadExecutor;
use phoenix_io::catalogue::read_catalogue;
use phoenix_testkit::peers::workspace_root;

/// The instruments, the one with the most jobs first.
pub const INSTRUMENTS: [&str; 4] = ["muse", "xshooter", "uves", "giraffe"];

/// Any error.
pub type Fault = Box<dyn Error + Send + Sync>;

/// Returns the rule book and the validity table of an instrument.
///
/// # Errors
/// If they cannot be read.
pub fn rule_texts(name: &str) -> Result<(String, String), Fault> {
    let folder = workspace_root().join("phoenix-instruments").join(name).join("rules");
    let read = |file: &str| std::fs::read_to_string(folder.join(file));
    Ok((read(&format!("{name}.oca"))?, read("validity.toml")?))
}

/// Returns the policy of a rule book and a validity table.
///
/// # Errors
/// If the rules are unsound.
pub fn policy(oca: &str, validity: &str) -> Result<Arc<Policy>, Fault> {
    let instrument = RuleInstrument::from_rules(oca, validity).and_then(RuleInstrumentBuilder::build)?;
    Ok(instrument.policy().clone())
}

/// Returns where the catalogue of an instrument is.
pub fn catalogue_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.frames"))
}

/// Plans one instrument from its catalogue.
///
/// # Errors
/// If rules or catalogue cannot be read.
pub fn cold_plan(folder: &Path, name: &str, executor: &dyn Executor) -> Result<Draft, Fault> {
    let (oca, validity) = rule_texts(name)?;
    let frames = read_catalogue(&catalogue_path(folder, name), policy(&oca, &validity)?)?;
    Ok(Draft::with_executor(frames, &Selection::new(), executor))
}

/// Plans all instruments from their catalogues on two threads.
///
/// # Errors
/// If rules or catalogues cannot be read.
pub fn cold_plans(folder: &Path) -> Result<Vec<(&'static str, Draft)>, Fault> {
    let executor = ThreadExecutor::new(2);
    let waiting = Mutex::new(INSTRUMENTS.into_iter());
    let done = Mutex::new(Vec::new());
    executor.run(2, &|| {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(name) = next else { break };
            let draft = cold_plan(folder, name, &executor);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((name, draft));
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(name, _)| INSTRUMENTS.iter().position(|other| other == name));
    done.into_iter().map(|(name, draft)| Ok((name, draft?))).collect()
}
