//! What exposures are worth and which are odd: measurements, limits, weights.

use phoenix_core::caveat::Caveat;
use phoenix_core::header::Header;
use phoenix_core::traits::{RecipeError, RunContext};
use phoenix_kernels::Hooks;
use phoenix_kernels::align::AlignOptions;
use phoenix_kernels::stat::median;

use super::formula::{self, Quality};
use super::list::{self, Judged};
use super::measure::{Measure, measure};
use super::outlier::{Outlier, Quantity, Side, choose, outliers};
use super::sky::distance_arcsec;
use super::weights::{Inputs, WeightParams};
use crate::exposure::common_seeing;
use crate::offsets::Offset;

/// Measures, finds what is odd, weighs.
pub(super) fn judge(
    inputs: &Inputs,
    params: &WeightParams,
    ctx: &RunContext<'_>,
) -> Result<(list::List, Vec<Caveat>), RecipeError> {
    let fovs = &inputs.fovs.fovs;
    let keep_going = || !ctx.cancel.is_cancelled();
    let silent = |_: usize, _: usize| {};
    let hooks = Hooks {
        keep_going: &keep_going,
        on_tile: &silent,
        ..Hooks::none()
    };
    let has_variances = inputs.variances.iter().all(Option::is_some);
    let mut measures = Vec::with_capacity(fovs.len());
    for (k, (fov, variance)) in fovs.iter().zip(&inputs.variances).enumerate() {
        ctx.progress("measure", k as u64, fovs.len() as u64);
        let variance = variance.as_deref().filter(|_| has_variances);
        measures.push(measure(&fov.image, variance, &AlignOptions::default(), &hooks)?);
    }
    let identities: Vec<&str> = fovs.iter().map(|fov| fov.date_obs.as_str()).collect();
    let offsets = inputs.offsets.matched(&identities)?;
    let is_tied: Vec<bool> = identities
        .iter()
        .map(|identity| is_tied(&inputs.origins, identity))
        .collect();
    let transparency = transparencies(&offsets, &is_tied);
    let (fwhm, fwhm_origin) = widths(inputs, &measures);

    let mut caveats = Vec::new();
    let odd = if params.clip > 0.0 {
        let shown = Shown {
            inputs,
            measures: &measures,
            fwhm: &fwhm,
            transparency: &transparency,
            offsets: &offsets,
            is_tied: &is_tied,
        };
        shown.odd(params)
    } else {
        Vec::new()
    };
    let (left_out, stay) = choose(fovs.len(), odd, params.keep);
    for outlier in stay {
        let reason = format!(
            "frame {} stays although {}: at least {:.0} % of the exposures are kept",
            fovs[outlier.exposure].frame.id,
            outlier.reason,
            100.0 * params.keep
        );
        caveats.push(Caveat::Partial { reason });
    }
    let qualities: Vec<Quality> = (0..fovs.len())
        .map(|k| Quality {
            fwhm_arcsec: fwhm[k],
            noise: measures[k].noise,
            transparency: transparency[k].unwrap_or(1.0),
        })
        .collect();
    let (weights, left_out) = weigh(&qualities, left_out, params, &mut caveats);
    for (fov, reason) in fovs.iter().zip(&left_out) {
        if let Some(reason) = reason {
            caveats.push(Caveat::InputLeftOut {
                frame: fov.frame.id.clone(),
                reason: reason.clone(),
            });
        }
    }
    let rows = (0..fovs.len()).map(|k| Judged {
        offset: offsets[k].cloned(),
        is_tied: is_tied[k],
        fwhm_arcsec: fwhm[k],
        noise: measures[k].noise,
        level: measures[k].level,
        n_stars: measures[k].n_stars,
        transparency: transparency[k],
        weight: weights[k],
        left_out: left_out[k].clone(),
    });
    let list = list::List {
        rows: rows.collect(),
        fwhm_origin,
        noise_origin: if has_variances { "variance" } else { "differences" },
    };
    Ok((list, caveats))
}

/// Weighs the exposures that stay; one whose quality is no number cannot be weighed and goes too, unless all are so.
fn weigh(
    qualities: &[Quality],
    mut left_out: Vec<Option<String>>,
    params: &WeightParams,
    caveats: &mut Vec<Caveat>,
) -> (Vec<f64>, Vec<Option<String>>) {
    let is_used = |k: &usize| left_out[*k].is_none();
    let used: Vec<usize> = (0..qualities.len()).filter(is_used).collect();
    let chosen: Vec<Quality> = used.iter().map(|k| qualities[*k]).collect();
    let found = formula::weights(&chosen, params.fwhmpower);
    let mut weights = vec![0.0; qualities.len()];
    if found.iter().all(|weight| *weight == 0.0) {
        let reason = "no exposure has noise that can be measured: all weigh the same".to_owned();
        caveats.push(Caveat::Partial { reason });
        for k in used {
            weights[k] = 1.0;
        }
        return (weights, left_out);
    }
    for (k, weight) in used.into_iter().zip(found) {
        weights[k] = weight;
        if weight == 0.0 {
            left_out[k] = Some("its noise, seeing or transparency cannot be measured".to_owned());
        }
    }
    (weights, left_out)
}

/// Tells whether the alignment found the exposure's offset; a list that does not say is believed.
fn is_tied(origins: &Header, identity: &str) -> bool {
    (1..)
        .map_while(|n| origins.str(format!("PHX.ALIGN{n}.DATE")).ok().map(|date| (n, date)))
        .find(|(_, date)| *date == identity)
        .is_none_or(|(n, _)| origins.str(format!("PHX.ALIGN{n}.METHOD")).unwrap_or_default() != "none")
}

