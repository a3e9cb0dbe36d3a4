//! Quality keywords of an alignment: matches and offsets as ESO's recipe has them; seams and widths, which it has not.

use phoenix_core::header::Header;
use phoenix_kernels::align::{Method, Seam};
use phoenix_kernels::stat::{mean_and_deviation, median};

use super::product::Maker;

/// Keywords of the list of offsets that a cube made with it takes over, without `QC.EXPALIGN.`.
pub(crate) const KEPT: [&str; 4] = ["SEAM.MAX", "SEAM.SIGMA", "FWHM.MEDIAN", "FWHM.SCATTER"];

impl Maker<'_> {
    pub(super) fn set_quality(&self, header: &mut Header) {
        let key = |name: String| format!("QC.EXPALIGN.{name}");
        let exposures = &self.alignment.exposures;
        for (n, sources) in (1..).zip(&self.alignment.sources) {
            header.set(
                key(format!("NDET{n}")),
                sources.len(),
                "Number of detected sources of the image",
            );
        }
        let matches: Vec<f64> = (0..exposures.len())
            .map(|k| {
                let others = exposures[k].matches.iter().enumerate().filter(|(other, _)| *other != k);
                median(&mut others.map(|(_, n)| *n as f64).collect::<Vec<_>>()).unwrap_or(0.0)
            })
            .collect();
        for (n, value) in (1..).zip(&matches) {
            header.set(
                key(format!("NMATCH{n}")),
                value.round() as i64,
                "Median number of matches with others",
            );
        }
        let least = matches.iter().copied().fold(f64::INFINITY, f64::min);
        header.set(
            key("NMATCH.MIN".into()),
            least.round() as i64,
            "Minimum of the median number of matches",
        );
        let lost = exposures.iter().filter(|found| found.method == Method::None).count();
        header.set(
            key("NOMATCH".into()),
            lost,
            "Number of images that nothing ties to the reference",
        );
        for (axis, name) in [(0, "RA"), (1, "DEC")] {
            let values: Vec<f64> = exposures.iter().map(|found| found.offset_deg[axis] * 3600.0).collect();
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (mean, deviation) = mean_and_deviation(&values).unwrap_or((0.0, 0.0));
            for (what, value, comment) in [
                ("MIN", low, "[arcsec] minimum offset"),
                ("MAX", high, "[arcsec] maximum offset"),
                ("MEAN", mean, "[arcsec] mean offset"),
                ("STDEV", deviation, "[arcsec] standard deviation of offsets"),
            ] {
                header.set(key(format!("OFFSET.{name}.{what}")), value, comment);
            }
        }
        self.set_seams(header);
        self.set_widths(header);
        header.set(
            "PHX.ALIGN.EXCESS",
            self.alignment.excess_arcsec,
            "[arcsec] scatter beyond that of centroids",
        );
    }

    /// Steps in level between exposures, which show as seams in their sum.
    fn set_seams(&self, header: &mut Header) {
        let key = |name: String| format!("QC.EXPALIGN.SEAM{name}");
        let mut largest: Option<&Seam> = None;
        for (n, seam) in (1..).zip(self.seams) {
            let Some(seam) = seam else { continue };
            header.set(
                key(format!("{n}")),
                seam.step,
                "[BUNIT] level of exposure n over that of others",
            );
            header.set(key(format!("{n}.ERR")), seam.error, "[BUNIT] error of that step");
            if largest.is_none_or(|other| other.step.abs() < seam.step.abs()) {
                largest = Some(seam);
            }
        }
        if let Some(seam) = largest {
            header.set(key(".MAX".into()), seam.step.abs(), "[BUNIT] largest step in level");
            if seam.pixel_noise > 0.0 {
                header.set(
                    key(".SIGMA".into()),
                    seam.step.abs() / seam.pixel_noise,
                    "largest step over the noise of a pixel",
                );
            }
        }
    }

    /// Widths of stars: how alike the exposures are.
    fn set_widths(&self, header: &mut Header) {
        let key = |name: &str| format!("QC.EXPALIGN.FWHM{name}");
        let mut widths = Vec::new();
        for (n, found) in (1..).zip(&self.alignment.exposures) {
            if found.is_fwhm_measured {
                header.set(
                    key(&format!("{n}")),
                    found.fwhm_arcsec,
                    "[arcsec] FWHM of stars in exposure n",
                );
                widths.push(found.fwhm_arcsec);
            }
        }
        if let Some((mean, deviation)) = mean_and_deviation(&widths).filter(|_| widths.len() > 1) {
            header.set(
                key(".SCATTER"),
                deviation / mean,
                "standard deviation of FWHM over their mean",
            );
        }
        if let Some(middle) = median(&mut widths) {
            header.set(key(".MEDIAN"), middle, "[arcsec] median FWHM of the exposures");
        }
    }
}
