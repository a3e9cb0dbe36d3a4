//! What the columns of a spectrum mean, in the words of the Virtual Observatory.

use super::arrays::Spectrum;

/// The meaning of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// `TUCDn`.
    pub ucd: String,
    /// `TUTYPn`.
    pub utype: String,
    /// `TCOMMn`.
    pub comment: &'static str,
}

/// The data model: one with a single flux, or one with several.
pub(super) fn data_model(spectrum: &Spectrum) -> &'static str {
    if has_several(spectrum) {
        "SPECTRUM v2.0"
    } else {
        "SPECTRUM v1.0"
    }
}

fn is_flux(name: &str) -> bool {
    name.starts_with("FLUX")
}

fn has_several(spectrum: &Spectrum) -> bool {
    spectrum.rest.iter().any(|column| is_flux(&column.name))
}

/// What a kind of column is by its name; the second part of the utype, the UCD, and a comment.
fn kind(name: &str, flux: &str) -> (&'static str, String, &'static str) {
    const FLUX: &str = "Data.FluxAxis.Value";
    const ERROR: &str = "Data.FluxAxis.Accuracy.StatError";
    match name {
        "QUAL" => (
            "Data.FluxAxis.Accuracy.QualityStatus",
            "meta.code.qual".into(),
            "0 good, else bad",
        ),
        "SNR" => ("Data.FluxAxis.Accuracy.SNR", "stat.snr".into(), "Signal to noise ratio"),
        "CONTINUUM" => (FLUX, format!("{flux};spect.continuum"), "Continuum"),
        "EXPOSURE" => ("", "time.duration;obs.exposure".into(), "Exposure time"),
        name if name.starts_with("BGFLUX") => ("Data.BackgroundModel.Value", flux.into(), "Background"),
        name if name.starts_with("ERR") => (ERROR, format!("stat.error;{flux}"), "One standard deviation"),
        name if is_flux(name) => (FLUX, flux.into(), "Flux"),
        _ => ("", "meta.note".into(), ""),
    }
}

/// Returns the meaning of every column, in their order.
///
/// # References
/// ESO-044286 version 8, section 4.2 and Table 3; IVOA Spectrum data model 1.1 for the background and the quality.
pub(super) fn meanings(spectrum: &Spectrum) -> Vec<Meaning> {
    let has_several = has_several(spectrum);
    let (first, further) = if has_several {
        ("spec:", "eso:")
    } else {
        ("Spectrum.", "eso:")
    };
    let wave = Meaning {
        ucd: if spectrum.is_air { "em.wl;obs.atmos" } else { "em.wl" }.to_owned(),
        utype: format!("{first}Data.SpectralAxis.Value"),
        comment: if spectrum.is_air {
            "Wavelength in air"
        } else {
            "Wavelength in vacuum"
        },
    };
    let others = spectrum.columns().skip(1).enumerate().map(|(n, column)| {
        // A flux that is not calibrated has another scale at every wavelength.
        let is_raw = column.name.ends_with("_REDUCED");
        let flux = if is_raw {
            "phot.flux.density;em.wl;stat.uncalib"
        } else {
            "phot.flux.density;em.wl;src.net"
        };
        let (tail, mut ucd, comment) = kind(&column.name, flux);
        let is_main = n < 2;
        if is_main && has_several {
            ucd.push_str(";meta.main");
        }
        let prefix = if is_main { first } else { further };
        Meaning {
            ucd,
            utype: if tail.is_empty() {
                String::new()
            } else {
                format!("{prefix}{tail}")
            },
            comment,
        }
    });
    std::iter::once(wave).chain(others).collect()
}
