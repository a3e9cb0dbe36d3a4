//! Vocabulary, the five traits and the engine of PHOENIX; opens no file.

pub mod header;
