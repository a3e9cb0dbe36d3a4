//! Images as `muse_scipost` writes them.

use std::sync::Arc;

use phoenix_core::header::Header;
use phoenix_core::product::{Hdu, HduData, Pixels, Product};
use phoenix_kernels::align::SkyImage;

/// When exposure `k` began.
pub(crate) fn date(k: usize) -> String {
    format!("2020-01-01T{k:02}:00:00.000")
}

/// The image of exposure `k`.
pub(crate) fn fov(k: usize, image: &SkyImage) -> Product {
    let wcs = image.wcs();
    let mut header = Header::new();
    for (key, text) in [
        ("INSTRUME", "MUSE"),
        ("DATE-OBS", &date(k)),
        ("INS.MODE", "WFM-NOAO-N"),
        ("PRO.CATG", "IMAGE_FOV"),
    ] {
        header.set(key, text, "");
    }
    header.set("MJD-OBS", 58_849.0 + k as f64 / 24.0, "");
    header.set("EXPTIME", 600.0, "");
    header.set("RA", wcs.crval[0], "");
    header.set("DEC", wcs.crval[1], "");
    header.set("OBS.ID", 4711, "");
    let mut data = Header::new();
    for (key, text) in [
        ("CTYPE1", "RA---TAN"),
        ("CTYPE2", "DEC--TAN"),
        ("CUNIT1", "deg"),
        ("CUNIT2", "deg"),
        ("BUNIT", "10**(-20)*erg/s/cm**2/Angstrom"),
    ] {
        data.set(key, text, "");
    }
    for (axis, n) in [(0, 1), (1, 2)] {
        data.set(format!("CRVAL{n}"), wcs.crval[axis], "");
        data.set(format!("CRPIX{n}"), wcs.crpix[axis], "");
        data.set(format!("CD{n}_1"), wcs.cd[axis][0], "");
        data.set(format!("CD{n}_2"), wcs.cd[axis][1], "");
    }
    Product {
        tag: "IMAGE_FOV".into(),
        name: format!("IMAGE_FOV_{k:04}.fits"),
        header,
        hdus: vec![Hdu {
            name: "DATA".into(),
            header: data,
            data: HduData::Image(Pixels::F32(Arc::new(image.pixels().clone()))),
        }],
    }
}
