//! Benches of PHOENIX, beside ESO's pipelines
