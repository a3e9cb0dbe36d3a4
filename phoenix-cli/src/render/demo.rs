//! The end of the demonstration as text.

use std::fmt::Write as _;

use console::style;
use phoenix::demo::{BlockQuality, RejectionQuality};

use super::count;
use crate::cmd::DemoReport;

/// Writes what was made, how good it is, and where to look.
pub(crate) fn demo(report: &DemoReport) -> String {
    let delivered: usize = report.run.jobs.iter().map(|job| job.delivered.len()).sum();
    let done = report.run.jobs.iter().filter(|job| job.is_done()).count();
    let mut text = format!(
        "\n{}  {} of {} done, {} in the archive, {} left out, {:.1} s\n",
        style(format!("{} night {}", report.run.instrument, report.run.label)).bold(),
        done,
        count(report.run.jobs.len(), "job"),
        count(delivered, "product"),
        count(report.run.left_out.len(), "frame"),
        report.wall_s
    );
    for cube in &report.cubes {
        text.push_str(&block(cube));
        // Rejection was measured on the block with several exposures.
        if let Some(cosmics) = report.cosmics.as_ref().filter(|_| cube.n_exposures > 1) {
            text.push_str(&rejection(cosmics));
        }
    }
    for job in report.run.jobs.iter().filter(|job| !job.is_done()) {
        let because = job.because().unwrap_or_default();
        let _ = write!(text, "\n{} {} {because}", style("✘").red(), job.job);
    }
    let _ = write!(text, "\narchive  {}", report.archive.display());
    if let Some(page) = &report.run.page {
        let _ = write!(text, "\nreport   {}", style(page).underlined());
    }
    text + "\n"
}

fn block(cube: &BlockQuality) -> String {
    let [n_wave, n_y, n_x] = cube.shape;
    format!(
        "\n{} {}  {}, {n_x} × {n_y} × {n_wave} voxels, against the truth:\n  \
        star fluxes   {:.2} % off in the median, {:.2} % at most ({})\n  \
        positions     {:.3} arcsec rms\n  \
        variance      mean z² = {:.3} in blank sky ({} voxels), {:.4} % beyond 8 σ\n",
        style("✔").green(),
        style(&cube.obs_name).bold(),
        count(cube.n_exposures, "exposure"),
        cube.flux_error_percent,
        cube.flux_error_max_percent,
        count(cube.n_stars, "star"),
        cube.position_rms_arcsec,
        cube.variance_z2,
        cube.n_sky,
        100.0 * cube.outlier_share,
    )
}

fn rejection(cosmics: &RejectionQuality) -> String {
    format!(
        "  cosmic rays   {:.1} % of the {} pixels hit above 10 σ rejected ({:.1} % of all {}), {:.4} % of clean pixels lost;\n                \
        the cores of stars lose {:.3} % of their flux in the median, {:.3} % at most\n",
        100.0 * cosmics.completeness_bright,
        cosmics.n_bright,
        100.0 * cosmics.completeness,
        cosmics.n_hits,
        100.0 * cosmics.false_rate,
        cosmics.core_loss_percent,
        cosmics.core_loss_max_percent,
    )
}
