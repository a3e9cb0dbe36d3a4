//! Benches of PHOENIX, beside ESO's pipelines.
//!
//! `process` measures whole processes (CPU, wall, peak memory); `table` prints medians and ratios; the binary `peers`
//! runs PHOENIX and ESO's pipeline in turn on the same files. Ratios are quoted, not seconds: machines differ and are
//! shared. `planning` and its binary measure plans of many years beside Snakemake and astropy.

pub mod planning;
pub mod process;
pub mod table;
