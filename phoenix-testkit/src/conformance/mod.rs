//! The contracts of the five traits as functions.
//!
//! Each check is named by the sentence of the contract that it holds to. What is checked follows from what the
//! instrument declares: its tasks, slots, parameters and products.

mod associate;
mod ingest;
mod qc;
mod recipe;
mod rules;
mod select;

pub use associate::associator;
pub use ingest::ingestor;
pub use qc::scorer;
pub use recipe::{RecipeFixture, recipe};
pub use rules::{decisions, rules, unscored};
pub use select::selector;

/// One sentence of a contract and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The sentence.
    pub contract: String,
    /// Why it does not hold.
    pub fault: Option<String>,
}

/// The outcome of a group of checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl Report {
    fn check(&mut self, contract: &str, holds: bool, fault: impl FnOnce() -> String) {
        self.checks.push(Check {
            contract: contract.to_owned(),
            fault: (!holds).then(fault),
        });
    }

    /// Returns the sentences that do not hold, with the reason.
    pub fn faults(&self) -> Vec<String> {
        self.checks
            .iter()
            .filter_map(|check| check.fault.as_ref().map(|fault| format!("{}: {fault}", check.contract)))
            .collect()
    }

    /// Fails the running test if a contract is broken or nothing was checked.
    ///
    /// # Panics
    /// If there is a fault, or no check.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(!self.checks.is_empty(), "nothing was checked");
        let faults = self.faults();
        assert!(faults.is_empty(), "broken contracts:\n{}", faults.join("\n"));
    }

    /// Appends another group.
    pub fn extend(&mut self, other: Report) {
        self.checks.extend(other.checks);
    }
}
