//! Depth and resolution keywords of the science-data-product standard, measured on a cube.

use std::collections::BTreeMap;

use phoenix_core::header::{Header, Value};
use phoenix_core::traits::Measured;

use crate::measure::CubeSurvey;

/// Keywords with value and comment, and those that could not be formed with the reason.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SdpFacts {
    /// Value and comment by keyword.
    pub cards: BTreeMap<String, (Value, String)>,
    /// Reason by keyword.
    pub absent: BTreeMap<String, String>,
}

impl SdpFacts {
    fn put(&mut self, key: &str, measured: Measured, decimals: Option<usize>, comment: &str) {
        match measured {
            Measured::Value { value } => {
                let text = decimals.map_or_else(|| format!("{value:.4E}"), |decimals| format!("{value:.decimals$}"));
                // The number is the one that the text says, so that header and database agree.
                let value = text.parse().unwrap_or(value);
                self.cards
                    .insert(key.into(), (Value::Real(value, Some(text.into())), comment.into()));
            }
            Measured::Absent { reason } => {
                self.absent.insert(key.into(), reason);
            }
        }
    }
}

/// Wavelength of the seeing monitor in nm (Sarazin and Roddier 1990, A&A 227, 294).
const MONITOR_NM: f64 = 500.0;
/// Exponent of a Moffat profile under Kolmogorov turbulence, as measured through real telescopes (Trujillo et al. 2001,
/// MNRAS 328, 977 give 2.5 to 4.8).
const SEEING_BETA: f64 = 2.8;

/// Forms `WAVELMIN`, `WAVELMAX`, `ABMAGLIM`, `PIXNOISE`, `SKY_RES` and `SKY_RERR` of a cube.
///
/// # Units
/// nm, AB magnitudes, erg/s/cm^2/Angstrom, arcsec.
///
/// # Numerics
/// Without a point source the width is estimated from the seeing monitor at start and end of the exposure,
/// s airmass^0.6 (lambda/500 nm)^-0.2; its error is then half the difference of the two, at least 0.2 arcsec.
///
/// # References
/// ESO Science Data Products Standard 8, section 5; seeing: Fried 1966, JOSA 56, 1372.
pub fn facts(survey: &CubeSurvey, header: &Header) -> SdpFacts {
    let mut facts = SdpFacts::default();
    facts.put("WAVELMIN", survey.wavelmin_nm(), Some(3), "[nm] Minimum wavelength");
    facts.put("WAVELMAX", survey.wavelmax_nm(), Some(3), "[nm] Maximum wavelength");
    facts.put(
        "PIXNOISE",
        survey.pixnoise(),
        None,
        "[erg.s**(-1).cm**(-2).angstrom**(-1)] pixel-to-pixel noise",
    );
    if survey.sharpness().is_some() {
        facts.put(
            "ABMAGLIM",
            survey.abmaglim(),
            Some(3),
            "5-sigma AB limit for point sources, white light",
        );
        facts.put(
            "SKY_RES",
            survey.sky_res_arcsec(),
            Some(3),
            "[arcsec] FWHM effective spatial resolution",
        );
        facts.put(
            "SKY_RERR",
            survey.sky_rerr_arcsec(),
            Some(3),
            "[arcsec] Error of SKY_RES",
        );
        return facts;
    }
    match seeing_arcsec(survey, header) {
        Some((fwhm_arcsec, error_arcsec)) => {
            let fwhm_pix = survey
                .wcs
                .as_ref()
                .map_or(f64::NAN, |wcs| fwhm_arcsec / wcs.scale_arcsec());
            facts.put(
                "ABMAGLIM",
                survey.abmaglim_for(fwhm_pix, SEEING_BETA),
                Some(3),
                "5-sigma AB limit for point sources, white light",
            );
            let wrap = |value| Measured::Value { value };
            facts.put(
                "SKY_RES",
                wrap(fwhm_arcsec),
                Some(3),
                "[arcsec] FWHM estimated from the seeing monitor",
            );
            facts.put("SKY_RERR", wrap(error_arcsec), Some(3), "[arcsec] Error of SKY_RES");
        }
        None => {
            for key in ["ABMAGLIM", "SKY_RES", "SKY_RERR"] {
                let reason = "no point source is bright enough for a width, and the header has no seeing";
                facts.absent.insert(key.into(), reason.into());
            }
        }
    }
    facts
}

fn seeing_arcsec(survey: &CubeSurvey, header: &Header) -> Option<(f64, f64)> {
    let usable = |key: &str| header.f64(key).ok().filter(|value| (0.1..10.0).contains(value));
    let start = usable("TEL.AMBI.FWHM.START");
    let end = usable("TEL.AMBI.FWHM.END");
    let (low, high) = match (start, end) {
        (Some(a), Some(b)) => (a.min(b), a.max(b)),
        (Some(a), None) | (None, Some(a)) => (a, a),
        (None, None) => return None,
    };
    let airmass = usable("TEL.AIRM.START").unwrap_or(1.0);
    let band = survey.white_band_nm?;
    let factor = airmass.powf(0.6) * (f64::midpoint(band.0, band.1) / MONITOR_NM).powf(-0.2);
    Some((
        f64::midpoint(low, high) * factor,
        ((high - low) / 2.0 * factor).max(0.2),
    ))
}
