//! Products of `muse_exp_align`: the list of offsets, the lists of sources, the preview and the exposure map.

use std::sync::Arc;

use phoenix_core::caveat::Caveat;
use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Pixels, Product, Table};
use phoenix_core::provenance::Record;
use phoenix_kernels::align::{Alignment, ExposureOffset, Method, Preview, Seam};
use phoenix_kernels::ifu::celestial::Gnomonic;
use phoenix_kernels::ifu::spectral::SpectralWcs;
use phoenix_kernels::ifu::{CubeGrid, SpectralAxis};
use phoenix_kernels::math::Portable;
use phoenix_kit::inherit::inherit;

use super::load::{AnchorContent, Fovs};
use crate::headers;

/// Cards of an image that say nothing about a list or an image made from several.
pub(crate) const NOT_INHERITED: [&str; 15] = [
    "ORIGFILE",
    "PIPEFILE",
    "EXPTIME",
    "TEXPTIME",
    "MJD-END",
    "ESO.DPR.",
    "ESO.QC.",
    "ESO.DRS.MUSE.",
    "ESO.PRO.CATG",
    "ESO.PRO.TYPE",
    "ESO.PRO.TECH",
    "ESO.PRO.SCIENCE",
    "ESO.PRO.DATANCOM",
    "HDUCLAS",
    "PHX.",
];

/// What products are made from.
pub(super) struct Maker<'a> {
    pub(super) inputs: &'a Fovs,
    pub(super) alignment: &'a Alignment,
    /// Level of each exposure against the others.
    pub(super) seams: &'a [Option<Seam>],
    pub(super) record: &'a Record,
    pub(super) caveats: &'a [Caveat],
}

fn column(name: &str, unit: Option<&str>, data: ColumnData) -> Column {
    Column {
        name: name.to_owned(),
        unit: unit.map(str::to_owned),
        repeat: 1,
        data,
    }
}

fn method(found: &ExposureOffset) -> &'static str {
    match found.method {
        Method::Reference => "reference",
        Method::Sources => "sources",
        Method::Correlation => "correlation",
        Method::None => "none",
    }
}