/// Share of the light that came through, 1 in the median; `None` where no common source tells.
fn transparencies(offsets: &[Option<&Offset>], is_tied: &[bool]) -> Vec<Option<f64>> {
    let raw: Vec<Option<f64>> = offsets
        .iter()
        .zip(is_tied)
        .map(|(offset, tied)| {
            let scale = offset.filter(|_| *tied)?.flux_scale?;
            (scale > 0.0).then_some(1.0 / scale)
        })
        .collect();
    let middle = median(&mut raw.iter().flatten().copied().collect::<Vec<_>>()).unwrap_or(1.0);
    raw.into_iter().map(|share| share.map(|share| share / middle)).collect()
}

/// Seeing of all exposures from one source: their images, else their headers, else none.
fn widths(inputs: &Inputs, measures: &[Measure]) -> (Vec<f64>, &'static str) {
    let own: Vec<f64> = measures.iter().map(|measure| measure.fwhm_arcsec).collect();
    if own.iter().all(|fwhm| fwhm.is_finite()) {
        return (own, "images");
    }
    let headers: Vec<&Header> = inputs.fovs.fovs.iter().map(|fov| &fov.header).collect();
    match common_seeing(&headers) {
        Some(seeing) => (seeing, "headers"),
        None => (vec![1.0; measures.len()], "none"),
    }
}

/// What is known when odd exposures are looked for.
struct Shown<'a> {
    inputs: &'a Inputs,
    measures: &'a [Measure],
    fwhm: &'a [f64],
    transparency: &'a [Option<f64>],
    offsets: &'a [Option<&'a Offset>],
    is_tied: &'a [bool],
}

impl Shown<'_> {
    fn odd(&self, params: &WeightParams) -> Vec<Outlier> {
        let middle = |values: &[f64]| {
            let mut finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            median(&mut finite).unwrap_or(0.0)
        };
        let noise: Vec<f64> = self.measures.iter().map(|measure| measure.noise).collect();
        let light: Vec<f64> = self
            .transparency
            .iter()
            .map(|share| share.unwrap_or(f64::NAN))
            .collect();
        let mut quantities = vec![
            Quantity {
                name: "seeing",
                unit: " arcsec",
                harmless: params.dfwhm * middle(self.fwhm),
                values: self.fwhm.to_vec(),
                side: Side::High,
            },
            Quantity {
                name: "transparency",
                unit: "",
                harmless: params.dtransparency * middle(&light),
                values: light,
                side: Side::Low,
            },
            Quantity {
                name: "offset from the others",
                unit: " arcsec",
                values: self.misses_arcsec(),
                side: Side::High,
                harmless: params.doffset,
            },
        ];
        // Fields that see different things have different levels.
        if self.is_one_field() {
            quantities.push(Quantity {
                name: "sky level",
                unit: "",
                values: self.measures.iter().map(|measure| measure.level).collect(),
                side: Side::Both,
                harmless: params.dbackground * middle(&noise),
            });
        }
        let mut odd: Vec<Outlier> = quantities
            .iter()
            .flat_map(|quantity| outliers(quantity, params.clip))
            .collect();
        odd.extend(self.untied());
        odd
    }

    /// Distance of each measured offset from the median of all, arcsec.
    fn misses_arcsec(&self) -> Vec<f64> {
        let tied = |k: usize| self.offsets[k].filter(|_| self.is_tied[k]);
        let axis = |of: fn(&Offset) -> f64| {
            let mut values: Vec<f64> = (0..self.offsets.len()).filter_map(|k| tied(k).map(of)).collect();
            median(&mut values).unwrap_or(0.0)
        };
        let (ra, dec) = (axis(|offset| offset.ra_deg), axis(|offset| offset.dec_deg));
        let place = |k: usize| self.inputs.fovs.fovs[k].image.wcs().crval;
        (0..self.offsets.len())
            .map(|k| {
                tied(k).map_or(f64::NAN, |offset| {
                    let [ra_0, dec_0] = place(k);
                    let moved = [ra_0 + offset.ra_deg - ra, dec_0 + offset.dec_deg - dec];
                    distance_arcsec([ra_0, dec_0], moved)
                })
            })
            .collect()
    }

    fn is_one_field(&self) -> bool {
        let fovs = &self.inputs.fovs.fovs;
        let Some(first) = fovs.first() else { return true };
        let (n_y, n_x) = first.image.pixels().dim();
        let side = first.image.pixel_arcsec() * n_y.min(n_x) as f64;
        let centre = |image: &phoenix_kernels::align::SkyImage| {
            let (n_y, n_x) = image.pixels().dim();
            let [x, y] = [n_x, n_y].map(|n| 1.0_f64.midpoint(n as f64));
            image.wcs().sky::<phoenix_kernels::math::Portable>(x, y)
        };
        let origin = centre(&first.image);
        fovs.iter()
            .all(|fov| distance_arcsec(origin, centre(&fov.image)) <= side / 4.0)
    }

    /// Exposures that nothing ties to the others, where most are tied: their positions are not known as well.
    fn untied(&self) -> Vec<Outlier> {
        let n_tied = self.is_tied.iter().filter(|tied| **tied).count();
        if 2 * n_tied <= self.is_tied.len() {
            return Vec::new();
        }
        (0..self.is_tied.len())
            .filter(|k| !self.is_tied[*k])
            .map(|exposure| Outlier {
                exposure,
                // Worse than any that can be measured: it would blur the others.
                excess: f64::INFINITY,
                reason: "nothing ties it to the others: no common source, no correlation".to_owned(),
            })
            .collect()
    }
}
