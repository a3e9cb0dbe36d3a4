//! Filters of the images: `white`, which needs no file, and the tables of a `FILTER_LIST`.

use phoenix_core::frame::FrameRef;
use phoenix_core::header::Header;
use phoenix_core::traits::{FrameReader, HduKind, RecipeError};
use phoenix_kernels::ifu::Filter;
use phoenix_kit::param;

use crate::exposure::in_file;
use crate::params::NumericsChoice;

/// The range in which `white` is 1, Angstrom. Source: ESO MUSE pipeline 2.8.7, as measured.
pub const WHITE_AA: [f64; 2] = [4650.0, 9300.0];

/// A filter curve with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterCurve {
    /// `EXTNAME`.
    pub name: String,
    /// Throughput by wavelength.
    pub filter: Filter,
    /// First and last wavelength in Angstrom.
    pub range_aa: [f64; 2],
    /// Vega zero point in magnitudes, where the list states it.
    pub zp_vega: Option<f64>,
    /// AB zero point in magnitudes, where the list states it.
    pub zp_ab: Option<f64>,
}

impl FilterCurve {
    /// Returns the white-light filter.
    pub fn white() -> Self {
        Self {
            name: "white".into(),
            filter: Filter::white(),
            range_aa: WHITE_AA,
            zp_vega: None,
            zp_ab: None,
        }
    }

    /// Returns the share of the filter inside a range, in per cent, on a grid of 1 Angstrom.
    pub fn covered_percent(&self, range_aa: [f64; 2]) -> f64 {
        let [first, last] = self.range_aa;
        let n = (last - first).ceil() as u32;
        let (mut inside, mut all) = (0.0, 0.0);
        for step in 0..n {
            let lambda = first + f64::from(step);
            let throughput = self.filter.at(lambda);
            all += throughput;
            if lambda >= range_aa[0] && lambda <= range_aa[1] {
                inside += throughput;
            }
        }
        if all > 0.0 { 100.0 * inside / all } else { 0.0 }
    }

    /// Writes name, coverage and zero points.
    pub fn set_keys(&self, header: &mut Header, range_aa: [f64; 2]) {
        header.set("DRS.MUSE.FILTER.NAME", self.name.as_str(), "filter name used");
        let percent = (self.covered_percent(range_aa) * 1e6).round() / 1e6;
        header.set(
            "DRS.MUSE.FILTER.FRACTION",
            percent,
            "[%] fraction of filter covered by data",
        );
        if let Some(zp) = self.zp_vega {
            header.set("DRS.MUSE.FILTER.ZPVEGA", zp, "[mag] zeropoint for filter (Vega)");
        }
        if let Some(zp) = self.zp_ab {
            header.set("DRS.MUSE.FILTER.ZPAB", zp, "[mag] zeropoint for filter (AB)");
        }
    }
}

/// Reads every curve of a list.
///
/// # Errors
/// `Frame`, naming extension and column; `Read`.
pub fn read_list(frame: &FrameRef, reader: &dyn FrameReader) -> Result<Vec<FilterCurve>, RecipeError> {
    let fault = |reason: String| RecipeError::Frame {
        frame: frame.id.clone(),
        reason,
    };
    let mut curves = Vec::new();
    for hdu in reader
        .hdus(frame)
        .map_err(in_file(frame))?
        .iter()
        .filter(|hdu| hdu.kind == HduKind::Table)
    {
        let table = reader.table(frame, hdu.index).map_err(in_file(frame))?;
        let reals = |name: &str| {
            let column = table.column(name).and_then(|column| column.data.to_f64());
            column.ok_or_else(|| {
                fault(format!(
                    "extension {}: column {name} is missing or holds no numbers",
                    hdu.name
                ))
            })
        };
        let (lambda_aa, throughput) = (reals("lambda")?, reals("throughput")?);
        let range_aa = [
            lambda_aa.first().copied().unwrap_or(0.0),
            lambda_aa.last().copied().unwrap_or(0.0),
        ];
        let filter = Filter::table(lambda_aa, throughput).map_err(|error| {
            fault(format!(
                "extension {}: columns lambda and throughput: {error}",
                hdu.name
            ))
        })?;
        curves.push(FilterCurve {
            name: hdu.name.clone(),
            filter,
            range_aa,
            zp_vega: hdu.header.f64("ZP_VEGA").ok(),
            zp_ab: hdu.header.f64("ZP_AB").ok(),
        });
    }
    Ok(curves)
}

/// Returns the curves asked for, and the names that no list has.
pub fn chosen<'a>(names: &'a str, curves: &[FilterCurve]) -> (Vec<FilterCurve>, Vec<&'a str>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in param::words(names) {
        match curves.iter().find(|curve| curve.name == name) {
            Some(curve) => found.push(curve.clone()),
            None if name == "white" => found.push(FilterCurve::white()),
            None => unknown.push(name),
        }
    }
    (found, unknown)
}

/// Sees to it that there is white light: as the first image in `phoenix`, which is the one that archives take; behind the
/// others in `eso`, where the numbers of images are the pipeline's.
pub fn with_white(curves: &mut Vec<FilterCurve>, numerics: NumericsChoice) {
    let white = curves.iter().position(|curve| curve.name == "white");
    match (numerics, white) {
        (NumericsChoice::Phoenix, Some(place)) => curves[..=place].rotate_right(1),
        (NumericsChoice::Phoenix, None) => curves.insert(0, FilterCurve::white()),
        (NumericsChoice::Eso, Some(_)) => {}
        (NumericsChoice::Eso, None) => curves.push(FilterCurve::white()),
    }
}

#[cfg(test)]
mod tests {
    use super::{FilterCurve, chosen, with_white};
    use crate::params::NumericsChoice;

    #[test]
    fn the_share_of_white_light_is_the_pipelines() {
        // The pipeline wrote 4.107527 for 153 planes of 1.25 Angstrom from 6879.2666015625.
        let first = 6_879.266_601_562_5;
        let percent = FilterCurve::white().covered_percent([first, first + 153.0 * 1.25]);
        assert!((percent - 4.107_527).abs() < 1e-6, "{percent}");
    }

    #[test]
    fn an_unknown_filter_is_told() {
        let (found, unknown) = chosen("white, SDSS_g", &[]);
        assert_eq!((found.len(), unknown), (1, vec!["SDSS_g"]));
    }

    #[test]
    fn white_light_comes_first_in_phoenix_and_moves_no_number_in_eso() {
        let named = |name: &str| FilterCurve {
            name: name.into(),
            ..FilterCurve::white()
        };
        let order = |names: &[&str], numerics| {
            let mut curves: Vec<FilterCurve> = names.iter().map(|name| named(name)).collect();
            with_white(&mut curves, numerics);
            let names: Vec<String> = curves.into_iter().map(|curve| curve.name).collect();
            names.join(" ")
        };
        assert_eq!(order(&["g", "white", "r"], NumericsChoice::Phoenix), "white g r");
        assert_eq!(order(&["g", "r"], NumericsChoice::Phoenix), "white g r");
        assert_eq!(order(&["g", "white", "r"], NumericsChoice::Eso), "g white r");
        assert_eq!(order(&["g", "r"], NumericsChoice::Eso), "g r white");
        assert_eq!(order(&[], NumericsChoice::Eso), "white");
    }
}
