//! Quality control of PHOENIX: measurements, scores, trends, previews and reports; opens no file.
//!
//! `measure` reads numbers off a product through windows, `score` grades them by an instrument's `qc.toml`, `trend`
//! gives the sample of the past, `plot` draws the preview, `report` writes the score report, and `sdp` hands the
//! depth and resolution keywords to the archive's conversion. Values are facts, grades are policy: scoring again
//! needs no pixels.

pub mod celestial;
pub mod measure;
pub mod plot;
pub mod report;
pub mod score;
pub mod sdp;
pub mod trend;

mod number;
