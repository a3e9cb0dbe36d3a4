//! Stacks across blocks as text: which exposures become one product, and every reason.

use console::style;
use phoenix::line::{DeepReport, DeepUpdate, GroupReport, MeasuredExposure};

use super::count;

/// Writes groups with their exposures, what was measured of them, and what was left out.
pub(crate) fn deep(report: &DeepReport) -> String {
    let n: usize = report.groups.iter().map(|group| group.group.exposures.len()).sum();
    let mut lines = vec![format!(
        "{}: {} in {}, {} left out",
        style(&report.batch).bold(),
        count(n, "exposure"),
        count(report.groups.len(), "product"),
        report.left_out.len()
    )];
    for group in &report.groups {
        lines.push(String::new());
        group_lines(group, &mut lines);
    }
    if !report.left_out.is_empty() {
        lines.push(String::new());
        lines.push("left out".to_owned());
        lines.extend(report.left_out.iter().map(super::left_out_line));
    }
    lines.join("\n") + "\n"
}

fn group_lines(report: &GroupReport, lines: &mut Vec<String>) {
    let group = &report.group;
    let [ra, dec] = group.centre_deg;
    let [separation, diameter] = group.limits_arcsec;
    lines.push(format!("{} {}", style("●").green(), style(&group.dataset).bold()));
    lines.push(format!("    {}", group.because));
    lines.push(format!(
        "    {} {} {} at {ra:.5} {dec:+.5}, {:.0} s",
        group.targets.join(", "),
        group.mode,
        group.pointing,
        group.exptime_s
    ));
    lines.push(format!(
        "    {:.1} arcsec across (at most {diameter:.1}), steps of at most {separation:.1}",
        group.diameter_arcsec
    ));
    lines.push(format!("    {}", group.alignment));
    if let Some(lent) = &report.lent {
        let images = count(lent.jobs.len(), "image");
        let place = lent.lender.display();
        lines.push(if lent.is_taken {
            format!("    {images} taken from {place}, made there of the same content")
        } else {
            format!("    {images} lie in {place} and are taken if their content is the same")
        });
    }
    match &report.update {
        DeepUpdate::Unchanged => lines.push("    made before from the same exposures: it stays".to_owned()),
        DeepUpdate::Restart { because } => lines.push(format!("    begun anew: {because}")),
        _ => {}
    }
    for exposure in &group.exposures {
        let seeing = exposure
            .seeing_arcsec
            .map(|fwhm| format!(", seeing {fwhm:.2}"))
            .unwrap_or_default();
        let grade = if exposure.grade == "_" {
            "no grade".to_owned()
        } else {
            format!("grade {}", exposure.grade)
        };
        lines.push(format!(
            "    {}  block {}, night {}, {:.0} s, {grade}{seeing}, {:.1} arcsec from the centre",
            exposure.date_obs, exposure.block, exposure.night, exposure.exptime_s, exposure.distance_arcsec
        ));
        let measured = report
            .measured
            .iter()
            .find(|measured| measured.date_obs == exposure.date_obs);
        lines.extend(measured.map(measured_line));
    }
    for apart in &group.apart {
        lines.push(format!("    not with {}: {}", apart.dataset, apart.because));
    }
}

fn measured_line(measured: &MeasuredExposure) -> String {
    if let Some(reason) = &measured.left_out {
        return format!("        {}: {reason}", style("left out").yellow());
    }
    let known = |name: &str, value: Option<f64>| value.map(|value| format!(", {name} {value:.3}")).unwrap_or_default();
    format!(
        "        weight {:.3}{}{}",
        measured.weight,
        known("seeing", measured.fwhm_arcsec),
        known("transparency", measured.transparency)
    )
}
