//! Figures as Markdown.

use std::fmt::Write;

use crate::process::Usage;

/// One line of the comparison: a case, the peer's figures, ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What was done.
    pub case: String,
    /// ESO's pipeline.
    pub peer: Usage,
    /// PHOENIX.
    pub ours: Usage,
}

/// Returns the comparison as a Markdown table, ratios peer / ours.
pub fn markdown(lines: &[Line]) -> String {
    let mut text = String::from(
        "| case | CPU s peer / ours | ratio | wall s peer / ours | ratio | peak MiB peer / ours | ratio |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for Line { case, peer, ours } in lines {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {case} | {:.2} / {:.2} | **{:.1}** | {:.2} / {:.2} | **{:.1}** | {:.0} / {:.0} | **{:.1}** |",
            peer.cpu_s,
            ours.cpu_s,
            peer.cpu_s / ours.cpu_s,
            peer.wall_s,
            ours.wall_s,
            peer.wall_s / ours.wall_s,
            peer.peak_mib,
            ours.peak_mib,
            peer.peak_mib / ours.peak_mib,
        );
    }
    text
}