impl Maker<'_> {
    fn primary(&self, tag: &str, name: &str) -> Header {
        let fovs = &self.inputs.fovs;
        let mut header = fovs
            .first()
            .map(|fov| inherit(&fov.header, &NOT_INHERITED))
            .unwrap_or_default();
        header.set("PIPEFILE", name, "Filename of data product");
        header.set("PRO.DID", "PRO-1.16", "Data dictionary for PRO");
        header.set("PRO.CATG", tag, "Category of pipeline product frame");
        header.set("PRO.TYPE", "REDUCED", "Product type");
        header.set("PRO.TECH", "IFU", "Observation technique");
        header.set("PRO.SCIENCE", false, "Scientific product if T");
        header.set("PRO.DATANCOM", fovs.len(), "Number of combined frames");
        let mut record = self.record.clone();
        record.caveats.extend_from_slice(self.caveats);
        headers::set_record(&mut header, &record);
        header
    }

    /// The list of offsets in ESO's layout; errors and methods stand in the header, so that ESO's recipes read the table.
    pub(super) fn offsets(&self) -> Product {
        let mut header = self.primary("OFFSET_LIST", "OFFSET_LIST.fits");
        self.set_quality(&mut header);
        let found = &self.alignment.exposures;
        let anchor = self.inputs.anchor.as_ref().filter(|_| self.alignment.is_anchored);
        header.set(
            "PHX.ALIGN.FRAME",
            anchor.map_or("exposure", |file| match file.content {
                AnchorContent::Stars(_) => "catalogue",
                AnchorContent::Image(_) => "image",
            }),
            "what offsets are relative to",
        );
        if let Some(anchor) = anchor {
            header.set("PHX.ALIGN.ANCHOR", anchor.frame.id.to_string(), "frame of reference");
        }
        for (n, (fov, found)) in (1..).zip(self.inputs.fovs.iter().zip(found)) {
            if anchor.is_some() {
                header.set(
                    format!("PHX.ALIGN{n}.NANCHOR"),
                    found.anchor_matches,
                    "sources shared with the frame of reference",
                );
            }
            let key = |name: &str| format!("PHX.ALIGN{n}.{name}");
            header.set(key("DATE"), fov.date_obs.as_str(), "DATE-OBS of the exposure");
            header.set(key("METHOD"), method(found), "origin of the offset");
            if found.method != Method::None {
                let [east, north] = found.error_arcsec;
                header.set(key("RAERR"), east, "[arcsec] error of the offset on the sky, RA");
                header.set(key("DECERR"), north, "[arcsec] error of the offset, DEC");
            }
            if let Some([_, error]) = found.flux_scale {
                header.set(key("FLUXERR"), error, "error of the flux scale");
            }
        }
        let reals = |value: &dyn Fn(&ExposureOffset) -> f64| ColumnData::F64(found.iter().map(value).collect());
        let fovs = &self.inputs.fovs;
        let table = Table {
            columns: vec![
                column(
                    "DATE_OBS",
                    None,
                    ColumnData::Text(fovs.iter().map(|fov| fov.date_obs.clone()).collect()),
                ),
                column(
                    "MJD_OBS",
                    Some("d"),
                    ColumnData::F64(fovs.iter().map(|fov| fov.mjd).collect()),
                ),
                column("RA_OFFSET", Some("deg"), reals(&|found| found.offset_deg[0])),
                column("DEC_OFFSET", Some("deg"), reals(&|found| found.offset_deg[1])),
                column(
                    "FLUX_SCALE",
                    None,
                    reals(&|found| found.flux_scale.map_or(f64::NAN, |[scale, _]| scale)),
                ),
            ],
        };
        Product {
            tag: "OFFSET_LIST".into(),
            name: "OFFSET_LIST.fits".into(),
            header,
            hdus: vec![Hdu {
                name: "OFFSET_LIST".into(),
                header: Header::new(),
                data: HduData::Table(table),
            }],
        }
    }

    /// The sources of one exposure.
    pub(super) fn sources(&self, k: usize) -> Product {
        let name = format!("SOURCE_LIST_{:04}.fits", k + 1);
        let mut header = self.primary("SOURCE_LIST", &name);
        let (fov, sources, found) = (
            &self.inputs.fovs[k],
            &self.alignment.sources[k],
            &self.alignment.exposures[k],
        );
        header.set(
            "QC.EXPALIGN.SRC.POSITIONS",
            "detection",
            "Origin of the source positions",
        );
        header.set("QC.EXPALIGN.NDET", sources.len(), "Number of detected sources");
        header.set("PHX.ALIGN.DATE", fov.date_obs.as_str(), "DATE-OBS of the exposure");
        let wcs = fov.image.wcs();
        let corrected = Gnomonic {
            crval: [wcs.crval[0] - found.offset_deg[0], wcs.crval[1] - found.offset_deg[1]],
            ..*wcs
        };
        let sky = |wcs: &Gnomonic, axis: usize| {
            let place = sources
                .iter()
                .map(|source| wcs.sky::<Portable>(source.x + 1.0, source.y + 1.0)[axis]);
            ColumnData::F64(place.collect())
        };
        let reals = |value: &dyn Fn(&phoenix_kernels::align::Source) -> f64| {
            ColumnData::F64(sources.iter().map(value).collect())
        };
        let table = Table {
            columns: vec![
                column("Id", None, ColumnData::I32((1..).take(sources.len()).collect())),
                column("X", Some("pix"), reals(&|source| source.x + 1.0)),
                column("Y", Some("pix"), reals(&|source| source.y + 1.0)),
                column("Flux", None, reals(&|source| source.flux)),
                column("Sharpness", None, reals(&|source| source.sharpness)),
                column("Roundness", None, reals(&|source| source.roundness)),
                column("RA", Some("deg"), sky(wcs, 0)),
                column("DEC", Some("deg"), sky(wcs, 1)),
                column("RA_CORR", Some("deg"), sky(&corrected, 0)),
                column("DEC_CORR", Some("deg"), sky(&corrected, 1)),
                column("X_ERR", Some("pix"), reals(&|source| source.covariance[0].sqrt())),
                column("Y_ERR", Some("pix"), reals(&|source| source.covariance[2].sqrt())),
            ],
        };
        Product {
            tag: "SOURCE_LIST".into(),
            name,
            header,
            hdus: vec![Hdu {
                name: "SOURCE_LIST".into(),
                header: Header::new(),
                data: HduData::Table(table),
            }],
        }
    }

    /// The aligned images added up.
    pub(super) fn preview(&self, shown: &Preview) -> Product {
        let unit = self.inputs.fovs.first().map_or("", |fov| fov.unit.as_str());
        self.image("PREVIEW_FOV", shown, shown.mean.clone(), unit)
    }

    /// How long each place was exposed; no number where it was not.
    pub(super) fn exposure_map(&self, shown: &Preview) -> Product {
        let seconds = shown.exptime_s.mapv(|time| if time > 0.0 { time } else { f32::NAN });
        self.image("EXPOSURE_MAP", shown, seconds, "s")
    }

    fn image(&self, tag: &str, shown: &Preview, pixels: ndarray::Array2<f32>, unit: &str) -> Product {
        let name = format!("{tag}.fits");
        let (ny, nx) = pixels.dim();
        let grid = CubeGrid {
            naxis: [nx, ny, 1],
            crval: shown.wcs.crval,
            crpix: shown.wcs.crpix,
            cd: shown.wcs.cd,
            celestial: true,
            // An image has no such axis; its header does not tell of it.
            spectral: SpectralWcs {
                axis: SpectralAxis::Awav,
                crval: 0.0,
                crpix: 1.0,
                step: 1.0,
            },
        };
        Product {
            tag: tag.into(),
            header: self.primary(tag, &name),
            name,
            hdus: vec![Hdu {
                name: "DATA".into(),
                header: headers::image_data(&grid, unit),
                data: HduData::Image(Pixels::F32(Arc::new(pixels))),
            }],
        }
    }
}
